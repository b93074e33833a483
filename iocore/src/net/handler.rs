//! [`NetHandler`]: what a net thread does when a pass of its event loop is over.
//!
//! Mirrors `NetHandler` of `iocore/net/P_UnixNet.h` and `UnixNet.cc` (9.2.9):
//! `waitForActivity`, `process_enabled_list`, `process_ready_list`,
//! `signalActivity`, and `PollCont::do_poll`. How connections come and go is in
//! `handler/start.rs`.
//!
//! **Built differently**: epoll is reached through mio, which reports the same
//! edges. **Could you tell?** A turn ends after some hundred calls, and a connection
//! whose state machine is locked elsewhere is tried again in the next one; the
//! original goes on in the same turn for as long as there are bytes, or until it
//! has the lock, and calls no event meanwhile. A turn does not sleep while an event
//! waits in the thread's own queue, where the original may sleep for 10 ms.

mod start;

use std::cell::RefCell;
use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use crossbeam_utils::CachePadded;
use eventsys::mutex::census;
use eventsys::steps::{Step, Subject};
use eventsys::sync::Mutex;
use eventsys::{EThread, Guard, Guarded, HrTime, Idle, LoopTailHandler, ProxyMutex};
use mio::event::Event;
use mio::{Events, Poll, Registry, Token, Waker};
use slab::Slab;

use super::accept::NetAccept;
use super::config::NetVcRelease;
use super::queue::{Queue, Slot};
use super::shared::Shared;
use super::stats::Counters;
use super::steps::{NET_POLL, NET_READABLE, NET_WRITABLE};
use super::vc::UnixNetVConnection;
use crate::vio::VioOp;

/// The token of the waker; no place in the table has this number.
const WAKE: Token = Token(usize::MAX);

/// How many events are taken from the system at once.
const POLL_DESCRIPTOR_SIZE: usize = 1024;

/// How often bytes are moved in one direction in one turn; then the thread's events
/// and the other direction come first.
const MOST_IN_A_TURN: usize = 256;

/// How long a thread waits for sockets, in real time, before a virtual clock jumps.
const MOMENT: Duration = Duration::from_millis(1);

/// The connections of one thread, and how it waits for them.
///
/// Users do not make one: [`NetProcessor::net_handler`](super::NetProcessor::net_handler) returns
/// the handler of a thread.
pub struct NetHandler {
    this: Weak<NetHandler>,
    mutex: Arc<ProxyMutex>,
    thread: Weak<EThread>,
    shared: Arc<Shared>,
    /// The counters of this thread.
    pub(super) counters: Arc<CachePadded<Counters>>,
    registry: Registry,
    waker: Waker,
    pub(super) max_connections_per_thread_in: usize,
    pub(super) max_requests_per_thread_in: usize,
    /// Connections enabled or closed by threads that could not have H; newest last.
    read_enable_list: Mutex<Vec<Arc<UnixNetVConnection>>>,
    write_enable_list: Mutex<Vec<Arc<UnixNetVConnection>>>,
    state: Guarded<State>,
}

/// What only the holder of H may touch.
struct State {
    poll: RefCell<Poll>,
    events: RefCell<Events>,
    lists: RefCell<Lists>,
    /// Freed connections whose operations still hold a state machine or a buffer, because another
    /// thread had its mutex.
    unreleased: RefCell<Vec<Arc<UnixNetVConnection>>>,
}

/// All lists of a handler. A connection is named by its place in `table`.
pub(super) struct Lists {
    pub(super) table: Slab<Entry>,
    pub(super) read_ready: Queue,
    pub(super) write_ready: Queue,
    pub(super) open: Queue,
    pub(super) cop: Queue,
    pub(super) keep_alive: Queue,
    pub(super) active: Queue,
}

impl Lists {
    pub(super) fn vc(&self, slot: Slot) -> Option<Arc<UnixNetVConnection>> {
        match self.table.get(slot)? {
            Entry::Vc(vc) => Some(Arc::clone(vc)),
            Entry::Accept(_) => None,
        }
    }

