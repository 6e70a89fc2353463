// A session: cells that go on from one another, and going back.
import { allow, byId, isAllowed, make, say } from './dom.mjs';
import { Gone, NotFound } from '../client/pyexec.mjs';

export class Notebook {
  /** @type {import('../client/pyexec.mjs').Session | null} */
  #session = null;
  /** @type {Map<number, {parent: number, view: any, code: string}>} */
  #cells = new Map();
  #base = 0; // the cell on whose state the next one runs

  /**
   * @param {() => import('../client/pyexec.mjs').Client} client
   * @param {() => void} opened  a session that has nothing yet
   * @param {(code: string) => void} edit  puts a cell's code into the editor
   */
  constructor(client, opened, edit) {
    this.client = client;
    this.edit = edit;
    this.opened = opened;
    byId('undo').addEventListener(
      'click',
      () => isAllowed(byId('undo')) && this.goTo(this.#cells.get(this.#base)?.parent ?? 0),
    );
    byId('session-end').addEventListener('click', () => isAllowed(byId('session-end')) && this.end());
    addEventListener('pagehide', () => this.#leave());
    this.#show();
  }

  /** Runs a cell. Opens the session if there is none. @returns {Promise<AsyncIterable<any>>} */
  async run(code, view, options) {
    if (this.#session === null) {
      this.#forget();
      this.#session = await this.client().session({ signal: options.signal });
      this.opened();
      this.#show();
    }
    return this.#events(this.#session, code, view, options);
  }

  async *#events(session, code, view, { files, ...options }) {
    const parent = this.#base;
    const sent = await files.changed();
    try {
      for await (const event of session.streamCode(code, { at: parent, files: sent, ...options })) {
        if (event.cell !== undefined) this.#add(event, { parent, view, code });
        yield event;
      }
      files.sent(Object.keys(sent));
    } catch (error) {
      if (error instanceof Gone || error instanceof NotFound) this.#lost();
      throw error;
    }
  }

  #add({ cell, head }, entry) {
    this.#cells.set(cell, entry);
    this.#base = head === cell ? cell : entry.parent; // a cell that had to be ended has left nothing
    entry.view.number.textContent = `[${cell}]`;
    const button = (text, onclick) =>
      make('button', { type: 'button', class: 'quiet', 'aria-label': `${text}, cell ${cell}`, onclick }, text);
    entry.view.actions.replaceChildren(button('Edit', () => this.edit(entry.code)));
    if (head === cell) entry.view.actions.append(button('Go back here', () => this.goTo(cell)));
    this.#show();
  }

  /** The next cell runs on the state after this one. @param {number} cell */
  goTo(cell) {
    this.#base = cell;
    this.#show();
    say(cell === 0 ? 'The next cell begins anew.' : `The next cell goes on from cell ${cell}.`);
  }

  /** The code of the cells that the next one goes on from, the oldest first. */
  get path() {
    const codes = [];
    for (let cell = this.#base; cell > 0; cell = this.#cells.get(cell).parent)
      codes.unshift(this.#cells.get(cell).code);
    return codes;
  }

  async end() {
    const session = this.#session;
    this.#lost();
    say('The session has ended.');
    try {
      await session?.close();
    } catch (error) {
      say(`The session is left to expire: ${error.message}`);
    }
  }

  #lost() {
    this.#session = null;
    this.#base = 0;
    for (const { view } of this.#cells.values()) view.actions.replaceChildren();
    this.#show();
  }
  #forget() {
    this.#cells.clear();
    byId('cells').replaceChildren();
  }

  /** The tab is left: nobody will use the session again. */
  #leave() {
    const { _transport: transport, path } = this.#session ?? {};
    if (!path) return;
    const headers = transport.key ? { Authorization: `Bearer ${transport.key}` } : {};
    fetch(transport.base + path, { method: 'DELETE', headers, keepalive: true }).catch(() => {});
    this.#lost();
  }

  #show() {
    const isOpen = this.#session !== null;
    const on = new Set();
    for (let cell = this.#base; cell > 0 && this.#cells.has(cell); cell = this.#cells.get(cell).parent) on.add(cell);
    for (const [cell, { view }] of this.#cells) view.element.classList.toggle('undone', isOpen && !on.has(cell));
    const next = this.#base === 0 ? 'The next cell begins anew.' : `The next cell goes on from cell ${this.#base}.`;
    byId('session-state').textContent = isOpen ? next : 'The first cell opens a session.';
    allow(byId('undo'), isOpen && this.#base > 0);
    allow(byId('session-end'), isOpen);
  }
}
