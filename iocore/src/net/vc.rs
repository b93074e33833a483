//! [`NetVC`]: a connection, as its users see it.
//!
//! Mirrors `UnixNetVConnection` and `NetEvent` of `iocore/net` (9.2.9):
//! `do_io_read`, `do_io_write`, `do_io_close`, `do_io_shutdown`, `reenable`,
//! `reenable_re`, the timeouts and the addresses.
//!
//! # Contract
//! Made by [`NetProcessor`](super::NetProcessor), which gives it out with
//! `NET_EVENT_ACCEPT` or `NET_EVENT_OPEN`; closed by `do_io_close`. `do_io_*` and
//! `reenable` never call back; `reenable_re` may, if it is called from a callback
//! of a connection of the same thread. A closed connection is not to be used.

mod events;
mod io;
mod state;

use std::net::{Shutdown, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock, Weak};

use eventsys::sync::atomic::{AtomicI32, AtomicI64, AtomicU32, AtomicUsize, Ordering};
use eventsys::{ContRef, ContinuationBase, EventCode, Guard, HrTime, ProxyMutex};
use mio::Registry;
use mio::net::TcpStream;
use socket2::SockRef;

use super::action::Action;
use super::config::{OpenCount, VcCount};
use super::connection;
use super::handler::NetHandler;
use super::processor::Shared;
use super::queue::Slot;
use super::unpoisoned;
use crate::bound::{BoundBuffer, IOBufferReader};
use crate::net_vconnection::{NetVCOptions, NetVConnection, NetVConnectionContext, NetVcBase};
use crate::vconnection::{ApiData, DataId, ShutdownHowTo, VConnection};
use crate::vio::{Accessor, Vio, VioHandle, VioOp};
pub(super) use state::NetState;
use state::{Flag, HandlerOf};

/// A TCP connection. Mirrors `UnixNetVConnection`.
pub struct NetVC {
    base: ContinuationBase,
    this: Weak<NetVC>,
    net: NetVcBase,
    shared: Arc<Shared>,
    nh: Weak<NetHandler>,
    read: NetState,
    write: NetState,
    /// Set by `do_io_close` on any thread; read by everyone.
    closed: Flag,
    freed: Flag,
    /// What the socket said when the system reported an error, 0 for none. Set
    /// under H; mirrors `NetEvent::error`.
    error: AtomicI32,
    lerrno: AtomicI32,
    /// How many calls of the state machine are on the stack; changed under H.
    recursion: AtomicU32,
    handler: HandlerOf,
    /// The place in the handler's table, plus one; 0 for none. Changed under H.
    slot: AtomicUsize,
    /// Locked for each call of the system: so nobody uses the number of a socket
    /// that has been closed and given to somebody else, as `do_io_shutdown` on
    /// another thread does in the original.
    socket: Mutex<Option<Socket>>,
    /// Who waits for `NET_EVENT_OPEN`, and how he gives it up.
    connecting: Mutex<Option<Connecting>>,
    remote_addr: OnceLock<SocketAddr>,
    local_addr: OnceLock<SocketAddr>,
    /// All four in nanoseconds, 0 for none. Set by the user under no lock of ours.
    pub(super) inactivity_timeout_in: AtomicI64,
    pub(super) active_timeout_in: AtomicI64,
    pub(super) next_inactivity_timeout_at: AtomicI64,
    pub(super) next_activity_timeout_at: AtomicI64,
    default_inactivity_timeout: Flag,
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

impl NetVC {
    fn new(
        shared: &Arc<Shared>,
        nh: &NetHandler,
        mutex: Arc<ProxyMutex>,
        context: NetVConnectionContext,
    ) -> Arc<NetVC> {
        let thread = nh.thread();
        let vc = Arc::new_cyclic(|this| NetVC {
            base: ContinuationBase::new(mutex),
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
            inactivity_timeout_in: AtomicI64::new(0),
            active_timeout_in: AtomicI64::new(0),
            next_inactivity_timeout_at: AtomicI64::new(0),
            next_activity_timeout_at: AtomicI64::new(0),
            default_inactivity_timeout: Flag::default(),
            write_buffer_empty_event: AtomicI32::new(0),
            _in_memory: VcCount::new(&shared.stats),
        });
        vc.net.set_context(context);
        if let Some(thread) = thread {
            vc.base.set_thread_affinity(thread.index());
        }
        vc
    }

