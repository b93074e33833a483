//! [`AtWork`]: whether a thread may be calling a handler right now. The callers of
//! [`EventProcessor::shutdown`](crate::EventProcessor::shutdown) wait until it cannot.
//!
//! A thread that the processor has started is at work from its making to its end; an adopted thread
//! is at work during each pass. Before a thread calls a handler it checks whether the shutdown has
//! begun. It marks itself as at work *before* this check, and `shutdown` marks its beginning before
//! it checks which threads are at work: so one of the two sees the other.

use super::EThread;
use crate::sync::atomic::{AtomicU8, Ordering};

/// The state of one thread.
pub(crate) struct AtWork(AtomicU8);

const RESTS: u8 = 0;
const WORKS: u8 = 1;
/// One of its handlers has called `shutdown`, and waits for the others.
const WAITS: u8 = 2;

impl AtWork {
    pub(super) fn new(works: bool) -> AtWork {
        AtWork(AtomicU8::new(if works { WORKS } else { RESTS }))
    }
}

/// The thread works, or waits, until this is dropped.
pub(crate) struct Stay<'a> {
    thread: &'a EThread,
    before: u8,
}

impl Drop for Stay<'_> {
    fn drop(&mut self) {
        self.thread.change(self.before);
    }
}

impl EThread {
    /// The thread, which was adopted, works.
    pub(crate) fn work(&self) -> Stay<'_> {
        Stay { thread: self, before: self.change(WORKS) }
    }

    /// The thread waits for the others, in a handler.
    pub(crate) fn wait_for_others(&self) -> Stay<'_> {
        Stay { thread: self, before: self.change(WAITS) }
    }

    /// The thread has ended.
    pub(crate) fn rest(&self) {
        self.change(RESTS);
    }

    pub(crate) fn is_at_rest(&self) -> bool {
        self.at_work.0.load(Ordering::SeqCst) == RESTS
    }

    pub(crate) fn is_waiting_for_others(&self) -> bool {
        self.at_work.0.load(Ordering::SeqCst) == WAITS
    }

    fn change(&self, to: u8) -> u8 {
        let before = self.at_work.0.swap(to, Ordering::SeqCst);
        self.shutdown.tell();
        before
    }
}
