//! `atslab run --format json`: the runs of a scenario as one JSON object, for tools.
//!
//! The format is `atslab-run`, version 1. A field may be added in the same version;
//! removing a field or changing its meaning makes a new version.

use pluginvc::steps::Side;
use std::io::Write;

use conformance::ats::Epoch;
use conformance::ats::scenario::record::{Called, Effect, HoldChange, Performed, Thread, What};
use conformance::ats::scenario::{
    EndOutcome, Finish, FinishKind, Ledger, Outcome, Program, Record, Scenario, ScenarioReport,
    event_name, explain, explain_hold, explain_op, explain_trigger, trigger_key,
};
use serde_json::{Value, json};

use super::Run;
use crate::error::Error;
use crate::ui::output::Output;
use crate::view::kinds::{self, Kind};
use crate::view::lanes::source_of;

/// Writes the object of `scenario`, with each of its `runs`.
pub(super) fn write(
    out: &mut Output,
    name: &str,
    scenario: &Scenario,
    runs: &[Run],
) -> Result<(), Error> {
    let program = scenario.compile();
    let runs: Vec<Value> = runs.iter().map(|run| object_of(&program, run)).collect();
    let object = json!({
        "format": "atslab-run",
        "version": 1,
        "scenario": {
            "name": name,
            "title": scenario.title,
            "teaches": scenario.teaches,
            "toml": scenario.to_string(),
            "ops": program.ops.iter().map(ToString::to_string).collect::<Vec<_>>(),
        },
        "runs": runs,
    });
    Ok(writeln!(out, "{object}")?)
}

fn object_of(program: &Program, run: &Run) -> Value {
    let Run { epoch, recorded, outcome, unmet } = run;
    let epoch = *epoch;
    let mut ledger = Ledger::new(&program.pair);
    let mut record = |(n, record): (usize, &Record)| {
        ledger.apply(record);
        one(n, record, epoch, &ledger, &recorded.report)
    };
    let records: Vec<Value> = recorded.records.iter().enumerate().map(&mut record).collect();
    let text = match &recorded.report.finish {
        Finish::Panicked(text) => Some(text),
        _ => None,
    };
    json!({
        "arm": "port",
        "epoch": epoch.name(),
        "release": epoch.release(),
        "finish": FinishKind::from(&recorded.report.finish).name(),
        "text": text,
        "outcome": {
            "A": end_outcome(outcome, Side::Active),
            "P": end_outcome(outcome, Side::Passive),
            "is_freed": outcome.is_freed,
        },
        "unmet": unmet,
        "records": records,
    })
}

/// What became of an end and its bytes.
fn end_outcome(outcome: &Outcome, side: Side) -> Value {
    let EndOutcome {
        callbacks,
        written,
        unsent,
        in_core,
        lost,
        received,
        consumed,
        put_in,
        taken_back,
    } = outcome.end(side);
    json!({
        "callbacks": callbacks.iter().map(|&event| event_name(event)).collect::<Vec<_>>(),
        "written": written,
        "unsent": unsent,
        "in_core": in_core,
        "lost": lost,
        "received": received,
        "consumed": consumed,
        "put_in": put_in,
        "taken_back": taken_back,
    })
}

/// A record: `n`, `t` in nanoseconds, `thread`, `held`, what it is, and the bytes in all
/// buffers after it.
fn one(n: usize, record: &Record, epoch: Epoch, ledger: &Ledger, report: &ScenarioReport) -> Value {
    let mut object = match &record.what {
        What::Step(step) => {
            let Kind { mirrors, page, .. } = kinds::of_step(step.kind);
            let (src, not_empty) = (source_of(step), |text: &&str| !text.is_empty());
            json!({
                "record": "step",
                "side": step.subject.what,
                "kind": step.kind.name(),
                "value": step.value,
                "text": explain(step, epoch, ledger),
                "src": Some(&*src).filter(not_empty),
                "mirrors": Some(*mirrors).filter(not_empty),
                "page": page,
            })
        }
        What::Seen(Called { side, by_deputy, seen }) => json!({
            "record": "seen",
            "side": letter(*side),
            "by_deputy": by_deputy,
            "read": { "bytes": seen.read, "blocks": seen.read_blocks },
            "write": { "bytes": seen.write, "blocks": seen.write_blocks },
        }),
        What::Reaction { side, trigger, is_there } => json!({
            "record": "reaction",
            "side": letter(*side),
            "key": trigger_key(*trigger),
            "is_there": is_there,
            "text": explain_trigger(*trigger),
        }),
        What::Op(performed) => op(performed),
        What::Hold { whose, change } => json!({
            "record": "hold",
            "lock": report.locks.of(*whose),
            "change": match change {
                HoldChange::Takes => "takes",
                HoldChange::KeepsOn => "keeps_on",
                HoldChange::GivesBack => "gives_back",
                HoldChange::GivesWay => "gives_way",
            },
            "text": explain_hold(*whose, *change),
        }),
    };
    let held: Vec<&str> = record.held.iter().map(|key| report.locks.name(key)).collect();
    object["n"] = n.into();
    object["t"] = record.at.into();
    object["thread"] = match record.thread {
        Thread::Event(number) => number.into(),
        Thread::Foreign => "foreign".into(),
    };
    object["held"] = held.into();
    object["level"] = level(ledger);
    object
}

fn op(performed: &Performed) -> Value {
    let Performed { side, by_deputy, index, op, effect } = *performed;
    json!({
        "record": "op",
        "side": letter(side),
        "by_deputy": by_deputy,
        "index": index,
        "op": op.to_string(),
        "effect": match effect {
            Effect::Done => "done",
            Effect::Again => "again",
            Effect::Took(_) => "took",
            Effect::Copied(_) => "copied",
            Effect::NotThere => "not_there",
            Effect::NotConnected => "not_connected",
            Effect::Closed => "closed",
            Effect::TooMuch => "too_much",
        },
        "took": match effect {
            Effect::Took(bytes) | Effect::Copied(bytes) => Some(bytes),
            _ => None,
        },
        "text": explain_op(performed),
    })
}

/// The bytes in all buffers.
fn level(ledger: &Ledger) -> Value {
    let end = |side: Side| {
        let [own, deputy] = [false, true].map(|by_deputy| {
            let level = ledger.level(side, by_deputy);
            json!({ "read": level.read, "write": level.write, "mark": level.mark })
        });
        json!({ "own": own, "deputy": deputy })
    };
    json!({
        "A": end(Side::Active),
        "P": end(Side::Passive),
        "core": { "A": ledger.core(Side::Active), "P": ledger.core(Side::Passive) },
    })
}

fn letter(side: Side) -> String {
    side.letter().to_string()
}
