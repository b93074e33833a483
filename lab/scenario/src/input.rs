//! Files that the user names: how much is read of them, and how they are named.
//!
//! A file can be endless (`/dev/zero`), far larger than anything that makes sense,
//! or small and unpack to gigabytes. So each kind of input has a limit, and what is
//! read to find it exceeded is no more than the limit.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::read_error::ReadError;

/// The largest scenario: hundreds of thousands of reactions.
pub const MOST_OF_A_SCENARIO: Limit = Limit(16 << 20);

/// How many bytes an input may have; prints as `16 MiB`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limit(pub u64);

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            bytes if bytes % (1 << 20) == 0 => write!(f, "{} MiB", bytes >> 20),
            bytes => write!(f, "{bytes} bytes"),
        }
    }
}

/// Everything in `path`.
///
/// # Errors
/// If the file cannot be read, or is larger than `limit`.
pub fn read_file<F>(path: &Path, limit: Limit) -> Result<Vec<u8>, ReadError<F>> {
    let unreadable = |source| ReadError::Unreadable { file: file_name(path), source };
    let file = File::open(path).map_err(unreadable)?;
    let bytes = read_all(file, limit).map_err(unreadable)?;
    bytes.ok_or_else(|| ReadError::TooLarge { file: file_name(path), limit })
}

/// Everything that `from` gives; `None` if that is more than `limit`.
///
/// # Errors
/// Those of `from`.
pub fn read_all(from: impl Read, limit: Limit) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    Ok(read_into(&mut bytes, from, limit)?.then_some(bytes))
}

/// Appends to `bytes` what `from` gives; false if that is more than `limit`. After an
/// error `bytes` has what came before it.
///
/// # Errors
/// Those of `from`.
pub fn read_into(bytes: &mut Vec<u8>, from: impl Read, limit: Limit) -> io::Result<bool> {
    let count = from.take(limit.0 + 1).read_to_end(bytes)?;
    Ok(count as u64 <= limit.0)
}

/// The name of a file as it stands in a sentence: on one line, and without
/// characters that a terminal would obey.
#[must_use]
pub fn file_name(path: &Path) -> String {
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.into() };
    path.display().to_string().chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_as_large_as_the_limit_is_read_and_no_more_than_that() {
        let read = |bytes: u64| {
            let all = read_all(io::repeat(7).take(bytes), Limit(100)).unwrap();
            all.map(|bytes| bytes.len())
        };
        assert_eq!(read(100), Some(100));
        assert_eq!(read(101), None);
        assert_eq!(read_all(io::repeat(7), Limit(1 << 20)).unwrap(), None, "no end is needed");
    }

    #[test]
    fn a_name_stays_on_its_line() {
        assert_eq!(file_name(Path::new("a\nb\u{1b}[31mü.toml")), "a\\nb\\u{1b}[31mü.toml");
    }

    #[test]
    fn limits_are_told_in_their_unit() {
        assert_eq!(MOST_OF_A_SCENARIO.to_string(), "16 MiB");
        assert_eq!(Limit(100).to_string(), "100 bytes");
    }
}
