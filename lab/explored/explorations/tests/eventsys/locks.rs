//! `ProxyMutex`: exclusion, try-lock, recursion, hand-over, and which thread
//! holds it.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use eventsys::sync::thread;
use eventsys::{Guarded, ProxyMutex};

use crate::every_schedule;

/// Runs `f` on two threads and joins them.
fn on_two_threads<R: Send + 'static>(f: impl Fn(usize) -> R + Send + Sync + 'static) -> (R, R) {
    let f = Arc::new(f);
    let [a, b] = [0, 1].map(|id| {
        let f = Arc::clone(&f);
        thread::spawn(move || f(id))
    });
    (a.join().expect("no panic"), b.join().expect("no panic"))
}

#[test]
fn what_a_mutex_guards_is_on_one_thread_at_a_time() {
    let outcomes = every_schedule(|| {
        let value = Arc::new(Guarded::new(ProxyMutex::new(), Cell::new(0)));
        let shared = Arc::clone(&value);
        on_two_threads(move |_| {
            let guard = shared.mutex().lock();
            let value = shared.get(&guard);
            let read = value.get();
            thread::yield_now(); // let the other one in, if it can get in
            value.set(read + 1);
        });
        value.get(&value.mutex().lock()).get()
    });
    // If both were inside at once, one increment would be lost, and 1 would be
    // among the outcomes.
    assert_eq!(outcomes, BTreeSet::from([2]));
}

#[test]
fn of_two_try_locks_one_may_miss_but_never_both() {
    let outcomes = every_schedule(|| {
        let mutex = ProxyMutex::new();
        on_two_threads(move |_| {
            let guard = mutex.try_lock();
            thread::yield_now();
            guard.is_some()
        })
    });
    assert_eq!(
        outcomes,
        BTreeSet::from([
            (true, true),  // one after the other
            (true, false), // the second while the first held it
            (false, true),
        ])
    );
}

#[test]
fn a_recursive_lock_is_given_back_with_the_last_guard() {
    let outcomes = every_schedule(|| {
        let depth = Arc::new(Guarded::new(ProxyMutex::new(), Cell::new(0)));
        let other = Arc::clone(&depth);
        let prober =
            thread::spawn(move || other.mutex().try_lock().map(|guard| other.get(&guard).get()));
        let first = depth.mutex().lock();
        let second = depth.mutex().lock();
        depth.get(&second).set(2);
        drop(first);
        depth.get(&second).set(1);
        thread::yield_now();
        depth.get(&second).set(0);
        drop(second);
        prober.join().expect("no panic")
    });
    assert_eq!(
        outcomes,
        BTreeSet::from([
            None,    // while it was held, once or twice
            Some(0), // before or after; 1 or 2 would be inside
        ])
    );
}

#[test]
fn a_mutex_is_handed_over_and_no_waiter_is_left_behind() {
    let outcomes = every_schedule(|| {
        let order = Arc::new(Guarded::new(ProxyMutex::new(), Cell::new(0)));
        let shared = Arc::clone(&order);
        on_two_threads(move |id| {
            let guard = shared.mutex().lock();
            let order = shared.get(&guard);
            order.set(order.get() * 10 + id + 1);
        });
        order.get(&order.mutex().lock()).get()
    });
    // Either may be first. A waiter that was not woken would be a deadlock.
    assert_eq!(outcomes, BTreeSet::from([12, 21]));
}

#[test]
fn only_the_holder_sees_itself_as_the_holder() {
    let outcomes = every_schedule(|| {
        let mutex = ProxyMutex::new();
        let other = Arc::clone(&mutex);
        let asker = thread::spawn(move || {
            (other.is_held(), other.reenter().is_some(), other.thread_holding().is_some())
        });
        let guard = mutex.lock();
        assert!(mutex.is_held() && mutex.reenter().is_some());
        drop(guard);
        assert!(!mutex.is_held() && mutex.reenter().is_none());
        asker.join().expect("no panic")
    });
    assert_eq!(
        outcomes,
        BTreeSet::from([
            (false, false, false), // free
            (false, false, true),  // held by the other thread: seen, and not mistaken
        ])
    );
}
