//! How bytes move in epochs D and E: release 9.2 and 10.x.
//!
//! Mirrors `PluginVC::process_read_side` and `process_write_side` of 9.2.9. Those of 10.2.0 take
//! the same steps; they also count bytes for the plugin that made the pair (#13278), which is not
//! modelled.
//!
//! There is no buffer between the two ends (PR #8698): the write side moves
//! bytes from its user's write buffer straight into the *peer's* read buffer,
//! under both mutexes, and calls both state machines back. The read side only
//! checks whether the peer still writes, and if so calls the peer's write side.
//!
//! For users this means: a state machine that writes before the peer has called
//! `do_io_read` gets `VC_EVENT_ERROR` at once, where B and C deliver. And the
//! peer is called back without a second check that it is still open: a close
//! inside the writer's callback, or in a nested pass, is followed by one more
//! event, as in 9.2.9 (where it uses what the close may have freed).

use crate::steps as pvc;
use eventsys::{EventCode, Guard};
use iocore::{BoundBuffer, BoundVio, IOBufferReader, MIOBufferAccessor, VioOp};

use crate::half::Half;
use crate::locks::take_vio_mutex;
use crate::transfer::{transfer_bytes, transfer_within};

/// Moves bytes from the user's write buffer into the peer's read buffer, and
/// calls both state machines back. `sm` is the mutex of this end's write VIO.
#[inline(never)] // One copy, into which everything down to the call of the state machines goes.
pub(crate) fn process_write_side(half: Half<'_>, core: &Guard<'_>, sm: Option<&Guard<'_>>) {
    let (end, other) = (half.end(), half.other().end());
    let (vio, other_vio) = (&end.write.vio, &other.read.vio);
    half.report(pvc::WRITE_SIDE, None);
    end.write.need_process.clear();

    // course: 7,9 hide process_write_side
    // course: 12 begin process_write_side "decide, and take the peer's mutex"
    let Some(sm) = sm else { return };
    let bound = vio.bound(sm);
    let is_null = !bound.has_continuation();
    if is_null || vio.op() != VioOp::Write || end.closed.is_set() || end.write.shutdown.is_set() {
        return;
    }
    let ntodo = vio.ntodo();
    if ntodo == 0 {
        return;
    }
    let bytes_avail = match bound.buffer() {
        MIOBufferAccessor::Reader(reader) => reader.read_avail(sm),
        _ => return,
    };
    let mut act_on = bytes_avail.min(ntodo);
    half.report(pvc::WRITE_ACT_ON, Some(act_on));

    if other_vio.op() != VioOp::Read || other.closed.is_set() || other.read.shutdown.is_set() {
        drop(bound);
        half.call_back(sm, VioOp::Write, EventCode::VC_EVENT_ERROR);
        return;
    }
    if act_on <= 0 {
        if ntodo > 0 {
            // Nothing to write: the state machine should fill the buffer.
            drop(bound);
            half.call_back(sm, VioOp::Write, EventCode::VC_EVENT_WRITE_READY);
        }
        return;
    }
    let other_ntodo = other_vio.ntodo();
    if other_ntodo == 0 {
        return;
    }
    act_on = act_on.min(other_ntodo);
    let mutex = half.other().vio_mutex(core, VioOp::Read);
    match take_vio_mutex(other_vio, &mutex) {
        None => half.other().read_lock_miss(),
        Some(None) => {}
        Some(Some(other_sm)) => move_to_peer(half, core, sm, bound, &other_sm, act_on),
    }
    // course: 12 stub let _ = (core, sm, end, other, vio, other_vio);
    // course: 12 stub todo!("lesson 12: process_write_side")
    // course: 12 end
    // course: 7,9 stub let _ = (core, sm, end, other, vio, other_vio);
    // course: 7,9 stub todo!("this lesson leaves the later epochs out")
    // course: 7,9 end
}

