// One scene: its runs as strips over one axis, the cursor, the slider, the keys.

import { levelAt, nameOf } from './data.js';
import { byId, form, FORMS, html, svg } from './draw.js';
import { drawMap } from './minimap.js';
import { showPanel } from './panel.js';
import { drawNames, drawStrip, layoutOf } from './strip.js';

/** @typedef {import('./types.d.ts').Run} Run */
/** @typedef {import('./types.d.ts').Scene} Scene */
/** @typedef {import('./types.d.ts').State} State */
/** @typedef {{ book: string, source: string }} Links */

/** So many columns fit on a sheet of paper. */
const ON_PAPER = 60;
const WIDTHS = [4, 7, 11, 16, 21, 28, 38];

/** @type {Scene} */
const NOTHING = { name: '', title: '', teaches: '', text: '', places: [], runs: [], columns: 0, differs: new Uint8Array(0), most: new Map() };

/** Shows a scene, and changes what is shown. */
export class Runs {
  /** @param {Links} links @param {(place: string) => void} moved */
  constructor(links, moved) {
    this.links = links;
    this.moved = moved;
    /** @type {State} */
    this.state = { scene: NOTHING, run: 0, column: 0, width: 21 };
    this.scroll = byId('scroll');
    this.slide = /** @type {HTMLInputElement} */ (byId('slide'));
    this.map = /** @type {HTMLCanvasElement} */ (byId('map'));
    /** @type {{ picture: SVGElement, run: Run }[]} */
    this.strips = [];
    this.first = -1;
    this.asked = false;
    this.printing = false;
    this.before = 0;
    this.timer = 0;
    this.found = '';
    this.listen();
  }

  /** @param {Scene} scene @param {number} run @param {number} row */
  open(scene, run, row) {
    this.stop();
    this.state.scene = scene;
    this.state.run = Math.min(run, scene.runs.length - 1);
    byId('title').textContent = scene.title;
    byId('name').textContent = scene.name;
    byId('teaches').textContent = scene.teaches;
    document.title = `${scene.title} – atslab`;
    const short = innerWidth < 700;
    this.strips = scene.runs.map((run) => ({ run, picture: svg('svg', { class: 'strip', height: layoutOf(run).height }) }));
    byId('names').replaceChildren(...scene.runs.map((run) => html('div', { class: 'named' }, html('h2', {}, ' '), drawNames(run, scene, short))));
    byId('strips').replaceChildren(...this.strips.map(({ run, picture }) => {
      const only = run.rows.column.filter((column) => scene.differs[column]).length;
      const words = `${nameOf(run)}: ${run.steps[run.length - 1] ?? 0} steps` + (scene.runs.length > 1 ? `, ${only} rows that not all have` : '');
      const strip = html('section', { class: 'run', 'aria-label': nameOf(run) }, html('h2', {}, html('span', {}, words)), picture);
      return strip;
    }));
    byId('ends').replaceChildren(...scene.runs.map((run) => html('p', {}, html('b', {}, `${nameOf(run)}: `), run.end.join(' '))));
    const room = this.scroll.clientWidth - 24;
    const fits = WIDTHS.filter((width) => width >= 16 && width <= 28 && width * scene.columns <= room);
    this.state.width = fits.at(-1) ?? 21;
    this.slide.max = String(Math.max(0, scene.columns - 1));
    this.resize();
    this.go(this.columnOf(this.state.run, row));
  }

  /** @param {number} run @param {number} row */
  columnOf(run, row) {
    const { column } = this.state.scene.runs[run].rows;
    return column[Math.max(0, Math.min(column.length - 1, row))] ?? 0;
  }

  resize() {
    byId('strips').style.width = `${this.state.scene.columns * this.state.width + 24}px`;
    this.first = -1;
    this.draw();
  }

