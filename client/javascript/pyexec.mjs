// A client of pyexec for browsers and Node (18 or later): one file, no dependencies.
//
//   import { Client } from './pyexec.mjs';
//   const client = new Client('http://localhost:8080', { key: 'KEY' });
//   const answer = await client.run('def main(a, b): return a + b', { args: [2, 3] });
//   console.log(answer.result, answer.stdout);
//
// Options have the names of the API's fields in camel case (`returnFiles`, `timeoutMs`), or as the API writes them. The
// service refuses a field that it does not know, and names it.
//
// A failure is thrown, and its class is its outcome: see OUTCOMES. A request is sent again only if the answer says that
// nothing has run: the service was `busy`, the client was `rate_limited`, or a template has to be prepared again. A
// broken connection is AnswerLost, and nobody knows whether the job has run. A mistake in what the caller gives is a
// TypeError or a RangeError, before anything is sent; its `ran` is false.

/**
 * @typedef {string | Uint8Array | ArrayBuffer | Blob} FileData
 * @typedef {(...args: any[]) => any} ToolFunction  May return a promise. What it throws is a ToolError in the script.
 * @typedef {{run: ToolFunction, description?: string, inputSchema?: object}} Tool
 *
 * @typedef {object} JobOptions
 * @property {any[] | Record<string, any>} [args]  `main(*args)` or `main(**args)`: what JSON knows, dates, sets, typed
 *   arrays, and maps whose keys are strings
 * @property {Record<string, FileData>} [files]  files in the job's working directory
 * @property {string[]} [returnFiles]  patterns of the files to return
 * @property {number} [timeout]  time limit in seconds; `timeoutMs` has it in milliseconds
 * @property {number} [timeoutMs]
 * @property {number} [memoryMb]
 * @property {number} [outputBytes]
 * @property {string} [stdin]
 * @property {Record<string, string>} [env]
 * @property {boolean} [verbose]  standard error, details of a failure, and what the job used
 * @property {boolean} [displays]  what the job has shown: pictures and tables
 * @property {'records' | 'split' | 'csv'} [dataframe]
 * @property {'error' | 'null'} [nan]
 * @property {string} [template]
 * @property {Record<string, ToolFunction | Tool>} [tools]  functions of this program that the script may call
 * @property {'sync' | 'async'} [toolsStyle]
 * @property {number} [at]  cells of sessions: the cell on whose state to run
 * @property {AbortSignal} [signal]  aborting closes the connection, which kills the job
 *
 * @typedef {object} Usage
 * @property {number} queue_ms
 * @property {number} run_ms
 * @property {number} total_ms
 * @property {number | null} cpu_ms
 * @property {number | null} peak_memory_bytes
 * @property {number | null} exit_code
 * @property {string | null} signal
 *
 * @typedef {{event: string, text?: string, result?: any, repr?: string | null, error?: string, displays?: object[],
 *   files?: Record<string, ReturnedFile>, outcome?: string, status?: number, usage?: Usage,
 *   [member: string]: any}} Event
 *
 * @typedef {{body?: any, raw?: any, headers?: Record<string, string>, signal?: AbortSignal,
 *   again?: string[], good?: (response: Response) => boolean | Promise<boolean>}} Sending
 *   body: sent as JSON; raw: sent as it is; again: outcomes after which the request is sent again;
 *   good: whether an answer is no failure although its status is above 399
 */

// What comes back

/** A file that a job has returned. */
export class ReturnedFile {
  #base64;

