//! [`AtomicEvent`]: an `Event *` that several threads look at without a lock.

use std::fmt;

use super::pool::event_at;
use super::{EventRef, index_of};
use crate::sync::atomic::{AtomicU64, Ordering};

/// A place for an [`EventRef`] that may be read and written by any thread.
///
/// The original has plain pointers here, and comments on which lock guards
/// them; PluginVC's `sm_lock_retry_event` is guarded by one lock in `do_io_read`
/// and by another in `do_io_close`. A race on it can lose or double an event in
/// the original and here, but is never undefined behaviour here.
///
/// ```
/// use eventsys::{AtomicEvent, Clock, EventProcessor, FreeContinuation, Outcome};
///
/// let thread = EventProcessor::new(Clock::new_virtual()).adopt_current_thread("ET_NET");
/// let retry = AtomicEvent::none();
/// let event = thread.schedule_imm(FreeContinuation::new(|_, _, _| Outcome::Done));
/// retry.store(Some(event));
/// assert!(retry.is(event));
/// assert_eq!(retry.take(), Some(event), "as exchange(nullptr)");
/// assert!(!retry.is_some());
/// # event.cancel();
/// ```
#[derive(Default)]
pub struct AtomicEvent(
    /// 0 for none, else the event's number in the upper half and its generation in the lower: no
    /// event is used more often than that counts.
    AtomicU64,
);

impl AtomicEvent {
    /// Gives it a name in this execution of the explorer, for columns.
    #[cfg(all(feature = "explore", not(feature = "shuttle")))]
    pub fn set_name(&self, name: &str) {
        self.0.set_name(name);
    }

    /// No event.
    #[must_use]
    pub fn none() -> AtomicEvent {
        AtomicEvent(AtomicU64::new(0))
    }

    /// The event that is stored, if any.
    #[inline]
    #[must_use]
    pub fn load(&self) -> Option<EventRef> {
        unpack(self.0.load(Ordering::Acquire))
    }

    /// True if an event is stored.
    #[inline]
    #[must_use]
    pub fn is_some(&self) -> bool {
        self.0.load(Ordering::Acquire) != 0
    }

    /// True if it is this event that is stored.
    #[inline]
    #[must_use]
    pub fn is(&self, event: EventRef) -> bool {
        self.0.load(Ordering::Acquire) == pack(Some(event))
    }

    /// Stores `event`.
    #[inline]
    pub fn store(&self, event: Option<EventRef>) {
        self.0.store(pack(event), Ordering::Release);
    }

    /// Stores `event` if no event is stored, in one step. False if one is, which stays.
    #[inline]
    #[must_use]
    pub fn store_if_none(&self, event: EventRef) -> bool {
        let word = pack(Some(event));
        self.0.compare_exchange(0, word, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Takes out what is stored.
    #[inline]
    #[must_use]
    pub fn take(&self) -> Option<EventRef> {
        // A load and a store as in the original, not a swap: it is under one of
        // the two locks, or it is the race that the original has.
        let event = self.load();
        self.store(None);
        event
    }
}

impl fmt::Debug for AtomicEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.load().fmt(f)
    }
}

#[inline]
fn pack(event: Option<EventRef>) -> u64 {
    event.map_or(0, |event| event.word)
}

#[inline]
fn unpack(word: u64) -> Option<EventRef> {
    Some(EventRef { event: event_at(index_of(word)?), word })
}

#[cfg(all(test, not(feature = "explore")))]
mod tests {
    use super::*;
    use crate::ethread::free_unqueued;
    use crate::event::allocate;

    #[test]
    fn an_event_that_has_been_used_as_often_as_the_word_counts_is_still_found() {
        let event = allocate();
        let before = event.state.load(Ordering::Relaxed);
        event.state.store(u64::from(u32::MAX) << 1, Ordering::Relaxed);
        let reference = event.reference();
        let kept = AtomicEvent::none();
        kept.store(Some(reference));
        assert_eq!(kept.load(), Some(reference));
        assert!(kept.is(reference) && reference.is_live());
        event.state.store(before, Ordering::Relaxed);
        assert!(!reference.is_live());
        free_unqueued(event);
    }
}
