//! The result for tools: `atslab-interleaving`, version 1; see `docs/schema`.
//!
//! A line has one violation with its interleaving, or says that there is none. It has the whole
//! report, too, so the lines of all parts of an exploration are enough to put them together.

use std::convert::Infallible;
use std::io::Write;
use std::path::PathBuf;

use conformance::input::{MOST_OF_LINES, file_name, read_file};
use explorer::{Operation, Place, Report, Row, Trace, What};
use serde_json::{Value, json};

use super::ended::{Ended, Shown};
use super::rows::{best_place, lines};
use super::subject::Subject;
use crate::error::{Error, message};
use crate::ui::output::Output;

const FORMAT: &str = "atslab-interleaving";
const VERSION: u64 = 1;

/// Prints a line for each violation, or one that has none.
pub(super) fn write(ended: &Ended, out: &mut Output) -> Result<(), Error> {
    if ended.found.is_empty() {
        let trace = ended.trace.as_ref();
        writeln!(out, "{}", object(ended, None, trace))?;
    }
    for shown in &ended.found {
        writeln!(out, "{}", object(ended, Some(shown), Some(&shown.trace)))?;
    }
    Ok(())
}

/// The objects of all violations, or that of the one schedule that was run.
pub(super) fn objects(ended: &Ended) -> Vec<Value> {
    if let (true, Some(trace)) = (ended.found.is_empty(), &ended.trace) {
        return vec![object(ended, None, Some(trace))];
    }
    ended.found.iter().map(|shown| object(ended, Some(shown), Some(&shown.trace))).collect()
}

fn object(ended: &Ended, shown: Option<&Shown>, trace: Option<&Trace>) -> Value {
    let subject = &ended.subject;
    let scenario = subject.scenario();
    let (rows, hidden) = trace.map_or((Vec::new(), 0), rows);
    json!({
        "format": FORMAT,
        "version": VERSION,
        "scenario": {
            "file": subject.name,
            "title": scenario.title,
            "teaches": scenario.teaches,
            "toml": subject.toml,
        },
        "epoch": subject.epoch,
        "rearmed": subject.rearmed,
        "corrected": subject.corrected,
        "report": ended.report,
        "threads": trace.map_or(Vec::new(), |trace| trace.tasks.clone()),
        "schedule": trace.map(|trace| &trace.schedule),
        "violation": shown.map(|shown| &shown.violation),
        "interruptions": shown.map(|shown| shown.interruptions),
        "minimal": shown.and_then(|shown| shown.is_minimal),
        "segments": trace.map_or(Vec::new(), segments),
        "rows": rows,
        "hidden": hidden,
        "all": trace.map_or(Vec::new(), all),
    })
}

fn segments(trace: &Trace) -> Vec<Value> {
    let segments = trace.schedule.segments.iter();
    let segment = |segment: &explorer::Segment| {
        json!({
            "task": segment.task,
            "points": segment.points,
            "preempted": segment.points.is_some(),
        })
    };
    segments.map(segment).collect()
}

/// The rows that matter, and how many operations are left out.
fn rows(trace: &Trace) -> (Vec<Value>, usize) {
    let (lines, hidden) = lines(trace);
    let held = held(trace);
    let row = |line: super::rows::Line<'_>| {
        let at = trace.rows.iter().position(|row| std::ptr::eq(row, line.row));
        let held = at.map_or(&[][..], |at| &held[at]);
        object_of(line.row, line.place, line.source.as_deref(), held)
    };
    (lines.into_iter().flatten().map(row).collect(), hidden)
}

/// Every row, without the text of its line.
fn all(trace: &Trace) -> Vec<Value> {
    let place = |row: &Row| match &row.what {
        What::Operation { frames, .. } => best_place(frames).or(frames.first()).cloned(),
        _ => None,
    };
    let rows = trace.rows.iter().zip(held(trace));
    rows.map(|(row, held)| object_of(row, place(row).as_ref(), None, &held)).collect()
}

