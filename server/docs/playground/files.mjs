// Files of the job: chosen, dropped on the page, listed, taken away again.
import { byId, bytes, make, say } from './dom.mjs';

const MOST_BYTES = 64 << 20; // in total: more is a mistake, and would fill the tab

export class Files {
  /** @type {Map<string, File>} */
  #files = new Map();
  #changed = new Set(); // names that the session does not have yet
  #lent = new Set(); // names of those that came with an example

  constructor() {
    const input = byId('files');
    byId('files-choose').addEventListener('click', () => input.click());
    input.addEventListener('change', () => {
      this.add(input.files);
      input.value = ''; // the same file can be chosen again
    });
    this.#takeDrops();
  }

  #takeDrops() {
    const veil = byId('dropping');
    const hasFiles = (event) => event.dataTransfer?.types.includes('Files');
    let depth = 0; // dragenter and dragleave come for each element on the way
    const show = (by) => {
      depth = Math.max(0, depth + by);
      veil.hidden = depth === 0;
    };
    addEventListener('dragenter', (event) => hasFiles(event) && show(1));
    addEventListener('dragleave', (event) => hasFiles(event) && show(-1));
    addEventListener('dragover', (event) => hasFiles(event) && event.preventDefault());
    addEventListener(
      'drop',
      (event) => {
        if (!hasFiles(event)) return;
        event.preventDefault();
        event.stopPropagation();
        depth = 0;
        show(0);
        this.add(event.dataTransfer.files);
      },
      true,
    );
  }

  /** @param {Iterable<File>} files */
  add(files) {
    let size = [...this.#files.values()].reduce((sum, file) => sum + file.size, 0);
    const added = [];
    for (const file of files) {
      size += file.size - (this.#files.get(file.name)?.size ?? 0);
      if (size > MOST_BYTES) {
        say(`${file.name} was not added: all files together may have ${bytes(MOST_BYTES)}.`);
        break;
      }
      this.#files.set(file.name, file);
      this.#changed.add(file.name);
      this.#lent.delete(file.name);
      added.push(file.name);
    }
    if (added.length > 0) say(`Added ${added.join(', ')}.`);
    this.#show();
  }

  /** Takes the files of an example, and gives back those of the one before. @param {Record<string, string>} texts */
  lend(texts) {
    for (const name of this.#lent) this.#files.delete(name);
    this.#changed = new Set([...this.#changed].filter((name) => this.#files.has(name)));
    this.#lent = new Set(Object.keys(texts));
    for (const [name, text] of Object.entries(texts)) {
      this.#files.set(name, new File([text], name));
      this.#changed.add(name);
    }
    this.#show();
  }

  /** All of them by name. Throws if one can no longer be read. @returns {Promise<Record<string, Uint8Array>>} */
  async all(names = this.#files.keys()) {
    const contents = [];
    for (const name of names) {
      try {
        contents.push([name, new Uint8Array(await this.#files.get(name).arrayBuffer())]);
      } catch {
        throw new Error(`${name} cannot be read. Was it changed or moved? Take it away and choose it again.`);
      }
    }
    return Object.fromEntries(contents);
  }
  /** Those that the session does not have yet. */
  changed() {
    return this.all([...this.#changed]);
  }
  /** @param {string[]} names */
  sent(names) {
    for (const name of names) this.#changed.delete(name);
  }
  /** A new session has none. */
  allChanged() {
    this.#changed = new Set(this.#files.keys());
  }

  #show() {
    const list = byId('file-list');
    list.replaceChildren(
      ...[...this.#files.values()].map((file) => {
        const remove = () => {
          this.#files.delete(file.name);
          this.#changed.delete(file.name);
          this.#lent.delete(file.name);
          this.#show();
          byId('files-choose').focus();
          say(`Removed ${file.name}.`);
        };
        const button = make(
          'button',
          { type: 'button', class: 'quiet', 'aria-label': `Remove ${file.name}`, onclick: remove },
          '×',
        );
        return make('li', {}, make('span', {}, file.name), make('small', {}, bytes(file.size)), button);
      }),
    );
  }
}
