
// One connection of a server, and its client.
class Connection {
  constructor(client) {
    this.client = client;
    this.socket = this.handle = null;
    this.sent = 0;
    this.readEnd = this.closed = this.ended = false;
    this.text = '';
    client.on('data', (bytes) => { this.text += bytes.toString('latin1'); });
    client.on('end', () => { this.ended = true; });
    client.on('error', () => {});
  }
  get gone() { return this.closed || !this.socket._handle; }
  // How many bytes have been read from what the client has sent.
  get read() { return this.gone ? Infinity : this.handle.bytesRead; }
  // Everything under way has arrived, where the other side takes it.
  get arrived() {
    const { socket, handle, client, gone } = this;
    if (!gone && handle.reading && this.read < this.sent) return false;
    if (!gone && handle.reading && client.writableFinished && !this.readEnd) return false;
    if (client.destroyed || client.isPaused()) return true;
    if (gone) return this.ended;
    return client.bytesRead >= handle.bytesWritten && (this.ended || !socket.writableFinished);
  }
}

const dataListener = (run, connection, action) => (bytes) =>
  run.tellOf(connection, { e: 'socket_data', by: action.tag || 'user', d: shown(bytes) });

// What a user does with a socket. Called on the run.
const ON_SOCKET = {
  on(action, { connection, socket, n, req, res }) {
    const of = { req, res }[action.of] || socket;
    if (action.ev === 'data' && !action.of) return void socket.on('data', dataListener(this, connection, action));
    of.on(action.ev, (first) => {
      const event = action.of ? { e: `${action.of}_${action.ev}`, r: n } : { e: 'user_' + action.ev };
      if (action.of && first instanceof Error) event.code = first.code;
      if (action.of) this.tell(event); else this.tellOf(connection, event);
      this.all(action.do);
    });
  },
  once(action, { connection, socket }) { socket.once(action.ev, dataListener(this, connection, action)); },
  read_readable(action, { connection, socket }) {
    socket.on('readable', () => {
      for (let bytes; (bytes = socket.read()) !== null;) {
        this.tellOf(connection, { e: 'readable_read', d: shown(bytes) });
      }
    });
  },
  pipe(action, { connection, socket }) {
    socket.pipe(new Writable({
      write: (bytes, encoding, done) => {
        this.tellOf(connection, { e: 'pipe_write', d: shown(bytes) });
        done();
      },
    }));
  },
  pause(action, { socket }) { socket.pause(); },
  resume(action, { socket }) { socket.resume(); },
  setEncoding(action, { socket }) { socket.setEncoding('utf8'); },
  destroy(action, { socket }) { socket.destroy(); },
  sock_end(action, { socket }) {
    if (action.d === undefined) socket.end(); else socket.end(...this.data(action));
  },
  sock_write(action, { connection, socket }) {
    this.tellOf(connection, { e: 'sock_write', more: socket.write(...this.data(action)) });
  },
  timeout(action, { socket }) { socket.setTimeout(action.ms); },
  emit_connection(action, { connection, socket }) {
    this.server.emit('connection', socket);
    this.watchParser(connection);
  },
  flags(action, { connection, socket }) {
    const handle = socket._handle;
    const parser = !!(socket.parser && socket.parser._consumed);
    this.tellOf(connection, {
      e: 'flags', parser, handle: !!(handle && handle._consumed), reading: !!(handle && handle.reading),
    });
  },
  stat(action, { connection, socket }) { this.tellOf(connection, { e: 'stat', bytesRead: socket.bytesRead }); },
};

// What a user does with a request and its answer.
const ON_MESSAGE = {
  res_head(action, { res }) { res.writeHead(action.status || 200, action.h || []); },
  res_write(action, { n, res }) {
    this.tell({ e: 'res_write', r: n, more: res.write(...this.data(action)) });
  },
  res_end(action, { res }) {
    if (action.d === undefined) res.end(); else res.end(...this.data(action));
  },
  res_continue(action, { res }) { res.writeContinue(); },
  res_destroy(action, { res }) { res.destroy(); },
  res_timeout(action, { res }) { res.setTimeout(action.ms); },
  req_resume(action, { req }) { req.resume(); },
  req_pause(action, { req }) { req.pause(); },
  req_destroy(action, { req }) { req.destroy(); },
  req_timeout(action, { req }) { req.setTimeout(action.ms); },
};

// What a user does with the server.
const ON_SERVER = {
  close_idle() { this.server.closeIdleConnections(); },
  close_all() { this.server.closeAllConnections(); },
  mark(action) { this.tell({ e: 'mark', m: action.m }); },
};

