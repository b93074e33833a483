//! [`Program`]: a compiled scenario, and its text.
//!
//! The text is for other readers of the same list, such as a probe inside the
//! real server: a word, then whole numbers, separated by single spaces.
//!
//! | line | numbers |
//! |---|---|
//! | `program 3` | the version of the format; the first line |
//! | `pair RE SHARED INDEX MARK NS FOREIGN THREADS WITHOUT` | 1 for `connect_re`; 1 for one mutex for both ends; the ends' buffer size index; the water mark of their read buffers; how long the acceptor's mutex is held; 1 for a foreign thread that connects; how many event threads there are; 1 for an active end without a mutex plus 2 for such a passive one; the second line |
//! | `limits PATIENCE LONGEST CALLS` | after which silence and after which time a run ends, in nanoseconds, and after how many callbacks; the third line |
//! | `reaction SIDE EVENT NTH FIRST END` | 0 active, 1 passive; the event's number, 0 for `on_connect`, 1 for `on_race`; which time, 0 for each other; the operations `FIRST` to `END`, without `END` |
//! | `timer SIDE NS FIRST END` | as above, so many nanoseconds after `on_connect` |
//! | `op NAME A B` | the operation's word and two numbers, 0 where it has none; counted from 0; after all reactions |
//! | `call NAME N OFFSET READER BUFFER` | an operation that calls the plugin interface's buffers, counted with the others: its word, bytes, an offset, a reader, a buffer; 0 where it has none |
//!
//! In `op`: bytes and nanoseconds are `A`, `max` and `all` are
//! 9223372036854775807; `do_io_*` have in `B` 1 for `no_buffer` plus 2 for
//! `no_cont` or 4 for `by_deputy`; `reenable` and `reenable_re` have 1 for read,
//! 2 for write, `shutdown` the same and 3 for both; `hold` has the side in `B`,
//! or 2 for the core.
//!
//! In `call`: a buffer is 0 for `read`, 1 for `write`, 2 for `extra`; a reader is eight times its buffer
//! plus its number. `create` has the size index in N, or -1; `mark` with a number is `set_mark`.

mod parse;

use pluginvc::steps::Side;
use std::collections::HashMap;
use std::fmt;

use iocore::VioOp;
use iocore::buffer::SizeIndex;

use super::call::BufferCall;
use super::model::{Limits, PairDef, Trigger};
use super::op::{How, HowTo, Op, OpCont};

pub use self::parse::ProgramError;

/// A compiled scenario.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Program {
    /// How the pair is made.
    pub pair: PairDef,
    /// When to stop a run that does not end by itself.
    pub limits: Limits,
    /// When which operations are carried out.
    pub reactions: Vec<Range>,
    /// All operations.
    pub ops: Vec<Op>,
}

impl Program {
    /// Where each reaction stands in the list. If two are for the same event, the first counts.
    pub(super) fn index(&self) -> HashMap<(Side, Trigger), usize> {
        let mut index = HashMap::new();
        for (at, range) in self.reactions.iter().enumerate() {
            index.entry((range.side, range.trigger)).or_insert(at);
        }
        index
    }
}

/// A reaction: when, and which operations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// The end that reacts.
    pub side: Side,
    /// When.
    pub trigger: Trigger,
    /// The index of the first operation.
    pub first: usize,
    /// The index after the last one.
    pub end: usize,
}