  /** @param {string} name @param {{base64: string, size: number, media_type: string}} body */
  constructor(name, body) {
    this.name = name;
    this.size = body.size;
    this.mediaType = body.media_type;
    this.#base64 = body.base64;
  }
  /** @returns {Uint8Array} */
  bytes() {
    return fromBase64(this.#base64);
  }
  text() {
    return new TextDecoder().decode(this.bytes());
  }
  blob() {
    return new Blob([/** @type {any} */ (this.bytes())], { type: this.mediaType });
  }
}

/** What a job has answered: what `main()` returned, or what the last expression of a cell was. */
export class Answer {
  /** @param {Record<string, any>} body  as the service has written it */
  constructor(body) {
    this.result = body.result;
    /** @type {string | null | undefined}  of code: Python's text of the value */
    this.repr = body.repr;
    /** @type {string | undefined}  of code: why `result` is null although the value is not */
    this.resultProblem = body.result_problem;
    /** @type {string} */
    this.stdout = body.stdout ?? '';
    /** @type {string | undefined}  with `verbose` */
    this.stderr = body.stderr;
    this.truncated = Boolean(body.stdout_truncated || body.stderr_truncated || body.displays_truncated);
    this.files = returnedFiles(body.files);
    /** @type {Record<string, string>[]}  each from media type to data; images other than SVG are base64 */
    this.displays = body.displays ?? [];
    /** @type {Usage | undefined}  with `verbose` */
    this.usage = body.usage;
    this.limits = body.limits;
    /** @type {number | undefined}  of sessions */
    this.cell = body.cell;
    /** @type {number | undefined}  of sessions: the cell whose state the next one finds */
    this.head = body.head;
    /** The whole answer. */
    this.body = body;
  }
}

/** An outcome other than success. `outcome` names it; `ran` says whether anything may have run. */
export class PyexecError extends Error {
  /** @param {string} message @param {Record<string, any>} [details] */
  constructor(message, details = {}) {
    super(message);
    const body = details.body ?? {};
    this.name = new.target.name;
    /** @type {string | undefined} */
    this.outcome = details.outcome;
    /** @type {number | undefined} */
    this.status = details.status;
    this.ran = details.ran ?? OUTCOMES[this.outcome ?? '']?.ran ?? true;
    /** @type {number | undefined}  seconds after which to try again */
    this.retryAfter = details.retryAfter;
    /** @type {string | undefined}  what was probably meant */
    this.hint = details.hint;
    /** @type {string | undefined} */
    this.requestId = details.requestId;
    /** What the job had printed, written and shown before, in the members of an Answer. */
    this.answer = new Answer(body);
    this.stdout = this.answer.stdout;
    this.body = body;
  }
}
/** The service did not run the job, and would not if the same were sent again. */
export class Refused extends PyexecError {}
/** The job did not succeed, and would not if the same were sent again. */
export class JobFailed extends PyexecError {}
/** Nothing has run. After `retryAfter` seconds it may be sent again. */
export class TryAgain extends PyexecError {}

/** The request is malformed, or asks for more than it may have. */
export class InvalidRequest extends Refused {}
/** The service wants an API key. */
export class Unauthorized extends Refused {}
/** The script has a syntax error, no `main()`, or imports what the operator denies. */
export class InvalidScript extends JobFailed {}
/** `main()` does not take these arguments. */
export class InvalidArguments extends JobFailed {}
/** The script raised. `traceback` is Python's text; with `verbose`, `detail` has type, message and line. */
export class ScriptError extends JobFailed {
  get traceback() {
    return this.message;
  }
  /** @returns {{type: string, message: string, line: number | null} & Record<string, any> | undefined} */
  get detail() {
    return this.body.error_detail ?? undefined;
  }
}
/** `main()` returned something that has no JSON form. */
export class NotSerializable extends JobFailed {}
/** The time limit passed. */
export class TimeLimit extends JobFailed {}
/** The memory limit was reached. */
export class MemoryLimit extends JobFailed {}
/** The result, or a returned file, is larger than it may be. */
export class OutputLimit extends JobFailed {}
/** The script exited before `main()` returned. */
export class Exited extends JobFailed {}
/** A signal ended the script. */
export class Killed extends JobFailed {}
/** Nothing of this client has this name. */
export class NotFound extends Refused {}
/** It was there, and is no more. */
export class Gone extends Refused {}
/** This instance has no such template. */
export class UnknownTemplate extends Refused {}
/** The session or the job lives in another instance of the service. */
export class Misdirected extends Refused {}
/** The service has too much to do. Nothing has run. */
export class Busy extends TryAgain {}
/** Too many requests of this key or address. Nothing has run. */
export class RateLimited extends TryAgain {}
/** The service failed. */
export class InternalError extends PyexecError {}
/** The service could not be connected to, so nothing has run: check the address. */
export class Unreachable extends PyexecError {}
/** There was no answer, or it ended early. Whether the job has run is not known. */
export class AnswerLost extends PyexecError {}
/** What answers there is not this service: check the address. `ran` is false if it refused or redirected. */
export class UnexpectedAnswer extends PyexecError {}

/**
 * Outcomes and their errors. `ran` is false if the outcome means that nothing has run.
 * @type {Record<string, {error: typeof PyexecError | null, ran: boolean}>}
 */
export const OUTCOMES = {
  ok: { error: null, ran: true },
  calls: { error: null, ran: true },
  accepted: { error: null, ran: true },
  invalid_request: { error: InvalidRequest, ran: false },
  unauthorized: { error: Unauthorized, ran: false },
  invalid_script: { error: InvalidScript, ran: true },
  invalid_arguments: { error: InvalidArguments, ran: true },
  exception: { error: ScriptError, ran: true },
  not_serializable: { error: NotSerializable, ran: true },
  time_limit: { error: TimeLimit, ran: true },
  memory_limit: { error: MemoryLimit, ran: true },
  output_limit: { error: OutputLimit, ran: true },
  exited: { error: Exited, ran: true },
  killed: { error: Killed, ran: true },
  not_found: { error: NotFound, ran: false },
  gone: { error: Gone, ran: false },
  unknown_template: { error: UnknownTemplate, ran: false },
  misdirected: { error: Misdirected, ran: false },
  busy: { error: Busy, ran: false },
  rate_limited: { error: RateLimited, ran: false },
  internal: { error: InternalError, ran: true },
};
const NOT_NOW = ['busy', 'rate_limited'];
const WITHOUT_OUTCOME = [401, 405, 429, 500]; // statuses of the service's that do not need one

/** Makes the error of an answer. @param {Record<string, any>} body @param {Record<string, any>} details */
function errorOf(body, details) {
  const type = OUTCOMES[details.outcome]?.error ?? PyexecError;
  return new type(body.error ?? `the service answered with status ${details.status}`, { ...details, body });
}

/** @param {number} status @param {string} text */
function unexpected(status, text) {
  const ran = status < 300 || status >= 500; // a proxy may answer so for a job that has run
  const message = `the answer of status ${status} is not from pyexec: check the address: ${text.slice(0, 200)}`;
  return new UnexpectedAnswer(message, { status, ran });
}

/** That of a job that waited for its caller: it had run until then. @param {unknown} error */
function afterCalls(error) {
  return error instanceof PyexecError ? Object.assign(error, { ran: true }) : error;
}

// What the caller gives

const LONE_SURROGATES = /\p{Surrogate}/gu;
const DEEPEST = 1000; // the service takes less, and the stack holds more

/** @param {string} message @param {new (message: string) => Error} [type] */
function mistake(message, type = TypeError) {
  return Object.assign(new type(message), { ran: false });
}

/** @param {any} value */
function typeOf(value) {
  return Object.prototype.toString.call(value).slice(8, -1);
}

/** Whether a value has members by name: an object that is no list, no promise and so on. @param {any} value */
function isRecord(value) {
  return ['Object', 'Module'].includes(typeOf(value));
}

/** @template T @param {T} options @param {string} [example] @returns {T} */
function checkedOptions(options, example = '{ args: [1, 2], timeout: 5 }') {
  if (isRecord(options)) return options;
  throw mistake(`the options are of the type ${typeOf(options)}: give an object, as ${example}`);
}

/** @param {any} value @param {string} name @returns {string} */
function checkedText(value, name) {
  if (typeof value !== 'string') throw mistake(`${name} is of the type ${typeOf(value)}: give a string`);
  return sendable(value, name);
}

/** A name as a part of a path. @param {string} value @param {string} name */
function pathPart(value, name) {
  return encodeURIComponent(checkedText(value, name));
}

/** @param {unknown} value @param {string} name @param {number} least @param {number} [most] @returns {number} */
function checkedNumber(value, name, least, most = Infinity) {
  if (typeof value !== 'number') throw mistake(`${name} is of the type ${typeOf(value)}: give a number`);
  if (value >= least && value <= most) return value;
  throw mistake(`${name} is ${value}: give a ${most < Infinity ? 'finite ' : ''}number from ${least}`, RangeError);
}

/** @param {AbortSignal | null | undefined} signal */
function checkedSignal(signal) {
  if (!signal || typeof signal.addEventListener === 'function') return signal ?? undefined;
  throw mistake(`signal is of the type ${typeOf(signal)}: give an AbortSignal`);
}

/** The address without a slash at its end. One that holds a password is not shown. @param {any} url */
function baseOf(url) {
  const page = /** @type {any} */ (globalThis).document?.baseURI;
  let address;
  try {
    if (typeof url === 'string' || typeof url?.href === 'string') address = new URL(url, page);
  } catch {
    // said below
  }
  if (address?.username || address?.password)
    throw mistake("a URL must not hold a user or a password: an API key is given as { key: 'KEY' }");
  if (address && /^https?:$/.test(address.protocol)) return address.href.replace(/[?#].*$/, '').replace(/\/$/, '');
  const shown = typeof url !== 'string' ? typeOf(url) : url.includes('@') ? '(not shown)' : `'${url}'`;
  throw mistake(`not a URL as http://HOST:PORT or https://HOST:PORT/PREFIX: ${shown}`);
}

/** It stands in a header, and is not shown. @param {unknown} key @returns {string} */
function checkedKey(key) {
  if (key === undefined || key === null) return '';
  if (typeof key === 'string' && /^[!-~]{0,4096}$/.test(key)) return key;
  throw mistake('the key is not one API key: a string that has neither spaces nor newlines');
}

/** @param {any} options @returns {Required<Omit<ClientOptions, 'key'>> & {key: string}} */
function checkedClientOptions(options) {
  const { key, patience = 60, fetch = globalThis.fetch, parse = JSON.parse, ...others } = options;
  for (const name of Object.keys(others))
    throw mistake(`there is no option '${name}' of a client: there are key, patience, fetch and parse`);
  for (const [name, value] of Object.entries({ fetch, parse }))
    if (typeof value !== 'function') throw mistake(`${name} is of the type ${typeOf(value)}: give a function`);
  return { key: checkedKey(key), patience: checkedNumber(patience, 'patience', 0), fetch, parse };
}

/**
 * A value as JSON.stringify can write it without a change of meaning: sets and typed arrays are lists, and maps are
 * objects. Throws a TypeError with the place of what JSON does not know.
 * @param {any} value @param {string} name @returns {any}
 */
function sendable(value, name) {
  return new Converter(name).value(value, '');
}

class Converter {
  /** @type {(string | number)[]}  where the value is that is looked at */
  #path = [];
  #above = new Set();

  /** @param {string} name */
  constructor(name) {
    this.name = name;
  }

  /** @param {any} given @param {string} key @returns {any} */
  value(given, key) {
    if (given instanceof Date && Number.isNaN(given.getTime())) this.#refuse('is an invalid date');
    const value = written(given, key);
    if (typeof value !== 'object' || value === null) return this.#scalar(value);
    if (/** @type {any} */ (JSON).isRawJSON?.(value)) return value;
    if (this.#above.has(given)) this.#refuse('contains itself');
    if (this.#above.size > DEEPEST) this.#refuse('is nested too deeply');
    this.#above.add(given);
    const made = isList(value) ? Array.from(value, (item, index) => this.#inside(index, item)) : this.#object(value);
    this.#above.delete(given);
    return made;
  }

  /** @param {any} value */
  #scalar(value) {
    if (typeof value === 'string') return this.#text(value);
    if (Number.isFinite(value) || typeof value === 'boolean' || value === undefined || value === null) return value;
    if (typeof value === 'number') this.#refuse(`is ${value}, which JSON has not: give null or text`);
    return this.#refuse(`is of the type ${typeOf(value)}, which JSON has not`);
  }

  /** @param {any} value */
  #object(value) {
    if (!isRecord(value) && !(value instanceof Map)) return this.#scalar(value);
    const entries = value instanceof Map ? [...value] : Object.entries(value);
    const odd = entries.find(([key]) => typeof key !== 'string');
    if (odd) this.#refuse(`has a key of the type ${typeOf(odd[0])}: keys of JSON are strings`);
    return Object.fromEntries(entries.map(([key, member]) => [this.#text(key), this.#inside(key, member)]));
  }

  /** @param {string | number} key @param {any} value @returns {any} */
  #inside(key, value) {
    this.#path.push(key);
    const made = this.value(value, String(key));
    this.#path.pop();
    return made;
  }

  /** @param {string} text */
  #text(text) {
    return text.search(LONE_SURROGATES) < 0 ? text : this.#refuse('has half of a surrogate pair, which is no text');
  }

  /** @param {string} why @returns {never} */
  #refuse(why) {
    const steps = this.#path.slice(0, 20).map((key) => (typeof key === 'number' ? `[${key}]` : `.${key}`));
    throw mistake(`${this.name}${steps.join('')}${this.#path.length > 20 ? '...' : ''} ${why}`);
  }
}

/** @param {any} value */
function isList(value) {
  return Array.isArray(value) || value instanceof Set || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}

/** What JSON.stringify takes a value for. @param {any} value @param {string} key */
function written(value, key) {
  if (!isList(value) && typeof value?.toJSON === 'function') return value.toJSON(key);
  const isBoxed = value instanceof Number || value instanceof String || value instanceof Boolean;
  return isBoxed ? value.valueOf() : value;
}

// Requests

/** @param {Uint8Array} bytes */
function toBase64(bytes) {
  const parts = [];
  for (let from = 0; from < bytes.length; from += 0x6000)
    parts.push(btoa(String.fromCharCode(...bytes.subarray(from, from + 0x6000))));
  return parts.join('');
}

/** @param {string} text */
function fromBase64(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; ++i) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** @param {FileData} data @param {string} name @returns {Promise<Uint8Array>} */
async function bytesOf(data, name) {
  if (typeof data === 'string') return new TextEncoder().encode(sendable(data, `the file ${name}`));
  if (data instanceof Blob) return new Uint8Array(await data.arrayBuffer());
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const type = typeOf(data);
  throw mistake(`the file ${name} is of the type ${type}: give a string, a Uint8Array, an ArrayBuffer or a Blob`);
}

/** @param {Record<string, FileData>} files */
async function filesField(files) {
  if (!isRecord(files))
    throw mistake(`files is of the type ${typeOf(files)}: give an object of contents by name, as { 'a.csv': 'x,y' }`);
  /** @type {[string, string | {base64: string}][]} */
  const fields = [];
  for (const [name, data] of Object.entries(files))
    fields.push([name, typeof data === 'string' ? data : { base64: toBase64(await bytesOf(data, name)) }]);
  return Object.fromEntries(fields);
}

/** @param {Record<string, any> | undefined} files @returns {Record<string, ReturnedFile>} */
function returnedFiles(files) {
  return Object.fromEntries(Object.entries(files ?? {}).map(([name, body]) => [name, new ReturnedFile(name, body)]));
}

/** @param {Record<string, ToolFunction | Tool>} tools */
function toolsField(tools) {
  if (!isRecord(tools))
    throw mistake(`tools is of the type ${typeOf(tools)}: give an object of functions by name, as { f: (x) => x }`);
  return Object.entries(tools).map(([name, tool]) => {
    if (typeof tool === 'function') return name;
    if (typeof tool?.run !== 'function')
      throw mistake(`the tool ${name} is of the type ${typeOf(tool)}: give a function, or an object whose run is one`);
    const { description, inputSchema } = tool;
    return { name, ...(description && { description }), ...(inputSchema && { input_schema: inputSchema }) };
  });
}

/**
 * The body of a request: options become fields.
 * @param {Record<string, any>} fields @param {Record<string, any>} options
 */
async function bodyOf(fields, options) {
  /** @type {Record<string, any>} */
  const body = {};
  for (const [name, value] of Object.entries(fields)) body[name] = value === true ? value : checkedText(value, name);
  checkedSignal(checkedOptions(options).signal);
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || name === 'signal') continue;
    if (name === 'timeout') body.timeout_ms = Math.round(checkedNumber(value, name, 0, 1e12) * 1000);
    else if (name === 'files') body.files = sendable(await filesField(value), name);
    else if (name === 'tools') body.tools = sendable(toolsField(value), name);
    else body[name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)] = sendable(value, name);
  }
  return body;
}

/**
 * Calls a function that a script has called. Never throws: the script gets the error.
 * @param {{id: number, name: string, args: any}} call @param {Record<string, ToolFunction | Tool>} tools
 */
async function resultOf({ id, name, args }, tools) {
  try {
    const tool = Object.hasOwn(tools, name) ? tools[name] : undefined;
    if (tool === undefined) throw new Error(`there is no tool ${name}`);
    const run = typeof tool === 'function' ? tool : tool.run;
    const result = (await (Array.isArray(args) ? run(...args) : run(args))) ?? null;
    return sendableResult(id, name, result);
  } catch (error) {
    return { id, error: textOf(error) };
  }
}

/** @param {number} id @param {string} name @param {any} result */
function sendableResult(id, name, result) {
  try {
    const sent = sendable(result, 'result');
    JSON.stringify(sent); // throws here, and not when the other results are sent
    return { id, result: sent };
  } catch (error) {
    return { id, error: `what the tool ${name} returned cannot be sent: ${textOf(error)}` };
  }
}

/** What an error says. It may be anything that a tool throws. @param {any} error @returns {string} */
function textOf(error) {
  try {
    const text = String(error instanceof Error ? error.message || error.name : error);
    return text.replace(LONE_SURROGATES, '\ufffd');
  } catch {
    return 'an error without a text';
  }
}

/**
 * Answers calls. What the service refuses becomes an error in the script, the largest first: mostly it is too large.
 * The service may close the connection upon a large request, too. A token is used once: nothing is delivered twice.
 * @param {Transport} transport
 * @param {{continue: string, calls: {id: number, name: string}[]}} waits
 * @param {{id: number, result?: any, error?: string}[]} results  in the order of the calls
 * @param {AbortSignal} [signal]
 */
async function answerCalls(transport, waits, results, signal) {
  const sent = [...results];
  /** @type {number[] | undefined} */
  let sizes;
  let lost;
  for (;;)
    try {
      const body = { continue: waits.continue, results: sent };
      return await transport.request('POST', '/execute/continue', { body, signal });
    } catch (error) {
      if (lost && error instanceof Gone) throw lost;
      sizes ??= sent.map((result) => JSON.stringify(result).length);
      const size = Math.max(...sizes);
      const why = whyRefused(error, size);
      if (why === undefined || size === 0) throw error;
      if (error instanceof AnswerLost) lost = error;
      const largest = sizes.indexOf(size);
      sizes[largest] = 0;
      const { id, name } = waits.calls[largest];
      sent[largest] = { id, error: `what the tool ${name} returned was refused: ${why}` };
    }
}

/** Why the service has not taken results, if it is their fault. @param {unknown} error @param {number} size */
function whyRefused(error, size) {
  if (error instanceof InvalidRequest) return error.message;
  return error instanceof AnswerLost && size > 1 << 20 ? 'the connection broke, as if it were too large' : undefined;
}

/**
 * Ends a job that waits for answers. Only one that runs ends with its connection, so it gets errors to go on with.
 * @param {Transport} transport @param {{continue: string, calls: {id: number}[]}} waits
 */
async function leave(transport, waits) {
  const error = 'the caller has left';
  const body = { continue: waits.continue, results: waits.calls.map(({ id }) => ({ id, error })) };
  for (const until = Date.now() + transport.patience * 1000; ; ) {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), 2000); // as long as the job may go on
    try {
      await transport.request('POST', '/execute/continue', { body, signal: controller.signal, again: [] });
      return;
    } catch (refusal) {
      if (!(refusal instanceof TryAgain) || Date.now() > until) return;
      await pause((refusal.retryAfter ?? 1) * 1000, undefined);
    } finally {
      clearTimeout(timer);
      controller.abort();
    }
  }
}

