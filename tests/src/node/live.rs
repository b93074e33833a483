//! The machine's own node: many scenarios in one process.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::thread;

use serde_json::{Value, json};
use thiserror::Error;

use crate::outside::Child;

/// The machine's node cannot be run, and why.
#[derive(Debug, Error)]
#[error("node cannot be run: {0}")]
pub struct NodeError(pub String);

/// What runs a scenario on the real node and tells its events.
const SCRIPT: &str = concat!(
    include_str!("live/run.js"),
    include_str!("live/core.js"),
    include_str!("live/server.js"),
    include_str!("live/main.js"),
);

/// Runs `scenarios` on the machine's node and returns the events of each. A scenario
/// that aborts node ends with an `abort`; the scenarios after it run in another
/// process. Calls `done` with the number that is over.
///
/// # Errors
/// If there is no `node` in the path, or it does not begin.
pub fn run(scenarios: &[Value], mut done: impl FnMut(usize)) -> Result<Vec<Vec<Value>>, NodeError> {
    let mut told = Vec::new();
    while told.len() < scenarios.len() {
        let before = told.len();
        let text = run_process(&scenarios[before..], &mut told, |n| done(before + n))?;
        if told.len() == before && text.is_some() {
            let fault = text.unwrap_or_default();
            return Err(NodeError(fault));
        }
    }
    Ok(told)
}

/// One process, for as long as it lives. Returns what it said at its end, if it
/// did not even begin.
fn run_process(
    scenarios: &[Value],
    told: &mut Vec<Vec<Value>>,
    mut done: impl FnMut(usize),
) -> Result<Option<String>, NodeError> {
    let mut command = Command::new("node");
    command
        .args(["--expose-internals", "--expose-gc", "--no-warnings", "-e", SCRIPT])
        .env("NODE_OPTIONS", "")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = Child::start(&mut command).map_err(|error| NodeError(error.to_string()))?;
    let input: Vec<u8> = scenarios.iter().flat_map(line).collect();
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut stdin), Some(stdout), Some(mut stderr)) = (stdin, stdout, stderr) else {
        return Err(NodeError("it has no pipes".into()));
    };
    // Threads, because a full pipe stops its writer. A node that has gone takes no
    // more; its end is seen below.
    let writer = thread::spawn(move || drop(stdin.write_all(&input)));
    let complaints = thread::spawn(move || {
        let mut text = String::new();
        let _ = stderr.read_to_string(&mut text);
        text
    });
    let mut open: Option<Vec<Value>> = None;
    let mut over = 0;
    for line in BufReader::new(stdout).lines() {
        let Ok(line) = line else { break };
        if line.starts_with("> ") {
            open = Some(Vec::new());
        } else if line.starts_with("< ") {
            told.extend(open.take());
            over += 1;
            done(over);
        } else if let (Some(events), Ok(event)) = (&mut open, serde_json::from_str(&line)) {
            events.push(event);
        }
    }
    let complaint = complaints.join().unwrap_or_default();
    let _ = writer.join();
    end(&mut child)?;
    let Some(mut events) = open else {
        return Ok((over < scenarios.len()).then_some(complaint));
    };
    events.push(last_event(&complaint));
    told.push(events);
    done(over + 1);
    Ok(None)
}

fn line(scenario: &Value) -> Vec<u8> {
    let mut scenario = scenario.clone();
    if let Some(fields) = scenario.as_object_mut() {
        fields.remove("expected");
    }
    format!("{scenario}\n").into_bytes()
}

fn end(child: &mut Child) -> Result<(), NodeError> {
    child.wait().map(drop).map_err(|error| NodeError(error.to_string()))
}

/// The last event of a scenario that ended the node process.
fn last_event(complaint: &str) -> Value {
    let assertion = complaint.lines().find_map(|line| {
        let (_, rest) = line.split_once("Assertion failed: ").or_else(|| {
            let (_, rest) = line.split_once("Assertion `")?;
            rest.split_once("' failed").map(|(text, _)| ("", text))
        })?;
        Some(rest.to_string())
    });
    match assertion {
        Some(text) => json!({"e": "abort", "assert": text}),
        None => {
            let lines: Vec<&str> = complaint.lines().take(6).collect();
            json!({"e": "crash", "err": lines.join("|")})
        }
    }
}