/// Moves `act_on` bytes at most, as far as there is room, under both mutexes.
#[inline(always)]
fn move_to_peer(
    half: Half<'_>,
    core: &Guard<'_>,
    sm: &Guard<'_>,
    bound: BoundVio<'_>,
    other_sm: &Guard<'_>,
    act_on: i64,
) {
    // course: 12 begin move_to_peer "move, count for both, call both"
    let (end, other) = (half.end(), half.other().end());
    let (vio, other_vio) = (&end.write.vio, &other.read.vio);
    let other_bound = other_vio.bound(other_sm);
    let added = match (bound.buffer(), other_bound.buffer()) {
        (MIOBufferAccessor::Reader(from), MIOBufferAccessor::Writer(to)) => {
            move_as_fits(half.max_bytes(), sm, other_sm, from, to, act_on)
        }
        (_, MIOBufferAccessor::Writer(_)) => None,
        _ => panic!("do_io_read without a buffer: the original dereferences a null pointer here"),
    };
    let Some(added) = added else {
        half.report(pvc::PEER_NO_SPACE, None);
        return;
    };
    bound.add_ndone(added);
    other_bound.add_ndone(added);
    // The state machines may do anything with their VIOs.
    drop((bound, other_bound));
    half.report(pvc::MOVED, Some(added));

    let event = match vio.ntodo() {
        0 => EventCode::VC_EVENT_WRITE_COMPLETE,
        _ => EventCode::VC_EVENT_WRITE_READY,
    };
    half.call_back(sm, VioOp::Write, event);
    let event = match other_vio.ntodo() {
        0 => EventCode::VC_EVENT_READ_COMPLETE,
        _ => EventCode::VC_EVENT_READ_READY,
    };
    // The first callback may have issued the peer's read again.
    half.other().with_sm_after_callback(core, VioOp::Read, Some(other_sm), move |locked| {
        if let Some(Some(other_sm)) = locked {
            half.other().call_back(other_sm, VioOp::Read, event);
        }
    });
    half.update_inactive_time();
    half.other().update_inactive_time();
    if !end.closed.is_set() {
        half.reenable_caller(sm, VioOp::Write);
    }
    // course: 12 stub let _ = (core, sm, other_sm, act_on);
    // course: 12 stub todo!("lesson 12: move_to_peer")
    // course: 12 end
}

/// Moves `act_on` bytes, but no more than there is room for; `None` if there is no
/// room.
#[inline(always)]
fn move_as_fits(
    max_bytes: i64,
    sm: &Guard<'_>,
    other_sm: &Guard<'_>,
    from: &IOBufferReader,
    to: &BoundBuffer,
    act_on: i64,
) -> Option<i64> {
    let is_same = to.is(from.buffer());
    let to = &mut *to.borrow(other_sm);
    let buf_space = to.water_mark().max(max_bytes) - to.max_read_avail();
    if buf_space <= 0 {
        return None;
    }
    let (id, act_on) = (from.id(), act_on.min(buf_space));
    Some(if is_same {
        transfer_within(to, id, act_on)
    } else {
        transfer_bytes(to, &mut from.buffer().borrow(sm), id, act_on)
    })
}

/// Calls the peer's write side, or reports the end of the stream if the peer
/// writes no more. `sm` is the mutex of this end's read VIO.
pub(crate) fn process_read_side(half: Half<'_>, core: &Guard<'_>, sm: Option<&Guard<'_>>) {
    let (end, other) = (half.end(), half.other().end());
    let vio = &end.read.vio;
    half.report(pvc::READ_SIDE, None);
    // course: 7,9 hide process_read_side
    end.read.need_process.clear();

    let Some(sm) = sm else { return };
    let is_null = !vio.has_continuation(sm);
    if is_null || vio.op() != VioOp::Read || end.closed.is_set() || end.read.shutdown.is_set() {
        return;
    }
    if vio.ntodo() == 0 {
        return;
    }
    if other.closed.is_set() || other.write.shutdown.is_set() {
        half.report(pvc::PEER_WRITE_GONE, None);
        half.call_back(sm, VioOp::Read, EventCode::VC_EVENT_EOS);
        return;
    }
    if other.write.vio.op() != VioOp::Write {
        return;
    }
    let mutex = half.other().vio_mutex(core, VioOp::Write);
    match take_vio_mutex(&other.write.vio, &mutex) {
        None => half.other().write_lock_miss(),
        Some(other_sm) => process_write_side(half.other(), core, other_sm.as_ref()),
    }
    // course: 7,9 stub let _ = (end, other, core, sm, vio);
    // course: 7,9 stub todo!("this lesson leaves the later epochs out")
    // course: 7,9 end
}
