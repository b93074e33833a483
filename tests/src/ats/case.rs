//! Cases: what the two ends of one pair are told to do.
//!
//! Mirrors `NVC_test_def` and `netvc_tests_def` of `iocore/net/NetVCTest.{h,cc}`
//! (9.1.3). Cases are read from CSV, two rows a case: the active end, then the
//! passive end. The columns may stand in any order.
//!
//! The terminating events that an end accepts are not in the CSV. The nine cases
//! of the server's own suite have them from the table of the original, by name;
//! every other case accepts any.

mod csv;
mod terms;

use eventsys::EventCode;
use thiserror::Error;

pub use self::csv::{cases_from_bytes, cases_from_file};

/// What the two ends of one pair are told to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Case {
    /// The name, without spaces.
    pub name: String,
    /// What the end that connects does.
    pub active: EndDef,
    /// What the end that accepts does.
    pub passive: EndDef,
}

/// What one end is told to do. Mirrors `NVC_test_def`; no number is negative
/// or larger than an `int` of the original.
///
/// A file of cases may not ask for more than the `MOST_…` here: the original would fill
/// the memory, or go on for ever.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EndDef {
    /// How many bytes it adds to its write buffer in all.
    pub bytes_to_send: i64,
    /// The `nbytes` of its `do_io_write`; with 0 it does not write.
    pub nbytes_write: i64,
    /// How many of the bytes it reads it checks.
    pub bytes_to_read: i64,
    /// The `nbytes` of its `do_io_read`; with 0 it does not read.
    pub nbytes_read: i64,
    /// How many bytes it adds to its write buffer at each `VC_EVENT_WRITE_READY`, at most.
    pub write_bytes_per: i64,
    /// Its inactivity timeout in seconds; the active timeout is five seconds more.
    pub timeout_s: i64,
    /// The event that must end its reading; `EVENT_NONE` accepts any.
    pub read_term: EventCode,
    /// The event that must end its writing; `EVENT_NONE` accepts any.
    pub write_term: EventCode,
}

impl EndDef {
    /// How many bytes an end may send: 256 MiB.
    pub const MOST_SENT: i64 = 256 << 20;
    /// In how many pieces: the suite of the original has a million.
    pub const MOST_PIECES: i64 = 1_000_000;
    /// The longest timeout: an hour, in which the event loop makes 3,600,000 passes.
    pub const LONGEST_TIMEOUT: i64 = 3600;
}

/// What can be wrong inside a file of cases.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum CaseFault {
    /// The file is not UTF-8.
    #[error("expected UTF-8 text, found the byte 0x{0:02x}")]
    NotUtf8(u8),
    /// The file is empty.
    #[error("expected the names of the columns, found an empty file")]
    Empty,
    /// There are column names, and nothing else.
    #[error("expected the two rows of a case, found the end of the file")]
    NoCases,
    /// A column is not there.
    #[error("expected a column named {0}, found none")]
    MissingColumn(&'static str),
    /// A column has an unknown name.
    #[error("expected only the columns {known}, found {found:?}")]
    UnknownColumn {
        /// The known names.
        known: String,
        /// The name found.
        found: String,
    },
    /// Two columns have the same name.
    #[error("expected one column named {0}, found a second one")]
    RepeatedColumn(&'static str),
    /// A row is shorter or longer than the line of column names.
    #[error("expected {expected} fields, found {found}")]
    FieldCount {
        /// The number of columns.
        expected: usize,
        /// The number of fields in this row.
        found: usize,
    },
    /// The name of a case is empty, or could not stand in a recording.
    #[error("expected the name of a case, without spaces or control characters, found {0:?}")]
    BadName(String),
    /// The side is neither active nor passive.
    #[error("expected active or passive, found {0:?}")]
    UnknownSide(String),
    /// A field is not a number.
    #[error("expected a whole number for {column}, found {found:?}")]
    NotANumber {
        /// The column.
        column: &'static str,
        /// The text found there.
        found: String,
    },
    /// A number is below zero.
    #[error("expected a number that is not negative for {column}, found {found}")]
    Negative {
        /// The column.
        column: &'static str,
        /// The text found there.
        found: String,
    },
    /// A number is larger than the bound of its column, or does not fit into an `int`,
    /// which the original has here.
    #[error("expected a number up to {most} for {column}, found {found}")]
    TooLarge {
        /// The column.
        column: &'static str,
        /// The largest number that may stand there.
        most: i64,
        /// The text found there.
        found: String,
    },
    /// The bytes are written in more pieces than a run may have; with pieces of 0 bytes, the
    /// writing would never end.
    #[error("expected at least {least} for write_bytes_per, so that the {bytes_to_send} bytes to send are {most} pieces at most, found {found}", most = EndDef::MOST_PIECES)]
    TooManyPieces {
        /// The bytes of this end.
        bytes_to_send: i64,
        /// The smallest piece that is allowed.
        least: i64,
        /// The text found there.
        found: i64,
    },
    /// An active row without its passive row.
    #[error("expected the passive row of case {0} right after this active row")]
    NoPassiveRow(String),
    /// A passive row without its active row.
    #[error("expected the active row of case {0} right before this passive row")]
    NoActiveRow(String),
    /// Two cases have the same name.
    #[error("case {name} stands here a second time, it first stands in line {first}")]
    RepeatedCase {
        /// The name.
        name: String,
        /// The line of its first active row.
        first: usize,
    },
    /// Something else that the reader of CSV does not accept.
    #[error("expected rows of CSV: {0}")]
    NotCsv(String),
}
