//! Canaries: programs that are broken on purpose, in ways that only some schedules
//! show. If an exploration does not find these faults, a clean result for the other
//! programs proves nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use eventsys::ProxyMutex;
use eventsys::sync::atomic::{AtomicU32, Ordering};
use eventsys::sync::thread;
use explorer::{Explorer, Strategy, kind};

use crate::{every_schedule, interrupted};
use explorations::{Outcomes, explore, replay};

/// Two threads count up, each in two steps. One count is lost if both read first.
fn a_count_that_can_be_lost() -> u32 {
    let count = Arc::new(AtomicU32::new(0));
    let threads = [0, 1].map(|_| {
        let count = Arc::clone(&count);
        thread::spawn(move || {
            let read = count.load(Ordering::SeqCst);
            count.store(read + 1, Ordering::SeqCst);
        })
    });
    for thread in threads {
        thread.join().expect("no panic");
    }
    count.load(Ordering::SeqCst)
}

fn assert_the_loss_is_found(by: &str, outcomes: Outcomes<u32>) {
    let schedule = outcomes.schedule_of(&1);
    println!("canary: {by} found the lost count under the schedule {schedule}");
    assert_eq!(outcomes, BTreeSet::from([1, 2]));
}

#[test]
fn canary_every_schedule_finds_a_lost_count() {
    assert_the_loss_is_found("every schedule", every_schedule(a_count_that_can_be_lost));
}

#[test]
fn canary_one_interruption_finds_a_lost_count() {
    assert_the_loss_is_found("one interruption", interrupted(1, a_count_that_can_be_lost));
}

#[test]
fn canary_random_schedules_find_a_lost_count() {
    for strategy in [Strategy::Pos, Strategy::Pct { depth: 3 }, Strategy::Random] {
        let explorer = Explorer::new().strategy(strategy).schedules(100);
        assert_the_loss_is_found(strategy.name(), explore(&explorer, a_count_that_can_be_lost));
    }
}

#[test]
fn canary_a_schedule_that_was_found_leads_to_the_same_outcome_again() {
    let found = every_schedule(a_count_that_can_be_lost);
    let again = replay(&Explorer::new(), found.schedule_of(&1), a_count_that_can_be_lost);
    assert_eq!(again, BTreeSet::from([1]));
}

/// Each of two threads waits for the mutex that the other one holds.
fn a_deadlock() {
    let [a, b] = [0, 1].map(|_| ProxyMutex::new());
    let (c, d) = (Arc::clone(&a), Arc::clone(&b));
    let other = thread::spawn(move || {
        drop((c.lock(), d.lock()));
    });
    drop((b.lock(), a.lock()));
    other.join().expect("no panic");
}

#[test]
fn canary_one_interruption_finds_a_deadlock() {
    let report = Explorer::new().bound(0).explore(a_deadlock);
    assert_eq!(report.first(), None, "one after the other, nothing waits");
    let report = Explorer::new().bound(1).explore(a_deadlock);
    let found = report.first().expect("a deadlock");
    assert_eq!(found.violation.kind, kind::DEADLOCK);
    println!("canary: the deadlock was found under the schedule {}", found.schedule);
}
