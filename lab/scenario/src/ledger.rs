//! [`Ledger`]: what is in every buffer, and how each end stands, after each record.
//!
//! It follows from the records alone: a `write` puts bytes into a user's write buffer,
//! `write_added` moves them into the core buffer, `read_added` out of it, `moved` does
//! both at once, a `consume` takes them off the read buffer. So the buffers need not be
//! looked at under their mutexes while the run goes on. At each callback the result is
//! what the called end has counted ([`Called`](super::Called)); a test checks this for
//! the gallery and for random scenarios.

use eventsys::steps::Step;
use iocore::VioOp;
use iocore::net::steps as net;
use pluginvc::steps as pvc;
use pluginvc::steps::Side;

use super::call::{BufferCall, ReaderName, Which};
use super::model::PairDef;
use super::op::{How, HowTo, Op, OpCont};
use super::record::{Effect, Performed, Record, What};

/// The state of the pair after the records so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ledger {
    ends: [EndState; 2],
    /// Bytes in the core buffers, by the end that writes them; none in epoch D. Over TCP, bytes in
    /// the sockets.
    core: [i64; 2],
    over_tcp: bool,
    /// What the users do is recorded, and not only the steps.
    has_users: bool,
}

/// An end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct EndState {
    /// The user's own buffers.
    pub own: Level,
    /// Those of its deputy.
    pub deputy: Level,
    /// It is closed.
    pub is_closed: bool,
    /// Its user has asked for the close.
    pub is_closed_by_user: bool,
    /// Its read side has been shut.
    pub is_read_shut: bool,
    /// Its write side has been shut.
    pub is_write_shut: bool,
    /// Which buffers each operation has, once it has been issued.
    read: Option<Target>,
    write: Option<Target>,
    /// How far the read and the write of a connection over TCP are.
    vios: [Progress; 2],
}

/// How far an operation is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// The bytes that are asked for.
    pub nbytes: i64,
    /// Those that have been done.
    pub ndone: i64,
}

/// The bytes in a pair of buffers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Level {
    /// In the read buffer.
    pub read: i64,
    /// In the write buffer.
    pub write: i64,
    /// The water mark of the read buffer.
    pub mark: i64,
}

/// Whose buffers an operation has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Target {
    Own,
    Deputy,
    /// None, or empty ones that belong to no user.
    Other,
}

impl Ledger {
    /// The state before a run of a scenario with this pair.
    #[must_use]
    pub fn new(pair: &PairDef) -> Ledger {
        let empty = Level { mark: pair.read_water_mark, ..Level::default() };
        let end = EndState { own: empty, deputy: empty, ..EndState::default() };
        Ledger { ends: [end; 2], core: [0; 2], over_tcp: false, has_users: false }
    }

    /// The end of `side`.
    #[must_use]
    pub fn end(&self, side: Side) -> &EndState {
        &self.ends[side.index()]
    }

    /// The bytes in the core buffer that the end of `writer` writes into.
    #[must_use]
    pub fn core(&self, writer: Side) -> i64 {
        self.core[writer.index()]
    }

    /// The buffers of the user of `side`, or of its deputy.
    #[must_use]
    pub fn level(&self, side: Side, by_deputy: bool) -> &Level {
        let end = self.end(side);
        if by_deputy { &end.deputy } else { &end.own }
    }

    /// The bytes in the buffer that the write of `side` has; none if it has no buffer of
    /// a user's.
    #[must_use]
    pub fn to_write(&self, side: Side) -> Option<i64> {
        let end = self.end(side);
        Some(end.level(end.write?)?.write)
    }

    /// The bytes in the buffer that the read of `side` has, and its water mark.
    #[must_use]
    pub fn to_read(&self, side: Side) -> Option<(i64, i64)> {
        let end = self.end(side);
        let level = end.level(end.read?)?;
        Some((level.read, level.mark))
    }

    /// How far the read or the write of `side` is; only over TCP.
    #[must_use]
    pub fn progress(&self, side: Side, op: VioOp) -> Progress {
        self.end(side).vios[usize::from(op == VioOp::Write)]
    }

    /// True if the ends have a connection over TCP.
    #[must_use]
    pub fn is_over_tcp(&self) -> bool {
        self.over_tcp
    }

    /// True if the end of `side` is closed because the run is over, and not by its user. False if
    /// only steps are known, as of a recorded case.
    #[must_use]
    pub fn is_closed_at_the_end(&self, side: Side) -> bool {
        let EndState { is_closed, is_closed_by_user, .. } = *self.end(side);
        self.has_users && is_closed && !is_closed_by_user
    }

    /// True if the user of `side` has issued a read.
    #[must_use]
    pub fn has_read(&self, side: Side) -> bool {
        self.end(side).read.is_some()
    }

    /// Takes `record` into account.
    pub fn apply(&mut self, record: &Record) {
        self.has_users |= matches!(record.what, What::Op(_) | What::Reaction { .. });
        match &record.what {
            What::Step(step) if step.kind == pvc::DESTROY => self.core = [0; 2],
            What::Step(step) => {
                if let Some(side) = Side::of(step) {
                    self.step(side, step);
                }
            }
            What::Op(performed) if !performed.effect.is_left_out() => self.op(performed),
            _ => {}
        }
    }

