//! Events that are cancelled or rescheduled while they wait in a queue.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use eventsys::sync::Mutex;
use eventsys::{Clock, EventProcessor, EventRef, ProxyMutex};
use explorer::{name_task, note, spawn, violation};

use super::{free, state_machine};
use crate::arms::Arms;

/// An event waits for an event thread; another thread takes the mutex of its continuation and
/// cancels it. After that the handler must not run.
pub(super) fn a_cancelled_event(_: &Arms) {
    name_task("event thread");
    let processor = EventProcessor::new(Clock::new_virtual());
    let thread = processor.adopt_current_thread("ET_NET");
    let is_cancelled = Arc::new(AtomicBool::new(false));
    let its = Arc::clone(&is_cancelled);
    let mutex = ProxyMutex::new();
    let handler = state_machine(&mutex, move || {
        note(|| "the handler is called".to_owned());
        // Written and read under the mutex, which is the scheduling point.
        if its.load(Ordering::Relaxed) {
            violation("callback after cancel", "a handler ran after its event was cancelled");
        }
    });
    let event = thread.schedule_imm(handler);
    let canceller = spawn("canceller", move || {
        let _guard = mutex.lock();
        if event.try_cancel().is_ok() {
            is_cancelled.store(true, Ordering::Relaxed);
            note(|| "the event is cancelled under its mutex".to_owned());
        }
    });
    thread.run_until_idle();
    canceller.join().expect("it does not panic");
    thread.run_until_idle();
}

/// Three events wait. The first one's handler reschedules the second, which must keep its place.
pub(super) fn an_event_that_is_rescheduled(_: &Arms) {
    name_task("event thread");
    let processor = EventProcessor::new(Clock::new_virtual());
    let thread = processor.adopt_current_thread("ET_NET");
    let order = Arc::new(Mutex::new(Vec::new()));
    let noting = |name: &'static str| {
        let order = Arc::clone(&order);
        free(move || order.lock().push(name))
    };
    let second = Arc::new(OnceLock::<EventRef>::new());
    let its = Arc::clone(&second);
    let first = {
        let order = Arc::clone(&order);
        free(move || {
            order.lock().push("first");
            its.get().expect("it waits").schedule_imm();
        })
    };
    thread.schedule_imm_local(first);
    let _ = second.set(thread.schedule_imm_local(noting("second")));
    thread.schedule_imm_local(noting("third"));
    thread.run_until_idle();
    let order = order.lock().join(", ");
    if order != "first, second, third" {
        violation("order of events", format!("the events came in the order {order}"));
    }
}
