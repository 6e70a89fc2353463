// What a job prints. However much it is, the page holds the last part of it and is drawn once a frame.
import { make } from './dom.mjs';

const MOST_SHOWN = 256 * 1024; // characters: a page of one line this long is still drawn in no time
const PIECE = 16 * 1024;

export class PrintedText {
  #waiting = []; // [stream, text] since the last frame
  #pieces = []; // elements that are shown
  #length = 0;
  #dropped = 0;
  #frame = 0;
  #note = make('p', { class: 'hint', hidden: true });
  #body = make('pre', { class: 'printed', hidden: true });
  element = make('div', { class: 'after' }, this.#note, this.#body);

  /** @param {'stdout' | 'stderr'} stream @param {string} text */
  add(stream, text) {
    const last = this.#waiting.at(-1);
    if (last?.[0] === stream && last[1].length < PIECE) last[1] += text;
    else this.#waiting.push([stream, text]);
    this.#frame ||= requestAnimationFrame(() => this.flush());
  }

  /** Shows what has come. A tab in the background draws no frames, so the end of a job calls this too. */
  flush() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    if (this.#waiting.length === 0) return;
    const made = this.#waiting.flatMap(([stream, text]) =>
      cut(text).map((piece) => make('span', { class: stream }, piece)),
    );
    this.#waiting = [];
    for (const piece of made) this.#length += piece.textContent.length;
    const follows = isAtEnd(this.#body);
    this.#body.append(...made);
    this.#pieces.push(...made);
    while (this.#length > MOST_SHOWN && this.#pieces.length > 1) {
      const gone = this.#pieces.shift();
      this.#length -= gone.textContent.length;
      this.#dropped += gone.textContent.length;
      gone.remove();
    }
    this.#body.hidden = false;
    if (this.#dropped > 0) {
      this.#note.hidden = false;
      this.#note.textContent = `${this.#dropped.toLocaleString('en')} characters before these are not shown.`;
    }
    if (follows) this.#body.scrollTop = this.#body.scrollHeight;
  }
}

/** Pieces that are not too long, of whole characters. @param {string} text */
function cut(text) {
  const pieces = [];
  for (let from = 0; from < text.length;) {
    let to = Math.min(from + PIECE, text.length);
    if (to < text.length && /[\ud800-\udbff]/.test(text[to - 1])) --to;
    pieces.push(text.slice(from, to));
    from = to;
  }
  return pieces;
}

function isAtEnd(element) {
  return element.hidden || element.scrollHeight - element.scrollTop - element.clientHeight < 40;
}
