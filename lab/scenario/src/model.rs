//! [`Scenario`]: what a file says, and its compilation.

use eventsys::{EventCode, HrTime, hrtime};
use iocore::buffer::{BUFFER_SIZE_INDEX_32K, SizeIndex};
use pluginvc::steps::Side;

use super::act::Act;
use super::expect::Expect;
use super::op::Op;
use super::program::{Program, Range};
use super::race::Race;

/// What the two ends of a pair do, and what is around them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scenario {
    /// A short title.
    pub title: String,
    /// What it shows.
    pub teaches: String,
    /// How the pair is made.
    pub pair: PairDef,
    /// After so many callbacks a run is stopped.
    pub most_calls: u32,
    /// What the end that connects does, in the order of the file.
    pub active: Vec<Reaction>,
    /// What the end that accepts does, in the order of the file.
    pub passive: Vec<Reaction>,
    /// What is only explored; a scenario with it is not run.
    pub race: Option<Race>,
    /// What its runs are expected to do.
    pub expect: Expect,
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
    /// A foreign thread has the acceptor's mutex when the connection is made, and
    /// keeps it for so many nanoseconds; 0 for none.
    pub accept_after: HrTime,
    /// The connection is made by a foreign thread.
    pub foreign: bool,
    /// How many event threads there are, one or two. They take turns, a pass
    /// each; the passive end's timers are the second one's.
    pub threads: u8,
    /// The active end's continuation has no mutex, and the passive one's.
    pub no_mutex: [bool; 2],
}

/// When to stop a run that does not end by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// After so many nanoseconds in which no end was called back or did
    /// anything.
    pub patience: HrTime,
    /// After so many nanoseconds in any case.
    pub longest: HrTime,
    /// After so many callbacks.
    pub calls: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { patience: SLACK, longest: hrtime::seconds(120), calls: Scenario::MOST_CALLS }
    }
}

/// Longer than any retry or echo of what was done last.
const SLACK: HrTime = hrtime::mseconds(100);
/// Longer than a timeout can come late: it is looked at once a second.
const LATE: HrTime = hrtime::seconds(3);

impl Default for PairDef {
    fn default() -> PairDef {
        PairDef {
            connect_re: false,
            shared_mutex: false,
            buffer_index: BUFFER_SIZE_INDEX_32K,
            read_water_mark: 0,
            accept_after: 0,
            foreign: false,
            threads: 1,
            no_mutex: [false; 2],
        }
    }
}

/// Operations, and when they are carried out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reaction {
    /// When.
    pub trigger: Trigger,
    /// The operations, one after the other.
    pub ops: Vec<Op>,
}

/// What an end reacts to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Trigger {
    /// It has got its connection.
    Connect,
    /// The threads of the scenario are about to begin; only when it is explored.
    Race,
    /// It is called back with this event for the `nth` time, counted from 1;
    /// with 0 each time that has no reaction of its own.
    Event(EventCode, u32),
    /// So many nanoseconds after it has got its connection.
    After(HrTime),
}

impl Scenario {
    /// After so many callbacks a run is stopped, unless the scenario says another
    /// number: a reaction with `reenable` can go on for ever.
    pub const MOST_CALLS: u32 = 100_000;

    /// The flat list of operations: first the active end's, then the passive
    /// end's, in the order of the file.
    #[must_use]
    pub fn compile(&self) -> Program {
        let (patience, calls) = (self.patience(), self.most_calls);
        let limits = Limits { patience, calls, ..Limits::default() };
        let (reactions, ops) = (Vec::new(), Vec::new());
        let mut program = Program { pair: self.pair, limits, reactions, ops };
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

    /// Longer than the longest silence after which something can still happen.
    fn patience(&self) -> HrTime {
        let reactions = || self.active.iter().chain(&self.passive);
        let timers = reactions().filter_map(|reaction| match reaction.trigger {
            Trigger::After(span) => Some(span),
            _ => None,
        });
        let spans = reactions().flat_map(|reaction| &reaction.ops).filter_map(|op| match *op {
            Op::InactivityTimeout(span) | Op::ActiveTimeout(span) => Some(span + LATE),
            Op::Hold(_, span) => Some(span),
            _ => None,
        });
        let acts = self.race.iter().flat_map(Race::acts).filter_map(|act| match act {
            Act::InactivityTimeout(_, span) | Act::ActiveTimeout(_, span) => Some(span + LATE),
            Act::Wait(span) => Some(span),
            _ => None,
        });
        let longest = timers.chain(spans).chain(acts).chain([self.pair.accept_after]).max();
        longest.unwrap_or(0) + SLACK
    }
}
