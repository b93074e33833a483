//! [`Half`]: one end seen inside its pair, for the functions that work on both.

use crate::steps::Side;
use eventsys::defects::rearmed;
use eventsys::steps::StepKind;
use eventsys::{AtomicEvent, ET_CALL, EThread, HrTime, ThreadType};
use iocore::{VIO, VioOp};

use crate::core::PluginVCCore;
use crate::defects::TS_867;
use crate::end::End;

/// One end of a pair. A borrow and a letter: changing to the other end costs
/// nothing.
#[derive(Clone, Copy)]
pub(crate) struct Half<'a> {
    pub(crate) core: &'a PluginVCCore,
    pub(crate) side: Side,
}

impl<'a> Half<'a> {
    /// The other end.
    #[inline]
    pub(crate) fn other(self) -> Half<'a> {
        Half { core: self.core, side: self.side.other() }
    }

    /// The state of this end.
    #[inline]
    pub(crate) fn end(self) -> &'a End {
        self.core.end(self.side)
    }

    #[inline]
    pub(crate) fn vio(self, op: VioOp) -> &'a VIO {
        &self.end().direction(op).vio
    }

    #[inline(always)]
    #[track_caller]
    pub(crate) fn report(self, kind: StepKind, value: Option<i64>) {
        self.core.report(move || self.side.of_pair(self.core.id()), kind, value);
    }

    /// Has this end called back after `span` nanoseconds, unless `place` already
    /// holds an event. On an EThread that runs the event loop the event stays on
    /// that thread; from any other thread, and from one that is ending, it goes
    /// through the event processor, which refuses it once it has shut down.
    /// Mirrors `setup_event_cb`.
    ///
    /// Between the look at `place` and the store another thread may do the same:
    /// then there are two events, and one of them is stored nowhere. See
    /// [`Corrections::retry_event_exchange`](crate::Corrections::retry_event_exchange).
    pub(crate) fn setup_event_cb(self, span: HrTime, place: &AtomicEvent) {
        debug_assert!(self.core.alive.is_set(), "magic == PLUGIN_VC_MAGIC_ALIVE");
        // course: 8 begin setup_event_cb "have this end called back, once"
        if place.is_some() {
            return;
        }
        let Some(this) = self.core.end_cont(self.side) else { return };
        let processor = &self.core.processor;
        let event = EThread::with_current(move |thread| match thread {
            Some(thread) if self.is_home(thread) => Some(match span {
                0 => thread.schedule_imm_local(this),
                _ => thread.schedule_in_local(this, span),
            }),
            _ => match span {
                0 => processor.schedule_imm(this, ET_CALL),
                _ => processor.schedule_in(this, span, ET_CALL),
            },
        });
        if self.core.options.corrections.retry_event_exchange {
            // The caller holds C or the mutex of the operation, and the handler does nothing without
            // both. So our event has done nothing yet; only a shutdown may have freed it.
            if let Some(event) = event.filter(|&event| !place.store_if_none(event)) {
                let _ = event.try_cancel();
            }
        } else if !rearmed(&TS_867) {
            place.store(event);
        }
        // course: 8 stub let _ = (span, place);
        // course: 8 stub todo!("lesson 8: setup_event_cb")
        // course: 8 end
    }

    /// True if `thread` runs the event loop of the processor that the pair was made on.
    /// In the original there is only one.
    #[inline(always)]
    fn is_home(self, thread: &EThread) -> bool {
        thread.tt() == ThreadType::Regular
            && thread.is_of(&self.core.processor)
            && !thread.has_ended()
    }
}