class Server extends Run {
  constructor(scenario) {
    super(scenario);
    this.options = scenario.server || {};
    this.connections = [];
    this.requests = [];
  }

  // Events of the second connection and later ones have its number.
  tellOf(connection, event) {
    const c = this.connections.indexOf(connection);
    this.tell(c > 0 ? { ...event, c } : event);
  }

  act(action) {
    const connection = this.connections[action.c || 0];
    const socket = connection && connection.socket;
    const n = action.r === undefined ? this.requests.length - 1 : action.r;
    const [req, res] = this.requests[n] || [];
    const f = ON_SOCKET[action.a] || ON_MESSAGE[action.a] || ON_SERVER[action.a];
    if (f === undefined) throw new Error('action ' + action.a);
    // A socket or a request that does not exist yet cannot act.
    if (action.a in ON_SOCKET && !socket) return;
    if ((action.a in ON_MESSAGE || action.of) && !req) return;
    try {
      f.call(this, action, { connection, socket, n, req, res });
    } catch (error) {
      if (!error.code) throw error;
      this.tell({ e: 'exception', at: action.a, code: error.code });
    }
  }

  all(list) { for (const action of list || []) this.act(action); }

  // Bytes to write: a string, or a buffer.
  data(action) {
    const bytes = toBytes(action.d);
    return action.as === 'text' ? [bytes.toString('latin1'), 'latin1'] : [bytes];
  }

  watchParser(connection) {
    const parser = connection.socket.parser, run = this;
    const tell = (event) => this.tellOf(connection, event);
    if (!parser) return;
    const before = (slot, f) => {
      const original = (parser[slot] && parser[slot].original) || parser[slot];
      parser[slot] = function(...all) { f(...all); return original.apply(this, all); };
      parser[slot].original = original;
    };
    before(HTTPParser.kOnHeadersComplete | 0, (...all) => tell(headEvent('P', all)));
    before(HTTPParser.kOnHeaders | 0, (list, url) =>
      tell({ e: 'headers', p: 'P', h: shownHeaders(list), url: shownText(url) }));
    before(HTTPParser.kOnBody | 0, (body) => tell({ e: 'body', p: 'P', d: shown(body) }));
    before(HTTPParser.kOnMessageComplete | 0, () => tell({ e: 'complete', p: 'P' }));
    before(HTTPParser.kOnExecute | 0, (value) => tell({ e: 'execute', p: 'P', ...this.readResult(value, parser) }));
    const native = HTTPParser.prototype;
    for (const method of ['unconsume', 'pause', 'resume', 'free']) {
      parser[method] = function(...all) {
        if (method !== 'resume' || run.options.log_resume) tell({ e: method });
        return native[method].apply(this, all);
      };
    }
    parser.execute = function(bytes) {
      tell({ e: 'js_execute', n: bytes.length });
      const value = native.execute.call(this, bytes);
      tell({ e: 'ret', a: 'execute', ...run.result(value, undefined, bytes.length, parser) });
      return value;
    };
    parser.finish = function() {
      const value = native.finish.call(this);
      tell({ e: 'ret', a: 'finish', ...run.result(value, 0, 0, parser) });
      return value;
    };
    // The free list would hand the watched parser to the next scenario.
    this.finally(() => {
      for (const method of ['unconsume', 'pause', 'resume', 'free', 'execute', 'finish']) delete parser[method];
      for (let slot = 0; slot < 6; slot++) if (parser[slot] && parser[slot].original) parser[slot] = parser[slot].original;
    });
  }

  connected(socket) {
    if (this.connections.some((known) => known.socket === socket)) return; // Emitted again.
    const connection = this.connections.find((known) => !known.socket);
    this.adopt(connection, socket);
    this.watchParser(connection);
    this.tellOf(connection, {
      e: 'connection', isStreamBase: connection.handle.isStreamBase === true,
      parser_consumed: socket.parser._consumed, handle_consumed: connection.handle._consumed === true,
    });
    this.all(this.options.on_connection);
    this.fire('server', 'connection');
  }

