// Mistakes in what the JavaScript client is given: each is named before anything is sent.
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { test } from 'node:test';
import * as pyexec from '../../../client/javascript/pyexec.mjs';
import { client } from './service.mjs';

const unsent = new pyexec.Client('http://service', { fetch: () => assert.fail('a request was sent') });
const half = '\ud800';
const circular = { n: 1 };
circular.list = [circular];

async function refuses(what, words, type = TypeError) {
  const error = await (async () => what())().catch((thrown) => thrown);
  assert.ok(error instanceof type && error.ran === false, inspect(error));
  assert.match(error.message, words);
  assert.doesNotMatch(inspect(error), /secret/);
}

for (const [url, words] of [
  ['localhost:8080', /not a URL as http:\/\/HOST:PORT.*'localhost:8080'/],
  ['ftp://host', /not a URL/],
  ['', /not a URL/],
  ['http://', /not a URL/],
  ['http://host:99999', /not a URL/],
  [{ key: 'secret' }, /not a URL.*Object/],
  ['http://user:secret@host', /user or a password.*key/],
  ['http://secret@host', /user or a password/],
  ['user:secret@host', /not a URL/],
  ['http://user:secret@host:99999', /not a URL/],
])
  test(`the address ${JSON.stringify(url)}`, () => refuses(() => new pyexec.Client(url), words));

for (const [options, words, type] of [
  ['secret', /options.*String.*\{ key: 'KEY' \}/],
  [null, /options.*Null/],
  [['secret'], /options.*Array/],
  [{ key: 'secret\nkey' }, /key/],
  [{ key: 'secret key' }, /key/],
  [{ key: 'secreté' }, /key/],
  [{ key: 5 }, /key/],
  [{ apiKey: 'secret' }, /no option 'apiKey'/],
  [{ patience: NaN }, /patience is NaN/, RangeError],
  [{ patience: '5' }, /patience.*String/],
  [{ fetch: 5 }, /fetch.*Number/],
  [{ parse: 'json' }, /parse.*String/],
])
  test(`a client with ${inspect(options)}`, () => refuses(() => new pyexec.Client('http://h', options), words, type));

test('a key is not printed with its client', async () => {
  const one = new pyexec.Client('http://service', { key: 'secret' });
  assert.doesNotMatch(inspect([one, one.stream('x'), one.job('j')], { depth: 9 }) + JSON.stringify(one), /secret/);
});

