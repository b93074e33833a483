//! Random scenarios, on the port and on the real node.

mod group;

use std::num::NonZero;
use std::ops::{ControlFlow, Range};
use std::thread;

use serde_json::Value;

pub use group::{Group, groups};

use super::deviations::{self, Told};
use super::live::{self, NodeError};
use super::{Difference, Fault, Setting, compare, generate, run_with, shrink};
use crate::pool;

/// How many scenarios one node process is given.
const BATCH: usize = 250;

/// What runs scenarios.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arm {
    /// The machine's node.
    Node,
    /// The port, as it is or with a fault.
    Port(Option<Fault>),
}

impl Arm {
    /// The events of each of `scenarios`; calls `done` when one is over.
    ///
    /// # Errors
    /// If node cannot be run.
    pub fn run(
        self,
        scenarios: &[Value],
        mut done: impl FnMut(),
    ) -> Result<Vec<Vec<Value>>, NodeError> {
        match self {
            Arm::Node => live::run(scenarios, |_| done()),
            Arm::Port(fault) => {
                let setting = Setting { fault, ..Setting::default() };
                let run = |scenario| {
                    done();
                    run_with(scenario, setting)
                };
                Ok(scenarios.iter().map(run).collect())
            }
        }
    }
}

/// What is compared with what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arms {
    /// The reference.
    pub real: Arm,
    /// The arm under test.
    pub port: Arm,
}

impl Arms {
    /// The machine's node, and the port.
    pub const NODE_AND_PORT: Arms = Arms { real: Arm::Node, port: Arm::Port(None) };
}

/// The results of random scenarios.
#[derive(Default)]
pub struct Found {
    /// How many tell the same, as registered or without any difference.
    pub same: usize,
    /// How many of these differ as registered.
    pub registered: usize,
    /// Those that differ otherwise, the shortest scenarios first.
    pub differing: Vec<(Value, Difference)>,
}

/// Runs the scenarios 0 to `count` of `seed` on both arms. Calls `done` on any thread
/// when one is over on the real arm.
///
/// Several node processes run at a time: most of the time they wait for their sockets.
///
/// # Errors
/// If node cannot be run.
pub fn fuzz(
    arms: Arms,
    seed: u64,
    count: usize,
    done: impl Fn() + Sync,
) -> Result<Found, NodeError> {
    let batches = (0..count).step_by(BATCH).map(|first| first..(first + BATCH).min(count));
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let workers = pool::size(NonZero::new((2 * processors).min(8)), count.div_ceil(BATCH));
    let work = |(): &mut (), numbers| run_batch(arms, seed, numbers, &done);
    let mut found = Ok(Found::default());
    pool::run(batches, vec![(); workers], work, |result| match (&mut found, result) {
        (Ok(all), Ok(some)) => {
            all.add(some);
            ControlFlow::Continue(())
        }
        (_, result) => {
            found = result;
            ControlFlow::Break(())
        }
    });
    let mut found = found?;
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

fn run_batch(
    arms: Arms,
    seed: u64,
    numbers: Range<usize>,
    done: impl Fn(),
) -> Result<Found, NodeError> {
    let scenarios: Vec<Value> = numbers.map(|n| generate(seed, n)).collect();
    let real = arms.real.run(&scenarios, done)?;
    let port = arms.port.run(&scenarios, || {})?;
    let mut found = Found::default();
    for (scenario, (expected, actual)) in scenarios.into_iter().zip(real.into_iter().zip(port)) {
        if compare(&expected, &actual, &[]).is_none() {
            found.same += 1;
        } else if let Some(difference) = differs(&scenario, &expected, &actual) {
            found.differing.push((scenario, difference));
        } else {
            found.same += 1;
            found.registered += 1;
        }
    }
    Ok(found)
}

/// The first difference between what the two arms told that is not registered.
#[must_use]
pub fn differs(scenario: &Value, expected: &[Value], actual: &[Value]) -> Option<Difference> {
    let told = Told { node: expected.to_vec(), port: actual.to_vec() };
    let told = deviations::without(scenario, told);
    compare(&told.node, &told.port, &[])
}

/// A small scenario in which the arms differ, too; or this one.
///
/// # Errors
/// If node cannot be run.
pub fn smallest(arms: Arms, scenario: &Value) -> Result<Value, NodeError> {
    shrink(scenario, |tries| {
        let (real, port) = (arms.real.run(tries, || {})?, arms.port.run(tries, || {})?);
        let told = real.iter().zip(&port);
        Ok(tries.iter().zip(told).map(|(one, (a, b))| differs(one, a, b).is_some()).collect())
    })
}
