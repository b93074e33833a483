// A run as a strip: lanes, rows, locks and buffers over the axis of columns. Only the
// columns that are visible are drawn, so a run of any length scrolls alike.

import { bytesText, levelAt, secondsText, shapeOf, sideOf } from './data.js';
import { form, padlock, sideClass, svg } from './draw.js';

/** @typedef {import('./types.d.ts').Run} Run */
/** @typedef {import('./types.d.ts').Scene} Scene */
/** @typedef {import('./types.d.ts').State} State */

export const LANE = 27;
const TOP = 20;
const LOCK = 13;
const CHART = 34;
const CHART_GAP = 14;

/**
 * Where everything of a run stands.
 * @param {Run} run
 */
export function layoutOf(run) {
  const locks = TOP + run.lanes.length * LANE + 6;
  const charts = locks + run.locks.length * LOCK + (run.locks.length ? 12 : 4);
  const height = charts + run.buffers.length * (CHART + CHART_GAP) + 4;
  const lane = (/** @type {number} */ index) => TOP + index * LANE + LANE / 2;
  const chart = (/** @type {number} */ index) => charts + index * (CHART + CHART_GAP);
  return { locks, charts, height, lane, chart };
}

/** The names at the left. @param {Run} run @param {Scene} scene @param {boolean} short */
export function drawNames(run, scene, short) {
  const at = layoutOf(run);
  const picture = svg('svg', { width: short ? 76 : 142, height: at.height, class: 'names' });
  const text = (/** @type {number} */ x, /** @type {number} */ y, /** @type {string} */ words, kind = '') =>
    picture.append(svg('text', { x, y, class: kind }, words));
  run.lanes.forEach(([name, side], lane) => {
    picture.append(svg('rect', { x: 0, y: at.lane(lane) - 8, width: 4, height: 16, class: `tag ${sideClass(side)}` }));
    text(10, at.lane(lane) + 4, short ? name.replace(/ thread$/, '').replace(/ end$/, '') : name);
  });
  run.locks.forEach((name, lock) => {
    const y = at.locks + lock * LOCK;
    const icon = svg('g', { transform: `translate(10,${y + 1}) scale(.8)` }, padlock(0, 0));
    picture.append(icon);
    text(26, y + 10, short ? name.split(' ')[0] : name, 'dim');
  });
  run.buffers.forEach((buffer, index) => {
    const y = at.chart(index);
    text(10, y + 13, short ? buffer.name.replace(/ buffer/, '') : buffer.name);
    text(10, y + 27, `0 … ${bytesText(scene.most.get(buffer.way.join()) ?? 0)}`, 'dim');
  });
  return picture;
}

/**
 * Draws the columns `first` to `end` of a run into `picture`, whose left edge is at the
 * column `first`.
 * @param {SVGElement} picture @param {State} state @param {Run} run
 * @param {number} first @param {number} end @param {number} left where the visible part begins
 */
export function drawStrip(picture, state, run, first, end, left) {
  const { scene, width } = state;
  const at = layoutOf(run);
  const parts = document.createDocumentFragment();
  const x = (/** @type {number} */ column) => (column - first) * width + width / 2;
  const edge = (/** @type {number} */ column) => (column - first) * width;
  const put = (/** @type {string} */ name, /** @type {Record<string, string | number>} */ attributes) =>
    parts.append(svg(name, attributes));
  const right = edge(end);

  drawBands(scene, run, first, end, (from, to, mine) =>
    put('rect', {
      x: edge(from) + 1, y: TOP - 2, width: (to - from) * width - 2,
      height: at.locks - TOP - 2, rx: 3, class: mine ? 'mine' : 'gap',
    }));
  run.lanes.forEach((_, lane) =>
    put('line', { x1: 0, x2: right, y1: at.lane(lane), y2: at.lane(lane), class: 'lane' }));
  drawTimes(parts, run, first, end, edge, at.height, left);
  drawLocks(parts, run, first, end, edge, at.locks, width);
  run.buffers.forEach((buffer, index) =>
    drawChart(parts, scene, run, buffer, first, end, edge, at.chart(index), left));

  for (let column = first; column < end; column++) {
    const row = run.rowAt[column];
    if (row < 0) continue;
    const from = run.rows.from[row];
    const code = run.texts[run.rows.code[row]];
    const mark = form(
      shapeOf(run, row), sideOf(run, row), x(column), at.lane(run.rows.lane[row]),
      from < 0 ? null : at.lane(from), code,
    );
    mark.append(svg('title', {}, `${code}: ${run.texts[run.rows.text[row]]}`));
    parts.append(mark);
  }
  drawCursor(parts, state, run, first, end, edge, at.height);
  picture.replaceChildren(parts);
}

/**
 * The stretches in which not all runs have a row.
 * @param {Scene} scene @param {Run} run @param {number} first @param {number} end
 * @param {(from: number, to: number, mine: boolean) => void} put
 */
function drawBands(scene, run, first, end, put) {
  const kind = (/** @type {number} */ column) =>
    scene.differs[column] ? (run.rowAt[column] >= 0 ? 2 : 1) : 0;
  for (let column = first; column < end;) {
    const here = kind(column);
    let to = column + 1;
    while (to < end && kind(to) === here) to++;
    if (here) put(column, to, here === 2);
    column = to;
  }
}

/**
 * @param {ParentNode} parts @param {Run} run @param {number} first @param {number} end
 * @param {(column: number) => number} edge @param {number} height @param {number} left
 */
