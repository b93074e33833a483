//! How long a thread sleeps although there is work.

use std::sync::Arc;

use eventsys::hrtime::{HrTime, MSECOND, mseconds};
use eventsys::sync::{Condvar, Mutex};
use eventsys::{Clock, EventProcessor, Options, ProxyMutex};
use explorer::{name_task, note, spawn, violation};

use super::{free, state_machine};
use crate::arms::Arms;

/// What a handler that may run at once may take to come, for the passes around it.
const SOON: HrTime = mseconds(1);

/// As [`SOON`], after a missed lock.
const AFTER_A_MISS: HrTime = mseconds(11);

/// Reports an event that comes more than `limit` after it was due.
fn must_come_within(limit: HrTime, took: HrTime) {
    if took > limit {
        let (took, limit) = (took / MSECOND, limit / MSECOND);
        violation("late event", format!("an event came after {took} ms, not within {limit} ms"));
    }
}

/// The event thread misses the mutex of a timer, because a foreign thread has it for a moment.
/// The event must come 10 ms later.
pub(super) fn an_event_whose_lock_was_missed(_: &Arms) {
    name_task("event thread");
    let processor = EventProcessor::new(Clock::new_virtual());
    let thread = processor.adopt_current_thread("ET_NET");
    let clock = Arc::clone(processor.clock());
    let began = clock.get_hrtime_updated();
    let mutex = ProxyMutex::new();
    let handler = state_machine(&mutex, move || {
        note(|| "the handler is called".to_owned());
        must_come_within(AFTER_A_MISS, clock.get_hrtime() - began);
    });
    // A timer that is due: a missed one is in the local queue when the pass ends.
    thread.schedule_at(handler, began);
    let busy = spawn("busy", move || {
        let _guard = mutex.lock();
        note(|| "has the mutex for a moment".to_owned());
    });
    thread.run_until_idle();
    busy.join().expect("it does not panic");
}

/// A timer's handler schedules an event on its own thread. The thread must not sleep before it.
pub(super) fn an_event_scheduled_by_a_timer(_: &Arms) {
    name_task("event thread");
    let processor = EventProcessor::new(Clock::new_virtual());
    let thread = processor.adopt_current_thread("ET_NET");
    let (clock, of_timer) = (Arc::clone(processor.clock()), Arc::clone(processor.clock()));
    let its = Arc::clone(thread.thread());
    let timer = free(move || {
        let (began, clock) = (of_timer.get_hrtime(), Arc::clone(&clock));
        its.schedule_imm_local(free(move || must_come_within(SOON, clock.get_hrtime() - began)));
    });
    thread.schedule_in(timer, mseconds(10));
    thread.run_until_idle();
}

/// A foreign thread schedules an event, waits until it has come, and schedules another, just when
/// the event thread goes to sleep. The second event must wake it.
pub(super) fn a_thread_that_goes_to_sleep(arms: &Arms) {
    name_task("foreign thread");
    let options = Options { wake: arms.wake, ..Options::default() };
    let processor = EventProcessor::with_options(Clock::new_real(), options);
    let group = processor.spawn_event_threads("ET_NET", 1);
    let thread = processor.assign_thread(group);
    let came = Arc::new((Mutex::new(0_u32), Condvar::new()));
    let its = Arc::clone(&came);
    let cont = free(move || {
        *its.0.lock() += 1;
        its.1.notify_all();
    });
    for number in [1, 2] {
        note(|| format!("schedules event {number}"));
        thread.schedule_imm(Arc::clone(&cont));
        let mut count = came.0.lock();
        while *count < number {
            came.1.wait(&mut count);
        }
    }
    processor.shutdown();
}
