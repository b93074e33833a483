//! Moving bytes, and telling the state machine about it.

use crate::steps as pvc;
use std::cell::RefCell;

use eventsys::defects::rearmed;
use eventsys::{Data, EventCode, Guard, call};
use iocore::buffer::{MIOBuffer, ReaderId};
use iocore::{MIOBufferAccessor, VioOp, event_name};

use crate::MIN_BLOCK_TRANSFER_BYTES;
use crate::core::Flow;
use crate::defects::{TS_3404, planted};
use crate::half::Half;

/// Moves `act_on` bytes from a reader of `from` to `to`; returns how many.
/// Large pieces go as blocks, without copying; small ones are copied, so that a
/// stream of tiny writes does not become a chain of tiny blocks. Mirrors
/// `PluginVC::transfer_bytes`.
#[inline(always)]
pub(crate) fn transfer_bytes(
    to: &mut MIOBuffer,
    from: &mut MIOBuffer,
    reader: ReaderId,
    mut act_on: i64,
) -> i64 {
    debug_assert!(act_on <= from.read_avail(reader), "act_on <= transfer_from->read_avail()");
    let mut total_added = 0;
    while act_on > 0 {
        let piece = from.block_slice(reader);
        let piece = usize::try_from(act_on).map_or(piece, |n| &piece[..n.min(piece.len())]);
        let to_move = i64::try_from(piece.len()).unwrap_or(i64::MAX);
        if to_move <= 0 {
            break;
        }
        let moved = if to_move >= MIN_BLOCK_TRANSFER_BYTES {
            to.write_from(from, reader, to_move, 0)
        } else if rearmed(&planted::CHANGED) {
            to.write(&vec![b'!'; piece.len()])
        } else {
            to.write(piece)
        };
        act_on -= moved;
        from.consume(reader, moved);
        total_added += moved;
    }
    if rearmed(&planted::LOST) {
        from.consume(reader, from.read_avail(reader).min(1));
    }
    if rearmed(&planted::INVENTED) {
        to.write(b"!");
    }
    total_added
}

/// As [`transfer_bytes`], where both are the same buffer: a state machine reads
/// what it writes. Mirrors `transfer_bytes` with one buffer given twice.
pub(crate) fn transfer_within(buffer: &mut MIOBuffer, reader: ReaderId, mut act_on: i64) -> i64 {
    let mut total_added = 0;
    while act_on > 0 {
        let to_move = act_on.min(buffer.block_read_avail(reader));
        if to_move <= 0 {
            break;
        }
        let moved = if to_move >= MIN_BLOCK_TRANSFER_BYTES {
            buffer.write_within(reader, to_move, 0)
        } else {
            let piece = buffer.block_view(reader);
            let length = usize::try_from(to_move).map_or(piece.len(), |n| n.min(piece.len()));
            buffer.write(&piece[..length])
        };
        act_on -= moved;
        buffer.consume(reader, moved);
        total_added += moved;
    }
    total_added
}

/// The result of one pass through one side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Progress {
    /// Bytes were moved and the state machine was told: the other side may have
    /// work now.
    Moved,
    /// There was nothing to move, or no room.
    Nothing,
}