    /// True once `do_io_close` has been called. On another thread than the
    /// connection's the answer may be out of date.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.is_set()
    }

    /// True once the socket is closed and the thread knows the connection no more.
    #[must_use]
    pub fn is_freed(&self) -> bool {
        self.freed.is_set()
    }

    /// Calls `f` with the socket, to ask or to set what this module does not know
    /// of; `None` if it is closed. `f` must not use the connection: it would wait
    /// for itself. Mirrors `get_socket`.
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
        unpoisoned(&self.socket).as_mut().map(|socket| f(&mut socket.stream))
    }

    fn this_ref(&self) -> Arc<NetVC> {
        self.this.upgrade().expect("called by reference")
    }

    pub(super) fn mutex(&self) -> &Arc<ProxyMutex> {
        self.base.mutex().expect("made with a mutex")
    }

    fn now(&self) -> HrTime {
        self.shared.clock.get_hrtime()
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
        self.freed.set();
        self.closed.set();
        first
    }

    pub(super) fn close_socket(&self, registry: Option<&Registry>) {
        let socket = unpoisoned(&self.socket).take();
        if let Some(mut socket) = socket {
            if let Some(registry) = registry {
                // Closing the socket ends the watching in any case.
                let _ = registry.deregister(&mut socket.stream);
            }
            drop(socket);
        }
        self.slot.store(0, Ordering::Relaxed);
        let connecting = unpoisoned(&self.connecting).take();
        drop(connecting);
    }

    /// Lets go of the state machines and buffers of both operations. False if a
    /// mutex could not be had. The original does not ask for it.
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

    /// The thread is gone. Nothing of it may be used, and nobody is called back.
    pub(super) fn abandon(&self) {
        if self.begin_free() {
            self.close_socket(None);
            self.release_operations();
        }
    }

    /// What `do_io_read` and `do_io_write` share.
    #[track_caller]
    fn do_io(
        &self,
        guard: &Guard<'_>,
        op: VioOp,
        cont: Option<ContRef>,
        nbytes: i64,
        buffer: Accessor,
    ) -> VioHandle {
        let handle = VioHandle::new(self.this_ref(), op);
        let state = self.net_state(op);
        let has_buffer = !matches!(buffer, Accessor::None);
        if self.closed.is_set() {
            // The original returns no VIO; to give everything up once more is allowed.
            if cont.is_some() || nbytes != 0 || has_buffer {
                log::error!(target: "iocore_net", "do_io invoked on a closed connection");
            }
            return handle;
        }
        let mutex = match &cont {
            Some(cont) => {
                Arc::clone(cont.base().mutex().expect("who does I/O on a NetVC has a mutex"))
            }
            None => Arc::clone(self.mutex()),
        };
        state.vio.issue(guard, &mutex, op, cont, nbytes, buffer);
        if !has_buffer {
            state.enabled.clear();
        } else if !state.enabled.is_set() && (op == VioOp::Read || nbytes != 0) {
            handle.reenable(guard);
        }
        handle
    }

    /// Mirrors `set_enabled`.
    fn set_enabled(&self, op: VioOp) {
        assert!(!self.closed.is_set(), "!closed");
        self.net_state(op).enabled.set();
        let timeout = self.inactivity_timeout_in.load(Ordering::Relaxed);
        if timeout != 0 && self.next_inactivity_timeout_at.load(Ordering::Relaxed) == 0 {
            self.next_inactivity_timeout_at.store(self.now() + timeout, Ordering::Relaxed);
        }
    }

    /// Calls `f` with the handler and H, for what may be done only with H and only
    /// on the connection's own thread. Another thread has H for a moment at most
    /// (in `reenable`), so it is waited for; the original asserts that it can be had.
    fn with_handler<R>(&self, f: impl FnOnce(&NetHandler, &Guard<'_>, Slot) -> R) -> Option<R> {
        let nh = self.nh.upgrade()?;
        assert!(
            nh.is_current(),
            "BUG: It must have acquired the NetHandler's lock before doing anything on its queues."
        );
        let h = nh.mutex().lock();
        Some(f(&nh, &h, self.slot()?))
    }
}

