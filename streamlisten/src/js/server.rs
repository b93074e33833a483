//! [`HttpServer`]: the glue between sockets and parsers. Mirrors
//! `connectionListenerInternal` of `lib/_http_server.js` and what it calls.

mod connection;

use std::cell::RefCell;
use std::rc::Rc;

use super::emitter::{Arg, Emitter, JsError, Listener};
use super::incoming::IncomingMessage;
use super::parser::Parsers;
use super::readable::Readable;
use super::response::ServerResponse;
use super::socket::Socket;
use crate::buf::Chunk;
use crate::env::Environment;
use crate::libuv_stream_wrap::{TCPWrap, Timer};
use crate::llhttp::Lenient;

pub(super) use connection::connection_listener;

/// The options of a server.
/// [`HttpServer`] has an example.
#[derive(Clone, Copy, Debug)]
pub struct ServerOptions {
    /// The size of a head in bytes, 0 for the default.
    pub max_header_size: u64,
    /// What parsers let pass. Mirrors `insecureHTTPParser`.
    #[doc(alias = "insecureHTTPParser")]
    #[doc(alias = "isLenient")]
    pub lenient: Lenient,
    /// False to leave the stream to the socket, whose `data` event then feeds the
    /// parser: what node does with a handle that is no StreamBase.
    pub consume: bool,
    /// How long a request's head may take, in milliseconds; 0 for no limit.
    pub headers_timeout: u64,
    /// How long a whole request may take, in milliseconds; 0 for no limit.
    pub request_timeout: u64,
    /// The time between two checks of these limits, in milliseconds.
    pub connections_checking_interval: u64,
    /// How long a connection is kept after an answer, in milliseconds; 0 for ever. As
    /// in node, the real time is a second longer.
    pub keep_alive_timeout: u64,
    /// How long a connection may be idle before `timeout` comes, in milliseconds; 0 for
    /// ever.
    pub timeout: u64,
    /// After so many requests on a connection it is closed, and further ones are answered
    /// with 503; 0 for no limit.
    pub max_requests_per_socket: u32,
    /// How many headers of a request have a meaning, 0 for no limit; `None` for a
    /// thousand.
    pub max_headers_count: Option<u32>,
    /// True to join the values of headers that make sense only once, too.
    pub join_duplicate_headers: bool,
    /// True to answer 400 to a request of HTTP/1.1 without a Host.
    pub require_host_header: bool,
    /// True to answer a client that has ended its side.
    pub http_allow_half_open: bool,
}

impl Default for ServerOptions {
    fn default() -> ServerOptions {
        ServerOptions {
            max_header_size: 0,
            lenient: Lenient::NONE,
            consume: true,
            headers_timeout: 60_000,
            request_timeout: 300_000,
            connections_checking_interval: 30_000,
            keep_alive_timeout: 5_000,
            timeout: 0,
            max_requests_per_socket: 0,
            max_headers_count: None,
            join_duplicate_headers: false,
            require_host_header: true,
            http_allow_half_open: false,
        }
    }
}

type OnRequest = dyn Fn(&Rc<IncomingMessage>, &Rc<ServerResponse>);
type OnUpgrade = dyn Fn(&Rc<IncomingMessage>, &Rc<Socket>, Chunk);
type OnSocket = dyn Fn(&Rc<Socket>);
type OnDropRequest = dyn Fn(&Rc<IncomingMessage>, &Rc<Socket>);
type OnClientError = dyn Fn(&JsError, &Rc<Socket>);

/// A server, with its listeners. A listener that is not set does not exist for it.
/// ```
/// use std::cell::RefCell;
/// use std::rc::Rc;
/// use pluginvc::PluginVCCore;
/// use streamlisten::js::{HttpServer, ServerOptions};
/// use streamlisten::{ConnectionWrap, Environment};
/// use testkit::{Lab, Peer};
///
/// let (lab, env) = (Lab::new(), Environment::new());
/// let server = Rc::new(HttpServer::new(
///     &env,
///     ServerOptions { keep_alive_timeout: 0, ..ServerOptions::default() },
///     |_| {},
///     |_, response| response.end_text("hello"),
/// ));
/// let sockets = Rc::new(RefCell::new(Vec::new())); // They are the caller's to keep.
/// let kept = Rc::clone(&sockets);
/// let listener = ConnectionWrap::new(&env, move |_, stream| {
///     kept.borrow_mut().extend(stream.map(|stream| server.accept(stream)));
/// });
/// let core = PluginVCCore::alloc(&lab.processor, listener.acceptor());
/// lab.tidies(&core);
/// let client = Peer::new(core.connect());
/// client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
/// lab.settle();
/// let answer = String::from_utf8(client.received()).unwrap();
/// assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
/// assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
/// ```
#[doc(alias = "http.Server")]
pub struct HttpServer {
    pub(super) env: Rc<Environment>,
    pub(super) options: ServerOptions,
    pub(super) parsers: Parsers,
    on_connection: Box<OnSocket>,
    pub(super) on_request: Box<OnRequest>,
    pub(super) on_upgrade: Option<Box<OnUpgrade>>,
    pub(super) on_connect: Option<Box<OnUpgrade>>,
    pub(super) on_client_error: Option<Box<OnClientError>>,
    pub(super) on_check_continue: Option<Box<OnRequest>>,
    pub(super) on_check_expectation: Option<Box<OnRequest>>,
    pub(super) on_timeout: Option<Box<OnSocket>>,
    pub(super) on_drop_request: Option<Box<OnDropRequest>>,
    checking: RefCell<Option<Rc<Timer>>>,
}

