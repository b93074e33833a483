// The pages of `atslab view` in a real browser. `.ci/run` plays it; by hand:
//
//   cp lab/atslab/tests/view/package.json FOLDER && npm install --prefix FOLDER
//   node lab/atslab/tests/view/page.mjs target/debug/atslab FOLDER [--update | --canary]
//
// With --update it writes the pictures that it compares with; with --canary it breaks each
// page on purpose, and must fail. Nothing may be asked of a network, and nothing may be said
// on the console.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [, , program, modules, ...options] = process.argv;
const { chromium } = createRequire(pathToFileURL(join(resolve(modules), 'x.js')))('playwright-core');
const here = import.meta.dirname;
const folder = mkdtempSync(join(tmpdir(), 'atslab-view-'));
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--force-color-profile=srgb', '--font-render-hinting=none'],
});

/** Runs the command. */
function atslab(...args) {
  return execFileSync(resolve(program), args, { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 28 });
}

/** Opens a page that the command writes; gives it with all that must not have happened. */
async function open(args, { size = [1500, 900], hash = '' } = {}) {
  const file = join(folder, 'page.html');
  atslab('view', ...args, '--html', file);
  return openFile(file, { size, hash });
}

async function openFile(file, { size = [1500, 900], hash = '' } = {}) {
  const page = await browser.newPage({ viewport: { width: size[0], height: size[1] } });
  const faults = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => faults.push(`console: ${message.text()}`));
  page.on('dialog', (dialog) => { faults.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on('request', (request) => /^(file|data):/.test(request.url()) || faults.push(`request: ${request.url()}`));
  await page.goto(pathToFileURL(file) + hash);
  await page.waitForFunction(() => document.documentElement.dataset.ready);
  // The page forbids this itself, and says so on the console.
  if (options.includes('--canary')) await page.evaluate(() => fetch('/broken-on-purpose').catch(() => {}));
  return { page, faults, text: (id) => page.textContent(`#${id}`), press: (...keys) => presses(page, keys) };
}

async function presses(page, keys) {
  for (const key of keys) await page.keyboard.press(key);
}

/** Compares with a picture of the repository. */
async function looksLike(page, name) {
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  const shot = await page.screenshot({ animations: 'disabled' });
  const file = join(here, `${name}.png`);
  if (options.includes('--update')) return writeFileSync(file, shot);
  assert.ok(existsSync(file), `${name}.png is there`);
  const other = await browser.newPage();
  // The share of points that differ by more than a little; fonts differ from machine to machine.
  const share = await other.evaluate(async ([one, two]) => {
    const points = async (data) => {
      const image = new Image();
      image.src = `data:image/png;base64,${data}`;
      await image.decode();
      const canvas = new OffscreenCanvas(image.width / 4, image.height / 4);
      const paint = canvas.getContext('2d');
      paint.drawImage(image, 0, 0, canvas.width, canvas.height);
      return { size: [image.width, image.height], data: paint.getImageData(0, 0, canvas.width, canvas.height).data };
    };
    const [a, b] = [await points(one), await points(two)];
    if (a.size.join() !== b.size.join()) return 1;
    let count = 0;
    for (let i = 0; i < a.data.length; i += 4) {
      const far = Math.abs(a.data[i] - b.data[i]) + Math.abs(a.data[i + 1] - b.data[i + 1]) + Math.abs(a.data[i + 2] - b.data[i + 2]);
      if (far > 96) count++;
    }
    return (4 * count) / a.data.length;
  }, [shot.toString('base64'), readFileSync(file).toString('base64')]);
  await other.close();
  assert.ok(share < 0.03, `${name}: ${(100 * share).toFixed(1)} % of the points differ`);
}

const tests = {
  async 'a run is stepped through with the keys'() {
    const { page, faults, text, press } = await open(['24-water-mark-32kib', '--epoch', 'all']);
    assert.match(await text('sentence'), /The pair is made/);
    await press('ArrowRight');
    const second = await text('facts');
    assert.match(second, / 2 of /);
    await press('ArrowRight', 'ArrowLeft');
    assert.equal(await text('facts'), second);
    await press('End');
    assert.match(await text('sentence'), /the pair is freed/);
    await press('Home', 'n');
    assert.match(await text('others'), /has no such step/);
    await press('ArrowDown');
    const run = await page.evaluate(() => atslabView.runs.state.run);
    await press('ArrowUp');
    assert.notEqual(await page.evaluate(() => atslabView.runs.state.run), run);
    await press('Home', 'Shift+ArrowRight');
    const column = () => page.evaluate(() => atslabView.runs.state.column);
    assert.ok(await column() > 0);
    await press('Home', '/');
    await page.keyboard.type('core buffer is full');
    await press('Enter', 'Escape');
    assert.match(await text('sentence'), /The core buffer is full/);
    assert.match(await text('locks'), /Held: S₁ of A’s user, C of the core by the event thread/);
    assert.match(page.url(), /#\d\.41$/);
    const place = await column();
    await press('f');
    assert.ok(await column() > place, 'found again');
    await press('+', '-', 'PageDown', 'PageUp', 'Home', ' ');
    await page.waitForFunction(() => atslabView.runs.state.column > 1);
    await press(' ', '?');
    assert.ok(await page.isVisible('#help'));
    await press('Escape');
    await page.locator('#slide').fill('7');
    assert.equal(await column(), 7);
    await page.locator('#map').click({ position: { x: 700, y: 20 } });
    assert.ok(await column() > 20);
    await page.locator('#strips').click({ position: { x: 400, y: 60 } });
    assert.equal(await page.evaluate(() => atslabView.runs.state.run), 0);
    assert.deepEqual(faults, []);
  },

  async 'a link leads to its step, and the scenario is lit'() {
    const { page, faults, text } = await open(['24-water-mark-32kib'], { hash: '#0.41' });
    assert.match(await text('sentence'), /The core buffer is full/);
    assert.match(await page.textContent('#text .lit'), /reenable write/);
    // The bytes that a step moves are shown at this step, and not at the one before.
    await page.keyboard.press('Home');
    await page.focus('#find');
    await page.keyboard.type('moved 32768 bytes');
    await presses(page, ['Enter', 'Escape']);
    assert.match(await page.getAttribute('.pipe', 'aria-label'), /write buffer 96 KiB \(−32 KiB\), core buffer A→P 32 KiB \(\+32 KiB\)/);
    await page.keyboard.press('ArrowLeft');
    assert.match(await page.getAttribute('.pipe', 'aria-label'), /write buffer 128 KiB, core buffer A→P 0 B/);
    await page.focus('#find');
    await page.fill('#find', 'core buffer is full');
    await presses(page, ['Enter', 'Escape']);
    assert.match(await text('links'), /PluginVC::process_write_side.*pluginvc\/src\/transfer\.rs:\d+.*how bytes move/);
    await looksLike(page, 'run');
    const tree = await page.locator('#panel').ariaSnapshot();
    assert.match(tree, /status:[^]*The core buffer is full/);
    assert.match(tree, /slider "the place in the run"/);
    assert.match(tree, /img "A’s write buffer 64 KiB, core buffer A→P 32 KiB, P’s read buffer 32 KiB"/);
    assert.deepEqual(faults, []);
  },

  async 'the gallery shows every scenario, and each is one click away'() {
    const { page, faults } = await open([]);
    const names = atslab('list', 'scenarios', '--color', 'never').match(/^ *\d\d-[\w-]+/gm).map((name) => name.trim());
    assert.equal(await page.locator('.card:visible').count(), names.length);
    // The steps of the page are those of `atslab run`, for each scenario and epoch.
    const shown = await page.evaluate(() => atslabView.scenes.flatMap((scene) => scene.runs.flatMap((run) =>
      run.epoch.split(', ').map((epoch) => [`${scene.name}-${epoch}`,
        run.rows.code.filter((_, row) => run.kinds[run.rows.kind[row]].step).map((code) => run.texts[code])]))));
    const told = new Map();
    let steps = [];
    for (const line of atslab('run', ...names, '--epoch', 'all', '--format', 'steps').trimEnd().split('\n')) {
      if (line.startsWith('case ')) told.set(line.slice(5), steps = []);
      else if (!/^(panic|stopped): /.test(line)) steps.push(line);
    }
    assert.ok(told.size >= 4 * names.length, 'each scenario in each epoch');
    assert.equal(shown.length, told.size);
    for (const [name, codes] of shown) assert.deepEqual(codes, told.get(name), name);
    const negative = await page.evaluate(() => atslabView.scenes.flatMap((scene) => scene.runs.flatMap((run) =>
      run.buffers.filter((buffer) => buffer.levels.some(([, bytes]) => bytes < 0)).map(() => scene.name))));
    assert.deepEqual(negative, []);
    await page.fill('#filter', 'water_mark');
    const few = await page.locator('.card:visible').count();
    assert.ok(few > 0 && few < 20, `${few}`);
    await page.fill('#filter', '');
    await looksLike(page, 'gallery');
    await page.locator('.card').nth(1).click();
    await page.waitForURL(/#02-peer-reads-late\/\d\.1$/);
    await page.keyboard.press('ArrowRight');
    await page.click('#home');
    await page.waitForSelector('#cards', { state: 'visible' });
    await page.goBack();
    await page.waitForSelector('#strips', { state: 'visible' });
    assert.deepEqual(faults, []);
  },

  async 'every scenario can be drawn in every epoch'() {
    const { page, faults } = await open([]);
    await page.evaluate(async () => {
      for (const scene of atslabView.scenes) {
        location.hash = `#${scene.name}/0.1`;
        while (atslabView.runs.state.scene !== scene) await new Promise((done) => requestAnimationFrame(done));
        for (const end of [0, scene.columns - 1]) {
          atslabView.runs.go(end);
          atslabView.runs.drawNow();
          if (document.querySelectorAll('.strip .row').length === 0) throw new Error(scene.name);
        }
      }
    });
    assert.deepEqual(faults, []);
  },

  async 'an interleaving shows where a thread is interrupted and what it believes'() {
    const { page, faults, text, press } = await open([join(here, 'interleaving.json')]);
    assert.equal(await text('race-title'), 'TS-3339: tested, then locked');
    assert.match(await text('race-facts'), /epoch C, ts-3339 put back · 1 interruption needed and enough · replay with --schedule 92cd:a100\.b\*\.a\*/);
    await press('ArrowDown', 'ArrowDown', 'ArrowUp', 'n');
    assert.match(await text('race-sentence'), /^T2 .*lock S2/);
    await press('n');
    assert.match(await text('race-sentence'), /It believes P\.read\.shutdown = false \(seen at epoch\/c\.rs:57\); it is true now\./);
    assert.match(await page.textContent('tr.broken'), /T1 is interrupted here; T2 begins/);
    assert.match(await page.textContent('tr.folded'), /141 operations that no other thread notices are left out/);
    await press('End');
    assert.match(await text('race-sentence'), /P is called: READ_READY/);
    await press('Home', 'N');
    await page.locator('tr[data-line="6"]').click();
    assert.match(await text('race-sentence'), /store P\.read\.shutdown false → true/);
    assert.match(page.url(), /#0\.7$/);
    assert.match(await page.textContent('tr.violation'), /use after free: READ_READY to the passive end's user/);
    await looksLike(page, 'interleaving');
    assert.deepEqual(faults, []);
  },

  async 'each of several violations can be chosen, and all operations unfolded'() {
    const one = JSON.parse(readFileSync(join(here, 'interleaving.json'), 'utf8'));
    const other = { ...one, schedule: 'second', violation: { kind: 'deadlock', text: 'T1 and T2 wait' }, rows: one.rows.slice(0, 4), hidden: 1, all: one.rows.slice(0, 5) };
    other.all[1].held = ['P.mutex', 'core.mutex'];
    writeFileSync(join(folder, 'two.json'), `${JSON.stringify(one)}\n${JSON.stringify(other)}\n`);
    const { page, faults, text, press } = await open(['two.json']);
    assert.deepEqual(await page.locator('#race-choose option').allTextContents(),
      ["1 of 2: use after free: READ_READY to the passive end's user, which had been freed", '2 of 2: deadlock: T1 and T2 wait']);
    assert.match(await page.textContent('tr.violation'), /use after free/);
    await page.selectOption('#race-choose', '1');
    assert.match(await page.textContent('tr.violation'), /deadlock: T1 and T2 wait/);
    assert.match(await text('race-facts'), /--schedule second/);
    assert.match(page.url(), /#1\.1$/);
    assert.equal(await page.locator('tr[data-line]').count(), 4);
    await page.locator('tr.folded').click();
    assert.equal(await page.locator('tr[data-line]').count(), 5);
    await page.locator('tr[data-line="1"]').click();
    assert.match(await text('race-sentence'), /It holds P\.mutex, core\.mutex\.$/);
    await press('u');
    assert.equal(await page.locator('tr[data-line]').count(), 4);
    await press('v');
    assert.match(await page.textContent('tr.violation'), /use after free/);
    await page.goto(page.url().replace(/#.*/, '#1.3'));
    await page.reload();
    await page.waitForFunction(() => document.documentElement.dataset.ready);
    assert.match(await text('race-facts'), /--schedule second/);
    assert.deepEqual(faults, []);
  },

  async 'two ends over TCP have the net thread between them'() {
    const { page, faults, text, press } = await open(['01-ten-bytes', '--tcp', '--epoch', 'C']);
    const lanes = await page.evaluate(() => atslabView.runs.state.scene.runs[1].lanes.map(([name]) => name));
    assert.deepEqual(lanes, ['A’s user', 'A’s NetVC', 'net thread', 'P’s NetVC', 'P’s user']);
    await press('ArrowDown');
    await page.focus('#find');
    await page.keyboard.type('has become readable');
    await press('Enter', 'Escape');
    assert.match(await text('sentence'), /The socket of the passive end has become readable: its read is triggered/);
    assert.match(await text('locks'), /Held: H of the net thread/);
    assert.match(await text('links'), /NetHandler::waitForActivity.*iocore\/src\/net\/handler\.rs:\d+.*two flags and a list/);
    await press('ArrowRight');
    const pipe = async () => (await page.locator('.pipe').first().getAttribute('aria-label'));
    assert.match(await pipe(), /in the sockets A→P 10 B/);
    await press('ArrowRight');
    assert.match(await pipe(), /in the sockets A→P 0 B \(−10 B\), P’s read buffer 10 B/);
    assert.match(await text('detail'), /P's read VIO 10 of 10/);
    const charts = await page.evaluate(() => atslabView.runs.state.scene.runs[1].buffers.map(({ name }) => name));
    assert.ok(charts.includes('A’s write VIO, ndone') && charts.includes('P’s read VIO, ndone'), charts.join());
    // The users are told the same, over a pair and over TCP.
    await page.focus('#find');
    await page.fill('#find', 'sm_read 102');
    await press('Enter', 'Escape');
    assert.match(await text('others'), /does the same/);
    assert.deepEqual(faults, []);
  },

  async 'the chain of listeners shows who gets the bytes'() {
    const { page, faults, text, press } = await open([resolve(here, '../../../../tests/node/public.jsonl')], { hash: '#P01/0.1' });
    assert.match(await text('title'), /^default listener, consume/);
    const lanes = await page.evaluate(() => atslabView.runs.state.scene.runs[0].lanes.map(([name]) => name));
    assert.deepEqual(lanes, ['the scenario', 'connection', 'socket’s listener', 'parser', 'user']);
    await press('ArrowRight');
    assert.match(await text('sentence'), /^The socket’s listener gets 3 bytes/);
    assert.match(await page.textContent('#text .lit'), /"d":"pre"/);
    await page.focus('#find');
    await page.keyboard.type('the parser takes');
    await press('Enter', 'Escape');
    assert.match(await text('sentence'), /takes 21 bytes off the connection; the socket sees none/);
    assert.match(await page.getAttribute('.pipe', 'aria-label'), /taken by the parser 21 B/);
    await press('End', 'Home', 'ArrowRight', 'Shift+ArrowRight');
    await page.click('#home');
    await page.waitForSelector('#cards', { state: 'visible' });
    assert.equal(await page.locator('.card:visible').count(), 12);
    assert.deepEqual(faults, []);
  },

  async 'hostile texts do nothing'() {
    const bad = `</script><script>alert(1)</script><img src=x onerror=alert(1)>"'&{{data}}`;
    const quoted = JSON.stringify(bad);
    writeFileSync(join(folder, 'bad.toml'), `# ${bad}\ntitle = ${quoted}\nteaches = ${quoted}\n[active]\non_connect = ["close"]\n[passive]\non_EOS = ["close"]\n`);
    const run = await open(['bad.toml']);
    assert.equal(await run.text('title'), bad);
    assert.ok((await run.text('text')).startsWith(`# ${bad}`));
    assert.equal(await run.page.locator('img').count(), 0);
    assert.deepEqual(run.faults, []);
    const race = JSON.parse(readFileSync(join(here, 'interleaving.json'), 'utf8'));
    Object.assign(race, { schedule: bad, violation: { kind: bad, text: bad }, threads: [bad, bad], epoch: bad, rearmed: [bad] });
    Object.assign(race.scenario, { title: bad, teaches: bad, toml: bad });
    for (const row of race.rows) Object.assign(row, { object: bad, line: bad, src: `${bad}:1`, after: bad });
    writeFileSync(join(folder, 'bad.json'), JSON.stringify(race));
    const columns = await open(['bad.json', '--source', 'file:///nowhere/']);
    assert.equal(await columns.text('race-title'), bad);
    assert.equal(await columns.page.locator('img').count(), 0);
    assert.deepEqual(columns.faults, []);
  },

  async 'it fits a narrow screen, and paper'() {
    const { page, faults, press } = await open(['45-held-peer', '--epoch', 'all'], { size: [360, 740] });
    await press('ArrowRight');
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
    await page.emulateMedia({ media: 'print', colorScheme: 'light' });
    const drawn = await page.evaluate(() => {
      dispatchEvent(new Event('beforeprint'));
      const rows = document.querySelectorAll('.run:first-child .row').length;
      dispatchEvent(new Event('afterprint'));
      return [rows, atslabView.scenes[0].runs[0].length];
    });
    assert.equal(drawn[0], drawn[1], 'all rows are on paper');
    assert.deepEqual(faults, []);
  },

  async 'a long run opens in two seconds and scrolls'() {
    const began = Date.now();
    const file = join(folder, 'long.html');
    atslab('view', '--case', 'g94_short_read', '--html', file);
    const made = Date.now();
    const { page, faults } = await openFile(file);
    const opened = await page.evaluate(() => performance.now());
    const rows = await page.evaluate(() => atslabView.scenes[0].runs[0].length);
    assert.equal(rows, 36411);
    const frames = await page.evaluate(async () => {
      const scroll = document.getElementById('scroll');
      const until = performance.now() + 1000;
      let frames = 0;
      while (performance.now() < until) {
        scroll.scrollLeft += 120;
        await new Promise((done) => requestAnimationFrame(done));
        frames++;
      }
      return frames;
    });
    const elements = await page.evaluate(() => document.querySelectorAll('*').length);
    assert.ok(elements < 4000, `${elements} elements are drawn, whatever the length`);
    // Measured, not judged: a loaded machine is slow.
    console.log(`    36,411 steps: made in ${made - began} ms, open after ${opened.toFixed(0)} ms, ${frames} frames a second`);
    assert.deepEqual(faults, []);
  },
};

let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    await test();
    console.log(`ok   ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAIL ${name}\n${error.stack ?? error}`);
  }
}
await browser.close();
rmSync(folder, { recursive: true });
process.exit(failed ? 1 : 0);
