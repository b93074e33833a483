//! The result for tools: `atslab-interleaving`, version 1; see `docs/schema`.
//!
//! A line has one violation with its interleaving, or says that there is none. It has the whole
//! report, too, so the lines of all parts of an exploration are enough to put them together.

use std::convert::Infallible;
use std::io::Write;
use std::path::PathBuf;

use conformance::input::{MOST_OF_LINES, file_name, read_file};
use explorer::{Place, Report, Row, Trace, What};
use serde_json::{Value, json};

use super::ended::{Ended, Shown};
use super::rows::lines;
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

/// The object of the first violation, or of the one schedule that was run.
pub(super) fn first(ended: &Ended) -> Option<Value> {
    let shown = ended.found.first();
    let trace = shown.map(|shown| &shown.trace).or(ended.trace.as_ref())?;
    Some(object(ended, shown, Some(trace)))
}

fn object(ended: &Ended, shown: Option<&Shown>, trace: Option<&Trace>) -> Value {
    let subject = &ended.subject;
    let scenario = subject.scenario();
    let Listing { rows, folded, hidden } = trace.map_or_else(Listing::default, listing);
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
        "folded": folded,
        "hidden": hidden,
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

/// A trace as rows.
#[derive(Default)]
struct Listing {
    /// The rows that matter.
    rows: Vec<Value>,
    /// All others, each with the index of the row in `rows` before which it stands.
    folded: Vec<Value>,
    /// How many operations these are.
    hidden: usize,
}

fn listing(trace: &Trace) -> Listing {
    let (lines, hidden) = lines(trace);
    let mut listing = Listing { hidden, ..Listing::default() };
    let mut kept = lines.iter().flatten().peekable();
    for row in &trace.rows {
        if let Some(line) = kept.next_if(|line| std::ptr::eq(line.row, row)) {
            listing.rows.push(object_of(row, line.place, line.source.as_deref()));
            continue;
        }
        let place = match &row.what {
            What::Operation { frames, .. } => frames.first(),
            _ => None,
        };
        let source = place.and_then(Trace::source_line);
        let mut object = object_of(row, place, source.as_deref());
        object["before_row"] = json!(listing.rows.len());
        listing.folded.push(object);
    }
    listing
}

fn object_of(row: &Row, place: Option<&Place>, source: Option<&str>) -> Value {
    let mut object = json!({
        "task": row.task,
        "n": row.point,
        "segment": row.segment,
        "held": row.held,
        "src": place.map(src),
        "line": source,
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
