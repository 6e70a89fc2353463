// Lists the tools and makes calls, by a client library; prints what came of it as JSON.
// usage: node calls.mjs MODULES sdk|client URL CALLS [HEADERS]
//   sdk: version 1, which begins with a handshake; client: version 2, which finds out what the server speaks
//   CALLS: [{name, arguments, progress}], HEADERS: {name: value}, JSON
import { createRequire } from 'node:module';

const [modules, kind, url, calls, headers] = process.argv.slice(2);
const require = createRequire(modules + '/');
const { Client, StreamableHTTPClientTransport } =
  kind === 'sdk'
    ? {
        ...require('@modelcontextprotocol/sdk/client/index.js'),
        ...require('@modelcontextprotocol/sdk/client/streamableHttp.js'),
      }
    : require('@modelcontextprotocol/client');

const options = kind === 'sdk' ? {} : { versionNegotiation: { mode: 'auto' } };
const client = new Client({ name: 'pyexec-tests', version: '1' }, options);
const transport = new StreamableHTTPClientTransport(new URL(url), {
  requestInit: { headers: JSON.parse(headers ?? '{}') },
});

async function call({ name, arguments: given, progress }) {
  const told = [];
  const onprogress = progress ? (one) => told.push(one) : undefined;
  try {
    const params = { name, arguments: given };
    const result =
      kind === 'sdk'
        ? await client.callTool(params, undefined, { onprogress })
        : await client.callTool(params, { onprogress });
    return { result, told };
  } catch (error) {
    return { thrown: { code: error.code, message: error.message }, told };
  }
}

try {
  await client.connect(transport);
} catch (error) {
  console.log(JSON.stringify({ refused: `${error.code} ${error.message}` }));
  process.exit(0);
}
const answer = {
  server: client.getServerVersion(),
  version: transport.protocolVersion ?? client.getNegotiatedProtocolVersion(),
  instructions: client.getInstructions(),
  tools: (await client.listTools()).tools,
  calls: [],
};
for (const one of JSON.parse(calls)) answer.calls.push(await call(one));
await client.close();
console.log(JSON.stringify(answer));
