//! [`HttpSM`]: one transaction, from the request's first byte to the answer's last.
//!
//! Mirrors `proxy/http/HttpSM.cc` (9.2.9).
//!
//! # Contract
//! A client session makes it and attaches itself. It runs under the mutex of the
//! client's connection. Events of the client's and the server's operations come
//! to it until a body is under way; then they come to its [`HttpTunnel`], which reports the end of
//! each party to it. At each hook it stands still until it is reenabled. It ends by itself; from
//! then on no function of the plugin interface may be called for it ([`HttpTxn`](crate::HttpTxn)).
//! All of it runs on the thread that made it.
//!
//! # When a plugin holds it and a connection ends
//! The client's connection is closed at once, and so is the origin server's; the
//! plugin is not told. The next steps wait until the plugin gives the machine back: the other
//! plugins of the same hook are called, then those of TXN_CLOSE. If it is the origin server's
//! connection alone that ends (while SEND_REQUEST_HDR is held), the next try or the error answer
//! waits in the same way.
//!
//! # The way of a request
//! ```text
//! ReadClientRequestHeader ─► hooks READ_REQUEST_HDR, PRE_REMAP, POST_REMAP,
//!   CACHE_LOOKUP_COMPLETE ─► HttpServerOpen ─► hook SEND_REQUEST_HDR ─►
//!   SendServerRequestHeader (─► TunnelPost) ─► ReadServerResponseHeader ─►
//!   hooks READ_RESPONSE_HDR, SEND_RESPONSE_HDR ─► Tunnel ─► hook TXN_CLOSE
//! ```
//! A refused request goes from its present state to SEND_RESPONSE_HDR, and so does a request that
//! the origin server does not answer.
//!
//! | file | what |
//! |---|---|
//! | `sm.rs` | the machine, its events, its end |
//! | `sm/client.rs` | the client: its request, its end |
//! | `sm/api.rs` | hooks |
//! | `sm/bytes.rs` | what has moved |
//! | `sm/flow.rs` | the sequence of states |
//! | `sm/head_text.rs` | memory for the heads that are printed |
//! | `sm/server.rs` | the origin server: connecting, asking, its answer's head |
//! | `sm/post.rs` | the request's body |
//! | `sm/transfer.rs` | the answer's body |
//! | `sm/tunnel.rs` | `CONNECT` |

mod api;
mod bytes;
mod client;
mod flow;
mod head_text;
mod milestones;
mod post;
mod server;
mod transfer;
mod tunnel;

use crate::steps;
use std::cell::{Cell, RefCell};
use std::sync::{Arc, Weak};

use eventsys::mutex::census;
use eventsys::steps::{Step, StepKind, Subject};
use eventsys::sync::atomic::{AtomicBool, Ordering};
use eventsys::{
    ContRef, Continuation, ContinuationBase, Data, EventCode, EventRef, Guard, Guarded, Invocation,
    Outcome, ProxyMutex,
};
use iocore::{BoundBuffer, IOBufferReader, IoData, IoEvents, NetVcRef, VIO, VioHandle};
use pluginvc::PluginVCCore;

use self::head_text::HeadText;
use self::milestones::Milestones;
use crate::affinity;
use crate::client_session::HttpClientSession;
use crate::config::HttpConfig;
use crate::events::HttpEvents;
use crate::hdr::HttpParser;
use crate::hooks::{HookState, HttpApiHooks, HttpHook};
use crate::proxy::HttpProxy;
use crate::server_session::ServerSession;
use crate::transact::{KeptState, ResponseNext};
use crate::tunnel::{BlindTunnel, HttpTunnel, TunnelOwner, TunnelType};

pub use self::milestones::Milestone;

/// The state of a transaction. The numbers are those of the steps.
/// ```
/// use httpsm::SmState;
///
/// assert_eq!(SmState::Tunnel as i64, 8);
/// assert_eq!(SmState::from_number(8), Some(SmState::Tunnel));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i64)]
pub enum SmState {
    /// Made, not attached yet.
    Born = 0,
    /// The client's head is being read (`state_read_client_request_header`).
    ReadClientRequestHeader = 1,
    /// Plugins are being called (`state_api_callout`).
    ApiCallout = 2,
    /// A connection is being made (`state_http_server_open`).
    HttpServerOpen = 3,
    /// The request's head is being sent (`state_send_server_request_header`).
    SendServerRequestHeader = 4,
    /// The request's body is being sent (`tunnel_handler_post`).
    TunnelPost = 5,
    /// The answer's head is being read (`state_read_server_response_header`).
    ReadServerResponseHeader = 6,
    /// An interim answer is being sent (`tunnel_handler_100_continue`).
    Tunnel100Continue = 7,
    /// The answer is being sent (`tunnel_handler`).
    Tunnel = 8,
    /// It ends (`kill_this`).
    KillThis = 9,
}

