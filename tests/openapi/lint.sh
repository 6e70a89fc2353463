#!/usr/bin/env bash
# Checks an OpenAPI document; prints what is wrong with it. usage: BUILD_DIR=... lint.sh DOCUMENT
# The first call fetches the linter into BUILD_DIR/openapi-linter (20 packages, some 3 s). No lock file: it would name the
# registry of whoever made it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
linter=${BUILD_DIR:?}/openapi-linter
if ! cmp -s "$here/package.json" "$linter/package.json" || [ ! -e "$linter/complete" ]; then
  rm -rf "$linter"
  mkdir -p "$linter"
  cp "$here/package.json" "$linter/"
  npm install --prefix "$linter" --no-save --no-package-lock --ignore-scripts --no-audit --no-fund >&2
  touch "$linter/complete"
fi
exec node "$here/lint.mjs" "$linter" "$here/redocly.yaml" "$1"
