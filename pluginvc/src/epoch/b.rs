//! How bytes move in epoch B: releases 6.2 to 8.1.
//!
//! Mirrors `PluginVC::process_read_side` and `process_write_side` of 8.1.11.
//!
//! As in epoch C, all bytes pass through an intermediate buffer of the core.
//! Here each function takes the mutex of its *own* VIO, after it has read the
//! operation and, on the write side, the shutdown flag: both may have changed by
//! then. The read side checks the shutdown flag again (TS-3339); the write side
//! does not, which is the race that PR #4746 closed.

use crate::steps as pvc;
use eventsys::Guard;
use eventsys::defects::rearmed;
use iocore::VioOp;

use crate::defects::TS_3339;
use crate::half::Half;
use crate::transfer::Progress;

/// Moves bytes from the user's write buffer into the core buffer, and calls the
/// write side's state machine back.
pub(crate) fn process_write_side(
    half: Half<'_>,
    core: &Guard<'_>,
    sm: Option<&Guard<'_>>,
    caller: Option<&Guard<'_>>,
) {
    // course: 7,9 hide process_write_side
    let end = half.end();
    end.write.need_process.clear();

    if end.write.vio.op() != VioOp::Write || end.closed.is_set() || end.write.shutdown.is_set() {
        return;
    }
    half.with_sm(core, VioOp::Write, sm, move |locked| match locked {
        None => half.write_lock_miss(),
        Some(None) => {}
        Some(Some(sm)) => locked_write_side(half, core, sm, caller),
    });
    // course: 7,9 stub let _ = (half, core, sm, caller);
    // course: 7,9 stub todo!("this lesson leaves epoch B out")
    // course: 7,9 end
}

/// The part under the mutex of the write VIO.
fn locked_write_side(half: Half<'_>, core: &Guard<'_>, sm: &Guard<'_>, caller: Option<&Guard<'_>>) {
    // course: 7,9 hide locked_write_side
    let (end, other) = (half.end(), half.other().end());
    half.report(pvc::WRITE_SIDE, None);
    end.write.need_process.clear();
    match half.write_into_core(core, sm) {
        Progress::Moved => half.update_inactive_time(),
        Progress::Nothing => return,
    }

    if other.closed.is_set() {
        return;
    }
    match caller {
        Some(caller) => half.other().reenable_caller(caller, VioOp::Read),
        None => half.other().process_read_side(core, None, Some(sm)),
    }
    // course: 7,9 stub let _ = (half, core, sm, caller);
    // course: 7,9 stub todo!("this lesson leaves epoch B out")
    // course: 7,9 end
}

/// Moves bytes from the core buffer into the user's read buffer, and calls the
/// read side's state machine back.
pub(crate) fn process_read_side(
    half: Half<'_>,
    core: &Guard<'_>,
    sm: Option<&Guard<'_>>,
    caller: Option<&Guard<'_>>,
) {
    // course: 7,9 hide process_read_side
    let end = half.end();
    end.read.need_process.clear();

    if end.read.vio.op() != VioOp::Read
        || end.closed.is_set()
        || (rearmed(&TS_3339) && end.read.shutdown.is_set())
    {
        return;
    }
    half.with_sm(core, VioOp::Read, sm, move |locked| match locked {
        None => half.read_lock_miss(),
        Some(None) => {}
        Some(Some(sm)) => locked_read_side(half, core, sm, caller),
    });
    // course: 7,9 stub let _ = (half, core, sm, caller);
    // course: 7,9 stub todo!("this lesson leaves epoch B out")
    // course: 7,9 end
}

/// The part under the mutex of the read VIO.
fn locked_read_side(half: Half<'_>, core: &Guard<'_>, sm: &Guard<'_>, caller: Option<&Guard<'_>>) {
    // course: 7,9 hide locked_read_side
    let (end, other) = (half.end(), half.other().end());
    half.report(pvc::READ_SIDE, None);
    end.read.need_process.clear();
    // Under the mutex (TS-3339).
    if !rearmed(&TS_3339) && end.read.shutdown.is_set() {
        return;
    }
    match half.read_from_core(core, sm) {
        Progress::Moved => half.update_inactive_time(),
        Progress::Nothing => return,
    }

    if other.closed.is_set() {
        return;
    }
    match caller {
        Some(caller) => half.other().reenable_caller(caller, VioOp::Write),
        None => half.other().process_write_side(core, None, Some(sm)),
    }
    // course: 7,9 stub let _ = (half, core, sm, caller);
    // course: 7,9 stub todo!("this lesson leaves epoch B out")
    // course: 7,9 end
}
