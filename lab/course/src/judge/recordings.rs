//! The recordings of the real server: the student's build compares itself with them.

use std::process::Command;

use serde_json::Value;

use crate::CourseError;
use crate::judge::tell::{Parting, panicked};
use crate::judge::{Bench, Failure, Judged, process};
use crate::lesson::{Lesson, Place};

pub(super) fn judge(
    bench: &Bench,
    lesson: &Lesson,
    places: &[Place],
    epoch: &str,
) -> Result<Judged, CourseError> {
    let built = bench.built();
    let mut command = Command::new(&built);
    command.args(["compare", "--epoch", epoch, "--format", "json"]);
    let ended = process::run(&mut command).map_err(CourseError::file(&built))?;
    if ended.status.is_none() {
        return Ok(Err(Failure::new(
            "The recorded cases do not end with your code: something is done again and again.",
        )));
    }
    let verdicts: Value = match serde_json::from_str(&ended.out) {
        Ok(verdicts) => verdicts,
        Err(_) => {
            return Ok(Err(Failure::new(
                "With your code the command ends before it has a verdict: the process aborts.",
            )));
        }
    };
    let cases = verdicts["cases"].as_array().map_or(&[][..], Vec::as_slice);
    let Some(first) = cases.iter().find(|case| case["verdict"] != "identical") else {
        let release = cases.first().and_then(|case| case["release"].as_str()).unwrap_or_default();
        let count = cases.len();
        return Ok(Ok(format!("{count} recorded cases of {release} are identical, step by step")));
    };
    let mut failure = failure(first, lesson, places);
    let identical = verdicts["identical"].as_u64().unwrap_or(0);
    failure.shown.push(format!("{identical} of {} recorded cases are identical.", cases.len()));
    Ok(Err(failure))
}

fn failure(case: &Value, lesson: &Lesson, places: &[Place]) -> Failure {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let what = format!("case {}", text(&case["case"]));
    let after = usize::try_from(case["after"].as_u64().unwrap_or(0)).unwrap_or(usize::MAX);
    if case["verdict"] == "panicked" {
        return panicked(&what, Some(after), &text(&case["text"]), places);
    }
    if case["verdict"] == "failed" {
        return Failure::new(text(&case["text"]));
    }
    let steps = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().map(&text).collect()
    };
    let [recorded, port] = [&case["recorded"], &case["port"]];
    let here = |side: &Value| side["here"].as_str().map(str::to_owned);
    let parting = Parting {
        what,
        right: "the server",
        after,
        before: steps(&recorded["before"]),
        theirs: here(recorded),
        theirs_next: steps(&recorded["after"]),
        yours: here(port),
        yours_next: steps(&port["after"]),
    };
    parting.failure(lesson)
}
