//! `atslab run --format json` with an HTTP scenario: its run as one JSON object, for tools.
//!
//! The format is `atslab-http-run`, version 1. A field may be added in the same version;
//! removing a field or changing its meaning makes a new version.

use std::io::Write;

use conformance::ats::live::Release;
use conformance::ats::scenario::http::{
    HttpEnd, HttpFinish, HttpRecord, HttpRecorded, HttpScenario, HttpWhat, Seen, escape,
    http_findings, http_story, when_key,
};
use conformance::ats::scenario::{Line, trigger_key};
use serde_json::{Value, json};

use crate::error::Error;
use crate::ui::output::Output;

/// Writes the object of `scenario` and its run on the port.
pub(super) fn write(
    out: &mut Output,
    name: &str,
    scenario: &HttpScenario,
    recorded: &HttpRecorded,
    release: Release,
) -> Result<(), Error> {
    let HttpRecorded { records, report } = recorded;
    let text = match &report.finish {
        HttpFinish::Crashed(text) => Some(text),
        _ => None,
    };
    let story = http_story(scenario, recorded);
    let records = records.iter().zip(&story).enumerate();
    let run = json!({
        "arm": "port",
        "release": release.to_string(),
        "finish": HttpEnd::from(&report.finish).name(),
        "text": text,
        "participants": report.actors.iter().map(participant).collect::<Vec<Value>>(),
        "findings": http_findings(scenario, report),
        "unmet": scenario.unmet(report),
        "records": records.map(|(n, (record, line))| one(n, record, line)).collect::<Vec<Value>>(),
    });
    let object = json!({
        "format": "atslab-http-run",
        "version": 1,
        "scenario": {
            "name": name,
            "title": scenario.title,
            "teaches": scenario.teaches,
            "toml": scenario.to_string(),
        },
        "runs": [run],
    });
    Ok(writeln!(out, "{object}")?)
}

fn participant(seen: &Seen) -> Value {
    let event = |(at, what): &(i64, String)| json!({ "t": at, "what": what });
    json!({
        "name": seen.name,
        "bytes": escape(&seen.bytes),
        "events": seen.events.iter().map(event).collect::<Vec<Value>>(),
    })
}

/// A record: its number, when, where, who, what, and its sentence.
fn one(n: usize, record: &HttpRecord, line: &Line) -> Value {
    let HttpRecord { at, thread, who, what } = record;
    let start = if who.starts_with("origin") { "on_accept" } else { "on_start" };
    let mut object = match what {
        HttpWhat::Moment(when) => json!({ "record": "moment", "key": when_key(*when, start) }),
        HttpWhat::Op { when, index, op } => json!({
            "record": "op",
            "key": when_key(*when, start),
            "index": index,
            "op": op.to_string(),
        }),
        HttpWhat::HookOp { list, index, op, found } => json!({
            "record": "hook_op",
            "list": list,
            "index": index,
            "op": op.to_string(),
            "found": found,
        }),
        HttpWhat::VcOp(trigger, performed) => json!({
            "record": "vc_op",
            "key": trigger_key(*trigger),
            "index": performed.index,
            "op": performed.op.to_string(),
        }),
        HttpWhat::Gets { bytes, heads } => {
            json!({ "record": "gets", "bytes": bytes, "heads": heads })
        }
        HttpWhat::Event(what) => json!({ "record": "event", "what": what }),
    };
    object["n"] = n.into();
    object["t"] = (*at).into();
    object["thread"] = thread.clone().into();
    object["who"] = who.clone().into();
    object["text"] = line.sentence.clone().into();
    object
}
