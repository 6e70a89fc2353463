// The clipboard. Browsers let a page write to it in the moment of a click only, or with a promise of that moment.
import { make } from './dom.mjs';

/** Pages over plain HTTP have no navigator.clipboard, but for those of this machine. */
function byCommand(text) {
  const area = make('textarea', { class: 'unseen', 'aria-hidden': 'true', tabindex: '-1' });
  area.value = text;
  const focused = document.activeElement;
  document.body.append(area);
  area.select();
  const isCopied = document.execCommand('copy');
  area.remove();
  focused?.focus();
  if (!isCopied) throw new Error('the browser does not allow it');
}

/** @param {Promise<string>} text */
export async function toClipboard(text) {
  if (!navigator.clipboard) return byCommand(await text);
  if (globalThis.ClipboardItem === undefined) return navigator.clipboard.writeText(await text);
  const blob = text.then((ready) => new Blob([ready], { type: 'text/plain' }));
  blob.catch(() => {}); // it is told below
  try {
    await navigator.clipboard.write([new ClipboardItem({ 'text/plain': blob })]);
  } catch (error) {
    await text; // if there is none, that is why
    throw error;
  }
}