impl<'a> Half<'a> {
    /// The common part of the write sides of epochs B and C: moves bytes from the
    /// user's write buffer into the core buffer, under C and under the mutex of
    /// the VIO.
    #[inline(always)]
    pub(crate) fn write_into_core(self, core: &Guard<'_>, sm: &Guard<'_>) -> Progress {
        // course: 7 begin write_into_core "move bytes into the core buffer, and tell the writer"
        let (vio, other) = (&self.end().write.vio, self.other().end());
        let ntodo = vio.ntodo();
        if ntodo == 0 || self.is_null_do_io(sm, VioOp::Write) {
            return Progress::Nothing;
        }
        let bound = vio.bound(sm);
        let bytes_avail = match bound.buffer() {
            MIOBufferAccessor::Reader(reader) => reader.read_avail(sm),
            _ => panic!(
                "do_io_write without a reader: the original dereferences a null pointer here"
            ),
        };
        let act_on = bytes_avail.min(ntodo);
        self.report(pvc::WRITE_ACT_ON, Some(act_on));

        if other.closed.is_set() || other.read.shutdown.is_set() {
            drop(bound);
            self.call_back(sm, VioOp::Write, EventCode::VC_EVENT_ERROR);
            return Progress::Nothing;
        }
        if act_on <= 0 {
            drop(bound);
            if ntodo > 0 {
                // Nothing to write: the state machine should fill the buffer.
                self.call_back(sm, VioOp::Write, EventCode::VC_EVENT_WRITE_READY);
            }
            return Progress::Nothing;
        }

        let mut flow = self.outgoing(core).borrow_mut();
        let buf_space = self.max_bytes() - flow.buffer.max_read_avail();
        if buf_space <= 0 {
            self.report(pvc::WRITE_NO_SPACE, None);
            return Progress::Nothing;
        }
        let act_on = act_on.min(buf_space);
        let added = match bound.buffer() {
            MIOBufferAccessor::Reader(reader) => {
                let from = &mut reader.buffer().borrow(sm);
                transfer_bytes(&mut flow.buffer, from, reader.id(), act_on)
            }
            _ => 0,
        };
        bound.add_ndone(added);
        // The state machine may do anything with its VIO.
        drop((bound, flow));
        self.report(pvc::WRITE_ADDED, Some(added));
        let event = match vio.ntodo() {
            0 => EventCode::VC_EVENT_WRITE_COMPLETE,
            _ => EventCode::VC_EVENT_WRITE_READY,
        };
        self.call_back(sm, VioOp::Write, event);
        Progress::Moved
        // course: 7 stub let _ = (core, sm);
        // course: 7 stub todo!("lesson 7: write_into_core")
        // course: 7 end
    }

    /// The common part of the read sides of epochs B and C: moves bytes from the
    /// core buffer into the user's read buffer, under C and under the mutex of
    /// the VIO.
    #[inline(always)]
    pub(crate) fn read_from_core(self, core: &Guard<'_>, sm: &Guard<'_>) -> Progress {
        // course: 7 begin read_from_core "move bytes to the user, and tell the reader"
        let (vio, other) = (&self.end().read.vio, self.other().end());
        let ntodo = vio.ntodo();
        if ntodo == 0 {
            return Progress::Nothing;
        }
        let mut flow = self.incoming(core).borrow_mut();
        let Flow { buffer: from, reader } = &mut *flow;
        let bytes_avail = from.read_avail(*reader);
        let act_on = bytes_avail.min(ntodo);
        self.report(pvc::READ_ACT_ON, Some(act_on));

        if act_on <= 0 {
            drop(flow);
            let own_too = rearmed(&TS_3404) && self.end().write.shutdown.is_set();
            if other.closed.is_set() || other.write.shutdown.is_set() || own_too {
                self.call_back(sm, VioOp::Read, EventCode::VC_EVENT_EOS);
            }
            return Progress::Nothing;
        }
        if self.is_null_do_io(sm, VioOp::Read) {
            return Progress::Nothing;
        }
        let bound = vio.bound(sm);
        let added = match bound.buffer() {
            MIOBufferAccessor::Writer(output) => {
                let output = &mut *output.borrow(sm);
                let water_mark = output.water_mark().max(self.max_bytes());
                let buf_space = water_mark - output.max_read_avail();
                if buf_space <= 0 {
                    0
                } else {
                    transfer_bytes(output, from, *reader, act_on.min(buf_space))
                }
            }
            _ => {
                panic!("do_io_read without a buffer: the original dereferences a null pointer here")
            }
        };
        if added <= 0 {
            self.report(pvc::READ_NO_SPACE, None);
            return Progress::Nothing;
        }
        bound.add_ndone(added);
        drop((bound, flow));
        self.report(pvc::READ_ADDED, Some(added));
        let event = match vio.ntodo() {
            0 => EventCode::VC_EVENT_READ_COMPLETE,
            _ => EventCode::VC_EVENT_READ_READY,
        };
        self.call_back(sm, VioOp::Read, event);
        Progress::Moved
        // course: 7 stub let _ = (core, sm);
        // course: 7 stub todo!("lesson 7: read_from_core")
        // course: 7 end
    }

