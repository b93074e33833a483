//! Reads the text of a program.

use pluginvc::steps::Side;
use std::str::FromStr;

use eventsys::EventCode;
use iocore::VioOp;
use iocore::buffer::{DEFAULT_BUFFER_SIZES, SizeIndex};
use thiserror::Error;

use super::{Program, Range, SET_MARK, VERSION};
use crate::amount::{LONGEST_SPAN, MOST_BYTES, MOST_WRITTEN};
use crate::call::{BufferCall, MOST_READERS, ReaderName, Which};
use crate::fault::ScenarioFault;
use crate::model::{Limits, PairDef, Trigger};
use crate::op::{How, HowTo, Op, OpCont, Owner};
use crate::read_error::Place;

/// Why a text is not a program.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{place}: {fault}")]
pub struct ProgramError {
    /// Where the fault begins.
    pub place: Place,
    /// What is wrong.
    pub fault: ScenarioFault,
}

impl FromStr for Program {
    type Err = ProgramError;

    fn from_str(text: &str) -> Result<Program, ProgramError> {
        parse(text).map_err(|(at, fault)| ProgramError { place: Place::after(&text[..at]), fault })
    }
}

type Parsed<T> = Result<T, (usize, ScenarioFault)>;

fn parse(text: &str) -> Parsed<Program> {
    let mut lines = text.split_inclusive('\n').scan(0, |at, line| {
        let start = *at;
        *at += line.len();
        Some(Line { text: line.trim_end_matches('\n'), start, at: 0 })
    });
    let mut next = || lines.next().unwrap_or(Line { text: "", start: text.len(), at: 0 });

    let mut first = next();
    first.word(&["program"])?;
    first.number(VERSION, VERSION)?;
    first.end()?;
    let pair = parse_pair(next())?;
    let limits = parse_limits(next())?;
    let mut program = Program { pair, limits, reactions: Vec::new(), ops: Vec::new() };
    // The operations come after the reactions, so a range is looked at again.
    let mut ranges = Vec::new();
    for mut line in lines {
        let words: &[_] = if program.ops.is_empty() {
            &["reaction", "timer", "op", "call"]
        } else {
            &["op", "call"]
        };
        match line.word(words)? {
            "op" => program.ops.push(parse_op(line)?),
            "call" => program.ops.push(Op::Buffer(parse_call(line)?)),
            word => {
                ranges.push(line.start);
                program.reactions.push(parse_range(word == "timer", line)?);
            }
        }
    }
    for (range, start) in program.reactions.iter().zip(ranges) {
        if range.first > range.end || range.end > program.ops.len() {
            let expected = format!("a range within the {} operations", program.ops.len());
            let found = format!("{} to {}", range.first, range.end);
            return Err((start, ScenarioFault::Expected { expected, found }));
        }
    }
    Ok(program)
}

fn parse_pair(mut line: Line<'_>) -> Parsed<PairDef> {
    line.word(&["pair"])?;
    let mut pair = PairDef {
        connect_re: line.number(0, 1)? == 1,
        shared_mutex: line.number(0, 1)? == 1,
        buffer_index: SizeIndex::from_raw(line.number(0, DEFAULT_BUFFER_SIZES as i64 - 1)?),
        read_water_mark: line.number(0, MOST_BYTES)?,
        accept_after: line.number(0, LONGEST_SPAN)?,
        foreign: line.number(0, 1)? == 1,
        threads: line.number(1, 2)? as u8,
        no_mutex: [false; 2],
    };
    let without = line.number(0, 3)?;
    pair.no_mutex = [without & 1 != 0, without & 2 != 0];
    line.end()?;
    Ok(pair)
}

fn parse_limits(mut line: Line<'_>) -> Parsed<Limits> {
    line.word(&["limits"])?;
    let limits = Limits {
        patience: line.number(0, 2 * LONGEST_SPAN)?,
        longest: line.number(0, 2 * LONGEST_SPAN)?,
        calls: line.number(0, u32::MAX.into())? as u32,
    };
    line.end()?;
    Ok(limits)
}

fn parse_range(is_timer: bool, mut line: Line<'_>) -> Parsed<Range> {
    let side = line.side()?;
    let trigger = if is_timer {
        Trigger::After(line.number(0, LONGEST_SPAN)?)
    } else {
        match (line.number(0, i32::MAX.into())?, line.number(0, u32::MAX.into())?) {
            (0, _) => Trigger::Connect,
            (1, _) => Trigger::Race,
            (event, nth) => Trigger::Event(EventCode(event as i32), nth as u32),
        }
    };
    let range = Range { side, trigger, first: line.index()?, end: line.index()? };
    line.end()?;
    Ok(range)
}

fn parse_op(mut line: Line<'_>) -> Parsed<Op> {
    const WORDS: [&str; 12] = [
        "do_io_read",
        "do_io_write",
        "write",
        "consume",
        "reenable",
        "reenable_re",
        "shutdown",
        "close",
        "inactivity_timeout",
        "active_timeout",
        "water_mark",
        "hold",
    ];
    let word = line.word(&WORDS)?;
    let most = match word {
        "reenable" | "reenable_re" => 2,
        "shutdown" => 3,
        "close" => 0,
        "write" => MOST_WRITTEN,
        "inactivity_timeout" | "active_timeout" | "hold" => LONGEST_SPAN,
        _ => i64::MAX,
    };
    let a = line.number(i64::from(most == 2 || most == 3), most)?;
    let b =
        line.number(0, if word.starts_with("do_io") { 5 } else { 2 * i64::from(word == "hold") })?;
    line.end()?;
    let cont = [OpCont::OfEnd, OpCont::Absent, OpCont::Deputy][b as usize / 2];
    let how = How { no_buffer: b & 1 != 0, cont };
    let direction = if a == 2 { VioOp::Write } else { VioOp::Read };
    Ok(match word {
        "do_io_read" => Op::DoIoRead(a, how),
        "do_io_write" => Op::DoIoWrite(a, how),
        "write" => Op::Write(a),
        "consume" => Op::Consume(a),
        "reenable" => Op::Reenable(direction),
        "reenable_re" => Op::ReenableRe(direction),
        "shutdown" => Op::Shutdown([HowTo::Read, HowTo::Write, HowTo::Both][a as usize - 1]),
        "close" => Op::Close,
        "inactivity_timeout" => Op::InactivityTimeout(a),
        "active_timeout" => Op::ActiveTimeout(a),
        "water_mark" => Op::WaterMark(a),
        _ => Op::Hold(Owner::ALL[b as usize], a),
    })
}

