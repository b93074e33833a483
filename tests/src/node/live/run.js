'use strict';
// Runs scenarios on the real node: `node --expose-internals -e <these files, one
// behind the other>`, one scenario a line on standard input. Standard output has,
// for each, the line "> INDEX", its events, a JSON object a line, and the line
// "< INDEX". A scenario that ends the process has no such last line; the program
// that started this goes on after it in another process.
//
// This file has what the layers share; core.js and server.js are the layers, and
// main.js reads the scenarios.
const fs = require('fs');
const net = require('net');
const http = require('http');
const { Writable } = require('stream');
const { internalBinding } = require('internal/test/binding');
const { HTTPParser, allMethods } = internalBinding('http_parser');
const { JSStream } = internalBinding('js_stream');
const { TCP, constants: { SERVER } } = internalBinding('tcp_wrap');
const wraps = internalBinding('stream_wrap');
const errors = internalBinding('uv').getErrorMap();

const out = (line) => fs.writeSync(1, line + '\n');
const ms = (n) => new Promise((done) => setTimeout(done, n));
const turns = async (n) => { while (n-- > 0) await new Promise(setImmediate); };

function toBytes(data) {
  if (typeof data === 'string') return Buffer.from(data, 'latin1');
  if (Array.isArray(data)) return Buffer.concat(data.map(toBytes));
  return Buffer.from(data.rep.repeat(data.n), 'latin1');
}

function shown(bytes) {
  if (bytes.length <= 160) return bytes.toString('latin1');
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return { len: bytes.length, fnv: hash.toString(16).padStart(16, '0') };
}

// Inputs that are fed by hand lie in one piece of memory, in the order in which a
// scenario has them: an old error's place is a number then, and means something.
const fed = Buffer.from(new ArrayBuffer(1 << 20));

// The lower half of the addresses of that memory, and of the memory that parsers
// read into: bytesParsed of an error without a place is its distance from null.
const addresses = (() => {
  const parser = new HTTPParser();
  parser.initialize(HTTPParser.REQUEST, {});
  parser.pause();
  const ofFed = -parser.execute(fed.subarray(0, 1)).bytesParsed;
  const stream = new JSStream();
  let ofReads;
  parser[HTTPParser.kOnExecute | 0] = (error) => { ofReads = -error.bytesParsed; };
  parser.consume(stream);
  stream.readBuffer(Buffer.from('x'));
  parser.unconsume();
  return { fed: ofFed >>> 0, reads: ofReads >>> 0 };
})();

// What node says of a place, relative to the start of the input: a number, if the
// place is in the same memory as the input; else where it is in other memory.
function place(n, base, length) {
  if (n >= 0 && n <= length) return n;
  if (base === undefined) return '?';
  const at = (base + n) >>> 0;
  if (at === 0) return base === 0 ? 0 : 'nowhere';
  const size = { fed: fed.length, reads: 65536 };
  for (const memory of ['fed', 'reads']) {
    const offset = (at - addresses[memory]) >>> 0;
    if (offset > size[memory]) continue;
    const own = (base - addresses[memory]) >>> 0;
    return base !== 0 && own <= size[memory] ? n : { elsewhere: offset };
  }
  return '?';
}

const shownText = (text) => shown(Buffer.from(text, 'latin1'));

function shownHeaders(list) {
  if (list === undefined) return null;
  const all = list.map(shownText);
  if (all.length <= 24) return all;
  return { count: all.length / 2, first: all.slice(0, 2), last: all.slice(-2) };
}

function headEvent(p, [major, minor, list, method, url, status, message, upgrade, ka]) {
  const event = { e: 'headers_complete', p, v: major + '.' + minor, h: shownHeaders(list), upgrade, ka };
  if (method === undefined) return Object.assign(event, { status, reason: message });
  return Object.assign(event, { method: allMethods[method], url: url === undefined ? null : shownText(url) });
}

// A client, and the later handle of its connection.
async function connect(allowHalfOpen) {
  const server = new TCP(SERVER);
  server.bind('127.0.0.1', 0);
  const accepted = new Promise((done) => { server.onconnection = (err, handle) => done(handle); });
  server.listen(1);
  const address = {};
  server.getsockname(address);
  const client = net.connect({ port: address.port, host: '127.0.0.1', noDelay: true, allowHalfOpen });
  await new Promise((done) => client.on('connect', done));
  accepted.then(() => server.close());
  return [client, accepted];
}

// One scenario: what it tells, until it is over.
class Run {
  constructor(scenario) { this.scenario = scenario; this.over = false; this.last = []; this.told = 0; this.reading = 0; this.places = new Map(); this.failed = new Set(); this.seen = new Map(); }
  tell(event) {
    if (this.over) return;
    if (this.told++ < 20000) return out(JSON.stringify(event));
    // If a listener for `error` writes, and that write fails, it would go on for ever.
    out(JSON.stringify({ e: 'abort', assert: 'the scenario does not end' }));
    out('< ' + this.index);
    process.exit(1);
  }
  // `base` is the address of the input, if it is known, and `length` its length.
  result(value, base, length, parser) {
    // By chance new memory may be where old memory was.
    const old = this.failed.has(parser);
    if (value instanceof Error) this.failed.add(parser);
    if (base === undefined && old) length = -1;
    if (typeof value === 'number') return { n: place(value, base, length) };
    if (!(value instanceof Error)) return { n: null };
    const at = place(value.bytesParsed, base, length);
    this.places.set(value, at);
    const n = this.scenario.mask_bytes_parsed ? '*' : at;
    return { err: value.code, reason: value.reason, n };
  }
  // The same for a read, from inside of kOnExecute.
  readResult(value, parser) {
    const base = this.reading > 1 ? undefined : addresses.reads;
    return this.result(value, base, parser.getCurrentBuffer().length, parser);
  }
  async until(condition) {
    for (let i = 0; i < 4000; i++) { if (condition()) return; await ms(1); }
    this.tell({ e: 'TIMEOUT' });
  }
  // Until nothing more is told, and `condition` holds.
  async quiet(condition) {
    for (let before = -1; before !== this.told;) {
      await this.until(condition);
      before = this.told;
      await turns(12);
    }
  }
  // Actions inside callbacks. `who` is a parser, a stream, a request's name or, in
  // the server layer, "server".
  fire(who, on) {
    const key = who + ':' + on;
    const nth = (this.seen.get(key) || 0) + 1;
    this.seen.set(key, nth);
    for (const hook of this.scenario.hooks || []) {
      if ((hook.p || hook.s || 'server') !== who || hook.on !== on) continue;
      if (hook.nth !== undefined && hook.nth !== nth) continue;
      for (const action of hook.do) this.act(action, true);
    }
  }
  // Something to do when the scenario is over.
  finally(f) { this.last.push(f); }
  end() { this.over = true; for (const f of this.last) { try { f(); } catch { /* already gone */ } } }
}

