// What a job has shown, and the files that it returned. Pictures are pictures only. Markup is never part of the page:
// it goes into a frame without scripts, without an origin, and without a way to load anything.
import { bytes, make, saveLink } from './dom.mjs';
import { textView } from './values.mjs';

const PICTURES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'];
const SVG = 'image/svg+xml';
const MOST_PICTURE = 32 << 20;
const MOST_MARKUP = 2 << 20;
const ROW_PIXELS = 27;
const FRAME_PIXELS = { least: 60, around: 34, most: 420 };
const FRAME_STYLE = new URL('./frame.css', import.meta.url).href;
const POLICY = `default-src 'none'; style-src ${FRAME_STYLE}; img-src data:`;
const TAG = /<[a-z][^<>]*>/gi;
const LOADS = /^(xlink:href|href|src|srcset|action|formaction|poster|background|data|ping)$/;
const IS_WITHIN = /^(#|data:image\/)/;

const isBase64 = (text) =>
  typeof text === 'string' && text.length < MOST_PICTURE && /^[A-Za-z0-9+/\s]*=*\s*$/.test(text);

function picture(source, name) {
  return make('img', { src: source, alt: name, class: 'picture' });
}

/** A picture that has no origin, even if it is opened as a document. Halves of characters are not for URLs. */
function svgUrl(text) {
  return `data:${SVG},${encodeURIComponent(text.replace(/\p{Surrogate}/gu, '\ufffd'))}`;
}

/**
 * A document that has nothing but text, tables and pictures of its own. The frame is what keeps the page safe from it.
 * What the policy would refuse is taken out, so that the console stays free of refusals.
 */
function frameDocument(markup) {
  const parsed = document.implementation.createHTMLDocument('');
  const template = parsed.createElement('template');
  // Inert: it is only written out again, into the frame.
  template.innerHTML = markup.replace(TAG, (tag) => tag.replace(/\b(style|on\w+)\s*=/gi, 'data-removed='));
  for (const element of template.content.querySelectorAll('script, style, link, meta, base, iframe, object, embed'))
    element.remove();
  for (const element of template.content.querySelectorAll('*'))
    for (const { name, value } of [...element.attributes]) {
      const isRefused = name === 'style' || name.startsWith('on') || (LOADS.test(name) && !IS_WITHIN.test(value));
      if (isRefused) element.removeAttribute(name);
    }
  const theme = document.documentElement.dataset.theme;
  const style = `<link rel="stylesheet" href="${FRAME_STYLE}">`;
  const policy = `<meta http-equiv="Content-Security-Policy" content="${POLICY}">`;
  const head = `<!doctype html><html data-theme="${theme}"><meta charset="utf-8">${policy}${style}`;
  return `${head}<body>${template.innerHTML}`;
}

function frame(markup, name) {
  const rows = (markup.match(/<tr\b|<br\b|<p\b|<li\b|<h\d\b/gi) ?? []).length;
  const element = make('iframe', { sandbox: '', title: name, class: 'frame', referrerpolicy: 'no-referrer' });
  const height = Math.max(FRAME_PIXELS.least, rows * ROW_PIXELS + FRAME_PIXELS.around);
  element.style.height = `${Math.min(FRAME_PIXELS.most, height)}px`; // its own height is not to be asked for
  element.srcdoc = frameDocument(markup);
  return element;
}

/** @param {Record<string, string>} bundle  from media type to data @param {number} number */
export function displayView(bundle, number) {
  const name = `Display ${number}`;
  for (const type of PICTURES) if (isBase64(bundle[type])) return picture(`data:${type};base64,${bundle[type]}`, name);
  if (bundle[SVG]) return picture(svgUrl(bundle[SVG]), name);
  const markup = bundle['text/html'];
  if (markup !== undefined && markup.length <= MOST_MARKUP) return frame(markup, name);
  const text =
    bundle['text/plain'] ?? Object.values(bundle).find((data) => typeof data === 'string') ?? JSON.stringify(bundle);
  return textView(String(text), 'value');
}

/** @param {Record<string, import('../client/pyexec.mjs').ReturnedFile>} files */
export function filesView(files) {
  const items = Object.values(files).map((file) => {
    const type = file.mediaType;
    const item = make('li', {}, saveLink(file.name, file.bytes()), make('small', {}, bytes(file.size)));
    if (PICTURES.includes(type))
      item.append(picture(URL.createObjectURL(new Blob([file.bytes()], { type })), file.name));
    if (type === SVG) item.append(picture(svgUrl(file.text()), file.name));
    return item;
  });
  return make('ul', { class: 'returned', 'aria-label': 'Returned files' }, ...items);
}
