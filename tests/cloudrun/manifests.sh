#!/usr/bin/env bash
# Checks Kubernetes and Knative manifests; prints what is wrong with them. usage: BUILD_DIR=... manifests.sh FILE...
# The first call fetches the types into BUILD_DIR/manifest-types (30 packages, some 10 s). No lock file: it would name the
# registry of whoever made it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
types=${BUILD_DIR:?}/manifest-types
if ! cmp -s "$here/package.json" "$types/package.json" || [ ! -e "$types/complete" ]; then
  rm -rf "$types"
  mkdir -p "$types"
  cp "$here/package.json" "$types/"
  npm install --prefix "$types" --no-save --no-package-lock --ignore-scripts --no-audit --no-fund >&2
  touch "$types/complete"
fi
exec node "$here/manifests.mjs" "$types" "$@"
