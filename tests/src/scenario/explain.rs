//! A plain sentence for each step.

use eventsys::EventCode;
use eventsys::steps::{Side, Step, StepKind};

use super::amount::Bytes;
use crate::epoch::Epoch;

/// What `step` means, in one sentence without a full stop. `epoch` is the one
/// that took it.
#[must_use]
pub fn explain(step: &Step, epoch: Epoch) -> String {
    let (me, peer) = match step.side {
        Side::Active => ("the active end", "the passive end"),
        Side::Passive => ("the passive end", "the active end"),
        Side::Pair => ("the pair", "the pair"),
    };
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
            format!("{me} finds {} in the core buffer that its read still wants", bytes())
        }
        StepKind::WriteActOn => {
            format!("{me} finds {} in its user's write buffer that belong to the write", bytes())
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
            format!("somebody else holds the mutex of {me}'s read, so it is tried again in 10 ms")
        }
        StepKind::WriteLockMiss => {
            format!("somebody else holds the mutex of {me}'s write, so it is tried again in 10 ms")
        }
        StepKind::ProcessClose => format!("{me} cancels its events and is done"),
        StepKind::SmRead => told(me, "read", n, epoch),
        StepKind::SmWrite => told(me, "write", n, epoch),
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
        StepKind::NetSignalRead => told("a connection", "read", n, epoch),
        StepKind::NetSignalWrite => told("a connection", "write", n, epoch),
        StepKind::NetFree => "a socket is closed".to_owned(),
        StepKind::DispatchLockMiss => {
            format!("an event with code {n} finds its mutex taken and waits")
        }
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

/// A state machine has been called back.
fn told(me: &str, operation: &str, code: i64, epoch: Epoch) -> String {
    let meaning = match i32::try_from(code).map(EventCode) {
        Ok(EventCode::VC_EVENT_ERROR) if epoch == Epoch::D => {
            "nobody reads at the other end (yet), or no more"
        }
        Ok(EventCode::VC_EVENT_ERROR) => "nobody reads at the other end any more",
        Ok(EventCode::VC_EVENT_READ_READY) => "bytes have come, and more are wanted",
        Ok(EventCode::VC_EVENT_READ_COMPLETE) => "all bytes that were asked for have come",
        Ok(EventCode::VC_EVENT_WRITE_READY) => "there is room for more to write",
        Ok(EventCode::VC_EVENT_WRITE_COMPLETE) => "all bytes of the write have been taken",
        Ok(EventCode::VC_EVENT_EOS) => "nothing will come any more",
        Ok(EventCode::VC_EVENT_INACTIVITY_TIMEOUT) => "nothing has moved for too long",
        Ok(EventCode::VC_EVENT_ACTIVE_TIMEOUT) => "it has taken too long",
        _ => "an event that it does not know",
    };
    let name = match i32::try_from(code).map(EventCode) {
        Ok(EventCode::VC_EVENT_ERROR) => "VC_EVENT_ERROR".to_owned(),
        Ok(event) => event.to_string(),
        Err(_) => code.to_string(),
    };
    format!("the user of {me} is told of its {operation}: {name}, {meaning}")
}
