//! How threads and event systems end, and how they fail to begin.
//!
//! Proves that a thread which has ended gets nothing any more, and that an adoption or a
//! start which fails leaves nothing behind, neither in the group nor in the clock. The
//! shutdown of an event system is in `shutdown.rs`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use eventsys::hrtime::mseconds;
use eventsys::{
    Assignment, Clock, ContRef, ET_CALL, ET_NET, EThread, EventProcessor, FreeContinuation,
    MAX_EVENT_THREADS, Options, Outcome, WakePolicy,
};
use testkit::{Lab, beside, must_end, on_foreign_thread, panic_of};

/// A continuation that counts its calls, and says when the first of them begins.
pub(crate) fn counting(act: impl Fn(usize) + Send + Sync + 'static) -> (ContRef, Arc<AtomicUsize>) {
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