    fn ready(&mut self, op: VioOp) -> &mut Queue {
        match op {
            VioOp::Write => &mut self.write_ready,
            _ => &mut self.read_ready,
        }
    }
}

/// The receiver of a socket's readiness. Mirrors `EventIO::type`.
pub(super) enum Entry {
    /// `EVENTIO_READWRITE_VC`.
    Vc(Arc<UnixNetVConnection>),
    /// `EVENTIO_NETACCEPT`.
    Accept(Arc<NetAccept>),
}

impl NetHandler {
    /// A handler for `thread`, the calling one. Mirrors `initialize_thread_for_net`.
    pub(super) fn new(shared: &Arc<Shared>, thread: &Arc<EThread>) -> io::Result<Arc<NetHandler>> {
        let poll = Poll::new()?;
        let registry = poll.registry().try_clone()?;
        let waker = Waker::new(&registry, WAKE)?;
        let mutex = ProxyMutex::new();
        let lists = Lists {
            table: Slab::new(),
            read_ready: Queue::new(),
            write_ready: Queue::new(),
            open: Queue::new(),
            cop: Queue::new(),
            keep_alive: Queue::new(),
            active: Queue::new(),
        };
        let state = State {
            poll: RefCell::new(poll),
            events: RefCell::new(Events::with_capacity(POLL_DESCRIPTOR_SIZE)),
            lists: RefCell::new(lists),
            unreleased: RefCell::default(),
        };
        let threads = thread
            .processor()
            .map_or(1, |processor| processor.active_group_threads(eventsys::ET_NET).len().max(1));
        Ok(Arc::new_cyclic(|this| NetHandler {
            this: Weak::clone(this),
            mutex: Arc::clone(&mutex),
            thread: Arc::downgrade(thread),
            shared: Arc::clone(shared),
            counters: shared.stats.of_new_thread(),
            registry,
            waker,
            max_connections_per_thread_in: shared.config.max_connections_in / threads,
            max_requests_per_thread_in: shared.config.max_requests_in / threads,
            read_enable_list: Mutex::default(),
            write_enable_list: Mutex::default(),
            state: Guarded::new(mutex, state),
        }))
    }

    /// H.
    #[must_use]
    pub fn mutex(&self) -> &Arc<ProxyMutex> {
        &self.mutex
    }

    /// The thread that it belongs to, if that is still there.
    #[must_use]
    pub fn thread(&self) -> Option<Arc<EThread>> {
        self.thread.upgrade()
    }

    /// True if the calling thread is the one it belongs to.
    #[must_use]
    pub fn is_current(&self) -> bool {
        EThread::with_current(|current| {
            current.is_some_and(|current| std::ptr::eq(Arc::as_ptr(current), self.thread.as_ptr()))
        })
    }

    /// How many connections it has, acceptors not counted.
    ///
    /// # Panics
    /// If `h` is not of [`NetHandler::mutex`].
    #[must_use]
    pub fn connections(&self, h: &Guard<'_>) -> usize {
        self.lists(h).borrow().open.len()
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) fn weak(&self) -> Weak<NetHandler> {
        Weak::clone(&self.this)
    }

