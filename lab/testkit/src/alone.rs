//! [`Alone`]: a test that counts what it has left in the process.

use std::sync::{Mutex, MutexGuard, PoisonError};

use eventsys::event_census;
use iocore::buffer::census;

static ALONE: Mutex<()> = Mutex::new(());

/// While it lives, every other test of the process that wants to be alone waits. When it
/// is dropped, as many events and blocks of buffers are in use as when it was made.
///
/// Keep it longer than everything that the test makes: as the last field of a struct, or
/// in the first line of a test. The count is of the whole process, so the other tests of
/// the binary must take turns too. [`Alone::without_counting`] only takes the turn.
///
/// ```standalone_crate
/// let alone = testkit::Alone::counting();
/// let lab = testkit::Lab::new();
/// lab.thread.schedule_imm(lab.noting("called"));
/// lab.settle();
/// drop(lab);
/// drop(alone);
/// ```
///
/// It finds an event that is still queued:
/// ```should_panic,standalone_crate
/// let lab = testkit::Lab::new();
/// let alone = testkit::Alone::counting();
/// lab.thread.schedule_imm(lab.noting("not called yet"));
/// drop(alone);
/// ```
#[must_use]
pub struct Alone {
    in_use: Option<(usize, i64)>,
    _turn: MutexGuard<'static, ()>,
}

impl Alone {
    /// Waits for its turn, and counts what is in use.
    pub fn counting() -> Alone {
        let mut alone = Alone::without_counting();
        alone.in_use = Some(in_use());
        alone
    }

    /// Waits for its turn.
    pub fn without_counting() -> Alone {
        // A test that has failed meanwhile does not concern this one.
        Alone { in_use: None, _turn: ALONE.lock().unwrap_or_else(PoisonError::into_inner) }
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        if let Some(before) = self.in_use
            && !std::thread::panicking()
        {
            assert_eq!(in_use(), before, "events and blocks in use, now and before");
        }
    }
}

/// Events and blocks that are not free.
fn in_use() -> (usize, i64) {
    let events = event_census();
    (events.made - events.free, census().live)
}
