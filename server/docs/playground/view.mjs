// One run on the page: what it prints, shows, returns and used, from the events of its live answer.
import { bytes, duration, make } from './dom.mjs';
import { displayView, filesView } from './displays.mjs';
import { PrintedText } from './text.mjs';
import { textView, valueView } from './values.mjs';

const MEANINGS = {
  exception: 'raised an exception',
  invalid_script: 'not a valid script',
  invalid_arguments: 'arguments not accepted',
  not_serializable: 'the result has no JSON form',
  time_limit: 'stopped: out of time',
  memory_limit: 'stopped: out of memory',
  output_limit: 'stopped: too much output',
  exited: 'exited by itself',
  killed: 'killed by a signal',
};

export class RunView {
  #printed = new PrintedText();
  #badge = make('span', { class: 'badge', hidden: true });
  #facts = make('span', { class: 'facts' });
  #shown = make('div', { class: 'after' });
  #after = make('div', { class: 'after' });
  #value = null; // the section with the result
  #wasError = false;
  /** @type {any} */
  end = null;

  /** @param {{code?: string}} [what]  code: is shown above, for cells */
  constructor({ code } = {}) {
    this.number = make('span', { class: 'number' });
    this.actions = make('span', { class: 'cell-actions' });
    const title = make('div', { class: 'title' }, this.number, this.#badge, this.#facts, this.actions);
    const source = code === undefined ? undefined : make('pre', { class: 'source', tabindex: '0' }, code);
    this.element = make(
      'article',
      { class: 'run' },
      ...(code === undefined ? [] : [title, source]),
      this.#printed.element,
      this.#shown,
      this.#after,
      ...(code === undefined ? [title] : []),
    );
  }

  /** @param {import('../client/pyexec.mjs').Event} event */
  take(event) {
    switch (event.event) {
      case 'stdout':
      case 'stderr':
        return this.#printed.add(event.event, event.text);
      case 'displays':
        return this.#displays(event);
      case 'result':
        return this.#result(event);
      case 'error':
        return this.fail(event.error);
      case 'files':
        if (Object.keys(event.files).length > 0) this.#after.append(this.#labelled('Files', filesView(event.files)));
        return;
      case 'end':
        return this.#end(event);
    }
  }

  #displays({ displays: bundles, displays_truncated: isTruncated }) {
    this.#shown.append(...bundles.map((bundle, index) => displayView(bundle, index + 1)));
    if (isTruncated) this.#shown.append(make('p', { class: 'hint' }, 'More was shown than a job may show.'));
    if (this.#value && bundles.some((bundle) => bundle['text/html'] && !bundle['text/plain'])) {
      // That one is the result, as a table: only its text is told elsewhere. JSON says the same once more.
      const details = make('details', {}, make('summary', {}, 'The result as data'));
      this.#value.replaceWith(details);
      details.append(this.#value);
    }
  }

  #labelled(label, view) {
    return make('section', {}, make('h3', {}, label), view);
  }

  #result(event) {
    this.#printed.flush();
    if (event.result_problem) this.#after.append(make('p', { class: 'hint' }, event.result_problem));
    const isNone = event.result === null && (event.repr ?? null) === null;
    if (isNone && event.repr === null) return; // a cell without a value
    const view = event.result === null && event.repr ? textView(event.repr, 'value') : valueView(event.result);
    this.#value = this.#labelled('Result', view);
    this.#after.prepend(this.#value);
    if (event.repr && view.tagName === 'PRE') view.textContent = event.repr; // Python's own text, as in a notebook
  }

  /** @param {string} message */
  fail(message) {
    this.#printed.flush();
    if (this.#wasError) return;
    this.#wasError = true;
    this.#after.append(textView(message, 'error'));
  }

  #end(event) {
    this.end = event;
    const { usage } = event;
    const facts = [duration(usage.total_ms)];
    if (usage.cpu_ms !== null) facts.push(`${duration(usage.cpu_ms)} CPU`);
    if (usage.peak_memory_bytes !== null) facts.push(`${bytes(usage.peak_memory_bytes)} memory`);
    if (usage.queue_ms > 50) facts.push(`waited ${duration(usage.queue_ms)}`);
    if (event.stdout_truncated || event.stderr_truncated) facts.push('output was cut at its limit');
    this.finish(event.outcome, facts.join(' · '));
  }

  /** Says how the run ended. @param {string} outcome @param {string} [facts] */
  finish(outcome, facts = '') {
    this.#printed.flush();
    this.outcome = outcome;
    this.#badge.hidden = false;
    this.#badge.classList.add(outcome === 'ok' ? 'good' : outcome === 'stopped' ? 'idle' : 'bad');
    this.#badge.textContent = outcome;
    this.#facts.textContent = facts;
  }

  /** The end in a few words. */
  get summary() {
    const meaning = MEANINGS[this.outcome] ?? this.outcome;
    const time = this.end === null ? '' : duration(this.end.usage.total_ms);
    if (this.outcome === 'ok') return time ? `Done in ${time}` : 'Done';
    return `${meaning[0].toUpperCase()}${meaning.slice(1)}${time && `, after ${time}`}`;
  }
}
