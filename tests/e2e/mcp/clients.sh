#!/usr/bin/env bash
# Runs a client that is an npm package. usage: BUILD_DIR=... clients.sh conformance|inspector|sdk|client ARGUMENT...
# The first call fetches the clients into BUILD_DIR/mcp-clients (130 packages, some 15 s), with the node that one of
# them needs.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
clients=${BUILD_DIR:?}/mcp-clients
# shellcheck source=tests/support/npm.sh
. "$here/../../support/npm.sh"
fetch_packages "$here/package.json" "$clients"
packages=$clients/node_modules/@modelcontextprotocol
node=$(echo "$clients"/node_modules/node-linux-*/bin/node)
chmod +x "$node"
client=$1
shift
case $client in
  conformance) exec "$node" "$packages/conformance/dist/index.js" "$@" ;;
  inspector)
    cd "$packages/inspector-cli/build"  # it looks for its package.json from where it runs
    exec "$node" cli.js --cli "$@"
    ;;
  *) exec "$node" "$here/calls.mjs" "$clients" "$client" "$@" ;;
esac
