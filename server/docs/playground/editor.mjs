// The editor. Tab indents, so there is a way out for the keyboard: Escape, and Tab leaves.
import { byId } from './dom.mjs';

const LEAVE = { name: 'leave', Tab: false, 'Shift-Tab': false };

export class Editor {
  #editor;
  #leaving = false;

  /** @param {() => void} run */
  constructor(run) {
    const CodeMirror = globalThis.CodeMirror;
    this.#editor = CodeMirror(byId('editor'), {
      mode: { name: 'python', version: 3 },
      lineNumbers: true,
      indentUnit: 4,
      matchBrackets: true,
      inputStyle: 'contenteditable', // what screen readers can read
      spellcheck: false,
      viewportMargin: 50,
      screenReaderLabel: 'Python code. Tab indents; Escape and then Tab leaves the editor.',
      extraKeys: {
        Tab: (editor) =>
          editor.somethingSelected() ? editor.indentSelection('add') : editor.execCommand('insertSoftTab'),
        'Shift-Tab': 'indentLess',
        'Ctrl-/': 'toggleComment',
        'Cmd-/': 'toggleComment',
        'Ctrl-Enter': run,
        'Cmd-Enter': run,
        Esc: () => this.#leave(true),
      },
    });
    this.#editor.getInputField().setAttribute('aria-label', this.#editor.getOption('screenReaderLabel'));
    this.#editor.on('blur', () => this.#leave(false));
    this.#editor.on('keydown', (_, event) => {
      if (!['Escape', 'Tab', 'Shift'].includes(event.key)) this.#leave(false);
    });
  }

  #leave(leaving) {
    if (leaving === this.#leaving) return;
    this.#leaving = leaving;
    if (leaving) this.#editor.addKeyMap(LEAVE);
    else this.#editor.removeKeyMap(LEAVE);
  }

  get text() {
    return this.#editor.getValue();
  }
  set text(text) {
    this.#editor.setValue(text); // one step of its history: the code that was there can be had back
  }
  focus() {
    this.#editor.focus();
  }
}