    pub(super) fn lists<'a>(&'a self, h: &'a Guard<'_>) -> &'a RefCell<Lists> {
        &self.state.get(h).lists
    }

    /// Enters `vc` into a ready list if it is triggered and enabled, and takes it
    /// out if not. Mirrors `read_reschedule` and `write_reschedule`.
    pub(super) fn reschedule(&self, h: &Guard<'_>, vc: &UnixNetVConnection, op: VioOp) {
        let Some(slot) = vc.slot() else { return };
        let state = vc.net_state(op);
        let mut lists = self.lists(h).borrow_mut();
        if state.triggered.is_set() && state.enabled.is_set() {
            lists.ready(op).enqueue(slot);
        } else {
            lists.ready(op).remove(slot);
        }
    }

    /// Takes `vc` out of a ready list.
    pub(super) fn remove_ready(&self, h: &Guard<'_>, vc: &UnixNetVConnection, op: VioOp) {
        if let Some(slot) = vc.slot() {
            self.lists(h).borrow_mut().ready(op).remove(slot);
        }
    }

    /// Leaves `vc` for the handler's thread, which looks at it in its next turn; called by a thread
    /// that does not hold H.
    pub(super) fn enable_later(&self, vc: &Arc<UnixNetVConnection>, op: VioOp) {
        if !vc.net_state(op).in_enabled_list.swap(true) {
            let list = match op {
                VioOp::Write => &self.write_enable_list,
                _ => &self.read_enable_list,
            };
            list.lock().push(Arc::clone(vc));
        }
        if let Some(thread) = self.thread() {
            thread.signal_activity();
        }
    }

    /// One turn. Mirrors `waitForActivity`.
    fn turn(&self, h: &Guard<'_>, timeout: Duration) -> bool {
        self.counters.handler_run.add(1);
        self.release_the_unreleased(h);
        self.process_enabled_list(h);
        let found = self.do_poll(h, timeout);
        self.shared.clock.get_hrtime_updated();
        self.process_ready_list(h);
        found
    }

    /// Moves connections that other threads have enabled to the ready lists; newest
    /// first. Mirrors `process_enabled_list`.
    fn process_enabled_list(&self, h: &Guard<'_>) {
        for (op, list) in
            [(VioOp::Read, &self.read_enable_list), (VioOp::Write, &self.write_enable_list)]
        {
            let enabled = std::mem::take(&mut *list.lock());
            for vc in enabled.into_iter().rev() {
                let state = vc.net_state(op);
                // Before the flags are read: a thread that enables it from now on finds it taken
                // out, and enters it again.
                state.in_enabled_list.swap(false);
                let wanted = state.enabled.is_set() && state.triggered.is_set();
                if let Some(slot) = vc.slot()
                    && (wanted || vc.is_closed())
                {
                    self.lists(h).borrow_mut().ready(op).enqueue(slot);
                }
            }
        }
    }

    /// Asks the system which sockets are ready, waiting for `timeout` at most, and
    /// not at all if there is something to do. True if there was something. Mirrors
    /// `PollCont::do_poll` and the walk over its result.
    fn do_poll(&self, h: &Guard<'_>, timeout: Duration) -> bool {
        let state = self.state.get(h);
        let is_busy = {
            let lists = state.lists.borrow();
            !lists.read_ready.is_empty() || !lists.write_ready.is_empty()
        };
        let timeout = if is_busy { Duration::ZERO } else { timeout };
        let mut events = state.events.borrow_mut();
        if let Err(error) = state.poll.borrow_mut().poll(&mut events, Some(timeout)) {
            // A signal has come; the next turn asks again.
            debug_assert_eq!(error.kind(), io::ErrorKind::Interrupted, "{error}");
            return true;
        }
        self.report_poll(&events);
        for event in events.iter().filter(|event| event.token() != WAKE) {
            self.note(h, event);
        }
        is_busy || !events.is_empty()
    }

    fn report_poll(&self, events: &Events) {
        let ready = events.iter().filter(|event| event.token() != WAKE).count();
        if ready > 0 {
            let number = self.thread().map_or(0, |thread| thread.index() as u32);
            self.shared.trace.report(|| Step {
                at: self.shared.clock.get_hrtime(),
                held: census::held_locks(),
                ..Step::bare(Subject { what: 'T', number }, NET_POLL, Some(ready as i64))
            });
        }
    }

    /// Enters a socket that is ready into the lists.
    fn note(&self, h: &Guard<'_>, event: &Event) {
        let slot = event.token().0;
        let mut lists = self.lists(h).borrow_mut();
        let vc = match lists.table.get(slot) {
            Some(Entry::Vc(vc)) => Arc::clone(vc),
            Some(Entry::Accept(accept)) => {
                let accept = Arc::clone(accept);
                drop(lists);
                accept.schedule();
                return;
            }
            None => return,
        };
        // It will not time out before the cop comes round again.
        lists.cop.remove(slot);
        let hung_up = event.is_read_closed() && event.is_write_closed();
        let has_error = event.is_error() || event.is_priority() || hung_up;
        let is_for_both = has_error && self.shared.config.release == NetVcRelease::V8_1;
        if has_error && !is_for_both {
            vc.set_error_from_socket();
        }
        if event.is_readable() || is_for_both {
            vc.trace(NET_READABLE);
            vc.net_state(VioOp::Read).triggered.set();
            lists.read_ready.enqueue(slot);
        }
        if event.is_writable() || !event.is_readable() || is_for_both {
            // An error alone also goes to the writer.
            vc.trace(NET_WRITABLE);
            vc.net_state(VioOp::Write).triggered.set();
            lists.write_ready.enqueue(slot);
        }
    }

    /// Moves the bytes of the ready connections: first the reads, then the writes. Mirrors
    /// `process_ready_list`.
    fn process_ready_list(&self, h: &Guard<'_>) {
        for op in [VioOp::Read, VioOp::Write] {
            let mut missed = Vec::new();
            // A connection whose callback reenables at once is ready again, if there is more.
            for _ in 0..MOST_IN_A_TURN {
                let next = {
                    let mut lists = self.lists(h).borrow_mut();
                    lists.ready(op).dequeue().and_then(|slot| lists.vc(slot))
                };
                let Some(vc) = next else { break };
                let state = vc.net_state(op);
                if vc.is_closed() {
                    self.free_netevent(h, &vc);
                } else if state.enabled.is_set() && state.triggered.is_set() {
                    let had_the_lock = match op {
                        VioOp::Write => vc.net_write_io(self, h),
                        _ => vc.net_read_io(self, h),
                    };
                    if !had_the_lock {
                        missed.push(vc);
                    }
                }
            }
            for vc in missed {
                self.reschedule(h, &vc, op);
            }
        }
    }

    fn release_the_unreleased(&self, h: &Guard<'_>) {
        let unreleased = &self.state.get(h).unreleased;
        if unreleased.borrow().is_empty() {
            return;
        }
        let mut kept = unreleased.take();
        kept.retain(|vc| !vc.release_operations());
        unreleased.borrow_mut().append(&mut kept);
    }
}

