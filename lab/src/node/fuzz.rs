//! `atslab node fuzz`: random scenarios, on the port and on the real node.

use std::io::Write;
use std::process::ExitCode;

use serde_json::Value;
use streamlisten::scenario::{self, Difference, compare};

use super::check::write_difference;
use super::{bar, deviations, generate, live, shrink};
use crate::cli::NodeFuzzArgs;
use crate::error::Error;
use crate::output::{Output, QUIET};

/// How many scenarios one node process is given.
const BATCH: usize = 1000;

/// At most this many differences are shrunk and shown.
const SHOWN: usize = 5;

/// What the client has seen depends on the time that the scenario gave it.
const IGNORED: &[&str] = &["client"];

/// Runs the fuzzer and gives the exit status.
pub(super) fn fuzz(args: &NodeFuzzArgs, out: &mut Output) -> Result<ExitCode, Error> {
    if args.print {
        for number in 0..args.count {
            writeln!(out, "{}", generate::scenario(args.seed, number))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let bar = bar(args.count);
    let (mut same, mut registered, mut done) = (0, 0, 0);
    let mut differing = Vec::new();
    while done < args.count {
        let numbers = done..(done + BATCH).min(args.count);
        let scenarios: Vec<Value> =
            numbers.clone().map(|n| generate::scenario(args.seed, n)).collect();
        let told = live::run(&scenarios, |n| bar.set_position((done + n) as u64))?;
        for (scenario, expected) in scenarios.into_iter().zip(told) {
            let actual = scenario::run(&scenario);
            if compare(&expected, &actual, IGNORED).is_none() {
                same += 1;
            } else if differs_from(&scenario, &expected, &actual).is_none() {
                (same, registered) = (same + 1, registered + 1);
            } else {
                differing.push(scenario);
            }
        }
        done = numbers.end;
        bar.set_message(format!("{} differ", differing.len()));
    }
    bar.finish_and_clear();
    for scenario in differing.iter().take(SHOWN) {
        let small = shrink::shrink(scenario)?;
        let expected = live::run(std::slice::from_ref(&small), |_| {})?.remove(0);
        writeln!(out, "{small}")?;
        // A difference that comes and goes is shown as the whole scenario.
        if let Some(difference) = differs(&small, &expected) {
            let id = small["id"].as_str().unwrap_or_default().to_string();
            write_difference(out, &id, &expected, &difference)?;
        }
    }
    if registered > 0 {
        writeln!(out, "{registered} of these differ as registered:")?;
        for entry in deviations::register()?.deviation {
            writeln!(out, "  {QUIET}{}: {}{QUIET:#}", entry.rule, entry.reason)?;
        }
    }
    writeln!(out, "identical: {same} of {}", args.count)?;
    Ok(if same == args.count { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// The first difference that is not registered.
pub(super) fn differs(scenario: &Value, expected: &[Value]) -> Option<Difference> {
    differs_from(scenario, expected, &scenario::run(scenario))
}

fn differs_from(scenario: &Value, expected: &[Value], actual: &[Value]) -> Option<Difference> {
    let (expected, actual) = deviations::without(scenario, expected, actual);
    compare(&expected, &actual, IGNORED)
}
