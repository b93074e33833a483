//! [`EventList`]: a queue of events linked through the events themselves.
//!
//! Mirrors `Que(Event, link)` of `include/tscore/List.h`. Intrusive as there:
//! queueing allocates nothing, and an event can leave from the middle.
#![allow(unsafe_code)] // Links are in the bodies of events that the list's thread owns.

use std::cell::Cell;

use super::{Body, Event};

/// A queue of events, all of them owned by the thread that uses the list.
#[derive(Default)]
pub(crate) struct EventList {
    head: Cell<Option<&'static Event>>,
    tail: Cell<Option<&'static Event>>,
}

impl EventList {
    pub(crate) const fn new() -> EventList {
        EventList { head: Cell::new(None), tail: Cell::new(None) }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.head.get().is_none()
    }

    /// Appends `event`.
    ///
    /// # Safety
    /// The calling thread must own `event` and every event in the list, and
    /// `event` must be in no list.
    #[inline]
    pub(crate) unsafe fn enqueue(&self, event: &'static Event) {
        // SAFETY: owned, says the caller.
        let body = unsafe { event.body() };
        body.next.set(None);
        body.prev.set(self.tail.get());
        match self.tail.replace(Some(event)) {
            // SAFETY: everything in the list is owned, says the caller.
            Some(last) => unsafe { last.body() }.next.set(Some(event)),
            None => self.head.set(Some(event)),
        }
    }

    /// Takes the first event out.
    ///
    /// # Safety
    /// The calling thread must own every event in the list.
    #[inline]
    pub(crate) unsafe fn dequeue(&self) -> Option<&'static Event> {
        let first = self.head.get()?;
        // SAFETY: owned, says the caller.
        let next = unsafe { first.body() }.next.take();
        self.head.set(next);
        match next {
            // SAFETY: owned, says the caller.
            Some(next) => unsafe { next.body() }.prev.set(None),
            None => self.tail.set(None),
        }
        Some(first)
    }

    /// Takes `event` out, wherever in the list it is.
    ///
    /// # Safety
    /// The calling thread must own every event in the list, and `event` must be
    /// in this list.
    pub(crate) unsafe fn remove(&self, event: &'static Event) {
        // SAFETY: owned, says the caller, and so are its neighbours.
        let (prev, next) = unsafe { (event.body().prev.take(), event.body().next.take()) };
        match prev {
            // SAFETY: as above.
            Some(prev) => unsafe { prev.body() }.next.set(next),
            None => self.head.set(next),
        }
        match next {
            // SAFETY: as above.
            Some(next) => unsafe { next.body() }.prev.set(prev),
            None => self.tail.set(prev),
        }
    }

    /// Puts `event` before the first event for which `before` is true, or at the
    /// end if there is no such event.
    ///
    /// # Safety
    /// As for [`EventList::enqueue`].
    pub(crate) unsafe fn insert_before(
        &self,
        event: &'static Event,
        before: impl Fn(&Body) -> bool,
    ) {
        let mut at = self.head.get();
        while let Some(other) = at {
            // SAFETY: everything in the list is owned, says the caller.
            let other_body = unsafe { other.body() };
            if before(other_body) {
                // SAFETY: owned, says the caller.
                let body = unsafe { event.body() };
                let prev = other_body.prev.replace(Some(event));
                body.prev.set(prev);
                body.next.set(Some(other));
                match prev {
                    // SAFETY: as above.
                    Some(prev) => unsafe { prev.body() }.next.set(Some(event)),
                    None => self.head.set(Some(event)),
                }
                return;
            }
            at = other_body.next.get();
        }
        // SAFETY: as the caller says.
        unsafe { self.enqueue(event) }
    }

    /// Moves everything into a list of its own. Mirrors the copy and `clear` of
    /// `PriorityEventQueue::check_ready`.
    pub(crate) fn take_all(&self) -> EventList {
        EventList { head: Cell::new(self.head.take()), tail: Cell::new(self.tail.take()) }
    }
}
