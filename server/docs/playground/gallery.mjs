// Examples, and attacks to watch fail. Choosing one puts it into the editor.
import { byId, make } from './dom.mjs';

/** An entry as the form takes it. */
export function jobOf({ script, code, args, files, return_files: patterns, timeout }) {
  return {
    mode: script === undefined ? 'code' : 'script',
    code: script ?? code,
    args: args === undefined ? '' : JSON.stringify(args),
    files: files ?? {},
    returnFiles: (patterns ?? []).join(', '),
    timeout: timeout ?? '',
  };
}

export class Gallery {
  /** @param {(entry: any) => void} choose */
  constructor(choose) {
    this.choose = choose;
    this.dialog = byId('gallery');
    for (const id of ['gallery-open', 'attacks-open'])
      byId(id)?.addEventListener('click', () => this.open(id === 'attacks-open'));
    this.dialog.addEventListener('click', (event) => event.target === this.dialog && this.dialog.close()); // beside it
    this.loaded = this.#load();
  }

  async #load() {
    try {
      const response = await fetch(new URL('./gallery.json', import.meta.url));
      if (!response.ok) throw new Error(`status ${response.status}`);
      const entries = await response.json();
      for (const kind of ['examples', 'attacks'])
        byId(kind).replaceChildren(...entries[kind].map((entry) => this.#item(entry)));
      return entries;
    } catch (error) {
      byId('examples').replaceChildren(make('li', {}, `The examples did not come: ${error.message}`));
      return { examples: [], attacks: [] };
    }
  }

  #item(entry) {
    const choose = () => {
      this.dialog.close();
      this.choose(entry);
    };
    const text = [make('strong', {}, entry.title), make('span', {}, entry.about ?? '')];
    const button = make('button', { type: 'button', 'data-name': entry.name, onclick: choose }, ...text);
    return make('li', {}, button);
  }

  async open(atAttacks = false) {
    await this.loaded;
    if (!this.dialog.open) this.dialog.showModal();
    if (atAttacks) byId('attacks').querySelector('button')?.focus();
  }
}
