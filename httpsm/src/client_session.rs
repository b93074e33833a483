//! [`HttpClientSession`]: a client's connection, with one transaction after the
//! other on it.
//!
//! Mirrors `proxy/http/Http1ClientSession.cc` and the hooks of
//! `proxy/ProxySession.cc` (9.2.9).
//!
//! Between two transactions the session has the connection: it reads, and the
//! first bytes make it start a new state machine. If a request is in the buffer
//! already (pipelining), it starts one at once. A transaction keeps the
//! connection until its plugins have been called at its end: a plugin that
//! holds TXN_CLOSE holds the next request of the client too.

use crate::steps;
use std::cell::{Cell, RefCell};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use eventsys::mutex::weak_try_lock;
use eventsys::steps::{Step, Subject};
use eventsys::{
    ContRef, Continuation, ContinuationBase, Data, ET_NET, EventCode, Guard, Guarded, Invocation,
    Outcome, ProxyMutex, call,
};
use iocore::buffer::{BUFFER_SIZE_INDEX_4K, MIOBuffer};
use iocore::{BoundBuffer, IOBufferReader, NetVcRef, ShutdownHowTo};

use crate::affinity;
use crate::api::HttpSsn;
use crate::events::HttpEvents;
use crate::hooks::{HOOK_RETRY_TIME, HookState, HttpApiHooks, HttpHook};
use crate::proxy::HttpProxy;
use crate::sm::HttpSM;

/// A client's connection.
/// Plugins see it as [`HttpSsn`](crate::HttpSsn). [`HttpSessionAccept`](crate::HttpSessionAccept)
/// makes one for each connection.
pub struct HttpClientSession {
    base: ContinuationBase,
    this: Weak<HttpClientSession>,
    id: u64,
    proxy: Arc<HttpProxy>,
    hooks: HttpApiHooks,
    ssn: Guarded<Ssn>,
}

/// What the mutex protects.
struct Ssn {
    vc: RefCell<Option<NetVcRef>>,
    buffer: BoundBuffer,
    reader: IOBufferReader,
    read_state: Cell<ReadState>,
    half_close: Cell<bool>,
    /// A request has been read and not answered yet. Mirrors `m_active`.
    active: Cell<bool>,
    /// The transaction that has the connection.
    sm: RefCell<Option<Arc<HttpSM>>>,
    transact_count: Cell<u64>,
    released_transactions: Cell<u64>,
    cur_hook: Cell<Option<HttpHook>>,
    hook_state: Cell<HookState>,
    /// A plugin has the session and has not given it back.
    asked: Cell<bool>,
    destroyed: Cell<bool>,
}

/// The reader of the connection. Mirrors `C_Read_State`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ReadState {
    /// None yet: plugins are being called for the new session.
    Init,
    /// A transaction.
    ActiveReader,
    /// The session, for the next request.
    KeepAlive,
    /// The session, which throws bytes away until the client ends its side.
    HalfClosed,
    /// None: the connection is closed.
    Closed,
}

