//! `atslab node fuzz`: random scenarios, on the port and on the real node.

use std::io::Write;
use std::process::ExitCode;
use std::slice;

use conformance::deviations::Deviations;
use conformance::node::fuzz::{Arm, Arms, differs, fuzz as run, groups, smallest};
use conformance::node::generate;
use conformance::node::generate::Statistics;

use super::bar;
use super::check::write_difference;
use crate::command::node::NodeFuzzArgs;
use crate::error::Error;
use crate::ui::output::{Output, QUIET};

/// Runs the fuzzer and gives the exit status.
pub(super) fn fuzz(args: &NodeFuzzArgs, out: &mut Output) -> Result<ExitCode, Error> {
    if args.print {
        for number in 0..args.count {
            writeln!(out, "{}", generate(args.seed, number))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut statistics = Statistics::default();
    for number in 0..args.count {
        statistics.count(&generate(args.seed, number));
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
    let arms = Arms { port: Arm::Port(args.plant), ..Arms::NODE_AND_PORT };
    let found = run(arms, args.seed, args.count, || bar.inc(1));
    bar.finish_and_clear();
    let found = found?;
    let groups = groups(found.differing);
    for group in groups.iter().take(args.shown) {
        writeln!(out, "{} as this one:", group.count)?;
        let small = smallest(arms, &group.scenario)?;
        let told = |arm: Arm| Ok::<_, Error>(arm.run(slice::from_ref(&small), || {})?.remove(0));
        let (expected, actual) = (told(arms.real)?, told(arms.port)?);
        writeln!(out, "{small}")?;
        // A difference that comes and goes is shown as the whole scenario.
        if let Some(difference) = differs(&small, &expected, &actual) {
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
        for entry in &Deviations::node().deviation {
            writeln!(out, "  {QUIET}{}: {}{QUIET:#}", entry.name, entry.reason)?;
        }
    }
    writeln!(out, "{}", statistics.summary())?;
    writeln!(out, "identical: {} of {}", found.same, args.count)?;
    Ok(if found.same == args.count { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
