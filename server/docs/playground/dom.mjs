// Elements of the page. Text is only ever set as text: nothing here, or that uses this, reads markup.

/** @param {string} id */
export const byId = (id) => /** @type {any} */ (document.getElementById(id));

/**
 * Makes an element. A member that begins with "on" is a listener, the others are attributes; children that are strings
 * become text.
 */
export function make(tag, members = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(members)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== null));
  return element;
}

/** A button that can be refused without losing the focus: disabled ones drop it. */
export function allow(button, allowed) {
  button.setAttribute('aria-disabled', String(!allowed));
}
export const isAllowed = (button) => button.getAttribute('aria-disabled') !== 'true';

/** Tells everyone, screen readers too. */
export function say(text) {
  byId('said').textContent = text;
}

/** A number of bytes for people. */
export function bytes(count) {
  if (count < 1024) return `${count} B`;
  const power = Math.min(3, Math.floor(Math.log2(count) / 10));
  const value = count / 1024 ** power;
  return `${value.toFixed(value < 10 ? 1 : 0)} ${['B', 'KiB', 'MiB', 'GiB'][power]}`;
}

/** Milliseconds for people. */
export function duration(ms) {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

/** Lets a file be saved. It has no type that a browser would show: a page among them would be one of this origin. */
export function saveLink(name, content) {
  const blob = new Blob([content], { type: 'application/octet-stream' });
  return make('a', { href: URL.createObjectURL(blob), download: name.split('/').pop() }, name);
}
