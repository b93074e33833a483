//! The vocabulary of recordings: the steps of a pair, those of the driver that uses it, and
//! how a line is read.

use std::fmt;
use std::sync::LazyLock;

use eventsys::steps::{Step, StepKind, excerpt};

pub use scenario::driver;

/// Every kind of step that a recording or a trace can have.
pub fn all() -> impl Iterator<Item = StepKind> {
    let layers =
        [pluginvc::steps::ALL, driver::ALL, eventsys::steps::events::ALL, httpsm::steps::ALL];
    layers.into_iter().flatten().chain(iocore::net::steps::ALL).copied()
}

/// The kind with this name.
#[must_use]
pub fn kind(name: &str) -> Option<StepKind> {
    static DRAWERS: LazyLock<Drawers> = LazyLock::new(Drawers::filled);
    DRAWERS.0[Drawers::of(name)].iter().copied().find(|kind| kind.name() == name)
}

/// All kinds, a few in each drawer. A recording has a million words, and `HashMap`'s hash
/// function costs more than all else that is done with a word.
struct Drawers([Vec<StepKind>; Drawers::COUNT]);

impl Drawers {
    const COUNT: usize = 64;

    fn filled() -> Drawers {
        let mut drawers = Drawers(std::array::from_fn(|_| Vec::new()));
        for kind in all() {
            drawers.0[Drawers::of(kind.name())].push(kind);
        }
        drawers
    }

    /// The drawer for a word, by its length, its last byte and the one in its middle: of our
    /// words at most three share a drawer.
    fn of(name: &str) -> usize {
        let bytes = name.as_bytes();
        let byte = |at: usize| usize::from(bytes.get(at).copied().unwrap_or(0));
        let (last, middle) = (byte(bytes.len().wrapping_sub(1)), byte(bytes.len() / 2));
        ((bytes.len() << 1) ^ last ^ (middle << 3)) % Drawers::COUNT
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

/// Reads a line of a recording: `SIDE STEP [VALUE]`.
///
/// ```
/// let step = conformance::ats::vocabulary::parse_step("A do_io_read 2000").unwrap();
/// assert_eq!(step.value, Some(2_000));
/// ```
///
/// # Errors
/// If the line is not a step: where the fault begins, what was expected and what was found.
pub fn parse_step(line: &str) -> Result<Step, ParseStepError> {
    let fault = |column: usize, message: String| Err(ParseStepError { column, message });
    let (letter, rest) = split_at_space(line);
    let rest = rest.unwrap_or("");
    let Some(subject) = pluginvc::steps::subject(letter) else {
        return fault(1, format!("expected a side (A, P or -), found {:?}", excerpt(letter)));
    };
    let (name, value) = split_at_space(rest);
    let Some(kind) = kind(name) else {
        return fault(3, format!("expected the name of a step, found {:?}", excerpt(name)));
    };
    let value = match value.map(|text| (text, text.parse::<i64>())) {
        None => None,
        Some((_, Ok(value))) => Some(value),
        Some((text, Err(_))) => {
            let column = 4 + name.chars().count();
            return fault(column, format!("expected a whole number, found {:?}", excerpt(text)));
        }
    };
    Ok(Step::bare(subject, kind, value))
}

/// What stands before the first space, and what stands behind it.
fn split_at_space(text: &str) -> (&str, Option<&str>) {
    match memchr::memchr(b' ', text.as_bytes()) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use pluginvc::steps::{EVENT, Side};

    use super::*;

    #[test]
    fn every_word_has_one_meaning() {
        let names: BTreeSet<&str> = all().map(StepKind::name).collect();
        assert_eq!(names.len(), all().count());
    }

    #[test]
    fn text_reads_back() {
        for kind in all() {
            for value in [None, Some(0), Some(-7), Some(i64::MAX)] {
                let step = Step::bare(Side::Passive, kind, value);
                assert_eq!(parse_step(&step.to_string()), Ok(step));
            }
        }
        assert_eq!(kind("event"), Some(EVENT));
        assert_eq!([kind(""), kind("e"), kind("evént")], [None; 3]);
    }

    #[test]
    fn no_drawer_is_long() {
        let most = Drawers::filled().0.iter().map(Vec::len).max();
        assert_eq!(most, Some(3), "another mixture of the bytes would be faster");
    }

    #[test]
    fn faults_name_their_column() {
        let fault = |line: &str| parse_step(line).unwrap_err().to_string();
        assert_eq!(fault("B event 1"), r#"column 1: expected a side (A, P or -), found "B""#);
        assert_eq!(fault("A evnt 1"), r#"column 3: expected the name of a step, found "evnt""#);
        assert_eq!(fault("A event x"), r#"column 9: expected a whole number, found "x""#);
    }

    #[test]
    fn a_fault_shows_how_a_long_text_begins() {
        let long = "ü".repeat(100);
        let shown = format!("{}…", "ü".repeat(60));
        for line in [long.clone(), format!("A {long}"), format!("A event {long}")] {
            let message = parse_step(&line).unwrap_err().message;
            assert!(message.ends_with(&format!("found {shown:?}")), "{message}");
        }
    }
}
