//! `atslab node --check`.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use conformance::input::file_name;
use conformance::node::{Difference, Setting, Transport, compare, live, run_with, shape};
use serde_json::Value;

use super::bar;
use crate::error::Error;
use crate::files::lines_of;
use crate::ui::output::{FAULT, Output, QUIET, SERVER, TITLE};

/// What is compared with what.
#[derive(Clone, Copy, Debug)]
pub(super) struct How {
    /// The scenarios are run on node, too.
    pub on_node: bool,
    /// They are printed, and not compared.
    pub record: bool,
    /// What carries the port's connections.
    pub transport: Transport,
}

/// Runs the scenarios of `file` and compares, or prints them with what was told.
pub(super) fn check(file: &Path, how: How, out: &mut Output) -> Result<ExitCode, Error> {
    let scenarios = read(file, !how.on_node && !how.record)?;
    let expected: Option<Vec<Vec<Value>>> = if how.on_node {
        let bar = bar(scenarios.len());
        let told = live::run(&scenarios, |n| bar.set_position(n as u64));
        bar.finish_and_clear();
        Some(told?)
    } else {
        None
    };
    let setting = Setting { transport: how.transport, ..Setting::default() };
    let run = |scenario: &Value| run_with(scenario, setting);
    if how.record {
        for (i, scenario) in scenarios.iter().enumerate() {
            let told = expected.as_ref().map(|all| all[i].clone());
            let mut scenario = scenario.clone();
            scenario["expected"] = Value::Array(told.unwrap_or_else(|| run(&scenario)));
            writeln!(out, "{scenario}")?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut same = 0;
    for (i, scenario) in scenarios.iter().enumerate() {
        let expected = match &expected {
            Some(all) => all[i].clone(),
            None => shape::expected(scenario).unwrap_or_default().to_vec(),
        };
        let actual = run(scenario);
        let id = name(scenario, i);
        match compare(&expected, &actual, &[]) {
            None => {
                same += 1;
                writeln!(out, "same     {id}  {QUIET}{} events{QUIET:#}", actual.len())?;
            }
            Some(difference) => write_difference(out, &id, &expected, &difference)?,
        }
    }
    writeln!(out, "identical: {same} of {}", scenarios.len())?;
    Ok(if same == scenarios.len() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// The scenarios of a file; with `has_expected` each must say what node has told.
fn read(file: &Path, has_expected: bool) -> Result<Vec<Value>, Error> {
    let text = lines_of(file)?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(i, line)| {
            let place = format!("{}:{}", file_name(file), i + 1);
            let fault = |fault| Error::Line { place: place.clone(), fault };
            let scenario = shape::scenario(line).map_err(fault)?;
            if has_expected {
                shape::expected(&scenario).map_err(fault)?;
            }
            Ok(scenario)
        })
        .collect()
}

fn name(scenario: &Value, i: usize) -> String {
    scenario["id"].as_str().map_or_else(|| format!("line {}", i + 1), str::to_string)
}

/// The first difference, with the two events before it.
pub(super) fn write_difference(
    out: &mut Output,
    id: &str,
    expected: &[Value],
    difference: &Difference,
) -> Result<(), Error> {
    let at = difference.at;
    writeln!(out, "{FAULT}differs{FAULT:#}  {TITLE}{id}{TITLE:#}  after {at} events")?;
    for event in &expected[at.saturating_sub(2).min(expected.len())..at.min(expected.len())] {
        writeln!(out, "           {QUIET}{event}{QUIET:#}")?;
    }
    let shown = |event: &Option<Value>| {
        event.as_ref().map_or_else(|| "(nothing more)".to_string(), Value::to_string)
    };
    writeln!(out, "    node   {SERVER}{}{SERVER:#}", shown(&difference.expected))?;
    writeln!(out, "    port   {FAULT}{}{FAULT:#}", shown(&difference.actual))?;
    Ok(())
}
