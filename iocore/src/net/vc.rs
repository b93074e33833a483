//! [`UnixNetVConnection`]: a connection, as its users see it.
//!
//! Mirrors `UnixNetVConnection` and `NetEvent` of `iocore/net` (9.2.9).
//!
//! | file | what |
//! |---|---|
//! | `vc.rs` | the state of a connection; how it ends |
//! | `vc/calls.rs` | what users call |
//! | `vc/events.rs` | it is connected, accepted, out of time |
//! | `vc/io.rs` | how bytes move |
//! | `vc/signal.rs` | which event goes to which state machine |
//!
//! # Contract
//! Made by [`NetProcessor`](super::NetProcessor), which gives it out with
//! `NET_EVENT_ACCEPT` or `NET_EVENT_OPEN`; closed by `do_io_close`. `do_io_*` and
//! `reenable` never call back; `reenable_re` may, if it is called from a callback
//! of a connection of the same thread. A closed connection must not be used.

mod calls;
mod events;
mod io;
mod signal;
mod state;

use crate::net::steps;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock, Weak};

use eventsys::hrtime::after;
use eventsys::mutex::census;
use eventsys::steps::{Step, StepKind, Subject};
use eventsys::sync::atomic::{AtomicI32, AtomicU32, AtomicUsize, Ordering};
use eventsys::sync::{AtomicTime, Flag, Mutex};
use eventsys::{ContRef, ContinuationBase, HrTime, ProxyMutex};
use mio::Registry;
use mio::net::TcpStream;
use socket2::SockRef;

use super::action::Action;
use super::config::DefaultInactivity;
use super::handler::NetHandler;
use super::queue::Slot;
use super::shared::Shared;
use super::stats::{OpenCount, VcCount};
use crate::net_vconnection::{NetVConnectionContext, NetVcBase};
use crate::vio::VioOp;
use state::HandlerOf;
pub(super) use state::NetState;

/// A TCP connection. Mirrors the class of this name, and `NetEvent`.
///
/// The examples of [`NetProcessor`](super::NetProcessor) and [`ActionResult`](super::ActionResult)
/// get one, as a [`NetVcRef`](crate::NetVcRef).
pub struct UnixNetVConnection {
    base: ContinuationBase,
    id: u32,
    this: Weak<UnixNetVConnection>,
    net: NetVcBase,
    shared: Arc<Shared>,
    nh: Weak<NetHandler>,
    read: NetState,
    write: NetState,
    /// Set by `do_io_close` on any thread; read by everyone.
    closed: Flag,
    freed: Flag,
    /// The socket's error number when the system reported an error, 0 for none. Set under H;
    /// mirrors `NetEvent::error`.
    error: AtomicI32,
    lerrno: AtomicI32,
    /// How many calls of the state machine are on the stack; changed under H.
    recursion: AtomicU32,
    handler: HandlerOf,
    /// The place in the handler's table, plus one; 0 for none. Changed under H.
    slot: AtomicUsize,
    /// Locked for each call of the system: so no call uses the number of a socket that has been
    /// closed and reused for another connection, as `do_io_shutdown` on another thread does in the
    /// original.
    socket: Mutex<Option<Socket>>,
    /// The continuation that waits for `NET_EVENT_OPEN`, and its action for cancelling.
    connecting: Mutex<Option<Connecting>>,
    remote_addr: OnceLock<SocketAddr>,
    local_addr: OnceLock<SocketAddr>,
    /// The two spans and the two times at which they are over. Set by the user under no
    /// lock of ours.
    pub(super) inactivity_timeout_in: AtomicTime,
    pub(super) active_timeout_in: AtomicTime,
    pub(super) next_inactivity_timeout_at: AtomicTime,
    pub(super) next_activity_timeout_at: AtomicTime,
    default_inactivity_timeout: Flag,
    /// The connection's own default, if it has one. Mirrors `default_inactivity_timeout_in` of
    /// 10.2.0, whose -1 is `None` here.
    default_inactivity_timeout_in: AtomicTime,
    /// 0 for none.
    write_buffer_empty_event: AtomicI32,
    _in_memory: VcCount,
}

struct Socket {
    stream: TcpStream,
    /// From when the connection counts as open.
    count: Option<OpenCount>,
}

struct Connecting {
    cont: ContRef,
    action: Action,
    /// Why the address of the target is not known, above zero.
    failed: Option<i32>,
}

impl UnixNetVConnection {
    fn new(
        shared: &Arc<Shared>,
        nh: &NetHandler,
        mutex: Arc<ProxyMutex>,
        context: NetVConnectionContext,
    ) -> Arc<UnixNetVConnection> {
        let thread = nh.thread();
        let vc = Arc::new_cyclic(|this| UnixNetVConnection {
            base: ContinuationBase::new(mutex),
            id: shared.net_next_connection_number(),
            this: Weak::clone(this),
            net: NetVcBase::new(thread.as_ref()),
            shared: Arc::clone(shared),
            nh: nh.weak(),
            read: NetState::default(),
            write: NetState::default(),
            closed: Flag::default(),
            freed: Flag::default(),
            error: AtomicI32::new(0),
            lerrno: AtomicI32::new(0),
            recursion: AtomicU32::new(0),
            handler: HandlerOf::start(),
            slot: AtomicUsize::new(0),
            socket: Mutex::new(None),
            connecting: Mutex::new(None),
            remote_addr: OnceLock::new(),
            local_addr: OnceLock::new(),
            inactivity_timeout_in: AtomicTime::default(),
            active_timeout_in: AtomicTime::default(),
            next_inactivity_timeout_at: AtomicTime::default(),
            next_activity_timeout_at: AtomicTime::default(),
            default_inactivity_timeout: Flag::default(),
            default_inactivity_timeout_in: AtomicTime::default(),
            write_buffer_empty_event: AtomicI32::new(0),
            _in_memory: VcCount::new(&shared.stats),
        });
        vc.net.set_context(context);
        if let Some(thread) = thread {
            vc.base.set_thread_affinity(thread.index());
        }
        vc
    }

