//! Plugins in virtual time: what they read as the time, and how their threads take part.
//!
//! A thread of `TSThreadCreate` takes part in virtual time: the clock stands still while it works, and
//! goes on when it sleeps. While it waits for something outside of the run, such as a file, it takes
//! no part.

use std::cell::RefCell;
use std::sync::Arc;

use eventsys::hrtime::SECOND;
use eventsys::{Clock, HrTime, Participant};

use super::HOST;

thread_local! {
    /// The part that this thread of a plugin takes.
    static PART: RefCell<Option<Participant>> = const { RefCell::new(None) };
}

/// The clock, if it is virtual.
fn clock() -> Option<&'static Arc<Clock>> {
    let clock = HOST.get()?.proxy.processor().clock();
    clock.is_virtual().then_some(clock)
}

/// True if plugins get virtual time.
pub(crate) fn is_on() -> bool {
    clock().is_some()
}

/// What a clock of libc reads.
#[derive(Clone, Copy)]
pub(crate) enum Read {
    /// Since 1970.
    TimeOfDay,
    /// A clock that begins anywhere.
    SinceTheStart,
}

/// The time in nanoseconds; none in real time.
pub(crate) fn now(read: Read) -> Option<i64> {
    let clock = clock()?;
    let now = clock.get_hrtime_updated();
    Some(match read {
        Read::SinceTheStart => now,
        Read::TimeOfDay => super::local_time() * SECOND + now % SECOND,
    })
}

/// A plugin sleeps. On a thread of its own, virtual time goes on meanwhile; on an event thread, whose
/// loop waits for the plugin, the handler takes so long.
pub(crate) fn sleep(span: HrTime) {
    let Some(clock) = clock() else { return };
    let span = span.max(0);
    PART.with(|part| match &*part.borrow() {
        Some(part) => part.sleep(span),
        None => clock.work(span),
    });
}

/// A thread of a plugin begins, with the part that was taken for it when it was made: so the clock
/// stands still until it runs.
pub(crate) fn take_part(part: Option<Participant>) {
    PART.set(part);
}

/// A part for a thread that is about to be made; none in real time.
pub(crate) fn part_for_new_thread() -> Option<Participant> {
    clock().and_then(|clock| clock.participate())
}

/// A plugin waits for something outside of the run.
pub(crate) fn outside<R>(wait: impl FnOnce() -> R) -> R {
    let had_part = PART.take().is_some();
    let result = wait();
    if had_part {
        PART.set(part_for_new_thread());
    }
    result
}
