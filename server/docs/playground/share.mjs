// Links that carry the code in their fragment, which browsers do not send to anyone. No key, no files. Opening a link
// puts the code into the editor, and runs nothing.
const MOST_TEXT = 1 << 20;
const NAMES = { packed: 'job=', plain: 'text=' };

const toUrl = (bytes) =>
  btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')).replace(
    /[+/=]/g,
    (c) => ({ '+': '-', '/': '_' })[c] ?? '',
  );
const fromUrl = (text) =>
  Uint8Array.from(atob(text.replace(/[-_]/g, (c) => ({ '-': '+', _: '/' })[c])), (c) => c.charCodeAt(0));

/** All bytes of a stream. Throws if there are too many: a short link can unpack to gigabytes. */
async function all(stream) {
  const parts = [];
  let size = 0;
  const reader = stream.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return new Uint8Array(await new Blob(parts).arrayBuffer());
    size += value.length;
    if (size > MOST_TEXT) {
      await reader.cancel();
      throw new Error('too long');
    }
    parts.push(value);
  }
}

/** @param {{mode: string, code: string, args: string}} job */
export async function linkOf(job) {
  const bytes = new TextEncoder().encode(JSON.stringify(job));
  const base = location.href.replace(/#.*$/, '');
  if (globalThis.CompressionStream === undefined) return `${base}#${NAMES.plain}${toUrl(bytes)}`;
  const packed = await all(new Blob([bytes]).stream().pipeThrough(new CompressionStream('deflate-raw')));
  return `${base}#${NAMES.packed}${toUrl(packed)}`;
}

/** The job of the page's own link, or null. Throws if there is one that cannot be read. */
export async function jobOfLink() {
  const fragment = location.hash.slice(1);
  const kind = Object.keys(NAMES).find((name) => fragment.startsWith(NAMES[name]));
  if (kind === undefined) return null;
  let bytes = fromUrl(fragment.slice(NAMES[kind].length));
  if (kind === 'packed')
    bytes = await all(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw')));
  const { mode, code, args } = JSON.parse(new TextDecoder().decode(bytes));
  return { mode, code, args };
}