impl HttpServer {
    /// A server that calls `on_connection` once a connection is set up, and
    /// `on_request` for each request.
    pub fn new(
        env: &Rc<Environment>,
        options: ServerOptions,
        on_connection: impl Fn(&Rc<Socket>) + 'static,
        on_request: impl Fn(&Rc<IncomingMessage>, &Rc<ServerResponse>) + 'static,
    ) -> HttpServer {
        HttpServer {
            env: Rc::clone(env),
            options,
            parsers: Parsers::default(),
            on_connection: Box::new(on_connection),
            on_request: Box::new(on_request),
            on_upgrade: None,
            on_connect: None,
            on_client_error: None,
            on_check_continue: None,
            on_check_expectation: None,
            on_timeout: None,
            on_drop_request: None,
            checking: RefCell::default(),
        }
    }

    /// Its options.
    #[must_use]
    pub fn options(&self) -> &ServerOptions {
        &self.options
    }

    /// Adds a listener for `upgrade`.
    pub fn set_on_upgrade(
        &mut self,
        f: impl Fn(&Rc<IncomingMessage>, &Rc<Socket>, Chunk) + 'static,
    ) {
        self.on_upgrade = Some(Box::new(f));
    }

    /// Adds a listener for `connect`.
    pub fn set_on_connect(
        &mut self,
        f: impl Fn(&Rc<IncomingMessage>, &Rc<Socket>, Chunk) + 'static,
    ) {
        self.on_connect = Some(Box::new(f));
    }

    /// Adds a listener for `clientError`.
    pub fn set_on_client_error(&mut self, f: impl Fn(&JsError, &Rc<Socket>) + 'static) {
        self.on_client_error = Some(Box::new(f));
    }

    /// Adds a listener for `checkContinue`: a request waits for
    /// [`ServerResponse::write_continue`]. Without one the server writes it itself.
    pub fn set_on_check_continue(
        &mut self,
        f: impl Fn(&Rc<IncomingMessage>, &Rc<ServerResponse>) + 'static,
    ) {
        self.on_check_continue = Some(Box::new(f));
    }

    /// Adds a listener for `checkExpectation`: a request expects something else.
    /// Without one the answer is 417.
    pub fn set_on_check_expectation(
        &mut self,
        f: impl Fn(&Rc<IncomingMessage>, &Rc<ServerResponse>) + 'static,
    ) {
        self.on_check_expectation = Some(Box::new(f));
    }

    /// Adds a listener for `timeout`: a connection has been idle for too long. Without
    /// one, and without one of the request's or the answer's, it is destroyed.
    pub fn set_on_timeout(&mut self, f: impl Fn(&Rc<Socket>) + 'static) {
        self.on_timeout = Some(Box::new(f));
    }

    /// Adds a listener for `dropRequest`: a connection has had its number of requests.
    pub fn set_on_drop_request(&mut self, f: impl Fn(&Rc<IncomingMessage>, &Rc<Socket>) + 'static) {
        self.on_drop_request = Some(Box::new(f));
    }

    /// Destroys all connections. Mirrors `closeAllConnections`.
    pub fn close_all_connections(&self) {
        for parser in self.parsers.all() {
            if let Some(socket) = parser.socket() {
                socket.destroy(None);
            }
        }
    }

    /// Destroys the connections that wait between two requests. Mirrors
    /// `closeIdleConnections`. Of several, the original takes them in the order of
    /// their addresses; here it is the order in which they were accepted.
    pub fn close_idle_connections(&self) {
        for parser in self.parsers.idle() {
            let Some(socket) = parser.socket() else { continue };
            let answers =
                socket.http_message.borrow().as_ref().is_some_and(|message| !message.is_finished());
            if !answers {
                socket.destroy(None);
            }
        }
    }

    /// Checks from now on, again and again, whether a request takes too long. Mirrors
    /// `setupConnectionsTracking`.
    ///
    /// # Panics
    /// If the calling thread is no event thread.
    pub fn track_connections(self: &Rc<Self>) {
        let this = Rc::downgrade(self);
        let timer = Timer::new(&self.env, move || {
            if let Some(server) = this.upgrade() {
                server.check_connections();
            }
        });
        timer.start(self.options.connections_checking_interval);
        self.checking.replace(Some(timer));
    }

    /// Mirrors `checkConnections`.
    #[doc(alias = "checkConnections")]
    fn check_connections(&self) {
        let options = &self.options;
        for parser in self.parsers.expired(options.headers_timeout, options.request_timeout) {
            if let Some(socket) = parser.socket() {
                let on_request_timeout = socket.on_request_timeout.borrow().clone();
                if let Some(f) = on_request_timeout {
                    f();
                }
            }
        }
        if let Some(timer) = &*self.checking.borrow() {
            timer.start(options.connections_checking_interval);
        }
    }

    /// A connection has been accepted. Mirrors `onconnection` of `lib/net.js`.
    #[doc(alias = "onconnection")]
    pub fn accept(self: &Rc<Self>, wrap: Rc<TCPWrap>) -> Rc<Socket> {
        let socket = Socket::new(&self.env, wrap);
        self.emit_connection(&socket);
        socket
    }

    /// Emits `connection` for a socket; again, if it has been emitted before.
    pub fn emit_connection(self: &Rc<Self>, socket: &Rc<Socket>) {
        connection_listener(self, socket);
        (self.on_connection)(socket);
    }
}

/// A listener that needs no argument.
pub(super) fn plain(f: impl Fn() + 'static) -> Listener {
    Rc::new(move |_: &Arg| f())
}

/// Whether an event has listeners.
pub(super) fn has(emitter: &Emitter, event: &str) -> bool {
    emitter.listener_count(event) > 0
}