  // The socket of a connection is there.
  adopt(connection, socket) {
    connection.socket = socket;
    const handle = connection.handle = socket._handle;
    this.finally(() => socket.destroy());
    const emit = socket.emit, run = this;
    const onread = handle.onread;
    handle.onread = function(...all) {
      if (wraps.streamBaseState[wraps.kReadBytesOrError] < 0) connection.readEnd = true;
      return onread.apply(this, all);
    };
    socket.emit = function(event, ...all) {
      const told = { e: 'emit', ev: event };
      if (event === 'data') run.tellOf(connection, { ...told, n: all[0].length });
      else if (event === 'end' || event === 'close') run.tellOf(connection, told);
      else if (event === 'error') run.tellOf(connection, { ...told, code: all[0].code });
      if (event === 'close') connection.closed = true;
      return emit.call(this, event, ...all);
    };
  }

  // A connection without HTTP, and maybe the user's own memory for its reads.
  async connectPlain({ sizes, stop = [] }) {
    const [client, accepted] = await connect(this.options.client_half_open !== false);
    const connection = new Connection(client);
    this.connections.push(connection);
    this.finally(() => client.destroy());
    const handle = await accepted;
    handle.setNoDelay(true);
    let turn = 0, reads = 0;
    const onread = sizes && {
      buffer: sizes.length === 1 ? Buffer.alloc(sizes[0]) : () => Buffer.alloc(sizes[turn++ % sizes.length]),
      callback: (n, buffer) => {
        const nth = ++reads;
        this.tellOf(connection, { e: 'onread', n, d: shown(buffer.subarray(0, n)) });
        this.fire('server', 'onread');
        return !stop.includes(nth);
      },
    };
    this.adopt(connection, new net.Socket({ handle, allowHalfOpen: true, onread }));
    await turns(3);
  }

  // A request that the user sees: its events, and those of its answer, are told if
  // the scenario watches them.
  onRequest(req, res) {
    const o = this.options;
    const n = this.requests.push([req, res]) - 1;
    if (o.watch) {
      this.watch(req, 'req', n, ['aborted', 'error', 'end', 'close', 'timeout']);
      this.watch(res, 'res', n, ['finish', 'error', 'close', 'timeout']);
    }
    const event = { e: 'request', method: req.method, url: req.url };
    if (o.tell_headers) Object.assign(event, this.shownMap(req));
    this.tell(event);
    this.all(o.on_request);
    this.fire('server', 'request');
    if (o.drain !== false) req.resume();
    if (o.respond === 'first' && this.answered) return;
    this.answered = true;
    if (o.answer) return this.answer(res, o.answer);
    if (o.respond !== 'hold') res.end(o.big_response ? Buffer.alloc(o.big_response, 'z') : 'ok');
  }

  // How many raw headers there are, and the headers by name, in the order in which
  // they came.
  shownMap(req) {
    const map = Object.entries(req.headers).map(([name, value]) => [name, value].map((one) =>
      Array.isArray(one) ? one.map(shownText) : shownText(one)));
    return { raw: req.rawHeaders.length, headers: map.length > 24 ? { count: map.length } : map };
  }

  watch(of, name, r, events) {
    const emit = of.emit, run = this;
    of.emit = function(event, ...all) {
      const told = { e: name, r, ev: event };
      if (all[0] instanceof Error) told.code = all[0].code;
      if (events.includes(event)) run.tell(told);
      return emit.call(this, event, ...all);
    };
  }

