//! The functions that users call.
//!
//! Mirrors `do_io_read`, `do_io_write`, `do_io_close`, `do_io_shutdown`, `reenable`,
//! `reenable_re`, the timeouts and the addresses of `UnixNetVConnection` (9.2.9).

use crate::net::steps;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::AsRawFd;
use std::sync::Arc;

use eventsys::hrtime::after;
use eventsys::sync::atomic::Ordering;
use eventsys::{ContRef, EventCode, Guard, HrTime};

use super::{NetState, UnixNetVConnection};
use crate::bound::{BoundBuffer, IOBufferReader};
use crate::net::config::{DefaultInactivity, NetVcRelease};
use crate::net::connection;
use crate::net::handler::NetHandler;
use crate::net::queue::Slot;
use crate::net_vconnection::{NetVCOptions, NetVConnection, NetVcBase};
use crate::vconnection::{ApiData, DataId, ShutdownHowTo, VConnection};
use crate::vio::{MIOBufferAccessor, VIO, VioHandle, VioOp};

impl UnixNetVConnection {
    /// The common part of `do_io_read` and `do_io_write`.
    #[track_caller]
    fn do_io(
        &self,
        guard: &Guard<'_>,
        op: VioOp,
        cont: Option<ContRef>,
        nbytes: i64,
        buffer: MIOBufferAccessor,
    ) -> VioHandle {
        let handle = VioHandle::new(self.this_ref(), op);
        let state = self.net_state(op);
        let has_buffer = !matches!(buffer, MIOBufferAccessor::None);
        if self.closed.is_set() {
            // The original returns no VIO here; clearing a closed connection once more is allowed.
            if cont.is_some() || nbytes != 0 || has_buffer {
                log::error!(target: "iocore_net", "do_io invoked on a closed connection");
            }
            return handle;
        }
        let mutex = match &cont {
            Some(cont) => Arc::clone(cont.base().mutex().expect("I/O on a NetVC needs a mutex")),
            None => Arc::clone(self.mutex()),
        };
        let kind = if op == VioOp::Read { steps::NET_DO_IO_READ } else { steps::NET_DO_IO_WRITE };
        self.report(kind, Some(nbytes));
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
        if let Some(timeout) = self.inactivity_timeout_in.get()
            && self.next_inactivity_timeout_at.get().is_none()
        {
            self.next_inactivity_timeout_at.set(Some(after(self.now(), timeout)));
        }
    }

    /// Calls `f` with the handler and H, for work that needs H and the connection's own thread.
    /// Another thread has H for a moment at most (in `reenable`), so this waits for H; the original
    /// asserts that its try-lock succeeds.
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

impl VConnection for UnixNetVConnection {
    fn do_io_read(
        &self,
        guard: &Guard<'_>,
        cont: Option<ContRef>,
        nbytes: i64,
        buf: Option<&BoundBuffer>,
    ) -> VioHandle {
        let buffer =
            buf.map_or(MIOBufferAccessor::None, |buf| MIOBufferAccessor::Writer(buf.clone()));
        self.do_io(guard, VioOp::Read, cont, nbytes, buffer)
    }

    fn do_io_write(
        &self,
        guard: &Guard<'_>,
        cont: Option<ContRef>,
        nbytes: i64,
        reader: Option<&IOBufferReader>,
    ) -> VioHandle {
        let buffer = reader
            .map_or(MIOBufferAccessor::None, |reader| MIOBufferAccessor::Reader(reader.clone()));
        self.do_io(guard, VioOp::Write, cont, nbytes, buffer)
    }

    /// If a callback of this connection is on the stack, the socket is closed when that returns.
    /// Else, if its thread's handler is on the stack, it is closed before this returns; else in the
    /// next turn of the connection's thread, which is woken. In the last case the original leaves
    /// it to the inactivity cop, up to two seconds later.
    fn do_io_close(&self, lerrno: Option<i32>) {
        self.report(steps::NET_DO_IO_CLOSE, None);
        for state in [&self.read, &self.write] {
            state.enabled.clear();
            state.vio.retire();
            // The state machine's mutex is held, by the rule; if it is not, its operation is
            // dropped when the connection is freed.
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
        // Last: another thread that sees this may free the connection at once.
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

    fn vio(&self, op: VioOp) -> &VIO {
        assert!(op != VioOp::None, "op == VIO::READ || op == VIO::WRITE");
        &self.net_state(op).vio
    }

    /// # Panics
    /// Also if the connection is closed.
    #[track_caller]
    fn reenable(&self, guard: &Guard<'_>, op: VioOp) {
        let state = self.net_state(op);
        state.vio.check(guard);
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

    /// Moves bytes at once if the caller is in a callback of a connection of the same thread, which
    /// holds H; else does the same as `reenable`.
    ///
    /// # Panics
    /// Also if the connection is closed.
    #[track_caller]
    fn reenable_re(&self, guard: &Guard<'_>, op: VioOp) {
        let state = self.net_state(op);
        state.vio.check(guard);
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

impl NetVConnection for UnixNetVConnection {
    fn net_base(&self) -> &NetVcBase {
        &self.net
    }

    fn set_active_timeout(&self, timeout: HrTime) {
        self.active_timeout_in.set((timeout != 0).then_some(timeout));
        let at = (timeout > 0).then(|| after(self.now(), timeout));
        self.next_activity_timeout_at.set(at);
    }

    fn set_inactivity_timeout(&self, timeout: HrTime) {
        let timeout = match (timeout, self.shared.config.release) {
            (0, NetVcRelease::V8_1) => self.shared.config.default_inactivity_timeout,
            _ => timeout,
        };
        self.inactivity_timeout_in.set((timeout != 0).then_some(timeout));
        let at = (timeout > 0).then(|| after(self.now(), timeout));
        self.next_inactivity_timeout_at.set(at);
    }

    fn set_default_inactivity_timeout(&self, timeout: HrTime) {
        match self.shared.config.default_inactivity {
            DefaultInactivity::OfAll => self.run_default_inactivity(timeout),
            DefaultInactivity::OfEachConnection => {
                // -1 stands for none of its own.
                let own = (timeout != -1).then_some(timeout);
                self.default_inactivity_timeout_in.set(own);
            }
        }
    }

    fn is_default_inactivity_timeout(&self) -> bool {
        self.default_inactivity_timeout.is_set() && self.inactivity_timeout_in.get().is_none()
    }

    fn get_active_timeout(&self) -> HrTime {
        self.active_timeout_in.get().unwrap_or(0)
    }

    fn get_inactivity_timeout(&self) -> HrTime {
        self.inactivity_timeout_in.get().unwrap_or(0)
    }

    fn get_local_addr(&self) -> Option<SocketAddr> {
        if let Some(addr) = self.local_addr.get() {
            return Some(*addr);
        }
        let addr = self.with_socket(|stream| stream.local_addr().ok()).flatten()?;
        Some(*self.local_addr.get_or_init(|| addr))
    }

    fn get_socket(&self) -> i32 {
        self.with_socket(|stream| stream.as_raw_fd()).unwrap_or(-1)
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
