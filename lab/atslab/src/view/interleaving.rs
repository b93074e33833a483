//! The interleavings that the explorer has printed (`atslab explore --format json`), for the
//! page.
//!
//! The format is `atslab-interleaving`, version 1: one object, or a line for each violation. What
//! the page does not need is not looked at.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One execution of a scene: what each thread did, in order.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Interleaving {
    /// What is raced, in a few words.
    pub title: String,
    /// What the scenario shows.
    teaches: String,
    /// The text of the scenario.
    toml: String,
    /// The epoch, and the historical defects that were put back.
    what: String,
    /// The names of the threads.
    threads: Vec<String>,
    /// Which thread runs when; it replays the execution.
    schedule: String,
    /// What must not happen, and has; empty if nothing has.
    violation: String,
    /// No execution with fewer interruptions has this violation.
    minimal: bool,
    segments: Vec<Segment>,
    rows: Vec<Line>,
    /// How many operations are left out, because no other thread notices them.
    hidden: usize,
    /// All operations; none if the text has only those that matter.
    all: Vec<Line>,
}

/// The object as it is printed.
#[derive(Deserialize)]
struct Printed {
    format: String,
    version: u32,
    scenario: Option<Scenario>,
    epoch: Option<String>,
    #[serde(default)]
    rearmed: Vec<String>,
    #[serde(default)]
    threads: Vec<String>,
    schedule: Option<String>,
    violation: Option<Violation>,
    minimal: Option<bool>,
    #[serde(default)]
    segments: Vec<Segment>,
    #[serde(default)]
    rows: Vec<Line>,
    #[serde(default)]
    hidden: usize,
    #[serde(default)]
    all: Vec<Line>,
}

#[derive(Default, Deserialize)]
struct Scenario {
    #[serde(default)]
    title: String,
    #[serde(default)]
    teaches: String,
    #[serde(default)]
    toml: String,
}

#[derive(Deserialize)]
struct Violation {
    kind: String,
    text: String,
}

/// A stretch in which one thread runs.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Segment {
    task: usize,
    /// How many operations; null if the thread ran until it waited or ended.
    points: Option<u64>,
    /// It was interrupted.
    #[serde(default)]
    preempted: bool,
}

/// An operation of a thread, or a note.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Line {
    task: usize,
    #[serde(default)]
    n: u64,
    op: Option<String>,
    object: Option<String>,
    before: Option<String>,
    after: Option<String>,
    /// The place in the source, `file:line`.
    src: Option<String>,
    /// The text of that line.
    line: Option<String>,
    note: Option<String>,
    waits_for_ever: Option<String>,
    /// The mutexes that the thread holds.
    #[serde(default)]
    held: Vec<String>,
    #[serde(skip_serializing)]
    violation: Option<Value>,
}

impl Interleaving {
    /// Reads the interleavings, or tells why the text has none. A line that says that nothing was
    /// found is left out beside others.
    pub(crate) fn read(text: &str) -> Result<Vec<Interleaving>, String> {
        let one = |text| serde_json::from_str::<Printed>(text);
        // One object over many lines, or an object a line.
        let printed: Result<Vec<Printed>, serde_json::Error> = match one(text) {
            Ok(printed) => Ok(vec![printed]),
            Err(error) => {
                let mut lines = text.lines().map(one);
                match lines.next() {
                    Some(Ok(first)) => [Ok(first)].into_iter().chain(lines).collect(),
                    _ => Err(error),
                }
            }
        };
        let mut printed = printed.map_err(|error| crate::error::message(&error))?;
        if printed.iter().any(|one| !one.rows.is_empty()) {
            printed.retain(|one| !one.rows.is_empty());
        }
        printed.into_iter().map(Interleaving::of).collect()
    }

    fn of(read: Printed) -> Result<Interleaving, String> {
        const FORMAT: &str = "atslab-interleaving";
        if read.format != FORMAT || read.version != 1 {
            let (format, version) = (eventsys::steps::excerpt(&read.format), read.version);
            return Err(format!(
                "expected the format {FORMAT} version 1, found {format} version {version}"
            ));
        }
        let tasks = read.rows.iter().chain(&read.all).map(|line| line.task);
        let mut tasks = tasks.chain(read.segments.iter().map(|segment| segment.task));
        let threads = read.threads.len();
        if let Some(task) = tasks.find(|&task| task >= threads) {
            return Err(format!("expected a task below {threads}, found {task}"));
        }
        // The violation is said below all rows.
        let told = |rows: Vec<Line>| -> Vec<Line> {
            rows.into_iter().filter(|line| line.violation.is_none()).collect()
        };
        let (rows, all) = (told(read.rows), told(read.all));
        if rows.is_empty() {
            return Err("expected the operations of an execution, found none".to_owned());
        }
        let scenario = read.scenario.unwrap_or_default();
        let violation =
            read.violation.map_or(String::new(), |it| format!("{}: {}", it.kind, it.text));
        let epoch = read.epoch.map_or(String::new(), |epoch| format!("epoch {epoch}"));
        let rearmed = read.rearmed.iter().map(|name| format!("{name} put back"));
        let what: Vec<String> =
            [epoch].into_iter().chain(rearmed).filter(|it| !it.is_empty()).collect();
        Ok(Interleaving {
            title: if scenario.title.is_empty() { violation.clone() } else { scenario.title },
            teaches: scenario.teaches,
            toml: scenario.toml,
            what: what.join(", "),
            threads: read.threads,
            schedule: read.schedule.unwrap_or_default(),
            violation,
            minimal: read.minimal.unwrap_or_default(),
            segments: read.segments,
            rows,
            hidden: read.hidden,
            all,
        })
    }
}
