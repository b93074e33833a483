//! Recordings: what the real server did, step by step.
//!
//! A recording is gzip'd text. `case NAME` begins a case and every further
//! line is one step, `SIDE STEP [VALUE]`. There are no other lines, so the line
//! of a step follows from its index, and a reader of a difference can find the
//! step in the unpacked file.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;

use crate::ats::vocabulary::parse_step;
use eventsys::steps::{Step, excerpt};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use thiserror::Error;

use crate::input::{Limit, MOST_PACKED, MOST_UNPACKED, file_name, read_file, read_into};
use crate::read_error::{Place, ReadError, utf8};

/// What the real server did in a list of cases.
#[derive(Clone, Debug)]
pub struct Recording {
    file: String,
    cases: Vec<RecordedCase>,
    /// Where each case stands in the list.
    index: HashMap<String, usize>,
}

/// What the real server did in one case.
#[derive(Clone, Debug)]
pub struct RecordedCase {
    /// The name of the case.
    pub name: String,
    /// The line of `case NAME` in the unpacked file, counted from 1.
    pub line: usize,
    /// The steps, in order. There is at least one.
    pub steps: Vec<Step>,
}

impl RecordedCase {
    /// The line of the step with this index in the unpacked file, counted from 1.
    #[must_use]
    pub fn line_of(&self, index: usize) -> usize {
        self.line + 1 + index
    }
}

/// What can be wrong inside a recording.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum RecordingFault {
    /// The file does not begin as gzip files do.
    #[error("expected gzip'd text, found a file that is not gzip'd")]
    NotGzip,
    /// The file has been cut off.
    #[error("the gzip'd data is cut off after this place")]
    CutOff,
    /// The packed data is damaged.
    #[error("the gzip'd data is damaged after this place: {0}")]
    Damaged(String),
    /// The file unpacks to more than is read.
    #[error("expected a recording that unpacks to {0} at most, found a larger one")]
    TooLarge(Limit),
    /// The unpacked data is not UTF-8.
    #[error("expected UTF-8 text, found the byte 0x{0:02x}")]
    NotUtf8(u8),
    /// There is nothing in the recording.
    #[error("expected \"case NAME\", found an empty recording")]
    Empty,
    /// A line stands before the first `case NAME`.
    #[error("expected \"case NAME\" before the first step, found {0:?}")]
    StepBeforeCase(String),
    /// `case` with nothing behind it.
    #[error("expected the name of a case, found the end of the line")]
    Unnamed,
    /// A name stands twice.
    #[error("case {name} has been recorded before, in line {first}")]
    Repeated {
        /// The name.
        name: String,
        /// The line of its first `case NAME`.
        first: usize,
    },
    /// A case that proves nothing, because nothing happens in it.
    #[error("expected the steps of case {0}, found none")]
    NoSteps(String),
    /// A line that is not a step.
    #[error("{0}")]
    BadStep(String),
}

type Faulty<T> = Result<T, (Place, RecordingFault)>;

impl Recording {
    /// A recording of these cases, by name; `file` is its name in errors. A case
    /// without steps is left out: it could not be read again.
    #[must_use]
    pub fn new(file: &str, cases: impl IntoIterator<Item = (String, Vec<Step>)>) -> Recording {
        let mut line = 1;
        let with_steps = cases.into_iter().filter(|(_, steps)| !steps.is_empty());
        let cases = with_steps.map(|(name, steps)| {
            let case = RecordedCase { name, line, steps };
            line = case.line_of(case.steps.len());
            case
        });
        Recording::of(file.to_owned(), cases.collect())
    }

    fn of(file: String, cases: Vec<RecordedCase>) -> Recording {
        let mut index = HashMap::new();
        for (at, case) in cases.iter().enumerate() {
            index.entry(case.name.clone()).or_insert(at);
        }
        Recording { file, cases, index }
    }

    /// Writes it as gzip'd text. The same steps give the same bytes.
    ///
    /// # Errors
    ///
    /// If `out` does not take it.
    pub fn write_gzip(&self, out: impl Write) -> io::Result<()> {
        // The head gets no name and no time.
        let mut packer = GzEncoder::new(out, Compression::best());
        let mut text = String::new();
        for case in &self.cases {
            text.clear();
            text.extend(["case ", &case.name, "\n"]);
            for step in &case.steps {
                text.extend([&*step.to_string(), "\n"]);
            }
            packer.write_all(text.as_bytes())?;
        }
        packer.finish()?.flush()
    }

    /// Reads the recording in `path`.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or anything in it is wrong.
    pub fn from_file(path: &Path) -> Result<Recording, ReadError<RecordingFault>> {
        Recording::from_gzip(&file_name(path), &read_file(path, MOST_PACKED)?)
    }

