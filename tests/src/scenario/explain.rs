//! A plain sentence for each step.

mod op;

use eventsys::EventCode;
use eventsys::steps::{Side, Step, StepKind};

pub use self::op::{explain_hold, explain_op, explain_trigger};
use super::amount::Bytes;
use super::ledger::Ledger;
use crate::epoch::Epoch;

/// What `step` means, in one sentence without a full stop. `epoch` is the one that took
/// it; `ledger` is the state of the pair after it.
#[must_use]
pub fn explain(step: &Step, epoch: Epoch, ledger: &Ledger) -> String {
    let (me, peer) = (end_name(step.side), end_name(other(step.side)));
    let n = step.value.unwrap_or_default();
    let bytes = || bytes(n);
    match step.kind {
        StepKind::Create => "the pair is made".to_owned(),
        StepKind::Destroy => "both ends are closed, and the pair is freed".to_owned(),
        StepKind::DoIoRead => format!("the user of {me} asks to read {}", bytes()),
        StepKind::DoIoWrite => format!("the user of {me} asks to write {}", bytes()),
        StepKind::DoIoClose => format!("the user of {me} closes it"),
        StepKind::ReenableRead => format!("{me}'s read is asked to go on, by an event"),
        StepKind::ReenableWrite => format!("{me}'s write is asked to go on, by an event"),
        StepKind::ReenableReRead => format!("{me}'s read is asked to go on at once"),
        StepKind::ReenableReWrite => format!("{me}'s write is asked to go on at once"),
        StepKind::Event => dispatched(me, n),
        StepKind::ReadSide => format!("{me} looks at its read side"),
        StepKind::WriteSide => format!("{me} looks at its write side"),
        StepKind::ReadActOn => {
            format!("{me} finds {} in the core buffer for its read", bytes())
        }
        StepKind::WriteActOn => {
            format!("{me} finds {} in its user's write buffer for its write", bytes())
        }
        StepKind::ReadAdded => {
            format!(
                "{me}'s read side moved {} from the core buffer into its user's read buffer",
                bytes()
            )
        }
        StepKind::WriteAdded => {
            format!(
                "{me}'s write side moved {} from its user's write buffer into the core buffer",
                bytes()
            )
        }
        StepKind::Moved => {
            format!(
                "{me}'s write side moved {} straight into the read buffer of {peer}'s user",
                bytes()
            )
        }
        StepKind::ReadNoSpace => {
            format!("{me}'s user has no room in its read buffer, so the bytes stay where they are")
        }
        StepKind::WriteNoSpace => {
            "the core buffer is full, so the bytes stay in the write buffer".to_owned()
        }
        StepKind::PeerNoSpace => {
            format!("the user of {peer} has no room in its read buffer, so nothing is moved")
        }
        StepKind::PeerWriteGone => format!("{peer} writes no more: {me}'s read is at its end"),
        StepKind::ReadLockMiss => {
            format!("another thread holds the mutex of {me}'s read, so it is tried again in 10 ms")
        }
        StepKind::WriteLockMiss => {
            format!("another thread holds the mutex of {me}'s write, so it is tried again in 10 ms")
        }
        StepKind::ProcessClose => format!("{me} cancels its events and is done"),
        StepKind::SmRead => told(me, "read", n, &why(step, n, epoch, ledger)),
        StepKind::SmWrite => told(me, "write", n, &why(step, n, epoch, ledger)),
        StepKind::SmChecked => format!("{} have been checked so far", bytes()),
        StepKind::FreeReadBufferBlocks => format!("{me}'s user frees its read buffer, {n} blocks"),
        StepKind::FreeWriteBufferBlocks => {
            format!("{me}'s user frees its write buffer, {n} blocks")
        }
        StepKind::Schedule => format!("an event with code {n} is queued"),
        StepKind::Dispatch => format!("an event is dispatched with code {n}"),
        StepKind::HttpState => format!("the HTTP state machine enters state {n}"),
        StepKind::HttpEvent => format!("the HTTP state machine receives event {n}"),
        StepKind::HttpHook => format!("a plugin is called with event {n}"),
        // Scenarios have no sockets.
        StepKind::NetAccept => "a connection is accepted".to_owned(),
        StepKind::NetConnect => "a connection is to be made".to_owned(),
        StepKind::NetDoIoRead => format!("the user of a connection wants to read {}", bytes()),
        StepKind::NetDoIoWrite => format!("the user of a connection wants to write {}", bytes()),
        StepKind::NetDoIoClose => "the user of a connection closes it".to_owned(),
        StepKind::NetRead => format!("a socket gives {}", bytes()),
        StepKind::NetWrite => format!("a socket takes {}", bytes()),
        StepKind::NetSignalRead => told("a connection", "read", n, ""),
        StepKind::NetSignalWrite => told("a connection", "write", n, ""),
        StepKind::NetFree => "a socket is closed".to_owned(),
        StepKind::DispatchLockMiss => {
            format!("an event with code {n} finds its mutex taken and waits")
        }
    }
}

