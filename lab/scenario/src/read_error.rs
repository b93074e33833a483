//! How a fault in a file is told: one sentence that begins with the place.
//!
//! Scenarios, cases and recordings have different faults but the same way to name the
//! place, so the error is generic over the fault.

use std::fmt;
use std::io;

use thiserror::Error;

use crate::input::Limit;

/// Why a file could not be read, as one sentence that begins with the file.
#[derive(Debug, Error)]
pub enum ReadError<F> {
    /// The file system did not give the file out. There is no line to name.
    #[error("{file}: {}", told(source))]
    Unreadable {
        /// The file, as the caller named it.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// The file is too large to be read.
    #[error("{file}: expected a file of {limit} at most, found a larger one")]
    TooLarge {
        /// The file, as the caller named it.
        file: String,
        /// How large it may be.
        limit: Limit,
    },
    /// The file was given out, but something in it is wrong.
    #[error("{file}:{place}: {fault}")]
    Fault {
        /// The file, as the caller named it.
        file: String,
        /// Where the fault begins.
        place: Place,
        /// What is wrong.
        fault: F,
    },
}

fn told(source: &io::Error) -> String {
    match source.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "reading this file is not permitted".to_owned(),
        io::ErrorKind::IsADirectory => "expected a file, found a directory".to_owned(),
        _ => format!("the file cannot be read: {source}"),
    }
}

/// A place in a text, counted from 1: `line:column`, the column in characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    /// The line, counted from 1.
    pub line: usize,
    /// The character in the line, counted from 1.
    pub column: usize,
}

impl Place {
    /// The place right after `text`, if `text` is how the file begins.
    #[must_use]
    pub fn after(text: &str) -> Place {
        let last_line = text.rsplit('\n').next().unwrap_or(text);
        Place {
            line: 1 + text.bytes().filter(|&byte| byte == b'\n').count(),
            column: 1 + last_line.chars().count(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// How much of a message of another crate an error shows.
const MOST_OF_A_MESSAGE: usize = 300;

/// A message of another crate as part of a sentence: on one line, and cut if it
/// repeats too much of the file.
#[must_use]
pub fn message(text: &str) -> String {
    let line = text.trim().replace('\n', ", ");
    match line.char_indices().nth(MOST_OF_A_MESSAGE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// The text in `bytes`, or the place and the value of the first byte that is not UTF-8.
///
/// # Errors
/// If there is such a byte.
pub fn utf8(bytes: &[u8]) -> Result<&str, (Place, u8)> {
    std::str::from_utf8(bytes).map_err(|error| {
        let (good, bad) = bytes.split_at(error.valid_up_to());
        (Place::after(&String::from_utf8_lossy(good)), bad.first().copied().unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters() {
        let place = |text| Place::after(text).to_string();
        assert_eq!(place(""), "1:1");
        assert_eq!(place("ab"), "1:3");
        assert_eq!(place("ab\n"), "2:1");
        assert_eq!(place("ab\nüö"), "2:3");
    }

    #[test]
    fn the_first_bad_byte_is_found() {
        assert_eq!(utf8(b"a\nb\xffc"), Err((Place { line: 2, column: 2 }, 0xff)));
    }
}
