//! The words of an operation, and what each may be.

use eventsys::HrTime;
use iocore::VioOp;
use pluginvc::steps::Side;

use super::amount::{Bytes, MOST_BYTES, MOST_WRITTEN, is_bytes, parse_bytes, parse_span};
use super::fault::ScenarioFault;
use super::op::{How, HowTo, OpCont, Owner};

/// The words of an operation, with their places.
#[derive(Clone, Copy)]
pub(super) struct Words<'a> {
    text: &'a str,
    at: usize,
}

pub(super) type Parsed<T> = Result<T, (usize, ScenarioFault)>;

impl<'a> Words<'a> {
    pub(super) fn new(text: &'a str) -> Words<'a> {
        Words { text, at: 0 }
    }

    /// The next word; empty at the end.
    pub(super) fn next(&mut self) -> &'a str {
        let rest = self.text[self.at..].trim_start();
        let word = rest.split_whitespace().next().unwrap_or("");
        self.at = self.text.len() - rest.len() + word.len();
        word
    }

    /// `word`, which has just been taken, is not what was expected.
    pub(super) fn fault(&self, word: &str, expected: impl Into<String>) -> (usize, ScenarioFault) {
        (self.at - word.len(), ScenarioFault::expected(expected, word))
    }

    pub(super) fn bytes(&mut self, max: Option<&str>) -> Parsed<i64> {
        let word = self.next();
        if Some(word) == max {
            return Ok(i64::MAX);
        }
        let or = max.map_or(String::new(), |max| format!(" or {max}"));
        let expected = || match is_bytes(word) {
            true => format!("a number of bytes up to {MOST_BYTES}{or}"),
            false => format!("a number of bytes (like 100, 32KiB, 1MiB){or}"),
        };
        parse_bytes(word).ok_or_else(|| self.fault(word, expected()))
    }

    pub(super) fn piece(&mut self) -> Parsed<i64> {
        let word = self.next();
        let expected = || format!("a number of bytes up to {}", Bytes(MOST_WRITTEN));
        let piece = parse_bytes(word).filter(|&bytes| bytes <= MOST_WRITTEN);
        piece.ok_or_else(|| self.fault(word, expected()))
    }

    pub(super) fn span(&mut self) -> Parsed<HrTime> {
        let word = self.next();
        let expected = "a time up to a day (like 20us, 250ms, 10s) or 0";
        parse_span(word).ok_or_else(|| self.fault(word, expected))
    }

    pub(super) fn direction(&mut self) -> Parsed<VioOp> {
        match self.next() {
            "read" => Ok(VioOp::Read),
            "write" => Ok(VioOp::Write),
            other => Err(self.fault(other, "read or write")),
        }
    }

    pub(super) fn how_to(&mut self) -> Parsed<HowTo> {
        match self.next() {
            "read" => Ok(HowTo::Read),
            "write" => Ok(HowTo::Write),
            "both" => Ok(HowTo::Both),
            other => Err(self.fault(other, "read, write or both")),
        }
    }

    pub(super) fn owner(&mut self) -> Parsed<Owner> {
        match self.next() {
            "active" => Ok(Owner::User(Side::Active)),
            "passive" => Ok(Owner::User(Side::Passive)),
            "core" => Ok(Owner::Core),
            other => Err(self.fault(other, "active, passive or core")),
        }
    }

    pub(super) fn how(&mut self) -> Parsed<How> {
        let mut how = How::default();
        loop {
            match self.next() {
                "" => return Ok(how),
                "no_buffer" if !how.no_buffer => how.no_buffer = true,
                "no_cont" if how.cont == OpCont::OfEnd => how.cont = OpCont::Absent,
                "by_deputy" if how.cont == OpCont::OfEnd => how.cont = OpCont::Deputy,
                other => {
                    let expected = "no_buffer, no_cont or by_deputy, or the end of the operation";
                    return Err(self.fault(other, expected));
                }
            }
        }
    }

    pub(super) fn side(&mut self) -> Parsed<Side> {
        match self.next() {
            "active" => Ok(Side::Active),
            "passive" => Ok(Side::Passive),
            other => Err(self.fault(other, "active or passive")),
        }
    }

    /// Nothing follows.
    pub(super) fn end(&mut self) -> Parsed<()> {
        match self.next() {
            "" => Ok(()),
            other => Err(self.fault(other, "the end of the operation")),
        }
    }
}
