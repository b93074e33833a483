//! Groups of threads: whose turn it is, and when all have started.

use eventsys::{Clock, EventProcessor};
use explorer::{name_task, spawn};
use std::sync::Arc;

use crate::arms::Arms;

/// The next thread of a group of two.
pub(super) fn the_next_thread(_: &Arms) {
    name_task("main");
    let processor = EventProcessor::new(Clock::new_virtual());
    let _first = processor.adopt_current_thread("ET_TASK");
    let group = processor.event_type("ET_TASK").expect("registered just now");
    let its = Arc::clone(&processor);
    let second = spawn("second", move || {
        let thread = its.adopt_current_thread("ET_TASK");
        drop(its.assign_thread(group));
        drop(its.assign_thread(group));
        drop(thread);
    });
    second.join().expect("the thread lives");
}

/// Two threads of a group start at once. The last of them calls the group's callback.
pub(super) fn two_threads_start(_: &Arms) {
    name_task("main");
    let processor = EventProcessor::new(Clock::new_virtual());
    let group = processor.register_event_type("ET_TASK");
    processor.on_group_started(group, || ());
    processor.spawn_event_threads("ET_TASK", 2);
    processor.shutdown();
}
