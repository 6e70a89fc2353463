// Jobs of the JavaScript client: scripts, files, live answers, tools, batches, and jobs without a connection.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as pyexec from '../../../client/javascript/pyexec.mjs';
import { client, idle } from './service.mjs';

test('a script returns a value and prints', async () => {
  const answer = await client.run('def main(a, b):\n    print("é ☃")\n    return {"sum": a + b}', { args: [2, 3] });
  assert.deepEqual(answer.result, { sum: 5 });
  assert.equal(answer.stdout, 'é ☃\n');
  assert.equal((await client.run('def main(*, a): return a', { args: { a: 'x' } })).result, 'x');
});

test('options are fields, in camel case or as the API writes them', async () => {
  const answer = await client.run('def main(): return 1', {
    timeout: 2.9,
    outputBytes: 1000,
    memory_mb: 300,
    verbose: true,
  });
  assert.deepEqual(answer.limits, { timeout_ms: 2900, memory_mb: 300, output_bytes: 1000 });
  assert.ok(answer.usage.run_ms > 0);
  assert.equal((await client.run('import sys\ndef main(): return sys.stdin.read()', { stdin: 'in' })).result, 'in');
});

test('a cell has a value and its text', async () => {
  const answer = await client.code('x = 20\n{x, x + 1}');
  assert.deepEqual([answer.result, answer.repr], [[20, 21], '{20, 21}']);
  assert.equal((await client.code('object()')).result, null);
  assert.match((await client.code('object()')).resultProblem, /object/);
});

test('files travel both ways, of any bytes and any type', async () => {
  const large = new Uint8Array(3_000_001).map((_, i) => i * 31);
  const files = {
    'in/a.txt': 'é\n',
    b: large,
    c: new Blob([large.subarray(1, 4)]),
    d: large.buffer.slice(2, 5),
    e: large.subarray(5, 9),
  };
  const script = 'import glob\ndef main():\n    return {n: len(open(n, "rb").read()) for n in ["in/a.txt", *"bcde"]}';
  const { result, files: back } = await client.run(script, { files, returnFiles: ['**'] });
  assert.deepEqual(result, { 'in/a.txt': 3, b: 3_000_001, c: 3, d: 3, e: 4 });
  assert.deepEqual(back.b.bytes(), large);
  assert.deepEqual([...back.c.bytes()], [31, 62, 93]);
  assert.deepEqual([...back.e.bytes()], [...large.subarray(5, 9)]);
  assert.equal(back['in/a.txt'].text(), 'é\n');
  assert.deepEqual([back['in/a.txt'].size, back['in/a.txt'].mediaType], [3, 'text/plain']);
  assert.equal(
    await back.c
      .blob()
      .arrayBuffer()
      .then((b) => b.byteLength),
    3,
  );
  await assert.rejects(client.run('', { files: { a: 7 } }), TypeError);
});

test('what a job shows is in displays, if it was asked for', async () => {
  const script = 'import pandas as pd\ndef main(): display(pd.DataFrame({"a": [1]}))';
  const { displays } = await client.run(script, { displays: true });
  assert.match(displays[0]['text/html'], /<table/);
  assert.deepEqual((await client.run('def main(): return 1')).displays, []);
});

test('live events come as they happen', async () => {
  const script = 'def main():\n    print("first\\n", end="")\n    f()\n    print("last\\n", end="")\n    return 7';
  const seen = [];
  let goOn;
  const first = new Promise((resolve) => (goOn = resolve)); // the job waits until its first line was seen
  for await (const event of client.stream(script, { verbose: true, tools: { f: () => first } })) {
    seen.push(event);
    if (event.text === 'first\n') goOn();
  }
  assert.deepEqual(
    seen.map(({ event }) => event),
    ['stdout', 'call', 'stdout', 'result', 'end'],
  );
  assert.equal(seen[3].result, 7);
});

test('a live answer can be read as a whole', async () => {
  const answer = await client
    .streamCode('open("f", "w").write("x")\nprint("a")\n6 * 7', { returnFiles: ['f'] })
    .answer();
  assert.deepEqual([answer.result, answer.repr, answer.stdout, answer.files.f.text()], [42, '42', 'a\n', 'x']);
  const failing = client.stream('def main():\n    print("b")\n    1 / 0').answer();
  await assert.rejects(
    failing,
    (error) => error instanceof pyexec.ScriptError && error.stdout === 'b\n' && /ZeroDivision/.test(error.traceback),
  );
});

test('a live failure is an event and not a throw', async () => {
  const seen = [];
  for await (const event of client.stream('def main(): 1 / 0')) seen.push(event);
  assert.deepEqual(
    seen.map(({ event, outcome }) => outcome ?? event),
    ['error', 'exception'],
  );
  await assert.rejects(client.stream('def main(): pass', { nonsense: 1 }).answer(), pyexec.InvalidRequest);
});

const FOREVER = 'def main():\n    print("begun\\n", end="")\n    while True: pass';

test('leaving the loop kills the job', async () => {
  for await (const event of client.stream(FOREVER)) if (event.text === 'begun\n') break;
  await idle();
});

test('a signal kills the job, live or not, and is what is thrown', async () => {
  const live = new AbortController();
  const reason = new Error('enough');
  const events = client.stream(FOREVER, { signal: live.signal })[Symbol.asyncIterator]();
  await events.next();
  live.abort(reason);
  await assert.rejects(events.next(), reason);
  await idle();
  const plain = AbortSignal.timeout(300);
  await assert.rejects(client.run(FOREVER, { signal: plain }), { name: 'TimeoutError' });
  await idle();
  await assert.rejects(client.run(FOREVER, { signal: AbortSignal.abort(reason) }), reason);
});

