//! A scene of steps as JSON lines: what `atslab serve --trace` and `atslab steps --format
//! json` write.
//!
//! Each object that takes steps has a lane. If there are too many, those of one kind share
//! a lane.

use std::collections::HashMap;

use conformance::ats::Epoch;
use conformance::ats::scenario::{Ledger, PairDef, explain};
use conformance::ats::vocabulary;
use eventsys::EventCode;
use eventsys::steps::{Step, Subject, excerpt};
use httpsm::steps as http;
use serde::Deserialize;

use super::kinds;
use super::model::{Lane, Row, Run, Scene};

/// More lanes than this do not fit on a screen.
const MOST_LANES: usize = 24;
/// A set of mutexes has so many bits.
const MOST_LOCKS: usize = 30;

/// A line.
#[derive(Deserialize)]
struct Line {
    at: i64,
    subject: String,
    #[serde(default)]
    number: u32,
    step: String,
    value: Option<i64>,
    #[serde(default)]
    held: Vec<usize>,
}

/// The scene of `text`; a fault comes with its line, counted from 1.
pub(crate) fn scene(name: &str, text: &str) -> Result<Scene, (usize, String)> {
    let mut lines = Vec::new();
    for (at, line) in (1..).zip(text.lines()) {
        let read: Line =
            serde_json::from_str(line).map_err(|error| (at, crate::error::message(&error)))?;
        let unknown = |what: &str, found: &str| {
            (at, format!("expected the name of a {what}, found {:?}", excerpt(found)))
        };
        let what = subject(&read.subject).ok_or_else(|| unknown("subject", &read.subject))?;
        let kind = vocabulary::kind(&read.step).ok_or_else(|| unknown("step", &read.step))?;
        let step = Step {
            at: read.at,
            ..Step::bare(Subject { what, number: read.number }, kind, read.value)
        };
        lines.push((step, read.held));
    }
    if lines.is_empty() {
        return Err((1, "expected a step, found an empty file".to_owned()));
    }
    let mut objects: Vec<Subject> = lines.iter().map(|(step, _)| step.subject).collect();
    objects.sort_unstable_by_key(|subject| (order(subject.what), subject.number));
    objects.dedup();
    if objects.len() > MOST_LANES {
        objects.iter_mut().for_each(|subject| subject.number = 0);
        objects.dedup();
    }
    Ok(Scene {
        name: name.to_owned(),
        title: format!("Steps of {name}"),
        teaches: format!("{} steps, a lane for each object that took them.", lines.len()),
        text: String::new(),
        places: Vec::new(),
        runs: vec![rows(&lines, &objects)],
    })
}

fn rows(lines: &[(Step, Vec<usize>)], objects: &[Subject]) -> Run {
    let lane_of: HashMap<Subject, usize> =
        objects.iter().enumerate().map(|(at, subject)| (*subject, at)).collect();
    let ledger = Ledger::new(&PairDef::default());
    let began = lines.first().map_or(0, |(step, _)| step.at);
    let mut run = Run {
        arm: "port".to_owned(),
        lanes: objects.iter().map(|subject| lane(*subject, objects)).collect(),
        threads: vec!["the thread of the step".to_owned()],
        end: vec![format!("The file ends after {} steps.", lines.len())],
        ..Run::default()
    };
    for (step, locks) in lines {
        let mut held = 0;
        for lock in locks.iter().filter(|&&lock| lock <= MOST_LOCKS) {
            held |= 1 << run.lock(&format!("mutex {lock}"));
        }
        let shared = Subject { number: 0, ..step.subject };
        run.rows.push(Row {
            at: step.at - began,
            thread: 0,
            lane: lane_of.get(&step.subject).or_else(|| lane_of.get(&shared)).copied().unwrap_or(0),
            from: None,
            kind: kinds::of_step(step.kind),
            value: step.value,
            held,
            foreign: 0,
            code: match step.subject.number {
                0 => step.to_string(),
                number => format!("{}{number} {}", step.subject.what, rest(step)),
            },
            sentence: sentence(step, &ledger),
            detail: String::new(),
            place: None,
            is_place: false,
            source: String::new(),
        });
    }
    run
}

