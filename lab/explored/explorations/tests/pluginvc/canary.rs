//! Canary: a plugin that is broken on purpose, in a way that few schedules show. If
//! the exploration does not find the fault, a clean result for the other scenes
//! proves nothing.

use std::sync::Arc;

use explorer::sync::atomic::{AtomicU32, Ordering};
use explorer::sync::thread;
use testkit::{ACCEPT, MAX, READ_READY};

use crate::{close_both, outcomes, warm_lab};
use explorations::{Outcomes, replay};
use explorer::Explorer;

/// The plugin's handler counts a callback, and a thread of the plugin counts itself,
/// each in two steps. The thread takes the plugin's mutex for that, or forgets to.
fn two_who_count(with_the_mutex: bool) -> String {
    let lab = warm_lab();
    let (a, p) = lab.agents();
    p.on(ACCEPT, |me| me.read(MAX));
    let core = lab.pair(&a, &p);
    lab.settle();
    lab.take();
    let count = Arc::new(AtomicU32::new(0));
    let count_one = {
        let count = Arc::clone(&count);
        move || count.store(count.load(Ordering::SeqCst) + 1, Ordering::SeqCst)
    };
    p.on(READ_READY, {
        let count_one = count_one.clone();
        move |_| count_one()
    });
    a.with(|me| me.write_now(b"x"));
    let other = thread::spawn({
        let p = p.clone();
        move || {
            if with_the_mutex { p.with(|_| count_one()) } else { count_one() }
        }
    });
    lab.settle();
    other.join().unwrap();
    lab.settle();
    close_both(&lab, core, &a, &p);
    format!("counted {}", count.load(Ordering::SeqCst))
}

fn without_the_mutex() -> Outcomes<String> {
    outcomes(1, || two_who_count(false))
}

#[test]
fn canary_a_plugins_thread_that_forgets_the_mutex_is_found() {
    let found = without_the_mutex();
    let lost = "counted 1".to_owned();
    println!("canary: the lost count was found under the schedule {}", found.schedule_of(&lost));
    assert_eq!(found, ["counted 1", "counted 2"]);
}

#[test]
fn canary_a_plugins_thread_that_takes_the_mutex_is_not_blamed() {
    assert_eq!(outcomes(1, || two_who_count(true)), ["counted 2"]);
}

#[test]
fn canary_a_schedule_that_was_found_leads_to_the_same_outcome_again() {
    let found = without_the_mutex();
    for (outcome, schedule) in found.iter() {
        let explorer = Explorer::new().stalls(true);
        let again = replay(&explorer, schedule, || two_who_count(false));
        assert_eq!(again, [outcome.as_str()]);
    }
}
