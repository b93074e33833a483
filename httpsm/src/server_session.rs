//! Connections to origin servers, in use and waiting to be used again.
//!
//! Mirrors `Http1ServerSession` and `ServerSessionPool` of
//! `proxy/http/Http1ServerSession.cc` and `HttpSessionManager.cc` (9.2.9).
//! Sessions match by name and port of the origin server, and by thread: a
//! connection is used again on the thread that it belongs to, as with
//! `proxy.config.http.server_session_sharing.pool` set to `thread`. So a
//! transaction stays on the thread of its client.

use std::cell::RefCell;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use eventsys::{
    ContRef, Continuation, ContinuationBase, Data, EThread, EventCode, Guard, Guarded, Invocation,
    Outcome, ProxyMutex,
};
use iocore::buffer::{BUFFER_SIZE_INDEX_8K, MIOBuffer};
use iocore::{BoundBuffer, IOBufferReader, IoData, NetVcRef, VConnection, VioHandle, VioOp};

use crate::connector::Origin;
use crate::proxy::HttpProxy;

/// A connection to an origin server that a transaction uses.
pub(crate) struct ServerSession {
    proxy: Arc<HttpProxy>,
    vc: NetVcRef,
    buffer: BoundBuffer,
    reader: IOBufferReader,
    origin: Origin,
    /// The other end is a plugin: never used again.
    plugin: bool,
}

impl ServerSession {
    /// A session on a new connection, whose events go to `cont` from now on.
    /// Mirrors `new_connection`.
    pub(crate) fn new(
        proxy: &Arc<HttpProxy>,
        guard: &Guard<'_>,
        cont: &ContRef,
        vc: NetVcRef,
        origin: Origin,
        plugin: bool,
    ) -> ServerSession {
        proxy.census.server_sessions.fetch_add(1, Ordering::Relaxed);
        let (buffer, reader) = take_over(guard, cont, &vc, 0);
        ServerSession { proxy: Arc::clone(proxy), vc, buffer, reader, origin, plugin }
    }

    pub(crate) fn vc(&self) -> &NetVcRef {
        &self.vc
    }

    pub(crate) fn vc_server(&self) -> Arc<dyn VConnection> {
        Arc::clone(&self.vc) as Arc<dyn VConnection>
    }

    pub(crate) fn buffer(&self) -> &BoundBuffer {
        &self.buffer
    }

    pub(crate) fn reader(&self) -> IOBufferReader {
        self.reader.clone()
    }

    /// Closes the connection.
    pub(crate) fn do_io_close(self) {
        self.vc.do_io_close(None);
        self.closed();
    }

    /// Another owner has closed the connection.
    pub(crate) fn closed(self) {
        self.proxy.census.server_sessions.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Directs timeouts and errors of both operations to `cont`; nothing is read yet. `used` bytes of the
/// buffer's block have been read by earlier transactions: the next read gets what is left of it. (In the
/// original the session keeps its buffer; here a buffer belongs to the mutex of its transaction.)
fn take_over(
    guard: &Guard<'_>,
    cont: &ContRef,
    vc: &NetVcRef,
    used: i64,
) -> (BoundBuffer, IOBufferReader) {
    let mutex = cont.base().mutex().expect("the user of a server session has a mutex");
    let buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_8K).bind(mutex);
    let reader = buffer.alloc_reader(guard).expect("the first of five");
    buffer.with(guard, |buffer| buffer.fill(used));
    reader.consume(guard, used);
    vc.do_io_read(guard, Some(cont.clone()), 0, Some(&buffer));
    vc.do_io_write(guard, Some(cont.clone()), 0, None);
    (buffer, reader)
}

/// True if the connection belongs to the calling thread, or to none.
fn is_of_this_thread(vc: &NetVcRef) -> bool {
    let Some(thread) = vc.net_base().thread() else { return true };
    EThread::current().is_some_and(|current| Arc::ptr_eq(&current, &thread))
}

/// Connections that wait to be used again.
/// [`HttpProxy::pool`] is the one of a proxy.
pub struct ServerSessionPool {
    base: ContinuationBase,
    this: Weak<ServerSessionPool>,
    waiting: Guarded<RefCell<Vec<Pooled>>>,
}

struct Pooled {
    vc: NetVcRef,
    origin: Origin,
    read_vio: VioHandle,
    /// Bytes of its buffer's block that have been read.
    used: i64,
    proxy: Weak<HttpProxy>,
}

impl ServerSessionPool {
    pub(crate) fn new() -> Arc<ServerSessionPool> {
        let mutex = ProxyMutex::new();
        Arc::new_cyclic(|this| ServerSessionPool {
            base: ContinuationBase::new(Arc::clone(&mutex)),
            this: Weak::clone(this),
            waiting: Guarded::new(mutex, RefCell::default()),
        })
    }