/// How a sentence names an end.
fn end_name(side: Side) -> &'static str {
    match side {
        Side::Active => "the active end",
        Side::Passive => "the passive end",
        Side::Pair => "the pair",
    }
}

fn other(side: Side) -> Side {
    match side {
        Side::Active => Side::Passive,
        Side::Passive => Side::Active,
        Side::Pair => Side::Pair,
    }
}

fn bytes(n: i64) -> String {
    match n {
        i64::MAX => "as many bytes as come".to_owned(),
        0 => "no bytes".to_owned(),
        1 => "1 byte".to_owned(),
        n if n < 1 << 10 => format!("{n} bytes"),
        n if n % (1 << 10) == 0 => format!("{n} bytes ({})", Bytes(n)),
        n => format!("{n} bytes"),
    }
}

/// `main_handler` has been called.
fn dispatched(me: &str, code: i64) -> String {
    match i32::try_from(code).map(EventCode) {
        Ok(EventCode::EVENT_IMMEDIATE) => {
            format!("the event loop calls {me}, which has something to do")
        }
        Ok(EventCode::EVENT_INTERVAL) => {
            format!("a timer calls {me}: a timeout, a look at the inactivity, or a retry")
        }
        _ => format!("the event loop calls {me} with event {code}"),
    }
}

/// A state machine has been called back, for this reason.
fn told(me: &str, operation: &str, code: i64, why: &str) -> String {
    let name = match i32::try_from(code).map(EventCode) {
        Ok(EventCode::VC_EVENT_ERROR) => "VC_EVENT_ERROR".to_owned(),
        Ok(event) => event.to_string(),
        Err(_) => code.to_string(),
    };
    let comma = if why.is_empty() { "" } else { ", " };
    format!("the user of {me} is told of its {operation}: {name}{comma}{why}")
}

/// Why the user is called back with this event.
fn why(step: &Step, code: i64, epoch: Epoch, ledger: &Ledger) -> String {
    let peer = other(step.side);
    let name = end_name(peer);
    let end = ledger.end(peer);
    let text = match i32::try_from(code).map(EventCode) {
        // The conditions in the order in which PluginVC looks at them.
        Ok(EventCode::VC_EVENT_ERROR) if epoch == Epoch::D && !ledger.has_read(peer) => {
            return format!("{name} has not issued a read");
        }
        Ok(EventCode::VC_EVENT_ERROR | EventCode::VC_EVENT_EOS) if end.is_closed => {
            return format!("{name} is closed");
        }
        Ok(EventCode::VC_EVENT_ERROR) => return format!("{name} has shut its read side"),
        Ok(EventCode::VC_EVENT_EOS) => return format!("{name} has shut its write side"),
        Ok(EventCode::VC_EVENT_READ_READY) => "bytes have come, and more are wanted",
        Ok(EventCode::VC_EVENT_READ_COMPLETE) => "all bytes that were asked for have come",
        Ok(EventCode::VC_EVENT_WRITE_READY) => match ledger.to_write(step.side) {
            Some(1..) => "some of its bytes have been taken, and the write goes on",
            _ => "its write buffer is empty, and the write wants more bytes",
        },
        Ok(EventCode::VC_EVENT_WRITE_COMPLETE) => "all bytes of the write have been taken",
        Ok(EventCode::VC_EVENT_INACTIVITY_TIMEOUT) => "nothing has moved for too long",
        Ok(EventCode::VC_EVENT_ACTIVE_TIMEOUT) => "it has taken too long",
        _ => "an event that it does not know",
    };
    text.to_owned()
}
