//! No event leaks: after everything has been dropped, every event ever made is
//! in the global free list.
//!
//! One test, alone in its process: the census counts the events of the process.

use std::sync::Arc;

use eventsys::hrtime::mseconds;
use eventsys::{
    Clock, EventCensus, EventProcessor, Outcome, ProxyMutex, StateMachine, event_census,
};
use testkit::{Lab, on_foreign_thread, while_held};

#[test]
fn every_event_ever_made_is_free_after_everything_has_been_dropped() {
    let lab = Lab::new();
    let cont = lab.noting("");
    let first = lab.thread.schedule_imm(cont.clone());
    let EventCensus { made, free } = event_census();
    assert!(made > free, "one is in use");

    // Events that run, are cancelled, miss their lock, are rescheduled, wait.
    first.schedule_in(mseconds(3));
    lab.thread.schedule_every(cont.clone(), mseconds(1));
    lab.thread.schedule_every(cont.clone(), -1);
    lab.thread.schedule_imm(cont.clone()).cancel();
    lab.thread.schedule_in(cont.clone(), mseconds(700)).cancel();
    while_held(cont.mutex(), || lab.passes(2));
    lab.passes(5);
    // More than the thread keeps for itself, so some go to the global list.
    for _ in 0..5_000 {
        lab.thread.schedule_imm(cont.clone());
    }
    lab.passes(1);
    for span in 0..3_000 {
        lab.thread.schedule_in(cont.clone(), mseconds(span));
    }
    // From a thread that is no EThread; cancelled in the external queue.
    let thread = Arc::clone(lab.thread.thread());
    on_foreign_thread(|| {
        (0..100).map(|_| thread.schedule_imm(cont.clone())).step_by(2).for_each(|e| e.cancel());
    });
    // On other threads, one of which has ended.
    let processor = EventProcessor::new(Clock::new_real());
    let net = processor.spawn_event_threads("ET_NET", 2);
    let machine: Arc<StateMachine<()>> =
        StateMachine::new(ProxyMutex::new(), (), |(), _, _, _| Outcome::Done);
    let threads = processor.active_group_threads(net);
    for number in 0..1_000 {
        threads[number % 2].schedule_in(machine.clone(), mseconds(number as i64));
    }
    processor.shutdown();
    threads[0].schedule_imm(machine.clone());
    assert!(processor.schedule_imm(machine.clone(), net).is_none());

    drop(lab);
    let EventCensus { made, free } = event_census();
    assert_eq!(made, free);
    assert!(made >= 5_000);
    assert_eq!((Arc::strong_count(&cont), Arc::strong_count(&machine)), (1, 1));
}