    /// The core buffer that this end writes into.
    fn outgoing(self, core: &'a Guard<'_>) -> &'a RefCell<Flow> {
        &self.core.state(core).flows()[self.side.index()]
    }

    /// The core buffer that this end reads from.
    fn incoming(self, core: &'a Guard<'_>) -> &'a RefCell<Flow> {
        self.other().outgoing(core)
    }

    /// How many bytes may wait in a buffer.
    pub(crate) fn max_bytes(self) -> i64 {
        self.core.max_bytes
    }

    /// Calls the state machine of one direction back. `sm` is the mutex of that
    /// direction's VIO.
    ///
    /// # Panics
    /// If the operation was issued without a continuation: the original
    /// dereferences a null pointer here.
    #[inline(never)] // The one call between a transfer and the user's handler.
    pub(crate) fn call_back(self, sm: &Guard<'_>, op: VioOp, event: EventCode) {
        let vio = self.vio(op);
        let is_locked = !self.end().direction(op).is_unlocked.is_set();
        assert!(is_locked, "!mutex || mutex->thread_holding == this_ethread()");
        let is_complete = event == EventCode::VC_EVENT_WRITE_COMPLETE;
        if rearmed(&planted::COUNTED) && is_complete {
            vio.add_ndone(sm, 1);
        }
        if rearmed(&planted::TWICE) && is_complete {
            vio.with_continuation(sm, |cont| {
                cont.map(|cont| call(cont, Some(sm), event, Data::Object(vio)));
            });
        }
        vio.with_continuation(sm, |cont| match cont {
            Some(cont) => {
                let is_mistaken = rearmed(&planted::MISTAKEN) && op == VioOp::Write;
                let of = if is_mistaken { self.vio(VioOp::Read) } else { vio };
                call(cont, Some(sm), event, Data::Object(of));
            }
            None if self.core.options.corrections.null_do_io => {}
            None => panic!(
                "do_io without a continuation: the original dereferences a null pointer here ({})",
                event.shown_by(event_name)
            ),
        });
    }

    /// True if the operation has no continuation or no buffer, and the
    /// corrections make this mean "nothing to do"; see
    /// [`Corrections::null_do_io`](crate::Corrections::null_do_io).
    #[inline(always)]
    pub(crate) fn is_null_do_io(self, sm: &Guard<'_>, op: VioOp) -> bool {
        self.core.options.corrections.null_do_io && {
            let vio = self.vio(op);
            !vio.has_continuation(sm)
                || vio.with_buffer(sm, |buffer| matches!(buffer, MIOBufferAccessor::None))
        }
    }

    /// Goes on with an operation of this end, on another stack; the caller holds
    /// the mutex of its VIO. Mirrors `PluginVC::reenable`.
    #[inline(always)]
    pub(crate) fn reenable(self, op: VioOp) {
        let kind = match op {
            VioOp::Write => pvc::REENABLE_WRITE,
            _ => pvc::REENABLE_READ,
        };
        self.report(kind, None);
        let direction = self.end().direction(op);
        assert!(direction.vio.does(op), "vio->op == VIO::READ || vio->op == VIO::WRITE");
        direction.need_process.set();
        let place = &self.end().sm_lock_retry_event;
        // Mostly the event is on its way already; this spares the call then.
        if !place.is_some() && !rearmed(&planted::FORGOTTEN) {
            self.setup_event_cb(0, place);
        }
    }

    /// Reenables the VIO on whose behalf we were called; `caller` is the mutex
    /// that it had then, which a function further down on this stack holds.
    ///
    /// If a callback has bound it to another mutex meanwhile, this waits for
    /// that one with C held, and a thread that holds it and waits for C waits
    /// for ever: an open defect of the original. See
    /// [`Corrections::reenable_tries`](crate::Corrections::reenable_tries).
    #[inline(always)]
    pub(crate) fn reenable_caller(self, caller: &Guard<'_>, op: VioOp) {
        let vio = self.vio(op);
        if vio.is_bound_to(caller.mutex()) {
            self.reenable(op);
        } else {
            self.reenable_under_another_mutex(op);
        }
    }

    #[cold]
    fn reenable_under_another_mutex(self, op: VioOp) {
        let Some(mutex) = self.vio(op).mutex() else { return };
        if self.core.options.corrections.reenable_tries {
            return match (mutex.try_lock(), op) {
                (Some(_guard), _) => self.reenable(op),
                (None, VioOp::Write) => self.write_lock_miss(),
                (None, _) => self.read_lock_miss(),
            };
        }
        let _guard = mutex.lock();
        self.reenable(op);
    }
}
