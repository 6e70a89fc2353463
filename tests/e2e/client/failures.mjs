// Failures of the JavaScript client: their classes, keys, what is sent again, and connections that break.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import * as pyexec from '../../../client/javascript/pyexec.mjs';
import { client } from './service.mjs';

const FAILURES = {
  InvalidScript: ['def main(:', {}],
  InvalidArguments: ['def main(a): pass', { args: [1, 2] }],
  ScriptError: ['def main(): 1 / 0', {}],
  NotSerializable: ['def main(): return object()', {}],
  TimeLimit: ['def main():\n    while True: pass', { timeout: 0.2 }],
  MemoryLimit: ['def main(): return len(bytearray(1 << 40))', {}],
  OutputLimit: ['def main(): return "x" * 9_000_000', {}],
  Exited: ['import sys\ndef main(): sys.exit(3)', {}],
  Killed: ['import os\ndef main(): os.abort()', {}],
  InvalidRequest: ['def main(): pass', { timeoutMs: -1 }],
  UnknownTemplate: ['def main(): pass', { template: `sha256:${'0'.repeat(64)}` }],
};
for (const [name, [script, options]] of Object.entries(FAILURES))
  test(`${name} is thrown`, async () => {
    const error = await client.run(script, options).then(
      () => assert.fail('nothing was thrown'),
      (thrown) => thrown,
    );
    assert.ok(error instanceof pyexec[name] && error instanceof pyexec.PyexecError, error);
    assert.equal(error instanceof pyexec.Refused, !error.ran);
    assert.equal(error instanceof pyexec.JobFailed, error.ran);
    assert.equal(error.name, name);
    assert.equal(pyexec.OUTCOMES[error.outcome].error, pyexec[name]);
    assert.equal(error.ran, !['InvalidRequest', 'UnknownTemplate'].includes(name));
    assert.ok(error.message && error.status >= 400 && error.requestId);
  });

test('an error has what the job had done until then', async () => {
  const error = await client.run('def main():\n    print("é")\n    [][1]', { verbose: true }).catch((thrown) => thrown);
  assert.equal(error.stdout, 'é\n');
  assert.match(error.traceback, /line 3[\s\S]*IndexError/);
  assert.deepEqual([error.detail.type, error.detail.line], ['IndexError', 3]);
  assert.ok(error.answer.usage.run_ms > 0);
});

test('a mistake in an option is named, and a script without main has a hint', async () => {
  await assert.rejects(
    client.run('', { timeoutMs: 1, filse: {} }),
    (error) => error instanceof pyexec.InvalidRequest && /filse/.test(error.message),
  );
  const error = await client.code('def main(): pass', { args: [1] }).catch((thrown) => thrown);
  assert.ok(error instanceof pyexec.InvalidRequest, error);
});

test('a service with keys wants one, and is given it', async () => {
  const { PYEXEC_KEYED_URL: url, PYEXEC_KEY: key } = process.env;
  await assert.rejects(new pyexec.Client(url).run('def main(): return 1'), pyexec.Unauthorized);
  await assert.rejects(
    new pyexec.Client(url, { key: 'wrong' }).stream('def main(): return 1').answer(),
    pyexec.Unauthorized,
  );
  const known = new pyexec.Client(url, { key });
  assert.equal((await known.run('def main(): return 1')).result, 1);
  assert.equal((await known.stream('def main(): return 1').answer()).result, 1);
  const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
  await assert.rejects(new pyexec.Client(url, { key: 'wrong' }).mcp(ping), pyexec.Unauthorized);
  assert.deepEqual(await known.mcp(ping), { jsonrpc: '2.0', id: 1, result: {} });
  await assert.rejects(async () => {
    for await (const _ of new pyexec.Client(url).map('def main(n): pass', [1]));
  }, pyexec.Unauthorized);
});

// What is sent again

function answers(...list) {
  const sent = [];
  const fake = async (url, init) => {
    sent.push({ url, ...init });
    const [status, body, headers] = list[Math.min(sent.length, list.length) - 1];
    return new Response(typeof body === 'string' ? body : JSON.stringify(body), { status, headers });
  };
  return { client: new pyexec.Client('http://service/under/', { fetch: fake, patience: 30 }), sent };
}
const BUSY = [429, { error: 'too much to do' }, { 'Pyexec-Outcome': 'busy', 'Retry-After': '1' }];
const OK = [200, { result: 1, stdout: '' }, { 'Pyexec-Outcome': 'ok' }];

test('a busy service is asked again after as long as it says', async () => {
  const { client: one, sent } = answers(BUSY, OK);
  const began = performance.now();
  assert.equal((await one.run('x')).result, 1);
  assert.ok(performance.now() - began >= 990);
  assert.deepEqual(
    sent.map(({ url }) => url),
    ['http://service/under/execute', 'http://service/under/execute'],
  );
});

