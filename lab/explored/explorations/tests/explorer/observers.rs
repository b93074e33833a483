//! What observers, clocks and scenes tell the engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use explorer::sync::atomic::AtomicBool;
use explorer::sync::{Mutex, thread};
use explorer::{Access, Explorer, kind, point, violation};

/// A thread closes, and notes it outside of the explored types; the other one looks.
fn closed_and_called(is_a_point: bool) -> impl Fn() + Send + Sync + 'static {
    move || {
        let closed = Arc::new(AtomicU32::new(0));
        let its = Arc::clone(&closed);
        let step = move |access| {
            if is_a_point {
                point("contract", access);
            }
        };
        let closer = thread::spawn(move || {
            step(Access::Write);
            its.store(1, SeqCst);
        });
        step(Access::Read);
        if closed.load(SeqCst) == 1 {
            violation("contract", "called after the close");
        }
        closer.join().unwrap();
    }
}

#[test]
fn what_an_observer_sees_must_be_a_point() {
    assert_eq!(Explorer::new().explore(closed_and_called(false)).first(), None);
    let report = Explorer::new().explore(closed_and_called(true));
    let found = &report.first().expect("it is a point").violation;
    assert_eq!((found.kind.as_str(), found.text.as_str()), ("contract", "called after the close"));
}

#[test]
fn a_violation_ends_the_execution() {
    let report = Explorer::new().bound(0).explore(|| {
        violation("first", "the first one");
        unreachable!("the execution is over");
    });
    assert_eq!(report.first().unwrap().violation.kind, "first");
}

/// The waiting thread passes time; the other one may stall meanwhile.
fn time_passes() -> bool {
    let done = Arc::new(AtomicBool::new(false));
    let its = Arc::clone(&done);
    let other = thread::spawn(move || its.store(true, SeqCst));
    explorer::let_others_run();
    let done_in_time = done.load(SeqCst);
    other.join().unwrap();
    done_in_time
}

#[test]
fn time_passes_a_thread_that_can_run_only_if_it_may_stall() {
    let values = |stalls| {
        let outcomes = Explorer::new().stalls(stalls).outcomes(time_passes);
        outcomes.schedules.into_keys().collect::<Vec<_>>()
    };
    assert_eq!(values(false), [true]);
    assert_eq!(values(true), [false, true]);
}

#[test]
fn a_stall_ends() {
    let report = Explorer::new().bound(0).stalls(true).explore(|| {
        let done = Arc::new(AtomicBool::new(false));
        let its = Arc::clone(&done);
        let other = thread::spawn(move || its.store(true, SeqCst));
        while !done.load(SeqCst) {
            explorer::let_others_run();
        }
        other.join().unwrap();
    });
    assert_eq!(report.first(), None);
}

#[test]
fn before_the_race_no_thread_is_interrupted() {
    let scene = |later: bool| {
        move || {
            if later {
                explorer::race_later();
            }
            let count = Arc::new(explorer::sync::atomic::AtomicU32::new(0));
            let add = |count: &explorer::sync::atomic::AtomicU32| {
                count.store(count.load(SeqCst) + 1, SeqCst);
            };
            let its = Arc::clone(&count);
            let other = thread::spawn(move || add(&its));
            add(&count);
            explorer::race_from_here();
            other.join().unwrap();
            assert_eq!(count.load(SeqCst), 2, "a count is lost");
        }
    };
    assert!(Explorer::new().explore(scene(false)).first().is_some());
    let report = Explorer::new().explore(scene(true));
    assert_eq!(report.first(), None);
}

/// A scene that depends on what is outside of it is no scene.
#[test]
fn a_scene_that_is_not_deterministic_is_reported() {
    let runs = AtomicU32::new(0);
    let report = Explorer::new().bound(1).explore(move || {
        let times = runs.fetch_add(1, SeqCst) % 3;
        let shared = Arc::new(Mutex::new(0));
        let its = Arc::clone(&shared);
        let other = thread::spawn(move || *its.lock() += 1);
        for _ in 0..=times {
            *shared.lock() += 1;
        }
        other.join().unwrap();
    });
    assert_eq!(report.first().unwrap().violation.kind, kind::NOT_DETERMINISTIC);
}

/// A thread that unwinds waits in its destructor for a lock of another one that is left.
#[test]
fn threads_that_are_left_unwind_in_turn() {
    struct Locks(Arc<Mutex<u32>>);
    impl Drop for Locks {
        fn drop(&mut self) {
            *self.0.lock() += 1;
        }
    }
    let report = Explorer::new().all(true).explore(|| {
        let mutex = Arc::new(Mutex::new(0));
        let _locks = Locks(Arc::clone(&mutex));
        let its = Arc::clone(&mutex);
        let other = thread::spawn(move || {
            let guard = its.lock();
            thread::yield_now();
            drop(guard);
        });
        point("end", Access::Write);
        thread::yield_now();
        if mutex.try_lock().is_none() {
            violation("held", "the other thread holds it");
        }
        other.join().unwrap();
    });
    assert_eq!(report.first().expect("it is held").violation.kind, "held");
    assert_eq!(report.violations.len(), 1);
}
