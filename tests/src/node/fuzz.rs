//! Random scenarios, on the port and on the real node.

mod group;

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use serde_json::Value;

pub use group::{Group, groups};

use super::live::{self, NodeError};
use super::{Difference, compare, deviations, generate, scenario, shrink};

/// How many scenarios one node process is given.
const BATCH: usize = 250;

/// What has come of random scenarios.
#[derive(Default)]
pub struct Found {
    /// How many tell the same, as registered or without any difference.
    pub same: usize,
    /// How many of these differ as registered.
    pub registered: usize,
    /// Those that differ otherwise, the shortest scenarios first.
    pub differing: Vec<(Value, Difference)>,
}

/// Runs the scenarios 0 to `count` of `seed` on the port and on the machine's node.
/// `done` hears of each that is over on node, on any thread.
///
/// Some node processes run at a time: most of their time goes by in waiting for their
/// sockets.
///
/// # Errors
/// If node cannot be run.
pub fn fuzz(seed: u64, count: usize, done: impl Fn() + Sync) -> Result<Found, NodeError> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Ok(Found::default()));
    let work = || {
        loop {
            let first = next.fetch_add(BATCH, Ordering::Relaxed);
            let failed = found.lock().unwrap_or_else(PoisonError::into_inner).is_err();
            if first >= count || failed {
                return;
            }
            let result = run_batch(seed, first..(first + BATCH).min(count), &done);
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            match (&mut *found, result) {
                (Ok(all), Ok(some)) => all.add(some),
                (Ok(_), Err(error)) => *found = Err(error),
                (Err(_), _) => {}
            }
        }
    };
    thread::scope(|scope| {
        let workers = 2 * thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..workers.min(8) {
            scope.spawn(work);
        }
    });
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner)?;
    // The order in which they were found is chance.
    found.differing.sort_by_key(|(scenario, _)| scenario.to_string().len());
    Ok(found)
}

impl Found {
    fn add(&mut self, other: Found) {
        self.same += other.same;
        self.registered += other.registered;
        self.differing.extend(other.differing);
    }
}

fn run_batch(seed: u64, numbers: Range<usize>, done: impl Fn()) -> Result<Found, NodeError> {
    let scenarios: Vec<Value> = numbers.map(|n| generate(seed, n)).collect();
    let told = live::run(&scenarios, |_| done())?;
    let mut found = Found::default();
    for (scenario, expected) in scenarios.into_iter().zip(told) {
        let actual = scenario::run(&scenario);
        if compare(&expected, &actual, &[]).is_none() {
            found.same += 1;
        } else if let Some(difference) = differs_from(&scenario, &expected, &actual) {
            found.differing.push((scenario, difference));
        } else {
            found.same += 1;
            found.registered += 1;
        }
    }
    Ok(found)
}

/// The first difference that is not registered, between what node told and what the port
/// tells.
#[must_use]
pub fn differs(scenario: &Value, expected: &[Value]) -> Option<Difference> {
    differs_from(scenario, expected, &scenario::run(scenario))
}

fn differs_from(scenario: &Value, expected: &[Value], actual: &[Value]) -> Option<Difference> {
    let (expected, actual) = deviations::without(scenario, expected, actual);
    compare(&expected, &actual, &[])
}

/// A small scenario for which node and the port differ, too; or this one.
///
/// # Errors
/// If node cannot be run.
pub fn smallest(scenario: &Value) -> Result<Value, NodeError> {
    shrink(scenario, |tries| {
        let told = live::run(tries, |_| {})?;
        Ok(tries.iter().zip(told).map(|(one, told)| differs(one, &told).is_some()).collect())
    })
}
