// What a job returned: a table if it is rows, else JSON.
import { make } from './dom.mjs';

const MOST_ROWS = 200;
const MOST_COLUMNS = 50;
const MOST_TEXT = 100_000;
const MOST_CELL = 2000;
const LINE = 80;

/** A number that JavaScript would write otherwise: 1.0, or an integer above 2^53. */
class Numeral extends Number {
  constructor(value, source) {
    super(value);
    this.source = source;
  }
}

/** Reads JSON, and keeps how numbers are written. Browsers that do not tell it round them. */
export function parse(text) {
  return JSON.parse(text, (_, value, context) => {
    const source = context?.source;
    return typeof value === 'number' && source !== undefined && source !== String(value)
      ? new Numeral(value, source)
      : value;
  });
}

const isScalar = (value) => typeof value !== 'object' || value === null || value instanceof Numeral;
const scalarText = (value) => (value instanceof Numeral ? value.source : JSON.stringify(value));

/** What is in an array or an object, one by one: neither may be copied as a whole. */
function* membersOf(value) {
  if (Array.isArray(value)) for (const item of value) yield ['', item];
  else for (const name in value) yield [`${JSON.stringify(name)}: `, value[name]];
}

/** A value on one line, or null if it is longer than there is room for. Looks at no more of it than that. */
function lineOf(value, room) {
  if (isScalar(value)) {
    if (typeof value === 'string' && value.length > room) return null;
    const text = scalarText(value);
    return text.length <= room ? text : null;
  }
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  let line = open;
  for (const [name, item] of membersOf(value)) {
    const rest = lineOf(item, room - line.length - name.length - 3);
    if (rest === null) return null;
    line += (line.length > 1 ? ', ' : '') + name + rest;
  }
  return line.length < room ? line + close : null;
}

/** A value as JSON: short parts on one line, and no more of it than `most` characters. */
export function jsonText(value, most = MOST_TEXT) {
  const parts = [];
  let length = 0;
  const add = (text) => {
    parts.push(text);
    length += text.length;
  };
  const write = (item, indent) => {
    const line = lineOf(item, LINE - indent.length);
    if (line !== null) return add(line);
    if (isScalar(item)) return add(scalarText(typeof item === 'string' ? item.slice(0, most) : item));
    const isArray = Array.isArray(item);
    let separator = '\n';
    add(isArray ? '[' : '{');
    for (const [name, member] of membersOf(item)) {
      if (length > most) return;
      add(`${separator}${indent}  ${name}`);
      write(member, `${indent}  `);
      separator = ',\n';
    }
    add(`\n${indent}${isArray ? ']' : '}'}`);
  };
  write(value, '');
  return parts.join('').slice(0, most) + (length > most ? '\n… and more' : '');
}

const isRow = (value) => !isScalar(value) && !Array.isArray(value);

/** The names of the columns, or null if it is no table. */
function columnsOf(value) {
  if (!Array.isArray(value) || value.length === 0 || !value.every(isRow)) return null;
  const names = new Set();
  for (const row of value) for (const name of Object.keys(row)) names.add(name);
  return names.size > 0 && names.size <= MOST_COLUMNS ? [...names] : null;
}

function cellOf(row, name) {
  if (!Object.hasOwn(row, name)) return make('td');
  const value = row[name];
  const isNumber = typeof value === 'number' || value instanceof Numeral;
  const text = typeof value === 'string' ? value : jsonText(value, MOST_CELL);
  return make('td', { class: isNumber && 'number' }, text.length > MOST_CELL ? `${text.slice(0, MOST_CELL)}…` : text);
}

/** @param {any} value @returns {HTMLElement} */
export function valueView(value) {
  const columns = columnsOf(value);
  if (columns === null) return textView(jsonText(value), 'value');
  const head = make('tr', {}, ...columns.map((name) => make('th', { scope: 'col' }, name)));
  const rows = value.slice(0, MOST_ROWS).map((row) => make('tr', {}, ...columns.map((name) => cellOf(row, name))));
  const table = make('table', {}, make('thead', {}, head), make('tbody', {}, ...rows));
  const count = value.length > MOST_ROWS ? `The first ${MOST_ROWS} of ${value.length} rows` : undefined;
  return make(
    'div',
    { class: 'table', tabindex: '0', role: 'group', 'aria-label': 'Table' },
    count && make('p', { class: 'hint' }, count),
    table,
  );
}

/** Text in the shape that it has, cut if it is very long. */
export function textView(text, kind) {
  const note = text.length > MOST_TEXT ? `\n… ${(text.length - MOST_TEXT).toLocaleString('en')} more characters` : '';
  return make('pre', { class: kind, tabindex: '0' }, text.slice(0, MOST_TEXT) + note);
}
