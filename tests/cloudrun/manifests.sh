#!/usr/bin/env bash
# Checks Kubernetes and Knative manifests; prints what is wrong with them. usage: BUILD_DIR=... manifests.sh FILE...
# The first call fetches the types into BUILD_DIR/manifest-types (30 packages, some 10 s).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
types=${BUILD_DIR:?}/manifest-types
# shellcheck source=tests/support/npm.sh
. "$here/../support/npm.sh"
fetch_packages "$here/package.json" "$types"
exec node "$here/manifests.mjs" "$types" "$@"