/** The lines of an answer as they come. @param {Response} response */
async function* linesOf(response) {
  if (response.body === null) return;
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  /** @type {string[]} */
  let begun = [];
  for (;;) {
    const { value, done } = await reader.read();
    const [first, ...others] = decoder.decode(value, { stream: !done }).split('\n');
    begun.push(first);
    for (const next of others) {
      yield begun.join('');
      begun = [next];
    }
    if (done) break;
  }
  const last = begun.join('');
  if (last) yield last;
}

/** @param {number} ms @param {AbortSignal | undefined} signal @returns {Promise<void>} */
function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
}

/**
 * Waits for a promise, or until a signal is aborted.
 * @template T @param {Promise<T>} promise @param {AbortSignal | undefined} signal @returns {Promise<T>}
 */
function unlessAborted(promise, signal) {
  const { controller, release } = linked(signal);
  /** @type {Promise<never>} */
  const aborted = new Promise((_, reject) => {
    if (controller.signal.aborted) reject(controller.signal.reason);
    else controller.signal.addEventListener('abort', () => reject(controller.signal.reason));
  });
  return Promise.race([promise, aborted]).finally(release);
}

/** A controller that a signal of the caller's aborts too. @param {AbortSignal | undefined} signal */
function linked(signal) {
  checkedSignal(signal);
  const controller = new AbortController();
  const abort = () => controller.abort(signal?.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort, { once: true });
  const release = () => signal?.removeEventListener('abort', abort);
  return { controller, release };
}

