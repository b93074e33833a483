//! The shutdown of an event system, and waiting for it.
//!
//! Proves the contract of `shutdown` for every caller: handlers, other threads, several at once.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::yield_now;

use eventsys::hrtime::{mseconds, seconds};
use eventsys::sync::Mutex;
use eventsys::{
    Clock, ContRef, ET_NET, EventProcessor, FreeContinuation, Options, Outcome, WakePolicy,
};
use testkit::{Lab, OnDrop, must_end, on_drop, on_foreign_thread, wait_for};

use crate::endings::counting;

/// Yields so often that a thread that does not wait is noticed, and no more often: on a busy machine
/// each yield may give a slice of time to every other thread, and `must_end` waits.
fn linger() {
    (0..100).for_each(|_| yield_now());
}

/// A processor whose one thread is in a handler that goes on until `go_on` says so, and
/// then notes that it ends.
fn busy(go_on: impl Fn(&EventProcessor) -> bool + Send + Sync + 'static) -> Arc<Busy> {
    let processor = EventProcessor::new(Clock::new_real());
    processor.spawn_event_threads("ET_NET", 1);
    let busy = Arc::new(Busy { processor, lines: Mutex::default() });
    let (its, (begin, begun)) = (Arc::clone(&busy), mpsc::channel());
    let handler: ContRef = FreeContinuation::new(move |_, _, _| {
        let _ = begin.send(());
        wait_for(|| go_on(&its.processor));
        // Long enough for a caller that does not wait to be noticed.
        linger();
        its.note("the handler ends");
        Outcome::Done
    });
    assert!(busy.processor.schedule_imm(handler, ET_NET).is_some());
    assert_eq!(begun.recv(), Ok(()));
    busy
}

struct Busy {
    processor: Arc<EventProcessor>,
    lines: Mutex<Vec<&'static str>>,
}

impl Busy {
    fn note(&self, line: &'static str) {
        self.lines.lock().push(line);
    }

    fn shut_down_and_note(&self, line: &'static str) {
        self.processor.shutdown();
        self.note(line);
    }

    fn lines(&self) -> Vec<&'static str> {
        self.lines.lock().clone()
    }
}

#[test]
fn no_handler_runs_when_one_of_several_callers_of_shutdown_goes_on() {
    let lines = must_end(|| {
        let second = Arc::new(AtomicBool::new(false));
        let called = Arc::clone(&second);
        let busy = busy(move |_| called.load(Ordering::SeqCst));
        std::thread::scope(|scope| {
            scope.spawn(|| busy.shut_down_and_note("a caller goes on"));
            wait_for(|| busy.processor.is_shut_down());
            second.store(true, Ordering::SeqCst);
            busy.shut_down_and_note("a caller goes on");
        });
        busy.shut_down_and_note("once more");
        busy.lines()
    });
    assert_eq!(lines, ["the handler ends", "a caller goes on", "a caller goes on", "once more"]);
}

#[test]
fn a_shutdown_after_that_of_a_handler_waits_for_the_handler() {
    let lines = must_end(|| {
        let busy = busy(|processor| {
            processor.shutdown();
            true
        });
        wait_for(|| busy.processor.is_shut_down());
        busy.shut_down_and_note("the caller goes on");
        busy.lines()
    });
    assert_eq!(lines, ["the handler ends", "the caller goes on"]);
}

#[test]
fn a_handler_that_shuts_down_waits_for_the_handlers_of_other_threads() {
    let lines = must_end(|| {
        let busy = busy(EventProcessor::is_shut_down);
        let task = busy.processor.spawn_event_threads("ET_TASK", 1);
        let (its, (end, ended)) = (Arc::clone(&busy), mpsc::channel());
        let (cont, _) = counting(move |_| {
            its.shut_down_and_note("the other handler goes on");
            let _ = end.send(());
        });
        assert!(busy.processor.schedule_imm(cont, task).is_some());
        assert_eq!(ended.recv(), Ok(()));
        busy.lines()
    });
    assert_eq!(lines, ["the handler ends", "the other handler goes on"]);
}

#[test]
fn a_thread_that_waits_for_the_shutdown_goes_on_when_it_has_begun() {
    let lines = must_end(|| {
        let busy = busy(EventProcessor::is_shut_down);
        let (begin, begun) = mpsc::channel();
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| {
                begin.send(()).expect("the test receives");
                busy.processor.wait_for_shutdown();
                busy.note(if busy.processor.is_shut_down() { "begun" } else { "too early" });
            });
            begun.recv().expect("the thread has begun");
            // Long enough for a thread that does not wait to be noticed.
            linger();
            busy.processor.shutdown();
            waits.join().expect("no panic");
        });
        let mut lines = busy.lines();
        lines.sort_unstable();
        lines
    });
    assert_eq!(lines, ["begun", "the handler ends"]);
}

thread_local! {
    static LAST: RefCell<Option<OnDrop>> = const { RefCell::new(None) };
}

#[test]
fn a_shutdown_waits_for_what_the_threads_have_in_their_thread_locals() {
    must_end(|| {
        let processor = EventProcessor::new(Clock::new_real());
        let net = processor.spawn_event_threads("ET_NET", 1);
        let dropped = Arc::new(AtomicBool::new(false));
        let (its, (end, ended)) = (Arc::clone(&dropped), mpsc::channel());
        let (cont, _) = counting(move |_| {
            let its = Arc::clone(&its);
            let last = on_drop(move || {
                // Long enough for a caller that does not wait to be noticed.
                linger();
                its.store(true, Ordering::SeqCst);
            });
            LAST.with(|value| value.replace(Some(last)));
            let _ = end.send(());
        });
        assert!(processor.schedule_imm(cont, net).is_some());
        assert_eq!(ended.recv(), Ok(()));
        processor.shutdown();
        assert!(dropped.load(Ordering::SeqCst));
    });
}

