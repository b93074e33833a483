//! Accepting: each net thread watches the listening socket and takes connections
//! for itself.
//!
//! Mirrors `NetAccept::init_accept_per_thread`, `accept_per_thread` and
//! `acceptFastEvent` of `UnixNetAccept.cc` (9.2.9), and `NetAcceptAction`. The two
//! other ways of the original, a thread that blocks in `accept` and polling every
//! 10 ms, are not modelled.
//!
//! **Built differently**:
//! - Each thread has a duplicate of the socket and gets an event for every
//!   connection, and the first thread takes it; the original asks the system to
//!   wake only one.
//! - After an error that will pass (no file left, no memory) it tries again in
//!   50 ms. The original waits for the next edge, which comes with the next
//!   connection, and until then leaves connections waiting that have already
//!   come.
//! - If the acceptor has a mutex and the try-lock misses, it tries again in 10
//!   ms, before it takes a connection. The original asserts that the lock
//!   succeeds.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, OnceLock, Weak};

use eventsys::mutex::weak_try_lock;
use eventsys::sync::Mutex;
use eventsys::sync::atomic::{AtomicBool, Ordering};
use eventsys::{
    ContRef, Continuation, ContinuationBase, Data, EThread, EventCode, Guard, Invocation, Outcome,
    call,
};
use mio::net::TcpStream;

use super::config::{NET_RETRY_DELAY, NET_THROTTLE_DELAY, ThrottleType, check_net_throttle};
use super::errors::{AcceptError, accept_error_seriousness, errno};
use super::handler::NetHandler;
use super::options::AcceptOptions;
use super::queue::Slot;
use super::shared::Shared;
use super::vc::UnixNetVConnection;

/// An accept that goes on until it is cancelled. Mirrors `NetAcceptAction`.
///
/// The example of [`NetProcessor`](super::NetProcessor) gets one.
pub struct NetAcceptAction {
    cancelled: AtomicBool,
    local_addr: Option<SocketAddr>,
    server: Mutex<Option<TcpListener>>,
    threads: OnceLock<Vec<Weak<NetAccept>>>,
}

impl NetAcceptAction {
    pub(super) fn new(server: TcpListener) -> Arc<NetAcceptAction> {
        Arc::new(NetAcceptAction {
            cancelled: AtomicBool::new(false),
            local_addr: server.local_addr().ok(),
            server: Mutex::new(Some(server)),
            threads: OnceLock::new(),
        })
    }

    /// The address that the socket listens on, with the port that the system has
    /// chosen if the caller gave 0.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.local_addr
    }

    /// Stops listening. Connections that the acceptor has got stay open. It gets no
    /// more of them if the caller holds its mutex or is on the only net thread;
    /// otherwise a connection that is being accepted right now may still come. From
    /// any thread.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
        if let Some(server) = self.server.lock().take() {
            // Each duplicate is closed on its own thread, a bit later. The port
            // must be closed before then.
            let _ = socket2::SockRef::from(&server).shutdown(std::net::Shutdown::Both);
        }
        for accept in self.threads.get().into_iter().flatten().filter_map(Weak::upgrade) {
            accept.schedule();
        }
    }

    /// True once it has been cancelled, or has failed for good.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    pub(super) fn duplicate(&self) -> io::Result<TcpListener> {
        match &*self.server.lock() {
            Some(server) => server.try_clone(),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    pub(super) fn set_threads(&self, threads: Vec<Weak<NetAccept>>) {
        let first = self.threads.set(threads);
        debug_assert!(first.is_ok());
    }
}

/// Accepts on one thread, under H. Mirrors `NetAccept`.
pub(super) struct NetAccept {
    base: ContinuationBase,
    this: Weak<NetAccept>,
    nh: Weak<NetHandler>,
    shared: Arc<Shared>,
    action: Arc<NetAcceptAction>,
    acceptor: ContRef,
    options: AcceptOptions,
    server: Mutex<Server>,
}

/// The socket of this thread.
enum Server {
    /// Not watched yet.
    New(TcpListener),
    Open(mio::net::TcpListener, Slot),
    Closed,
}

impl NetAccept {
    pub(super) fn new(
        nh: &Arc<NetHandler>,
        action: &Arc<NetAcceptAction>,
        acceptor: &ContRef,
        options: &AcceptOptions,
        server: TcpListener,
    ) -> Arc<NetAccept> {
        Arc::new_cyclic(|this| NetAccept {
            base: ContinuationBase::new(Arc::clone(nh.mutex())),
            this: Weak::clone(this),
            nh: Arc::downgrade(nh),
            shared: Arc::clone(nh.shared()),
            action: Arc::clone(action),
            acceptor: Arc::clone(acceptor),
            options: options.clone(),
            server: Mutex::new(Server::New(server)),
        })
    }