const VERSION: i64 = 3;

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pair = &self.pair;
        let [re, shared, foreign] =
            [pair.connect_re, pair.shared_mutex, pair.foreign].map(u8::from);
        let (index, mark, held) =
            (pair.buffer_index.raw(), pair.read_water_mark, pair.accept_after);
        let Limits { patience, longest, calls } = self.limits;
        writeln!(f, "program {VERSION}")?;
        let threads = pair.threads;
        let without = u8::from(pair.no_mutex[0]) + 2 * u8::from(pair.no_mutex[1]);
        writeln!(f, "pair {re} {shared} {index} {mark} {held} {foreign} {threads} {without}")?;
        writeln!(f, "limits {patience} {longest} {calls}")?;
        self.reactions.iter().try_for_each(|range| writeln!(f, "{range}"))?;
        self.ops.iter().try_for_each(|op| match *op {
            Op::Buffer(call) => writeln!(f, "{}", CallLine(call)),
            op => {
                let (name, a, b) = words(op);
                writeln!(f, "op {name} {a} {b}")
            }
        })
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Range { side, trigger, first, end } = *self;
        let side = side_number(side);
        match trigger {
            Trigger::Connect => write!(f, "reaction {side} 0 0 {first} {end}"),
            Trigger::Race => write!(f, "reaction {side} 1 0 {first} {end}"),
            Trigger::Event(event, nth) => {
                write!(f, "reaction {side} {} {nth} {first} {end}", event.0)
            }
            Trigger::After(span) => write!(f, "timer {side} {span} {first} {end}"),
        }
    }
}

fn side_number(side: Side) -> i64 {
    i64::from(side != Side::Active)
}

/// The word and the two numbers of an operation.
fn words(op: Op) -> (&'static str, i64, i64) {
    match op {
        Op::DoIoRead(n, how) => ("do_io_read", n, how_number(how)),
        Op::DoIoWrite(n, how) => ("do_io_write", n, how_number(how)),
        Op::Write(n) => ("write", n, 0),
        Op::Consume(n) => ("consume", n, 0),
        Op::Reenable(op) => ("reenable", direction_number(op), 0),
        Op::ReenableRe(op) => ("reenable_re", direction_number(op), 0),
        Op::Shutdown(HowTo::Read) => ("shutdown", 1, 0),
        Op::Shutdown(HowTo::Write) => ("shutdown", 2, 0),
        Op::Shutdown(HowTo::Both) => ("shutdown", 3, 0),
        Op::Close => ("close", 0, 0),
        Op::InactivityTimeout(t) => ("inactivity_timeout", t, 0),
        Op::ActiveTimeout(t) => ("active_timeout", t, 0),
        Op::WaterMark(n) => ("water_mark", n, 0),
        Op::Hold(whose, t) => ("hold", t, whose.index() as i64),
        // It has a line of another form.
        Op::Buffer(call) => (call.name(), 0, 0),
    }
}

/// The line of a call.
struct CallLine(BufferCall);

impl fmt::Display for CallLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call = self.0;
        let (n, offset, buffer) = match call {
            BufferCall::Create(index) => (index.map_or(-1, SizeIndex::raw), 0, 0),
            BufferCall::Alloc(of) | BufferCall::Mark(of) | BufferCall::Room(of) => {
                (0, 0, of.index())
            }
            BufferCall::SetMark(of, n) | BufferCall::Produce(of, n) | BufferCall::Put(of, n) => {
                (n, 0, of.index())
            }
            BufferCall::Copy(_, of, n, offset) => (n, offset, of.index()),
            BufferCall::Take(_, n) | BufferCall::CopyOut(_, n) => (n, 0, 0),
            BufferCall::Destroy
            | BufferCall::Clone(_)
            | BufferCall::Free(_)
            | BufferCall::Avail(_)
            | BufferCall::Blocks(_) => (0, 0, 0),
        };
        let reader =
            call.reader().map_or(0, |reader| 8 * reader.of.index() + usize::from(reader.number));
        let name = if let BufferCall::SetMark(..) = call { SET_MARK } else { call.name() };
        write!(f, "call {name} {n} {offset} {reader} {buffer}")
    }
}

/// The word of a `mark` with a number.
const SET_MARK: &str = "set_mark";

fn how_number(how: How) -> i64 {
    let cont = match how.cont {
        OpCont::OfEnd => 0,
        OpCont::Absent => 2,
        OpCont::Deputy => 4,
    };
    i64::from(how.no_buffer) + cont
}

fn direction_number(op: VioOp) -> i64 {
    if op == VioOp::Write { 2 } else { 1 }
}