/** Whether an error is that of an aborted signal. @param {AbortSignal | undefined} signal */
function rethrowAborted(signal) {
  if (signal?.aborted) throw signal.reason;
}

// Codes of Node's errors: of the address, of a TLS handshake, and of a certificate.
const NOT_CONNECTED = [
  /^(ECONNREFUSED|ENOTFOUND|EAI_\w+|UND_ERR_CONNECT_TIMEOUT)$/,
  /^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|\w*(HANDSHAKE_FAILURE|PROTOCOL|UNRECOGNIZED_NAME)\w*)$/,
  /^(ERR_TLS_CERT_\w+|CERT_\w+|UNABLE_TO_\w+|SELF_SIGNED_CERT_\w+|DEPTH_ZERO_SELF_SIGNED_CERT)$/,
];

/** Whether an error of Node's means that no request can have been sent. @param {any} error @returns {boolean} */
function isUnconnected(error) {
  if (error?.errors?.length) return error.errors.every(isUnconnected); // an attempt for each address of the host
  if (['connect', 'getaddrinfo'].includes(error?.syscall)) return true;
  if (NOT_CONNECTED.some((codes) => codes.test(error?.code))) return true;
  return /^bad port$|before secure TLS connection was established/.test(error?.message); // these have no code
}

/** Sends requests, waits while the service is busy, and makes errors of answers. */
class Transport {
  #key; // what prints a client does not print private fields

  /** @param {string | URL} url @param {ClientOptions} options */
  constructor(url, options) {
    const { key, patience, fetch, parse } = checkedClientOptions(checkedOptions(options, "{ key: 'KEY' }"));
    this.base = baseOf(url);
    this.#key = key;
    this.patience = patience;
    this.send = fetch;
    this.parse = parse;
  }
  get key() {
    return this.#key;
  }

  /**
   * @param {string} method @param {string} path
   * @param {Sending} [sending]
   * @returns {Promise<Response>}  of a status below 400, or a good one
   */
  async request(method, path, { body, raw, headers = {}, signal, again = NOT_NOW, good } = {}) {
    checkedSignal(signal);
    const all = { ...headers };
    if (body !== undefined) all['Content-Type'] = 'application/json';
    if (this.key) all.Authorization = `Bearer ${this.key}`;
    const content = body === undefined ? raw : JSON.stringify(body);
    const until = Date.now() + this.patience * 1000;
    for (;;) {
      const response = await this.#once(path, { method, headers: all, body: content, signal, redirect: 'manual' });
      if (response.type === 'opaqueredirect' || (response.status >= 300 && response.status < 400))
        throw this.#redirected(response);
      if (response.status < 400 || (await good?.(response))) return response;
      const error = await this.#failure(response, signal);
      const wait = (error.retryAfter ?? 1) * 1000 * (1 + Math.random() / 2);
      if (!again.includes(error.outcome ?? '') || Date.now() + wait > until) throw error;
      await pause(wait, signal);
    }
  }