/// What a step means, without a full stop.
fn sentence(step: &Step, ledger: &Ledger) -> String {
    let n = step.value.unwrap_or_default();
    let event = || match i32::try_from(n) {
        Ok(code) => EventCode(code).shown_by(httpsm::event_name).to_string(),
        Err(_) => format!("event {n}"),
    };
    match step.kind {
        http::HTTP_STATE => format!("the HTTP state machine enters state {n}"),
        http::HTTP_EVENT => format!("the HTTP state machine receives {}", event()),
        http::HTTP_HOOK => format!("a plugin is called with {}", event()),
        _ => explain(step, Epoch::default(), ledger),
    }
}

/// A step without its subject.
fn rest(step: &Step) -> String {
    let text = step.to_string();
    text.split_once(' ').map_or(String::new(), |(_, rest)| rest.to_owned())
}

/// The kinds of objects, from the event loop up.
const SUBJECTS: [char; 7] = ['T', 'N', 'S', 'H', 'A', '-', 'P'];

fn subject(text: &str) -> Option<char> {
    SUBJECTS.into_iter().find(|known| text.strip_prefix(*known) == Some(""))
}

/// The place of its lanes from the top.
fn order(what: char) -> usize {
    SUBJECTS.iter().position(|known| *known == what).unwrap_or(SUBJECTS.len())
}

/// An object that is the only one of its kind needs no number.
fn lane(Subject { what, number }: Subject, all: &[Subject]) -> Lane {
    let (name, side) = match what {
        'T' => ("event thread", 'C'),
        'N' => ("connection", 'A'),
        'S' => ("client session", 'P'),
        'H' => ("transaction", 'P'),
        'A' => ("active end", 'A'),
        'P' => ("passive end", 'P'),
        _ => ("pair", 'C'),
    };
    let is_alone = all.iter().filter(|other| other.what == what).count() == 1;
    let name = if is_alone { name.to_owned() } else { format!("{name} {number}") };
    Lane { name, side }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_object_has_a_lane_until_there_are_too_many() {
        let line = |number: usize| {
            format!(
                r#"{{"at":{number}000,"subject":"N","number":{number},"step":"net_read","value":5,"held":[2]}}"#
            )
        };
        let text = |most: usize| (1..=most).map(line).collect::<Vec<_>>().join("\n");
        let few = scene("x.jsonl", &text(3)).expect("a scene");
        let names: Vec<&str> = few.runs[0].lanes.iter().map(|lane| &*lane.name).collect();
        assert_eq!(names, ["connection 1", "connection 2", "connection 3"]);
        assert_eq!(few.runs[0].rows[2].lane, 2);
        assert_eq!(few.runs[0].rows[2].code, "N3 net_read 5");
        assert_eq!(few.runs[0].rows[2].sentence, "the socket of the connection gives 5 bytes");
        assert_eq!(few.runs[0].locks, ["mutex 2"]);
        let many = scene("x.jsonl", &text(MOST_LANES + 1)).expect("a scene");
        assert_eq!(many.runs[0].lanes.len(), 1);
        assert!(many.runs[0].rows.iter().all(|row| row.lane == 0));
    }

    #[test]
    fn a_fault_has_its_line() {
        let good = r#"{"at":1,"subject":"T","number":0,"step":"dispatch","value":1}"#;
        let fault = |line: &str| scene("x", &format!("{good}\n{line}")).expect_err("a fault");
        assert_eq!(fault("{}").0, 2);
        assert!(fault(&good.replace("dispatch", "dispach")).1.contains("\"dispach\""));
        assert!(fault(&good.replace("\"T\"", "\"Z\"")).1.contains("\"Z\""));
    }
}