  /** Draws in the next frame, once. */
  draw() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => {
      this.asked = false;
      this.drawNow();
    });
  }

  drawNow() {
    const { scene, width } = this.state;
    const [first, end] = this.visible();
    const shift = this.printing ? 0 : first * width;
    for (const { run, picture } of this.strips) {
      picture.setAttribute('width', String((end - first) * width + 2));
      picture.style.marginLeft = `${shift}px`;
      drawStrip(picture, this.state, run, first, end, this.scroll.scrollLeft - shift);
    }
    const exact = [this.scroll.scrollLeft / width, (this.scroll.scrollLeft + this.scroll.clientWidth) / width];
    drawMap(this.map, scene, [exact[0], Math.min(scene.columns, exact[1])], this.state.column);
  }

  /** The columns that are drawn. @returns {[number, number]} */
  visible() {
    const { scene, width } = this.state;
    if (this.printing) {
      const from = Math.max(0, Math.min(scene.columns, this.state.column + ON_PAPER / 2) - ON_PAPER);
      return [from, Math.min(scene.columns, from + ON_PAPER)];
    }
    const first = Math.max(0, Math.floor(this.scroll.scrollLeft / width) - 3);
    return [first, Math.min(scene.columns, first + Math.ceil(this.scroll.clientWidth / width) + 7)];
  }

  /** Puts the cursor on a column. @param {number} column */
  go(column) {
    const { scene, width } = this.state;
    this.state.column = Math.max(0, Math.min(scene.columns - 1, column));
    const x = this.state.column * width;
    const { scrollLeft, clientWidth } = this.scroll;
    if (x < scrollLeft + 2 * width || x > scrollLeft + clientWidth - 4 * width) {
      this.scroll.scrollLeft = Math.max(0, x - clientWidth / 2);
    }
    this.slide.value = String(this.state.column);
    const run = scene.runs[this.state.run];
    const row = Math.max(0, run.last[this.state.column]);
    this.slide.setAttribute('aria-valuetext', `${row + 1} of ${run.length}`);
    byId('strips').querySelectorAll('.run').forEach((strip, index) => strip.classList.toggle('current', index === this.state.run && scene.runs.length > 1));
    this.draw();
    showPanel(this.state, this.links);
    this.moved(`${this.state.run}.${row + 1}`);
  }

  /** The next row of the run from the cursor on, that is as `is` says. @param {number} by @param {(run: Run, row: number) => boolean} is */
  step(by, is = () => true) {
    const run = this.state.scene.runs[this.state.run];
    let row = run.last[this.state.column];
    // Before a row of the other run only, this run's next one is the next to the right.
    if (by < 0 && run.rowAt[this.state.column] < 0) row += 1;
    for (row += by; row >= 0 && row < run.length; row += by) {
      if (is(run, row)) return this.go(run.rows.column[row]);
    }
  }

  /** The same end as the row under the cursor. @param {number} by */
  sameEnd(by) {
    const run = this.state.scene.runs[this.state.run];
    const lane = run.rows.lane[Math.max(0, run.last[this.state.column])];
    const side = run.lanes[lane][1];
    this.step(by, (run, row) => run.lanes[run.rows.lane[row]][1] === side);
  }

  /** @param {number} by */
  otherRun(by) {
    const { scene } = this.state;
    this.state.run = (this.state.run + by + scene.runs.length) % scene.runs.length;
    this.go(this.state.column);
    this.showRun();
  }

  /** Scrolls the page until the strip of the run is above the panel. */
  showRun() {
    const strip = byId('strips').children[this.state.run].getBoundingClientRect();
    const bottom = Math.min(innerHeight, byId('panel').getBoundingClientRect().top);
    if (strip.top < 0) scrollBy(0, strip.top - 8);
    else if (strip.bottom > bottom) scrollBy(0, Math.min(strip.top, strip.bottom - bottom + 8));
  }

  /** The next stretch in which the runs differ. @param {number} by */
  nextDifference(by) {
    const { differs, columns } = this.state.scene;
    let column = this.state.column;
    while (column >= 0 && column < columns && differs[column]) column += by;
    while (column >= 0 && column < columns && !differs[column]) column += by;
    if (column < 0 || column >= columns) return this.say('There is no further difference.');
    if (by < 0) while (column > 0 && differs[column - 1]) column--;
    const run = this.state.scene.runs.find((run) => run.rowAt[column] >= 0);
    if (run) this.state.run = run.index;
    this.go(column);
    this.showRun();
  }

  /** @param {string} words @param {number} by */
  find(words, by) {
    this.found = words.toLowerCase();
    if (this.found === '') return;
    const before = this.state.column;
    this.step(by, (run, row) => `${run.texts[run.rows.code[row]]} ${run.texts[run.rows.text[row]]}`.toLowerCase().includes(this.found));
    if (before === this.state.column) this.say(`“${words}” does not come ${by > 0 ? 'after' : 'before'} this.`);
  }

  /** @param {string} words */
  say(words) {
    byId('said').textContent = words;
    setTimeout(() => (byId('said').textContent = ''), 4000);
  }

  play() {
    if (this.timer) return this.stop();
    byId('play').setAttribute('aria-pressed', 'true');
    this.timer = setInterval(() => {
      const before = this.state.column;
      this.step(1);
      if (this.state.column === before) this.stop();
    }, 260);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = 0;
    byId('play').setAttribute('aria-pressed', 'false');
  }

  /** @param {number} by */
  zoom(by) {
    const at = WIDTHS.indexOf(this.state.width) + by;
    if (at < 0 || at >= WIDTHS.length) return;
    const middle = this.state.column * this.state.width - this.scroll.scrollLeft;
    this.state.width = WIDTHS[at];
    this.resize();
    this.scroll.scrollLeft = this.state.column * this.state.width - middle;
  }

  /** On paper stand the columns around the cursor, as narrow as they must be. @param {boolean} printing */
  print(printing) {
    if (printing === this.printing) return;
    this.printing = printing;
    const { columns } = this.state.scene;
    if (printing) {
      this.before = this.state.width;
      this.state.width = Math.max(9, Math.min(21, Math.floor(540 / Math.min(columns, ON_PAPER))));
    } else {
      this.state.width = this.before;
    }
    const shown = printing ? Math.min(columns, ON_PAPER) : columns;
    byId('strips').style.width = `${shown * this.state.width + 24}px`;
    this.drawNow();
  }

  listen() {
    this.scroll.addEventListener('scroll', () => this.draw());
    addEventListener('resize', () => this.draw());
    for (const [when, printing] of /** @type {[string, boolean][]} */ ([['beforeprint', true], ['afterprint', false]])) {
      addEventListener(when, () => {
        this.print(printing);
      });
    }
    byId('strips').addEventListener('click', (event) => {
      const strip = /** @type {HTMLElement} */ (event.target).closest('.run');
      if (!strip) return;
      const index = [...byId('strips').children].indexOf(strip);
      const column = Math.floor((event.clientX - byId('strips').getBoundingClientRect().left) / this.state.width);
      if (index >= 0) this.state.run = index;
      this.go(column);
    });
    this.slide.addEventListener('input', () => this.go(Number(this.slide.value)));
    const toMap = (/** @type {PointerEvent} */ event) => {
      const box = this.map.getBoundingClientRect();
      this.go(Math.floor(((event.clientX - box.left) / box.width) * this.state.scene.columns));
    };
    this.map.addEventListener('pointerdown', (event) => {
      this.map.setPointerCapture(event.pointerId);
      toMap(event);
    });
    this.map.addEventListener('pointermove', (event) => event.buttons && toMap(event));
    const find = /** @type {HTMLInputElement} */ (byId('find'));
    find.addEventListener('keydown', (event) => {
      event.stopPropagation();
      if (event.key === 'Enter') this.find(find.value, event.shiftKey ? -1 : 1);
      if (event.key === 'Escape') find.blur();
    });
    byId('play').onclick = () => this.play();
    byId('back').onclick = () => this.step(-1);
    byId('forth').onclick = () => this.step(1);
    byId('nearer').onclick = () => this.zoom(1);
    byId('farther').onclick = () => this.zoom(-1);
    byId('differs').onclick = () => this.nextDifference(1);
    byId('helps').onclick = () => this.help();
    byId('legend').replaceChildren(...FORMS.all.map(({ name, side, meaning }) => html('li', {}, legend(name, side), meaning)));
  }

  help() {
    const help = /** @type {HTMLDialogElement} */ (byId('help'));
    if (help.open) help.close();
    else help.showModal();
  }

  /** @param {KeyboardEvent} event @returns {boolean} whether the key means something */
  key(event) {
    const { scene } = this.state;
    switch (event.key) {
      case 'ArrowRight':
      case 'ArrowLeft': {
        const by = event.key === 'ArrowRight' ? 1 : -1;
        if (event.shiftKey) this.sameEnd(by);
        else this.step(by);
        return true;
      }
      case 'ArrowDown': this.otherRun(1); return scene.runs.length > 1;
      case 'ArrowUp': this.otherRun(-1); return scene.runs.length > 1;
      case 'Home': this.go(0); return true;
      case 'End': this.go(scene.columns - 1); return true;
      case 'PageDown':
      case 'PageUp': {
        const page = Math.floor(this.scroll.clientWidth / this.state.width) * (event.key === 'PageDown' ? 1 : -1);
        this.go(this.state.column + page);
        return true;
      }
      case 'n': this.nextDifference(1); return true;
      case 'N': this.nextDifference(-1); return true;
      case ' ': this.play(); return true;
      case '+': this.zoom(1); return true;
      case '-': this.zoom(-1); return true;
      case 'f': this.find(this.found, 1); return true;
      case 'F': this.find(this.found, -1); return true;
      case '/': byId('find').focus(); return true;
      case '?': this.help(); return true;
      default: return false;
    }
  }

  /** What is in the buffers at the cursor, for a test. */
  levels() {
    const run = this.state.scene.runs[this.state.run];
    const row = run.last[this.state.column];
    return run.buffers.map((buffer) => [buffer.name, levelAt(buffer, row).bytes]);
  }
}

/** @param {string} shape @param {string} side */
function legend(shape, side) {
  const picture = svg('svg', { width: 24, height: 24, class: 'sign', 'aria-hidden': 'true' });
  picture.append(form(shape, side, 12, 14, shape === 'callback' || shape === 'call' ? 1 : null, ''));
  return picture;
}
