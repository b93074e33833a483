//! The views of a step: the recordings' text, `log` lines, JSON lines.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use super::{Side, Step, StepKind, StepSink};

/// The recordings' text: `SIDE STEP [VALUE]`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.side.letter(), self.kind.name())?;
        match self.value {
            Some(value) => write!(f, " {value}"),
            None => Ok(()),
        }
    }
}

/// Why a line of a recording is not a step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseStepError {
    /// Where in the line the fault begins, counted in characters from 1.
    pub column: usize,
    /// What was expected, and what was found.
    pub message: String,
}

impl fmt::Display for ParseStepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.message)
    }
}

impl std::error::Error for ParseStepError {}

/// What an error shows of a text that is wrong: how it begins, and `…` if it is
/// long. A file can be one line of gigabytes.
#[must_use]
pub fn excerpt(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl FromStr for Step {
    type Err = ParseStepError;

    fn from_str(line: &str) -> Result<Step, ParseStepError> {
        let fault = |column: usize, message: String| Err(ParseStepError { column, message });
        let (side, rest) = line.split_once(' ').unwrap_or((line, ""));
        let side = match side {
            "A" => Side::Active,
            "P" => Side::Passive,
            "-" => Side::Pair,
            other => {
                return fault(
                    1,
                    format!("expected a side (A, P or -), found {:?}", excerpt(other)),
                );
            }
        };
        let (name, value) = match rest.split_once(' ') {
            Some((name, value)) => (name, Some(value)),
            None => (rest, None),
        };
        let Some(kind) = StepKind::from_name(name) else {
            return fault(3, format!("expected the name of a step, found {:?}", excerpt(name)));
        };
        let value = match value.map(|text| (text, text.parse::<i64>())) {
            None => None,
            Some((_, Ok(value))) => Some(value),
            Some((text, Err(_))) => {
                let column = 4 + name.chars().count();
                return fault(
                    column,
                    format!("expected a whole number, found {:?}", excerpt(text)),
                );
            }
        };
        Ok(Step::bare(side, kind, value))
    }
}

/// One JSON object on one line: `at` (ns), `pair`, `side`, `step`, `value`
/// (absent where there is none) and `held` (the held mutexes, outermost first, by
/// the numbers that `names` gives them; absent where none is known).
#[must_use]
pub fn json_line(step: &Step, names: &mut LockNames) -> String {
    use fmt::Write as _;
    // Every value is a number or a word of the vocabulary: nothing needs escaping.
    let mut line = format!(
        r#"{{"at":{},"pair":{},"side":"{}","step":"{}""#,
        step.at,
        step.pair,
        step.side.letter(),
        step.kind.name()
    );
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

/// Numbers for mutexes, in the order in which they are first asked for: a key is
/// an address, and differs from run to run.
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
/// its kind (`pvc`, `pvc_event`, `pvc_test`).
#[derive(Clone, Copy, Debug, Default)]
pub struct LogSink;

impl StepSink for LogSink {
    fn step(&self, step: Step) {
        log::debug!(target: step.kind.target(), "[{}] {step}", step.pair);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_reads_back() {
        for &kind in StepKind::ALL {
            for value in [None, Some(0), Some(-7), Some(i64::MAX)] {
                let step = Step::bare(Side::Passive, kind, value);
                assert_eq!(step.to_string().parse::<Step>(), Ok(step));
            }
        }
    }

    #[test]
    fn faults_name_their_column() {
        let fault = |line: &str| line.parse::<Step>().unwrap_err().to_string();
        assert_eq!(fault("B event 1"), r#"column 1: expected a side (A, P or -), found "B""#);
        assert_eq!(fault("A evnt 1"), r#"column 3: expected the name of a step, found "evnt""#);
        assert_eq!(fault("A event x"), r#"column 9: expected a whole number, found "x""#);
    }

    #[test]
    fn a_fault_shows_how_a_long_text_begins() {
        let long = "ü".repeat(100);
        let shown = format!("{}…", "ü".repeat(60));
        assert_eq!(excerpt(&long), shown);
        assert_eq!(excerpt(&long[..120]), "ü".repeat(60));
        for line in [long.clone(), format!("A {long}"), format!("A event {long}")] {
            let message = line.parse::<Step>().unwrap_err().message;
            assert!(message.ends_with(&format!("found {shown:?}")), "{message}");
        }
    }

    #[test]
    fn json_has_no_holes() {
        let mut step = Step::bare(Side::Active, StepKind::Event, Some(1));
        let names = &mut LockNames::default();
        let line = r#"{"at":0,"pair":0,"side":"A","step":"event","value":1}"#;
        assert_eq!(json_line(&step, names), line);
        step.value = None;
        step.held.push(5);
        step.held.push(9);
        step.held.push(5);
        let line = r#"{"at":0,"pair":0,"side":"A","step":"event","held":[1,2,1]}"#;
        assert_eq!(json_line(&step, names), line);
    }
}
