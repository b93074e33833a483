//! How bytes move in epoch C: releases 9.0 and 9.1.
//!
//! Mirrors `PluginVC::process_read_side` and `process_write_side` of 9.1.3.
//!
//! All bytes pass through an intermediate buffer of the core, one for each
//! direction: the write side moves from the user's write buffer into it, the
//! read side from it into the user's read buffer. What sets this epoch apart
//! from B is PR #4746: before one side processes the *other* side's VIO, it takes
//! that VIO's mutex, and looks again at everything that may have changed.
//!
//! The two functions are the same, mirrored. Each
//! 1. clears its `need_process`,
//! 2. leaves if the operation is not there, closed, shut, or done,
//! 3. finds out how much it can act on, and reports an end or a want,
//! 4. moves what fits, and calls the state machine back,
//! 5. wakes the other side: itself, under that side's mutex, or, if it was
//!    itself called by the other side, by `reenable`.

use eventsys::steps::StepKind;
use eventsys::{EventCode, Guard};
use iocore::{Accessor, VioOp};

use crate::PVC_LOCK_RETRY_TIME;
use crate::half::Half;
use crate::transfer::transfer_bytes;

impl Half<'_> {
    /// Moves bytes from the user's write buffer into the core buffer, and calls
    /// the write side's state machine back.
    ///
    /// `core` is C; `sm` the mutex of this end's write VIO, `None` if the VIO has
    /// none, and then there is nothing to do; `caller` the mutex of the other
    /// end's read VIO if it is the other end that calls.
    pub(crate) fn process_write_side(
        self,
        core: &Guard<'_>,
        sm: Option<&Guard<'_>>,
        caller: Option<&Guard<'_>>,
    ) {
        debug_assert!(!self.end().deletable.is_set(), "!deletable");
        debug_assert!(self.core.alive.is_set(), "magic == PLUGIN_VC_MAGIC_ALIVE");
        let (end, other) = (self.end(), self.other().end());
        let vio = &end.write.vio;
        self.report(StepKind::WriteSide, None);
        end.write.need_process.clear();

        let Some(sm) = sm else { return };
        if vio.op() != VioOp::Write || end.closed.is_set() || end.write.shutdown.is_set() {
            return;
        }
        let ntodo = vio.ntodo();
        if ntodo == 0 || self.is_null_do_io(sm, VioOp::Write) {
            return;
        }
        let bytes_avail = vio.with_buffer(sm, |buffer| match buffer {
            Accessor::Reader(reader) => reader.read_avail(sm),
            _ => panic!("do_io_write without a reader: 9.1.3 dereferences a null pointer here"),
        });
        let mut act_on = bytes_avail.min(ntodo);
        self.report(StepKind::WriteActOn, Some(act_on));

        if other.closed.is_set() || other.read.shutdown.is_set() {
            self.call_back(sm, VioOp::Write, EventCode::VC_EVENT_ERROR);
            return;
        }
        if act_on <= 0 {
            if ntodo > 0 {
                // Nothing to write: the state machine is to fill the buffer.
                self.call_back(sm, VioOp::Write, EventCode::VC_EVENT_WRITE_READY);
            }
            return;
        }

        let flow = self.outgoing(core);
        let buf_space = self.max_bytes() - flow.borrow().buffer.max_read_avail();
        if buf_space <= 0 {
            self.report(StepKind::WriteNoSpace, None);
            return;
        }
        act_on = act_on.min(buf_space);
        let added = vio.with_buffer(sm, |buffer| match buffer {
            Accessor::Reader(reader) => reader.buffer().with(sm, |from| {
                transfer_bytes(&mut flow.borrow_mut().buffer, from, reader.id(), act_on)
            }),
            _ => 0,
        });
        vio.add_ndone(sm, added);
        self.report(StepKind::WriteAdded, Some(added));
        let event = match vio.ntodo() {
            0 => EventCode::VC_EVENT_WRITE_COMPLETE,
            _ => EventCode::VC_EVENT_WRITE_READY,
        };
        self.call_back(sm, VioOp::Write, event);
        self.update_inactive_time();

        if other.closed.is_set() {
            return;
        }
        if let Some(caller) = caller {
            self.other().reenable_caller(caller, VioOp::Read);
            return;
        }
        // Without the other side's mutex, its `need_process` must not be cleared
        // and its shutdown flag may change any time: nothing is decided here but
        // to leave.
        if other.read.vio.op() != VioOp::Read || other.read.shutdown.is_set() {
            return;
        }
        let mutex = self.other().kept_mutex(core, VioOp::Read);
        match mutex.as_ref().map(|mutex| mutex.try_lock()) {
            Some(None) => {
                self.other().report(StepKind::ReadLockMiss, None);
                other.read.need_process.set();
                self.other().setup_event_cb(PVC_LOCK_RETRY_TIME, &other.core_lock_retry_event);
            }
            locked => {
                let lock = locked.flatten();
                self.other().process_read_side(core, lock.as_ref(), Some(sm));
            }
        }
    }

    /// Moves bytes from the core buffer into the user's read buffer, and calls
    /// the read side's state machine back.
    ///
    /// `core` is C; `sm` the mutex of this end's read VIO, `None` if the VIO has
    /// none, and then there is nothing to do; `caller` the mutex of the other
    /// end's write VIO if it is the other end that calls.
    pub(crate) fn process_read_side(
        self,
        core: &Guard<'_>,
        sm: Option<&Guard<'_>>,
        caller: Option<&Guard<'_>>,
    ) {
        debug_assert!(!self.end().deletable.is_set(), "!deletable");
        debug_assert!(self.core.alive.is_set(), "magic == PLUGIN_VC_MAGIC_ALIVE");
        let (end, other) = (self.end(), self.other().end());
        let vio = &end.read.vio;
        self.report(StepKind::ReadSide, None);
        end.read.need_process.clear();

        let Some(sm) = sm else { return };
        // Under the lock (TS-3339): a shutdown that was not there when the other
        // side looked may be there now, and the user's buffer gone.
        if vio.op() != VioOp::Read || end.closed.is_set() || end.read.shutdown.is_set() {
            return;
        }
        let ntodo = vio.ntodo();
        if ntodo == 0 {
            return;
        }
        let flow = self.incoming(core);
        let bytes_avail = {
            let flow = flow.borrow();
            flow.buffer.read_avail(flow.reader)
        };
        let mut act_on = bytes_avail.min(ntodo);
        self.report(StepKind::ReadActOn, Some(act_on));

        if act_on <= 0 {
            if other.closed.is_set() || other.write.shutdown.is_set() {
                self.call_back(sm, VioOp::Read, EventCode::VC_EVENT_EOS);
            }
            return;
        }
        if self.is_null_do_io(sm, VioOp::Read) {
            return;
        }
        let added = vio.with_buffer(sm, |buffer| {
            let Accessor::Writer(output) = buffer else {
                panic!("do_io_read without a buffer: 9.1.3 dereferences a null pointer here");
            };
            output.with(sm, |output| {
                let water_mark = output.water_mark().max(self.max_bytes());
                let buf_space = water_mark - output.max_read_avail();
                if buf_space <= 0 {
                    return None;
                }
                act_on = act_on.min(buf_space);
                let mut flow = flow.borrow_mut();
                let reader = flow.reader;
                Some(transfer_bytes(output, &mut flow.buffer, reader, act_on))
            })
        });
        let Some(added) = added.filter(|&added| added > 0) else {
            self.report(StepKind::ReadNoSpace, None);
            return;
        };
        vio.add_ndone(sm, added);
        self.report(StepKind::ReadAdded, Some(added));
        let event = match vio.ntodo() {
            0 => EventCode::VC_EVENT_READ_COMPLETE,
            _ => EventCode::VC_EVENT_READ_READY,
        };
        self.call_back(sm, VioOp::Read, event);
        self.update_inactive_time();

        if other.closed.is_set() {
            return;
        }
        if let Some(caller) = caller {
            self.other().reenable_caller(caller, VioOp::Write);
            return;
        }
        if other.write.vio.op() != VioOp::Write || other.write.shutdown.is_set() {
            return;
        }
        let mutex = self.other().kept_mutex(core, VioOp::Write);
        match mutex.as_ref().map(|mutex| mutex.try_lock()) {
            Some(None) => {
                self.other().report(StepKind::WriteLockMiss, None);
                other.write.need_process.set();
                self.other().setup_event_cb(PVC_LOCK_RETRY_TIME, &other.core_lock_retry_event);
            }
            locked => {
                let lock = locked.flatten();
                self.other().process_write_side(core, lock.as_ref(), Some(sm));
            }
        }
    }
}
