//! How threads and event systems end, and how they fail to begin.
//!
//! Proves the contract of `shutdown` for every caller, that a thread which has ended
//! gets nothing any more, and that an adoption or a start which fails leaves nothing
//! behind, neither in the group nor in the clock.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::yield_now;

use eventsys::hrtime::{mseconds, seconds};
use eventsys::{
    Assignment, Clock, ContRef, ET_CALL, ET_NET, EThread, EventProcessor, FreeContinuation,
    MAX_EVENT_THREADS, Options, Outcome, WakePolicy,
};
use testkit::{Lab, beside, must_end, on_foreign_thread, panic_of};

/// A continuation that counts its calls, and says when the first of them begins.
fn counting(act: impl Fn(usize) + Send + Sync + 'static) -> (ContRef, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let cont = FreeContinuation::new(move |_, _, _| {
        act(count.fetch_add(1, Ordering::SeqCst) + 1);
        Outcome::Done
    });
    (cont, calls)
}

// What fails to begin.

#[test]
fn a_second_adoption_is_refused_and_leaves_nothing_behind() {
    must_end(|| {
        let lab = Lab::new();
        let adopt = || drop(lab.processor.adopt_current_thread("ET_NET"));
        assert_eq!(panic_of(adopt), "an EThread already runs on this thread");
        let in_it = || EThread::with_current(|_| adopt());
        assert_eq!(panic_of(in_it), "an EThread already runs on this thread");
        let threads = lab.processor.active_group_threads(ET_NET);
        assert_eq!(threads.iter().map(|thread| thread.index()).collect::<Vec<_>>(), [0]);
        // Events of others for the group come, each time.
        for _ in 0..4 {
            let cont = lab.noting("came");
            let processor = Arc::clone(&lab.processor);
            assert!(on_foreign_thread(|| processor.schedule_imm(cont, ET_NET)).is_some());
        }
        // And the clock goes on.
        lab.thread.run_for(mseconds(100));
        assert_eq!(lab.take_names(), ["came"; 4]);
        // The next thread has the next number.
        beside(&lab.processor, &["ET_TASK"], || {
            let task = lab.processor.event_type("ET_TASK").expect("registered");
            assert_eq!(lab.processor.assign_thread(task).index(), 1);
        });
    });
}

#[test]
fn threads_that_cannot_be_started_are_made_all_or_none_and_leave_nothing_behind() {
    must_end(|| {
        let lab = Lab::new();
        let processor = &lab.processor;
        // The system takes no such name; and there are not as many threads.
        for (name, n, text) in [
            ("ET_\0", 2, "the name of a thread has no zero byte: \"[ET_\\0 0]\""),
            ("ET_X", MAX_EVENT_THREADS, "n_ethreads + n_threads <= MAX_EVENT_THREADS"),
        ] {
            let (cont, calls) = counting(|_| ());
            let et = processor.register_event_type(name);
            processor.schedule_spawn(Arc::clone(&cont), et);
            assert_eq!(panic_of(|| processor.spawn_event_threads(name, n)), text);
            assert!(processor.active_group_threads(et).is_empty());
            assert_eq!(
                panic_of(|| processor.assign_thread(et)),
                format!("no thread runs in group {name}")
            );
            assert_eq!(calls.load(Ordering::SeqCst), 0);
        }
        let (cont, calls) = counting(|_| ());
        let text = panic_of(|| processor.spawn_thread(Arc::clone(&cont), "\0"));
        assert_eq!(text, "the name of a thread has no zero byte: \"\\0\"");
        assert!(cont.base().mutex().is_none(), "it has not got a mutex of no thread");
        assert_eq!((Arc::strong_count(&cont), calls.load(Ordering::SeqCst)), (1, 0));
        // The clock does not wait for a thread that has never been.
        lab.thread.run_for(mseconds(100));
        beside(processor, &["ET_X"], || {
            let et = processor.event_type("ET_X").expect("registered");
            assert_eq!(processor.assign_thread(et).name(), "[ET_X 0]");
            assert_eq!(processor.assign_thread(et).index(), 1);
        });
    });
}

// What is scheduled on a thread that has ended.

#[test]
fn a_thread_that_has_ended_is_passed_over_by_its_group() {
    for assignment in [Assignment::Affinity, Assignment::RoundRobin] {
        let options = Options { assignment, ..Options::default() };
        let processor = EventProcessor::with_options(Clock::new_ticking(1), options);
        beside(&processor, &["ET_NET"], || {
            beside(&processor, &["ET_NET"], || ());
            on_foreign_thread(|| {
                let thread = processor.adopt_current_thread("ET_NET");
                let names = |threads: Vec<Arc<EThread>>| -> Vec<usize> {
                    threads.iter().map(|thread| thread.index()).collect()
                };
                assert_eq!(names(processor.active_group_threads(ET_NET)), [0, 2]);
                assert_eq!(names((0..6).map(|_| processor.assign_thread(ET_NET)).collect()), {
                    // 1 has ended: its turn goes to the next one.
                    [2, 2, 0, 2, 2, 0]
                });
                // A continuation that keeps to it goes to another, and keeps to that.
                let (cont, _) = counting(|_| ());
                cont.base().set_thread_affinity(1);
                let again = || processor.schedule_imm(Arc::clone(&cont), ET_NET).expect("runs");
                assert!(again().is_live() && again().is_live());
                if assignment == Assignment::Affinity {
                    assert_eq!(cont.base().thread_affinity(), Some(thread.index()));
                    cont.base().set_thread_affinity(1);
                    let next = processor.assign_affinity_by_type(&cont, ET_NET);
                    assert_eq!(next.index(), thread.index());
                    assert_eq!(cont.base().thread_affinity(), Some(thread.index()));
                }
            });
        });
    }
}