test('patience ends', async () => {
  const { client: one, sent } = answers([
    429,
    { error: 'e' },
    { 'Pyexec-Outcome': 'rate_limited', 'Retry-After': '60' },
  ]);
  await assert.rejects(
    one.run('x'),
    (error) => error instanceof pyexec.RateLimited && error.retryAfter === 60 && !error.ran,
  );
  assert.equal(sent.length, 1);
});

test('waiting can be aborted', async () => {
  await assert.rejects(answers(BUSY).client.run('x', { signal: AbortSignal.timeout(50) }), { name: 'TimeoutError' });
});

for (const [status, outcome, type] of [
  [500, 'internal', pyexec.InternalError],
  [429, undefined, pyexec.PyexecError],
  [422, 'new_one', pyexec.PyexecError],
])
  test(`status ${status} with the outcome ${outcome} is not sent again`, async () => {
    const { client: one, sent } = answers([status, { error: 'e' }, outcome && { 'Pyexec-Outcome': outcome }]);
    await assert.rejects(one.run('x'), (error) => error.constructor === type && error.ran && error.message === 'e');
    assert.equal(sent.length, 1);
  });

test('lines of a batch that were busy are sent again, and no others', async () => {
  const line = (index, outcome, rest) => JSON.stringify({ index, id: null, outcome, status: 200, ...rest });
  const script = [
    [
      200,
      [
        line(1, 'busy', { error: 'b' }),
        '{"progress": {"read": 3}}',
        line(2, 'internal', { error: 'i' }),
        line(0, 'ok', { result: 'a', stdout: '' }),
      ].join('\n') + '\n',
    ],
    [200, line(0, 'ok', { result: 'b', stdout: '' })],
  ];
  const seen = async (one, options) => {
    const entries = [];
    for await (const { item, answer, error } of one.map('s', ['A', 'B', 'C'], options))
      entries.push([item, answer?.result ?? error.outcome]);
    return entries;
  };
  assert.deepEqual(await seen(answers(...script).client, { ordered: false }), [
    ['C', 'internal'],
    ['A', 'a'],
    ['B', 'b'],
  ]);
  const { client: one, sent } = answers(...script);
  assert.deepEqual(await seen(one), [
    ['A', 'a'],
    ['B', 'b'],
    ['C', 'internal'],
  ]);
  assert.deepEqual(sent[1].body.split('\n'), ['{"defaults":true,"script":"s"}', '{"args":["B"]}', '']);
});

// Connections that break

async function server(respond) {
  const listening = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (data) => respond(socket, data));
  }).listen(0, '127.0.0.1');
  await once(listening, 'listening');
  return { client: new pyexec.Client(`http://127.0.0.1:${listening.address().port}`), close: () => listening.close() };
}
const unconnected = () => {
  throw Object.assign(new TypeError('fetch failed'), { cause: { code: 'ECONNREFUSED' } });
};
const lost = (error) => error instanceof pyexec.AnswerLost && error.outcome === undefined && error.ran;
const BROKEN = {
  'a connection that ends at once': '',
  'a body that is cut': 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"result"',
  'a stream without an end': 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"event": "stdout", "text": "x"}\n',
};
for (const [name, bytes] of Object.entries(BROKEN))
  test(`${name} is a lost connection`, async () => {
    const { client: one, close } = await server((socket) => socket.end(bytes));
    try {
      if (!name.includes('stream')) await assert.rejects(one.run('x'), lost);
      await assert.rejects(one.stream('x').answer(), lost);
      await assert.rejects(async () => {
        for await (const _ of one.map('x', [1]));
      }, lost);
    } finally {
      close();
    }
  });