fn object_of(row: &Row, place: Option<&Place>, line: Option<&str>, held: &[&str]) -> Value {
    let mut object = json!({
        "task": row.task,
        "n": row.point,
        "segment": row.segment,
        "src": place.map(src),
        "line": line,
        "held": held,
    });
    let more = match &row.what {
        What::Operation { operation, object, before, after, .. } => json!({
            "op": operation,
            "object": object,
            "before": before,
            "after": after,
        }),
        What::Note(text) => json!({ "note": text }),
        What::Violation { violation, .. } => json!({ "violation": violation }),
        What::WaitsForEver { what, .. } => json!({ "waits_for_ever": what }),
    };
    if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
        object.extend(more);
    }
    object
}

/// For each row the mutexes with a name that its thread holds when the row comes, the outermost
/// first.
fn held(trace: &Trace) -> Vec<Vec<&str>> {
    let mut held: Vec<Vec<&str>> = vec![Vec::new(); trace.tasks.len()];
    // A thread has a mutex that it waits for only when it goes on.
    let mut awaited: Vec<Option<&str>> = vec![None; trace.tasks.len()];
    let mut of_rows = Vec::with_capacity(trace.rows.len());
    for row in &trace.rows {
        let task = usize::from(row.task);
        let (mine, awaited) = (&mut held[task], &mut awaited[task]);
        if !matches!(row.what, What::WaitsForEver { .. }) {
            mine.extend(awaited.take());
        }
        of_rows.push(mine.clone());
        if let What::Operation { operation, object, before, .. } = &row.what
            && object.contains('.')
        {
            match operation {
                Operation::Lock => *awaited = Some(object),
                Operation::TryLock if before.as_deref() == Some("free") => mine.push(object),
                Operation::Unlock => mine.retain(|known| known != object),
                _ => {}
            }
        }
    }
    of_rows
}

fn src(place: &Place) -> String {
    format!("{}:{}", place.file, place.line)
}

/// Puts the parts of an exploration together, and runs again what they have found.
pub(super) fn merge(files: &[PathBuf]) -> Result<Ended, Error> {
    let mut subject: Option<Subject> = None;
    let mut reports = Vec::new();
    for file in files {
        let name = file_name(file);
        let fault = |fault: String| Error::Line { place: name.clone(), fault };
        let bytes = read_file::<Infallible>(file, MOST_OF_LINES)?;
        let first = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let line: Value = serde_json::from_slice(first).map_err(|error| fault(message(&error)))?;
        let (its, report) = part(&line).map_err(fault)?;
        if subject.as_ref().is_some_and(|known| !is_same(known, &its)) {
            return Err(Error::Line {
                place: name,
                fault: "expected a part of the same scenario, epoch and defects".to_owned(),
            });
        }
        subject = Some(its);
        reports.push(report);
    }
    let merged = Report::merge(reports)
        .map_err(|error| Error::Line { place: "--merge".to_owned(), fault: error.to_string() })?;
    let subject = subject.ok_or_else(|| Error::Explored("no part was given".to_owned()))?;
    let of_here = subject.explorer().check_word(subject.scene());
    if of_here != merged.check {
        let (was, is) = (merged.check, of_here);
        let fault =
            format!("the parts are of another build: their check word is {was}, here it is {is}");
        return Err(Error::Line { place: "--merge".to_owned(), fault });
    }
    Ok(Ended::of_report(subject, merged))
}

fn is_same(a: &Subject, b: &Subject) -> bool {
    (&a.toml, &a.epoch, &a.rearmed, &a.corrected) == (&b.toml, &b.epoch, &b.rearmed, &b.corrected)
}

/// What a line says about its part.
fn part(line: &Value) -> Result<(Subject, Report), String> {
    let expected =
        || format!("expected a line of \"atslab explore --format json\" ({FORMAT} {VERSION})");
    if line["format"] != FORMAT || line["version"] != VERSION {
        return Err(expected());
    }
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(expected);
    let report = serde_json::from_value(line["report"].clone()).map_err(|_| expected())?;
    let names = |value: &Value| serde_json::from_value(value.clone()).map_err(|_| expected());
    let subject = Subject {
        name: text(&line["scenario"]["file"])?,
        toml: text(&line["scenario"]["toml"])?,
        epoch: text(&line["epoch"])?,
        rearmed: names(&line["rearmed"])?,
        corrected: names(&line["corrected"])?,
    };
    let read = scenario_explored::scenario_from_bytes(&subject.name, subject.toml.as_bytes());
    read.map_err(|error| error.to_string())?;
    Ok((subject, report))
}