impl SmState {
    /// The state with this number, for readers of steps.
    #[must_use]
    pub fn from_number(number: i64) -> Option<SmState> {
        use SmState::*;
        [
            Born,
            ReadClientRequestHeader,
            ApiCallout,
            HttpServerOpen,
            SendServerRequestHeader,
            TunnelPost,
            ReadServerResponseHeader,
            Tunnel100Continue,
            Tunnel,
            KillThis,
        ]
        .into_iter()
        .find(|state| *state as i64 == number)
    }
}

/// The state machine of one transaction.
/// Plugins see it as [`HttpTxn`](crate::HttpTxn), which has an example.
pub struct HttpSM {
    base: ContinuationBase,
    this: Weak<HttpSM>,
    id: u64,
    /// Not over yet. Mirrors `magic`, which plugins' calls look at without the mutex.
    alive: AtomicBool,
    proxy: Arc<HttpProxy>,
    tunnel: Arc<HttpTunnel>,
    /// Hooks of this transaction alone.
    hooks: HttpApiHooks,
    sm: Guarded<Sm>,
}

/// What the mutex protects.
pub(crate) struct Sm {
    pub(crate) t_state: RefCell<KeptState>,
    /// The session that has attached itself, until the end.
    session: RefCell<Option<Arc<HttpClientSession>>>,
    ua: RefCell<Option<Ua>>,
    server: RefCell<Option<Server>>,
    /// The machine is done with this one, and keeps it until it ends.
    left_server: RefCell<Option<LeftServer>>,
    /// A body goes to the client, or has: the function that gets events of connections that are in no
    /// table any more. Mirrors `default_handler == &HttpSM::tunnel_handler`.
    default_is_tunnel: Cell<bool>,
    parser: RefCell<HttpParser>,
    sm_state: Cell<SmState>,
    /// The function that handles the client's events. Mirrors `ua_entry->vc_handler`.
    reading_request: Cell<bool>,
    cur_hook: Cell<Option<HttpHook>>,
    hook_state: Cell<HookState>,
    callout: Cell<Callout>,
    /// A plugin has been called and has not given the machine back.
    asked: Cell<bool>,
    /// The step after SEND_RESPONSE_HDR.
    transfer: Cell<ResponseNext>,
    plugin_tunnel: RefCell<Option<Arc<PluginVCCore>>>,
    blind_tunnel: RefCell<Option<Arc<BlindTunnel>>>,
    pending_action: Cell<Option<EventRef>>,
    /// The pending action is the second try to write to the cache.
    waits_for_cache: Cell<bool>,
    post: Cell<Post>,
    /// Calls of the machine on the stack. Mirrors `reentrancy_count`.
    reentrancy_count: Cell<u32>,
    terminate_sm: Cell<bool>,
    /// [`kill_this`](Run::kill_this) has begun.
    ending: Cell<bool>,
    /// The plugins of TXN_CLOSE have been called.
    kill_this_async_done: Cell<bool>,
    /// The head of an answer has been read, for a request that may still have a body to send. Mirrors
    /// `milestones[TS_MILESTONE_SERVER_READ_HEADER_DONE] != 0`.
    response_hdr_is_read: Cell<bool>,
    request_hdr_bytes: Cell<i64>,
    response_hdr_bytes: Cell<i64>,
    client_response_hdr_bytes: Cell<i64>,
    milestones: Milestones,
    counts: bytes::Counts,
    continue_sent_well: Cell<bool>,
    /// An interim answer that goes to the client while its body is under way.
    interim: RefCell<Option<IOBufferReader>>,
    /// The settings: the proxy's, until a plugin changes one. Mirrors `txn_conf`.
    txn_conf: RefCell<Arc<HttpConfig>>,
}

