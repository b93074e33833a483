//! Scheduling on a thread while it ends: an event runs or is dropped, never both,
//! and is never lost.

use std::collections::BTreeSet;
use std::sync::Arc;

use eventsys::sync::atomic::{AtomicBool, Ordering};
use eventsys::sync::thread;
use eventsys::{
    Clock, ContRef, EThread, EventCensus, EventProcessor, FreeContinuation, Outcome, event_census,
};

use crate::{Latch, interrupted};

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

/// An EThread makes one pass and ends; the producers that `make` builds for it run meanwhile.
/// Returns which of the `events` have run.
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
    let outcomes = interrupted(2, || {
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
    let outcomes = interrupted(2, || {
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

#[test]
fn an_owner_that_waits_for_the_shutdown_does_not_miss_it() {
    // A missed notification would be a deadlock: no thread of the processor ends and notifies.
    let outcomes = interrupted(2, || {
        let processor = EventProcessor::new(Clock::new_real());
        let owned = Arc::clone(&processor);
        let owner = thread::spawn(move || {
            owned.wait_for_shutdown();
            owned.is_shut_down()
        });
        processor.shutdown();
        owner.join().expect("no panic")
    });
    assert_eq!(outcomes, BTreeSet::from([true]));
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
    let outcomes = interrupted(2, || {
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

/// A continuation that is `inside` while its handler runs, calls `act` in it, and can be
/// asked whether it is.
fn looked_at(act: impl Fn() + Send + Sync + 'static) -> (ContRef, impl Fn() -> bool + Clone) {
    let inside = Arc::new(AtomicBool::new(false));
    let note = Arc::clone(&inside);
    let cont: ContRef = FreeContinuation::new(move |_, _, _| {
        note.store(true, Ordering::SeqCst);
        act();
        note.store(false, Ordering::SeqCst);
        Outcome::Done
    });
    (cont, move || inside.load(Ordering::SeqCst))
}

#[test]
fn no_handler_runs_when_any_caller_of_shutdown_goes_on() {
    interrupted(1, || {
        let processor = EventProcessor::new(Clock::new_real());
        let net = processor.spawn_event_threads("ET_NET", 1);
        let (cont, is_inside) = looked_at(|| ());
        processor.schedule_imm(cont, net);
        let shut_down = || {
            let (processor, is_inside) = (Arc::clone(&processor), is_inside.clone());
            thread::spawn(move || {
                processor.shutdown();
                assert!(!is_inside());
            })
        };
        for caller in [shut_down(), shut_down()] {
            caller.join().expect("no handler runs");
        }
        assert_no_event_is_lost();
    });
}

#[test]
fn handlers_that_shut_down_end_before_a_caller_outside_goes_on() {
    interrupted(1, || {
        let processor = EventProcessor::new(Clock::new_real());
        let net = processor.spawn_event_threads("ET_NET", 2);
        let handlers = processor.active_group_threads(net).into_iter().map(|event_thread| {
            let its = Arc::clone(&processor);
            let (cont, is_inside) = looked_at(move || its.shutdown());
            event_thread.schedule_imm(cont);
            is_inside
        });
        let handlers: Vec<_> = handlers.collect();
        let shut_down = |processor: Arc<EventProcessor>| {
            let handlers = handlers.clone();
            move || {
                processor.shutdown();
                assert!(!handlers.iter().any(|is_inside| is_inside()));
            }
        };
        // Two outside: only one of them finds threads to join.
        let other = thread::spawn(shut_down(Arc::clone(&processor)));
        shut_down(Arc::clone(&processor))();
        other.join().expect("no handler runs");
        assert_no_event_is_lost();
    });
}

#[test]
fn no_handler_of_an_adopted_thread_runs_when_a_shutdown_goes_on() {
    let outcomes = interrupted(2, || {
        let processor = EventProcessor::new(Clock::new_real());
        let ran = Arc::new(AtomicBool::new(false));
        let ran_in = Arc::clone(&ran);
        let (cont, is_inside) = looked_at(move || ran_in.store(true, Ordering::SeqCst));
        let (on, begun) = (Arc::clone(&processor), Latch::new());
        let latch = Arc::clone(&begun);
        let adopts = thread::spawn(move || {
            let adopted = on.adopt_current_thread("ET_NET");
            adopted.schedule_imm_local(Arc::clone(&cont));
            latch.count();
            adopted.run_pass();
        });
        begun.wait_for(1);
        processor.shutdown();
        assert!(!is_inside());
        let ran_before = ran.load(Ordering::SeqCst);
        adopts.join().expect("no panic");
        assert_eq!(ran.load(Ordering::SeqCst), ran_before, "not after the shutdown");
        assert_no_event_is_lost();
        ran_before
    });
    assert_eq!(outcomes, BTreeSet::from([false, true]));
}

#[test]
fn what_a_group_gets_while_one_of_its_threads_ends_runs_on_the_other_or_ends_with_it() {
    let outcomes = interrupted(2, || {
        let processor = EventProcessor::new(Clock::new_virtual());
        let stays = processor.adopt_current_thread("ET_NET");
        let (begun, latch) = (Latch::new(), Latch::new());
        let (tell, go_on, on) = (Arc::clone(&begun), Arc::clone(&latch), Arc::clone(&processor));
        let ends = thread::spawn(move || {
            let adopted = on.adopt_current_thread("ET_NET");
            tell.count();
            go_on.wait_for(1);
            drop(adopted);
        });
        begun.wait_for(1);
        latch.count();
        let (cont, ran) = runs_once();
        // It keeps to the thread that ends.
        cont.base().set_thread_affinity(1);
        let event = on_another_thread(&processor, Arc::clone(&cont));
        ends.join().expect("no panic");
        stays.run_until_idle();
        drop(stays);
        assert_eq!(Arc::strong_count(&cont), 1, "its event has let go of it");
        assert_no_event_is_lost();
        assert!(event, "there is always a thread that takes it");
        ran.load(Ordering::SeqCst)
    });
    assert_eq!(outcomes, BTreeSet::from([false, true]));
}

/// Schedules `cont` on `ET_NET` from a thread that is no EThread. True if it was taken.
fn on_another_thread(processor: &Arc<EventProcessor>, cont: ContRef) -> bool {
    let processor = Arc::clone(processor);
    let schedule = move || processor.schedule_imm(cont, eventsys::ET_NET).is_some();
    thread::spawn(schedule).join().expect("no panic")
}

#[test]
fn what_a_drop_schedules_while_its_thread_ends_is_not_lost() {
    let outcomes = interrupted(2, || {
        let (cont, _) = runs_once();
        schedule_on_an_ending_thread([runs_once()], |ending, [first]| {
            let by_drop = Arc::clone(&ending);
            struct Schedules(Arc<EThread>, ContRef);
            impl Drop for Schedules {
                fn drop(&mut self) {
                    self.0.schedule_imm(Arc::clone(&self.1));
                }
            }
            let cookie = Arc::new(Schedules(by_drop, cont));
            vec![thread::spawn(move || {
                ending.schedule_imm(eventsys::Request::new(first).cookie(cookie));
            })]
        })
    });
    assert_eq!(outcomes, BTreeSet::from([[false], [true]]));
}
