//! [`Story`]: a recorded run as lines to be read.
//!
//! What a user does stands beside what PluginVC does, in order; what is in the buffers
//! stands where it changes and at each callback; each line says under which mutexes it
//! happens, and which of them a foreign thread has.

use crate::driver;
use iocore::VioOp;
use iocore::net::steps as net;
use pluginvc::steps as pvc;
use pluginvc::steps::Side;
use std::collections::BTreeSet;

use eventsys::HrTime;
use eventsys::steps::Step;

use super::amount::Bytes;
use super::call::Which;
use super::explain::{explain, explain_hold, explain_op, explain_trigger};
use super::ledger::{Ledger, Progress};
use super::model::{PairDef, Trigger};
use super::op::{Op, Owner};
use super::record::{Called, HoldChange, Performed, Record, Recorded, Thread, What};
use super::run::LockKeys;
use super::write::trigger_key;
use pluginvc::Epoch;

/// A line of a story.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// When, in nanoseconds since the run began.
    pub at: HrTime,
    /// On which thread; `None` if the run has only one.
    pub thread: Option<String>,
    /// Whose doing it is.
    pub mark: Mark,
    /// The step as in a recording, or the operation as in the scenario.
    pub text: String,
    /// What it means, without a full stop.
    pub sentence: String,
    /// What is in the buffers that it concerns; may be empty.
    pub levels: String,
    /// The mutexes that are held.
    pub locks: String,
}

/// Whose doing a line is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mark {
    /// PluginVC takes a step, or calls a user back.
    Step,
    /// A user does something.
    User,
    /// A foreign thread takes or gives back a mutex.
    Foreign,
}

/// Tells a recorded run.
#[derive(Clone, Debug)]
pub struct Story<'a> {
    records: &'a [Record],
    locks: LockKeys,
    epoch: Epoch,
    has_threads: bool,
    ledger: Ledger,
    /// The mutexes that a foreign thread has.
    foreign: BTreeSet<Owner>,
}

