'use strict';
// Runs scenarios on the real node: `node --expose-internals -e <this>`, one
// scenario a line on standard input. Standard output has, for each, the line
// "> INDEX", its events, a JSON object a line, and the line "< INDEX". What node
// aborts in has no such last line; who started this goes on after it.
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
// read into: bytesParsed of an error that has no place is its distance to nowhere.
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

// One scenario: what it tells, until it is over.
class Run {
  constructor(scenario) { this.scenario = scenario; this.over = false; this.last = []; this.told = 0; this.reading = 0; this.places = new Map(); this.failed = new Set(); }
  tell(event) { this.told++; if (!this.over) out(JSON.stringify(event)); }
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
  // Something to do when the scenario is over.
  finally(f) { this.last.push(f); }
  end() { this.over = true; for (const f of this.last) { try { f(); } catch { /* already gone */ } } }
}

class Core extends Run {
  constructor(scenario) {
    super(scenario);
    this.streams = {}; this.parsers = {}; this.requests = {}; this.clients = {}; this.seen = new Map();
    this.inputs = new Map();
    // What a write came to stays for the whole process.
    wraps.streamBaseState[wraps.kBytesWritten] = 0;
    wraps.streamBaseState[wraps.kLastWriteWasAsync] = 0;
    let used = 0;
    const { hooks = [], actions = [] } = scenario;
    for (const action of [...hooks.flatMap((hook) => hook.do), ...actions]) {
      const key = JSON.stringify(action.d);
      if (action.a !== 'execute' || this.inputs.has(key)) continue;
      const bytes = toBytes(action.d);
      if (used + bytes.length > fed.length) continue;
      bytes.copy(fed, used);
      this.inputs.set(key, used);
      used += bytes.length;
    }
  }

  execute(parser, d) {
    const at = this.inputs.get(JSON.stringify(d));
    const bytes = toBytes(d);
    const input = at === undefined ? bytes : fed.subarray(at, at + bytes.length);
    const base = at === undefined ? undefined : (addresses.fed + at) >>> 0;
    return this.result(parser.execute(input), base, bytes.length, parser);
  }

  fire(who, on) {
    const key = who + ':' + on;
    const nth = (this.seen.get(key) || 0) + 1;
    this.seen.set(key, nth);
    for (const hook of this.scenario.hooks || []) {
      if ((hook.p || hook.s) !== who || hook.on !== on) continue;
      if (hook.nth !== undefined && hook.nth !== nth) continue;
      for (const action of hook.do) this.act(action);
    }
  }

  addParser(name, options) {
    const parser = this.parsers[name] = new HTTPParser();
    const kind = options.type === 'response' ? HTTPParser.RESPONSE : HTTPParser.REQUEST;
    parser.initialize(kind, {}, options.maxHeaderSize || 0, options.lenient || 0);
    const returns = [...(options.hc_return || [])];
    const told = (event, on) => { this.tell(event); this.fire(name, on); };
    parser[HTTPParser.kOnMessageBegin | 0] = () => told({ e: 'begin', p: name }, 'begin');
    parser[HTTPParser.kOnHeaders | 0] = (list, url) =>
      told({ e: 'headers', p: name, h: shownHeaders(list), url: shownText(url) }, 'headers');
    parser[HTTPParser.kOnHeadersComplete | 0] = (...all) => {
      told(headEvent(name, all), 'headers_complete');
      return returns.length ? returns.shift() : 0;
    };
    parser[HTTPParser.kOnBody | 0] = (body) => told({ e: 'body', p: name, d: shown(body) }, 'body');
    parser[HTTPParser.kOnMessageComplete | 0] = () => told({ e: 'complete', p: name }, 'complete');
    if (options.no_on_execute === true) return;
    parser[HTTPParser.kOnExecute | 0] = (value) =>
      told({ e: 'execute', p: name, ...this.readResult(value, parser) }, 'execute');
  }

  listen(name, stream) {
    this.streams[name] = stream;
    stream.onread = (memory) => {
      const n = wraps.streamBaseState[wraps.kReadBytesOrError];
      let kind = 'onread';
      if (n < 0) {
        stream.started = false;
        this.tell({ e: 'onread', s: name, n, err: (errors.get(n) || [String(n)])[0] });
        kind = 'read_error';
      } else if (memory === undefined) {
        this.tell({ e: 'userbuf', s: name, n, d: shown(stream.own.subarray(0, n)) });
        kind = 'userbuf';
      } else {
        const offset = wraps.streamBaseState[wraps.kArrayBufferOffset];
        this.tell({ e: 'onread', s: name, n, d: shown(Buffer.from(memory, offset, n)) });
      }
      this.fire(name, kind);
      if (memory === undefined && n > 0 && stream.ownNext) {
        stream.own = stream.ownNext;
        stream.ownNext = null;
        return stream.own;
      }
    };
  }