test('a connection that breaks while nobody asks for the next entry', async () => {
  const line = JSON.stringify({ index: 0, id: null, outcome: 'ok', status: 200, result: 1, stdout: '' });
  const { client: one, close } = await server((socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n${line}\n`);
    setTimeout(() => socket.destroy(), 50);
  });
  try {
    await assert.rejects(async () => {
      for await (const entry of one.map('x', [1, 2, 3], { requestJobs: 3 })) {
        assert.equal(entry.result, 1);
        await new Promise((resolve) => setTimeout(resolve, 200)); // an error that nobody handles ends Node
      }
    }, lost);
  } finally {
    close();
  }
});

// Answers the batches of a map, but for job 1, which has no answer when its connection breaks.
async function cutting() {
  const runs = [];
  const { client: one, close } = await server((socket, data) => {
    const jobs = [...String(data).matchAll(/^\{"args":\[(\d+)\]\}$/gm)].map(([, n]) => Number(n));
    runs.push(...jobs);
    const lines = jobs.map((n, index) => JSON.stringify({ index, id: null, outcome: 'ok', status: 200, result: n }));
    socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n');
    setTimeout(() => socket.end(lines.filter((_, index) => jobs[index] !== 1).join('\n') + '\n'), 50);
  });
  return { one, close, runs };
}
const NUMBERS = [0, 1, 2, 3, 4, 5];

test('jobs that may have run when a connection breaks are not sent again, and others go on', async () => {
  for (const ordered of [true, false]) {
    const { one, close, runs } = await cutting();
    try {
      const seen = [];
      for await (const { index, item, answer, error } of one.map('s', NUMBERS, { requestJobs: 3, ordered }))
        seen[index] = [item, answer?.result ?? error];
      assert.ok(lost(seen[1][1]), seen[1]);
      assert.deepEqual([...seen.slice(0, 1), ...seen.slice(2)], NUMBERS.filter((n) => n !== 1).map((n) => [n, n]));
      assert.deepEqual(runs.sort(), NUMBERS);
    } finally {
      close();
    }
  }
});

test('a service that has left comes back for jobs that were not sent', async () => {
  let failures = 0;
  let batches = 0;
  const { one, close, runs } = await cutting();
  const away = new pyexec.Client(one._transport.base, {
    fetch: async (url, init) => {
      if (++batches === 3 && failures++ === 0) return unconnected();
      return fetch(url, init);
    },
  });
  try {
    const seen = [];
    for await (const { item, answer } of away.map('s', NUMBERS, { requestJobs: 2 })) seen.push(answer ? item : 'lost');
    assert.deepEqual(seen, [0, 'lost', 2, 3, 4, 5]);
    assert.deepEqual(runs.sort(), NUMBERS);
    assert.equal(failures, 1);
  } finally {
    close();
  }
});

test('a service that cannot work says so', async () => {
  assert.equal((await answers([503, { status: 'draining' }]).client.health()).status, 'draining');
  assert.equal(await answers([503, { status: 'unavailable' }]).client.alive(), false);
});

// Connections that are not made, and what is no pyexec

const WAYS = [
  (one) => one.run('x'),
  (one) => one.stream('x').answer(),
  (one) => one.submit('x'),
  (one) => one.session(),
  (one) => one.template('x'),
  (one) => one.health(),
  (one) => one.tools(),
  (one) => one.map('x', [1]).next(),
  (one) => one.mcp({ jsonrpc: '2.0', id: 1, method: 'ping' }),
];
async function everyWay(one, isRight) {
  for (const way of WAYS) await assert.rejects(way(one), isRight);
}

for (const url of ['http://localhost:1023', 'http://127.0.0.1:9', 'http://no.such.host.invalid', 'http://[::1]:1023'])
  test(`nobody listens at ${url}`, async () => {
    await everyWay(new pyexec.Client(url), (error) => {
      assert.equal(error.constructor, pyexec.Unreachable);
      return error.ran === false && error.message.startsWith(`cannot connect to ${url}:`);
    });
  });

for (const [name, respond] of Object.entries({
  'speaks no TLS': (socket) => socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'),
  'ends the handshake': (socket) => socket.end(),
}))
  test(`https to what ${name}`, async () => {
    const { client: one, close } = await server(respond);
    const secure = new pyexec.Client(one._transport.base.replace('http:', 'https:'));
    try {
      await assert.rejects(secure.run('x'), (error) => error instanceof pyexec.Unreachable && !error.ran);
    } finally {
      close();
    }
  });

test('a fetch that gives no cause, as those of browsers, may have sent the request', async () => {
  const failing = () => Promise.reject(new TypeError('Failed to fetch'));
  const error = await new pyexec.Client('http://service', { fetch: failing }).run('x').catch((thrown) => thrown);
  assert.ok(lost(error), error);
  assert.match(error.message, /Failed to fetch; whether a connection was made is not told/);
});

test('a redirection is not followed', async () => {
  const head = 'HTTP/1.1 307 X\r\nLocation: http://elsewhere/\r\nContent-Length: 0\r\n\r\n';
  const { client: one, close } = await server((socket) => socket.end(head));
  try {
    await everyWay(one, (error) => {
      assert.equal(error.constructor, pyexec.UnexpectedAnswer);
      return !error.ran && /redirects to http:\/\/elsewhere/.test(error.message);
    });
  } finally {
    close();
  }
});

const isUnexpected = (status, ran) => (error) =>
  error instanceof pyexec.UnexpectedAnswer && error.status === status && error.ran === ran;

test('a wrong path', async () => {
  await everyWay(new pyexec.Client(`${process.env.PYEXEC_URL}/wrong`), isUnexpected(404, false));
});

test('JSON of something else', async () => {
  for (const body of ['{}', 'null', '[]', '5', '{"ok": true}'])
    await everyWay(answers([200, body]).client, isUnexpected(200, true));
  await everyWay(answers([502, { error: 'e' }]).client, isUnexpected(502, true));
});

test('an answer that is not of the service is shown', async () => {
  for (const status of [200, 503]) {
    const { client: one } = answers([status, '<html>proxy</html>']);
    const strange = (error) =>
      error instanceof pyexec.UnexpectedAnswer && error.status === status && /<html>proxy/.test(error.message);
    await assert.rejects(one.run('x'), strange);
    await assert.rejects(one.stream('x').answer(), strange);
  }
});
