//! [`Scenario`]: what a file says, and its compilation.

use eventsys::steps::Side;
use eventsys::{EventCode, HrTime};
use iocore::buffer::{BUFFER_SIZE_INDEX_32K, SizeIndex};

use super::op::Op;
use super::program::{Program, Range};

/// What the two ends of a pair do, and what is around them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scenario {
    /// A line.
    pub title: String,
    /// What it is there to show.
    pub teaches: String,
    /// How the pair is made.
    pub pair: PairDef,
    /// What the end of who connects does, in the order of the file.
    pub active: Vec<Reaction>,
    /// What the end of who accepts does, in the order of the file.
    pub passive: Vec<Reaction>,
}

/// How the pair and its surroundings are made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PairDef {
    /// `connect_re` instead of `connect`.
    pub connect_re: bool,
    /// Both ends are under one mutex.
    pub shared_mutex: bool,
    /// The block size of the ends' own buffers.
    pub buffer_index: SizeIndex,
    /// The water mark that the ends' read buffers begin with, in bytes.
    pub read_water_mark: i64,
}

impl Default for PairDef {
    fn default() -> PairDef {
        PairDef {
            connect_re: false,
            shared_mutex: false,
            buffer_index: BUFFER_SIZE_INDEX_32K,
            read_water_mark: 0,
        }
    }
}

/// Operations, and when they are carried out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reaction {
    /// When.
    pub trigger: Trigger,
    /// What, one after the other.
    pub ops: Vec<Op>,
}

/// What an end reacts to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trigger {
    /// It has got its connection.
    Connect,
    /// It is called back with this event for the `nth` time, counted from 1;
    /// with 0 each time that has no reaction of its own.
    Event(EventCode, u32),
    /// So many nanoseconds after it has got its connection.
    After(HrTime),
}

impl Scenario {
    /// The flat list of operations: first the active end's, then the passive
    /// end's, in the order of the file.
    #[must_use]
    pub fn compile(&self) -> Program {
        let mut program = Program { pair: self.pair, reactions: Vec::new(), ops: Vec::new() };
        let ends = [(Side::Active, &self.active), (Side::Passive, &self.passive)];
        for (side, reactions) in ends {
            for Reaction { trigger, ops } in reactions {
                let first = program.ops.len();
                program.ops.extend(ops);
                let end = program.ops.len();
                program.reactions.push(Range { side, trigger: *trigger, first, end });
            }
        }
        program
    }
}
