#!/usr/bin/env bash
# Checks an OpenAPI document; prints what is wrong with it. usage: BUILD_DIR=... lint.sh DOCUMENT
# The first call fetches the linter into BUILD_DIR/openapi-linter (20 packages, some 3 s).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
linter=${BUILD_DIR:?}/openapi-linter
# shellcheck source=tests/support/npm.sh
. "$here/../support/npm.sh"
fetch_packages "$here/package.json" "$linter"
exec node "$here/lint.mjs" "$linter" "$here/redocly.yaml" "$1"
