//! [`Schedule`]: an interleaving as a short string.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The number of a task in its execution: 0 is the scene itself, the others are numbered
/// in the order in which they were spawned. A schedule writes them as letters.
pub type TaskId = u8;

/// The most tasks of one execution: as many as there are letters.
pub const MAX_TASKS: usize = 26;

/// One run of a task, from where it was let in to where another one was.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Segment {
    /// The task that runs.
    pub task: TaskId,
    /// `Some(n)`: the task is interrupted before it carries out the `n`-th operation of this
    /// segment; `n` is at least 1. `None`: it runs until it blocks, yields or ends.
    pub points: Option<u32>,
}

/// Which task runs when: an interleaving of one scene.
///
/// ```
/// use explorer::Schedule;
///
/// let schedule: Schedule = "7f3a:a100.b*.a*".parse().unwrap();
/// assert_eq!(schedule.interruptions(), 1);
/// assert_eq!(schedule.to_string(), "7f3a:a100.b*.a*");
/// ```
///
/// Task `a` runs until it is interrupted before its hundredth operation; then `b` runs until it
/// blocks or ends, and then `a`. After the last segment no task is interrupted any more, and if
/// one blocks, the first that can run goes on. Operations are counted from the moment at which
/// two tasks exist (or from [`race_from_here`](crate::race_from_here)).
///
/// The word before the colon is the [`CheckWord`] of the scene. A schedule is only good for the
/// program that it was found with; the word shows that the program has changed. A schedule
/// without the word is tried as it is.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Schedule {
    /// Which program it belongs to, if that is known.
    pub check: Option<CheckWord>,
    /// The runs of tasks, in order.
    pub segments: Vec<Segment>,
}

impl Schedule {
    /// How many times a task is interrupted although it could go on.
    #[must_use]
    pub fn interruptions(&self) -> u32 {
        let interrupted = self.segments.iter().filter(|segment| segment.points.is_some());
        u32::try_from(interrupted.count()).unwrap_or(u32::MAX)
    }

    /// The same schedule for the program of this word.
    #[must_use]
    pub fn checked(mut self, word: CheckWord) -> Schedule {
        self.check = Some(word);
        self
    }

    /// The same schedule with one interruption less, once for each of them: there the task
    /// runs on until it blocks or ends.
    pub fn without_one(&self) -> impl Iterator<Item = Schedule> + '_ {
        let interrupted = |at: &usize| self.segments[*at].points.is_some();
        (0..self.segments.len()).filter(interrupted).map(|at| {
            let mut fewer = self.clone();
            fewer.segments[at].points = None;
            fewer
        })
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(word) = self.check {
            write!(f, "{word}:")?;
        }
        for (place, segment) in self.segments.iter().enumerate() {
            let dot = if place == 0 { "" } else { "." };
            write!(f, "{dot}{}", letter(segment.task))?;
            match segment.points {
                Some(points) => write!(f, "{points}")?,
                None => write!(f, "*")?,
            }
        }
        Ok(())
    }
}

/// The letter of a task in a schedule: `a` is the scene itself.
#[must_use]
pub fn letter(task: TaskId) -> char {
    char::from(b'a' + task.min(25))
}

/// Why a text is no [`Schedule`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseScheduleError(String);

impl fmt::Display for ParseScheduleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ParseScheduleError {}

impl FromStr for Schedule {
    type Err = ParseScheduleError;

    fn from_str(text: &str) -> Result<Schedule, ParseScheduleError> {
        let (check, runs) = match text.split_once(':') {
            None => (None, text),
            Some((word, runs)) => (Some(word.parse()?), runs),
        };
        if runs.is_empty() {
            return Ok(Schedule { check, segments: Vec::new() });
        }
        let segments = runs.split('.').map(segment).collect::<Result<_, _>>()?;
        Ok(Schedule { check, segments })
    }
}

fn segment(text: &str) -> Result<Segment, ParseScheduleError> {
    let wrong = || {
        ParseScheduleError(format!(
            "\"{text}\" is no part of a schedule: a letter, and then * or a number above 0, as in a100.b*.a*"
        ))
    };
    let mut letters = text.chars();
    let task = letters.next().filter(char::is_ascii_lowercase).ok_or_else(wrong)?;
    let points = match letters.as_str() {
        "*" => None,
        number => {
            let digits = number.bytes().all(|byte| byte.is_ascii_digit());
            let number = number.parse().ok().filter(|&points| points > 0 && digits);
            Some(number.ok_or_else(wrong)?)
        }
    };
    Ok(Segment { task: task as u8 - b'a', points })
}

/// Which program a schedule belongs to: a digest of the operations that the scene performs
/// when no task is interrupted. It is the same for each build in which these are the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct CheckWord(pub u16);

impl fmt::Display for CheckWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}", self.0)
    }
}

impl FromStr for CheckWord {
    type Err = ParseScheduleError;

    fn from_str(text: &str) -> Result<CheckWord, ParseScheduleError> {
        let digits = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let word = u16::from_str_radix(text, 16).ok().filter(|_| digits).map(CheckWord);
        word.ok_or_else(|| {
            ParseScheduleError(format!(
                "\"{text}\" is no check word: four hexadecimal digits, as in 7f3a:a100.b*.a*"
            ))
        })
    }
}

impl Serialize for Schedule {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Schedule {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Schedule, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for CheckWord {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CheckWord {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<CheckWord, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