    /// Has the thread look at the socket.
    pub(super) fn schedule(&self) {
        if let Some(thread) = self.nh.upgrade().and_then(|nh| nh.thread())
            && let Some(this) = self.this.upgrade()
        {
            thread.schedule_imm(this as ContRef);
        }
    }

    /// Mirrors `accept_per_thread`.
    fn start(&self, nh: &NetHandler, h: &Guard<'_>) {
        let Some(this) = self.this.upgrade() else { return };
        let Some(listener) = self.take_new() else { return };
        let mut listener = mio::net::TcpListener::from_std(listener);
        match nh.start_accept(h, &this, &mut listener) {
            Ok(slot) => *self.server.lock() = Server::Open(listener, slot),
            // Not under the lock: a logger is user code.
            Err(error) => {
                log::error!(target: "iocore_net", "error starting EventIO: {error}");
            }
        }
    }

    /// Takes out a socket that is not watched yet.
    fn take_new(&self) -> Option<TcpListener> {
        let mut server = self.server.lock();
        let Server::New(_) = &*server else { return None };
        match std::mem::replace(&mut *server, Server::Closed) {
            Server::New(listener) => Some(listener),
            Server::Open(..) | Server::Closed => None,
        }
    }

    fn stop(&self, nh: &NetHandler, h: &Guard<'_>) {
        let server = std::mem::replace(&mut *self.server.lock(), Server::Closed);
        if let Server::Open(mut listener, slot) = server {
            nh.stop_accept(h, slot, &mut listener);
        }
    }

    fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        match &*self.server.lock() {
            Server::Open(listener, _) => listener.accept(),
            _ => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Accepts what waits, up to the limit. Mirrors `acceptFastEvent`.
    fn accept_fast_event(&self, nh: &NetHandler, h: &Guard<'_>, thread: &Arc<EThread>) {
        let mutex = self.acceptor.base().mutex().map(|mutex| &**mutex);
        let Some(lock) = weak_try_lock(mutex) else {
            self.again(thread, NET_RETRY_DELAY);
            return;
        };
        let most = self.shared.config.additional_accepts.map_or(usize::MAX, |n| n + 1);
        let stats = &self.shared.stats;
        let mut count = 0;
        while count < most && !self.action.is_cancelled() {
            let accepted = match self.accept() {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    if !self.accept_failed(lock.as_ref(), thread, errno(&error)) {
                        self.stop(nh, h);
                    }
                    return;
                }
            };
            let (open, throttle) =
                (stats.connections_currently_open(), self.shared.config.connections_throttle);
            if check_net_throttle(ThrottleType::Accept, open, throttle) {
                nh.counters.connections_throttled_in.add(1);
                continue;
            }
            count += 1;
            nh.counters.tcp_accept.add(1);
            let options = self.options.vc_options();
            let acceptor = (&self.acceptor, lock.as_ref());
            UnixNetVConnection::accept_event(&self.shared, nh, h, accepted, options, acceptor);
        }
        // Other events come first before it goes on.
        self.again(thread, 0);
    }

    fn again(&self, thread: &Arc<EThread>, span: eventsys::HrTime) {
        let Some(this) = self.this.upgrade() else { return };
        match span {
            0 => thread.schedule_imm_local(this as ContRef),
            _ => thread.schedule_in_local(this as ContRef, span),
        };
    }

    /// `accept` has failed. False if the acceptor must stop.
    fn accept_failed(&self, lock: Option<&Guard<'_>>, thread: &Arc<EThread>, error: i32) -> bool {
        let seriousness = accept_error_seriousness(error);
        if seriousness == AcceptError::Warn {
            self.shared.warn_of_accept_error(error);
        }
        match seriousness {
            AcceptError::Ignore => self.again(thread, 0),
            AcceptError::Transient | AcceptError::Warn => self.again(thread, NET_THROTTLE_DELAY),
            AcceptError::Fatal => {
                if !self.action.is_cancelled() {
                    let result = -error;
                    call(&self.acceptor, lock, EventCode::EVENT_ERROR, Data::Object(&result));
                }
                return false;
            }
        }
        true
    }
}

impl Continuation for NetAccept {
    fn base(&self) -> &ContinuationBase {
        &self.base
    }

    fn handle_event(&self, call: &Invocation<'_>, _: EventCode, _: Data<'_>) -> Outcome {
        let (Some(nh), Some(thread)) = (self.nh.upgrade(), EThread::current()) else {
            return Outcome::Done;
        };
        let h = call.guard();
        if self.action.is_cancelled() {
            self.stop(&nh, h);
            return Outcome::Done;
        }
        self.start(&nh, h);
        self.accept_fast_event(&nh, h, &thread);
        Outcome::Cont
    }
}
