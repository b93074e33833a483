//! Scheduling on a thread while it ends: an event runs or is dropped, never both,
//! and is never lost.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use eventsys::sync::thread;
use eventsys::{
    Clock, ContRef, EThread, EventCensus, EventProcessor, FreeContinuation, Outcome, event_census,
};

use crate::{Latch, mixed_schedules};

/// A continuation that notes its run, and panics if it runs twice.
fn runs_once() -> (ContRef, Arc<AtomicBool>) {
    let ran = Arc::new(AtomicBool::new(false));
    let note = Arc::clone(&ran);
    let cont: ContRef = FreeContinuation::new(move |_, _, _| {
        assert!(!note.swap(true, Ordering::Relaxed), "it has run before");
        Outcome::Done
    });
    (cont, ran)
}

/// Every event of the execution is in the global free list.
fn assert_no_event_is_lost() {
    let EventCensus { made, free } = event_census();
    assert_eq!(made, free);
}

/// An EThread that makes one pass and ends; what `make` makes of it, the producers,
/// run meanwhile. Which of the `events` have run?
fn schedule_on_an_ending_thread<const N: usize>(
    events: [(ContRef, Arc<AtomicBool>); N],
    produce: impl FnOnce(Arc<EThread>, [ContRef; N]) -> Vec<thread::JoinHandle<()>>,
) -> [bool; N] {
    let (begun, slot) = (Latch::new(), Arc::new(std::sync::OnceLock::new()));
    let (latch, give) = (Arc::clone(&begun), Arc::clone(&slot));
    let ending = thread::spawn(move || {
        let processor = EventProcessor::new(Clock::new_virtual());
        let adopted = processor.adopt_current_thread("ET_NET");
        assert!(give.set(Arc::clone(adopted.thread())).is_ok());
        latch.count();
        adopted.run_pass();
    });
    begun.wait_for(1);
    let thread = Arc::clone(slot.get().expect("set before the latch"));
    let producers = produce(thread, events.each_ref().map(|(cont, _)| Arc::clone(cont)));
    for handle in producers {
        handle.join().expect("no panic");
    }
    ending.join().expect("no panic");
    for (cont, _) in &events {
        assert_eq!(Arc::strong_count(cont), 1, "its event has let go of it");
    }
    assert_no_event_is_lost();
    events.map(|(_, ran)| ran.load(Ordering::Relaxed))
}

#[test]
fn events_of_two_threads_run_or_are_dropped_when_their_thread_ends() {
    let outcomes = mixed_schedules(4_000, 1, || {
        schedule_on_an_ending_thread([runs_once(), runs_once()], |ending, conts| {
            let schedule = |cont: ContRef| {
                let ending = Arc::clone(&ending);
                thread::spawn(move || {
                    ending.schedule_imm(cont);
                })
            };
            conts.map(schedule).into()
        })
    });
    // Each in time for the one pass or not, independently of the other.
    assert_eq!(
        outcomes,
        BTreeSet::from([[false, false], [false, true], [true, false], [true, true]])
    );
}

#[test]
fn of_the_events_of_one_thread_a_first_part_runs_and_the_rest_is_dropped() {
    let outcomes = mixed_schedules(4_000, 2, || {
        schedule_on_an_ending_thread([runs_once(), runs_once()], |ending, conts| {
            vec![thread::spawn(move || {
                for cont in conts {
                    ending.schedule_imm(cont);
                }
            })]
        })
    });
    // Never the second without the first.
    assert_eq!(outcomes, BTreeSet::from([[false, false], [true, false], [true, true]]));
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Fate {
    Ran,
    Dropped,
    /// `schedule_imm` gave no event.
    Refused,
}

#[test]
fn scheduling_while_the_processor_shuts_down_runs_drops_or_is_refused() {
    let outcomes = mixed_schedules(4_000, 3, || {
        let processor = EventProcessor::new(Clock::new_real());
        let net = processor.spawn_event_threads("ET_NET", 1);
        let (cont, ran) = runs_once();
        let (to_schedule, on) = (Arc::clone(&cont), Arc::clone(&processor));
        let producer = thread::spawn(move || on.schedule_imm(to_schedule, net).is_some());
        processor.shutdown();
        let taken = producer.join().expect("no panic");
        let ran = ran.load(Ordering::Relaxed);
        assert_eq!(Arc::strong_count(&cont), 1, "its event has let go of it");
        assert_no_event_is_lost();
        match (taken, ran) {
            (true, true) => Fate::Ran,
            (true, false) => Fate::Dropped,
            (false, false) => Fate::Refused,
            (false, true) => panic!("it was refused and has run"),
        }
    });
    assert_eq!(outcomes, BTreeSet::from([Fate::Ran, Fate::Dropped, Fate::Refused]));
}
