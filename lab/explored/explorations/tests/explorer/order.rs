//! Which schedules there are, and that each is run once.

use std::collections::BTreeSet;
use std::sync::Arc;

use explorer::sync::atomic::{AtomicU32, Ordering::SeqCst};
use explorer::sync::{Condvar, Mutex, thread};
use explorer::{Explorer, Strategy, Sweep};

/// Two threads, each with two operations on one object, and the order of these operations.
fn two_and_two() -> String {
    let order = Arc::new(AtomicU32::new(0));
    let its = Arc::clone(&order);
    let step = |order: &AtomicU32, digit| {
        order.fetch_update(SeqCst, SeqCst, |order| Some(order * 10 + digit)).unwrap();
    };
    let other = thread::spawn(move || {
        step(&its, 2);
        step(&its, 2);
    });
    step(&order, 1);
    step(&order, 1);
    other.join().unwrap();
    // Unlike `load`, this is no operation.
    Arc::into_inner(order).expect("the other thread has ended").into_inner().to_string()
}

#[test]
fn each_order_of_two_times_two_operations_comes_once() {
    let outcomes = Explorer::new().strategy(Strategy::Every).outcomes(two_and_two);
    let orders: Vec<_> = outcomes.values().map(String::as_str).collect();
    assert_eq!(orders, ["1122", "1212", "1221", "2112", "2121", "2211"]);
    // Four over two: no order comes twice.
    let [Sweep { bound, schedules, complete, .. }] = outcomes.report.sweeps[..] else { panic!() };
    assert_eq!((bound, schedules, complete), (None, 6, true));
}

#[test]
fn a_bound_counts_the_schedules_of_all_lesser_ones_too() {
    let report = Explorer::new().bound(3).explore(|| drop(two_and_two()));
    let swept: Vec<_> =
        report.sweeps.iter().map(|sweep| (sweep.bound, sweep.schedules, sweep.complete)).collect();
    assert_eq!(
        swept,
        [
            // 1122
            (Some(0), 1, true),
            // 1221 and 2211: main is interrupted, and the other thread ends.
            (Some(1), 3, true),
            // 1212 and 2112: the other thread is interrupted as well.
            (Some(2), 5, true),
            // 2121
            (Some(3), 6, true),
        ]
    );
    assert_eq!(report.complete_bound(), Some(3));
    assert_eq!(report.schedules, 15);
}

/// The order of a wake-up is a choice of its own and costs nothing.
#[test]
fn any_of_the_threads_that_wait_takes_a_wake_up() {
    let outcomes = Explorer::new().bound(0).outcomes(|| {
        let shared = Arc::new((Mutex::new((0, Vec::new())), Condvar::new()));
        let waits = |id: u32| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let mut state = shared.0.lock();
                state.0 += 1;
                shared.1.wait(&mut state);
                state.1.push(id);
            })
        };
        let threads = [waits(1), waits(2)];
        for _ in 0..2 {
            while shared.0.lock().0 < 2 {
                thread::yield_now();
            }
            shared.1.notify_one();
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        shared.0.lock().1.clone()
    });
    assert_eq!(outcomes.report.first(), None);
    assert_eq!(
        outcomes.values().cloned().collect::<BTreeSet<_>>(),
        BTreeSet::from([vec![1, 2], vec![2, 1]])
    );
}

/// Waiting by yielding ends, and both ways out of a yield are tried.
#[test]
fn a_yield_lets_others_go_first_or_not() {
    let outcomes = Explorer::new().bound(0).outcomes(|| {
        let value = Arc::new(AtomicU32::new(0));
        let its = Arc::clone(&value);
        let other = thread::spawn(move || its.store(1, SeqCst));
        thread::yield_now();
        let seen = value.load(SeqCst);
        other.join().unwrap();
        seen
    });
    assert_eq!(outcomes.values().copied().collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn two_operations_that_only_read_have_no_order() {
    let report = Explorer::new().strategy(Strategy::Every).explore(|| {
        let value = Arc::new(AtomicU32::new(7));
        let its = Arc::clone(&value);
        let other = thread::spawn(move || its.load(SeqCst));
        value.load(SeqCst);
        other.join().unwrap();
    });
    assert_eq!(report.schedules, 1);
}