function drawTimes(parts, run, first, end, edge, height, left) {
  let free = left;
  const say = (/** @type {number} */ x, /** @type {string} */ words) => {
    if (x < free) return;
    parts.append(svg('text', { x: x + 3, y: 12, class: 'dim' }, words));
    free = x + 62;
  };
  const soon = first + Math.ceil((left + 62) / (edge(first + 1) - edge(first)));
  for (let column = first; column < end; column++) {
    const row = run.rowAt[column];
    if (row < 0) continue;
    if (row === 0 || run.rows.at[row - 1] !== run.rows.at[row]) {
      parts.append(svg('line', { x1: edge(column), x2: edge(column), y1: 4, y2: height - 4, class: 'time' }));
      say(edge(column), secondsText(run.rows.at[row]));
    } else if (free === left && column >= soon) {
      // At the left edge the time of what is there is always said.
      say(left, secondsText(run.rows.at[row]));
    }
  }
}

/**
 * @param {ParentNode} parts @param {Run} run @param {number} first @param {number} end
 * @param {(column: number) => number} edge @param {number} top @param {number} width
 */
function drawLocks(parts, run, first, end, edge, top, width) {
  const { held, foreign, at } = run.rows;
  run.locks.forEach((name, lock) => {
    const bit = 1 << lock;
    const y = top + lock * LOCK + 2;
    const side = / A’s /.test(name) ? 'a' : / P’s /.test(name) ? 'p' : 'c';
    // 1 held by the thread of the row, 2 by a foreign thread, 3 both: the row's thread has
    // it, as seen before the other takes it.
    const kind = (/** @type {number} */ column) => {
      const row = run.last[column];
      if (row < 0) return 0;
      return foreign[row] & bit ? 2 : held[row] & bit && run.rowAt[column] >= 0 ? 1 : 0;
    };
    // A hold ends with the dispatch that took it.
    const begins = (/** @type {number} */ column) => {
      const row = run.rowAt[column];
      return row > 0 && (shapeOf(run, row) === 'event' || at[row] !== at[row - 1]);
    };
    for (let column = first; column < end;) {
      const here = kind(column);
      let to = column + 1;
      while (to < end && (kind(to) === here || (here === 1 && run.rowAt[to] < 0)) && !(here === 1 && begins(to))) to++;
      if (here) {
        parts.append(svg('rect', {
          x: edge(column) + (here === 2 ? 0 : 2), y, width: (to - column) * width - (here === 2 ? 0 : 4),
          height: 8, rx: here === 2 ? 0 : 2, class: here === 2 ? 'held foreign' : `held ${side}`,
        }));
      }
      column = to;
    }
  });
}

/**
 * @param {ParentNode} parts @param {Scene} scene @param {Run} run
 * @param {import('./types.d.ts').Buffer} buffer @param {number} first @param {number} end
 * @param {(column: number) => number} edge @param {number} top @param {number} left
 */
function drawChart(parts, scene, run, buffer, first, end, edge, top, left) {
  const most = scene.most.get(buffer.way.join()) ?? 1;
  const bottom = top + CHART;
  const height = (/** @type {number} */ bytes) => bottom - (CHART - 4) * Math.min(1, bytes / most);
  let fill = `M${edge(first)},${bottom}`;
  let mark = '';
  let last = { bytes: -1, mark: -1 };
  /** @type {[number, number][]} */
  const labels = [];
  for (let column = first; column < end; column++) {
    const row = run.last[column];
    const level = row < 0 ? { bytes: 0, mark: 0 } : levelAt(buffer, row);
    if (level.bytes !== last.bytes) {
      fill += last.bytes < 0 ? `V${height(level.bytes)}` : `H${edge(column)}V${height(level.bytes)}`;
    }
    if (level.mark !== last.mark) {
      const shown = level.mark > 0 && level.mark <= most;
      mark += mark === '' || last.mark <= 0 ? (shown ? `M${edge(column)},${height(level.mark)}` : '')
        : shown ? `H${edge(column)}V${height(level.mark)}` : `H${edge(column)}`;
      if (shown) labels.push([edge(column), level.mark]);
    }
    last = level;
  }
  fill += `H${edge(end)}V${bottom}Z`;
  const side = sideClass(buffer.side);
  parts.append(svg('path', { d: fill, class: `level ${side}` }));
  if (mark !== '') {
    parts.append(svg('path', { d: `${mark}${last.mark > 0 && last.mark <= most ? `H${edge(end)}` : ''}`, class: 'mark' }));
    // The one that holds at the left edge, and those that begin to the right of it.
    const before = labels.filter(([x]) => x <= left).at(-1);
    const shown = labels.filter(([x]) => x > left);
    if (before && !shown.some(([x]) => x < left + 120)) shown.unshift([left, before[1]]);
    for (const [x, bytes] of shown.slice(0, 3)) {
      const y = height(bytes) - 3 < top + 8 ? height(bytes) + 11 : height(bytes) - 3;
      const words = buffer.way[1] === 1 ? `${bytesText(bytes)}: ${buffer.mark}` : `${buffer.mark} ${bytesText(bytes)}`;
      parts.append(svg('text', { x: x + 4, y, class: 'marktext' }, words));
    }
  }
}

/**
 * @param {ParentNode} parts @param {State} state @param {Run} run @param {number} first
 * @param {number} end @param {(column: number) => number} edge @param {number} height
 */
function drawCursor(parts, state, run, first, end, edge, height) {
  const { column, width } = state;
  if (column < first || column >= end) return;
  const is = run.index === state.run ? 'cursor' : run.rowAt[column] >= 0 ? 'cursor other' : 'cursor absent';
  parts.append(svg('rect', { x: edge(column), y: 15, width, height: height - 19, class: is }));
}
