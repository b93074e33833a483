//! `atslab node fuzz`: random scenarios, on the port and on the real node.

mod group;

use std::io::Write;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use indicatif::ProgressBar;
use serde_json::Value;
use streamlisten::scenario::{self, Difference, compare};

use super::check::write_difference;
use super::generate::Statistics;
use super::{bar, deviations, generate, live, shrink};
use crate::command::node::NodeFuzzArgs;
use crate::error::Error;
use crate::ui::output::{Output, QUIET};

/// How many scenarios one node process is given.
const BATCH: usize = 250;

/// Runs the fuzzer and gives the exit status.
pub(super) fn fuzz(args: &NodeFuzzArgs, out: &mut Output) -> Result<ExitCode, Error> {
    if args.print {
        for number in 0..args.count {
            writeln!(out, "{}", generate::scenario(args.seed, number))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut statistics = Statistics::default();
    for number in 0..args.count {
        statistics.count(&generate::scenario(args.seed, number));
    }
    if args.statistics {
        writeln!(out, "kind        action             outside  inside")?;
        for line in statistics.lines() {
            writeln!(out, "{line}")?;
        }
        writeln!(out, "{}", statistics.summary())?;
        return Ok(ExitCode::SUCCESS);
    }
    let bar = bar(args.count);
    let found = run_all(args, &bar);
    bar.finish_and_clear();
    let found = found?;
    let groups = group::groups(found.differing);
    for group in groups.iter().take(args.shown) {
        writeln!(out, "{} as this one:", group.count)?;
        let small = shrink::shrink(&group.scenario)?;
        let expected = live::run(std::slice::from_ref(&small), |_| {})?.remove(0);
        writeln!(out, "{small}")?;
        // A difference that comes and goes is shown as the whole scenario.
        if let Some(difference) = differs(&small, &expected) {
            let id = small["id"].as_str().unwrap_or_default().to_string();
            write_difference(out, &id, &expected, &difference)?;
        }
    }
    for group in groups.iter().skip(args.shown) {
        let id = group.scenario["id"].as_str().unwrap_or_default();
        writeln!(out, "{} as {id}: {}", group.count, group.key)?;
    }
    if found.registered > 0 {
        writeln!(out, "{} of these differ as registered:", found.registered)?;
        for entry in deviations::register()?.deviation {
            writeln!(out, "  {QUIET}{}: {}{QUIET:#}", entry.rule, entry.reason)?;
        }
    }
    writeln!(out, "{}", statistics.summary())?;
    writeln!(out, "identical: {} of {}", found.same, args.count)?;
    Ok(if found.same == args.count { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// What has come of the scenarios.
#[derive(Default)]
struct Found {
    same: usize,
    /// Those of the same that differ as registered.
    registered: usize,
    differing: Vec<(Value, Difference)>,
}

/// Runs all scenarios, some node processes at a time: most of their time goes by in
/// waiting for their sockets.
fn run_all(args: &NodeFuzzArgs, bar: &ProgressBar) -> Result<Found, Error> {
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let found = Mutex::new(Ok(Found::default()));
    let work = || {
        loop {
            let first = next.fetch_add(BATCH, Ordering::Relaxed);
            let failed = found.lock().unwrap_or_else(PoisonError::into_inner).is_err();
            if first >= args.count || failed {
                return;
            }
            let numbers = first..(first + BATCH).min(args.count);
            let result = run_batch(args.seed, numbers, || {
                bar.set_position(done.fetch_add(1, Ordering::Relaxed) as u64);
            });
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

fn run_batch(seed: u64, numbers: std::ops::Range<usize>, done: impl Fn()) -> Result<Found, Error> {
    let scenarios: Vec<Value> = numbers.map(|n| generate::scenario(seed, n)).collect();
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

/// The first difference that is not registered.
pub(super) fn differs(scenario: &Value, expected: &[Value]) -> Option<Difference> {
    differs_from(scenario, expected, &scenario::run(scenario))
}

fn differs_from(scenario: &Value, expected: &[Value], actual: &[Value]) -> Option<Difference> {
    let (expected, actual) = deviations::without(scenario, expected, actual);
    compare(&expected, &actual, &[])
}
