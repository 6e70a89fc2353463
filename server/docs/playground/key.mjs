// The API key: kept for this tab only, sent in a header only, and never shown.
import { byId, say } from './dom.mjs';

const NAME = 'pyexec-key';

export class Key {
  #key = '';

  constructor() {
    try {
      this.#key = sessionStorage.getItem(NAME) ?? '';
    } catch {
      // storage is not allowed: it lasts as long as the page
    }
    byId('key-open').addEventListener('click', () => this.ask(''));
    byId('key-dialog').addEventListener('close', () => this.#closed());
    byId('key-form').addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.target.id !== 'key') return;
      event.preventDefault(); // the first button of the form is Close
      byId('key-use').click();
    });
    this.#show();
  }

  get value() {
    return this.#key;
  }

  /** @param {string} why */
  ask(why) {
    byId('key-why').textContent = why;
    byId('key').value = '';
    byId('key').placeholder = this.#key ? 'A key is set' : '';
    if (!byId('key-dialog').open) byId('key-dialog').showModal();
    byId('key').focus();
  }

  #closed() {
    const typed = byId('key').value.trim();
    const did = byId('key-dialog').returnValue;
    byId('key').value = '';
    byId('key-dialog').returnValue = '';
    if (did === 'forget') return this.#set('', 'The key is forgotten.');
    if (did !== 'use' || !typed) return;
    if (/[^\x21-\x7e]/.test(typed))
      return this.ask('No key has spaces, or letters beyond ASCII. Was something else pasted?');
    this.#set(typed, 'The key is set for this tab.');
  }
  #set(key, said) {
    this.#key = key;
    try {
      if (key) sessionStorage.setItem(NAME, key);
      else sessionStorage.removeItem(NAME);
    } catch {
      // as above
    }
    this.#show();
    say(said);
  }
  #show() {
    byId('key-open').textContent = this.#key ? 'API key: set' : 'API key';
  }
}