  addJsStream(name, options) {
    const stream = new JSStream();
    this.listen(name, stream);
    stream.onwrite = (req, bufs) => {
      this.tell({ e: 'dowrite', s: name, req: req.name, d: shown(Buffer.concat(bufs)) });
      return options.write_err || 0;
    };
    stream.onshutdown = (req) => {
      this.tell({ e: 'doshutdown', s: name, req: req.name });
      return options.shutdown_err || 0;
    };
    stream.onreadstart = () => { this.tell({ e: 'readstart', s: name }); return 0; };
    stream.onreadstop = () => { this.tell({ e: 'readstop', s: name }); return 0; };
    stream.isClosing = () => false;
  }

  async addConnection(name) {
    const server = new TCP(SERVER);
    server.bind('127.0.0.1', 0);
    const accepted = new Promise((done) => { server.onconnection = (err, handle) => done(handle); });
    server.listen(1);
    const address = {};
    server.getsockname(address);
    const client = net.connect({ port: address.port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    client.on('error', () => {});
    client.resume();
    this.clients[name] = client;
    await new Promise((done) => client.on('connect', done));
    const stream = await accepted;
    this.listen(name, stream);
    stream.sent = 0;
    stream.readStart();
    stream.started = true;
    server.close();
    this.finally(() => client.destroy());
    this.finally(() => stream.close());
  }

  request(Wrap, name) {
    const request = this.requests[name] = new Wrap();
    request.name = name;
    request.oncomplete = (status) => {
      request.completed = true;
      this.tell({ e: 'oncomplete', req: name, status });
      this.fire(name, 'oncomplete');
    };
    return request;
  }

  guarded(action, f) {
    try { f(); } catch (error) { this.tell({ e: 'exception', at: action.a, msg: error.message }); }
  }

  act(action) {
    const s = action.s || 'S', p = action.p || 'A';
    const stream = this.streams[s], parser = this.parsers[p], client = this.clients[s];
    const ret = (event) => this.tell({ e: 'ret', ...event });
    switch (action.a) {
      case 'consume': return void parser.consume(stream);
      case 'unconsume': return void parser.unconsume();
      case 'close_parser': return void parser.close();
      case 'init': {
        const kind = action.type === 'response' ? HTTPParser.RESPONSE : HTTPParser.REQUEST;
        this.failed.delete(parser);
        return void parser.initialize(kind, {}, action.maxHeaderSize || 0, action.lenient || 0);
      }
      case 'pause': return void parser.pause();
      case 'resume': return void parser.resume();
      case 'execute':
        return this.guarded(action, () => ret({ a: 'execute', p, ...this.execute(parser, action.d) }));
      case 'finish':
        return this.guarded(action, () => ret({ a: 'finish', p, ...this.result(parser.finish(), 0, 0, parser) }));
      case 'current_buffer': return ret({ a: 'current_buffer', p, d: shown(parser.getCurrentBuffer()) });
      case 'headers_completed': return ret({ a: 'headers_completed', v: parser.headersCompleted() });
      case 'mark': return this.tell({ e: 'mark', m: action.m });
      case 'throw': throw new Error(action.m);
      case 'read':
        this.reading++;
        this.guarded(action, () => stream.readBuffer(toBytes(action.d)));
        this.reading--;
        return;
      case 'eof': return this.guarded(action, () => stream.emitEOF());
      case 'userbuf':
        stream.own = Buffer.alloc(action.size);
        return void stream.useUserBuffer(stream.own);
      case 'userbuf_next': stream.ownNext = Buffer.alloc(action.size); return;
      case 'readstart': {
        const v = stream.readStart();
        if (v === 0) stream.started = true;
        return ret({ a: 'readstart', v });
      }
      case 'readstop': stream.started = false; return ret({ a: 'readstop', v: stream.readStop() });
      case 'write': return this.write(action, stream, ret);
      case 'shutdown': {
        const err = stream.shutdown(this.request(wraps.ShutdownWrap, action.req));
        return ret({ a: 'shutdown', req: action.req, err });
      }
      case 'finish_write': return void stream.finishWrite(this.requests[action.req], action.status);
      case 'finish_shutdown': return void stream.finishShutdown(this.requests[action.req], action.status);
      case 'stat': return this.tell({ e: 'stat', s, bytesRead: stream.bytesRead, bytesWritten: stream.bytesWritten });
      case 'send': {
        const bytes = toBytes(action.d);
        stream.sent += bytes.length;
        client.write(bytes);
        return action.nowait ? undefined : this.until(() => stream.gone || stream.bytesRead >= stream.sent).then(() => turns(3));
      }
      case 'send_end':
        client.end();
        return this.quiet(() => client.writableFinished && !stream.started);
      case 'send_reset':
        client.resetAndDestroy();
        return this.quiet(() => client.closed && !stream.started);
      case 'await_req': return this.until(() => this.requests[action.req].completed);
      case 'close_stream':
        stream.started = false;
        return new Promise((done) => stream.close(() => {
          stream.gone = true;
          this.tell({ e: 'closed', s });
          done();
        })).then(() => turns(3));
      default: throw new Error('action ' + action.a);
    }
  }

  write(action, stream, ret) {
    const request = this.request(wraps.WriteWrap, action.req);
    let err;
    if (action.kind === 'latin1') {
      err = stream.writeLatin1String(request, toBytes(action.d).toString('latin1'));
    } else if (action.kind === 'writev') {
      request.kept = action.d.map(toBytes);
      err = stream.writev(request, request.kept, true);
    } else {
      request.kept = toBytes(action.d);
      err = stream.writeBuffer(request, request.kept);
    }
    const bytes = wraps.streamBaseState[wraps.kBytesWritten];
    const async = wraps.streamBaseState[wraps.kLastWriteWasAsync] !== 0;
    ret({ a: 'write', req: action.req, err, bytes, async });
  }

  async run() {
    for (const [name, options] of Object.entries(this.scenario.parsers || { A: {} })) this.addParser(name, options);
    for (const [name, options] of Object.entries(this.scenario.streams || { S: { kind: 'js' } })) {
      if (options.kind === 'js') this.addJsStream(name, options); else await this.addConnection(name);
    }
    for (const action of this.scenario.actions) {
      // Waiting where there is nothing to wait for would let the loop turn.
      const later = this.act(action);
      if (later) await later;
    }
    if (Object.keys(this.clients).length) await turns(3);
  }
}

class Server extends Run {
  act(action) {
    const socket = this.socket;
    const data = (tag) => (bytes) => this.tell({ e: 'socket_data', by: tag, d: shown(bytes) });
    switch (action.a) {
      case 'on':
        if (action.ev === 'data') socket.on('data', data(action.tag || 'user'));
        else socket.on(action.ev, () => this.tell({ e: 'user_' + action.ev }));
        break;
      case 'once': socket.once(action.ev, data(action.tag || 'user')); break;
      case 'read_readable':
        socket.on('readable', () => {
          for (let bytes; (bytes = socket.read()) !== null;) this.tell({ e: 'readable_read', d: shown(bytes) });
        });
        break;
      case 'pipe':
        socket.pipe(new Writable({
          write: (bytes, encoding, done) => { this.tell({ e: 'pipe_write', d: shown(bytes) }); done(); },
        }));
        break;
      case 'pause': socket.pause(); break;
      case 'resume': socket.resume(); break;
      case 'setEncoding':
        try { socket.setEncoding('utf8'); } catch (error) { this.tell({ e: 'exception', at: 'setEncoding', code: error.code }); }
        break;
      case 'emit_connection': this.server.emit('connection', socket); this.watchParser(); break;
      case 'flags': {
        const handle = socket._handle;
        const parser = !!(socket.parser && socket.parser._consumed);
        this.tell({ e: 'flags', parser, handle: !!(handle && handle._consumed), reading: !!(handle && handle.reading) });
        break;
      }
      case 'stat': this.tell({ e: 'stat', bytesRead: socket.bytesRead }); break;
      default: throw new Error('action ' + action.a);
    }
  }

  all(list) { for (const action of list || []) this.act(action); }

  watchParser() {
    const parser = this.socket.parser, run = this;
    if (!parser) return;
    const before = (slot, f) => {
      const original = (parser[slot] && parser[slot].original) || parser[slot];
      parser[slot] = function(...all) { f(...all); return original.apply(this, all); };
      parser[slot].original = original;
    };
    before(HTTPParser.kOnHeadersComplete | 0, (...all) => this.tell(headEvent('P', all)));
    before(HTTPParser.kOnHeaders | 0, (list, url) =>
      this.tell({ e: 'headers', p: 'P', h: shownHeaders(list), url: shownText(url) }));
    before(HTTPParser.kOnBody | 0, (body) => this.tell({ e: 'body', p: 'P', d: shown(body) }));
    before(HTTPParser.kOnMessageComplete | 0, () => this.tell({ e: 'complete', p: 'P' }));
    before(HTTPParser.kOnExecute | 0, (value) => this.tell({ e: 'execute', p: 'P', ...this.readResult(value, parser) }));
    const native = HTTPParser.prototype;
    for (const method of ['unconsume', 'pause', 'resume', 'free']) {
      parser[method] = function(...all) {
        if (method !== 'resume' || run.options.log_resume) run.tell({ e: method });
        return native[method].apply(this, all);
      };
    }
    parser.execute = function(bytes) {
      run.tell({ e: 'js_execute', n: bytes.length });
      const value = native.execute.call(this, bytes);
      run.tell({ e: 'ret', a: 'execute', ...run.result(value, undefined, bytes.length, parser) });
      return value;
    };
    parser.finish = function() {
      const value = native.finish.call(this);
      run.tell({ e: 'ret', a: 'finish', ...run.result(value, 0, 0, parser) });
      return value;
    };
    // The free list would hand the watched parser to the next scenario.
    this.finally(() => {
      for (const method of ['unconsume', 'pause', 'resume', 'free', 'execute', 'finish']) delete parser[method];
      for (let slot = 0; slot < 6; slot++) if (parser[slot] && parser[slot].original) parser[slot] = parser[slot].original;
    });
  }

  connected(socket) {
    if (this.socket) return;
    this.socket = socket;
    this.handle = socket._handle;
    this.finally(() => socket.destroy());
    this.watchParser();
    const emit = socket.emit, run = this;
    const onread = this.handle.onread;
    this.handle.onread = function(...all) {
      if (wraps.streamBaseState[wraps.kReadBytesOrError] < 0) run.readEnd = true;
      return onread.apply(this, all);
    };
    socket.emit = function(event, ...all) {
      if (event === 'data') run.tell({ e: 'emit', ev: event, n: all[0].length });
      else if (event === 'end' || event === 'close') run.tell({ e: 'emit', ev: event });
      else if (event === 'error') run.tell({ e: 'emit', ev: event, code: all[0].code });
      if (event === 'close') run.closed = true;
      return emit.call(this, event, ...all);
    };
    this.tell({
      e: 'connection', isStreamBase: this.handle.isStreamBase === true,
      parser_consumed: socket.parser._consumed, handle_consumed: this.handle._consumed === true,
    });
    this.all(this.options.on_connection);
  }

  makeServer() {
    const o = this.options;
    class ServerResponse extends http.ServerResponse {
      constructor(...all) { super(...all); this.sendDate = false; }
    }
    const options = { connectionsCheckingInterval: 1e6, keepAliveTimeout: 0, ServerResponse };
    for (const key of ['headersTimeout', 'requestTimeout', 'keepAliveTimeout', 'connectionsCheckingInterval']) {
      if (o[key] !== undefined) options[key] = o[key];
    }
    if (o.maxHeaderSize) options.maxHeaderSize = o.maxHeaderSize;
    if (o.insecure) options.insecureHTTPParser = true;
    const onRequest = (req, res) => {
      this.tell({ e: 'request', method: req.method, url: req.url });
      this.all(o.on_request);
      if (o.drain !== false) req.resume();
      if (o.respond === 'first' && this.answered) return;
      this.answered = true;
      if (o.answer) return this.answer(res, o.answer);
      if (o.respond !== 'hold') res.end(o.big_response ? Buffer.alloc(o.big_response, 'z') : 'ok');
    };
    const server = this.server = http.createServer(options, onRequest);
    if (o.checkContinue) {
      server.on('checkContinue', (req, res) => {
        this.tell({ e: 'checkContinue' });
        if (o.checkContinue === 'refuse') {
          res.writeHead(417);
          return res.end();
        }
        res.writeContinue();
        onRequest(req, res);
      });
    }
    if (o.checkExpectation) {
      server.on('checkExpectation', (req, res) => {
        this.tell({ e: 'checkExpectation' });
        onRequest(req, res);
      });
    }
    if (o.consume === false) {
      // What node does with a handle that is no StreamBase.
      server.prependListener('connection', (s) => Object.defineProperty(s._handle, 'isStreamBase', { value: false }));
    }
    server.on('connection', (socket) => this.connected(socket));
    const taken = (name) => (req, socket, head) => {
      const parser = socket.parser === null ? null : 'set';
      this.tell({ e: name, method: req.method, url: req.url, head: shown(head), parser });
      this.all(o.on_upgrade);
    };
    if (o.upgrade) server.on('upgrade', taken('upgrade'));
    if (o.connect) server.on('connect', taken('connect'));
    if (o.clientError) {
      server.on('clientError', (error, socket) => {
        this.tell({ e: 'clientError', code: error.code, n: this.places.get(error), raw: error.rawPacket && error.rawPacket.length });
        if (o.clientError === 'destroy') socket.destroy();
      });
    }
    this.finally(() => { server.close(); server.closeAllConnections(); });
    return server;
  }

  // An answer that is written in parts.
  answer(res, { parts, length, status, wait }) {
    const left = parts.map(toBytes);
    const total = left.reduce((n, part) => n + part.length, 0);
    if (length) res.writeHead(status || 200, { 'Content-Length': total });
    else if (status) res.writeHead(status);
    const write = () => {
      while (left.length) {
        const more = res.write(left.shift());
        this.tell({ e: 'res_write', more });
        if (!more && wait && left.length) {
          return void res.once('drain', () => { this.tell({ e: 'res_drain' }); write(); });
        }
      }
      res.end();
    };
    res.on('finish', () => this.tell({ e: 'res_finish' }));
    write();
  }

  async run() {
    this.options = this.scenario.server || {};
    const server = this.makeServer();
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    const client = net.connect({ port: server.address().port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    this.finally(() => client.destroy());
    if (this.options.client_paused) client.pause();
    let text = '', ended = false, sent = 0;
    client.on('data', (bytes) => { text += bytes.toString('latin1'); });
    client.on('end', () => { ended = true; });
    client.on('error', () => {});
    await new Promise((done) => client.on('connect', done));
    await this.until(() => this.socket);
    await turns(3);
    const read = () => this.closed || !this.socket._handle ? Infinity : this.handle.bytesRead;
    // All that is under way has arrived where somebody takes it.
    const arrived = () => {
      const { socket, handle, options } = this;
      const gone = this.closed || !socket._handle;
      if (!gone && handle.reading && read() < sent) return false;
      if (!gone && handle.reading && client.writableFinished && !this.readEnd) return false;
      if (client.destroyed || client.isPaused()) return true;
      if (gone) return ended;
      return client.bytesRead >= handle.bytesWritten && (ended || !socket.writableFinished);
    };
    for (const action of this.scenario.actions) {
      switch (action.a) {
        case 'send': {
          const bytes = toBytes(action.d);
          sent += bytes.length;
          client.write(bytes);
          if (action.nowait) break;
          await this.until(() => read() >= sent);
          await this.quiet(arrived);
          break;
        }
        case 'end':
          client.end();
          await this.until(() => client.writableFinished || client.destroyed);
          await this.quiet(arrived);
          break;
        case 'reset':
          client.resetAndDestroy();
          await this.until(() => client.closed && (this.readEnd || this.closed || !this.handle.reading));
          await this.quiet(arrived);
          break;
        case 'client_resume': client.resume(); await this.quiet(arrived); break;
        case 'sleep': await ms(action.ms); await this.quiet(arrived); break;
        default: this.act(action); await this.quiet(arrived);
      }
    }
    await this.quiet(arrived);
    const status = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((found) => Number(found[1]));
    const event = { e: 'client', status, ended };
    if (this.options.tell_bytes) event.bytes = shownText(text);
    this.tell(event);
  }
}

(async () => {
  const lines = fs.readFileSync(0, 'utf8').split('\n').filter(Boolean);
  for (let i = 0; i < lines.length; i++) {
    const scenario = JSON.parse(lines[i]);
    const run = scenario.layer === 'core' ? new Core(scenario) : new Server(scenario);
    out('> ' + i);
    await run.run();
    run.end();
    out('< ' + i);
    if (run.last.length) await turns(2);
  }
  process.exit(0);
})();