const JOBS = [
  [[() => 1], /script.*Function.*string/],
  [[undefined], /script.*Undefined/],
  [[half], /script.*surrogate/],
  [['', [1]], /options.*Array.*give an object, as \{/],
  [['', 'x'], /options.*String/],
  [['', null], /options.*Null/],
  [['', { signal: 5 }], /signal.*Number/],
  [['', { timeout: NaN }], /timeout is NaN/, RangeError],
  [['', { timeout: Infinity }], /timeout is Infinity/, RangeError],
  [['', { timeout: -1 }], /timeout is -1/, RangeError],
  [['', { timeout: '5' }], /timeout.*String/],
  [['', { timeoutMs: NaN }], /timeoutMs is NaN/],
  [['', { memoryMb: Infinity }], /memoryMb is Infinity/],
  [['', { files: ['a'] }], /files.*Array.*by name/],
  [['', { files: 'a' }], /files.*String/],
  [['', { files: { a: 5 } }], /file a.*Number/],
  [['', { files: { a: half } }], /files\.a.*surrogate/],
  [['', { tools: { f: 5 } }], /tool f.*Number/],
  [['', { tools: { f: { run: 5 } } }], /tool f/],
  [['', { tools: { f: null } }], /tool f.*Null/],
  [['', { tools: [() => 1] }], /tools.*Array/],
  [['', { stdin: half }], /stdin.*surrogate/],
  [['', { env: { A: half } }], /env\.A.*surrogate/],
  [['', { args: [NaN] }], /args\[0\] is NaN/],
  [['', { args: { a: { b: [1, -Infinity] } } }], /args\.a\.b\[1\] is -Infinity/],
  [['', { args: [new Float64Array([1, NaN])] }], /args\[0\]\[1\] is NaN/],
  [['', { args: [{ n: 1n }] }], /args\[0\]\.n.*BigInt/],
  [['', { args: [() => 1] }], /args\[0\].*Function/],
  [['', { args: [Symbol('s')] }], /args\[0\].*Symbol/],
  [['', { args: [Promise.resolve(1)] }], /args\[0\].*Promise/],
  [['', { args: [/x/] }], /args\[0\].*RegExp/],
  [['', { args: [new ArrayBuffer(1)] }], /args\[0\].*ArrayBuffer/],
  [['', { args: [new Date(NaN)] }], /args\[0\].*date/],
  [['', { args: [new Map([[1, 2]])] }], /args\[0\].*key.*Number/],
  [['', { args: [half] }], /args\[0\].*surrogate/],
  [['', { args: [{ [half]: 1 }] }], /args\[0\].*surrogate/],
  [['', { args: [circular] }], /args\[0\]\.list\[0\] contains itself/],
  [['', { args: Array.from({ length: 9999 }).reduce((inner) => [inner], 1) }], /args.*nested too deeply/],
];
for (const [given, words, type] of JOBS)
  test(`a job with ${inspect(given, { depth: 1 })}`, async () => {
    const [script, options] = given;
    await refuses(() => unsent.run(script, options), words, type);
    await refuses(() => unsent.stream(script, options).answer(), words, type);
    if (options?.signal !== 5) await refuses(() => unsent.map(script, [1], options).next(), words, type);
    await refuses(() => unsent.submit(script, options), words, type);
    await refuses(() => unsent.openSession('s').run(script, options), words, type);
    if (given.length > 1) await refuses(() => unsent.session(options), words, type);
    if (given.length > 1) await refuses(() => unsent.template('x', options), words, type);
    else await refuses(() => unsent.template(script), /code/);
  });

for (const [name, what, words, type] of [
  ['code', () => unsent.code(5), /code.*Number/],
  ['call', () => unsent.call(() => 1), /call.*Function/],
  ['session', () => unsent.session('x = 1'), /options.*String.*\{ code: 'x = 1' \}/],
  ['openSession', () => unsent.openSession(5), /session.*Number/],
  ['job', () => unsent.job(undefined), /job.*Undefined/],
  ['map of no items', () => unsent.map('x', 5).next(), /items.*Number/],
  ['map of a bad item', () => unsent.map('x', [NaN]).next(), /item 0: args\[0\] is NaN/],
  ['map with no room', () => unsent.map('x', [1], { requestJobs: 0 }).next(), /requestJobs is 0/, RangeError],
  ['map with NaN bytes', () => unsent.map('x', [1], { requestBytes: NaN }).next(), /requestBytes is NaN/, RangeError],
  ['map with odd fields', () => unsent.map('x', [1], { fields: 5 }).next(), /fields.*Number/],
  ['map with fields of a list', () => unsent.map('x', [1], { fields: (n) => [n] }).next(), /item 0: .*options.*Array/],
  ['callTool', () => unsent.callTool('f', [1]), /args.*Array/],
  ['callTool with NaN', () => unsent.callTool('f', { a: [NaN] }), /args\.a\[0\] is NaN/],
  ['callTool of no name', () => unsent.callTool(5), /tool.*Number/],
  ['callTool with half a name', () => unsent.callTool(half), /tool.*surrogate/],
  ['callTool with an odd signal', () => unsent.callTool('f', {}, { signal: 5 }), /signal.*Number/],
  ['streamTool', () => unsent.streamTool('f', [1]).answer(), /args.*Array/],
  ['mcp', () => unsent.mcp('ping'), /message.*String/],
  ['mcp with NaN', () => unsent.mcp({ id: NaN }), /message\.id is NaN/],
  ['submitTool', () => unsent.submitTool('f', [1]), /args.*Array/],
  ['putFile', () => unsent.openSession('s').putFile('a', 5), /file a.*Number/],
  ['putFile with half a text', () => unsent.openSession('s').putFile('a', half), /file a.*surrogate/],
  ['getFile', () => unsent.openSession('s').getFile(5), /file.*Number/],
])
  test(`the mistake in ${name}`, () => refuses(what, words, type));

test('values that JSON has no word for, and that have one meaning', async () => {
  const boxed = [new Number(1), new String('s'), new Boolean(false)];
  const shared = { a: 1 };
  const args = [
    new Set([1, new Set(['x'])]),
    new Float64Array([0.5, 2]),
    new Uint8Array([0, 255]),
    new Map([['a', new Map([['b', 1]])]]),
    new Date(0),
    { a: undefined, toJSON: () => ({ b: 2 }) },
    [undefined, null, shared, shared, ...boxed],
    JSON.parse('{"__proto__": 1}'),
    '😀',
  ];
  const { result } = await client.run('def main(*args): return args', { args });
  assert.deepEqual(result, [
    [1, ['x']],
    [0.5, 2],
    [0, 255],
    { a: { b: 1 } },
    '1970-01-01T00:00:00.000Z',
    { b: 2 },
    [null, null, { a: 1 }, { a: 1 }, 1, 's', false],
    JSON.parse('{"__proto__": 1}'),
    '😀',
  ]);
  assert.equal((await client.run('def main(a, b=2): return b', { args: new Map([['a', 1]]) })).result, 2);
  assert.equal((await client.run('def main(a, b=2): return b', { args: { a: 1, b: undefined } })).result, 2);
  assert.equal((await client.callTool('add', { a: new Number(1) })).result, 3);
  if (JSON.rawJSON) {
    const raw = [JSON.rawJSON('12345678901234567890')];
    assert.equal((await client.run('def main(n): return str(n)', { args: raw })).result, '12345678901234567890');
  }
});
