//! How a step is written: as a line of a recording, as a line of the log, as a line of JSON.

use std::collections::HashMap;
use std::fmt::{self, Write as _};

use super::{Step, StepSink, Subject};

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char(self.what)
    }
}

/// The recordings' text: `SUBJECT STEP [VALUE]`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.subject, self.kind.name())?;
        match self.value {
            Some(value) => write!(f, " {value}"),
            None => Ok(()),
        }
    }
}

/// The part of a wrong text that an error shows: its beginning, and `…` if it is long. A file can
/// be one line of gigabytes.
#[must_use]
pub fn excerpt(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// One JSON object on one line: `at` (ns), `subject` and `number` (the object that took
/// the step, see [`Subject`]), `step`, `value` (absent if the step has no value) and `held` (the
/// held mutexes, outermost first, by the numbers that `names` gives them; absent if no held mutex
/// is known).
///
/// ```
/// use eventsys::steps::events::DISPATCH;
/// use eventsys::steps::{LockNames, Step, Subject, json_line};
///
/// let step = Step::bare(Subject { what: 'T', number: 3 }, DISPATCH, Some(1));
/// let line = json_line(&step, &mut LockNames::default());
/// assert_eq!(line, r#"{"at":0,"subject":"T","number":3,"step":"dispatch","value":1}"#);
/// ```
#[must_use]
pub fn json_line(step: &Step, names: &mut LockNames) -> String {
    // Every value is a number or a word of the vocabulary: nothing needs escaping.
    let Step { at, subject: Subject { what, number }, kind, .. } = step;
    let kind = kind.name();
    let mut line = format!(r#"{{"at":{at},"subject":"{what}","number":{number},"step":"{kind}""#);
    if let Some(value) = step.value {
        let _ = write!(line, r#","value":{value}"#);
    }
    if !step.held.is_empty() {
        let keys: Vec<String> = step.held.iter().map(|key| names.of(key).to_string()).collect();
        let _ = write!(line, r#","held":[{}]"#, keys.join(","));
    }
    line.push('}');
    line
}

/// Numbers for mutexes, in the order of the first requests for them: a key is an address, and
/// differs from run to run.
///
/// The example of [`json_line`] gives one; a tool keeps one for a whole run.
#[derive(Clone, Debug, Default)]
pub struct LockNames(HashMap<usize, usize>);

impl LockNames {
    /// The number of the mutex with this key, from 1.
    pub fn of(&mut self, key: usize) -> usize {
        let next = self.0.len() + 1;
        *self.0.entry(key).or_insert(next)
    }
}

/// Writes each step as a `debug` line of the `log` crate, under the target of
/// its kind.
///
/// ```
/// use eventsys::steps::LogSink;
/// use eventsys::{Clock, EventProcessor};
/// use std::sync::Arc;
///
/// let processor = EventProcessor::with_steps(Clock::new_virtual(), Arc::new(LogSink));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct LogSink;

impl StepSink for LogSink {
    fn step(&self, step: Step) {
        log::debug!(target: step.kind.target(), "[{}] {step}", step.subject.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::events::DISPATCH;

    #[test]
    fn an_excerpt_shows_how_a_long_text_begins() {
        let long = "ü".repeat(100);
        assert_eq!(excerpt(&long), format!("{}…", "ü".repeat(60)));
        assert_eq!(excerpt(&long[..120]), "ü".repeat(60));
    }

    #[test]
    fn json_has_no_holes() {
        let thread = Subject { what: 'T', number: 3 };
        let mut step = Step::bare(thread, DISPATCH, Some(1));
        let names = &mut LockNames::default();
        let line = r#"{"at":0,"subject":"T","number":3,"step":"dispatch","value":1}"#;
        assert_eq!(json_line(&step, names), line);
        step.value = None;
        step.held.push(5);
        step.held.push(9);
        step.held.push(5);
        let line = r#"{"at":0,"subject":"T","number":3,"step":"dispatch","held":[1,2,1]}"#;
        assert_eq!(json_line(&step, names), line);
    }
}
