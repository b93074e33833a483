//! [`PluginVC`]: one end, as its users see it.
//!
//! The two ends and the pair are one allocation: a `PluginVC` is a view of the pair, and a reference
//! to it counts as one to the pair. Which end it is, its type says.
//!
//! Mirrors `PluginVC::do_io_read`, `do_io_write`, `do_io_close`,
//! `do_io_shutdown`, `reenable`, `reenable_re`, `get_data`, `set_data` and the
//! addresses.
//!
//! # Contract
//! Made by a [`PluginVCCore`]; given to the state machine that connects and to
//! the one that accepts; each closes its end with `do_io_close`. `do_io_*` and
//! `reenable` put the work off to an event and never call back; `reenable_re`
//! takes the core mutex and may.

use crate::steps as pvc;
use crate::steps::Side;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::sync::Arc;

use bytemuck::{TransparentWrapper, TransparentWrapperAlloc};
use eventsys::defects::rearmed;
use eventsys::sync::atomic::Ordering;
use eventsys::{ContRef, Guard, HrTime, ProxyMutex};
use iocore::{
    ApiData, BoundBuffer, DataId, IOBufferReader, MIOBufferAccessor, NetVConnection, NetVcBase,
    ShutdownHowTo, UserData, VConnection, VIO, VioHandle, VioOp,
};

use crate::core::PluginVCCore;
use crate::defects::{TS_3235, TS_3522, planted};
use crate::end::End;
use crate::half::Half;

/// Which end of a pair a [`PluginVC`] is: [`Active`] or [`Passive`].
pub trait WhichEnd: sealed::Sealed + 'static {
    /// The end.
    const SIDE: Side;
    /// The one at the other side.
    type Other: WhichEnd;
}

/// The end that connects.
#[derive(Clone, Copy, Debug)]
pub enum Active {}

/// The end that the acceptor is given.
#[derive(Clone, Copy, Debug)]
pub enum Passive {}

impl WhichEnd for Active {
    const SIDE: Side = Side::Active;
    type Other = Passive;
}

impl WhichEnd for Passive {
    const SIDE: Side = Side::Passive;
    type Other = Active;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Active {}
    impl Sealed for super::Passive {}
}

/// One end of a pair.
///
/// ```
/// use testkit::prelude::*;
///
/// let lab = Lab::new();
/// let (a, p) = lab.agents();
/// let core = lab.pair(&a, &p);
/// let active = core.active_vc().unwrap();
/// let passive = active.get_other_side().unwrap();
/// assert_eq!((active.side().letter(), passive.side().letter()), ('A', 'P'));
/// assert!(!passive.is_closed());
/// ```
#[derive(TransparentWrapper)]
#[repr(transparent)]
#[transparent(PluginVCCore)]
pub struct PluginVC<W: WhichEnd> {
    core: PluginVCCore,
    which: PhantomData<fn() -> W>,
}

impl<W: WhichEnd> PluginVC<W> {
    /// The end of a pair.
    #[inline]
    pub(crate) fn of(pair: Arc<PluginVCCore>) -> Arc<PluginVC<W>> {
        PluginVC::wrap_arc(pair)
    }

    /// Which end it is.
    #[must_use]
    pub fn side(&self) -> Side {
        W::SIDE
    }

    /// The pair.
    #[must_use]
    pub fn core(&self) -> Arc<PluginVCCore> {
        self.core.this.upgrade().expect("called by reference")
    }

    /// The other end, until the pair is freed. Mirrors `get_other_side`.
    #[must_use]
    pub fn get_other_side(&self) -> Option<Arc<PluginVC<W::Other>>> {
        self.core.if_alive().map(PluginVC::of)
    }

