class Core extends Run {
  constructor(scenario) {
    super(scenario);
    this.streams = {}; this.parsers = {}; this.requests = {}; this.clients = {}; this.told_last = [];
    this.inputs = new Map();
    // The result of a write stays for the whole process.
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
      const own = stream.own;
      this.fire(name, kind);
      if (memory === undefined && n > 0 && stream.ownNext) {
        const next = stream.ownNext;
        stream.ownNext = null;
        // A hook may have pushed another buffer, which the next read goes to.
        if (stream.own === own) stream.own = next;
        return next;
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

  async addConnection(name, options) {
    const [client, accepted] = await connect(true);
    client.on('error', () => {});
    client.on('end', () => { client.sawEnd = true; });
    let text = '';
    client.on('data', (bytes) => { text += bytes.toString('latin1'); });
    this.clients[name] = client;
    if (options.tell_bytes) this.told_last.push(() => this.tell({ e: 'client', s: name, bytes: shownText(text) }));
    const stream = await accepted;
    this.listen(name, stream);
    stream.sent = stream.written = 0;
    // Without it a second small write waits for an answer to the first.
    stream.setNoDelay(true);
    stream.readStart();
    stream.started = true;
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

  // Everything under way has arrived, where the other side takes it.
  arrived() {
    return Object.entries(this.clients).every(([name, client]) => {
      const stream = this.streams[name];
      const taken = stream.isClosed || !stream.started || stream.bytesRead >= stream.sent;
      if (client.destroyed) return taken;
      if (stream.isClosed) return client.sawEnd === true;
      return taken && client.bytesRead >= stream.written;
    });
  }

  // The client's writes are in the same process; their results must leave no trace.
  clientWrites(client, bytes) {
    const state = wraps.streamBaseState;
    const kept = [state[wraps.kBytesWritten], state[wraps.kLastWriteWasAsync]];
    client.write(bytes);
    [state[wraps.kBytesWritten], state[wraps.kLastWriteWasAsync]] = kept;
  }

  // `inside` a callback nothing can be waited for.
  act(action, inside) {
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
      case 'feed': {
        // A client that has ended, or is gone, sends nothing more.
        if (!client.writable) return;
        const bytes = toBytes(action.d);
        stream.sent += bytes.length;
        this.clientWrites(client, bytes);
        return this.quiet(() => this.arrived());
      }
      case 'send': {
        const bytes = toBytes(action.d);
        stream.sent += bytes.length;
        this.clientWrites(client, bytes);
        return action.nowait || inside ? undefined : this.until(() => stream.gone || stream.bytesRead >= stream.sent).then(() => turns(3));
      }
      case 'send_end':
        client.end();
        if (inside) return;
        return this.quiet(() => (client.writableFinished || client.destroyed) && (!stream.started || stream.isClosed));
      case 'send_reset':
        client.resetAndDestroy();
        if (inside) return;
        return this.quiet(() => client.closed && (!stream.started || stream.isClosed));
      case 'settle': return inside ? undefined : this.quiet(() => this.arrived());
      case 'await_req': return this.until(() => this.requests[action.req].completed);
      case 'close_stream':
        // A second close does nothing, and tells nothing.
        if (stream.isClosed) return void stream.close(() => {});
        stream.isClosed = true;
        stream.started = false;
        return new Promise((done) => stream.close(() => {
          stream.gone = true;
          this.tell({ e: 'closed', s });
          this.fire(s, 'closed');
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
    if (err === 0 && stream.written !== undefined) stream.written += bytes;
    ret({ a: 'write', req: action.req, err, bytes, async });
  }

  async run() {
    for (const [name, options] of Object.entries(this.scenario.parsers || { A: {} })) this.addParser(name, options);
    for (const [name, options] of Object.entries(this.scenario.streams || { S: { kind: 'js' } })) {
      if (options.kind === 'js') this.addJsStream(name, options); else await this.addConnection(name, options);
    }
    for (const action of this.scenario.actions || []) {
      // Waiting where there is nothing to wait for would let the loop turn.
      const later = this.act(action);
      if (later) await later;
    }
    if (Object.keys(this.clients).length) await turns(3);
    if (this.told_last.length) await this.quiet(() => this.arrived());
    for (const tell of this.told_last) tell();
  }
}

