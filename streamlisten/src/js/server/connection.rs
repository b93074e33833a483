//! One connection of a server.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};

use super::{HttpServer, has, plain};
use crate::buf::Chunk;
use crate::env::Exception;
use crate::http_parser::ExecuteResult;
use crate::js::emitter::{Arg, JsError};
use crate::js::incoming::IncomingMessage;
use crate::js::parser::{HttpServerParser, ParserStep, unconsume};
use crate::js::readable::{HIGH_WATER_MARK, Readable};
use crate::js::response::ServerResponse;
use crate::js::socket::Socket;
use crate::stream_base::StreamBase;

/// A server keeps a connection this much longer than it says, in milliseconds. Mirrors
/// `HTTP_SERVER_KEEP_ALIVE_TIMEOUT_BUFFER`.
const KEEP_ALIVE_TIMEOUT_BUFFER: u64 = 1000;

/// What the listeners of one connection share. Mirrors `state`, and the values that
/// its functions are bound to.
#[doc(alias = "state")]
struct Connection {
    server: Weak<HttpServer>,
    socket: Weak<Socket>,
    parser: Weak<HttpServerParser>,
    incoming: RefCell<VecDeque<Rc<IncomingMessage>>>,
    outgoing: RefCell<VecDeque<Rc<ServerResponse>>>,
    /// About how many bytes wait in answers whose turn has not come.
    outgoing_data: Cell<i64>,
    /// The listeners that go when the connection becomes another protocol's.
    listeners: RefCell<Vec<u64>>,
    keep_alive_timeout_set: Cell<bool>,
    /// How many requests of HTTP/1.1 have come, if their number is limited.
    requests: Cell<u32>,
}

/// Sets a connection up. Mirrors `connectionListenerInternal`.
#[doc(alias = "connectionListenerInternal")]
pub(crate) fn connection_listener(server: &Rc<HttpServer>, socket: &Rc<Socket>) {
    let options = &server.options;
    let parser =
        server.parsers.alloc(&server.env, socket, options.max_header_size, options.lenient);
    parser.join_duplicate_headers.set(options.join_duplicate_headers);
    if let Some(n) = options.max_headers_count {
        parser.max_header_pairs.set(2 * n as usize);
    }
    // A second 'connection' for the same socket: the first parser is not taken out of
    // its chain, and still gets the bytes.
    let first = socket.parser.replace(Some(Rc::clone(&parser)));
    socket.forgotten.borrow_mut().extend(first);
    let connection = Rc::new(Connection {
        server: Rc::downgrade(server),
        socket: Rc::downgrade(socket),
        parser: Rc::downgrade(&parser),
        incoming: RefCell::default(),
        outgoing: RefCell::default(),
        outgoing_data: Cell::new(0),
        listeners: RefCell::default(),
        keep_alive_timeout_set: Cell::new(false),
        requests: Cell::new(0),
    });
    if options.timeout != 0 {
        socket.set_timeout(options.timeout);
    }
    let c = Rc::clone(&connection);
    let timeout = socket.on("timeout", plain(move || c.on_timeout()));
    let c = Rc::downgrade(&connection);
    socket.on_request_timeout.replace(Some(Rc::new(move || {
        if let Some(c) = c.upgrade()
            && let Some(socket) = c.socket.upgrade()
        {
            c.on_error(&socket, JsError::new("ERR_HTTP_REQUEST_TIMEOUT"));
        }
    })));
    connection.listen(socket);
    connection.listeners.borrow_mut().push(timeout);
    let c = Rc::clone(&connection);
    parser
        .on_incoming
        .replace(Some(Rc::new(move |request, keep_alive| c.on_incoming(request, keep_alive))));

    // The order matters: these two come before `on` is wrapped.
    let this = socket.this.clone();
    let resume = socket.on("resume", plain(move || on_socket_resume(&this)));
    let this = socket.this.clone();
    let pause = socket.on(
        "pause",
        plain(move || {
            if let Some(socket) = this.upgrade() {
                socket.read_stop();
            }
        }),
    );
    socket.flow_listeners.borrow_mut().extend([resume, pause]);
    socket.wrapped.set(true);
    socket.refuses_encoding.set(true);

    if let Some(handle) = socket.handle()
        && options.consume
        && handle.wrap.is_stream_base()
        && !handle.consumed.get()
    {
        parser.consumed.set(true);
        handle.consumed.set(true);
        parser.native.consume(&*handle.wrap);
    }
    let c = Rc::clone(&connection);
    parser.native.slots.on_execute.replace(Some(Rc::new(move |_, result| {
        c.on_parser_execute(&result);
        Ok(())
    })));
    socket.paused.set(false);
}