    /// Reads a recording from gzip'd `bytes`; `file` is its name in errors.
    ///
    /// # Errors
    ///
    /// If anything in it is wrong.
    pub fn from_gzip(file: &str, bytes: &[u8]) -> Result<Recording, ReadError<RecordingFault>> {
        let cases = unpack(bytes).and_then(|unpacked| {
            let text =
                utf8(&unpacked).map_err(|(place, byte)| (place, RecordingFault::NotUtf8(byte)))?;
            parse(text)
        });
        let file = file.to_owned();
        match cases {
            Ok(cases) => Ok(Recording::of(file, cases)),
            Err((place, fault)) => Err(ReadError::Fault { file, place, fault }),
        }
    }

    /// The name of the file, as it stands in errors.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The recorded cases, in the order of the file.
    #[must_use]
    pub fn cases(&self) -> &[RecordedCase] {
        &self.cases
    }

    /// The recorded case with this name.
    #[must_use]
    pub fn case(&self, name: &str) -> Option<&RecordedCase> {
        self.index.get(name).map(|&at| &self.cases[at])
    }
}

/// Unpacks the whole file. A fault stands where the last good text ends; what is too
/// large is not looked at.
fn unpack(bytes: &[u8]) -> Faulty<Vec<u8>> {
    const START: Place = Place { line: 1, column: 1 };
    const MAGIC: [u8; 2] = [0x1f, 0x8b];

    if bytes.is_empty() {
        return Err((START, RecordingFault::Empty));
    }
    if !bytes.starts_with(&MAGIC) {
        return Err((START, RecordingFault::NotGzip));
    }
    let mut unpacked = Vec::new();
    match read_into(&mut unpacked, MultiGzDecoder::new(bytes), MOST_UNPACKED) {
        Ok(true) => Ok(unpacked),
        Ok(false) => Err((START, RecordingFault::TooLarge(MOST_UNPACKED))),
        Err(error) => {
            let fault = match error.kind() {
                io::ErrorKind::UnexpectedEof => RecordingFault::CutOff,
                _ => RecordingFault::Damaged(error.to_string()),
            };
            Err((Place::after(&String::from_utf8_lossy(&unpacked)), fault))
        }
    }
}

fn parse(text: &str) -> Faulty<Vec<RecordedCase>> {
    let mut cases: Vec<RecordedCase> = Vec::new();
    let mut first_lines: HashMap<&str, usize> = HashMap::new();

    for (line, content) in (1..).zip(lines(text)) {
        let at = |column| Place { line, column };
        if let Some(name) = case_name(content) {
            check_has_steps(cases.last())?;
            if name.is_empty() {
                return Err((at(content.len() + 1), RecordingFault::Unnamed));
            }
            if let Some(first) = first_lines.insert(name, line) {
                let name = excerpt(name);
                return Err((at(6), RecordingFault::Repeated { name, first }));
            }
            cases.push(RecordedCase { name: name.to_owned(), line, steps: Vec::new() });
        } else if let Some(case) = cases.last_mut() {
            case.steps.push(
                parse_step(content)
                    .map_err(|error| (at(error.column), RecordingFault::BadStep(error.message)))?,
            );
        } else {
            return Err((at(1), RecordingFault::StepBeforeCase(excerpt(content))));
        }
    }

    check_has_steps(cases.last())?;
    if cases.is_empty() {
        return Err((Place { line: 1, column: 1 }, RecordingFault::Empty));
    }
    Ok(cases)
}

/// What `str::lines` gives. On lines as short as these `memchr` is faster.
fn lines(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let (line, rest) = match memchr::memchr(b'\n', text.as_bytes()) {
            Some(at) => (&text[..at], &text[at + 1..]),
            None if text.is_empty() => return None,
            None => (text, ""),
        };
        let had_feed = line.len() < text.len();
        text = rest;
        Some(line.strip_suffix('\r').filter(|_| had_feed).unwrap_or(line))
    })
}

fn case_name(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("case")?;
    if rest.is_empty() { Some("") } else { rest.strip_prefix(' ') }
}

fn check_has_steps(case: Option<&RecordedCase>) -> Faulty<()> {
    match case {
        Some(case) if case.steps.is_empty() => Err((
            Place { line: case.line, column: 1 },
            RecordingFault::NoSteps(excerpt(&case.name)),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_the_standard_library() {
        for text in ["", "\n", "a", "a\n", "a\nb", "a\r\nb\r", "\n\na\n\n", "\r\n\r", "ü\n€\n"] {
            assert!(lines(text).eq(text.lines()), "{text:?}");
        }
    }
}