const JOINS = 'def main():\n    return [add(n, 1) for n in range(3)] + [named(x="é")]';
const TOOLS = {
  add: async (a, b) => a + b,
  named: { description: 'Says what it got', inputSchema: { type: 'object', properties: { x: {} } }, run: ({ x }) => x },
};

test('a script calls functions of this program', async () => {
  assert.deepEqual((await client.run(JOINS, { tools: TOOLS })).result, [1, 2, 3, 'é']);
  assert.deepEqual((await client.stream(JOINS, { tools: TOOLS }).answer()).result, [1, 2, 3, 'é']);
});

test('coroutines are asked together', async () => {
  let waiting = 0;
  let most = 0;
  const slow = async (n) => {
    most = Math.max(most, ++waiting);
    await new Promise((resolve) => setTimeout(resolve, 50));
    --waiting;
    return n;
  };
  const script = 'import asyncio\nasync def main(): return await asyncio.gather(*[slow(n) for n in range(3)])';
  for (const run of [
    client.run(script, { tools: { slow }, toolsStyle: 'async' }),
    client.stream(script, { tools: { slow }, toolsStyle: 'async' }).answer(),
  ])
    assert.deepEqual((await run).result, [0, 1, 2]);
  assert.equal(most > 1, true);
});

test('what a function throws is an error in the script, and undefined is None', async () => {
  const script =
    'def main():\n    seen = [nothing()]\n    for f in bad, strange:\n        try: f()\n        except ToolError as e: seen.append(str(e))\n    return seen';
  const tools = {
    nothing: () => undefined,
    bad: () => {
      throw new Error('no such table');
    },
    strange: () => ({ n: 1n }),
  };
  const { result } = await client.run(`from pyexec import ToolError\n${script}`, { tools });
  assert.deepEqual(result.slice(0, 2), [null, 'no such table']);
  assert.match(result[2], /BigInt/);
});

test('map runs a job for each item, in their order or as they end', async () => {
  const script = 'def main(n): return n * n';
  const items = Array.from({ length: 50 }, (_, i) => i);
  const inOrder = [];
  for await (const { index, item, result } of client.map(script, items)) inOrder.push([index, item, result]);
  assert.deepEqual(
    inOrder,
    items.map((n) => [n, n, n * n]),
  );
  const asTheyEnd = [];
  for await (const { result } of client.map(script, items, { ordered: false, requestJobs: 7 })) asTheyEnd.push(result);
  assert.deepEqual(
    asTheyEnd.sort((a, b) => a - b),
    items.map((n) => n * n),
  );
});

test('an item that fails does not end a map', async () => {
  const seen = [];
  for await (const entry of client.map('def main(n): return 1 / n', [1, 0, 2])) seen.push(entry);
  assert.deepEqual(
    seen.map(({ answer }) => answer?.result),
    [1, undefined, 0.5],
  );
  assert.ok(seen[1].error instanceof pyexec.ScriptError);
  assert.throws(() => seen[1].result, pyexec.ScriptError);
});

test('fields of an item, and of all', async () => {
  const fields = (name) => ({ args: { name }, files: { [name]: new Uint8Array([65]) } });
  const results = [];
  for await (const { result } of client.map('def main(name): return open(name).read()', ['a', 'b'], {
    fields,
    timeout: 2.9,
  }))
    results.push(result);
  assert.deepEqual(results, ['A', 'A']);
});

test('a map takes no more items than it needs, and leaving it ends its jobs', async () => {
  let taken = 0;
  let closed = false;
  async function* endless() {
    try {
      for (;;) yield taken++;
    } finally {
      closed = true;
    }
  }
  let last;
  for await (const { result } of client.map('def main(n): return n', endless(), { requestJobs: 10 }))
    if ((last = result) === 100) break;
  assert.equal(last, 100);
  assert.ok(taken < 200, `${taken} were taken`);
  assert.equal(closed, true);
  await idle();
  for await (const _ of client.map('def main(n):\n    while n: pass', [0, 1, 1, 1], { ordered: false })) break;
  await idle();
});

test('a map of nothing, and one whose items throw', async () => {
  for await (const _ of client.map('def main(n): pass', [])) assert.fail();
  const bad = (function* () {
    yield 1;
    throw new Error('my items');
  })();
  await assert.rejects(async () => {
    for await (const _ of client.map('def main(n): pass', bad));
  }, /my items/);
});

test('a job without a connection is asked for its answer', async () => {
  const job = await client.submit('def main(n): return n', { args: [7] });
  assert.equal((await job.answer()).result, 7);
  assert.equal(await job.hasEnded(), true);
  assert.equal((await client.job(job.id).answer()).result, 7);
  const failing = await client.submitCode('1 / 0');
  await assert.rejects(failing.answer(), pyexec.ScriptError);
  assert.equal(await failing.hasEnded(), true);
  const endless = await client.submit(FOREVER);
  assert.equal(await endless.hasEnded(), false);
  await endless.close();
  await idle();
  await endless.close();
  await assert.rejects(endless.answer(), pyexec.Gone);
  await assert.rejects(client.job('nonsense').hasEnded(), pyexec.NotFound);
  await assert.rejects(client.submit(JOINS, { tools: TOOLS }), TypeError);
});