/// Mirrors `onSocketResume`.
#[doc(alias = "onSocketResume")]
fn on_socket_resume(socket: &Weak<Socket>) {
    let Some(socket) = socket.upgrade() else { return };
    if socket.paused.get() {
        socket.pause();
    } else {
        socket.read_start();
    }
}

impl Connection {
    fn listen(self: &Rc<Self>, socket: &Rc<Socket>) {
        let c = Rc::clone(self);
        let data = socket.on(
            "data",
            Rc::new(move |arg| {
                if let Arg::Data(chunk) = arg {
                    c.on_data(chunk);
                }
            }),
        );
        let c = Rc::clone(self);
        let error = socket.on(
            "error",
            Rc::new(move |arg| {
                if let (Arg::Error(error), Some(socket)) = (arg, c.socket.upgrade()) {
                    c.on_error(&socket, error.clone());
                }
            }),
        );
        socket.error_listeners.borrow_mut().push(error);
        let c = Rc::clone(self);
        let end = socket.on("end", plain(move || c.on_end()));
        let c = Rc::clone(self);
        let close = socket.on("close", plain(move || c.on_close()));
        let c = Rc::clone(self);
        let drain = socket.on("drain", plain(move || c.on_drain()));
        self.listeners.borrow_mut().extend([data, end, close, drain]);
    }

    /// The connection has been idle for too long. Mirrors `socketOnTimeout`.
    fn on_timeout(&self) {
        let (Some(server), Some(socket)) = (self.server.upgrade(), self.socket.upgrade()) else {
            return;
        };
        let request = socket.parser().and_then(|parser| parser.incoming.borrow().clone());
        let request = request.filter(|request| !request.complete.get());
        let by_request = request.is_some_and(|request| request.emit("timeout", &Arg::None));
        let response = socket.http_message.borrow().clone();
        let by_response = response.is_some_and(|response| response.emit("timeout", &Arg::None));
        if let Some(listener) = &server.on_timeout {
            listener(&socket);
        } else if !by_request && !by_response {
            socket.destroy(None);
        }
    }

    /// Mirrors `socketOnData`: the slow path, without consumption.
    #[doc(alias = "socketOnData")]
    fn on_data(&self, chunk: &Chunk) {
        let (Some(parser), Some(socket)) = (self.parser.upgrade(), self.socket.upgrade()) else {
            return;
        };
        // `assert(!socket._paused)`: a user has let a socket flow that the server holds back.
        if socket.paused.get() {
            socket.env().throw(Exception::new("ERR_INTERNAL_ASSERTION"));
            return;
        }
        if let Some(result) = parser.execute(chunk) {
            self.execute_common(&result, Some(chunk));
        }
    }

    /// Mirrors `onParserExecute`: the fast path.
    #[doc(alias = "onParserExecute")]
    fn on_parser_execute(&self, result: &ExecuteResult) {
        if let Some(parser) = self.parser.upgrade() {
            parser.observe(ParserStep::Execute(result));
        }
        if let Some(socket) = self.socket.upgrade() {
            socket.update_timer();
        }
        self.execute_common(result, None);
    }

