//! The verdicts as JSON: the format `atslab-compare`, version 1.

use std::io::Write;
use std::process::ExitCode;

use conformance::ats::Verdict;
use conformance::ats::compare::{Difference, Excerpt};
use serde_json::{Value, json};

use super::DIFFERS;
use crate::error::Error;
use crate::jobs::{Job, Outcome};
use crate::ui::output::Output;

/// Prints one object, and gives the exit status. A case in which the port panics or goes on
/// without end is a verdict here, so that a tool learns of all cases.
pub(super) fn write(
    out: &mut Output,
    jobs: &[Job<'_>],
    outcomes: &[Result<Outcome, Error>],
) -> Result<ExitCode, Error> {
    let identical =
        outcomes.iter().filter(|one| one.as_ref().is_ok_and(|one| one.verdict.is_identical()));
    let identical = identical.count();
    let cases: Vec<Value> = jobs.iter().zip(outcomes).map(|(job, one)| case(job, one)).collect();
    let object = json!({
        "format": "atslab-compare",
        "version": 1,
        "identical": identical,
        "cases": cases,
    });
    writeln!(out, "{object}")?;
    Ok(if identical == jobs.len() { ExitCode::SUCCESS } else { ExitCode::from(DIFFERS) })
}

fn case(job: &Job<'_>, outcome: &Result<Outcome, Error>) -> Value {
    let mut object = match outcome {
        Ok(Outcome { verdict, .. }) => verdict_of(verdict),
        Err(Error::Panicked { text, after, .. }) => {
            json!({ "verdict": "panicked", "after": after, "text": text })
        }
        Err(error) => json!({ "verdict": "failed", "text": error.to_string() }),
    };
    object["case"] = job.case.name.clone().into();
    object["epoch"] = job.epoch.name().into();
    object["release"] = job.epoch.release().into();
    object
}

fn verdict_of(verdict: &Verdict) -> Value {
    match verdict {
        Verdict::Identical { steps } => json!({ "verdict": "identical", "steps": steps }),
        Verdict::Differs(at) => difference("differs", at),
        Verdict::Missing(at) => difference("missing", at),
        Verdict::Surplus(at) => difference("surplus", at),
    }
}

fn difference(verdict: &str, at: &Difference) -> Value {
    json!({
        "verdict": verdict,
        "after": at.index,
        "recorded": excerpt(&at.recorded),
        "port": excerpt(&at.port),
    })
}

/// The step that differs, or null where this side has ended, and the steps around it.
fn excerpt(side: &Excerpt) -> Value {
    let texts = |steps: &[conformance::ats::compare::Numbered]| -> Vec<String> {
        steps.iter().map(|numbered| numbered.step.to_string()).collect()
    };
    json!({
        "before": texts(&side.before),
        "here": side.here.as_ref().map(|numbered| numbered.step.to_string()),
        "line": side.here.as_ref().map(|numbered| numbered.number),
        "after": texts(&side.after),
    })
}
