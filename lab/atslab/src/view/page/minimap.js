// The whole run, small, on a canvas: for the way to a place far off, and for the gallery.

import { shapeOf, sideOf } from './data.js';

/** @typedef {import('./types.d.ts').Scene} Scene */

/** What was drawn last, without window and cursor: it is the same in each frame. */
/** @type {{ key: string, scene: Scene | null, base: HTMLCanvasElement }} */
const kept = { key: '', scene: null, base: document.createElement('canvas') };

/**
 * Draws all columns of a scene; `window` are the visible ones.
 * @param {HTMLCanvasElement} canvas @param {Scene} scene @param {[number, number]} window
 * @param {number} cursor
 */
export function drawMap(canvas, scene, window, cursor) {
  // On paper it is left out.
  if (canvas.clientWidth === 0) return;
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const key = `${canvas.clientWidth} ${canvas.clientHeight} ${devicePixelRatio} ${dark}`;
  if (kept.key !== key || kept.scene !== scene) {
    drawSmall(kept.base, scene, canvas);
    Object.assign(kept, { key, scene });
    canvas.width = kept.base.width;
    canvas.height = kept.base.height;
  }
  const paint = canvas.getContext('2d');
  if (!paint) return;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  paint.setTransform(1, 0, 0, 1, 0, 0);
  paint.clearRect(0, 0, canvas.width, canvas.height);
  paint.drawImage(kept.base, 0, 0);
  paint.scale(devicePixelRatio || 1, devicePixelRatio || 1);
  const x = (/** @type {number} */ column) => (column * width) / Math.max(1, scene.columns);
  const style = getComputedStyle(canvas);
  paint.strokeStyle = style.getPropertyValue('--ink');
  paint.lineWidth = 1.5;
  paint.strokeRect(x(window[0]) + 0.75, 0.75, Math.max(6, x(window[1]) - x(window[0]) - 1.5), height - 1.5);
  paint.fillStyle = style.getPropertyValue('--cursor');
  paint.fillRect(x(cursor) - 1, 0, 3, height);
}

/**
 * Draws all columns of a scene into a canvas that gets the size and the colours of `like`.
 * @param {HTMLCanvasElement} canvas @param {Scene} scene @param {HTMLCanvasElement} like
 */
export function drawSmall(canvas, scene, like) {
  const scale = devicePixelRatio || 1;
  const width = like.clientWidth;
  const height = like.clientHeight;
  canvas.width = width * scale;
  canvas.height = height * scale;
  const paint = canvas.getContext('2d');
  if (!paint) return;
  paint.scale(scale, scale);
  const style = getComputedStyle(like);
  const colour = (/** @type {string} */ name) => style.getPropertyValue(`--${name}`);
  const colours = new Map([['A', colour('a')], ['P', colour('p')], ['F', colour('hot')], ['-', colour('c')]]);
  const x = (/** @type {number} */ column) => (column * width) / Math.max(1, scene.columns);
  const dot = Math.max(1, Math.min(5, width / Math.max(1, scene.columns) - 0.5));

  paint.fillStyle = colour('band');
  for (let column = 0; column < scene.columns;) {
    let to = column + 1;
    while (to < scene.columns && scene.differs[to] === scene.differs[column]) to++;
    if (scene.differs[column]) paint.fillRect(x(column), 0, Math.max(1, x(to) - x(column)), height);
    column = to;
  }
  const high = height / scene.runs.length;
  for (const run of scene.runs) {
    const lanes = run.lanes.length;
    const top = run.index * high;
    const step = (high - 3) / lanes;
    let done = '';
    for (let row = 0; row < run.length; row++) {
      const at = x(run.rows.column[row]);
      const lane = run.rows.lane[row];
      const shape = shapeOf(run, row);
      // Of many rows in one pixel, one of each lane is enough.
      const key = `${Math.floor(at)} ${lane} ${shape === 'stop' || shape === 'miss'}`;
      if (key === done) continue;
      done = key;
      paint.fillStyle = shape === 'stop' || shape === 'miss' ? colour('hot') : colours.get(sideOf(run, row)) ?? colour('c');
      const from = run.rows.from[row];
      const y = top + 1.5 + lane * step;
      if (from >= 0) {
        const y0 = top + 1.5 + Math.min(from, lane) * step + step / 2;
        paint.fillRect(at, y0, Math.max(1, dot / 2.5), Math.abs(from - lane) * step);
      }
      paint.fillRect(at, y + Math.max(0, step / 2 - dot / 2 - 0.5), dot, Math.min(step, dot + 1));
    }
    if (run.index > 0) {
      paint.fillStyle = colour('line');
      paint.fillRect(0, top - 1, width, 1);
    }
  }
}
