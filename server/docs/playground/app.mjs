// Puts the page together: the parts know nothing of each other.
import { Client } from '../client/pyexec.mjs';
import { toClipboard } from './clipboard.mjs';
import { asCurl, asJavaScript, asPython } from './copies.mjs';
import { byId, say } from './dom.mjs';
import { Editor } from './editor.mjs';
import { Files } from './files.mjs';
import { Gallery, jobOf } from './gallery.mjs';
import { JobForm } from './job.mjs';
import { Key } from './key.mjs';
import { Runner } from './runner.mjs';
import { Notebook } from './session.mjs';
import { jobOfLink, linkOf } from './share.mjs';
import { parse } from './values.mjs';
import { RunView } from './view.mjs';

const url = new URL('.', document.baseURI).href.replace(/\/$/, '');
const key = new Key();
const client = () => new Client(url, { key: key.value || undefined, parse, patience: 5 });

const editor = new Editor(() => runner.run());
const files = new Files();
const notebook = new Notebook(
  client,
  () => files.allChanged(),
  (code) => {
    editor.text = code;
    editor.focus();
  },
);
const form = new JobForm(editor, (mode) => {
  byId('session-bar').hidden = byId('cells').hidden = mode !== 'session';
  byId('single').hidden = mode === 'session';
});

const STACKED = matchMedia('(max-width: 60rem)'); // the output is below the code: app.css

/** Begins a run: where it is shown, and its events. */
async function begin(signal) {
  const { mode } = form;
  const options = { ...form.options(), displays: true, signal };
  const code = editor.text;
  if (STACKED.matches) byId('results').scrollIntoView({ block: 'nearest' });
  if (mode === 'session') {
    const view = new RunView({ code });
    const events = await notebook.run(code, view, { ...options, files });
    byId('cells').append(view.element);
    view.element.scrollIntoView({ block: 'nearest' });
    return { view, events };
  }
  const view = new RunView();
  const job = { ...options, files: await files.all() };
  byId('single').replaceChildren(view.element);
  return { view, events: mode === 'script' ? client().stream(code, job) : client().streamCode(code, job) };
}
const runner = new Runner({ begin, refused: (why) => key.ask(why) });

const gallery = new Gallery((entry) => {
  const job = jobOf(entry);
  form.load(job);
  files.lend(job.files);
  say(`In the editor: ${entry.title}.`);
  byId('run').focus();
});

const COPIES = { curl: ['curl', asCurl], python: ['Python', asPython], javascript: ['JavaScript', asJavaScript] };

/** @returns {Promise<string>} */
async function textToCopy(kind) {
  if (kind === 'link') return linkOf(form.written);
  return COPIES[kind][1]({
    url,
    mode: form.mode,
    code: editor.text,
    options: form.options(),
    files: await files.all(),
    path: notebook.path,
    hasKey: key.value !== '',
  });
}

async function copy(kind) {
  try {
    await toClipboard(textToCopy(kind));
    const link = 'The link is copied. It has the code, and neither files nor a key.';
    say(kind === 'link' ? link : `Copied as ${COPIES[kind][0]}.`);
  } catch (error) {
    say(`Not copied: ${error.message}`);
  }
}
for (const button of document.querySelectorAll('[data-copy]'))
  button.addEventListener('click', () => copy(button.dataset.copy));

/** What the service is, in one line. */
async function describe() {
  try {
    const { isolation, versions } = await client().health();
    const { run, blocked } = isolation.selftest;
    byId('service').textContent = [
      `Python ${versions.python ?? '?'}`,
      `isolation level ${isolation.level}, ${isolation.name}`,
      `${blocked} of ${run} attacks of its self-test blocked`,
    ].join(' · ');
  } catch (error) {
    byId('service').textContent = error.message;
  }
}

/** What the editor begins with: the link's code, else the first example. */
async function load() {
  try {
    const job = await jobOfLink();
    if (job !== null) {
      form.load(job);
      return say('This code came with the link. Read it before you run it.');
    }
  } catch {
    say('The link of this page cannot be read.');
  }
  if (editor.text !== '') return;
  const [first] = (await gallery.loaded).examples;
  if (first && editor.text === '') form.load(jobOf(first));
}
addEventListener('hashchange', load);

for (const one of document.querySelectorAll('kbd.command'))
  if (/Mac|iPhone|iPad/.test(navigator.platform)) one.textContent = '⌘';
describe();
await load();
document.body.dataset.ready = 'true';