    /// How many connections wait.
    #[must_use]
    pub fn len(&self) -> usize {
        let guard = self.waiting.mutex().lock();
        self.waiting.get(&guard).borrow().len()
    }

    /// True if no connection waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Closes all that wait.
    pub fn purge(&self) {
        let guard = self.waiting.mutex().lock();
        let all = self.waiting.get(&guard).take();
        all.into_iter().for_each(Pooled::close);
    }

    /// A connection to this origin server, if one waits and the try-lock of the
    /// pool's mutex succeeds; its events go to `cont` from now on. Mirrors
    /// `acquireSession`.
    pub(crate) fn acquire_session(
        &self,
        guard: &Guard<'_>,
        cont: &ContRef,
        origin: &Origin,
    ) -> Option<ServerSession> {
        // The operations are bound to the pool's mutex: both mutexes are held
        // while the operations move.
        let lock = self.waiting.mutex().try_lock()?;
        let waiting = self.waiting.get(&lock);
        let fits = |pooled: &Pooled| pooled.origin == *origin && is_of_this_thread(&pooled.vc);
        let at = waiting.borrow().iter().rposition(fits)?;
        let pooled = waiting.borrow_mut().remove(at);
        let Some(proxy) = pooled.proxy.upgrade() else {
            pooled.vc.do_io_close(None);
            return None;
        };
        let (buffer, reader) = take_over(guard, cont, &pooled.vc, pooled.used);
        let origin = pooled.origin;
        Some(ServerSession { proxy, vc: pooled.vc, buffer, reader, origin, plugin: false })
    }

    /// Takes a connection back, or closes it: if something is left in its buffer,
    /// or the try-lock of the pool's mutex misses. Mirrors `releaseSession`.
    pub(crate) fn release_session(&self, guard: &Guard<'_>, session: ServerSession) {
        let left_over = session.reader.read_avail(guard) > 0;
        let lock = self.waiting.mutex().try_lock();
        let (Some(lock), false) = (lock, left_over || session.plugin) else {
            return session.do_io_close();
        };
        let used = session.buffer.with(guard, |buffer| {
            let block = buffer.block_size();
            block - buffer.block_write_avail().min(block)
        });
        let this: ContRef = self.this.upgrade().expect("called by reference");
        let buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_8K).bind(self.waiting.mutex());
        let vc = session.vc;
        let read_vio = vc.do_io_read(&lock, Some(this.clone()), i64::MAX, Some(&buffer));
        vc.do_io_write(&lock, Some(this), 0, None);
        vc.cancel_active_timeout();
        let timeout = session.proxy.config().keep_alive_no_activity_timeout_out;
        vc.set_inactivity_timeout(timeout);
        let proxy = Arc::downgrade(&session.proxy);
        let pooled = Pooled { vc, origin: session.origin, read_vio, used, proxy };
        self.waiting.get(&lock).borrow_mut().push(pooled);
    }
}

impl Pooled {
    fn close(self) {
        self.vc.do_io_close(None);
        if let Some(proxy) = self.proxy.upgrade() {
            proxy.census.server_sessions.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Continuation for ServerSessionPool {
    fn base(&self) -> &ContinuationBase {
        &self.base
    }

    /// After any event a waiting connection cannot be used any more: the origin
    /// server has closed it, it has been idle for too long, or bytes came without a
    /// request. Mirrors `eventHandler`.
    fn handle_event(&self, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        let (Some(vio), guard) = (data.vio(), call.guard()) else { return Outcome::Done };
        if vio.op() == VioOp::Write && event == EventCode::VC_EVENT_WRITE_READY {
            return Outcome::Done;
        }
        let waiting = self.waiting.get(guard);
        let is = |pooled: &Pooled| {
            let vc = Arc::clone(&pooled.vc) as Arc<dyn VConnection>;
            pooled.read_vio.is(vio) || VioHandle::new(vc, VioOp::Write).is(vio)
        };
        let at = waiting.borrow().iter().position(is);
        if let Some(at) = at {
            let pooled = waiting.borrow_mut().remove(at);
            pooled.close();
        }
        Outcome::Done
    }
}
