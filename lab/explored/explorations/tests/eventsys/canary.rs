//! Canaries: programs that are broken on purpose, in ways that only some schedules
//! show. If an exploration does not find these faults, a clean result for the other
//! programs proves nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use eventsys::ProxyMutex;
use eventsys::sync::atomic::{AtomicU32, Ordering};
use eventsys::sync::thread;

use crate::{every_schedule, mixed_schedules, one_schedule, random_schedules};
use explorations::{Outcomes, replay};

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
fn canary_random_schedules_find_a_lost_count() {
    assert_the_loss_is_found("random", random_schedules(2_000, 1, a_count_that_can_be_lost));
}

#[test]
fn canary_mixed_schedules_find_a_lost_count() {
    assert_the_loss_is_found("mixed", mixed_schedules(4_000, 1, a_count_that_can_be_lost));
}

#[test]
fn canary_a_schedule_that_was_found_leads_to_the_same_outcome_again() {
    let found = random_schedules(2_000, 1, a_count_that_can_be_lost);
    let again = replay(found.schedule_of(&1).clone(), a_count_that_can_be_lost);
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
fn canary_one_schedule_at_a_time_finds_a_deadlock() {
    let ended = (0..1_000).map(|seed| one_schedule(seed, a_deadlock));
    let texts: BTreeSet<_> = ended.map(|end| end.err()).collect();
    let deadlocks = texts.iter().flatten().filter(|text| text.starts_with("deadlock!"));
    assert!(deadlocks.count() > 0, "no schedule was a deadlock");
    assert!(texts.contains(&None), "every schedule was a deadlock");
    println!("canary: one schedule at a time found the deadlock");
}