#[test]
fn handlers_of_several_threads_may_all_shut_down() {
    let ended = must_end(|| {
        let processor = EventProcessor::new(Clock::new_real());
        let net = processor.spawn_event_threads("ET_NET", 3);
        let barrier = Arc::new(std::sync::Barrier::new(3));
        let (its, at) = (Arc::clone(&processor), Arc::clone(&barrier));
        let (cont, calls) = counting(move |_| {
            at.wait();
            its.shutdown();
        });
        for thread in processor.active_group_threads(net) {
            // A mutex of the thread's own would be missed by the others.
            cont.base().set_thread_affinity(thread.index());
            assert!(processor.schedule_imm(Arc::clone(&cont), net).is_some());
        }
        wait_for(|| calls.load(Ordering::SeqCst) >= 3);
        processor.shutdown();
        calls.load(Ordering::SeqCst)
    });
    assert_eq!(ended, 3);
}

#[test]
fn a_handler_that_reschedules_itself_for_ever_does_not_keep_its_thread() {
    for wake in [WakePolicy::Blocking, WakePolicy::TryLock] {
        for span in [None, Some(0), Some(mseconds(5))] {
            must_end(move || {
                let options = Options { wake, ..Options::default() };
                let processor = EventProcessor::with_options(Clock::new_real(), options);
                let net = processor.spawn_event_threads("ET_NET", 1);
                let (begin, begun) = mpsc::channel();
                // One pass for ever: immediate events, or timers that are ready at once.
                let cont = testkit::actor_under(
                    &eventsys::ProxyMutex::new(),
                    &testkit::Trace::new(processor.clock()),
                    move |call| {
                        let _ = begin.send(());
                        match span {
                            None => call.event().schedule_imm(),
                            Some(span) => call.event().schedule_in(span),
                        }
                    },
                );
                let event = processor.schedule_imm(cont.clone(), net).expect("it runs");
                assert_eq!(begun.iter().take(3).count(), 3);
                processor.shutdown();
                assert!(!event.is_live());
                assert_eq!(Arc::strong_count(&cont), 1);
            });
        }
    }
}

#[test]
fn after_a_shutdown_an_adopted_thread_calls_nothing_and_keeps_its_events_to_its_end() {
    must_end(|| {
        let lab = Lab::new();
        let processor = Arc::clone(&lab.processor);
        let shuts_down = lab.actor(move |call| {
            call.note("shuts down");
            processor.shutdown();
            call.event().schedule_imm();
        });
        lab.thread.schedule_imm(shuts_down);
        let waits = lab.noting("never");
        let events = [
            lab.thread.schedule_imm(waits.clone()),
            lab.thread.schedule_every(waits.clone(), -1),
            lab.thread.schedule_in(waits.clone(), 1),
        ];
        // None of these goes on for ever, and none sleeps.
        lab.passes(3);
        lab.thread.run_until(|| false);
        lab.thread.run_until_idle();
        lab.thread.run_for(seconds(1));
        assert_eq!(lab.take_names(), ["shuts down"]);
        assert!(events.iter().all(|event| event.is_live()));
        drop(lab);
        assert!(events.iter().all(|event| !event.is_live()));
        assert_eq!(Arc::strong_count(&waits), 1);
    });
}

#[test]
fn the_shutdown_waits_for_the_pass_of_a_thread_that_others_run() {
    must_end(|| {
        let processor = EventProcessor::new(Clock::new_real());
        let (lines, (begin, begun)) = (Arc::new(Mutex::new(Vec::new())), mpsc::channel());
        std::thread::scope(|scope| {
            let adopts = scope.spawn(|| {
                let thread = processor.adopt_current_thread("ET_NET");
                let (its, noted) = (Arc::clone(&processor), Arc::clone(&lines));
                let (cont, calls) = counting(move |_| {
                    let _ = begin.send(());
                    wait_for(|| its.is_shut_down());
                    linger();
                    noted.lock().push("the handler ends");
                });
                thread.schedule_imm_local(Arc::clone(&cont));
                thread.schedule_imm_local(cont);
                thread.run_pass();
                thread.run_pass();
                calls.load(Ordering::SeqCst)
            });
            assert_eq!(begun.recv(), Ok(()));
            processor.shutdown();
            lines.lock().push("the caller goes on");
            assert_eq!(adopts.join().expect("no panic"), 1, "the second one is not called");
        });
        let lines = lines.lock().clone();
        assert_eq!(lines, ["the handler ends", "the caller goes on"]);
    });
}

#[test]
fn threads_that_begin_after_the_shutdown_call_nothing() {
    must_end(|| {
        let processor = EventProcessor::new(Clock::new_real());
        let (cont, calls) = counting(|_| ());
        processor.schedule_spawn(Arc::clone(&cont), ET_NET);
        processor.shutdown();
        processor.spawn_event_threads("ET_NET", 2);
        processor.spawn_thread(Arc::clone(&cont), "[DEDICATED]");
        on_foreign_thread(|| drop(processor.adopt_current_thread("ET_NET")));
        processor.shutdown();
        assert_eq!(calls.load(Ordering::SeqCst), 0);
        assert!(processor.active_group_threads(ET_NET).is_empty());
    });
}
