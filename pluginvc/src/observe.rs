//! What an observer sees of a pair: only in the exploration build.

use eventsys::sync::atomic::Ordering;
use iocore::VioOp;

use crate::core::PluginVCCore;
use crate::steps::Side;

/// Work that nothing is going to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pending {
    /// The operation; `None`: the close.
    pub op: Option<VioOp>,
}

/// The work of this end that is pending although no retry event of the end is scheduled. To be
/// asked when no event is being dispatched.
#[must_use]
pub fn pending(core: &PluginVCCore, side: Side) -> Option<Pending> {
    let _core = core.mutex().lock();
    let end = core.end(side);
    if !core.alive.is_set()
        || end.deletable.is_set()
        || end.reentrancy_count.load(Ordering::Relaxed) > 0
        || end.sm_lock_retry_event.is_some()
        || end.core_lock_retry_event.is_some()
    {
        return None;
    }
    if end.closed.is_set() {
        return Some(Pending { op: None });
    }
    [VioOp::Read, VioOp::Write].into_iter().find_map(|op| {
        let direction = end.direction(op);
        let is_pending = direction.need_process.is_set() && direction.vio.op() == op;
        is_pending.then_some(Pending { op: Some(op) })
    })
}

/// The bytes in the core buffer that this end writes into; `None` if the pair has been freed. 0 in
/// an epoch that has no core buffers.
#[must_use]
pub fn bytes_in_core(core: &PluginVCCore, writer: Side) -> Option<i64> {
    let guard = core.mutex().lock();
    if !core.alive.is_set() {
        return None;
    }
    if !core.options.epoch.has_core_buffers() {
        return Some(0);
    }
    let flow = core.state(&guard).flows()[writer.index()].borrow();
    Some(flow.buffer.read_avail(flow.reader))
}
