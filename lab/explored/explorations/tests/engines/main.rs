//! The explorer is judged by another one: shuttle must find the same outcomes of the same scenes.
//! The event system is built once on the locks and threads of each.
//!
//! ```text
//! cargo test -p explorations --features shuttle --test engines
//! ```
//!
//! Shuttle is behind a feature because it takes longer to compile than all other explorations.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use explorer::{Explorer, Strategy};
use shuttle::scheduler::{DfsScheduler, PctScheduler, RandomScheduler, Scheduler};

mod ours {
    use eventsys as sys;

    include!("scenes.rs");
}

mod shuttles {
    use eventsys_shuttle as sys;

    include!("scenes.rs");
}

type Scene = fn() -> String;

/// The outcomes that the explorer finds. Time may pass a thread that can go on, as under shuttle.
fn by_the_explorer(strategy: Strategy, scene: Scene) -> BTreeSet<String> {
    let explorer = Explorer::new().strategy(strategy).stalls(true);
    let outcomes = explorer.outcomes(scene);
    assert_eq!(outcomes.report.first(), None);
    outcomes.schedules.into_keys().collect()
}

fn by_shuttle(scheduler: impl Scheduler + 'static, scene: Scene) -> BTreeSet<String> {
    let outcomes: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let found = Arc::clone(&outcomes);
    let mut config = shuttle::Config::new();
    config.silence_warnings = true;
    shuttle::Runner::new(scheduler, config).run(move || {
        let outcome = scene();
        found.lock().expect("no panic under the lock").insert(outcome);
    });
    std::mem::take(&mut *outcomes.lock().expect("no panic under the lock"))
}

/// Half of them random, half with random priorities: each half misses some outcomes.
fn by_shuttle_at_random(scene: Scene) -> BTreeSet<String> {
    let mut outcomes = by_shuttle(RandomScheduler::new_from_seed(1, 500), scene);
    outcomes.extend(by_shuttle(PctScheduler::new_from_seed(1, 3, 1_000), scene));
    outcomes
}

fn set<const N: usize>(outcomes: [&str; N]) -> BTreeSet<String> {
    outcomes.map(str::to_owned).into()
}

const EVERY: Strategy = Strategy::Every;

#[test]
fn the_order_of_two_locks() {
    let expected = set(["12", "21"]);
    assert_eq!(by_the_explorer(EVERY, ours::order_of_two_locks), expected);
    let every = DfsScheduler::new(None, false);
    assert_eq!(by_shuttle(every, shuttles::order_of_two_locks), expected);
}

#[test]
fn two_try_locks() {
    let expected = set(["[false, true]", "[true, false]", "[true, true]"]);
    assert_eq!(by_the_explorer(EVERY, ours::two_try_locks), expected);
    let every = DfsScheduler::new(None, false);
    assert_eq!(by_shuttle(every, shuttles::two_try_locks), expected);
}

#[test]
fn the_queue_of_other_threads() {
    let expected = set(["0 in time, 2 in all", "1 in time, 2 in all", "2 in time, 2 in all"]);
    let bounded = Strategy::Bounded { bound: 2 };
    assert_eq!(by_the_explorer(bounded, ours::two_events_and_one_pass), expected);
    assert_eq!(by_shuttle_at_random(shuttles::two_events_and_one_pass), expected);
}

#[test]
fn a_timer_that_another_thread_cancels() {
    let expected = set([
        // In time.
        "ran 0 times before, cancelled: true, ran 0 times",
        // It has run, and was freed.
        "ran 1 times before, cancelled: false, ran 1 times",
        // It has run, and its thread has not freed it yet.
        "ran 1 times before, cancelled: true, ran 1 times",
    ]);
    let bounded = Strategy::Bounded { bound: 2 };
    assert_eq!(by_the_explorer(bounded, ours::a_timer_and_its_cancelling), expected);
    assert_eq!(by_shuttle_at_random(shuttles::a_timer_and_its_cancelling), expected);
}