/// The client. Mirrors `ua_entry`.
struct Ua {
    session: Arc<HttpClientSession>,
    vc: NetVcRef,
    buffer: BoundBuffer,
    read_vio: Option<VioHandle>,
    write_vio: Option<VioHandle>,
    eos: bool,
    in_tunnel: bool,
}

/// The origin server. Mirrors `server_entry`.
struct Server {
    session: ServerSession,
    read_vio: Option<VioHandle>,
    write_vio: Option<VioHandle>,
    /// The connection has been made for this request, of which nothing has been
    /// written yet. (In the original the one-byte write that showed the handshake is still set
    /// then.)
    is_new: bool,
    /// The request's head has been sent, and the machine reads the answer.
    reading: bool,
    eos: bool,
    /// Its connection is, or was, in a tunnel. A tunnel that is stopped leaves it so, and then the
    /// connection is closed only when the transaction is over.
    in_tunnel: bool,
    /// The head of the request, as long as it is being written.
    write_buffer: Option<IOBufferReader>,
}

impl Server {
    /// The head of the request goes with the entry, written or not: the connection finds nothing more
    /// to write, and asks for it. Mirrors `remove_entry`.
    fn remove_entry(self, guard: &Guard<'_>) -> ServerSession {
        if let Some(head) = self.write_buffer {
            head.consume(guard, head.read_avail(guard));
        }
        self.session
    }
}

/// A connection to an origin server that is in no table any more. Mirrors `PooledState`.
enum LeftServer {
    /// It can be used again (`SSN_TO_RELEASE`).
    ToRelease(ServerSession),
    /// A tunnel had it, and it has not been closed (`SSN_IN_USE`).
    InUse(ServerSession),
}

/// Whether plugins are being called, and what happens after them. Mirrors `HttpApiState_t`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Callout {
    /// No plugin is called (`HTTP_API_NO_CALLOUT`).
    No,
    /// A plugin has the machine, or the try-lock of its mutex missed (`HTTP_API_IN_CALLOUT`).
    In,
    /// The same, and the machine has ended meanwhile: TXN_CLOSE follows
    /// (`HTTP_API_DEFERED_CLOSE`).
    DeferedClose,
    /// The same, and the origin server has failed meanwhile: that follows
    /// (`HTTP_API_DEFERED_SERVER_ERROR`).
    DeferedServerError,
}

/// How the sending of the request's body ended. Mirrors `HTTP_SM_POST_*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Post {
    Unknown,
    Success,
    UaFail,
    ServerFail,
}

/// A machine, its state, and the proof that its mutex is held.
#[derive(Clone, Copy)]
struct Run<'a> {
    sm: &'a HttpSM,
    state: &'a Sm,
    guard: &'a Guard<'a>,
}

impl HttpSM {
    pub(crate) fn new(proxy: &Arc<HttpProxy>, mutex: &Arc<ProxyMutex>) -> Arc<HttpSM> {
        proxy.census.transactions.fetch_add(1, Ordering::Relaxed);
        let base = ContinuationBase::new(Arc::clone(mutex));
        affinity::keep_to_this_thread(proxy.processor(), &base);
        Arc::new_cyclic(|this: &Weak<HttpSM>| HttpSM {
            base,
            this: Weak::clone(this),
            id: proxy.next_sm_id(),
            alive: AtomicBool::new(true),
            proxy: Arc::clone(proxy),
            tunnel: HttpTunnel::new(Arc::clone(mutex), this.clone() as Weak<dyn TunnelOwner>),
            hooks: HttpApiHooks::new(),
            sm: Guarded::new(
                Arc::clone(mutex),
                Sm {
                    t_state: RefCell::default(),
                    session: RefCell::default(),
                    ua: RefCell::default(),
                    server: RefCell::default(),
                    left_server: RefCell::default(),
                    default_is_tunnel: Cell::new(false),
                    parser: RefCell::default(),
                    sm_state: Cell::new(SmState::Born),
                    reading_request: Cell::new(true),
                    cur_hook: Cell::new(None),
                    hook_state: Cell::default(),
                    callout: Cell::new(Callout::No),
                    asked: Cell::new(false),
                    transfer: Cell::new(ResponseNext::Error),
                    plugin_tunnel: RefCell::default(),
                    blind_tunnel: RefCell::default(),
                    pending_action: Cell::new(None),
                    waits_for_cache: Cell::new(false),
                    post: Cell::new(Post::Unknown),
                    reentrancy_count: Cell::new(0),
                    terminate_sm: Cell::new(false),
                    ending: Cell::new(false),
                    kill_this_async_done: Cell::new(false),
                    response_hdr_is_read: Cell::new(false),
                    request_hdr_bytes: Cell::new(0),
                    response_hdr_bytes: Cell::new(0),
                    client_response_hdr_bytes: Cell::new(0),
                    milestones: Milestones::default(),
                    counts: bytes::Counts::default(),
                    continue_sent_well: Cell::new(false),
                    interim: RefCell::default(),
                    txn_conf: RefCell::new(proxy.shared_config()),
                },
            ),
        })
    }