    /// Mirrors `onParserExecuteCommon`.
    #[doc(alias = "onParserExecuteCommon")]
    fn execute_common(&self, result: &ExecuteResult, data: Option<&Chunk>) {
        let (Some(server), Some(socket), Some(parser)) =
            (self.server.upgrade(), self.socket.upgrade(), self.parser.upgrade())
        else {
            return;
        };
        let current = || data.cloned().unwrap_or_else(|| parser.native.get_current_buffer());
        let request = parser.incoming.borrow().clone();
        match (result, request) {
            (ExecuteResult::Error(error), _) => {
                let mut error = JsError::parse(error);
                error.raw_packet = Some(current().len());
                self.on_error(&socket, error);
            }
            (ExecuteResult::Bytes(n), Some(request)) if request.upgrade.get() => {
                // With an old error's place node slices somewhere; here nothing is left.
                let head = match n.offset() {
                    Some(n) => current().from(n),
                    None => Chunk::new(Vec::new()),
                };
                self.upgrade(&server, &socket, &parser, &request, head);
            }
            (_, Some(request)) if request.method == "PRI" => socket.destroy(None),
            _ => {}
        }
        if socket.paused.get()
            && let Some(parser) = socket.parser()
        {
            parser.pause();
        }
    }

    /// The rest of the connection is in another protocol, and the user's.
    fn upgrade(
        &self,
        server: &Rc<HttpServer>,
        socket: &Rc<Socket>,
        parser: &Rc<HttpServerParser>,
        request: &Rc<IncomingMessage>,
        head: Chunk,
    ) {
        let listeners = self.listeners.take();
        let error = socket.error_listeners.borrow_mut().pop();
        for id in listeners.into_iter().chain(error) {
            socket.remove_listener(id);
        }
        unconsume(parser, socket);
        parser.finish();
        server.parsers.free(parser, socket);
        let listener = match request.method {
            "CONNECT" => &server.on_connect,
            _ => &server.on_upgrade,
        };
        match listener {
            Some(listener) => {
                socket.readable_state().has_flowing.set(false);
                socket.readable_state().flowing.set(false);
                listener(request, socket, head);
            }
            None => socket.destroy(None),
        }
    }

    /// Mirrors `socketOnError`.
    #[doc(alias = "socketOnError")]
    fn on_error(&self, socket: &Rc<Socket>, error: JsError) {
        let Some(server) = self.server.upgrade() else { return };
        let listener = socket.error_listeners.borrow_mut().pop();
        if let Some(id) = listener {
            socket.remove_listener(id);
        }
        if !has(socket.emitter(), "error") {
            socket.on("error", plain(|| {}));
        }
        if let Some(listener) = &server.on_client_error {
            listener(&error, socket);
            return;
        }
        let answered =
            socket.http_message.borrow().as_ref().is_some_and(|message| message.is_header_sent());
        if socket.is_writable() && !answered {
            let status = match error.code.as_str() {
                "HPE_HEADER_OVERFLOW" => "431 Request Header Fields Too Large",
                "HPE_CHUNK_EXTENSIONS_OVERFLOW" => "413 Payload Too Large",
                "ERR_HTTP_REQUEST_TIMEOUT" => "408 Request Timeout",
                _ => "400 Bad Request",
            };
            let answer = format!("HTTP/1.1 {status}\r\nConnection: close\r\n\r\n");
            socket.write(Chunk::new(answer.into_bytes()));
        }
        socket.destroy(Some(error));
    }

    /// Mirrors `socketOnEnd`.
    #[doc(alias = "socketOnEnd")]
    fn on_end(&self) {
        let (Some(socket), Some(parser)) = (self.socket.upgrade(), self.parser.upgrade()) else {
            return;
        };
        match parser.finish() {
            Some(ExecuteResult::Error(error)) => self.on_error(&socket, JsError::parse(&error)),
            _ => self.end_half(&socket),
        }
    }

