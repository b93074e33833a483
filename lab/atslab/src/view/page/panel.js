// What is said about the row under the cursor: the sentence, the locks, the way of the
// bytes, the places in the source and in the book, and the text of the scenario.

import { bytesText, levelAt, lockNames, nameOf, secondsText } from './data.js';
import { byId, html, sideClass, svg } from './draw.js';

/** @typedef {import('./types.d.ts').Run} Run */
/** @typedef {import('./types.d.ts').Scene} Scene */
/** @typedef {import('./types.d.ts').State} State */
/** @typedef {{ book: string, source: string }} Links */

/** @param {State} state @param {Links} links */
export function showPanel(state, links) {
  const run = state.scene.runs[state.run];
  const row = run.last[state.column];
  if (row < 0) return;
  const rows = run.rows;
  const text = (/** @type {number} */ index) => run.texts[index];
  const sentence = text(rows.text[row]);
  byId('sentence').textContent = sentence.charAt(0).toUpperCase() + sentence.slice(1) + '.';

  const kind = run.kinds[rows.kind[row]];
  const held = lockNames(run, rows.held[row]);
  const foreign = lockNames(run, rows.foreign[row]);
  const who = run.threads.length > 1 ? run.threads[rows.thread[row]] : 'the event thread';
  const facts = [
    html('code', {}, text(rows.code[row])),
    ` ${row + 1} of ${run.length}`,
    kind.step ? ` · step ${run.steps[row]} of ${run.steps[run.length - 1]}` : ' · no step of the port',
    ` · after ${secondsText(rows.at[row])}`,
    state.scene.runs.length > 1 ? ` · ${nameOf(run)}` : '',
  ];
  byId('facts').replaceChildren(...facts);
  const locks = byId('locks');
  locks.replaceChildren();
  if (run.locks.length > 0) {
    locks.append('Held: ', html('b', {}, held.length ? held.join(', ') : 'no mutex'));
    if (held.length) locks.append(` by ${who}`);
    if (foreign.length) {
      locks.append('; a foreign thread has ', html('b', {}, foreign.join(', ')));
    }
    locks.append('.');
  }
  byId('detail').textContent = text(rows.detail[row]) ? `Buffers: ${text(rows.detail[row])}.` : '';
  showLinks(links, kind, text(rows.source[row]));
  byId('others').replaceChildren(...otherRuns(state));
  byId('pipes').replaceChildren(...pipes(state.scene, run, row));
  showText(state.scene, rows.place[row]);
}

/** @param {Links} links @param {import('./types.d.ts').Kind} kind @param {string} source */
function showLinks(links, kind, source) {
  const parts = byId('links');
  parts.replaceChildren();
  const add = (/** @type {string} */ name, /** @type {string} */ words, /** @type {string} */ base, /** @type {string} */ path) => {
    if (words === '') return;
    if (parts.childNodes.length) parts.append(' · ');
    parts.append(`${name}: `, base ? html('a', { href: base + path, target: '_blank', rel: 'noreferrer' }, words) : html('code', {}, words));
  };
  add('mirrors', kind.mirrors, '', '');
  add('port', source, links.source, source.replace(/:(\d+)$/, '#L$1'));
  const html_page = links.book.endsWith('/src/') ? kind.page : kind.page.replace('.md', '.html');
  add('book', kind.page.replace('.md#', ' § ').replace(/-/g, ' '), links.book, html_page);
}

/** What the other runs do in this column. @param {State} state */
function otherRuns(state) {
  return state.scene.runs.filter((run) => run.index !== state.run).map((run) => {
    const row = run.rowAt[state.column];
    const same = row >= 0;
    const last = run.last[state.column];
    const words = same ? 'does the same' : last < 0 ? 'has not begun' : `has no such step; it last did “${run.texts[run.rows.code[last]]}”`;
    return html('p', { class: same ? 'same' : 'not' }, html('b', {}, nameOf(run)), ` ${words}${same ? ` after ${secondsText(run.rows.at[row])}` : ''}.`);
  });
}