impl HttpClientSession {
    /// A session on a new connection; `read` is a buffer with the bytes that have been read from
    /// it, and its reader. Mirrors `new_connection`.
    pub(crate) fn new_connection(
        proxy: &Arc<HttpProxy>,
        vc: NetVcRef,
        read: Option<(BoundBuffer, IOBufferReader)>,
    ) {
        let mutex = vc.base().mutex().cloned().unwrap_or_else(ProxyMutex::new);
        let guard = mutex.lock();
        let (buffer, reader) = read.unwrap_or_else(|| {
            let buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_4K).bind(&mutex);
            let reader = buffer.alloc_reader(&guard).expect("the first of five");
            (buffer, reader)
        });
        proxy.census.sessions.fetch_add(1, Ordering::Relaxed);
        let session = Arc::new_cyclic(|this| HttpClientSession {
            base: ContinuationBase::new(Arc::clone(&mutex)),
            this: Weak::clone(this),
            id: proxy.next_session_id(),
            proxy: Arc::clone(proxy),
            hooks: HttpApiHooks::new(),
            ssn: Guarded::new(
                Arc::clone(&mutex),
                Ssn {
                    vc: RefCell::new(Some(vc)),
                    buffer,
                    reader,
                    read_state: Cell::new(ReadState::Init),
                    half_close: Cell::new(false),
                    active: Cell::new(false),
                    sm: RefCell::default(),
                    transact_count: Cell::new(0),
                    released_transactions: Cell::new(0),
                    cur_hook: Cell::new(None),
                    hook_state: Cell::default(),
                    asked: Cell::new(false),
                    destroyed: Cell::new(false),
                },
            ),
        });
        affinity::keep_to_this_thread(proxy.processor(), session.base());
        session.do_api_callout(&guard, HttpHook::SsnStart);
    }

    /// The number of the session; grows with each session of the proxy. Mirrors
    /// `con_id`.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// How many transactions there have been on it. Under its mutex.
    ///
    /// # Panics
    /// If `guard` is of another mutex.
    #[must_use]
    pub fn transact_count(&self, guard: &Guard<'_>) -> u64 {
        self.ssn.get(guard).transact_count.get()
    }

    /// The mutex of the session and of its transactions.
    pub(crate) fn mutex(&self) -> &Arc<ProxyMutex> {
        self.ssn.mutex()
    }

    /// The connection, until it is closed.
    pub(crate) fn client_vc(&self, guard: &Guard<'_>) -> Option<NetVcRef> {
        self.ssn.get(guard).vc.borrow().clone()
    }

    pub(crate) fn hooks(&self) -> &HttpApiHooks {
        &self.hooks
    }

    pub(crate) fn proxy(&self) -> &Arc<HttpProxy> {
        &self.proxy
    }

    pub(crate) fn reader(&self) -> IOBufferReader {
        let guard = self.ssn.mutex().reenter().expect("called by a transaction of the session");
        self.ssn.get(&guard).reader.clone()
    }

    pub(crate) fn set_half_close_flag(&self, guard: &Guard<'_>) {
        self.ssn.get(guard).half_close.set(true);
    }

    /// A request has been read. Mirrors `set_session_active`.
    pub(crate) fn set_active(&self, guard: &Guard<'_>) {
        self.ssn.get(guard).active.set(true);
    }

    /// The answer is written and the connection stays open: the session reads
    /// nothing until the transaction is done, and timeouts still go to `sm`.
    /// Mirrors `Http1ClientTransaction::release`.
    pub(crate) fn release(&self, guard: &Guard<'_>, sm: ContRef) {
        let ssn = self.ssn.get(guard);
        if let Some(vc) = &*ssn.vc.borrow() {
            vc.do_io_read(guard, Some(sm), 0, None);
        }
        ssn.active.set(false);
    }

    /// Lets the connection wait for the next request, which may be there
    /// already. Mirrors `Http1ClientSession::release`.
    fn keep_alive(&self, guard: &Guard<'_>) {
        let ssn = self.ssn.get(guard);
        let config = self.proxy.config();
        if let Some(vc) = &*ssn.vc.borrow() {
            vc.set_inactivity_timeout(config.keep_alive_no_activity_timeout_in);
            // Timeouts go to the session from now on.
            vc.do_io_write(guard, Some(self.cont()), 0, None);
        }
        ssn.active.set(false);
        self.wait_for_request(guard);
    }

    /// Closes the connection, or half of it. Mirrors `do_io_close`.
    pub(crate) fn do_io_close(&self, guard: &Guard<'_>) {
        let ssn = self.ssn.get(guard);
        if ssn.read_state.get() == ReadState::Closed {
            return self.destroy_if_done(guard);
        }
        if ssn.read_state.get() == ReadState::ActiveReader {
            ssn.active.set(false);
        }
        if ssn.transact_count.get() == ssn.released_transactions.get() {
            ssn.half_close.set(false);
        }
        let vc = ssn.vc.borrow().clone();
        if ssn.half_close.get() && ssn.sm.borrow().is_some() {
            ssn.read_state.set(ReadState::HalfClosed);
            if let Some(vc) = vc {
                vc.do_io_shutdown(ShutdownHowTo::Write);
                vc.do_io_read(guard, Some(self.cont()), i64::MAX, Some(&ssn.buffer));
                // The client may never end its side.
                vc.set_active_timeout(self.proxy.config().keep_alive_no_activity_timeout_in);
            }
            self.drain(guard);
        } else {
            ssn.vc.take();
            ssn.read_state.set(ReadState::Closed);
            if let Some(vc) = vc {
                vc.do_io_close(None);
            }
        }
        self.destroy_if_done(guard);
    }

    /// Another owner has closed the connection.
    pub(crate) fn vc_is_closed(&self, guard: &Guard<'_>) {
        let ssn = self.ssn.get(guard);
        ssn.vc.take();
        ssn.read_state.set(ReadState::Closed);
        self.destroy_if_done(guard);
    }

    /// A transaction has called its plugins at its end: decides what happens to
    /// the connection. Mirrors `release_transaction`.
    pub(crate) fn transaction_done(&self, guard: &Guard<'_>) {
        let ssn = self.ssn.get(guard);
        ssn.released_transactions.set(ssn.released_transactions.get() + 1);
        let gone = ssn.sm.take();
        drop(gone);
        if ssn.read_state.get() != ReadState::ActiveReader {
            self.destroy_if_done(guard);
        } else if ssn.active.get() {
            // The request has no answer.
            self.do_io_close(guard);
        } else {
            self.keep_alive(guard);
        }
    }

    /// A plugin gives the session back. Under the session's mutex.
    pub(crate) fn state_api_callback(&self, guard: &Guard<'_>, event: EventCode) {
        let _keep = self.this.upgrade();
        let ssn = self.ssn.get(guard);
        let Some(hook) = ssn.cur_hook.get().filter(|_| ssn.asked.replace(false)) else { return };
        if event == EventCode::TS_EVENT_HTTP_ERROR && hook == HttpHook::SsnStart {
            // A plugin refuses the client: close without an answer.
            ssn.cur_hook.set(None);
            self.do_io_close(guard);
            return;
        }
        self.state_api_callout(guard, hook);
    }

    fn cont(&self) -> ContRef {
        self.this.upgrade().expect("called by reference")
    }

    /// Mirrors `ProxySession::do_api_callout`.
    fn do_api_callout(&self, guard: &Guard<'_>, hook: HttpHook) {
        let ssn = self.ssn.get(guard);
        ssn.cur_hook.set(Some(hook));
        ssn.hook_state.set(HookState::default());
        self.state_api_callout(guard, hook);
    }

    fn state_api_callout(&self, guard: &Guard<'_>, hook: HttpHook) {
        let ssn = self.ssn.get(guard);
        let mut state = ssn.hook_state.get();
        let Some(cont) = state.next(hook, &[self.proxy.hooks(), &self.hooks]) else {
            ssn.cur_hook.set(None);
            match hook {
                // The session begins: bytes that are there are the first request's.
                HttpHook::SsnStart => self.wait_for_request(guard),
                _ => self.free(guard),
            }
            return;
        };
        let Some(lock) = weak_try_lock(cont.base().mutex().map(|mutex| &**mutex)) else {
            self.proxy.processor().schedule_in(self.cont(), HOOK_RETRY_TIME, ET_NET);
            return;
        };
        ssn.hook_state.set(state);
        ssn.asked.set(true);
        self.proxy.processor().steps().report(|| Step {
            at: self.proxy.processor().clock().get_hrtime(),
            ..Step::bare(
                Subject { what: 'S', number: steps::number_of(self.id) },
                steps::HTTP_HOOK,
                Some(i64::from(hook.event().0)),
            )
        });
        let ssn = HttpSsn::new(self.this.upgrade().expect("called by reference"));
        call(&cont, lock.as_ref(), hook.event(), Data::Object(&ssn));
    }

    /// A request that is there begins, or the first bytes of one are waited for. Mirrors the second
    /// half of `release`, which `start` calls, too.
    fn wait_for_request(&self, guard: &Guard<'_>) {
        let ssn = self.ssn.get(guard);
        if ssn.reader.read_avail(guard) > 0 {
            return self.new_transaction(guard);
        }
        ssn.read_state.set(ReadState::KeepAlive);
        let vc = ssn.vc.borrow().clone();
        if let Some(vc) = vc {
            vc.do_io_read(guard, Some(self.cont()), i64::MAX, Some(&ssn.buffer));
            vc.cancel_active_timeout();
            vc.add_to_keep_alive_queue();
        }
    }

    /// Mirrors `new_transaction`.
    fn new_transaction(&self, guard: &Guard<'_>) {
        let ssn = self.ssn.get(guard);
        let Some(vc) = ssn.vc.borrow().clone() else { return };
        vc.remove_from_keep_alive_queue();
        if !vc.add_to_active_queue() {
            // There is no room for one more request.
            return self.do_io_close(guard);
        }
        ssn.half_close.set(false);
        ssn.read_state.set(ReadState::ActiveReader);
        ssn.transact_count.set(ssn.transact_count.get() + 1);
        let sm = HttpSM::new(&self.proxy, self.ssn.mutex());
        *ssn.sm.borrow_mut() = Some(Arc::clone(&sm));
        let this = self.this.upgrade().expect("called by reference");
        sm.attach_client_session(guard, &this, vc, ssn.buffer.clone());
    }

    fn drain(&self, guard: &Guard<'_>) {
        let reader = &self.ssn.get(guard).reader;
        reader.consume(guard, reader.read_avail(guard));
    }

    /// Mirrors `destroy`.
    fn destroy_if_done(&self, guard: &Guard<'_>) {
        let ssn = self.ssn.get(guard);
        let done = ssn.read_state.get() == ReadState::Closed
            && ssn.transact_count.get() == ssn.released_transactions.get();
        if done && !ssn.destroyed.replace(true) {
            self.do_api_callout(guard, HttpHook::SsnClose);
        }
    }

    fn free(&self, guard: &Guard<'_>) {
        let gone = self.ssn.get(guard).sm.take();
        drop(gone);
        self.hooks.clear();
    }

    /// Events between two transactions. Mirrors `state_keep_alive` and
    /// `state_wait_for_close`.
    fn connection_event(&self, guard: &Guard<'_>, event: EventCode) {
        let ssn = self.ssn.get(guard);
        match (ssn.read_state.get(), event) {
            (_, EventCode::VC_EVENT_WRITE_READY | EventCode::VC_EVENT_WRITE_COMPLETE) => {}
            (ReadState::KeepAlive, EventCode::VC_EVENT_READ_READY) => self.new_transaction(guard),
            (ReadState::HalfClosed, EventCode::VC_EVENT_READ_READY) => {
                self.drain(guard);
                // A full buffer would bring no more events, nor the end.
                let vc = ssn.vc.borrow().clone();
                if let Some(vc) = vc {
                    vc.reenable(guard, iocore::VioOp::Read);
                }
            }
            (ReadState::KeepAlive | ReadState::HalfClosed, _) => {
                ssn.half_close.set(false);
                self.do_io_close(guard);
            }
            _ => {}
        }
    }
}

impl Drop for HttpClientSession {
    fn drop(&mut self) {
        self.proxy.census.sessions.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Continuation for HttpClientSession {
    fn base(&self) -> &ContinuationBase {
        &self.base
    }

    fn handle_event(&self, call: &Invocation<'_>, event: EventCode, _: Data<'_>) -> Outcome {
        let _keep = self.this.upgrade();
        let guard = call.guard();
        match event {
            EventCode::TS_EVENT_HTTP_CONTINUE | EventCode::TS_EVENT_HTTP_ERROR => {
                self.state_api_callback(guard, event)
            }
            EventCode::EVENT_INTERVAL => {
                if let Some(hook) = self.ssn.get(guard).cur_hook.get() {
                    self.state_api_callout(guard, hook);
                }
            }
            _ => self.connection_event(guard, event),
        }
        Outcome::Done
    }
}