    /// True once `do_io_close` has been called. Without the core mutex, the
    /// answer may be out of date.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.end().closed.is_set()
    }

    /// Whether the operation's direction must be processed: the flag that `do_io` and `reenable`
    /// set. For observers of an exploration.
    #[cfg(feature = "explore")]
    #[must_use]
    pub fn needs_process(&self, op: VioOp) -> bool {
        self.end().direction(op).need_process.is_set()
    }

    /// The core mutex.
    fn mutex(&self) -> &Arc<ProxyMutex> {
        self.core.mutex()
    }

    /// A reference to this end.
    fn this_ref(&self) -> Arc<PluginVC<W>> {
        self.core.this.upgrade().map(PluginVC::of).expect("called by reference")
    }

    /// This end inside its pair.
    #[inline]
    pub(crate) fn half(&self) -> Half<'_> {
        Half { core: &self.core, side: W::SIDE }
    }

    #[inline]
    pub(crate) fn end(&self) -> &End {
        self.core.end(W::SIDE)
    }

    /// The assertions that open every call of the original; in debug builds only,
    /// as there.
    fn check_usable(&self) {
        debug_assert!(!self.end().closed.is_set(), "!closed");
        debug_assert!(self.core.alive.is_set(), "magic == PLUGIN_VC_MAGIC_ALIVE");
    }

    /// The common part of `do_io_read` and `do_io_write`: issues the operation,
    /// and puts the work off to another stack, because `do_io` must not call
    /// back.
    #[track_caller]
    fn do_io(
        &self,
        guard: &Guard<'_>,
        op: VioOp,
        cont: Option<ContRef>,
        nbytes: i64,
        buffer: MIOBufferAccessor,
    ) -> VioHandle {
        self.check_usable();
        let mutex = match &cont {
            Some(cont) => Arc::clone(
                cont.base()
                    .mutex()
                    .expect("a continuation that does I/O on a PluginVC has a mutex"),
            ),
            None if rearmed(&TS_3522) => panic!("c->mutex: c is a null pointer"),
            None => Arc::clone(self.mutex()),
        };
        let direction = self.end().direction(op);
        direction.vio.issue(guard, &mutex, op, cont, nbytes, buffer);
        let kind = if op == VioOp::Read { pvc::DO_IO_READ } else { pvc::DO_IO_WRITE };
        self.half().report(kind, Some(nbytes));
        direction.need_process.set();
        self.half().setup_event_cb(0, &self.end().sm_lock_retry_event);
        VioHandle::new(self.this_ref(), op)
    }

    fn address(&self, local: bool) -> Option<SocketAddr> {
        let of_active = (W::SIDE == Side::Active) == local;
        self.core.with_about(|about| if of_active { about.active_addr } else { about.passive_addr })
    }
}

impl<W: WhichEnd> VConnection for PluginVC<W> {
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

    /// Takes the core mutex; if this end is not on the stack, an event will
    /// process the close, otherwise the call that is on the stack does it
    /// (TS-3235).
    fn do_io_close(&self, _lerrno: Option<i32>) {
        self.check_usable();
        self.half().report(pvc::DO_IO_CLOSE, None);
        if rearmed(&TS_3235) {
            return self.half().close_as_before_6_2();
        }
        let _core = (!rearmed(&planted::CLOSE)).then(|| self.mutex().lock());
        let end = self.end();
        if !end.closed.is_set() {
            end.closed.set();
            if end.reentrancy_count.load(Ordering::Relaxed) <= 0 {
                self.half().setup_event_cb(0, &end.sm_lock_retry_event);
            }
        }
    }

    /// Takes no lock up to 10.1 (#12982): only [`Epoch::E`](crate::Epoch::E) takes the core mutex,
    /// and waits for it, or
    /// [`Corrections::shutdown_takes_core_lock`](crate::Corrections::shutdown_takes_core_lock).
    fn do_io_shutdown(&self, howto: ShutdownHowTo) {
        self.check_usable();
        let _core = self.core.options.locks_shutdown().then(|| self.mutex().lock());
        let end = self.end();
        if matches!(howto, ShutdownHowTo::Read | ShutdownHowTo::ReadWrite) {
            end.read.shutdown.set();
        }
        if matches!(howto, ShutdownHowTo::Write | ShutdownHowTo::ReadWrite) {
            end.write.shutdown.set();
        }
    }

    fn vio(&self, op: VioOp) -> &VIO {
        &self.end().direction(op).vio
    }

    /// PR #4746 made `vio->mutex->thread_holding == this_ethread()` a debug
    /// assertion here; the guard makes it a rule in every build.
    #[inline(always)] // Into `reenable_if_issued`, which each piece calls twice.
    #[track_caller]
    fn reenable(&self, guard: &Guard<'_>, op: VioOp) {
        self.check_usable();
        let direction = self.end().direction(op);
        direction.vio.check(guard);
        self.half().reenable(op);
    }