/**
 * The ways of the bytes, with what is in each buffer now.
 * @param {Scene} scene @param {Run} run @param {number} row
 */
function pipes(scene, run, row) {
  return [0, 1].flatMap((way) => {
    const buffers = run.buffers.filter((buffer) => buffer.way[0] === way);
    return buffers.length ? [pipe(scene, run, row, buffers)] : [];
  });
}

/** @param {Scene} scene @param {Run} run @param {number} row @param {import('./types.d.ts').Buffer[]} buffers */
function pipe(scene, run, row, buffers) {
  const wide = 96;
  const step = wide + 44;
  const picture = svg('svg', { width: buffers.length * step, viewBox: `0 0 ${buffers.length * step} 76`, class: 'pipe', role: 'img' });
  /** @type {string[]} */
  const said = [];
  buffers.forEach((buffer, index) => {
    const x = index * step + 4;
    const now = levelAt(buffer, row);
    const before = levelAt(buffer, row - 1);
    const most = scene.most.get(buffer.way.join()) ?? 1;
    const high = 31 * Math.min(1, now.bytes / most);
    picture.append(
      svg('text', { x, y: 13 }, buffer.name),
      svg('rect', { x, y: 19, width: wide, height: 36, class: `box ${sideClass(buffer.side)}` }),
      svg('rect', { x: x + 1, y: 54 - high, width: wide - 2, height: high, class: `level ${sideClass(buffer.side)}` }),
    );
    if (now.mark > 0 && now.mark <= most) {
      const y = 54 - (31 * now.mark) / most;
      picture.append(svg('path', { d: `M${x - 3},${y}h${wide + 6}`, class: 'mark' }));
    }
    const change = now.bytes - before.bytes;
    const words = bytesText(now.bytes) + (change ? ` (${change > 0 ? '+' : '−'}${bytesText(Math.abs(change))})` : '');
    picture.append(svg('text', { x, y: 70, class: change ? 'changed' : '' }, words));
    said.push(`${buffer.name} ${words}`);
    if (index + 1 < buffers.length) {
      const next = buffers[index + 1];
      const moves = change < 0 && levelAt(next, row).bytes > levelAt(next, row - 1).bytes;
      picture.append(svg('path', { d: `M${x + wide + 6},37h28m-7,-5l7,5l-7,5`, class: moves ? 'arrow moves' : 'arrow' }));
    }
  });
  picture.setAttribute('aria-label', said.join(', '));
  return picture;
}

/** @type {Scene | null} */
let shown = null;

/** The text of the scenario; the operation that is carried out is lit. @param {Scene} scene @param {number} place */
function showText(scene, place) {
  const box = byId('text');
  box.hidden = scene.text === '';
  if (scene.text === '') return;
  if (shown !== scene) {
    shown = scene;
    box.replaceChildren(...scene.text.replace(/\n$/, '').split('\n').map((line, index) => textLine(scene, line, index)));
  }
  for (const lit of box.querySelectorAll('.lit')) lit.classList.remove('lit', 'past');
  if (place < 0) return;
  const mark = /** @type {HTMLElement | null} */ (box.querySelector(`[data-place="${place >> 1}"]`));
  if (!mark) return;
  mark.classList.add('lit');
  if (place & 1) mark.classList.add('past');
  const middle = mark.offsetTop - box.clientHeight / 2;
  if (mark.offsetTop < box.scrollTop || mark.offsetTop > box.scrollTop + box.clientHeight - 20) box.scrollTop = middle;
}

/** @param {Scene} scene @param {string} line @param {number} index */
function textLine(scene, line, index) {
  const letters = [...line];
  const row = html('span', { class: 'line' });
  let done = 0;
  const places = scene.places.map((place, number) => ({ place, number })).filter(({ place }) => place[0] === index);
  places.sort((one, other) => one.place[1] - other.place[1]);
  for (const { place: [, first, end], number } of places) {
    row.append(letters.slice(done, first).join(''), html('mark', { 'data-place': String(number) }, letters.slice(first, end).join('')));
    done = end;
  }
  row.append(letters.slice(done).join(''), '\n');
  return row;
}