  /** @param {string} path @param {RequestInit} init */
  async #once(path, init) {
    const send = this.send; // called as a function: browsers refuse their fetch another `this`
    try {
      return await send(this.base + path, init);
    } catch (error) {
      rethrowAborted(init.signal ?? undefined);
      throw this.#unanswered(error);
    }
  }

  /** Of a request that fetch has failed to send. @param {any} error */
  #unanswered(error) {
    const cause = error?.cause ?? error;
    if (isUnconnected(cause)) {
      const words = cause.reason ? `${cause.reason} (does it speak https?)` : cause.message || cause.code;
      const message = `cannot connect to ${this.base}: ${words}; nothing has run: check the address`;
      return Object.assign(new Unreachable(message, { ran: false }), { cause: error });
    }
    const lost = this.lost(error);
    if (error?.cause === undefined)
      lost.message += '; whether a connection was made is not told, as in browsers: check the address, and CORS';
    return lost;
  }

  /** @param {Response} response */
  #redirected(response) {
    const where = response.headers.get('Location')?.slice(0, 200) ?? 'another address';
    const message = `${this.base} redirects to ${where}: give that address, if you trust it`;
    return new UnexpectedAnswer(message, { status: response.status || undefined, ran: false });
  }

  /** @param {unknown} cause */
  lost(cause) {
    const { cause: first, message } = /** @type {any} */ (cause instanceof Error ? cause : { message: cause });
    const reason = first?.message || message;
    const error = new AnswerLost(`${this.base}: no whole answer: ${reason}`);
    error.cause = cause;
    return error;
  }

  /** The text of an answer. @param {Response} response @param {AbortSignal} [signal] */
  async text(response, signal) {
    try {
      return await response.text();
    } catch (error) {
      rethrowAborted(signal);
      throw this.lost(error);
    }
  }

  /**
   * The object that an answer is.
   * @param {Response} response @param {string[]} members  it has one of them @param {AbortSignal} [signal]
   */
  async json(response, members, signal) {
    const text = await this.text(response, signal);
    const body = this.object(text);
    if (members.some((name) => Object.hasOwn(body ?? {}, name))) return body;
    throw unexpected(response.status, text);
  }

  /** @param {string} text @returns {any}  undefined if it is no object of JSON */
  object(text) {
    try {
      const value = this.parse(text);
      return isRecord(value) ? value : undefined;
    } catch {
      return undefined;
    }
  }

  /** A message of JSON-RPC, of an event stream the last one; undefined for anything else. @param {string} text */
  message(text) {
    const last = text.startsWith('{') ? text : text.match(/^data:.*$/gm)?.at(-1)?.slice('data:'.length);
    const body = this.object(last ?? '');
    return body && Object.hasOwn(body, 'jsonrpc') ? body : undefined;
  }

  /** @param {Response} response @param {AbortSignal} [signal] */
  async #failure(response, signal) {
    const text = await this.text(response, signal);
    const body = this.object(text);
    const isOwn = response.headers.has('Pyexec-Outcome') || WITHOUT_OUTCOME.includes(response.status);
    if (body === undefined || !isOwn) return unexpected(response.status, text);
    return errorOf(body, {
      outcome: response.headers.get('Pyexec-Outcome') ?? undefined,
      status: response.status,
      retryAfter: Number(response.headers.get('Retry-After')) || undefined,
      hint: response.headers.get('Pyexec-Hint') ?? undefined,
      requestId: response.headers.get('X-Request-Id') ?? undefined,
    });
  }

  /**
   * Values of the lines of an answer. Leaving the loop closes the connection.
   * @param {string} path @param {Sending} request
   */
  async *stream(path, request) {
    const { controller, release } = linked(request.signal);
    try {
      const response = await this.request('POST', path, { ...request, signal: controller.signal });
      for await (const line of linesOf(response)) if (line) yield this.#lineOf(line, response.status);
    } catch (error) {
      rethrowAborted(request.signal);
      throw error instanceof PyexecError ? error : this.lost(error);
    } finally {
      release();
      controller.abort();
    }
  }

  /**
   * An event, or an answer of a batch. What begins as an object and is none was cut.
   * @param {string} line @param {number} status
   */
  #lineOf(line, status) {
    const value = line.trimStart().startsWith('{') ? this.parse(line) : undefined;
    if (['event', 'index', 'progress'].some((name) => Object.hasOwn(value ?? {}, name))) return value;
    throw unexpected(status, line);
  }
}

/**
 * @typedef {object} ClientOptions
 * @property {string} [key]  the API key
 * @property {number} [patience]  seconds to wait in total while the service is busy; 60 by default
 * @property {typeof fetch} [fetch]
 * @property {(text: string) => any} [parse]  of JSON; JSON.parse rounds integers above 2^53
 */

const DONE = ['result', 'calls']; // what the answer of a job has

/** What can run jobs: the service, a session, a template. Each says where a job goes and what it gets. */
class Runner {
  /** @type {Transport} */
  _transport;
  _path = '/execute';

  /** @param {Transport} transport @param {string} [path] */
  constructor(transport, path) {
    this._transport = transport;
    this._path = path ?? this._path;
  }

  /** Runs a script and returns what its `main()` returned. @param {string} script @param {JobOptions} [options] */
  run(script, options = {}) {
    return this._run({ script }, options);
  }
  /**
   * Runs a notebook's cell. The result is the value of its last expression.
   * @param {string} code @param {JobOptions} [options]
   */
  code(code, options = {}) {
    return this._run({ code }, options);
  }
  /**
   * Calls a function that a template or an earlier cell has defined.
   * @param {string} name
   * @param {JobOptions} [options]
   */
  call(name, options = {}) {
    return this._run({ call: name }, options);
  }
  /** Runs a script; its events come as they happen. @param {string} script @param {JobOptions} [options] */
  stream(script, options = {}) {
    return this._stream({ script }, options);
  }
  /** The same for a notebook's cell. @param {string} code @param {JobOptions} [options] */
  streamCode(code, options = {}) {
    return this._stream({ code }, options);
  }
  /** The same for a call. @param {string} name @param {JobOptions} [options] */
  streamCall(name, options = {}) {
    return this._stream({ call: name }, options);
  }

  /**
   * Runs a script without waiting: its answer is there to be asked for.
   * @param {string} script @param {JobOptions} [options]
   */
  submit(script, options = {}) {
    return this._submit({ script }, options);
  }
  /** The same for a notebook's cell. @param {string} code @param {JobOptions} [options] */
  submitCode(code, options = {}) {
    return this._submit({ code }, options);
  }
  /** The same for a call. @param {string} name @param {JobOptions} [options] */
  submitCall(name, options = {}) {
    return this._submit({ call: name }, options);
  }

  /** @param {Record<string, any>} what @param {JobOptions} options @returns {Promise<Job>} */
  async _submit(what, options) {
    const body = await bodyOf(what, options);
    if (options.tools) throw mistake('a job with tools needs its caller: use run');
    return this._hand(this._path, body, options.signal);
  }
  /** @param {string} path @param {any} body @param {AbortSignal} [signal] @returns {Promise<Job>} */
  async _hand(path, body, signal) {
    const headers = { Prefer: 'respond-async' };
    const response = await this._transport.request('POST', path, { body, headers, signal });
    const { job } = await this._transport.json(response, ['job', 'result'], signal);
    if (typeof job !== 'string') throw new UnexpectedAnswer('this service has run the job, and keeps no answers');
    return new Job(this._transport, job);
  }

  /** @param {Record<string, any>} what @param {JobOptions} options @returns {Promise<Answer>} */
  async _run(what, options) {
    const sent = await bodyOf(what, options);
    const { signal, tools = {} } = options;
    let body = await this._post(this._path, sent, signal);
    while (body.outcome === 'calls') body = await this.#goOn(body, tools, signal);
    return new Answer(body);
  }

  /**
   * Calls what a job waits for. Returns its next answer.
   * @param {any} waits @param {Record<string, ToolFunction | Tool>} tools @param {AbortSignal} [signal]
   */
  async #goOn(waits, tools, signal) {
    try {
      const calls = waits.calls.map((/** @type {any} */ call) => resultOf(call, tools));
      const results = await unlessAborted(Promise.all(calls), signal);
      const response = await answerCalls(this._transport, waits, results, signal);
      return await this._transport.json(response, DONE, signal);
    } catch (error) {
      if (!(error instanceof JobFailed || error instanceof Gone)) leave(this._transport, waits).catch(() => {});
      throw afterCalls(error);
    }
  }

  /** @param {string} path @param {any} body @param {AbortSignal} [signal] @param {string[]} [members] */
  async _post(path, body, signal, members = DONE) {
    return this._transport.json(await this._transport.request('POST', path, { body, signal }), members, signal);
  }

  /**
   * @param {Record<string, any>} what
   * @param {Iterable<any> | AsyncIterable<any>} items
   * @param {MapOptions & {renew?: () => Promise<void>}} options
   */
  async *_map(what, items, options) {
    const { ordered, fields, requestJobs, requestBytes, signal, renew, ...shared } = checkedOptions(options);
    for (const [name, value] of Object.entries({ requestJobs, requestBytes }))
      if (value !== undefined) checkedNumber(value, name, 1);
    if (fields !== undefined && typeof fields !== 'function')
      throw mistake(`fields is of the type ${typeOf(fields)}: give a function that makes the options of an item's job`);
    const defaults = await bodyOf({ defaults: true, ...what }, shared);
    const given = /** @type {any} */ (items);
    const each = given?.[Symbol.asyncIterator]?.() ?? given?.[Symbol.iterator]?.();
    if (each === undefined) throw mistake(`items is of the type ${typeOf(items)}: give an array or another iterable`);
    yield* new BatchRun(this._transport, each, defaults, options).entries();
  }

  /** @param {Record<string, any>} what @param {JobOptions} options */
  _stream(what, options) {
    return new LiveAnswer(this._transport, () => bodyOf(what, options), this._path, options);
  }
}

