//! Moving bytes, and telling the state machine about it.

use std::cell::RefCell;

use eventsys::steps::{Side, StepKind};
use eventsys::{Data, EventCode, Guard, call};
use iocore::buffer::{MIOBuffer, ReaderId};
use iocore::{Accessor, VioOp};

use crate::MIN_BLOCK_TRANSFER_BYTES;
use crate::core::Flow;
use crate::half::Half;

/// Moves `act_on` bytes from a reader of `from` to `to`; how many that were.
/// Large pieces go as blocks, without copying; small ones are copied, so that a
/// stream of tiny writes does not become a chain of tiny blocks. Mirrors
/// `PluginVC::transfer_bytes`.
pub(crate) fn transfer_bytes(
    to: &mut MIOBuffer,
    from: &mut MIOBuffer,
    reader: ReaderId,
    mut act_on: i64,
) -> i64 {
    debug_assert!(act_on <= from.read_avail(reader), "act_on <= transfer_from->read_avail()");
    let mut total_added = 0;
    while act_on > 0 {
        let to_move = act_on.min(from.block_read_avail(reader));
        if to_move <= 0 {
            break;
        }
        let moved = if to_move >= MIN_BLOCK_TRANSFER_BYTES {
            to.write_from(from, reader, to_move, 0)
        } else {
            let block = from.block_slice(reader);
            let piece = usize::try_from(to_move).map_or(block, |n| &block[..n]);
            to.write(piece)
        };
        if moved == 0 {
            break;
        }
        act_on -= moved;
        from.consume(reader, moved);
        total_added += moved;
    }
    total_added
}

impl<'a> Half<'a> {
    /// The core buffer that this end writes into.
    pub(crate) fn outgoing(self, core: &'a Guard<'_>) -> &'a RefCell<Flow> {
        let state = self.core.state(core);
        if self.side == Side::Active { &state.a_to_p } else { &state.p_to_a }
    }

    /// The core buffer that this end reads from.
    pub(crate) fn incoming(self, core: &'a Guard<'_>) -> &'a RefCell<Flow> {
        let state = self.core.state(core);
        if self.side == Side::Active { &state.p_to_a } else { &state.a_to_p }
    }

    /// How many bytes may wait in a buffer.
    pub(crate) fn max_bytes(self) -> i64 {
        self.core.options.buffer_index.buffer_size()
    }

    /// Calls the state machine of one direction back. `sm` is the mutex of that
    /// direction's VIO.
    ///
    /// # Panics
    /// If the operation was issued without a continuation: 9.1.3 dereferences a
    /// null pointer here.
    pub(crate) fn call_back(self, sm: &Guard<'_>, op: VioOp, event: EventCode) {
        let vio = self.vio(op);
        let cont = vio.continuation(sm);
        if cont.is_none() && self.core.options.corrections.null_do_io {
            return;
        }
        let cont = cont.unwrap_or_else(|| {
            panic!("do_io without a continuation: 9.1.3 dereferences a null pointer here ({event})")
        });
        call(&cont, Some(sm), event, Data::Object(vio));
    }

    /// True if the operation has no continuation or no buffer, and that is to
    /// mean that there is nothing to do; see
    /// [`Corrections::null_do_io`](crate::Corrections::null_do_io).
    pub(crate) fn is_null_do_io(self, sm: &Guard<'_>, op: VioOp) -> bool {
        self.core.options.corrections.null_do_io && {
            let vio = self.vio(op);
            vio.continuation(sm).is_none()
                || vio.with_buffer(sm, |buffer| matches!(buffer, Accessor::None))
        }
    }

    /// Goes on with an operation of this end, on another stack; the caller holds
    /// the mutex of its VIO. Mirrors `PluginVC::reenable`.
    pub(crate) fn reenable(self, op: VioOp) {
        let kind = match op {
            VioOp::Write => StepKind::ReenableWrite,
            _ => StepKind::ReenableRead,
        };
        self.report(kind, None);
        let direction = self.end().direction(op);
        assert!(direction.vio.op() == op, "vio->op == VIO::READ || vio->op == VIO::WRITE");
        direction.need_process.set();
        self.setup_event_cb(0, &self.end().sm_lock_retry_event);
    }

    /// Reenables the VIO on whose behalf we were called; `caller` is the mutex
    /// that it had then, held further down on this stack.
    ///
    /// If a callback has bound it to another mutex meanwhile, that one is waited
    /// for with C held, and a thread that has it and wants C waits for ever: an
    /// open defect of the original.
    pub(crate) fn reenable_caller(self, caller: &Guard<'_>, op: VioOp) {
        let vio = self.vio(op);
        if vio.is_bound_to(caller.mutex()) {
            self.reenable(op);
        } else if let Some(mutex) = vio.mutex() {
            let _guard = mutex.lock();
            self.reenable(op);
        }
    }
}
