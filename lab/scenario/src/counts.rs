//! [`EventCounts`]: how often an end has got each event.

use std::cell::RefCell;

use eventsys::EventCode;

/// How often each event has come.
#[derive(Default)]
pub(crate) struct EventCounts(RefCell<Vec<(EventCode, u32)>>);

impl EventCounts {
    /// The event has come once more; which time this is, from 1.
    pub(crate) fn count(&self, event: EventCode) -> u32 {
        let mut counts = self.0.borrow_mut();
        match counts.iter_mut().find(|(known, _)| *known == event) {
            Some((_, count)) => {
                *count += 1;
                *count
            }
            None => {
                counts.push((event, 1));
                1
            }
        }
    }
}