    fn step(&mut self, side: Side, step: &Step) {
        let (me, peer) = (side.index(), side.other().index());
        let bytes = step.value.unwrap_or_default();
        match step.kind {
            pvc::WRITE_ADDED => {
                self.ends[me].change(VioOp::Write, -bytes);
                self.core[me] += bytes;
            }
            pvc::READ_ADDED => {
                self.core[peer] -= bytes;
                self.ends[me].change(VioOp::Read, bytes);
            }
            pvc::MOVED => {
                self.ends[me].change(VioOp::Write, -bytes);
                self.ends[peer].change(VioOp::Read, bytes);
            }
            pvc::DO_IO_CLOSE => self.ends[me].is_closed = true,
            _ => self.net_step(me, peer, step),
        }
    }

    /// A step of a connection over TCP; what its socket has taken and the peer's has not given yet
    /// counts as between the ends.
    fn net_step(&mut self, me: usize, peer: usize, step: &Step) {
        let bytes = step.value.unwrap_or_default();
        match step.kind {
            net::NET_CONNECT | net::NET_ACCEPT => self.over_tcp = true,
            net::NET_DO_IO_READ => self.ends[me].vios[0] = Progress { nbytes: bytes, ndone: 0 },
            net::NET_DO_IO_WRITE => self.ends[me].vios[1] = Progress { nbytes: bytes, ndone: 0 },
            net::NET_WRITE => {
                self.ends[me].change(VioOp::Write, -bytes);
                self.ends[me].vios[1].ndone += bytes;
                self.core[me] += bytes;
            }
            net::NET_READ => {
                self.core[peer] -= bytes;
                self.ends[me].vios[0].ndone += bytes;
                self.ends[me].change(VioOp::Read, bytes);
            }
            net::NET_DO_IO_CLOSE => self.ends[me].is_closed = true,
            // What has come and was not read is dropped.
            net::NET_FREE => self.core[peer] = 0,
            _ => {}
        }
    }

    fn op(&mut self, performed: &Performed) {
        let end = &mut self.ends[performed.side.index()];
        let level = if performed.by_deputy { &mut end.deputy } else { &mut end.own };
        match (performed.op, performed.effect) {
            (Op::Write(bytes), _) => level.write += bytes,
            (Op::Consume(_), Effect::Took(bytes)) => level.read -= bytes,
            (Op::WaterMark(mark), _) => level.mark = mark,
            (Op::Buffer(call), effect) => level.called(call, effect),
            (Op::DoIoRead(_, how), _) => end.read = Some(target(how)),
            (Op::DoIoWrite(_, how), _) => end.write = Some(target(how)),
            (Op::Close, _) => end.is_closed_by_user = true,
            (Op::Shutdown(how_to), _) => {
                end.is_read_shut |= how_to != HowTo::Write;
                end.is_write_shut |= how_to != HowTo::Read;
            }
            _ => {}
        }
    }
}

impl Level {
    /// What a call of the plugin interface does to the buffers, as their first readers see it.
    fn called(&mut self, call: BufferCall, effect: Effect) {
        let bytes = put_by(call, effect);
        match call.target() {
            Some(Which::Read) => self.read += bytes,
            Some(Which::Write) => self.write += bytes,
            Some(Which::Extra) | None => {}
        }
        match call {
            BufferCall::Take(ReaderName { of: Which::Read, number: 1 }, bytes) => {
                self.read -= bytes
            }
            BufferCall::Take(ReaderName { of: Which::Write, number: 1 }, bytes) => {
                self.write -= bytes;
            }
            BufferCall::SetMark(Which::Read, mark) => self.mark = mark,
            _ => {}
        }
    }
}

/// How many bytes a call puts into its buffer.
pub(super) fn put_by(call: BufferCall, effect: Effect) -> i64 {
    match (call, effect) {
        (BufferCall::Produce(_, bytes) | BufferCall::Put(_, bytes), _)
        | (_, Effect::Copied(bytes)) => bytes,
        _ => 0,
    }
}

impl EndState {
    fn level(&self, target: Target) -> Option<&Level> {
        match target {
            Target::Own => Some(&self.own),
            Target::Deputy => Some(&self.deputy),
            Target::Other => None,
        }
    }

    /// Bytes go into the buffer of an operation, or out of it.
    fn change(&mut self, op: VioOp, bytes: i64) {
        let target = if op == VioOp::Write { self.write } else { self.read };
        let level = match target {
            Some(Target::Own) => &mut self.own,
            Some(Target::Deputy) => &mut self.deputy,
            Some(Target::Other) | None => return,
        };
        *(if op == VioOp::Write { &mut level.write } else { &mut level.read }) += bytes;
    }
}

fn target(how: How) -> Target {
    match (how.no_buffer, how.cont) {
        (true, _) | (_, OpCont::Absent) => Target::Other,
        (_, OpCont::OfEnd) => Target::Own,
        (_, OpCont::Deputy) => Target::Deputy,
    }
}