    /// The number of the transaction; grows with each transaction of the proxy. Mirrors `sm_id`.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The proxy that it belongs to.
    #[must_use]
    pub fn proxy(&self) -> &Arc<HttpProxy> {
        &self.proxy
    }

    pub(crate) fn hooks(&self) -> &HttpApiHooks {
        &self.hooks
    }

    pub(crate) fn inner<'a>(&'a self, guard: &'a Guard<'_>) -> &'a Sm {
        self.sm.get(guard)
    }

    /// True until the transaction is over. Mirrors `magic == HTTP_SM_MAGIC_ALIVE`.
    pub(crate) fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }

    /// Calls `f` as one call of the machine, which may end with it. Mirrors
    /// `main_handler` and `state_api_callback`.
    fn enter(&self, guard: &Guard<'_>, f: impl FnOnce(Run<'_>)) {
        let run = Run { sm: self, state: self.sm.get(guard), guard };
        let count = &run.state.reentrancy_count;
        // An inner call is kept alive by the outermost one.
        let keep = if count.get() == 0 { self.this.upgrade() } else { None };
        count.set(count.get() + 1);
        f(run);
        // The count goes down after the end: a plugin of TXN_CLOSE may call the machine again.
        if run.state.terminate_sm.get() && count.get() == 1 {
            run.kill_this();
        }
        count.set(count.get() - 1);
        drop(keep);
    }

    /// A session has a request for it. Mirrors `attach_client_session`.
    pub(crate) fn attach_client_session(
        &self,
        guard: &Guard<'_>,
        session: &Arc<HttpClientSession>,
        vc: NetVcRef,
        buffer: BoundBuffer,
    ) {
        let ua = Ua {
            session: Arc::clone(session),
            vc,
            buffer,
            read_vio: None,
            write_vio: None,
            eos: false,
            in_tunnel: false,
        };
        *self.sm.get(guard).ua.borrow_mut() = Some(ua);
        *self.sm.get(guard).session.borrow_mut() = Some(Arc::clone(session));
        self.tunnel.set_flow_control(guard, self.proxy.config().flow_control);
        self.enter(guard, |run| {
            run.mark(Milestone::SmStart);
            run.mark(Milestone::UaBegin);
            run.client_attached();
        });
    }

    /// A plugin answers: go on, or end with an error. Under the machine's mutex.
    pub(crate) fn state_api_callback(&self, guard: &Guard<'_>, event: EventCode) {
        self.enter(guard, |run| run.api_callback(event));
    }
}

impl Sm {
    /// The settings of this transaction.
    pub(crate) fn config(&self) -> Arc<HttpConfig> {
        self.txn_conf.borrow().clone()
    }

    /// Changes them. Mirrors `setup_per_txn_configs`.
    pub(crate) fn with_config(&self, f: impl FnOnce(&mut HttpConfig)) {
        f(Arc::make_mut(&mut self.txn_conf.borrow_mut()));
    }

    pub(crate) fn session(&self) -> Option<Arc<HttpClientSession>> {
        self.session.borrow().clone()
    }

    /// The client's address, as long as its connection is there.
    pub(crate) fn client_addr(&self) -> Option<std::net::SocketAddr> {
        self.ua.borrow().as_ref().and_then(|ua| ua.vc.get_remote_addr())
    }

    /// The connection to the origin server, as long as the machine has it.
    pub(crate) fn server_vc(&self) -> Option<NetVcRef> {
        self.server.borrow().as_ref().map(|server| server.session.vc().clone())
    }

    /// Sets the plugin that will answer; returns the previous pair.
    pub(crate) fn set_plugin_tunnel(&self, core: Arc<PluginVCCore>) -> Option<Arc<PluginVCCore>> {
        self.plugin_tunnel.replace(Some(core))
    }
}