impl<'a> Story<'a> {
    /// The story of a run on the port of `epoch`, of a scenario with this pair.
    #[must_use]
    pub fn new(recorded: &'a Recorded, pair: &PairDef, epoch: Epoch) -> Story<'a> {
        let threads: BTreeSet<Thread> = recorded.records.iter().map(|r| r.thread).collect();
        Story {
            records: &recorded.records,
            locks: recorded.report.locks,
            epoch,
            has_threads: threads.len() > 1,
            ledger: Ledger::new(pair),
            foreign: BTreeSet::new(),
        }
    }

    /// Its lines. A record that is part of another line has no line of its own.
    #[must_use]
    pub fn lines(mut self) -> Vec<Line> {
        let records = self.records;
        (0..records.len()).filter_map(|at| self.line(&records[at], &records[at + 1..])).collect()
    }

    fn line(&mut self, record: &Record, next: &[Record]) -> Option<Line> {
        self.ledger.apply(record);
        let (mark, text, sentence, levels) = match &record.what {
            What::Step(step) => {
                let sentence = explain(step, self.epoch, &self.ledger) + &reaction(next);
                (Mark::Step, step.to_string(), sentence, self.levels(step, next))
            }
            // The line before tells these.
            What::Seen(_) | What::Reaction { trigger: Trigger::Event(..), .. } => return None,
            What::Reaction { side, trigger, is_there } => {
                let none = if *is_there { "" } else { "; there is no reaction to it" };
                let text = format!("{} {}", side.letter(), trigger_key(*trigger));
                (Mark::User, text, explain_trigger(*trigger).to_owned() + none, String::new())
            }
            What::Op(performed) => {
                let text = format!("{} > {}", performed.side.letter(), performed.op);
                (Mark::User, text, explain_op(performed), self.levels_after(performed))
            }
            What::Hold { whose, change } => {
                let text = self.note_hold(*whose, *change);
                (Mark::Foreign, text, explain_hold(*whose, *change), String::new())
            }
        };
        let (at, locks) = (record.at, self.locks_of(record));
        let thread = self.has_threads.then(|| record.thread.to_string());
        Some(Line { at, thread, mark, text, sentence, levels, locks })
    }

    /// What is in the buffers that `step` has changed, or that the called user has.
    fn levels(&self, step: &Step, next: &[Record]) -> String {
        let Some(me) = Side::of(step) else { return String::new() };
        let peer = me.other();
        let to_write = |side: Side| {
            let left = self.ledger.to_write(side);
            left.map(|n| format!("{}'s write buffer {n}", side.letter()))
        };
        let to_read = |side: Side| {
            let there = self.ledger.to_read(side);
            there.map(|(n, mark)| {
                format!("{}'s read buffer {n}, water mark {}", side.letter(), Bytes(mark))
            })
        };
        let core = |writer: Side, reader: Side| {
            let n = self.ledger.core(writer);
            Some(format!("core buffer {} to {} {n}", writer.letter(), reader.letter()))
        };
        let sockets = |writer: Side, reader: Side| {
            let n = self.ledger.core(writer);
            Some(format!("in the sockets {} to {} {n}", writer.letter(), reader.letter()))
        };
        let parts = match step.kind {
            pvc::WRITE_ADDED => [to_write(me), core(me, peer)],
            pvc::READ_ADDED => [core(peer, me), to_read(me)],
            pvc::MOVED => [to_write(me), to_read(peer)],
            pvc::WRITE_NO_SPACE => [to_write(me), core(me, peer)],
            pvc::READ_NO_SPACE => [core(peer, me), to_read(me)],
            pvc::PEER_NO_SPACE => [to_write(me), to_read(peer)],
            net::NET_WRITE => {
                return joined([to_write(me), sockets(me, peer), self.progress(me, VioOp::Write)]);
            }
            net::NET_READ => {
                return joined([sockets(peer, me), to_read(me), self.progress(me, VioOp::Read)]);
            }
            driver::SM_READ | driver::SM_WRITE => match next.first().map(|next| &next.what) {
                Some(What::Seen(called)) => return self.seen(called),
                _ => return String::new(),
            },
            _ => return String::new(),
        };
        joined(parts)
    }

    /// How far an operation over TCP is.
    fn progress(&self, side: Side, op: VioOp) -> Option<String> {
        let Progress { nbytes, ndone } = self.ledger.progress(side, op);
        let of = if nbytes == i64::MAX { "max".to_owned() } else { nbytes.to_string() };
        let name = if op == VioOp::Write { "write" } else { "read" };
        Some(format!("{}'s {name} VIO {ndone} of {of}", side.letter()))
    }

    /// What the called user has in its buffers.
    fn seen(&self, called: &Called) -> String {
        let seen = &called.seen;
        let mark = self.ledger.level(called.side, called.by_deputy).mark;
        let whose = if called.by_deputy { "the deputy's" } else { "its" };
        format!(
            "in {whose} buffers: read {} in {}, water mark {}; write {} in {}",
            seen.read,
            blocks(seen.read_blocks),
            Bytes(mark),
            seen.write,
            blocks(seen.write_blocks)
        )
    }

    fn levels_after(&self, performed: &Performed) -> String {
        let level = self.ledger.level(performed.side, performed.by_deputy);
        let (me, deputy) =
            (performed.side.letter(), if performed.by_deputy { "deputy's " } else { "" });
        match performed.op {
            _ if performed.effect.is_left_out() => String::new(),
            Op::Write(_) => format!("{me}'s {deputy}write buffer {}", level.write),
            Op::Consume(_) => format!("{me}'s {deputy}read buffer {}", level.read),
            Op::Buffer(call) => match call.changes() {
                Some(Which::Read) => format!("{me}'s {deputy}read buffer {}", level.read),
                Some(Which::Write) => format!("{me}'s {deputy}write buffer {}", level.write),
                Some(Which::Extra) | None => String::new(),
            },
            _ => String::new(),
        }
    }

    /// The text of what a foreign thread does.
    fn note_hold(&mut self, whose: Owner, change: HoldChange) -> String {
        let lock = self.locks.of(whose);
        match change {
            HoldChange::Takes => {
                self.foreign.insert(whose);
                format!("F takes {lock}")
            }
            HoldChange::KeepsOn => format!("F keeps {lock}"),
            HoldChange::GivesBack | HoldChange::GivesWay => {
                self.foreign.retain(|&held| self.locks.of(held) != lock);
                format!("F returns {lock}")
            }
        }
    }

    /// The mutexes by name, outermost first, each once; then those of a foreign thread.
    fn locks_of(&self, record: &Record) -> String {
        let mut names: Vec<&str> = Vec::new();
        for name in record.held.iter().map(|key| self.locks.name(key)) {
            // The holder's own mutex is no part of the pair.
            if !names.contains(&name) && name != LockKeys::ANOTHER {
                names.push(name);
            }
        }
        let mine = if names.is_empty() { "no lock".to_owned() } else { names.join(", ") };
        let theirs: Vec<_> = self.foreign.iter().map(|&whose| self.locks.of(whose)).collect();
        match theirs.is_empty() {
            true => mine,
            false => format!("{mine}; a foreign thread has {}", theirs.join(", ")),
        }
    }
}

impl std::fmt::Display for Thread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Thread::Event(number) => write!(f, "ET_NET {number}"),
            Thread::Foreign => f.write_str("foreign"),
        }
    }
}

/// What the line of a callback says about its reaction.
fn reaction(next: &[Record]) -> String {
    let [seen, reaction, ..] = next else { return String::new() };
    match (&seen.what, &reaction.what) {
        (What::Seen(_), What::Reaction { is_there: false, .. }) => {
            "; there is no reaction to it".to_owned()
        }
        (What::Seen(_), What::Reaction { trigger: trigger @ Trigger::Event(_, 1..), .. }) => {
            format!("; its reaction is {}", trigger_key(*trigger))
        }
        _ => String::new(),
    }
}

fn joined<const N: usize>(parts: [Option<String>; N]) -> String {
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn blocks(n: i64) -> String {
    if n == 1 { "1 block".to_owned() } else { format!("{n} blocks") }
}
