//! An interleaving that the explorer has printed, for the page.
//!
//! The format is `atslab-interleaving`, version 1. A field that the page does not need may be
//! missing.

use serde::{Deserialize, Serialize};

/// One execution of a scene: what each thread did, in order.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Interleaving {
    format: String,
    version: u32,
    /// What is raced, in a few words.
    #[serde(default)]
    title: String,
    /// The text of the scenario.
    #[serde(default)]
    toml: String,
    /// The names of the threads.
    threads: Vec<String>,
    /// Which thread runs when; it replays the execution.
    schedule: String,
    /// What must not happen, and has.
    #[serde(default)]
    violation: Violation,
    /// No execution with fewer interruptions has this violation.
    #[serde(default)]
    minimal: bool,
    segments: Vec<Segment>,
    /// The lines that matter.
    rows: Vec<Line>,
    /// All lines; if missing, those that matter are all.
    #[serde(default)]
    all: Vec<Line>,
    /// How many of all do not matter.
    #[serde(default)]
    hidden: usize,
}

/// A violation, as a sentence or with its kind.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(untagged)]
enum Violation {
    #[default]
    None,
    Text(String),
    Kind {
        kind: String,
        text: String,
    },
}

/// A stretch in which one thread runs.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Segment {
    task: usize,
    #[serde(default)]
    points: u64,
    /// It did not end of itself.
    #[serde(default)]
    preempted: bool,
}

/// An operation of a thread, or a note.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Line {
    task: usize,
    #[serde(default)]
    n: u64,
    #[serde(default)]
    op: String,
    #[serde(default)]
    object: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    before: Option<String>,
    #[serde(default)]
    after: Option<String>,
    /// The place in the source, `file:line`.
    #[serde(default)]
    src: String,
    /// The text of that line.
    #[serde(default)]
    line: String,
    #[serde(default)]
    note: Option<String>,
    /// The mutexes that the thread holds.
    #[serde(default)]
    held: Vec<String>,
}

impl Interleaving {
    /// The name of the format.
    pub(crate) const FORMAT: &str = "atslab-interleaving";

    /// Reads an interleaving; or tells why the text is not one.
    pub(crate) fn read(text: &str) -> Result<Interleaving, String> {
        let mut read: Interleaving =
            serde_json::from_str(text).map_err(|error| crate::error::message(&error))?;
        if read.format != Interleaving::FORMAT || read.version != 1 {
            let (format, version) = (eventsys::steps::excerpt(&read.format), read.version);
            return Err(format!(
                "expected the format {} version 1, found {format} version {version}",
                Interleaving::FORMAT
            ));
        }
        if read.all.is_empty() {
            read.all.clone_from(&read.rows);
        }
        let threads = read.threads.len();
        let tasks = read.rows.iter().chain(&read.all).map(|line| line.task);
        let tasks = tasks.chain(read.segments.iter().map(|segment| segment.task));
        if let Some(task) = tasks.into_iter().find(|&task| task >= threads) {
            return Err(format!("expected a task below {threads}, found {task}"));
        }
        read.violation = Violation::Text(match read.violation {
            Violation::None => String::new(),
            Violation::Text(text) => text,
            Violation::Kind { kind, text } => format!("{kind}: {text}"),
        });
        Ok(read)
    }

    /// What the page is called.
    pub(crate) fn title(&self) -> &str {
        match &self.violation {
            Violation::Text(text) if self.title.is_empty() => text,
            _ => &self.title,
        }
    }
}