impl VConnection for NetVC {
    fn do_io_read(
        &self,
        guard: &Guard<'_>,
        cont: Option<ContRef>,
        nbytes: i64,
        buf: Option<&BoundBuffer>,
    ) -> VioHandle {
        let buffer = buf.map_or(Accessor::None, |buf| Accessor::Writer(buf.clone()));
        self.do_io(guard, VioOp::Read, cont, nbytes, buffer)
    }

    fn do_io_write(
        &self,
        guard: &Guard<'_>,
        cont: Option<ContRef>,
        nbytes: i64,
        reader: Option<&IOBufferReader>,
    ) -> VioHandle {
        let buffer = reader.map_or(Accessor::None, |reader| Accessor::Reader(reader.clone()));
        self.do_io(guard, VioOp::Write, cont, nbytes, buffer)
    }

    /// Closes the socket before it returns, if no callback of this connection is on
    /// the stack and its thread's handler is; if one is on the stack, when that
    /// returns; else in the next turn of the connection's thread, which is woken.
    /// In the last case the original leaves it to the inactivity cop, up to two
    /// seconds later.
    fn do_io_close(&self, lerrno: Option<i32>) {
        for state in [&self.read, &self.write] {
            state.enabled.clear();
            state.vio.retire();
            // The state machine's mutex is held, by the rule; if it is not, its
            // operation is let go of when the connection is freed.
            if let Some(mutex) = state.vio.mutex()
                && let Some(guard) = mutex.reenter()
                && state.vio.is_bound_to(&mutex)
            {
                state.vio.release(&guard);
            }
        }
        if let Some(lerrno) = lerrno.filter(|&lerrno| lerrno != 0) {
            self.lerrno.store(lerrno, Ordering::Relaxed);
        }
        let Some(nh) = self.nh.upgrade() else {
            self.closed.set();
            return;
        };
        let h = nh.mutex().reenter();
        let close_inline = h.filter(|_| self.recursion.load(Ordering::Relaxed) == 0);
        // Last: as soon as this is seen, the connection may be freed.
        self.closed.set();
        match close_inline {
            Some(h) if nh.is_current() => nh.free_netevent(&h, self),
            _ if self.recursion.load(Ordering::Relaxed) > 0 && nh.is_current() => {}
            _ => nh.enable_later(&self.this_ref(), VioOp::Read),
        }
    }

    fn do_io_shutdown(&self, howto: ShutdownHowTo) {
        let (how, ends): (_, &[&NetState]) = match howto {
            ShutdownHowTo::Read => (Shutdown::Read, &[&self.read]),
            ShutdownHowTo::Write => (Shutdown::Write, &[&self.write]),
            ShutdownHowTo::ReadWrite => (Shutdown::Both, &[&self.read, &self.write]),
        };
        // The other end may have gone already; then there is nothing to shut down.
        let _ = self.with_socket(|stream| stream.shutdown(how));
        for state in ends {
            state.enabled.clear();
            state.vio.clear_nbytes();
            state.shutdown.set();
            if let Some(mutex) = state.vio.mutex()
                && let Some(guard) = mutex.reenter()
                && state.vio.is_bound_to(&mutex)
            {
                state.vio.release(&guard);
            }
        }
    }

    fn vio(&self, op: VioOp) -> &Vio {
        assert!(op != VioOp::None, "op == VIO::READ || op == VIO::WRITE");
        &self.net_state(op).vio
    }

    /// # Panics
    /// Also if the connection is closed.
    #[track_caller]
    fn reenable(&self, guard: &Guard<'_>, op: VioOp) {
        let state = self.net_state(op);
        check_vio_guard(&state.vio, guard);
        if state.enabled.is_set() {
            return;
        }
        self.set_enabled(op);
        let Some(nh) = self.nh.upgrade() else { return };
        match nh.mutex().try_lock() {
            Some(h) => nh.reschedule(&h, self, op),
            None => nh.enable_later(&self.this_ref(), op),
        }
    }

