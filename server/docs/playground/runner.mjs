// Run and Stop: one job at a time. Stop closes the connection, and the service kills the job.
import { allow, byId, duration, isAllowed } from './dom.mjs';
import { PyexecError, Unauthorized } from '../client/pyexec.mjs';

export class Runner {
  /** @type {AbortController | null} */
  #running = null;

  /**
   * begin: starts a job, and says where its events go. refused: the service wants a key.
   * @param {{begin: (signal: AbortSignal) => Promise<{view: any, events: AsyncIterable<any>}>,
   *   refused: (why: string) => void}} what
   */
  constructor(what) {
    this.what = what;
    byId('run').addEventListener('click', () => this.run());
    byId('stop').addEventListener('click', () => this.stop());
    addEventListener('pagehide', () => this.stop()); // browsers may keep the page, and its connection, for Back
    addEventListener('keydown', (event) => {
      if (
        event.key === 'Enter' &&
        (event.ctrlKey || event.metaKey) &&
        !event.defaultPrevented &&
        !document.querySelector('dialog[open]')
      ) {
        event.preventDefault();
        this.run();
      }
    });
  }

  stop() {
    if (isAllowed(byId('stop'))) this.#running?.abort();
  }

  async run() {
    if (this.#running) return;
    const controller = (this.#running = new AbortController());
    this.#show('Running', 'busy');
    const ticking = this.#tick();
    let view = null;
    try {
      const begun = await this.what.begin(controller.signal);
      view = begun.view;
      for await (const event of begun.events) view.take(event);
      this.#show(view.summary, view.outcome === 'ok' ? 'good' : 'bad');
    } catch (error) {
      this.#failed(error, view, controller.signal);
    } finally {
      clearInterval(ticking);
      byId('clock').textContent = '';
      this.#running = null;
      allow(byId('run'), true);
      allow(byId('stop'), false);
      document.body.dataset.ran = String(Number(document.body.dataset.ran ?? 0) + 1);
    }
  }

  #failed(error, view, signal) {
    if (signal.aborted) {
      view?.finish('stopped', 'The job was killed.');
      return this.#show('Stopped', 'idle');
    }
    const outcome = error instanceof PyexecError ? (error.outcome ?? 'no answer') : 'not sent';
    view?.fail([error.message, error.hint].filter(Boolean).join('\n'));
    view?.finish(outcome);
    this.#show(view ? `Failed: ${outcome}` : error.message, 'bad');
    if (error instanceof Unauthorized) this.what.refused(error.message);
  }

  #show(text, kind) {
    const status = byId('status');
    status.textContent = text;
    status.dataset.kind = kind;
    allow(byId('run'), kind !== 'busy');
    allow(byId('stop'), kind === 'busy');
  }

  #tick() {
    const began = performance.now();
    return setInterval(() => {
      const ms = performance.now() - began;
      if (ms > 400) byId('clock').textContent = duration(Math.floor(ms / 100) * 100);
    }, 100);
  }
}
