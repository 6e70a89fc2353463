// Sessions and templates of the JavaScript client, and what the service says of itself.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as pyexec from '../../../client/javascript/pyexec.mjs';
import { client, idle } from './service.mjs';

test('a session keeps what its cells have left, and goes back', async () => {
  const session = await client.session({ code: 'print("set up")\nx = 1' });
  assert.equal(session.stdout, 'set up\n');
  assert.equal((await session.code('x = 41\nx')).cell, 1);
  const second = await session.code('x + 1');
  assert.deepEqual([second.result, second.repr, second.cell, second.head], [42, '42', 2, 2]);
  assert.equal((await session.code('x', { at: 0 })).result, 1);
  assert.equal((await session.run('def main(y): return x + y', { args: [5] })).result, 6);
  await session.code('def double(n): return 2 * n');
  assert.equal((await session.call('double', { args: [4] })).result, 8);
  assert.equal((await session.streamCode('x').answer()).result, 1);
  assert.equal((await (await session.submitCode('x + 1')).answer()).result, 2);
  assert.equal((await session.show()).cells_run, 8);
  assert.deepEqual(
    (await client.sessions()).map(({ session: name }) => name),
    [session.name],
  );
  assert.equal((await client.openSession(session.name).code('x')).result, 1);
  await session.close();
  await session.close();
  await assert.rejects(session.code('1'), pyexec.Gone);
});

test('a cell that fails costs itself alone', async () => {
  const session = await client.session();
  await session.code('x = 1');
  const lasts = session.code('x = 2\nwhile True: pass', { timeout: 0.3 });
  await assert.rejects(
    lasts,
    (error) => error instanceof pyexec.TimeLimit && error.answer.head === 1 && error.answer.cell === 2,
  );
  assert.equal((await session.code('x')).result, 1);
  await session.close();
  await assert.rejects(client.session({ code: '1 / 0' }), pyexec.ScriptError);
});

test('files of a session', async () => {
  const session = await client.session({ files: { begin: 'b' } });
  const bytes = new Uint8Array([0, 255, 10]);
  await session.putFile('in/é ?.bin', bytes);
  assert.deepEqual((await session.code('list(open("in/é ?.bin", "rb").read())')).result, [0, 255, 10]);
  assert.deepEqual(await session.getFile('in/é ?.bin'), bytes);
  await session.putFile('t', 'text');
  assert.deepEqual(await session.getFile('t'), new TextEncoder().encode('text'));
  await assert.rejects(session.getFile('none'), pyexec.NotFound);
  await session.close();
});

test('tools in a session', async () => {
  const session = await client.session();
  assert.equal((await session.code('twice(4)', { tools: { twice: (n) => 2 * n } })).result, 8);
  await session.close();
});

test('a template is prepared once, and again when the service has dropped it', async () => {
  const template = await client.template('print("once")\nbase = 10\ndef add(n): return base + n');
  assert.deepEqual([template.stdout, template.name.slice(0, 7)], ['once\n', 'sha256:']);
  assert.equal((await template.call('add', { args: [1] })).result, 11);
  assert.equal((await template.run('def main(): return base')).result, 10);
  assert.equal((await template.code('base + 2')).result, 12);
  assert.deepEqual(
    (await client.templates()).map(({ template: name }) => name),
    [template.name],
  );
  await template.close();
  await template.close();
  assert.equal((await template.call('add', { args: [2] })).result, 12);
  await template.close();
  assert.equal((await template.streamCall('add', { args: [3] }).answer()).result, 13);
  assert.equal((await (await template.submitCall('add', { args: [4] })).answer()).result, 14);
  await template.close();
  const results = [];
  for await (const { result } of template.map({ call: 'add' }, [1, 2])) results.push(result);
  for await (const { result } of template.map('def main(n): return base * n', [1, 2])) results.push(result);
  assert.deepEqual(results, [11, 12, 10, 20]);
  async function* slowly() {
    yield* Array.from({ length: 40 }, (_, n) => n);
    await template.close();
    yield* [40, 41];
  }
  let count = 0;
  for await (const { result, index } of template.map({ call: 'add' }, slowly(), { requestJobs: 20 })) {
    assert.equal(result, 10 + index);
    ++count;
  }
  assert.equal(count, 42);
  await template.close();
  const session = await client.session({ template, code: 'base += 1' });
  assert.equal((await session.code('add(1)')).result, 12);
  await session.close();
  await template.close();
  await assert.rejects(client.template('1 / 0'), pyexec.ScriptError);
});

test(
  'sessions and templates end with their scope',
  { skip: Symbol.asyncDispose === undefined && 'this Node has no asyncDispose' },
  async () => {
    const session = await client.session();
    await session[Symbol.asyncDispose]();
    await assert.rejects(session.code('1'), pyexec.Gone);
    assert.equal(typeof pyexec.Template.prototype[Symbol.asyncDispose], 'function');
  },
);

test('scripts of the operator', async () => {
  assert.deepEqual(
    (await client.tools()).map(({ name }) => name),
    ['add'],
  );
  assert.equal((await client.callTool('add', { a: 1 })).result, 3);
  assert.equal((await client.streamTool('add', { a: 2 }).answer()).result, 4);
  assert.equal((await (await client.submitTool('add', { a: 3 })).answer()).result, 5);
  await assert.rejects(client.callTool('add', { a: 'x' }), pyexec.InvalidArguments);
  await assert.rejects(client.callTool('no/such'), pyexec.NotFound);
});

test('what the service says of itself', async () => {
  assert.equal((await client.health()).status, 'healthy');
  assert.equal(await client.alive(), true);
  assert.match(await client.metrics(), /^pyexec_/m);
  assert.equal((await client.openapi()).info.title, 'pyexec');
  assert.match(await client.page(), /<html/);
  assert.ok((await client.packages()).packages.some(({ name }) => name === 'numpy'));
  await idle();
});

const CALL = { jsonrpc: '2.0', id: 1, method: 'tools/call' };

test('messages of MCP are answered by messages, of an event stream too', async () => {
  assert.deepEqual(await client.mcp({ jsonrpc: '2.0', id: 'a', method: 'ping' }), {
    jsonrpc: '2.0',
    id: 'a',
    result: {},
  });
  const params = { name: 'run_python', arguments: { code: '6 * 7' } };
  for (const _meta of [undefined, { progressToken: 'p' }]) {
    const { id, result } = await client.mcp({ ...CALL, params: { ...params, _meta } });
    assert.deepEqual([id, result.structuredContent.result], [1, 42]);
  }
  assert.equal(await client.mcp({ jsonrpc: '2.0', method: 'notifications/initialized' }), undefined);
  assert.equal((await client.mcp({ a: 1 })).error.code, -32600); // of status 400
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 200);
  const endless = { ...CALL, params: { name: 'run_python', arguments: { code: 'while True: pass' } } };
  await assert.rejects(client.mcp(endless, { signal: controller.signal }), { name: 'AbortError' });
});
