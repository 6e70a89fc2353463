// Tools of the JavaScript client whose results cannot be sent, and calls that are given up.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as pyexec from '../../../client/javascript/pyexec.mjs';
import { client, idle } from './service.mjs';

const CATCHES = `
from pyexec import ToolError
def main():
    try: return f()
    except ToolError as e: return "ToolError: " + str(e)
`;
const circular = [];
circular.push(circular);
const throws = (thrown) => () => {
  throw thrown;
};
const nested = (depth) => Array.from({ length: depth }).reduce((inner) => [inner], 1);

for (const [name, f, words] of [
  ['a function', () => () => 1, /the tool f .*Function/],
  ['undefined', () => undefined, /^null$/],
  ['a BigInt', () => ({ n: [1n] }), /the tool f .*result\.n\[0\] .*BigInt/],
  ['NaN', () => [NaN], /the tool f .*result\[0\] is NaN/],
  ['a circle', () => circular, /the tool f .*contains itself/],
  ['half of a surrogate pair', () => ({ a: '\ud800' }), /the tool f .*result\.a .*surrogate/],
  ['more nesting than JSON is written for', () => nested(100_000), /the tool f .*nested too deeply/],
  ['more nesting than the service takes', () => nested(700), /the tool f .*nested deeper than/],
  ['more than the service takes', () => 'x'.repeat(3_000_000), /the tool f .*more than the limit/],
  ['more than a request may have', () => 'x'.repeat(20_000_000), /the tool f .*(larger than the limit|too large)/],
  ['an error with half of a surrogate pair', throws(new Error('bad \udc00 x')), /^"ToolError: bad \ufffd x"$/],
  ['an error without a text', throws(new RangeError()), /ToolError: RangeError/],
  ['an error that has no string', throws(Object.create(null)), /ToolError: ./],
  ['an error that is too large', throws(new Error('x'.repeat(3_000_000))), /the tool f .*more than the limit/],
])
  test(`a tool that gives ${name}`, async () => {
    assert.match(JSON.stringify((await client.run(CATCHES, { tools: { f } })).result), words);
    assert.match(JSON.stringify((await client.stream(CATCHES, { tools: { f } }).answer()).result), words);
  });

test('a result that is too large does not cost the others', async () => {
  const script = `
import asyncio
async def main():
    results = await asyncio.gather(*[f(n) for n in (1, 2_000_000, 2, 3_000_000)], return_exceptions=True)
    return [str(result)[:30] for result in results]
`;
  const tools = { f: (n) => 'x'.repeat(n) };
  const { result } = await client.run(script, { tools, toolsStyle: 'async' });
  assert.deepEqual(result, ['x', 'what the tool f returned was r', 'xx', 'what the tool f returned was r']);
});

/** Waits until no job has tools: neither one that runs nor one that waits for answers. */
async function noneWaits() {
  const until = Date.now() + 20_000;
  while (!/^pyexec_tool_jobs 0$/m.test(await client.metrics()))
    if (Date.now() > until) throw new Error('a job still waits');
}

const CALLS = 'def main():\n    f()\n    while True: pass';

for (const [name, run] of [
  ['run', (options) => client.run(CALLS, options)],
  ['stream', (options) => client.stream(CALLS, options).answer()],
  ['a session', async (options) => (await client.session()).run(CALLS, options)],
])
  test(`a signal ends the wait for a tool of ${name}, and the job`, async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const f = () => {
      setTimeout(() => controller.abort(reason), 50);
      return new Promise(() => {});
    };
    const began = performance.now();
    await assert.rejects(run({ tools: { f }, signal: controller.signal }), reason);
    assert.ok(performance.now() - began < 30_000);
    await noneWaits();
    await idle();
  });

test('a job that is left ends even if the service is busy at first', async () => {
  const headers = { 'Pyexec-Outcome': 'busy', 'Retry-After': '1' };
  const busy = new Response('{"error": "b"}', { status: 429, headers });
  let sent = 0;
  const one = new pyexec.Client(process.env.PYEXEC_URL, {
    fetch: async (url, init) => (url.endsWith('/continue') && sent++ === 0 ? busy : fetch(url, init)),
  });
  const controller = new AbortController();
  const f = () => {
    setTimeout(() => controller.abort(), 50);
    return new Promise(() => {});
  };
  await assert.rejects(one.run(CALLS, { tools: { f }, signal: controller.signal }), { name: 'AbortError' });
  await noneWaits();
  assert.equal(sent, 2);
});

test('a signal ends the wait for the items of a map', async () => {
  async function* items() {
    yield 1;
    await new Promise(() => {});
  }
  const late = client.map('def main(n): return n', items(), { signal: AbortSignal.timeout(200) });
  const keepsNode = setTimeout(() => {}, 10_000); // neither the signal nor the items do
  await assert.rejects(late.next(), { name: 'TimeoutError' });
  clearTimeout(keepsNode);
});

const refusing = () => new Response('{"error": "no"}', { status: 401, headers: { 'Pyexec-Outcome': 'unauthorized' } });
const unconnected = () => {
  throw Object.assign(new TypeError('fetch failed'), { cause: { code: 'ECONNREFUSED' } });
};

test('an answer that cannot be delivered ends the job, and says that it had run', async () => {
  for (const [fail, type] of [
    [refusing, pyexec.Unauthorized],
    [unconnected, pyexec.Unreachable],
  ]) {
    let failures = 0;
    const one = new pyexec.Client(process.env.PYEXEC_URL, {
      fetch: async (url, init) => (url.endsWith('/continue') && failures++ === 0 ? fail() : fetch(url, init)),
    });
    const ended = (error) => error instanceof type && error.ran === true;
    await assert.rejects(one.run(CALLS, { tools: { f: () => 1 } }), ended);
    await noneWaits();
    failures = 0;
    await assert.rejects(one.stream(CALLS, { tools: { f: () => 1 } }).answer(), ended);
    await noneWaits();
  }
});
