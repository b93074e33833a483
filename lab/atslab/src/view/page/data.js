// The data of the page: read, unpacked, and asked for what is true at a column.

/** @typedef {import('./types.d.ts').Data} Data */
/** @typedef {import('./types.d.ts').PackedScene} PackedScene */
/** @typedef {import('./types.d.ts').PackedRun} PackedRun */
/** @typedef {import('./types.d.ts').Buffer} Buffer */
/** @typedef {import('./types.d.ts').Run} Run */
/** @typedef {import('./types.d.ts').Scene} Scene */

/** Reads the data element; large data is gzip'd. @returns {Promise<Data>} */
export async function readData() {
  const element = /** @type {HTMLScriptElement} */ (document.getElementById('data'));
  const text = element.textContent ?? '';
  element.remove();
  if (element.type === 'application/json') return JSON.parse(text);
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return JSON.parse(await new Response(stream).text());
}

/** @param {PackedScene} packed @returns {Scene} */
export function unpackScene(packed) {
  const runs = packed.runs.map(unpackRun);
  const columns = Math.max(0, ...runs.map((run) => (run.rows.column.at(-1) ?? -1) + 1));
  const differs = new Uint8Array(columns);
  for (const column of packed.differs) differs[column] = 1;
  const most = new Map();
  for (const run of runs) {
    run.rowAt = new Int32Array(columns).fill(-1);
    run.last = new Int32Array(columns).fill(-1);
    run.rows.column.forEach((column, row) => (run.rowAt[column] = row));
    let last = -1;
    for (let column = 0; column < columns; column++) {
      if (run.rowAt[column] >= 0) last = run.rowAt[column];
      run.last[column] = last;
    }
    for (const buffer of run.buffers) most.set(buffer.way.join(), buffer.most);
  }
  return { ...packed, runs, columns, differs, most };
}

/** @param {PackedRun} packed @param {number} index @returns {Run} */
function unpackRun(packed, index) {
  const rows = packed.rows;
  sum(rows.at);
  sum(rows.column);
  const length = rows.at.length;
  const steps = new Int32Array(length);
  for (let row = 0, count = 0; row < length; row++) {
    if (packed.kinds[rows.kind[row]].step) count++;
    steps[row] = count;
  }
  const none = new Int32Array(0);
  return { ...packed, index, length, steps, rowAt: none, last: none };
}

/** Turns differences into numbers. @param {number[]} list */
function sum(list) {
  for (let i = 1; i < list.length; i++) list[i] += list[i - 1];
}

/** The bytes and the mark after a row. @param {Buffer} buffer @param {number} row */
export function levelAt(buffer, row) {
  const levels = buffer.levels;
  let low = 0;
  let high = levels.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (levels[middle][0] <= row) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? { bytes: 0, mark: 0, index: -1 } : {
    bytes: levels[low - 1][1],
    mark: levels[low - 1][2],
    index: low - 1,
  };
}

/** Whose colour a lane has. @param {Run} run @param {number} row */
export function sideOf(run, row) {
  const { lane, from } = run.rows;
  const mine = run.lanes[lane[row]][1];
  const theirs = from[row] < 0 ? mine : run.lanes[from[row]][1];
  if (shapeOf(run, row) === 'bar' && mine !== theirs) return '-';
  return theirs === 'C' ? mine : theirs;
}

/** @param {Run} run @param {number} row */
export function shapeOf(run, row) {
  return run.kinds[run.rows.kind[row]].shape;
}

/** @param {Run} run */
export function nameOf(run) {
  const epoch = run.epoch === '' ? '' : `epoch${run.epoch.includes(',') ? 's' : ''} ${run.epoch}`;
  const release = run.release === '' ? '' : ` (${run.release})`;
  return [run.arm, epoch + release].filter((part) => part !== '').join(', ');
}

/** @param {number | null} bytes */
export function bytesText(bytes) {
  if (bytes === null) return '';
  if (bytes >= 2 ** 62) return 'max';
  if (bytes >= 1 << 20 && bytes % (1 << 20) === 0) return `${bytes / (1 << 20)} MiB`;
  if (bytes >= 1 << 10 && bytes % (1 << 10) === 0) return `${bytes / (1 << 10)} KiB`;
  return `${bytes} B`;
}

/** Nanoseconds as seconds. @param {number} at */
export function secondsText(at) {
  // A run in virtual time has whole milliseconds, a trace of a server has not.
  return `${(at / 1e9).toFixed(at % 1e6 === 0 ? 3 : 6)} s`;
}

/** The bits of a set of locks, as names. @param {Run} run @param {number} bits */
export function lockNames(run, bits) {
  return run.locks.filter((_, index) => bits & (1 << index));
}
