// The job as a command, or a program, that does what Run does. The key is not in it: it is $PYEXEC_KEY.
const END = 'END_OF_JOB'; // a line of JSON is never this
const KEY_NOTE = 'the key, if the service wants one, is in PYEXEC_KEY';

/**
 * @typedef {{url: string, mode: string, code: string, options: any, files: Record<string, Uint8Array>, path: string[],
 *   hasKey: boolean}} Copied  path: the code of the cells that a session's cell goes on from
 */

/** A word of a shell command, quoted. @param {string} text */
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
const isNumeral = (value) => JSON.isRawJSON?.(value) ?? false;

/** A literal of Python. Text of several lines stays readable if it can. */
export function pythonLiteral(value) {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (isNumeral(value)) return value.rawJSON;
  if (Array.isArray(value)) return `[${value.map(pythonLiteral).join(', ')}]`;
  if (typeof value === 'object') {
    const members = Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}: ${pythonLiteral(one)}`);
    return `{${members.join(', ')}}`;
  }
  const isReadable =
    typeof value === 'string' && value.includes('\n') && !/"""|\\|"$|[^\n -~\u00a0-\ud7ff]/.test(value);
  return isReadable ? `"""${value}"""` : JSON.stringify(value);
}

/** A literal of JavaScript. */
export function scriptLiteral(value) {
  if (typeof value !== 'string' || !value.includes('\n') || value.includes('\r')) return JSON.stringify(value);
  return `\`${value.replace(/[\\`]|\$(?=\{)/g, '\\$&')}\``;
}

function base64(bytes) {
  let text = '';
  for (let from = 0; from < bytes.length; from += 0x6000)
    text += btoa(String.fromCharCode(...bytes.subarray(from, from + 0x6000)));
  return text;
}

/** Text if it is text, else null. @param {Uint8Array} bytes */
function textOf(bytes) {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** Files as a literal, or undefined if there are none. */
function fileLiterals(files, ofText, ofBytes) {
  const members = Object.entries(files).map(([name, bytes]) => {
    const text = textOf(bytes);
    return `${JSON.stringify(name)}: ${text === null ? ofBytes(base64(bytes)) : ofText(text)}`;
  });
  return members.length > 0 ? `{${members.join(', ')}}` : undefined;
}

/** `name=value`, of those that have a value. */
const given = (members, sign) =>
  Object.entries(members)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}${sign}${value}`);

/** The body of the request. @param {Copied} job */
export function bodyOf({ mode, code, options, files }) {
  const { args, returnFiles, timeout, memoryMb, stdin } = options;
  const sent = Object.entries(files).map(([name, bytes]) => [name, textOf(bytes) ?? { base64: base64(bytes) }]);
  return {
    [mode === 'script' ? 'script' : 'code']: code,
    args,
    stdin,
    files: sent.length > 0 ? Object.fromEntries(sent) : undefined,
    return_files: returnFiles,
    timeout_ms: timeout && Math.round(timeout * 1000),
    memory_mb: memoryMb,
  };
}

/** @param {Copied} job */
export function asCurl(job) {
  const key = job.hasKey ? ' \\\n  -H "Authorization: Bearer $PYEXEC_KEY"' : '';
  const post = (path, body) =>
    `curl -s ${path} -H 'Content-Type: application/json'${key} \\\n` +
    `  --data-binary @- <<'${END}'\n${JSON.stringify(body)}\n${END}\n`;
  if (job.mode !== 'session') return post(quoted(`${job.url}/execute`), bodyOf(job));
  const cells = [...job.path.map((code) => ({ code })), bodyOf(job)];
  return [
    `sessions=${quoted(`${job.url}/sessions`)}\n`,
    `session=$(curl -s -X POST "$sessions"${key} | sed -n 's/.*"session": *"\\([^"]*\\)".*/\\1/p')\n`,
    ...cells.map((cell) => post('"$sessions/$session/execute"', cell)),
    `curl -s -X DELETE "$sessions/$session"${key}\n`,
  ].join('');
}

/** @param {Copied} job */
export function asPython({ url, mode, code, options, files, path }) {
  const { args, returnFiles, timeout, memoryMb, stdin } = options;
  const sent = fileLiterals(files, pythonLiteral, (text) => `base64.b64decode("${text}")`);
  const literal = (value) => (value === undefined ? undefined : pythonLiteral(value));
  const isNamed = args !== undefined && !Array.isArray(args);
  const named = {
    kwargs: isNamed ? pythonLiteral(args) : undefined,
    files: sent,
    return_files: literal(returnFiles),
    timeout: literal(timeout),
    memory_mb: literal(memoryMb),
    stdin: literal(stdin),
  };
  const all = [pythonLiteral(code), ...(isNamed ? [] : (args ?? []).map(pythonLiteral)), ...given(named, '=')].join(
    ', ',
  );
  const head = [
    `# curl -O ${url}/client/pyexec.py; ${KEY_NOTE}\n`,
    sent?.includes('base64.b64decode') ? 'import base64\n' : '',
    `import pyexec\n\nclient = pyexec.Client(${JSON.stringify(url)})\n`,
  ];
  const show = ['print(answer.stdout, end="")\n', 'print(answer.result)\n'];
  if (mode !== 'session')
    return [...head, `answer = client.${mode === 'script' ? 'run' : 'code'}(${all})\n`, ...show].join('');
  const cells = path.map((cell) => `session.code(${pythonLiteral(cell)})\n`);
  const body = [...cells, `answer = session.code(${all})\n`, ...show].map((line) => `    ${line}`);
  return [...head, 'with client.session() as session:\n', ...body].join('');
}

/** @param {Copied} job */
export function asJavaScript({ url, mode, code, options, files, path }) {
  const sent = fileLiterals(files, scriptLiteral, (text) => `Buffer.from('${text}', 'base64')`);
  const members = Object.fromEntries(Object.entries(options).map(([name, value]) => [name, scriptLiteral(value)]));
  const parts = given({ ...members, files: sent }, ': ');
  const all = scriptLiteral(code) + (parts.length > 0 ? `, { ${parts.join(', ')} }` : '');
  const head = [
    `// curl -O ${url}/client/pyexec.mjs; ${KEY_NOTE}\n`,
    `import { Client } from './pyexec.mjs';\n\n`,
    `const client = new Client(${JSON.stringify(url)}, { key: process.env.PYEXEC_KEY });\n`,
  ];
  const show = ['process.stdout.write(answer.stdout);\n', 'console.log(answer.result);\n'];
  if (mode !== 'session')
    return [...head, `const answer = await client.${mode === 'script' ? 'run' : 'code'}(${all});\n`, ...show].join('');
  const cells = path.map((cell) => `await session.code(${scriptLiteral(cell)});\n`);
  const session = [
    'const session = await client.session();\n',
    ...cells,
    `const answer = await session.code(${all});\n`,
  ];
  return [...head, ...session, ...show, 'await session.close();\n'].join('');
}