#[test]
fn a_group_whose_threads_have_all_ended_refuses_what_is_scheduled_on_it() {
    must_end(|| {
        let processor = EventProcessor::new(Clock::new_virtual());
        let (cont, calls) = counting(|_| ());
        let ended =
            on_foreign_thread(|| Arc::clone(processor.adopt_current_thread("ET_NET").thread()));
        assert!(ended.has_ended() && !processor.is_shut_down());
        let get = || Arc::clone(&cont);
        assert_eq!(processor.schedule_imm(get(), ET_CALL), None);
        assert_eq!(processor.schedule_every(get(), -1, ET_CALL), None);
        cont.base().set_thread_affinity(0);
        assert_eq!(processor.schedule_in(get(), 1, ET_CALL), None);
        assert!(!ended.schedule_imm(get()).is_live(), "by name, the event is stale");
        assert_eq!((Arc::strong_count(&cont), calls.load(Ordering::SeqCst)), (1, 0));
        let text = panic_of(|| processor.assign_thread(ET_CALL));
        assert_eq!(text, "no thread runs in group ET_NET");
    });
}

// The shutdown.

/// A processor whose one thread is in a handler that goes on until `go_on` says so, and
/// then notes that it ends.
fn busy(go_on: impl Fn(&EventProcessor) -> bool + Send + Sync + 'static) -> Arc<Busy> {
    let processor = EventProcessor::new(Clock::new_real());
    processor.spawn_event_threads("ET_NET", 1);
    let busy = Arc::new(Busy { processor, lines: Mutex::default() });
    let (its, (begin, begun)) = (Arc::clone(&busy), mpsc::channel());
    let handler: ContRef = FreeContinuation::new(move |_, _, _| {
        let _ = begin.send(());
        while !go_on(&its.processor) {
            yield_now();
        }
        // Long enough for a caller that does not wait to be noticed.
        (0..1_000).for_each(|_| yield_now());
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
        self.lines.lock().expect("no panic under the lock").push(line);
    }

    fn shut_down_and_note(&self, line: &'static str) {
        self.processor.shutdown();
        self.note(line);
    }

    fn lines(&self) -> Vec<&'static str> {
        self.lines.lock().expect("no panic under the lock").clone()
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
            while !busy.processor.is_shut_down() {
                yield_now();
            }
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
        while !busy.processor.is_shut_down() {
            yield_now();
        }
        busy.shut_down_and_note("the caller goes on");
        busy.lines()
    });
    assert_eq!(lines, ["the handler ends", "the caller goes on"]);
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
        while calls.load(Ordering::SeqCst) < 3 {
            yield_now();
        }
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
                    while !its.is_shut_down() {
                        yield_now();
                    }
                    (0..1_000).for_each(|_| yield_now());
                    noted.lock().expect("no panic under the lock").push("the handler ends");
                });
                thread.schedule_imm_local(Arc::clone(&cont));
                thread.schedule_imm_local(cont);
                thread.run_pass();
                thread.run_pass();
                calls.load(Ordering::SeqCst)
            });
            assert_eq!(begun.recv(), Ok(()));
            processor.shutdown();
            lines.lock().expect("no panic under the lock").push("the caller goes on");
            assert_eq!(adopts.join().expect("no panic"), 1, "the second one is not called");
        });
        let lines = lines.lock().expect("no panic under the lock").clone();
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

#[test]
fn a_pass_in_a_pass_is_refused_whatever_the_wake_policy() {
    thread_local! {
        static ADOPTED: std::cell::RefCell<Option<std::rc::Rc<eventsys::AdoptedThread>>> =
            const { std::cell::RefCell::new(None) };
    }
    for wake in [WakePolicy::Blocking, WakePolicy::TryLock] {
        let text = must_end(move || {
            let options = Options { wake, ..Options::default() };
            let processor = EventProcessor::with_options(Clock::new_virtual(), options);
            let thread = std::rc::Rc::new(processor.adopt_current_thread("ET_NET"));
            ADOPTED.set(Some(thread.clone()));
            let (cont, _) = counting(|_| {
                ADOPTED.with_borrow(|thread| {
                    thread.as_ref().expect("set above").run_pass();
                })
            });
            thread.schedule_imm_local(cont);
            let refused = catch_unwind(AssertUnwindSafe(|| thread.run_pass()));
            ADOPTED.set(None);
            // Between two passes it is no pass in a pass.
            let mut left = 3;
            thread.run_until(|| {
                thread.run_pass();
                left -= 1;
                left == 0
            });
            panic_of(|| refused.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        assert_eq!(text, "a pass of this event loop is under way");
    }
}
