// Interleavings, one at a time: a column for each thread, a bar at each interruption, and the values that
// a thread has seen and another has changed since.

import { byId, html } from './draw.js';

/** @typedef {import('./types.d.ts').Interleaving} Interleaving */
/** @typedef {import('./types.d.ts').Line} Line */
/** @typedef {{ book: string, source: string }} Links */

/**
 * What a thread believes when it goes on: values that it has seen, and that others have
 * changed while it stood still.
 * @param {Line[]} lines @param {number} at the index of the line with which it goes on
 */
export function beliefs(lines, at) {
  const task = lines[at].task;
  let stopped = at - 1;
  while (stopped >= 0 && lines[stopped].task !== task) stopped--;
  /** @type {Map<string, { value: string, where: string }>} */
  const seen = new Map();
  for (const line of lines.slice(0, stopped + 1)) {
    const value = line.after ?? line.before;
    if (line.task === task && value) seen.set(objectOf(line), { value, where: line.src ?? '' });
  }
  /** @type {Map<string, string>} */
  const now = new Map();
  for (const line of lines.slice(stopped + 1, at)) {
    if (line.after) now.set(objectOf(line), line.after);
  }
  return [...now].flatMap(([name, value]) => {
    const known = seen.get(name);
    if (!known || known.value === value) return [];
    const where = known.where.replace(/^.*\/src\//, '');
    return [`it believes ${name} = ${known.value}${where ? ` (seen at ${where})` : ''}; it is ${value} now`];
  });
}

/** @param {Line} line */
function objectOf(line) {
  return line.object ?? '';
}

/** Shows an interleaving, and steps through its lines. */
export class Columns {
  /**
   * One of these is shown; `choose` shows another one.
   * @param {Interleaving[]} races @param {Links} links @param {(place: string) => void} moved
   */
  constructor(races, links, moved) {
    this.races = races;
    this.links = links;
    this.moved = moved;
    this.race = -1;
    this.data = races[0];
    this.at = 0;
    this.isWhole = false;
    this.lines = this.data.rows;
    /** @type {HTMLElement[]} */
    this.rows = [];
    const box = /** @type {HTMLSelectElement} */ (byId('race-choose'));
    box.replaceChildren(...races.map((race, index) => html('option', { value: String(index) }, `${index + 1} of ${races.length}: ${race.violation || race.title}`)));
    byId('race-which').hidden = races.length < 2;
    box.onchange = () => { this.choose(Number(box.value)); this.go(0); };
  }

  /** @param {number} race */
  choose(race) {
    const index = Math.max(0, Math.min(this.races.length - 1, race));
    if (index === this.race) return;
    this.race = index;
    this.isWhole = false;
    const data = this.data = this.races[index];
    this.lines = data.rows;
    /** @type {HTMLSelectElement} */ (byId('race-choose')).value = String(index);
    byId('race-title').textContent = data.title || data.violation || 'An interleaving';
    document.title = `${byId('race-title').textContent} – atslab`;
    const interruptions = data.segments.filter((segment) => segment.preempted).length;
    byId('race-teaches').textContent = data.teaches;
    byId('race-facts').replaceChildren(
      data.what ? `${data.what} · ` : '',
      data.minimal ? `${counted(interruptions, 'interruption')} needed and enough` : counted(interruptions, 'interruption'),
      ' · replay with ', html('code', {}, `--schedule ${data.schedule}`),
    );
    byId('race-line').replaceChildren(...data.segments.map((segment) => html('div', {
      class: `t${segment.task % 4}`, style: `flex:${Math.max(1, segment.points ?? 40)} 1 3em`,
    }, `T${segment.task + 1}${segment.points ? ` · ${segment.points} operations` : ''}`)));
    byId('race-text').textContent = data.toml;
    byId('race-text').hidden = data.toml === '';
    this.draw();
  }

  draw() {
    const { threads } = this.data;
    const table = html('table', { class: 'race' }, html('thead', {}, html('tr', {}, ...threads.map((name, task) => html('th', { class: `t${task % 4}`, scope: 'col' }, `T${task + 1} · ${name}`)))));
    const body = html('tbody');
    this.rows = [];
    const { hidden, all } = this.data;
    if (hidden) {
      const words = `${counted(hidden, 'operation')} that no other thread notices ${hidden === 1 ? 'is' : 'are'}`;
      const fold = this.wide(this.isWhole ? `${words} shown too: fold` : `${words} left out${all.length ? ': unfold' : ''}`, 'folded');
      if (all.length) fold.onclick = () => this.fold();
      body.append(fold);
    }
    this.lines.forEach((line, index) => {
      const before = this.lines[index - 1];
      if (before && before.task !== line.task) body.append(this.switch(before, line, index));
      const cells = threads.map((_, task) => html('td', { class: `t${task % 4}${task === line.task ? ' has' : ''}` }));
      cells[line.task].append(...this.cell(line));
      const row = html('tr', { 'data-line': String(index) }, ...cells);
      row.onclick = () => this.go(index);
      this.rows.push(row);
      body.append(row);
    });
    if (this.data.violation) body.append(this.wide(this.data.violation, 'violation'));
    table.append(body);
    byId('race-table').replaceChildren(table);
  }

  /** Shows all rows, or those that matter; the place stays. */
  fold() {
    if (this.data.all.length === 0) return;
    const { task, n } = this.lines[this.at];
    this.isWhole = !this.isWhole;
    this.lines = this.isWhole ? this.data.all : this.data.rows;
    const same = this.lines.findIndex((line) => line.task === task && line.n >= n);
    this.draw();
    this.go(Math.max(0, same));
  }

  /** @param {string} words @param {string} kind */
  wide(words, kind) {
    return html('tr', { class: kind }, html('td', { colspan: String(this.data.threads.length) }, html('span', {}, words)));
  }

  /** @param {Line} before @param {Line} line @param {number} index */
  switch(before, line, index) {
    const goesOn = this.lines.slice(0, index).some((known) => known.task === line.task);
    const comesBack = this.lines.slice(index).some((later) => later.task === before.task);
    const parts = [comesBack ? `T${before.task + 1} is interrupted here` : `T${before.task + 1} has ended or waits`,
      goesOn ? `; T${line.task + 1} goes on` : `; T${line.task + 1} begins`];
    const span = html('span', {}, parts.join(''));
    const believes = goesOn ? beliefs(this.lines, index) : [];
    span.append(...believes.map((words) => html('em', {}, words)));
    return html('tr', { class: `switch${comesBack ? ' broken' : ''}` }, html('td', { colspan: String(this.data.threads.length) }, span));
  }

  /** @param {Line} line */
  cell(line) {
    const note = noteOf(line);
    if (note) return [html('b', { class: 'note' }, note)];
    const op = html('span', { class: 'op' }, `${line.op} ${objectOf(line)}`);
    const value = valueOf(line);
    if (value) op.append(html('em', { class: 'value' }, value));
    const parts = line.line ? [html('code', {}, line.line), op] : [op];
    if (line.src) {
      const href = this.links.source + line.src.replace(/:(\d+)$/, '#L$1');
      parts.push(html('small', {}, this.links.source ? html('a', { href, target: '_blank', rel: 'noreferrer' }, line.src) : line.src));
    }
    return parts;
  }

  /** @param {number} at */
  go(at) {
    this.at = Math.max(0, Math.min(this.lines.length - 1, at));
    this.rows.forEach((row, index) => row.classList.toggle('at', index === this.at));
    const row = this.rows[this.at];
    if (!row) return;
    row.scrollIntoView({ block: 'nearest' });
    const line = this.lines[this.at];
    const before = this.lines[this.at - 1];
    const name = this.data.threads[line.task];
    const did = noteOf(line) || [line.op, objectOf(line), valueOf(line)].filter((word) => word).join(' ');
    const stale = before && before.task !== line.task ? beliefs(this.lines, this.at) : [];
    const believes = stale.map((words) => ` ${words.replace(/^it/, 'It')}.`).join('');
    const held = line.held.length ? ` It holds ${line.held.join(', ')}.` : '';
    byId('race-sentence').textContent = `T${line.task + 1} (${name}): ${did}.${believes}${held}`;
    this.moved(`${this.race}.${this.at + 1}`);
  }

  /** The next line with which another thread goes on. @param {number} by */
  nextSwitch(by) {
    for (let at = this.at + by; at > 0 && at < this.lines.length; at += by) {
      if (this.lines[at].task !== this.lines[at - 1].task) return this.go(at);
    }
  }

  /** @param {KeyboardEvent} event @returns {boolean} */
  key(event) {
    switch (event.key) {
      case 'ArrowDown':
      case 'ArrowRight': this.go(this.at + 1); return true;
      case 'ArrowUp':
      case 'ArrowLeft': this.go(this.at - 1); return true;
      case 'Home': this.go(0); return true;
      case 'End': this.go(this.lines.length - 1); return true;
      case 'n': this.nextSwitch(1); return true;
      case 'N': this.nextSwitch(-1); return true;
      case 'u': this.fold(); return true;
      case 'v': this.choose((this.race + 1) % this.races.length); this.go(0); return true;
      default: return false;
    }
  }
}

/** @param {Line} line */
function noteOf(line) {
  return line.note ?? (line.waits_for_ever ? `waits for ever: ${line.waits_for_ever}` : '');
}

/** @param {Line} line */
function valueOf(line) {
  const { before, after } = line;
  if (before != null && after != null && before !== after) return `${before} → ${after}`;
  const value = after ?? before;
  return value != null && value !== '' ? `= ${value}` : '';
}

/** @param {number} count @param {string} word */
function counted(count, word) {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}
