//! A plain sentence for what a user does, and for what a foreign thread does.

use iocore::VioOp;

use super::{bytes, end_name};
use crate::amount::{Bytes, Span};
use crate::call::{BufferCall, ReaderName, Which};
use crate::model::Trigger;
use crate::op::{How, HowTo, Op, OpCont, Owner};
use crate::record::{Effect, HoldChange, Performed};

/// What a user does, in one sentence without a full stop; it does not name the end.
#[must_use]
pub fn explain_op(performed: &Performed) -> String {
    match performed.effect {
        Effect::NotConnected => return "this is left out: there is no connection yet".to_owned(),
        Effect::Closed => return "this is left out: the connection is closed".to_owned(),
        Effect::TooMuch => {
            return "this is left out: both ends together would have written more than 256 MiB"
                .to_owned();
        }
        Effect::NotThere => return "this is left out: there is no such thing here".to_owned(),
        Effect::Done | Effect::Again | Effect::Took(_) | Effect::Copied(_) => {}
    }
    let user = if performed.by_deputy { "the deputy" } else { "the user" };
    match performed.op {
        Op::DoIoRead(_, how) => format!("{user} {}{}", issues(performed, "read"), told(how)),
        Op::DoIoWrite(_, how) => format!("{user} {}{}", issues(performed, "write"), told(how)),
        Op::Write(n) => format!("{user} puts {} into its write buffer", bytes(n)),
        Op::Consume(n) => {
            let Effect::Took(took) = performed.effect else { return user.to_owned() };
            let all = if took < n && n < i64::MAX { ", and there are no more" } else { "" };
            format!("{user} takes {} off its read buffer{all}", bytes(took))
        }
        Op::Reenable(op) => format!("{user} asks its {} to go on, by an event", direction(op)),
        Op::ReenableRe(op) => format!(
            "{user} asks its {} to go on at once: it may be called back before this returns",
            direction(op)
        ),
        Op::Shutdown(how_to) => format!("{user} {}", shuts(how_to)),
        Op::Close => format!("{user} closes the connection"),
        Op::InactivityTimeout(0) => format!("{user} takes its inactivity timeout back"),
        Op::InactivityTimeout(span) => format!(
            "{user} sets an inactivity timeout of {}, which is looked at once a second",
            Span(span)
        ),
        Op::ActiveTimeout(0) => format!("{user} takes its active timeout back"),
        Op::ActiveTimeout(span) => format!("{user} sets an active timeout of {}", Span(span)),
        Op::WaterMark(n) => {
            format!("{user} sets the water mark of its read buffer to {}", Bytes(n))
        }
        Op::Buffer(call) => format!("{user} {}", calls(call, performed.effect)),
        Op::Hold(whose, span) => format!(
            "{user} has a foreign thread take the mutex of {} by an event, for {}",
            owner(whose),
            Span(span)
        ),
    }
}

/// What a call of the plugin interface's buffers does.
fn calls(call: BufferCall, effect: Effect) -> String {
    let name = |of: Which| match of {
        Which::Read => "its read buffer".to_owned(),
        Which::Write => "its write buffer".to_owned(),
        Which::Extra => "its extra buffer".to_owned(),
    };
    let reader = |reader: ReaderName| match reader.number {
        1 => format!("the reader of {}", name(reader.of)),
        number => format!("reader {number} of {}", name(reader.of)),
    };
    match call {
        BufferCall::Create(None) => "makes an extra buffer without a block".to_owned(),
        BufferCall::Create(Some(size)) => {
            format!("makes an extra buffer with blocks of {}", bytes(size.buffer_size()))
        }
        BufferCall::Destroy => "destroys its extra buffer".to_owned(),
        BufferCall::Alloc(of) => {
            format!("asks for a further reader of {}, at the block that is written", name(of))
        }
        BufferCall::Clone(from) => {
            format!("asks for a further reader, at the place of {}", reader(from))
        }
        BufferCall::Free(of) => format!("gives {} back", reader(of)),
        BufferCall::Avail(of) => format!("asks what {} has before it", reader(of)),
        BufferCall::Take(of, n) => {
            format!("has {} consume {}, whether they are there or not", reader(of), bytes(n))
        }
        BufferCall::Blocks(of) => {
            format!("walks over the blocks that {} has before it", reader(of))
        }
        BufferCall::Mark(of) => format!("asks for the water mark of {}", name(of)),
        BufferCall::SetMark(of, n) => {
            format!("sets the water mark of {} to {}", name(of), Bytes(n))
        }
        BufferCall::Room(of) => {
            format!("asks for space in {}: a block is added if there is none", name(of))
        }
        BufferCall::Produce(of, n) => {
            format!("fills {} into the blocks of {} itself", bytes(n), name(of))
        }
        BufferCall::Put(of, n) => format!("appends a copy of {} to {}", bytes(n), name(of)),
        BufferCall::Copy(from, to, ..) => {
            let copied = if let Effect::Copied(n) = effect { n } else { 0 };
            format!("shares {} of {} with {}", bytes(copied), reader(from), name(to))
        }
        BufferCall::CopyOut(from, n) => {
            format!("copies {} at most out of {}, and consumes none", bytes(n), reader(from))
        }
    }
}

/// What a foreign thread does with a mutex.
#[must_use]
pub fn explain_hold(whose: Owner, change: HoldChange) -> String {
    let mutex = format!("the mutex of {}", owner(whose));
    match change {
        HoldChange::Takes => format!("a foreign thread takes {mutex}"),
        HoldChange::KeepsOn => {
            format!("a foreign thread has {mutex} already, and keeps it for a further time")
        }
        HoldChange::GivesBack => format!("the foreign thread gives {mutex} back"),
        HoldChange::GivesWay => format!(
            "the foreign thread gives {mutex} back early: an event thread would wait for it"
        ),
    }
}

/// What a user reacts to that no step tells.
#[must_use]
pub fn explain_trigger(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Connect => "the user gets its connection",
        Trigger::Race => "the threads of the scenario are about to begin",
        Trigger::After(_) => "a timer of the user has run out",
        Trigger::Event(..) => "the user gets an event",
    }
}

fn owner(whose: Owner) -> String {
    match whose {
        Owner::Core => "the core".to_owned(),
        Owner::User(side) => format!("{}'s user", end_name(side)),
    }
}

fn direction(op: VioOp) -> &'static str {
    if op == VioOp::Write { "write" } else { "read" }
}

fn issues(performed: &Performed, direction: &str) -> String {
    match performed.effect {
        Effect::Again => format!("issues its {direction} anew, and its count begins at 0 again"),
        _ => format!("issues a {direction}"),
    }
}

fn told(how: How) -> &'static str {
    match (how.no_buffer, how.cont) {
        (false, OpCont::OfEnd) => "",
        (true, OpCont::OfEnd) => ", without a buffer",
        (false, OpCont::Absent) => ", without a continuation and so under the core's mutex",
        (true, OpCont::Absent) => ", without a buffer and without a continuation",
        (false, OpCont::Deputy) => ", with the mutex and the buffers of its deputy",
        (true, OpCont::Deputy) => ", with the mutex of its deputy and without a buffer",
    }
}

fn shuts(how_to: HowTo) -> &'static str {
    match how_to {
        HowTo::Read => {
            "shuts its read side; this sets a flag that the other end's write finds later"
        }
        HowTo::Write => {
            "shuts its write side; this sets a flag that the other end's read finds later"
        }
        HowTo::Both => "shuts both sides; this sets two flags that the other end finds later",
    }
}