/**
 * A live answer: `for await (const event of answer)`. Events are those of the API, `error` and `end` among them: a job
 * that fails does not throw here. Leaving the loop kills the job.
 */
export class LiveAnswer {
  #transport;
  #body;
  #path;
  #options;

  /**
   * @param {Transport} transport
   * @param {() => Promise<any>} body
   * @param {string} path
   * @param {JobOptions} options
   */
  constructor(transport, body, path, options) {
    this.#transport = transport;
    this.#body = body;
    this.#path = path;
    this.#options = options;
  }

  /** @returns {AsyncGenerator<Event, void, void>} */
  async *[Symbol.asyncIterator]() {
    const { controller, release } = linked(checkedOptions(this.#options).signal);
    /** @type {unknown} */
    let refusal;
    const answer = async (/** @type {any} */ call) => {
      try {
        const results = [await resultOf(call, this.#options.tools ?? {})];
        await answerCalls(this.#transport, { continue: call.continue, calls: [call] }, results, controller.signal);
      } catch (error) {
        if (controller.signal.aborted || error instanceof Gone) return; // the job has ended meanwhile
        refusal = afterCalls(error);
        controller.abort();
      }
    };
    let ended = false;
    try {
      const headers = { Accept: 'application/x-ndjson' };
      const sending = { body: await this.#body(), headers, signal: controller.signal };
      for await (const event of this.#transport.stream(this.#path, sending)) {
        if (event.event === 'ping') continue;
        if (event.event === 'call') answer(event);
        if (event.files) event.files = returnedFiles(event.files);
        ended ||= event.event === 'end';
        yield event;
      }
      if (!ended) throw this.#transport.lost('the events have no end');
    } catch (error) {
      rethrowAborted(this.#options.signal);
      throw refusal ?? error;
    } finally {
      release();
      controller.abort();
    }
  }

  /** Reads all events. Returns the answer, or throws, as `run` does. @returns {Promise<Answer>} */
  async answer() {
    /** @type {Record<string, any>} */
    const body = { stdout: '', stderr: '' };
    const files = {};
    for await (const { event, ...members } of this) {
      if (event === 'stdout' || event === 'stderr') body[event] += members.text;
      else if (event === 'files') Object.assign(files, members.files);
      else if (event !== 'call') Object.assign(body, members);
    }
    const answer = Object.assign(new Answer(body), { files });
    if (body.outcome === 'ok') return answer;
    throw Object.assign(errorOf(body, { outcome: body.outcome, status: body.status }), { answer });
  }
}

/** One item of `map`. `result` throws the item's error, if it has one. */
export class Entry {
  /**
   * @param {number} index @param {any} item @param {Record<string, any>} line  as the service has written it
   * @param {AnswerLost | null} lost  why there is no line
   */
  constructor(index, item, line, lost = null) {
    const { index: _, id, status, ...body } = line;
    this.index = index;
    this.item = item;
    /** @type {Answer | null} */
    this.answer = line.outcome === 'ok' ? new Answer(body) : null;
    /** @type {PyexecError | null} */
    this.error = lost ?? (line.outcome === 'ok' ? null : errorOf(body, { outcome: line.outcome, status }));
  }
  get result() {
    if (this.answer === null) throw this.error;
    return this.answer.result;
  }
}

/**
 * @typedef {JobOptions & {
 *   ordered?: boolean,
 *   fields?: (item: any) => Record<string, any>,
 *   requestJobs?: number,
 *   requestBytes?: number,
 * }} MapOptions
 *   ordered: entries come in the order of the items (the default), or as their jobs end.
 *   fields: the options of an item's job; `{args: [item]}` by default.
 *   requestJobs, requestBytes: how many jobs one request has at most.
 */

/** @typedef {{index: number, item: any, line: string}} BatchJob */

/** Runs a job for each item, by requests of many jobs, two at a time. Holds a bounded number of items and answers. */
class BatchRun {
  static LANES = 2;
  #next = 0; // index of the next item to take
  #yielded = 0; // entries that the caller has got
  #size = 8; // jobs of the next request: the first answers come soon
  #isAnswered = false; // whether jobs have run
  #taking = Promise.resolve();
  #room = () => {};

  /**
   * @param {Transport} transport
   * @param {AsyncIterator<any> | Iterator<any>} items
   * @param {any} defaults
   * @param {MapOptions & {renew?: () => Promise<void>}} options  renew: prepares a template that was dropped
   */
  constructor(transport, items, defaults, options) {
    this.transport = transport;
    this.items = items;
    this.defaults = JSON.stringify(defaults) + '\n';
    this.options = options;
    this.jobs = options.requestJobs ?? 200;
    this.bytes = options.requestBytes ?? 1 << 20;
    this.fields = options.fields ?? ((item) => ({ args: [item] }));
  }

  /** @returns {AsyncGenerator<Entry, void, void>} */
  async *entries() {
    const { controller, release } = linked(this.options.signal);
    controller.signal.addEventListener('abort', () => this.#room());
    const lanes = Array.from({ length: BatchRun.LANES }, () => this.#lane(controller.signal));
    const asked = new Map(lanes.map((lane) => [lane, this.#ask(lane)]));
    /** @type {Map<number, Entry>} */
    const early = new Map();
    try {
      while (asked.size > 0) {
        const { lane, step } = await Promise.race(asked.values());
        if (step.done) {
          asked.delete(lane);
          continue;
        }
        asked.set(lane, this.#ask(lane));
        if (this.options.ordered === false) yield this.#out(step.value);
        else early.set(step.value.index, step.value);
        for (let entry; (entry = early.get(this.#yielded)) !== undefined;) {
          early.delete(entry.index);
          yield this.#out(entry);
        }
      }
      rethrowAborted(this.options.signal); // a lane that was to take items has ended without a word
    } catch (error) {
      throw this.#isAnswered ? afterCalls(error) : error;
    } finally {
      release();
      controller.abort();
      Promise.resolve(this.items.return?.()).catch(() => {}); // it may be waiting for its next item
    }
  }

  /** @param {AsyncGenerator<Entry>} lane */
  #ask(lane) {
    const asked = lane.next().then((step) => ({ lane, step }));
    asked.catch(() => {}); // it is thrown when the caller asks for its next entry, which may be later
    return asked;
  }

  /** @param {Entry} entry */
  #out(entry) {
    ++this.#yielded;
    this.#room();
    return entry;
  }

  /** @param {AbortSignal} signal @returns {AsyncGenerator<Entry>} */
  async *#lane(signal) {
    for (;;) {
      const turn = this.#taking.then(() => this.#take(signal));
      this.#taking = turn.then(
        () => {},
        () => {},
      );
      let jobs = await turn;
      if (jobs.length === 0) return;
      for (let seconds = 1, waited = 0; jobs.length > 0; seconds = Math.min(2 * seconds, 10)) {
        /** @type {BatchJob[]} */
        const again = [];
        const isDropped = yield* this.#entriesOf(jobs, again, waited < this.transport.patience, signal);
        jobs = again;
        waited += seconds;
        if (jobs.length === 0) break;
        if (isDropped) await this.options.renew?.();
        else await pause(seconds * 1000 * (0.5 + Math.random() / 2), signal);
      }
    }
  }

  /**
   * Entries of the jobs of a request, but for those to be sent again. Returns whether the template was dropped.
   * @param {BatchJob[]} jobs @param {BatchJob[]} again @param {boolean} isPatient @param {AbortSignal} signal
   * @returns {AsyncGenerator<Entry, boolean>}
   */
  async *#entriesOf(jobs, again, isPatient, signal) {
    const left = new Set(jobs);
    let isDropped = false;
    try {
      for await (const { job, line } of this.#request(jobs, signal)) {
        left.delete(job);
        const isOfTemplate = line.outcome === 'unknown_template' && this.options.renew !== undefined;
        isDropped ||= isOfTemplate;
        if ((isOfTemplate || NOT_NOW.includes(line.outcome)) && isPatient) again.push(job);
        else yield new Entry(job.index, job.item, line);
      }
    } catch (error) {
      if (!this.#isAnswered) throw error;
      if (error instanceof Unreachable && isPatient) again.push(...left);
      else if (error instanceof AnswerLost) yield* this.#lost(left, error, signal);
      else throw error;
    }
    return isDropped;
  }

  /**
   * Jobs that may have run, and are not sent again. Others go on over a new connection, after a while.
   * @param {Iterable<BatchJob>} jobs @param {AnswerLost} error @param {AbortSignal} signal
   */
  async *#lost(jobs, error, signal) {
    await pause(500 * (1 + Math.random()), signal);
    for (const { index, item } of jobs) yield new Entry(index, item, {}, error);
  }

  /** The jobs of the next request; none if all items were taken. @param {AbortSignal} signal */
  async #take(signal) {
    while (this.#next - this.#yielded >= 4 * this.jobs && !signal.aborted)
      await new Promise((resolve) => {
        this.#room = () => resolve(undefined);
      });
    const jobs = [];
    const most = (this.#size = Math.min(2 * this.#size, this.jobs));
    for (let bytes = 0; jobs.length < most && bytes < this.bytes && !signal.aborted;) {
      const { value: item, done } = await unlessAborted(Promise.resolve(this.items.next()), signal);
      if (done) break;
      const line = await this.#lineOf(item);
      jobs.push({ index: this.#next++, item, line });
      bytes += line.length;
    }
    return jobs;
  }

  /** @param {any} item */
  async #lineOf(item) {
    const fields = await this.fields(item);
    try {
      return JSON.stringify(await bodyOf({}, fields)) + '\n';
    } catch (error) {
      if (error instanceof Error) error.message = `item ${this.#next}: ${error.message}`;
      throw error;
    }
  }

  /** @param {BatchJob[]} jobs @param {AbortSignal} signal */
  async *#request(jobs, signal) {
    const headers = { 'Content-Type': 'application/x-ndjson', Accept: 'application/x-ndjson' };
    const raw = this.defaults + jobs.map((job) => job.line).join('');
    let answered = 0;
    for await (const line of this.transport.stream('/execute/batch', { raw, headers, signal })) {
      if (!line.progress && jobs[line.index] === undefined) throw this.transport.lost('a line answers no job');
      this.#isAnswered = true;
      if (line.progress) continue;
      ++answered;
      yield { job: jobs[line.index], line };
    }
    if (answered < jobs.length) throw this.transport.lost(`${jobs.length - answered} jobs of a batch have no answer`);
  }
}

/** The service. */
export class Client extends Runner {
  /**
   * @param {string | URL} [url]  of the service, maybe with a path; in a page it may be relative
   * @param {ClientOptions} [options]
   */
  constructor(url = 'http://localhost:8080', options = {}) {
    super(new Transport(url, options));
  }

  /**
   * Runs a script for each of many items: `for await (const {index, result} of client.map(script, items))`.
   * Jobs that are busy or rate limited are sent again: they did not run. Those that were sent and have no answer when
   * the connection breaks end with AnswerLost, since they may have run; others go on over a new connection.
   * @param {string} script @param {Iterable<any> | AsyncIterable<any>} items @param {MapOptions} [options]
   * @returns {AsyncGenerator<Entry, void, void>}
   */
  map(script, items, options = {}) {
    return this._map({ script }, items, options);
  }

  /**
   * Opens a session. Its set-up is a cell, and optional.
   * @param {{code?: string, idleS?: number, template?: string | Template} & Omit<JobOptions, 'template'>} [options]
   */
  async session(options = {}) {
    const { template, ...others } = checkedOptions(options, "{ code: 'x = 1' }");
    const { signal } = others;
    const open = async () => {
      const name = template instanceof Template ? template.name : template;
      return this._post('/sessions', await bodyOf(name ? { template: name } : {}, others), signal, ['session']);
    };
    const opened = await (template instanceof Template ? template.anew(open, signal) : open());
    return new Session(this._transport, opened);
  }
  /** The sessions of this client. @returns {Promise<Record<string, any>[]>} */
  async sessions() {
    return (await this.#get('/sessions', 'sessions')).sessions;
  }
  /** A session that is open, by its name. @param {string} name */
  openSession(name) {
    return new Session(this._transport, { session: name });
  }

  /**
   * Prepares what jobs begin with.
   * @param {string} code
   * @param {JobOptions} [options]
   * @returns {Promise<Template>}
   */
  async template(code, options = {}) {
    const body = await bodyOf({ code }, options);
    const template = new Template(this._transport, body);
    await template.prepare(options.signal);
    return template;
  }
  /** The templates of this client, on one instance of the service. @returns {Promise<Record<string, any>[]>} */
  async templates() {
    return (await this.#get('/templates', 'templates')).templates;
  }

  /** A job that was submitted, by its name. @param {string} id */
  job(id) {
    return new Job(this._transport, id);
  }

  /** The scripts of the operator's that can be called. @returns {Promise<Record<string, any>[]>} */
  async tools() {
    return (await this.#get('/tools', 'tools')).tools;
  }
  /**
   * Calls one of them, with arguments by name.
   * @param {string} name @param {Record<string, any>} [args] @param {{signal?: AbortSignal}} [options]
   */
  async callTool(name, args = {}, { signal } = {}) {
    return new Answer(await this._post(toolPath(name), toolArguments(args), signal));
  }
  /**
   * The same, with a live answer.
   * @param {string} name
   * @param {Record<string, any>} [args]
   * @param {{signal?: AbortSignal}} [options]
   */
  streamTool(name, args = {}, options = {}) {
    return new LiveAnswer(this._transport, async () => toolArguments(args), toolPath(name), options);
  }
  /**
   * The same, without waiting.
   * @param {string} name @param {Record<string, any>} [args] @param {{signal?: AbortSignal}} [options]
   */
  async submitTool(name, args = {}, { signal } = {}) {
    return this._hand(toolPath(name), toolArguments(args), signal);
  }

  /**
   * Sends a message of the Model Context Protocol. Returns the message that answers it, of an event stream the last
   * one; undefined for a notification. Errors of the protocol are in the message. A client of that protocol does more.
   * @param {Record<string, any>} message
   * @param {{headers?: Record<string, string>, signal?: AbortSignal}} [options]
   * @returns {Promise<Record<string, any> | undefined>}
   */
  async mcp(message, { headers, signal } = {}) {
    if (!isRecord(message)) throw mistake(`message is of the type ${typeOf(message)}: give an object`);
    const transport = this._transport;
    const response = await transport.request('POST', '/mcp', {
      body: sendable(message, 'message'),
      headers: { Accept: 'application/json, text/event-stream', ...headers },
      signal,
      good: async (refusal) => transport.message(await transport.text(refusal.clone(), signal)) !== undefined,
    });
    const text = await transport.text(response, signal);
    const answer = transport.message(text);
    if (answer === undefined && text.trim()) throw unexpected(response.status, text);
    return answer;
  }

  /** The Python of the service, and what scripts can import. */
  packages() {
    return this.#get('/packages', 'packages');
  }
  /** Status, isolation level, features, pool and versions. */
  health() {
    return this.#get('/health', 'status', isUnavailable);
  }
  /** Whether the service's process can do its work. */
  async alive() {
    return (await this.#get('/healthz', 'status', isUnavailable)).status === 'ok';
  }
  /** Metrics, in the text form of Prometheus. */
  async metrics() {
    return this._transport.text(await this._transport.request('GET', '/metrics'));
  }
  /** The service's own description: an OpenAPI document. */
  openapi() {
    return this.#get('/openapi.json', 'openapi');
  }
  /** The page for people, as HTML. */
  async page() {
    return this._transport.text(await this._transport.request('GET', '/'));
  }

  /** @param {string} path @param {string} member  of the answer @param {Sending['good']} [good] */
  async #get(path, member, good) {
    return this._transport.json(await this._transport.request('GET', path, { good }), [member]);
  }
}

/** @param {Response} response */
function isUnavailable(response) {
  return response.status === 503;
}

/** @param {string} name */
function toolPath(name) {
  return `/tools/${pathPart(name, 'the name of the tool')}`;
}

/** @param {any} args */
function toolArguments(args) {
  if (isRecord(args) || args instanceof Map) return sendable(args, 'args');
  throw mistake(`args is of the type ${typeOf(args)}: give an object of arguments by name, as { n: 1 }`);
}

/** State that lasts from cell to cell. `await using` and `close()` end it. */
export class Session extends Runner {
  /** @param {Transport} transport @param {{session: string, expires_at?: string, stdout?: string}} opened */
  constructor(transport, opened) {
    const path = `/sessions/${pathPart(opened.session, 'the name of the session')}`;
    super(transport, `${path}/execute`);
    this.name = opened.session;
    this.expiresAt = opened.expires_at;
    /** What the set-up has printed. */
    this.stdout = opened.stdout ?? '';
    this.path = path;
  }

  /** The session and its cells. */
  async show() {
    return this._transport.json(await this._transport.request('GET', this.path), ['session']);
  }
  /** Writes a file of the session. @param {string} name @param {FileData} data */
  async putFile(name, data) {
    const headers = { 'Content-Type': 'application/octet-stream' };
    await this._transport.request('PUT', this.#file(name), { raw: await bytesOf(data, name), headers });
  }
  /** Reads one. @param {string} name @returns {Promise<Uint8Array>} */
  async getFile(name) {
    const response = await this._transport.request('GET', this.#file(name));
    try {
      return new Uint8Array(await response.arrayBuffer());
    } catch (error) {
      throw this._transport.lost(error);
    }
  }
  /** Ends the session, and everything that runs in it. A session that has ended is no error. */
  async close() {
    try {
      await this._transport.request('DELETE', this.path);
    } catch (error) {
      if (!(error instanceof Gone)) throw error;
    }
  }

  /** @param {string} name */
  #file(name) {
    const parts = checkedText(name, 'the name of the file').split('/');
    return `${this.path}/files/${parts.map(encodeURIComponent).join('/')}`;
  }
}
disposes(Session, 'close');

/**
 * A set-up that has run once. Jobs begin with what it has left. If the service has dropped it, or another instance
 * answers, it is prepared again and the job is sent again.
 */
export class Template extends Runner {
  #setUp;

  /** @param {Transport} transport @param {Record<string, any>} setUp  the body of PUT /templates */
  constructor(transport, setUp) {
    super(transport);
    this.#setUp = setUp;
    this.name = '';
    this.stdout = '';
  }

  /** Sends the set-up. @param {AbortSignal} [signal] */
  async prepare(signal) {
    const response = await this._transport.request('PUT', '/templates', { body: this.#setUp, signal });
    const made = await this._transport.json(response, ['template'], signal);
    this.name = made.template;
    this.stdout = made.stdout ?? this.stdout;
  }
  /**
   * Does something that needs the template.
   * @template T @param {() => Promise<T>} what @param {AbortSignal} [signal] @returns {Promise<T>}
   */
  async anew(what, signal) {
    try {
      return await what();
    } catch (error) {
      if (!(error instanceof UnknownTemplate)) throw error;
      await this.prepare(signal);
      return what();
    }
  }
  /**
   * Runs a script, or `{call: name}`, for each of many items.
   * @param {string | {call: string}} script
   * @param {Iterable<any> | AsyncIterable<any>} items
   * @param {MapOptions} [options]
   */
  async *map(script, items, options = {}) {
    const what = isRecord(script) ? /** @type {{call: string}} */ (script) : { script };
    await this.prepare(checkedOptions(options).signal);
    const renew = () => this.prepare(options.signal);
    yield* this._map({ template: this.name, ...what }, items, { ...options, renew });
  }
  /** Ends the template. Jobs that run finish. One that has ended is no error. */
  async close() {
    try {
      await this._transport.request('DELETE', `/templates/${encodeURIComponent(this.name)}`);
    } catch (error) {
      if (!(error instanceof NotFound || error instanceof Gone || error instanceof UnknownTemplate)) throw error;
    }
  }

  /** @param {Record<string, any>} what @param {JobOptions} options */
  _run(what, options) {
    return this.anew(() => super._run({ ...what, template: this.name }, options), options?.signal);
  }
  /** @param {Record<string, any>} what @param {JobOptions} options */
  _submit(what, options) {
    return this.anew(() => super._submit({ ...what, template: this.name }, options), options?.signal);
  }
  /** @param {Record<string, any>} what @param {JobOptions} options */
  _stream(what, options) {
    const body = async () => {
      const sent = await bodyOf(what, options);
      await this.prepare(options.signal); // a live answer cannot begin again
      return { ...sent, template: this.name };
    };
    return new LiveAnswer(this._transport, body, this._path, options);
  }
}
disposes(Template, 'close');

/** A job that runs without a connection. */
export class Job {
  static AGAIN = ['rate_limited']; // `busy` may be how the job has ended
  #transport;

  /** @param {Transport} transport @param {string} id */
  constructor(transport, id) {
    this.#transport = transport;
    this.path = `/jobs/${pathPart(id, 'the name of the job')}`;
    this.id = id;
  }

  /** Whether the answer is there. @returns {Promise<boolean>} */
  async hasEnded() {
    try {
      return (await this.#transport.request('GET', this.path, { again: Job.AGAIN })).status !== 202;
    } catch (error) {
      if (!(error instanceof PyexecError) || error.outcome === undefined) throw error;
      if (error.ran || error instanceof Busy) return true;
      throw error;
    }
  }
  /** Waits for the end. Returns the answer, or throws, as `run` does. @param {{signal?: AbortSignal}} [options] */
  async answer({ signal } = {}) {
    for (;;) {
      const headers = { Prefer: 'wait=30' };
      const response = await this.#transport.request('GET', this.path, { headers, signal, again: Job.AGAIN });
      const body = await this.#transport.json(response, response.status === 202 ? ['job'] : ['result'], signal);
      if (response.status !== 202) return new Answer(body);
      rethrowAborted(signal);
    }
  }
  /** Kills the job if it runs, and forgets its answer. One that is forgotten is no error. */
  async close() {
    try {
      await this.#transport.request('DELETE', this.path);
    } catch (error) {
      if (!(error instanceof Gone)) throw error;
    }
  }
}

/** Lets `await using` end an object, where the runtime has it. @param {any} type @param {string} method */
function disposes(type, method) {
  const symbol = /** @type {any} */ (Symbol).asyncDispose;
  if (symbol) type.prototype[symbol] = type.prototype[method];
}