    /// Goes on at once: takes the core mutex and processes the direction on this
    /// stack. A close that a callback asks for is put off to an event, which can
    /// take all the locks it needs.
    #[track_caller]
    fn reenable_re(&self, guard: &Guard<'_>, op: VioOp) {
        self.check_usable();
        let end = self.end();
        let direction = end.direction(op);
        direction.vio.check(guard);
        let kind = match op {
            VioOp::Write => pvc::REENABLE_RE_WRITE,
            _ => pvc::REENABLE_RE_READ,
        };
        self.half().report(kind, None);
        assert!(direction.vio.op() == op, "vio->op == VIO::READ || vio->op == VIO::WRITE");

        let core = self.mutex().lock();
        let entered = Reentrancy::enter(end);
        direction.need_process.set();
        match op {
            VioOp::Write => self.half().process_write_side(&core, Some(guard), None),
            _ => self.half().process_read_side(&core, Some(guard), None),
        }
        drop(entered);
        if end.closed.is_set() {
            self.half().setup_event_cb(0, &end.sm_lock_retry_event);
        }
    }

    fn get_data(&self, id: DataId) -> Option<ApiData> {
        let user = |of_active: bool| {
            let data = |about: &mut crate::core::About| match of_active {
                true => about.active_data.clone(),
                false => about.passive_data.clone(),
            };
            Some(ApiData::User(self.core.with_about(data)))
        };
        let active = W::SIDE == Side::Active;
        match id {
            DataId::PluginVcLocal => user(active),
            DataId::PluginVcRemote => user(!active),
            DataId::Closed => Some(ApiData::Closed(self.end().closed.is_set())),
            _ => None,
        }
    }

    fn set_data(&self, id: DataId, data: UserData) -> bool {
        let local = match id {
            DataId::PluginVcLocal => true,
            DataId::PluginVcRemote => false,
            _ => return false,
        };
        if (W::SIDE == Side::Active) == local {
            self.core.set_active_data(data);
        } else {
            self.core.set_passive_data(data);
        }
        true
    }
}

impl<W: WhichEnd> NetVConnection for PluginVC<W> {
    fn net_base(&self) -> &NetVcBase {
        &self.end().net
    }

    fn set_active_timeout(&self, timeout: HrTime) {
        self.half().arm_active_timeout(timeout);
    }

    fn set_inactivity_timeout(&self, timeout: HrTime) {
        self.half().arm_inactivity_timeout(timeout);
    }

    fn set_default_inactivity_timeout(&self, timeout: HrTime) {
        self.set_inactivity_timeout(timeout);
    }

    fn is_default_inactivity_timeout(&self) -> bool {
        false
    }

    fn get_active_timeout(&self) -> HrTime {
        self.end().active_timeout.get().unwrap_or(0)
    }

    fn get_inactivity_timeout(&self) -> HrTime {
        self.end().inactive_timeout.get().unwrap_or(0)
    }

    fn get_local_addr(&self) -> Option<SocketAddr> {
        self.address(true)
    }

    fn get_remote_addr(&self) -> Option<SocketAddr> {
        self.address(false)
    }

    fn plugin_tag(&self) -> Option<Arc<str>> {
        self.core.options.plugin_tag.clone()
    }

    fn plugin_id(&self) -> i64 {
        self.core.options.plugin_id
    }
}

/// Counts a call that may call the state machine back, so that a close in
/// between is put off. The caller holds the core mutex.
pub(crate) struct Reentrancy<'a>(&'a End);

impl<'a> Reentrancy<'a> {
    pub(crate) fn enter(end: &'a End) -> Reentrancy<'a> {
        // Under the core mutex, so a load and a store are one step.
        let count = end.reentrancy_count.load(Ordering::Relaxed);
        end.reentrancy_count.store(count + 1, Ordering::Relaxed);
        Reentrancy(end)
    }
}

impl Drop for Reentrancy<'_> {
    fn drop(&mut self) {
        let count = self.0.reentrancy_count.load(Ordering::Relaxed);
        self.0.reentrancy_count.store(count - 1, Ordering::Relaxed);
    }
}
