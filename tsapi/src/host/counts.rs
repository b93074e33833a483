//! What a continuation of a plugin counts, and when it is freed.
//!
//! Mirrors `m_event_count`, `m_deleted`, `m_deletable` and `m_free_magic` of `INKContInternal`, its
//! `handle_event_count` and its `destroy` (9.2.9).
//!
//! Each event that is scheduled counts one, until it is delivered or cancelled. `TSContDestroy` frees
//! the continuation if the last event that was delivered left none behind; else an event is scheduled,
//! and the event that leaves none behind frees it. A later event for it is a mistake that ends the real
//! server.
//!
//! # Traps
//! - An event that is cancelled while it is delivered is counted twice: once when it comes, and once by
//!   `TSActionCancel`. A periodic one counts again when its callback returns, and the real server
//!   asserts that the count is not below 0 then (#2483). If the callback destroys the continuation as
//!   well, the event that frees it makes up for it.
//! - "Can be freed" is decided when an event is delivered, and not looked at again when another is
//!   scheduled. So `TSContDestroy` frees a continuation at once although an event is due, which then
//!   ends the server (#5944, #4335).

use eventsys::EventCode;
use eventsys::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use httpsm::hooks::HttpHook;

/// The counts of one continuation.
#[derive(Default)]
pub(crate) struct Counts {
    events: AtomicI32,
    deleted: AtomicBool,
    deletable: AtomicBool,
    freed: AtomicBool,
}

impl Counts {
    /// One event more; returns how many there were.
    pub(crate) fn increment(&self) -> i32 {
        self.events.fetch_add(1, Ordering::AcqRel)
    }

    /// One event less: delivered, or cancelled.
    pub(crate) fn decrement(&self) {
        let before = self.events.fetch_sub(1, Ordering::AcqRel);
        self.deletable.store(before == 1, Ordering::Release);
    }

    /// An event comes. Only those of the event system count, and the end of a transaction, which is
    /// counted when its hook is called.
    pub(crate) fn handle_event_count(&self, event: EventCode) {
        let counts =
            [EventCode::EVENT_IMMEDIATE, EventCode::EVENT_INTERVAL, HttpHook::TxnClose.event()];
        if counts.contains(&event) {
            self.decrement();
        }
    }

    /// `TSContDestroy` has been called. True if it is freed at once; else an event must follow.
    pub(crate) fn delete(&self) -> bool {
        self.deleted.store(true, Ordering::Release);
        self.free_if_deletable()
    }

    pub(crate) fn free_if_deletable(&self) -> bool {
        let deletable = self.deletable.load(Ordering::Acquire);
        if deletable {
            self.freed.store(true, Ordering::Release);
        }
        deletable
    }

    /// More events have been taken off than there were.
    pub(crate) fn is_below_zero(&self) -> bool {
        self.events.load(Ordering::Acquire) < 0
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::Acquire)
    }

    pub(crate) fn is_freed(&self) -> bool {
        self.freed.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIODIC: EventCode = EventCode::EVENT_INTERVAL;

    fn scheduled() -> Counts {
        let counts = Counts::default();
        assert_eq!(counts.increment(), 0);
        counts
    }

    #[test]
    fn the_event_of_the_destroy_frees_a_continuation_that_never_had_one() {
        let counts = Counts::default();
        assert!(!counts.delete());
        counts.increment();
        counts.handle_event_count(EventCode::EVENT_IMMEDIATE);
        assert!(counts.free_if_deletable() && counts.is_freed());
    }

    #[test]
    fn a_periodic_event_that_is_cancelled_in_its_own_callback_leaves_a_count_below_zero() {
        let counts = scheduled();
        counts.handle_event_count(PERIODIC);
        counts.decrement();
        assert_eq!(counts.increment(), -1, "the original asserts that this is not below 0");
    }

    #[test]
    fn a_destroy_beside_that_cancel_makes_up_for_it_and_frees() {
        let counts = scheduled();
        counts.handle_event_count(PERIODIC);
        counts.decrement();
        assert!(!counts.delete());
        counts.increment();
        assert_eq!(counts.increment(), 0);
        counts.handle_event_count(EventCode::EVENT_IMMEDIATE);
        assert!(counts.free_if_deletable());
    }

    #[test]
    fn a_destroy_frees_at_once_although_a_new_event_is_due() {
        let counts = scheduled();
        counts.handle_event_count(PERIODIC);
        counts.increment();
        assert!(counts.delete() && counts.is_freed());
    }

    #[test]
    fn events_of_connections_do_not_count() {
        let counts = scheduled();
        counts.handle_event_count(EventCode(100));
        assert_eq!(counts.increment(), 1);
    }
}
