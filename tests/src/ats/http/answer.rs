//! [`Answer`] and [`Recording`]: what came back.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use memchr::memmem;

use super::text::{escape, later_status_line, normal, raw_len};

/// What the real 9.2.9 answered.
const RECORDED: &str = include_str!("../../../http/9.2.9.txt");

/// Whether the connection stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Finish {
    /// It is open, and the server waits.
    Open,
    /// The server has closed it.
    Closed,
}

impl fmt::Display for Finish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Finish::Open => "open",
            Finish::Closed => "closed",
        })
    }
}

/// What came back on a connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The bytes, cut behind each line's end: `| ` and a line, or `+ ` and a piece
    /// without a line's end. Dates and the like are masked.
    pub lines: Vec<String>,
    /// How it ended.
    pub finish: Finish,
}

impl Answer {
    pub(super) fn new(bytes: &[u8], finish: Finish) -> Answer {
        let mut lines = Vec::new();
        let mut rest = bytes;
        while let Some(at) = memmem::find(rest, b"\r\n") {
            lines.push(match at {
                0 => "|".to_owned(),
                _ => format!("| {}", normal(&escape(&rest[..at]))),
            });
            rest = &rest[at + 2..];
        }
        if !rest.is_empty() {
            lines.push(format!("+ {}", normal(&escape(rest))));
        }
        Answer { lines, finish }
    }

    /// The lines, cut once more where an answer begins within a line: a body without a
    /// line's end is followed at once by the next answer.
    #[must_use]
    pub fn parts(&self) -> Vec<String> {
        let mut parts = Vec::with_capacity(self.lines.len());
        for line in &self.lines {
            let (mark, mut text) = line.split_at(line.len().min(2));
            while let Some(at) = later_status_line(text) {
                parts.push(format!("+ {}", &text[..at]));
                text = &text[at..];
            }
            parts.push(format!("{mark}{text}"));
        }
        parts
    }

    /// The client made the server die.
    pub(super) fn of_death() -> Answer {
        Answer { lines: vec!["(the server dies)".to_owned()], finish: Finish::Closed }
    }

    /// About how many bytes came.
    pub(super) fn raw_len(&self) -> usize {
        let len = |line: &String| match line.split_once(' ').unwrap_or((line, "")) {
            ("|", line) => raw_len(line) + 2,
            (_, rest) => raw_len(rest),
        };
        self.lines.iter().map(len).sum()
    }
}

/// The answers of a server, by case.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Recording {
    answers: BTreeMap<String, Answer>,
}

impl Recording {
    /// What the real 9.2.9 answered to the cases that come with the project.
    ///
    /// # Panics
    /// If the embedded file is at fault, which the tests of this crate rule out.
    #[must_use]
    pub fn known() -> Recording {
        Recording::parse(RECORDED).unwrap_or_else(|fault| panic!("tests/http/9.2.9.txt: {fault}"))
    }

    /// Reads what [`Recording::print`] has written.
    ///
    /// # Errors
    /// The number of the line at fault, and what is wrong with it.
    pub fn parse(text: &str) -> Result<Recording, String> {
        let mut answers = BTreeMap::new();
        let mut name: Option<&str> = None;
        let mut lines = Vec::new();
        for (line, number) in text.lines().zip(1..) {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let finish = match word {
                "" | "#" => continue,
                "case" => {
                    name = Some(rest);
                    continue;
                }
                "|" | "+" => {
                    lines.push(line.to_owned());
                    continue;
                }
                "open" => Finish::Open,
                "closed" => Finish::Closed,
                _ => return Err(format!("line {number}: no such word: {line}")),
            };
            let name = name.take().ok_or_else(|| format!("line {number}: of no case"))?;
            answers.insert(name.to_owned(), Answer { lines: std::mem::take(&mut lines), finish });
        }
        Ok(Recording { answers })
    }

    /// The answers to these cases, as text.
    pub fn print<'a>(answers: impl IntoIterator<Item = (&'a str, &'a Answer)>) -> String {
        let mut text = String::new();
        for (name, answer) in answers {
            let lines: String = answer.lines.iter().map(|line| format!("{line}\n")).collect();
            // Writing to a string cannot fail.
            let _ = write!(text, "case {name}\n{lines}{}\n\n", answer.finish);
        }
        text
    }

    /// The answer to the case of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Answer> {
        self.answers.get(name)
    }

    /// The names of all cases.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.answers.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_read_as_it_was_written() {
        let bytes = b"HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\nline\nno end";
        let answers = [Answer::new(bytes, Finish::Open), Answer::new(b"", Finish::Closed)];
        assert_eq!(answers[0].lines[1..], ["| Date: %DATE%", "|", "+ line\\nno end"]);
        assert_eq!(answers[0].raw_len(), bytes.len());
        let text = Recording::print(["a", "b"].into_iter().zip(&answers));
        let read = Recording::parse(&text).unwrap();
        assert_eq!(read.get("a"), Some(&answers[0]));
        assert_eq!(read.get("b"), Some(&answers[1]));
        assert!(Recording::parse("what").is_err() && Recording::parse("open").is_err());
    }

    #[test]
    fn an_answer_behind_a_body_is_a_part_of_its_own() {
        let parts = |bytes: &[u8]| Answer::new(bytes, Finish::Open).parts();
        let begin = ["| HTTP/1.1 200 OK", "|", "+ xx"];
        assert_eq!(parts(b"HTTP/1.1 200 OK\r\n\r\nxx"), begin);
        let two = parts(b"HTTP/1.1 200 OK\r\n\r\nxxHTTP/1.0 400 Bad\r\n\r\n");
        assert_eq!(two[..3], begin);
        assert_eq!(two[3..], ["| HTTP/1.0 400 Bad", "|"]);
        assert_eq!(parts(b"TRACE / HTTP/1.1\r\n"), ["| TRACE / HTTP/1.1"]);
    }

    #[test]
    fn every_case_is_recorded_and_nothing_else() {
        let recording = Recording::known();
        let mut cases: Vec<_> =
            super::super::Case::all().into_iter().map(|case| case.name).collect();
        cases.sort();
        assert_eq!(recording.names().collect::<Vec<_>>(), cases);
    }
}
