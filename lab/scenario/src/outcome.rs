//! [`Outcome`]: what became of the bytes, the users and the pair in a run.
//!
//! It follows from the records alone. Each byte that a user has written is in exactly
//! one place at the end; a test checks this for the gallery and for random scenarios.

use std::fmt;

use eventsys::EventCode;
use iocore::net::steps as net;
use pluginvc::steps as pvc;
use pluginvc::steps::Side;

use super::call::{BufferCall, ReaderName, Which};
use super::ledger::{EndState, Ledger, put_by};
use super::model::{PairDef, Trigger};
use super::op::Op;
use super::read::event_name;
use super::record::{Effect, Recorded, What};
use super::run::Finish;

/// What became of everything in a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// The active end and the passive end.
    pub ends: [EndOutcome; 2],
    /// PluginVC has freed the pair.
    pub is_freed: bool,
    /// Why the run ended.
    pub finish: Finish,
    /// The ends had a connection over TCP, and no pair.
    pub is_over_tcp: bool,
}

/// What became of an end, and of the bytes that its user wrote.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EndOutcome {
    /// The events with which its user, or the user's deputy, was called back, in order.
    pub callbacks: Vec<EventCode>,
    /// The bytes that its user has written, in all.
    pub written: i64,
    /// Those of them that are still in its write buffers.
    pub unsent: i64,
    /// Those of them that are still in the core buffer.
    pub in_core: i64,
    /// Those of them that were in the core buffer when the pair was freed.
    pub lost: i64,
    /// The bytes of the *peer* that have come into this end's read buffers.
    pub received: i64,
    /// Those of them that its user has consumed; with what the user has put there itself.
    pub consumed: i64,
    /// The bytes that its user has put into its own read buffer.
    pub put_in: i64,
    /// The bytes that its user has taken off its own write buffer.
    pub taken_back: i64,
}

impl Outcome {
    /// The outcome of a recorded run of a scenario with this pair.
    #[must_use]
    pub fn new(recorded: &Recorded, pair: &PairDef) -> Outcome {
        let mut ends = [EndOutcome::default(), EndOutcome::default()];
        let mut ledger = Ledger::new(pair);
        let (mut is_freed, mut freed) = (false, 0);
        for record in &recorded.records {
            match &record.what {
                What::Step(step) if step.kind == pvc::DESTROY => {
                    is_freed = true;
                    for (end, side) in ends.iter_mut().zip(Side::BOTH) {
                        end.lost = ledger.core(side);
                    }
                }
                What::Step(step) if step.kind == net::NET_FREE => {
                    // What its socket has got and its user has not read is lost.
                    if let Some(side) = Side::of(step) {
                        ends[side.other().index()].lost = ledger.core(side.other());
                    }
                    freed += 1;
                    is_freed = freed == 2;
                }
                What::Reaction { side, trigger: Trigger::Event(event, _), .. } => {
                    ends[side.index()].callbacks.push(*event);
                }
                What::Op(performed) if !performed.effect.is_left_out() => {
                    let end = &mut ends[performed.side.index()];
                    match (performed.op, performed.effect) {
                        (Op::Write(bytes), _) => end.written += bytes,
                        (Op::Consume(_), Effect::Took(bytes)) => end.consumed += bytes,
                        (Op::Buffer(call), effect) => end.called(call, effect),
                        _ => {}
                    }
                }
                _ => {}
            }
            ledger.apply(record);
        }
        for (end, side) in ends.iter_mut().zip(Side::BOTH) {
            let EndState { own, deputy, .. } = ledger.end(side);
            end.unsent = own.write + deputy.write;
            end.in_core = ledger.core(side);
            end.received = end.consumed + own.read + deputy.read - end.put_in;
        }
        let (finish, is_over_tcp) = (recorded.report.finish.clone(), ledger.is_over_tcp());
        Outcome { ends, is_freed, finish, is_over_tcp }
    }

    /// The end of `side`.
    #[must_use]
    pub fn end(&self, side: Side) -> &EndOutcome {
        &self.ends[side.index()]
    }
}

impl EndOutcome {
    /// What a call of the plugin interface does, as the first readers of the buffers see it.
    fn called(&mut self, call: BufferCall, effect: Effect) {
        let bytes = put_by(call, effect);
        match call.target() {
            Some(Which::Read) => self.put_in += bytes,
            Some(Which::Write) => self.written += bytes,
            Some(Which::Extra) | None => {}
        }
        match call {
            BufferCall::Take(ReaderName { of: Which::Read, number: 1 }, bytes) => {
                self.consumed += bytes;
            }
            BufferCall::Take(ReaderName { of: Which::Write, number: 1 }, bytes) => {
                self.taken_back += bytes;
            }
            _ => {}
        }
    }
}

/// Four sentences, a line each: where the bytes of each end are, how each user was called
/// back, and what became of the pair.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for side in Side::BOTH {
            let (letter, end) = (side.letter(), self.end(side));
            let between = if self.is_over_tcp { "sockets" } else { "core buffer" };
            write_bytes(f, (letter, between), end, &self.ends[side.other().index()])?;
            match end.callbacks.as_slice() {
                [] => writeln!(f, "{letter} was never called back.")?,
                events => writeln!(f, "{letter} was called back with {}.", names(events))?,
            }
        }
        f.write_str(match (self.is_over_tcp, self.is_freed) {
            (false, true) => "The pair was freed.\n",
            (false, false) => "The pair was not freed.\n",
            (true, true) => "Both sockets were closed.\n",
            (true, false) => "A socket was not closed.\n",
        })
    }
}

fn write_bytes(
    f: &mut fmt::Formatter<'_>,
    (letter, between): (char, &str),
    end: &EndOutcome,
    peer: &EndOutcome,
) -> fmt::Result {
    if end.written == 0 {
        return writeln!(f, "{letter} wrote nothing.");
    }
    let left = peer.received + peer.put_in - peer.consumed;
    let places = [
        (peer.consumed, "consumed by the peer".to_owned()),
        (left, "left in the peer's read buffer".to_owned()),
        (-peer.put_in, "put there by the peer itself".to_owned()),
        (end.in_core, format!("left in the {between}")),
        (end.unsent, "left in the write buffer".to_owned()),
        (end.taken_back, "taken back off the write buffer".to_owned()),
        (end.lost, format!("lost with the {between}")),
    ];
    let places: Vec<String> = places
        .iter()
        .filter(|(bytes, _)| *bytes != 0)
        .map(|(bytes, place)| format!("{bytes} {place}"))
        .collect();
    writeln!(f, "{letter} wrote {}: {}.", counted(end.written), places.join(", "))
}

fn counted(bytes: i64) -> String {
    if bytes == 1 { "1 byte".to_owned() } else { format!("{bytes} bytes") }
}

/// The names of `events`; one that comes several times in a row stands once, with how often.
pub(super) fn names(events: &[EventCode]) -> String {
    let runs = events.chunk_by(|a, b| a == b);
    let names = runs.map(|run| match run.len() {
        1 => event_name(run[0]).to_owned(),
        times => format!("{} ({times} times)", event_name(run[0])),
    });
    names.collect::<Vec<_>>().join(", ")
}