    /// Moves bytes at once if the caller is in a callback of a connection of the
    /// same thread, which has H; else as `reenable`.
    ///
    /// # Panics
    /// Also if the connection is closed.
    #[track_caller]
    fn reenable_re(&self, guard: &Guard<'_>, op: VioOp) {
        let state = self.net_state(op);
        check_vio_guard(&state.vio, guard);
        let Some(nh) = self.nh.upgrade() else { return };
        let Some(h) = nh.mutex().reenter().filter(|_| nh.is_current()) else {
            self.reenable(guard, op);
            return;
        };
        self.set_enabled(op);
        if !state.triggered.is_set() {
            nh.remove_ready(&h, self, op);
            return;
        }
        // Kept for as long as its callbacks may close it.
        let this = self.this_ref();
        let had_the_lock = match op {
            VioOp::Write => this.net_write_io(&nh, &h),
            _ => this.net_read_io(&nh, &h),
        };
        debug_assert!(had_the_lock, "the caller has the mutex of the VIO");
    }

    fn get_data(&self, id: DataId) -> Option<ApiData> {
        match id {
            DataId::Closed => Some(ApiData::Closed(self.closed.is_set())),
            _ => None,
        }
    }

    fn lerrno(&self) -> i32 {
        self.lerrno.load(Ordering::Relaxed)
    }
}

impl NetVConnection for NetVC {
    fn net_base(&self) -> &NetVcBase {
        &self.net
    }

    fn set_active_timeout(&self, timeout: HrTime) {
        self.active_timeout_in.store(timeout, Ordering::Relaxed);
        let at = if timeout > 0 { self.now() + timeout } else { 0 };
        self.next_activity_timeout_at.store(at, Ordering::Relaxed);
    }

    fn set_inactivity_timeout(&self, timeout: HrTime) {
        self.inactivity_timeout_in.store(timeout, Ordering::Relaxed);
        let at = if timeout > 0 { self.now() + timeout } else { 0 };
        self.next_inactivity_timeout_at.store(at, Ordering::Relaxed);
    }

    fn set_default_inactivity_timeout(&self, timeout: HrTime) {
        self.inactivity_timeout_in.store(0, Ordering::Relaxed);
        self.default_inactivity_timeout.set();
        self.next_inactivity_timeout_at.store(self.now() + timeout, Ordering::Relaxed);
    }

    fn is_default_inactivity_timeout(&self) -> bool {
        self.default_inactivity_timeout.is_set() && self.get_inactivity_timeout() == 0
    }

    fn get_active_timeout(&self) -> HrTime {
        self.active_timeout_in.load(Ordering::Relaxed)
    }

    fn get_inactivity_timeout(&self) -> HrTime {
        self.inactivity_timeout_in.load(Ordering::Relaxed)
    }

    fn get_local_addr(&self) -> Option<SocketAddr> {
        if let Some(addr) = self.local_addr.get() {
            return Some(*addr);
        }
        let addr = self.with_socket(|stream| stream.local_addr().ok()).flatten()?;
        Some(*self.local_addr.get_or_init(|| addr))
    }

    fn get_remote_addr(&self) -> Option<SocketAddr> {
        self.remote_addr.get().copied()
    }

    /// # Panics
    /// If the calling thread is not the connection's; so do the other three.
    fn add_to_keep_alive_queue(&self) {
        self.with_handler(|nh, h, slot| nh.add_to_keep_alive_queue(h, slot));
    }

    fn remove_from_keep_alive_queue(&self) {
        self.with_handler(|nh, h, slot| nh.remove_from_keep_alive_queue(h, slot));
    }

    fn add_to_active_queue(&self) -> bool {
        self.with_handler(|nh, h, slot| nh.add_to_active_queue(h, slot)).unwrap_or(false)
    }

    fn remove_from_active_queue(&self) {
        self.with_handler(|nh, h, slot| nh.remove_from_active_queue(h, slot));
    }

    fn trap_write_buffer_empty(&self, event: EventCode) {
        self.write_buffer_empty_event.store(event.0, Ordering::Relaxed);
    }

    fn apply_options(&self) {
        let options: NetVCOptions = self.net.options();
        let ipv6 = self.get_remote_addr().is_some_and(|addr| addr.is_ipv6());
        self.with_sock_ref(|socket| connection::apply_options(socket, &options, ipv6));
    }
}

#[track_caller]
fn check_vio_guard(vio: &Vio, guard: &Guard<'_>) {
    assert!(vio.is_bound_to(guard.mutex()), "vio->mutex->thread_holding == this_ethread()");
}