impl Drop for HttpSM {
    fn drop(&mut self) {
        self.proxy.census.transactions.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Continuation for HttpSM {
    fn base(&self) -> &ContinuationBase {
        &self.base
    }

    /// Mirrors `HttpSM::main_handler`: an event about an operation goes to the
    /// function of its connection, any other to that of the state.
    ///
    /// # Panics
    /// If the transaction is over, as the original does: a plugin has given it back
    /// twice, and the second time has come too late.
    fn handle_event(&self, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        assert!(self.is_alive(), "failed assertion `magic == HTTP_SM_MAGIC_ALIVE`");
        self.enter(call.guard(), |run| {
            run.report(steps::HTTP_EVENT, i64::from(event.0));
            match event {
                EventCode::TS_EVENT_HTTP_CONTINUE | EventCode::TS_EVENT_HTTP_ERROR => {
                    run.api_callback(event)
                }
                EventCode::NET_EVENT_OPEN | EventCode::NET_EVENT_OPEN_FAILED => {
                    run.state_http_server_open(event, data);
                }
                EventCode::EVENT_INTERVAL => run.pending_action_is_due(),
                _ => {
                    if let Some(vio) = data.vio() {
                        run.vio_event(event, vio);
                    }
                }
            }
        });
        Outcome::Done
    }
}

impl TunnelOwner for HttpSM {
    fn producer_handler(&self, guard: &Guard<'_>, event: EventCode) {
        self.enter(guard, |run| match run.state.sm_state.get() {
            SmState::TunnelPost => run.tunnel_handler_post_ua(event),
            SmState::Tunnel => run.tunnel_handler_server(event),
            _ => {}
        });
    }

    fn consumer_handler(&self, guard: &Guard<'_>, event: EventCode, _: usize) {
        self.enter(guard, |run| match run.state.sm_state.get() {
            SmState::TunnelPost => run.tunnel_handler_post_server(event),
            SmState::Tunnel100Continue => run.tunnel_handler_100_continue_ua(event),
            _ => run.tunnel_handler_ua(event),
        });
    }

    fn tunnel_done(&self, guard: &Guard<'_>) {
        self.enter(guard, |run| match run.state.sm_state.get() {
            SmState::TunnelPost => run.tunnel_handler_post(),
            SmState::Tunnel100Continue => run.tunnel_handler_100_continue(),
            _ => run.state.terminate_sm.set(true),
        });
    }
}

impl Run<'_> {
    fn cont(self) -> ContRef {
        self.sm.this.upgrade().expect("called by reference")
    }

    #[track_caller]
    fn report(self, kind: StepKind, value: i64) {
        self.sm.proxy.processor().steps().report(|| Step {
            at: self.sm.proxy.processor().clock().get_hrtime(),
            held: census::held_locks(),
            ..Step::bare(
                Subject { what: 'H', number: steps::number_of(self.sm.id) },
                kind,
                Some(value),
            )
        });
    }

    fn set_state(self, state: SmState) {
        if self.state.sm_state.replace(state) != state {
            self.report(steps::HTTP_STATE, state as i64);
        }
    }

    fn vio_event(self, event: EventCode, vio: &VIO) {
        let is = |handle: &Option<VioHandle>| handle.as_ref().is_some_and(|handle| handle.is(vio));
        let of_ua =
            self.state.ua.borrow().as_ref().is_some_and(|ua| is(&ua.read_vio) || is(&ua.write_vio));
        if of_ua {
            if self.state.reading_request.get() {
                self.state_read_client_request_header(event);
            } else {
                self.state_watch_for_client_abort(event);
            }
            return;
        }
        let of_server = match &*self.state.server.borrow() {
            Some(server) if is(&server.read_vio) => Some(true),
            Some(server) if is(&server.write_vio) => Some(false),
            _ => None,
        };
        if of_server.is_some() && self.state.t_state.borrow().is_tunnel {
            // While plugins are called: the tunnel will find no client.
            return self.cleanup_server();
        }
        match of_server {
            Some(true) => self.server_read_event(event),
            Some(false) => self.server_write_event(event),
            // The end of a tunnel is expected, and any event is taken for it: a timeout of a client
            // that has its answer, or of an origin server whose answer came before the request was
            // written.
            None if self.state.default_is_tunnel.get() => self.state.terminate_sm.set(true),
            None => {}
        }
    }

    /// Closes the open connections, calls the plugins, frees the machine. While a plugin has the
    /// machine it only closes; it is called again when that plugin has given the machine back, and
    /// when the last plugin of TXN_CLOSE has. Mirrors `kill_this`.
    fn kill_this(self) {
        if !self.state.kill_this_async_done.get() {
            self.state.ending.set(true);
            self.set_state(SmState::KillThis);
            // If the retry of a plugin's call is pending, it stays: the plugin's answer ends the
            // machine.
            if self.state.callout.get() == Callout::No
                && let Some(event) = self.state.pending_action.take()
            {
                let _ = event.try_cancel();
            }
            if self.state.milestone(Milestone::UaReadHeaderDone).is_some() {
                self.mark_first(Milestone::UaClose);
            }
            self.close_everything();
            self.state.terminate_sm.set(false);
            self.do_api_callout(HttpHook::TxnClose);
        }
        if self.state.kill_this_async_done.get() {
            self.let_go();
        }
    }

    /// Mirrors `cleanup_all` and `kill_tunnel`. A connection that a stopped tunnel had stays open until
    /// the plugins of TXN_CLOSE have been called.
    fn close_everything(self) {
        let tunnel = &self.sm.tunnel;
        let blind_tunnel = self.state.blind_tunnel.take();
        if let Some(tunnel) = blind_tunnel {
            tunnel.kill(self.guard);
        }
        let ua_is_alive = tunnel.has_alive(self.guard, TunnelType::HttpClient);
        let server_is_alive = tunnel.has_alive(self.guard, TunnelType::HttpServer);
        let ua = self.with_ua(|ua| (Arc::clone(&ua.session), ua.in_tunnel));
        self.forget_ua();
        if let Some((session, false)) = &ua
            && !ua_is_alive
        {
            session.do_io_close(self.guard);
        }
        if !server_is_alive {
            self.cleanup_server();
        }
        tunnel.kill_tunnel(self.guard);
        if let Some((session, _)) = ua.filter(|_| ua_is_alive) {
            session.vc_is_closed(self.guard);
        }
        let server = self.state.server.take();
        if let Some(server) = server {
            server.remove_entry(self.guard).closed();
        }
        self.kill_plugin_tunnel();
    }

    /// An intercepting plugin that never got a request gets an event for that.
    fn kill_plugin_tunnel(self) {
        let plugin_tunnel = self.state.plugin_tunnel.take();
        if let Some(core) = plugin_tunnel {
            core.kill_no_connect();
        }
    }

    /// The plugins of TXN_CLOSE have been called: nothing is left to do. Mirrors the end of
    /// `kill_this`, and `destroy`.
    fn let_go(self) {
        self.state.terminate_sm.set(false);
        let Some(session) = self.state.session.take() else { return };
        self.server_transaction_done();
        // The next request of the client may be there already.
        session.transaction_done(self.guard);
        // A plugin of TXN_CLOSE may have made one.
        self.kill_plugin_tunnel();
        self.mark(Milestone::SmFinish);
        self.sm.hooks.clear();
        self.sm.alive.store(false, Ordering::Release);
        self.sm.proxy.transaction_is_over(self.sm.id);
    }

    /// Takes the client out of the table: its connection has another owner now.
    fn forget_ua(self) {
        let ua = self.state.ua.take();
        drop(ua);
    }

    /// Takes the origin server out of the table, and closes its connection unless a tunnel has it, or
    /// had it when it was stopped. Mirrors `cleanup_entry`.
    fn cleanup_server(self) {
        let server = self.state.server.take();
        let Some(server) = server else { return };
        let in_tunnel = server.in_tunnel;
        let session = server.remove_entry(self.guard);
        match in_tunnel {
            true => *self.state.left_server.borrow_mut() = Some(LeftServer::InUse(session)),
            false => session.do_io_close(),
        }
    }

    /// The transaction with the origin server is over: its connection waits for the next one, or is
    /// closed. Mirrors `Http1ServerSession::release_transaction`.
    fn server_transaction_done(self) {
        let left = self.state.left_server.take();
        match left {
            Some(LeftServer::ToRelease(server)) => {
                self.sm.proxy.pool().release_session(self.guard, server);
            }
            Some(LeftServer::InUse(server)) => server.do_io_close(),
            None => {}
        }
    }
}
