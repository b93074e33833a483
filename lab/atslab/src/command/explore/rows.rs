//! Which rows of a trace matter, and their text.
//!
//! A trace has hundreds of operations. A reader wants those at objects that several threads
//! use, near the places where the thread changes; a lock as one row, and not as the atomics that
//! it is made of.

use explorer::{Choice, Operation, Place, Row, TaskId, Trace, What};

/// A row that matters.
#[derive(Clone)]
pub(crate) struct Line<'a> {
    pub(crate) row: &'a Row,
    /// The place that the row is shown with.
    pub(crate) place: Option<&'a Place>,
    /// The text of the source there.
    pub(crate) source: Option<String>,
}

/// So many rows are shown before and after a change of threads.
const NEAR: usize = 5;

/// The rows that matter, and how many operations are left out in all. `None` stands for rows
/// that are left out.
pub(crate) fn lines(trace: &Trace) -> (Vec<Option<Line<'_>>>, usize) {
    let mut lines: Vec<Line<'_>> = Vec::new();
    for row in &trace.rows {
        let Some(line) = line(row) else { continue };
        let is_again = lines.last().is_some_and(|last| {
            last.row.task == row.task && last.place.is_some() && last.place == line.place
        });
        if !is_again || !matches!(row.what, What::Operation { .. }) {
            lines.push(line);
        }
    }
    let is_change = |at: usize| at > 0 && lines[at - 1].row.task != lines[at].row.task;
    let changes: Vec<usize> = (0..lines.len()).filter(|&at| is_change(at)).collect();
    let is_near = |at: usize| {
        let is_told = !matches!(lines[at].row.what, What::Operation { .. });
        is_told
            || at + NEAR >= lines.len()
            || changes.iter().any(|&change| at + NEAR >= change && at < change + NEAR)
    };
    let mut shown = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if is_near(at) {
            shown.push(Some(line.clone()));
        } else if shown.last().is_some_and(Option::is_some) {
            shown.push(None);
        }
    }
    let operations = |row: &&Row| matches!(row.what, What::Operation { .. });
    let all = trace.rows.iter().filter(operations).count();
    let kept = shown.iter().flatten().filter(|line| operations(&line.row)).count();
    (shown, all - kept)
}

fn line(row: &Row) -> Option<Line<'_>> {
    let What::Operation { operation, shared, frames, object, .. } = &row.what else {
        return Some(Line { row, place: None, source: None });
    };
    // What observers look at is told by notes.
    if !shared || object.starts_with("contract of") {
        return None;
    }
    let is_lock = matches!(operation, Operation::Lock | Operation::TryLock | Operation::Unlock);
    if frames.first().is_some_and(|top| top.file == "eventsys/src/mutex.rs") && !is_lock {
        return None;
    }
    let place = best_place(frames)?;
    let source = Trace::source_line(place);
    let is_assertion = source.as_ref().is_some_and(|line| line.contains("assert"));
    (!is_assertion).then_some(Line { row, place: Some(place), source })
}

/// Files that only pass an operation on.
const THROUGH: [&str; 4] =
    ["eventsys/src/mutex.rs", "eventsys/src/clock", "iocore/src/vio.rs", "eventsys/src/event/"];

/// The call that says most: that of PluginVC, or of the event loop and its queues. What the
/// interpreter does has notes.
pub(super) fn best_place(frames: &[Place]) -> Option<&Place> {
    let of_pair = |place: &&Place| {
        place.file.starts_with("pluginvc/src/") && !place.file.ends_with("src/end.rs")
    };
    let of_loop = |place: &&Place| {
        ["eventsys/src/protected_queue.rs", "eventsys/src/ethread/tail.rs"].contains(&&*place.file)
    };
    if let Some(place) = frames.iter().find(of_pair).or_else(|| frames.iter().find(of_loop)) {
        return Some(place);
    }
    let first = plain_place(frames)?;
    let is_plain = ["lab/scenario/", "eventsys/src/"].iter().any(|it| first.file.starts_with(it));
    (!is_plain).then_some(first)
}

/// What a thread would do next, for the user that chooses between the threads: as in the rows, with a
/// word for each operation.
pub(super) fn next(choice: &Choice, numbers: bool) -> String {
    let Choice { operation, object, frames, .. } = choice;
    let word = match operation {
        Operation::Begin => return "begins".to_owned(),
        Operation::Yield => "goes on behind",
        Operation::Load => "read",
        Operation::Store => "write",
        Operation::Update => "change",
        Operation::Join => "join",
        Operation::Spawn => "spawn",
        Operation::Look => "look at",
        Operation::Mark => "mark",
        operation => word_of(*operation),
    };
    let place = best_place(frames).or_else(|| plain_place(frames)).or(frames.first());
    let source = place.and_then(Trace::source_line).unwrap_or_default();
    let place = place.map_or(String::new(), |place| short(place, numbers));
    joined(&[word, name_for_readers(object)], &place, &source)
}

/// The word for an operation whose source line alone does not tell what happens.
fn word_of(operation: Operation) -> &'static str {
    match operation {
        Operation::Lock => "lock",
        Operation::TryLock => "try",
        Operation::Unlock => "unlock",
        Operation::Wait => "wait",
        Operation::Notify => "wake",
        _ => "",
    }
}

/// A name that was given, such as `core.mutex`. A number such as `a17` says nothing to a reader.
fn name_for_readers(object: &str) -> &str {
    if object.contains('.') || object.contains(' ') { object } else { "" }
}

/// The first place that does not only pass an operation on.
fn plain_place(frames: &[Place]) -> Option<&Place> {
    frames.iter().find(|place| !THROUGH.iter().any(|it| place.file.starts_with(it)))
}

/// `lock core.mutex  vc.rs:48  let guard = …`.
fn joined(words: &[&str], place: &str, source: &str) -> String {
    let words: Vec<&str> = words.iter().copied().filter(|word| !word.is_empty()).collect();
    let words = words.join(" ");
    // A word without an object belongs to the place.
    let gap = match () {
        () if words.is_empty() => "",
        () if words.contains(' ') => "  ",
        () => " ",
    };
    format!("{words}{gap}{place}  {source}").trim_end().to_owned()
}

impl Line<'_> {
    pub(crate) fn task(&self) -> TaskId {
        self.row.task
    }

    /// The text of the row; with `numbers` the place has its line.
    pub(crate) fn text(&self, numbers: bool) -> String {
        match &self.row.what {
            What::Operation { operation, object, .. } => {
                let word = word_of(*operation);
                let place = self.place.map_or(String::new(), |place| short(place, numbers));
                let source = self.source.as_deref().unwrap_or("");
                let object = if word.is_empty() { "" } else { name_for_readers(object) };
                joined(&[word, object], &place, source)
            }
            What::Note(text) => format!("» {text}"),
            What::Violation { violation, .. } => format!("» VIOLATION {}", violation.text),
            What::WaitsForEver { what, .. } => format!("» waits for ever for {what}"),
        }
    }

    pub(crate) fn is_violation(&self) -> bool {
        matches!(self.row.what, What::Violation { .. } | What::WaitsForEver { .. })
    }

    pub(crate) fn is_note(&self) -> bool {
        matches!(self.row.what, What::Note(_))
    }
}

/// The place without the folders that all have in common: `epoch/c.rs:48`.
fn short(place: &Place, numbers: bool) -> String {
    let file = place.file.split_once("/src/").map_or(&*place.file, |(_, file)| file);
    if numbers { format!("{file}:{}", place.line) } else { file.to_owned() }
}