    /// The client has ended its side: the server's ends too, at once or, with
    /// `httpAllowHalfOpen`, with the last answer.
    fn end_half(&self, socket: &Socket) {
        let half_open = self.server.upgrade().is_some_and(|s| s.options.http_allow_half_open);
        let last = self.outgoing.borrow().back().cloned();
        let last = last.or_else(|| socket.http_message.borrow().clone());
        match last {
            Some(last) if half_open => last.last.set(true),
            _ => socket.end(),
        }
    }

    /// Mirrors `socketOnClose`.
    #[doc(alias = "socketOnClose")]
    fn on_close(&self) {
        let (Some(server), Some(socket)) = (self.server.upgrade(), self.socket.upgrade()) else {
            return;
        };
        if let Some(parser) = socket.parser() {
            server.parsers.free(&parser, &socket);
        }
        // Answers hold the connection, and their turn will not come.
        let outgoing = self.outgoing.take();
        drop(outgoing);
        let incoming = self.incoming.take();
        for request in incoming {
            request.destroy(Some(JsError::new("ECONNRESET")));
        }
    }

    /// Mirrors `socketOnDrain`.
    #[doc(alias = "socketOnDrain")]
    fn on_drain(&self) {
        let Some(socket) = self.socket.upgrade() else { return };
        let need_pause = self.outgoing_data.get() > HIGH_WATER_MARK as i64;
        if socket.paused.get() && !need_pause {
            socket.paused.set(false);
            if let Some(parser) = socket.parser() {
                parser.resume();
            }
            socket.resume();
        }
        let message = socket.http_message.borrow().clone();
        if let Some(message) = message {
            message.drained();
        }
    }

    /// Mirrors `parserOnIncoming`.
    #[doc(alias = "parserOnIncoming")]
    fn on_incoming(self: &Rc<Self>, request: &Rc<IncomingMessage>, keep_alive: bool) -> i32 {
        let (Some(server), Some(socket)) = (self.server.upgrade(), self.socket.upgrade()) else {
            return 0;
        };
        self.reset_timeout();
        if request.upgrade.get() {
            let wanted = request.method == "CONNECT" || server.on_upgrade.is_some();
            request.upgrade.set(wanted);
            if wanted {
                return 2;
            }
        }
        self.incoming.borrow_mut().push_back(Rc::clone(request));
        let behind = self.outgoing_data.get() >= HIGH_WATER_MARK as i64;
        if !socket.paused.get() && (socket.w.need_drain.get() || behind) {
            socket.paused.set(true);
            socket.pause();
        }
        let response = ServerResponse::new(request, keep_alive);
        response.keep_alive_timeout.set(server.options.keep_alive_timeout);
        response.max_requests.set(server.options.max_requests_per_socket);
        let c = Rc::downgrade(self);
        response.on_pending_data.replace(Some(Rc::new(move |delta| {
            if let Some(c) = c.upgrade() {
                c.outgoing_data.set(c.outgoing_data.get() + delta);
                c.on_drain();
            }
        })));
        let busy = socket.http_message.borrow().is_some();
        if busy {
            self.outgoing.borrow_mut().push_back(Rc::clone(&response));
        } else {
            response.assign_socket(&socket);
        }
        // Held here, because an upgrade drops all its other holders.
        let c = Rc::clone(self);
        let (req, res) = (Rc::clone(request), Rc::downgrade(&response));
        let finish = plain(move || {
            if let Some(res) = res.upgrade() {
                c.on_finish(&req, &res);
            }
        });
        response.emitter.add("finish", false, finish);
        if request.version == (1, 1) {
            self.on_http_1_1(&server, &socket, request, &response);
        } else {
            (server.on_request)(request, &response);
        }
        0
    }

