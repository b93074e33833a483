//! What a student is told, in sentences.

use std::fs;

use crate::judge::{Bench, Failure};
use crate::lesson::{Lesson, Place};
use crate::markers;

/// The stub of a hole panics with `not yet implemented: lesson 7: NAME`.
const NOT_WRITTEN: &str = "not yet implemented: lesson ";

/// The sentence for a hole that still has its stub; `where_` names what has reached it.
pub(super) fn not_written(panic: &str, places: &[Place], where_: &str) -> Option<String> {
    let (_, stub) = panic.split_once(NOT_WRITTEN)?;
    let (_, name) = stub.split_once(": ")?;
    let name = name.split_whitespace().next().unwrap_or(name);
    let mut written_here = places.iter().filter(|place| place.hole.title.is_some());
    let place = written_here.find(|place| place.hole.name == name)?;
    Some(format!("Not written yet: {name} in {}. {where_} reaches it.", place.source.display()))
}

/// The failure for the first hole in which the student has not written anything.
pub(super) fn has_a_stub(bench: &Bench, places: &[Place]) -> Option<Failure> {
    let has_stub = |place: &&Place| {
        let text = fs::read_to_string(bench.workspace().join(&place.source)).unwrap_or_default();
        let written = markers::written(&text, &place.hole).unwrap_or_default();
        let lines = written.lines().map(str::trim);
        let is_to_write = place.hole.title.is_some() && !place.hole.stub.is_empty();
        is_to_write && lines.eq(place.hole.stub.iter().map(String::as_str))
    };
    let Place { source, hole } = places.iter().find(has_stub)?;
    let source = source.display();
    Some(Failure::new(format!("Not written yet: {} in {source}. A test reaches it.", hole.name)))
}

/// The failure for a panic of the port.
pub(super) fn panicked(what: &str, after: Option<usize>, panic: &str, places: &[Place]) -> Failure {
    let reached = match after {
        Some(steps) => format!("After {}, {what}", steps_of(steps)),
        None => format!("The {what}"),
    };
    if let Some(sentence) = not_written(panic, places, &reached) {
        return Failure::new(sentence);
    }
    let when = after.map_or(String::new(), |steps| format!(" after {}", steps_of(steps)));
    let mut sentence = format!("In {what} your code panics{when}: {panic}");
    if let Some(meaning) = meaning_of(panic) {
        sentence = format!("{sentence}. {meaning}");
    }
    Failure::new(sentence)
}

/// What an assertion of the original means, for a reader who does not know its fields.
#[must_use]
pub fn meaning_of(panic: &str) -> Option<&'static str> {
    const MEANINGS: &[(&str, &str)] = &[
        ("magic == PLUGIN_VC_MAGIC_ALIVE", "The pair was freed before this event came."),
        (
            "call_event == core_lock_retry_event",
            "The event that came stands in none of the fields of this end.",
        ),
        ("!deletable", "The end was ready to be freed, and an event came all the same."),
        ("reentrancy_count == 0", "The end was on the stack already when its event came."),
        (
            "mutex->thread_holding == this_ethread()",
            "The state machine was called without its mutex.",
        ),
        (
            "vio->op == VIO::READ || vio->op == VIO::WRITE",
            "The VIO has no operation, so it cannot go on.",
        ),
        ("too many guards of one mutex", "Each lock must be followed by one unlock."),
    ];
    let mut meanings = MEANINGS.iter();
    Some(meanings.find(|(assertion, _)| panic.contains(assertion))?.1)
}

/// Two lists of steps that part ways, and what each is.
pub(super) struct Parting {
    /// What was performed: `case basic`.
    pub what: String,
    /// Whose steps are right: `the server`.
    pub right: &'static str,
    /// How many steps are the same.
    pub after: usize,
    /// The steps before, at most a handful.
    pub before: Vec<String>,
    /// The right step, or `None` at the end.
    pub theirs: Option<String>,
    /// What follows it.
    pub theirs_next: Vec<String>,
    /// The student's step, or `None` at the end.
    pub yours: Option<String>,
    /// What follows it.
    pub yours_next: Vec<String>,
}

impl Parting {
    /// The failure, with the lesson's question for it.
    pub(super) fn failure(&self, lesson: &Lesson) -> Failure {
        let Parting { what, right, after, .. } = self;
        let (theirs, yours) = (self.theirs.as_deref(), self.yours.as_deref());
        let then = match (theirs, yours) {
            (Some(theirs), Some(yours)) => {
                format!("then {right} takes \"{theirs}\", and your code takes \"{yours}\"")
            }
            (Some(theirs), None) => {
                format!("then {right} takes \"{theirs}\", and your code has ended")
            }
            (None, yours) => {
                format!("there {right} ends, and your code takes \"{}\"", yours.unwrap_or_default())
            }
        };
        Failure {
            sentence: format!("In {what} {} are the same; {then}.", steps_of(*after)),
            shown: self.lines(),
            question: lesson.question(theirs, yours).map(str::to_owned),
        }
    }

    /// Both lists side by side, with a mark at the step that differs.
    fn lines(&self) -> Vec<String> {
        let column = |here: &Option<String>, next: &[String]| -> Vec<String> {
            let before = self.before.iter().map(|step| format!("  {step}"));
            let here = format!("> {}", here.as_deref().unwrap_or("(the end)"));
            let next = next.iter().map(|step| format!("  {step}"));
            before.chain([here]).chain(next).collect()
        };
        let left = column(&self.theirs, &self.theirs_next);
        let right = column(&self.yours, &self.yours_next);
        let width = left.iter().map(String::len).chain([self.right.len() + 2]).max().unwrap_or(0);
        let title = format!("  {:width$}    your code", self.right, width = width - 2);
        let rows = (0..left.len().max(right.len())).map(|row| {
            let cell = |column: &[String]| column.get(row).cloned().unwrap_or_default();
            format!("{:width$}  {}", cell(&left), cell(&right)).trim_end().to_owned()
        });
        [title].into_iter().chain(rows).collect()
    }
}

fn steps_of(count: usize) -> String {
    match count {
        1 => "1 step".to_owned(),
        count => format!("{count} steps"),
    }
}
