// What the form says: how the code runs, and with what. The same for a run, a link and a copied command.
import { byId } from './dom.mjs';

const HINTS = {
  script: 'main() is called with the arguments. What it returns is the result.',
  code: 'The code runs as a cell of a notebook. The value of its last expression is the result.',
  session: 'Each cell goes on from the state that the one before has left. Undo goes back.',
};
export const MODES = Object.keys(HINTS);

/** Numbers are sent as they were written: 1.0 stays a float, and no digit is lost. Older browsers cannot. */
function asWritten(_, value, context) {
  const source = context?.source;
  return typeof value === 'number' && source !== String(value) && JSON.rawJSON ? JSON.rawJSON(source) : value;
}

export class JobForm {
  /** @param {import('./editor.mjs').Editor} editor @param {(mode: string) => void} changed */
  constructor(editor, changed) {
    this.editor = editor;
    this.changed = changed;
    for (const radio of this.#radios()) radio.addEventListener('change', () => this.#show());
    byId('args').addEventListener('input', () => byId('args-problem').replaceChildren());
    this.#show();
  }

  #radios() {
    return document.querySelectorAll('input[name=mode]');
  }
  #show() {
    byId('mode-hint').textContent = HINTS[this.mode];
    byId('args-field').hidden = this.mode !== 'script';
    this.changed(this.mode);
  }

  get mode() {
    return [...this.#radios()].find((radio) => radio.checked).value;
  }
  set mode(mode) {
    for (const radio of this.#radios()) radio.checked = radio.value === mode;
    this.#show();
  }

  /** Puts a job from a link or the gallery into the form. Runs nothing. @param {any} job */
  load({ mode, code, args, returnFiles = '', timeout = '' }) {
    if (!MODES.includes(mode) || typeof code !== 'string') throw new Error('not a job');
    this.mode = mode;
    this.editor.text = code;
    byId('args').value = typeof args === 'string' ? args : '';
    const options = { 'return-files': returnFiles, timeout, memory: '', stdin: '' };
    for (const [id, value] of Object.entries(options)) byId(id).value = value;
    byId('return-files').closest('details').open = Object.values(options).some(Boolean);
    byId('args-problem').replaceChildren();
  }

  /** The text of the form, for links. */
  get written() {
    return { mode: this.mode, code: this.editor.text, args: this.mode === 'script' ? byId('args').value : '' };
  }

  /** Options of a run, without files. Throws, and says so beside the field, if one cannot be read. */
  options() {
    const options = {};
    const args = this.mode === 'script' ? this.#args() : undefined;
    if (args !== undefined) options.args = args;
    const patterns = byId('return-files')
      .value.split(',')
      .map((pattern) => pattern.trim())
      .filter(Boolean);
    if (patterns.length > 0) options.returnFiles = patterns;
    if (byId('timeout').value) options.timeout = Number(byId('timeout').value);
    if (byId('memory').value) options.memoryMb = Number(byId('memory').value);
    if (byId('stdin').value) options.stdin = byId('stdin').value;
    return options;
  }

  #args() {
    const text = byId('args').value.trim();
    if (!text) return undefined;
    let value;
    try {
      value = JSON.parse(text, asWritten);
    } catch (error) {
      this.#refuse(`This is not JSON: ${error.message}`);
    }
    if (typeof value !== 'object' || value === null) this.#refuse('Arguments are a list, [2, 3], or named: {"n": 2}.');
    return value;
  }
  #refuse(why) {
    byId('args-problem').textContent = why;
    byId('args').focus();
    throw new Error('The arguments cannot be read.');
  }
}
