//! Building the student's workspace. Of the compiler's messages the student sees those that are
//! about the holes.

use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::CourseError;
use crate::judge::{Bench, Failure};
use crate::lesson::Place;

/// Builds the command.
pub(super) fn command(bench: &Bench, places: &[Place]) -> Result<Result<(), Failure>, CourseError> {
    let built = cargo(bench, places, &["build", "--package", "atslab"])?;
    Ok(built.map(|_| ()))
}

/// Builds a test and gives its executable.
pub(super) fn test(
    bench: &Bench,
    places: &[Place],
    package: &str,
    target: &str,
) -> Result<Result<PathBuf, Failure>, CourseError> {
    let target: &[&str] = if target == "lib" { &["--lib"] } else { &["--test", target] };
    // The profile of the build, so that nothing is compiled twice.
    let arguments = [&["test", "--no-run", "--profile", "dev", "--package", package], target];
    let built = cargo(bench, places, &arguments.concat())?;
    Ok(built.and_then(|executables| {
        executables.last().cloned().ok_or_else(|| Failure::new("The tests cannot be built."))
    }))
}

/// Runs Cargo in the student's workspace and gives the executables that it has built.
fn cargo(
    bench: &Bench,
    places: &[Place],
    arguments: &[&str],
) -> Result<Result<Vec<PathBuf>, Failure>, CourseError> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(arguments)
        .args(["--locked", "--message-format", "json"])
        .current_dir(bench.workspace())
        .env("CARGO_TARGET_DIR", &bench.target)
        // A check compiles again what little has changed.
        .env("CARGO_INCREMENTAL", "1")
        // They would replace the flags of the workspace's own configuration.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_RUSTFLAGS")
        .stdin(Stdio::null());
    let output = cargo.output().map_err(CourseError::NoCargo)?;
    let messages = String::from_utf8_lossy(&output.stdout);
    let messages: Vec<Value> =
        messages.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    if output.status.success() {
        let executables = messages.iter().filter_map(|message| message["executable"].as_str());
        return Ok(Ok(executables.map(PathBuf::from).collect()));
    }
    let errors: Vec<&Value> = messages
        .iter()
        .map(|message| &message["message"])
        .filter(|message| message["level"] == "error" && message["spans"].is_array())
        .collect();
    if errors.is_empty() {
        // Not the student's code: no network, no disk, another Cargo.
        let text = String::from_utf8_lossy(&output.stderr);
        let last: Vec<&str> = text.lines().rev().take(12).collect();
        let text = last.into_iter().rev().collect::<Vec<_>>().join("\n");
        return Err(CourseError::NoCargo(io::Error::other(text)));
    }
    Ok(Err(failure(&errors, places)))
}

fn failure(errors: &[&Value], places: &[Place]) -> Failure {
    let is_of_a_hole = |error: &&&Value| {
        let spans = error["spans"].as_array().into_iter().flatten();
        let mut files = spans.filter_map(|span| span["file_name"].as_str());
        files.any(|file| places.iter().any(|place| place.source.as_os_str() == file))
    };
    let mut shown: Vec<&&Value> = errors.iter().filter(is_of_a_hole).collect();
    let sentence = match shown.len() {
        0 => "Your code does not compile, and the error stands outside of the holes:".to_owned(),
        1 => "Your code does not compile:".to_owned(),
        count => format!("Your code does not compile: {count} errors."),
    };
    if shown.is_empty() {
        shown = errors.iter().collect();
    }
    let rendered = shown.iter().filter_map(|error| error["rendered"].as_str());
    let lines = rendered.flat_map(str::lines).map(str::to_owned);
    Failure { sentence, shown: lines.collect(), question: None }
}