fn parse_call(mut line: Line<'_>) -> Parsed<BufferCall> {
    const WORDS: [&str; 15] = [
        "create", "destroy", "alloc", "clone", "free", "avail", "take", "blocks", "mark", SET_MARK,
        "room", "produce", "put", "copy", "copy_out",
    ];
    let word = line.word(&WORDS)?;
    let (least, most) = match word {
        "create" => (-1, DEFAULT_BUFFER_SIZES as i64 - 1),
        "take" | "produce" | "put" | "copy_out" => (0, MOST_WRITTEN),
        SET_MARK => (0, MOST_BYTES),
        "copy" => (0, i64::MAX),
        _ => (0, 0),
    };
    let n = line.number(least, most)?;
    let offset = line.number(0, if word == "copy" { MOST_WRITTEN } else { 0 })?;
    let has_reader =
        matches!(word, "clone" | "free" | "avail" | "take" | "blocks" | "copy" | "copy_out");
    let reader = line.reader(if word == "free" { 2 } else { u8::from(has_reader) })?;
    let has_buffer =
        matches!(word, "alloc" | "mark" | SET_MARK | "room" | "produce" | "put" | "copy");
    let of = Which::ALL[line.number(0, if has_buffer { 2 } else { 0 })? as usize];
    line.end()?;
    Ok(match word {
        "create" => BufferCall::Create((n >= 0).then(|| SizeIndex::from_raw(n))),
        "destroy" => BufferCall::Destroy,
        "alloc" => BufferCall::Alloc(of),
        "clone" => BufferCall::Clone(reader),
        "free" => BufferCall::Free(reader),
        "avail" => BufferCall::Avail(reader),
        "take" => BufferCall::Take(reader, n),
        "blocks" => BufferCall::Blocks(reader),
        "mark" => BufferCall::Mark(of),
        SET_MARK => BufferCall::SetMark(of, n),
        "room" => BufferCall::Room(of),
        "produce" => BufferCall::Produce(of, n),
        "put" => BufferCall::Put(of, n),
        "copy" => BufferCall::Copy(reader, of, n, offset),
        _ => BufferCall::CopyOut(reader, n),
    })
}

/// A line, taken word by word.
struct Line<'a> {
    text: &'a str,
    /// Where it begins in the text of the program.
    start: usize,
    at: usize,
}

impl<'a> Line<'a> {
    /// The next word and where it begins.
    fn next(&mut self) -> (&'a str, usize) {
        let start = self.start + self.at;
        let rest = &self.text[self.at..];
        let word = rest.split(' ').next().unwrap_or("");
        self.at = (self.at + word.len() + 1).min(self.text.len());
        (word, start)
    }

    fn word(&mut self, words: &[&'static str]) -> Parsed<&'static str> {
        let (found, at) = self.next();
        let known = words.iter().find(|&&word| word == found);
        let fault = || (at, ScenarioFault::expected(words.join(" or "), found));
        known.copied().ok_or_else(fault)
    }

    fn number(&mut self, least: i64, most: i64) -> Parsed<i64> {
        let (found, at) = self.next();
        let number = found.parse().ok().filter(|number| (least..=most).contains(number));
        let expected = || format!("a whole number from {least} to {most}");
        number.ok_or_else(|| (at, ScenarioFault::expected(expected(), found)))
    }

    fn index(&mut self) -> Parsed<usize> {
        // 32 bits fit into every usize that matters.
        Ok(self.number(0, u32::MAX.into())? as usize)
    }

    /// A reader with a number of `least` or more; 0 stands for none, if `least` is 0.
    fn reader(&mut self, least: u8) -> Parsed<ReaderName> {
        let (found, at) = self.next();
        let packed = found.parse::<u8>().ok();
        let name = packed.and_then(|packed| {
            let of = *Which::ALL.get(usize::from(packed / 8))?;
            Some(ReaderName { of, number: packed % 8 })
        });
        let most = if least == 0 { 0 } else { MOST_READERS };
        let fits = |name: &ReaderName| (least..=most).contains(&name.number);
        let is_none = least == 0 && packed != Some(0);
        let fault = || {
            let expected = match least {
                0 => "0: no reader".to_owned(),
                _ => format!("a reader with a number from {least} to {most}"),
            };
            (at, ScenarioFault::expected(expected, found))
        };
        name.filter(fits).filter(|_| !is_none).ok_or_else(fault)
    }

    fn side(&mut self) -> Parsed<Side> {
        Ok(if self.number(0, 1)? == 0 { Side::Active } else { Side::Passive })
    }

    fn end(&mut self) -> Parsed<()> {
        if self.at == self.text.len() {
            return Ok(());
        }
        let (found, at) = self.next();
        Err((at, ScenarioFault::expected("the end of the line", found)))
    }
}