impl LoopTailHandler for NetHandler {
    fn wait_for_activity(&self, idle: Idle<'_, '_>, timeout: HrTime) {
        let wait = match idle.is_idle() {
            true => Duration::from_nanos(timeout.max(0).unsigned_abs()),
            false => Duration::ZERO,
        };
        let clock = &self.shared.clock;
        let is_virtual = clock.is_virtual();
        let found = {
            let h = self.mutex.lock();
            let any = !self.lists(&h).borrow().open.is_empty();
            let wait = match is_virtual {
                true if any && clock.lets_threads_wait() => wait.min(MOMENT),
                true => Duration::ZERO,
                false => wait,
            };
            self.turn(&h, wait)
        };
        if is_virtual && !found && timeout > 0 {
            idle.sleep(timeout);
        }
    }

    fn signal_activity(&self, thread: &EThread) {
        if let Err(error) = self.waker.wake() {
            log::warn!(target: "iocore_net", "{} was not woken: {error}", thread.name());
        }
        if self.shared.clock.is_virtual() {
            thread.wake();
        }
    }
}

impl Drop for NetHandler {
    /// The thread has ended, and its connections with it: a connection that a user still holds has
    /// no socket.
    fn drop(&mut self) {
        let State { lists, unreleased, .. } = self.state.get_mut();
        for (_, entry) in &lists.get_mut().table {
            if let Entry::Vc(vc) = entry {
                vc.abandon();
            }
        }
        for vc in unreleased.get_mut() {
            vc.release_operations();
        }
    }
}
