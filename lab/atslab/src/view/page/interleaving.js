// An interleaving: a column for each thread, a bar at each interruption, and the values that
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
  /** @type {Map<string, string>} */
  const seen = new Map();
  for (const line of lines.slice(0, stopped + 1)) {
    const value = line.after ?? line.before;
    if (line.task === task && value != null && value !== '') seen.set(objectOf(line), value);
  }
  /** @type {Map<string, string>} */
  const now = new Map();
  for (const line of lines.slice(stopped + 1, at)) {
    if (line.after != null && line.after !== '') now.set(objectOf(line), line.after);
  }
  return [...now].filter(([name, value]) => seen.has(name) && seen.get(name) !== value)
    .map(([name, value]) => ({ name, seen: seen.get(name) ?? '', now: value }));
}

/** @param {Line} line */
function objectOf(line) {
  return line.name || line.object || '';
}

/** Shows an interleaving, and steps through its lines. */
export class Columns {
  /** @param {Interleaving} data @param {Links} links @param {(place: string) => void} moved */
  constructor(data, links, moved) {
    Object.assign(this, { data, links, moved });
    this.data = data;
    this.links = links;
    this.moved = moved;
    this.folded = true;
    this.at = 0;
    this.lines = data.rows;
    /** @type {HTMLElement[]} */
    this.rows = [];
    byId('race-title').textContent = data.title || data.violation || 'An interleaving';
    document.title = `${byId('race-title').textContent} – atslab`;
    const interruptions = data.segments.filter((segment) => segment.preempted).length;
    byId('race-facts').replaceChildren(
      data.minimal ? `${counted(interruptions, 'interruption')} needed and enough` : counted(interruptions, 'interruption'),
      ' · schedule ', html('code', {}, data.schedule),
    );
    byId('race-line').replaceChildren(...data.segments.map((segment) => html('div', {
      class: `t${segment.task % 4}`, style: `flex:${Math.max(1, segment.points)} 1 3em`,
    }, `T${segment.task + 1} · ${segment.points}`)));
    const fold = byId('race-fold');
    fold.hidden = data.all.length <= data.rows.length;
    fold.onclick = () => this.fold();
    byId('race-text').textContent = data.toml;
    byId('race-text').hidden = data.toml === '';
    this.draw();
  }

  fold() {
    const here = this.lines[this.at];
    this.folded = !this.folded;
    this.lines = this.folded ? this.data.rows : this.data.all;
    this.draw();
    const again = this.lines.findIndex((line) => line.n === here.n && line.task === here.task && line.note === here.note);
    this.go(Math.max(0, again));
  }

  draw() {
    const { threads } = this.data;
    const few = this.folded && this.data.hidden > 0;
    byId('race-fold').textContent = this.folded ? `show all ${this.data.all.length} operations` : 'show those that matter';
    const table = html('table', { class: 'race' }, html('thead', {}, html('tr', {}, ...threads.map((name, task) => html('th', { class: `t${task % 4}`, scope: 'col' }, `T${task + 1} · ${name}`)))));
    const body = html('tbody');
    this.rows = [];
    if (few) body.append(this.wide(`${counted(this.data.hidden, 'operation')} that no other thread notices ${this.data.hidden === 1 ? 'is' : 'are'} folded`, 'folded'));
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
    for (const { name, seen, now } of believes) {
      span.append(html('em', {}, `it believes ${name} = ${seen}; it is ${now} now`));
    }
    return html('tr', { class: `switch${comesBack ? ' broken' : ''}` }, html('td', { colspan: String(this.data.threads.length) }, span));
  }

  /** @param {Line} line */
  cell(line) {
    if (line.note) return [html('b', { class: 'note' }, line.note)];
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
    const did = line.note || [line.op, objectOf(line), valueOf(line)].filter((word) => word).join(' ');
    const held = line.held?.length ? ` It holds ${line.held.join(', ')}.` : '';
    const stale = before && before.task !== line.task ? beliefs(this.lines, this.at) : [];
    const believes = stale.map(({ name, seen, now }) => ` It believes ${name} = ${seen}; it is ${now} now.`).join('');
    byId('race-sentence').textContent = `T${line.task + 1} (${name}): ${did}.${believes}${held}`;
    this.moved(`0.${this.at + 1}`);
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
      case 'u': if (!byId('race-fold').hidden) this.fold(); return true;
      default: return false;
    }
  }
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