    /// The number of the connection: counted from 1 for each [`NetProcessor`], and not
    /// used again before 2^32 others. Mirrors `id`.
    ///
    /// [`NetProcessor`]: super::NetProcessor
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Reports a step.
    #[inline]
    #[track_caller]
    pub(super) fn report(&self, kind: StepKind, value: Option<i64>) {
        self.shared.steps.report(|| self.step(kind, value));
    }

    /// Reports a step that counts among those of the event loop.
    #[inline]
    #[track_caller]
    pub(super) fn trace(&self, kind: StepKind) {
        self.shared.trace.report(|| self.step(kind, None));
    }

    fn step(&self, kind: StepKind, value: Option<i64>) -> Step {
        Step {
            at: self.now(),
            held: census::held_locks(),
            ..Step::bare(Subject { what: 'N', number: self.id }, kind, value)
        }
    }

    /// True once `do_io_close` has been called. On another thread than the
    /// connection's the answer may be out of date.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.is_set()
    }

    /// True once the socket is closed and the thread has forgotten the connection.
    #[must_use]
    pub fn is_freed(&self) -> bool {
        self.freed.is_set()
    }

    /// Calls `f` with the socket, to read or set options that this module does not support; `None`
    /// if it is closed. `f` must not use the connection: it would wait for itself. Mirrors
    /// `get_socket`.
    pub fn with_sock_ref<R>(&self, f: impl FnOnce(SockRef<'_>) -> R) -> Option<R> {
        self.with_socket(|stream| f(SockRef::from(&*stream)))
    }

    pub(super) fn net_state(&self, op: VioOp) -> &NetState {
        match op {
            VioOp::Write => &self.write,
            _ => &self.read,
        }
    }

    pub(super) fn slot(&self) -> Option<Slot> {
        self.slot.load(Ordering::Relaxed).checked_sub(1)
    }

    pub(super) fn set_slot(&self, slot: Slot) {
        self.slot.store(slot + 1, Ordering::Relaxed);
    }

    pub(super) fn with_socket<R>(&self, f: impl FnOnce(&mut TcpStream) -> R) -> Option<R> {
        self.socket.lock().as_mut().map(|socket| f(&mut socket.stream))
    }

    fn this_ref(&self) -> Arc<UnixNetVConnection> {
        self.this.upgrade().expect("called by reference")
    }

    pub(super) fn mutex(&self) -> &Arc<ProxyMutex> {
        self.base.mutex().expect("made with a mutex")
    }

    fn now(&self) -> HrTime {
        self.shared.clock.get_hrtime()
    }

    /// The default inactivity timeout that the cop applies, in a server that has configured this
    /// one. A connection without one of its own gets the configured one for good.
    pub(super) fn default_inactivity(&self, configured: HrTime) -> HrTime {
        if self.shared.config.default_inactivity == DefaultInactivity::OfAll {
            return configured;
        }
        self.default_inactivity_timeout_in.get().unwrap_or_else(|| {
            self.default_inactivity_timeout_in.set(Some(configured));
            configured
        })
    }

    /// The default inactivity timeout runs from now on.
    pub(super) fn run_default_inactivity(&self, timeout: HrTime) {
        self.inactivity_timeout_in.set(None);
        self.default_inactivity_timeout.set();
        self.next_inactivity_timeout_at.set(Some(after(self.now(), timeout)));
    }

    /// Mirrors `set_error_from_socket`.
    pub(super) fn set_error_from_socket(&self) {
        let error = self.with_socket(|stream| stream.take_error().ok().flatten()).flatten();
        let number = error.as_ref().map_or(0, super::errors::errno);
        self.error.store(number, Ordering::Relaxed);
    }

    /// True the first time.
    pub(super) fn begin_free(&self) -> bool {
        let first = !self.freed.is_set();
        if first {
            self.report(steps::NET_FREE, None);
        }
        self.freed.set();
        self.closed.set();
        first
    }

    pub(super) fn close_socket(&self, registry: Option<&Registry>) {
        let socket = self.socket.lock().take();
        if let Some(mut socket) = socket {
            if let Some(registry) = registry {
                // Closing the socket ends the watching in any case.
                let _ = registry.deregister(&mut socket.stream);
            }
            drop(socket);
        }
        self.slot.store(0, Ordering::Relaxed);
        let connecting = self.connecting.lock().take();
        drop(connecting);
    }

    /// Drops the state machines and buffers of both operations. False if a try-lock missed. The
    /// original takes no mutex here.
    pub(super) fn release_operations(&self) -> bool {
        let mut all = true;
        for state in [&self.read, &self.write] {
            let Some(mutex) = state.vio.mutex() else { continue };
            match mutex.try_lock() {
                Some(guard) if state.vio.is_bound_to(&mutex) => state.vio.release(&guard),
                _ => all = false,
            }
        }
        all
    }

    /// The thread is gone. None of its state may be used, and no continuation is called back.
    pub(super) fn abandon(&self) {
        if self.begin_free() {
            self.close_socket(None);
            self.release_operations();
        }
    }
}