  makeServer() {
    const o = this.options;
    class ServerResponse extends http.ServerResponse {
      constructor(...all) { super(...all); this.sendDate = false; }
    }
    const options = { connectionsCheckingInterval: 1e6, keepAliveTimeout: 0, ServerResponse };
    for (const key of ['headersTimeout', 'requestTimeout', 'keepAliveTimeout', 'connectionsCheckingInterval',
                       'requireHostHeader', 'joinDuplicateHeaders']) {
      if (o[key] !== undefined) options[key] = o[key];
    }
    if (o.maxHeaderSize) options.maxHeaderSize = o.maxHeaderSize;
    if (o.insecure) options.insecureHTTPParser = true;
    const server = this.server = http.createServer(options, (req, res) => this.onRequest(req, res));
    for (const key of ['maxHeadersCount', 'maxRequestsPerSocket', 'httpAllowHalfOpen', 'timeout']) {
      if (o[key] !== undefined) server[key] = o[key];
    }
    if (o.checkContinue) {
      server.on('checkContinue', (req, res) => {
        this.tell({ e: 'checkContinue' });
        if (o.checkContinue === 'refuse') {
          res.writeHead(417);
          return res.end();
        }
        res.writeContinue();
        this.onRequest(req, res);
      });
    }
    if (o.checkExpectation) {
      server.on('checkExpectation', (req, res) => {
        this.tell({ e: 'checkExpectation' });
        this.onRequest(req, res);
      });
    }
    if (o.consume === false) {
      // What node does with a handle that is no StreamBase.
      server.prependListener('connection', (s) => {
        if (s._handle) Object.defineProperty(s._handle, 'isStreamBase', { value: false });
      });
    }
    server.on('connection', (socket) => this.connected(socket));
    const of = (socket) => this.connections.find((known) => known.socket === socket);
    const taken = (name) => (req, socket, head) => {
      const parser = socket.parser === null ? null : 'set';
      this.tellOf(of(socket), { e: name, method: req.method, url: req.url, head: shown(head), parser });
      this.all(o.on_upgrade);
      this.fire('server', name);
    };
    if (o.upgrade) server.on('upgrade', taken('upgrade'));
    if (o.connect) server.on('connect', taken('connect'));
    if (o.clientError) {
      server.on('clientError', (error, socket) => {
        this.tellOf(of(socket), {
          e: 'clientError', code: error.code, n: this.places.get(error), raw: error.rawPacket && error.rawPacket.length,
        });
        this.fire('server', 'clientError');
        if (o.clientError === 'destroy') socket.destroy();
        if (o.clientError === 'answer') socket.end('HTTP/1.1 400 Bad Request\r\nX: y\r\n\r\n', 'latin1');
      });
    }
    const plain = (event, key) => {
      if (!o[key]) return;
      server.on(event, (...all) => {
        this.tellOf(of(all.at(-1)), { e: event });
        this.fire('server', event);
      });
    };
    plain('dropRequest', 'dropRequest');
    plain('timeout', 'on_timeout');
    this.finally(() => { server.close(); server.closeAllConnections(); });
    return server;
  }

  // An answer that is written in parts.
  answer(res, { parts, length, status, wait, as }) {
    const left = parts.map(toBytes);
    const total = left.reduce((n, part) => n + part.length, 0);
    if (length) res.writeHead(status || 200, { 'Content-Length': total });
    else if (status) res.writeHead(status);
    const write = () => {
      while (left.length) {
        const part = left.shift();
        const more = as === 'text' ? res.write(part.toString('latin1'), 'latin1') : res.write(part);
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

  async connect(port) {
    const client = net.connect({
      port, host: '127.0.0.1', noDelay: true, allowHalfOpen: this.options.client_half_open !== false,
    });
    const connection = new Connection(client);
    this.connections.push(connection);
    this.finally(() => client.destroy());
    if (this.options.client_paused) client.pause();
    await new Promise((done) => client.on('connect', done));
    await this.until(() => connection.socket);
    await turns(3);
  }

  async step(action, arrived) {
    const connection = this.connections[action.c || 0];
    const { client } = connection;
    switch (action.a) {
      case 'send': {
        const bytes = toBytes(action.d);
        connection.sent += bytes.length;
        client.write(bytes);
        if (action.nowait) return;
        await this.until(() => connection.read >= connection.sent);
        break;
      }
      case 'feed': {
        // A client that has ended, or is gone, sends nothing more.
        if (!client.writable) break;
        const bytes = toBytes(action.d);
        connection.sent += bytes.length;
        client.write(bytes);
        break;
      }
      case 'end':
        client.end();
        await this.until(() => client.writableFinished || client.destroyed);
        break;
      case 'reset':
        client.resetAndDestroy();
        await this.until(() => client.closed && (connection.readEnd || connection.gone || !connection.handle.reading));
        break;
      case 'client_pause': client.pause(); break;
      case 'client_resume': client.resume(); break;
      case 'sleep': await ms(action.ms); break;
      case 'settle': break;
      default: this.act(action);
    }
    await this.quiet(arrived);
  }

  async run() {
    const n = this.options.connections || 1;
    if (this.options.net) {
      for (let i = 0; i < n; i++) await this.connectPlain(this.options.net);
    } else {
      const server = this.makeServer();
      await new Promise((done) => server.listen(0, '127.0.0.1', done));
      for (let i = 0; i < n; i++) await this.connect(server.address().port);
    }
    const arrived = () => this.connections.every((connection) => connection.arrived);
    for (const action of this.scenario.actions || []) await this.step(action, arrived);
    await this.quiet(arrived);
    for (const connection of this.connections) {
      const { text, ended } = connection;
      const status = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((found) => Number(found[1]));
      const event = { e: 'client', status, ended };
      if (this.options.tell_bytes) event.bytes = shownText(text);
      this.tellOf(connection, event);
    }
  }
}

