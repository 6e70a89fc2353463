#!/usr/bin/env bash
# Runs Node, or the checker of types. usage: BUILD_DIR=... node.sh node|types ARGUMENT...
# The first call fetches both into BUILD_DIR/javascript-client (some 10 s).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
packages=${BUILD_DIR:?}/javascript-client
# shellcheck source=tests/support/npm.sh
. "$here/../../support/npm.sh"
fetch_packages "$here/package.json" "$packages"
node=$(echo "$packages"/node_modules/node-linux-*/bin/node)
chmod +x "$node"
what=$1
shift
case $what in
  node) exec "$node" "$@" ;;
  types) exec "$node" "$packages/node_modules/typescript/bin/tsc" "$@" ;;
esac
