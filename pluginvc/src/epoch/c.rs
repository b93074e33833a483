//! How bytes move in epoch C: releases 9.0 and 9.1.
//!
//! Mirrors `PluginVC::process_read_side` and `process_write_side` of 9.1.3.
//!
//! All bytes pass through an intermediate buffer of the core, one for each
//! direction: the write side moves from the user's write buffer into it, the read
//! side moves from it into the user's read buffer. It differs from B by PR #4746:
//! before one side processes the *other* side's VIO, it takes that VIO's mutex,
//! and checks everything that may have changed under it.
//!
//! The two functions mirror each other. Each
//! 1. clears its `need_process`,
//! 2. leaves if the operation is not there, closed, shut, or done,
//! 3. finds out how much it can act on, and reports the end of the stream or
//!    the need for bytes,
//! 4. moves what fits, and calls the state machine back,
//! 5. wakes the other side: by a direct call, under that side's mutex, or by
//!    `reenable`, if the other side called it.

use crate::steps as pvc;
use eventsys::Guard;
use eventsys::defects::rearmed;
use iocore::VioOp;

use crate::defects::{TS_3339, planted};
use crate::half::Half;
use crate::transfer::Progress;

/// Moves bytes from the user's write buffer into the core buffer, and calls the
/// write side's state machine back. Without `sm` the VIO has no mutex, so no
/// operation was issued.
pub(crate) fn process_write_side(
    half: Half<'_>,
    core: &Guard<'_>,
    sm: Option<&Guard<'_>>,
    caller: Option<&Guard<'_>>,
) {
    // course: 9 begin process_write_side "mend #4746: look under the mutex that the caller has taken"
    let (end, other) = (half.end(), half.other().end());
    half.report(pvc::WRITE_SIDE, None);
    // course: 7 begin process_write_side "decide, move, wake the reader"
    end.write.need_process.clear();

    let Some(sm) = sm else { return };
    let looks_again = !(rearmed(&planted::LOOK) && caller.is_some());
    if end.write.vio.op() != VioOp::Write
        || end.closed.is_set()
        || (looks_again && end.write.shutdown.is_set())
    {
        return;
    }
    match half.write_into_core(core, sm) {
        Progress::Moved => half.update_inactive_time(),
        Progress::Nothing => return,
    }

    if other.closed.is_set() {
        return;
    }
    if let Some(caller) = caller {
        half.other().reenable_caller(caller, VioOp::Read);
        return;
    }
    // Without the other side's mutex its `need_process` must not be cleared, and
    // the state that it reads here may change at any time: the only safe
    // decision is to leave.
    if other.read.vio.op() != VioOp::Read || other.read.shutdown.is_set() {
        return;
    }
    half.other().with_sm(core, VioOp::Read, None, |locked| match locked {
        None => half.other().read_lock_miss(),
        Some(other_sm) => half.other().process_read_side(core, other_sm, Some(sm)),
    });
    // course: 7 stub let _ = (end, other, core, sm, caller);
    // course: 7 stub todo!("lesson 7: process_write_side")
    // course: 7 end
    // course: 9 starter process_write_side.rs
    // course: 9 end
}

/// Moves bytes from the core buffer into the user's read buffer, and calls the
/// read side's state machine back. Without `sm` the VIO has no mutex, so no
/// operation was issued.
pub(crate) fn process_read_side(
    half: Half<'_>,
    core: &Guard<'_>,
    sm: Option<&Guard<'_>>,
    caller: Option<&Guard<'_>>,
) {
    // course: 9 begin process_read_side "mend TS-3339, then #4746: look under the mutex"
    let (end, other) = (half.end(), half.other().end());
    half.report(pvc::READ_SIDE, None);
    // course: 7 begin process_read_side "decide, move, wake the writer"
    end.read.need_process.clear();

    let Some(sm) = sm else { return };
    // Under the mutex (TS-3339): a shutdown that was not there when the other
    // side looked may be there now, and the user's buffer gone.
    let looks_again = !(rearmed(&TS_3339) && caller.is_some());
    if end.read.vio.op() != VioOp::Read
        || end.closed.is_set()
        || (looks_again && end.read.shutdown.is_set())
    {
        return;
    }
    match half.read_from_core(core, sm) {
        Progress::Moved => half.update_inactive_time(),
        Progress::Nothing => return,
    }

    if other.closed.is_set() {
        return;
    }
    if let Some(caller) = caller {
        half.other().reenable_caller(caller, VioOp::Write);
        return;
    }
    if other.write.vio.op() != VioOp::Write || other.write.shutdown.is_set() {
        return;
    }
    half.other().with_sm(core, VioOp::Write, None, |locked| match locked {
        None => half.other().write_lock_miss(),
        Some(other_sm) => half.other().process_write_side(core, other_sm, Some(sm)),
    });
    // course: 7 stub let _ = (end, other, core, sm, caller);
    // course: 7 stub todo!("lesson 7: process_read_side")
    // course: 7 end
    // course: 9 starter process_read_side.rs
    // course: 9 end
}
