#!/usr/bin/env bash
# Prints the path of axe.min.js. usage: BUILD_DIR=... axe.sh
# The first call fetches it into BUILD_DIR/axe.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/support/npm.sh
. "$here/../../support/npm.sh"
fetch_packages "$here/package.json" "${BUILD_DIR:?}/axe"
echo "$BUILD_DIR/axe/node_modules/axe-core/axe.min.js"