    /// What a request of HTTP/1.1 must have, and may ask for.
    fn on_http_1_1(
        &self,
        server: &HttpServer,
        socket: &Rc<Socket>,
        request: &Rc<IncomingMessage>,
        response: &Rc<ServerResponse>,
    ) {
        let options = &server.options;
        if options.require_host_header && !request.has_header("host") {
            response.store_head(400, &[("Connection", "close")]);
            response.end(None);
            return;
        }
        let most = options.max_requests_per_socket;
        if most > 0 {
            self.requests.set(self.requests.get() + 1);
            response.max_requests_reached.set(most <= self.requests.get());
        }
        if most > 0 && most < self.requests.get() {
            if let Some(listener) = &server.on_drop_request {
                listener(request, socket);
            }
            response.store_head(503, &[]);
            response.end(None);
        } else if let Some(expect) = request.header("expect") {
            on_expect(server, request, response, &expect);
        } else {
            (server.on_request)(request, response);
        }
    }

    /// A request has come while the connection was kept for one. Mirrors
    /// `resetSocketTimeout`.
    fn reset_timeout(&self) {
        if let (true, Some(socket)) = (self.keep_alive_timeout_set.take(), self.socket.upgrade()) {
            socket.set_timeout(self.server.upgrade().map_or(0, |s| s.options.timeout));
        }
    }

    /// An answer is written. Mirrors `resOnFinish`.
    #[doc(alias = "resOnFinish")]
    fn on_finish(&self, request: &Rc<IncomingMessage>, response: &Rc<ServerResponse>) {
        let Some(socket) = self.socket.upgrade() else { return };
        self.incoming.borrow_mut().pop_front();
        if !request.consuming.get() && !request.readable_state().resume_scheduled.get() {
            request.dump();
        }
        response.detach_socket(&socket);
        clear_incoming(request, &socket);
        if let Some(response) = response.shared() {
            socket.env().next_tick(move || response.close());
        }
        if response.last.get() {
            socket.destroy_soon();
            return;
        }
        let next = self.outgoing.borrow_mut().pop_front();
        if let Some(next) = next {
            next.assign_socket(&socket);
            return;
        }
        let keep_alive = self.server.upgrade().map_or(0, |s| s.options.keep_alive_timeout);
        if keep_alive != 0 {
            socket.set_timeout(keep_alive.saturating_add(KEEP_ALIVE_TIMEOUT_BUFFER));
            self.keep_alive_timeout_set.set(true);
        }
    }
}

/// A request whose client asks whether to send the body.
fn on_expect(
    server: &HttpServer,
    request: &Rc<IncomingMessage>,
    response: &Rc<ServerResponse>,
    expect: &[u8],
) {
    if wants_continue(expect) {
        response.expect_continue.set(true);
        if let Some(listener) = &server.on_check_continue {
            listener(request, response);
            return;
        }
        response.write_continue();
        (server.on_request)(request, response);
    } else if let Some(listener) = &server.on_check_expectation {
        listener(request, response);
    } else {
        response.store_head(417, &[]);
        response.end(None);
    }
}

/// Whether it contains `100-continue` as a word. Mirrors `continueExpression`.
fn wants_continue(expect: &[u8]) -> bool {
    const WORD: &[u8] = b"100-continue";
    let is_word = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    expect.windows(WORD.len()).enumerate().any(|(at, window)| {
        let before = at.checked_sub(1).and_then(|at| expect.get(at));
        window.eq_ignore_ascii_case(WORD)
            && !is_word(before)
            && !is_word(expect.get(at + WORD.len()))
    })
}

/// Mirrors `clearIncoming`.
#[doc(alias = "clearIncoming")]
fn clear_incoming(request: &Rc<IncomingMessage>, socket: &Rc<Socket>) {
    let Some(parser) = socket.parser() else { return };
    let is_current = parser.incoming.borrow().as_ref().is_some_and(|r| Rc::ptr_eq(r, request));
    if !is_current {
        return;
    }
    if request.readable_state().end_emitted.get() {
        parser.incoming.replace(None);
        return;
    }
    let (req, this) = (Rc::downgrade(request), socket.this.clone());
    request.on(
        "end",
        plain(move || {
            if let (Some(request), Some(socket)) = (req.upgrade(), this.upgrade()) {
                clear_incoming(&request, &socket);
            }
        }),
    );
}
