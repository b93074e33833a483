//! What is found, as which kind, under which schedule.

use std::sync::Arc;

use explorer::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use explorer::sync::{Condvar, Mutex, thread};
use explorer::{Explorer, Found, Strategy, kind};

/// Two threads count up, each in two steps.
pub(crate) fn lost_update() {
    let count = Arc::new(AtomicU32::new(0));
    let its = Arc::clone(&count);
    let other = thread::spawn(move || its.store(its.load(SeqCst) + 1, SeqCst));
    count.store(count.load(SeqCst) + 1, SeqCst);
    other.join().unwrap();
    assert_eq!(count.load(SeqCst), 2, "a count is lost");
}

fn first(scene: impl Fn() + Send + Sync + 'static) -> Found {
    Explorer::new().explore(scene).first().expect("a violation").clone()
}

#[test]
fn a_lost_update_needs_one_interruption() {
    let found = first(lost_update);
    assert_eq!((found.violation.kind.as_str(), found.interruptions), (kind::PANIC, 1));
    // Before the store of either thread.
    let schedule = found.schedule.to_string();
    assert!(schedule.ends_with(":a2.b*.a*"), "{schedule}");
}

#[test]
fn each_strategy_finds_a_lost_update() {
    for strategy in [Strategy::Every, Strategy::Pos, Strategy::Pct { depth: 3 }, Strategy::Random] {
        let report = Explorer::new().strategy(strategy).explore(lost_update);
        let found = report.first().unwrap_or_else(|| panic!("{strategy:?}"));
        assert_eq!(found.interruptions, 1, "{strategy:?}");
    }
}

#[test]
fn two_mutexes_taken_in_two_orders_are_a_deadlock() {
    let found = first(|| {
        let (a, b) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
        let (c, d) = (Arc::clone(&a), Arc::clone(&b));
        let other = thread::spawn(move || drop((d.lock(), c.lock())));
        drop((a.lock(), b.lock()));
        other.join().unwrap();
    });
    assert_eq!(found.violation.kind, kind::DEADLOCK);
    assert_eq!(
        found.violation.text,
        "main waits for the mutex a2, made by main and held by b; \
         b waits for the mutex a1, made by main and held by main"
    );
}

/// The waiter looks at the flag without the mutex, and then waits: the wake-up may fall between.
#[test]
fn a_wake_up_before_the_wait_is_lost_and_no_deadlock() {
    let found = first(|| {
        let shared = Arc::new((AtomicBool::new(false), Mutex::new(()), Condvar::new()));
        let its = Arc::clone(&shared);
        let other = thread::spawn(move || {
            its.0.store(true, SeqCst);
            its.2.notify_one();
        });
        if !shared.0.load(SeqCst) {
            shared.2.wait(&mut shared.1.lock());
        }
        other.join().unwrap();
    });
    assert_eq!(found.violation.kind, kind::LOST_WAKE_UP);
    assert_eq!(found.violation.text, "main waits for a wake-up by a3");
    assert_eq!(found.interruptions, 1);
}

#[test]
fn an_execution_that_never_ends_is_a_livelock() {
    let report = Explorer::new().max_points(1_000).explore(|| {
        let flag = Arc::new(AtomicBool::new(false));
        let its = Arc::clone(&flag);
        let other = thread::spawn(move || its.store(true, SeqCst));
        while !flag.load(SeqCst) {}
        other.join().unwrap();
    });
    let found = report.first().expect("without an interruption it spins");
    assert_eq!(found.violation.kind, kind::LIVELOCK);
    assert_eq!(found.violation.text, "the execution has not ended after 1000 operations");
    assert_eq!(found.interruptions, 0);
}

#[test]
fn a_panic_in_a_thread_is_a_violation_and_the_others_are_unwound() {
    struct Sets(Arc<std::sync::atomic::AtomicU32>);
    impl Drop for Sets {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    let dropped = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let its = Arc::clone(&dropped);
    let report = Explorer::new().bound(0).explore(move || {
        let _sets = Sets(Arc::clone(&its));
        let other = thread::spawn(|| panic!("of number {}", 7));
        let _ = other.join();
        unreachable!("the execution has ended");
    });
    assert_eq!(report.first().unwrap().violation.text, "of number 7");
    assert!(dropped.load(SeqCst) >= 2, "each execution has dropped its value");
}
