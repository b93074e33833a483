//! A plain sentence for each step.

mod op;

use crate::driver;
use eventsys::EventCode;
use eventsys::steps::Step;
use eventsys::steps::events;
use iocore::net::steps as net;
use pluginvc::steps as pvc;
use pluginvc::steps::Side;

pub use self::op::{explain_hold, explain_op, explain_trigger};
use super::amount::Bytes;
use super::ledger::Ledger;
use pluginvc::Epoch;

/// What `step` means, in one sentence without a full stop. `epoch` is the one that took
/// it; `ledger` is the state of the pair after it.
#[must_use]
pub fn explain(step: &Step, epoch: Epoch, ledger: &Ledger) -> String {
    let side = Side::of(step);
    let (me, peer) = (name_of(side), name_of(side.map(Side::other)));
    let n = step.value.unwrap_or_default();
    let bytes = || bytes(n);
    match step.kind {
        pvc::CREATE => "the pair is made".to_owned(),
        pvc::DESTROY => "both ends are closed, and the pair is freed".to_owned(),
        pvc::DO_IO_READ => format!("the user of {me} asks to read {}", bytes()),
        pvc::DO_IO_WRITE => format!("the user of {me} asks to write {}", bytes()),
        pvc::DO_IO_CLOSE => closes(me, side, ledger),
        pvc::REENABLE_READ => format!("{me}'s read is asked to go on, by an event"),
        pvc::REENABLE_WRITE => format!("{me}'s write is asked to go on, by an event"),
        pvc::REENABLE_RE_READ => format!("{me}'s read is asked to go on at once"),
        pvc::REENABLE_RE_WRITE => format!("{me}'s write is asked to go on at once"),
        pvc::EVENT => dispatched(me, n),
        pvc::READ_SIDE => format!("{me} looks at its read side"),
        pvc::WRITE_SIDE => format!("{me} looks at its write side"),
        pvc::READ_ACT_ON => {
            format!("{me} finds {} in the core buffer for its read", bytes())
        }
        pvc::WRITE_ACT_ON => {
            format!("{me} finds {} in its user's write buffer for its write", bytes())
        }
        pvc::READ_ADDED => {
            format!(
                "{me}'s read side moved {} from the core buffer into its user's read buffer",
                bytes()
            )
        }
        pvc::WRITE_ADDED => {
            format!(
                "{me}'s write side moved {} from its user's write buffer into the core buffer",
                bytes()
            )
        }
        pvc::MOVED => {
            format!(
                "{me}'s write side moved {} straight into the read buffer of {peer}'s user",
                bytes()
            )
        }
        pvc::READ_NO_SPACE => {
            format!("{me}'s user has no room in its read buffer, so the bytes stay where they are")
        }
        pvc::WRITE_NO_SPACE => {
            "the core buffer is full, so the bytes stay in the write buffer".to_owned()
        }
        pvc::PEER_NO_SPACE => {
            format!("the user of {peer} has no room in its read buffer, so nothing is moved")
        }
        pvc::PEER_WRITE_GONE => format!("{peer} writes no more: {me}'s read is at its end"),
        pvc::READ_LOCK_MISS => {
            format!("another thread holds the mutex of {me}'s read, so it is tried again in 10 ms")
        }
        pvc::WRITE_LOCK_MISS => {
            format!("another thread holds the mutex of {me}'s write, so it is tried again in 10 ms")
        }
        pvc::PROCESS_CLOSE => format!("{me} cancels its events and is done"),
        driver::SM_READ => told(me, "read", n, &why(step, n, epoch, ledger)),
        driver::SM_WRITE => told(me, "write", n, &why(step, n, epoch, ledger)),
        driver::SM_CHECKED => format!("{} have been checked so far", bytes()),
        driver::FREE_READ_BUFFER_BLOCKS => format!("{me}'s user frees its read buffer, {n} blocks"),
        driver::FREE_WRITE_BUFFER_BLOCKS => {
            format!("{me}'s user frees its write buffer, {n} blocks")
        }
        driver::BUF_READER => format!("it is reader {n} of the buffer"),
        driver::BUF_AVAIL if n < 0 => {
            format!("the reader stands {} beyond the end", self::bytes(-n))
        }
        driver::BUF_AVAIL => format!("the reader has {} before it", bytes()),
        driver::BUF_MARK => format!("the water mark is {}", Bytes(n)),
        driver::BUF_ROOM => format!("the block that is written next has space for {}", bytes()),
        driver::BUF_PUT => format!("{} have been copied into the buffer", bytes()),
        driver::BUF_COPIED => format!("{} have been copied", bytes()),
        driver::BUF_BLOCKS if n == 1 => "there is 1 block".to_owned(),
        driver::BUF_BLOCKS => format!("there are {n} blocks"),
        driver::BUF_BLOCK => format!("a block with {} to read", bytes()),
        driver::BUF_SPACE => format!("with space for {}", bytes()),
        driver::BUF_SUM => format!("the sum over these bytes is {n:08x}"),
        events::SCHEDULE => format!("an event with code {n} is queued"),
        events::DISPATCH => format!("an event is dispatched with code {n}"),
        events::DISPATCH_LOCK_MISS => {
            format!("an event with code {n} finds its mutex taken and waits")
        }
        _ => explain_net(step, side, ledger),
    }
}

/// What a step of a net connection means. Over TCP it is an end of a scenario, of `side`.
fn explain_net(step: &Step, side: Option<Side>, ledger: &Ledger) -> String {
    let me = side.map_or("the connection", end_name);
    let n = step.value.unwrap_or_default();
    match step.kind {
        net::NET_ACCEPT => "a connection is accepted".to_owned(),
        net::NET_CONNECT => "a connection attempt begins".to_owned(),
        net::NET_DO_IO_READ => format!("the user of {me} asks to read {}", bytes(n)),
        net::NET_DO_IO_WRITE => format!("the user of {me} asks to write {}", bytes(n)),
        net::NET_DO_IO_CLOSE => closes(me, side, ledger),
        net::NET_READ if n == 0 => format!("the socket of {me} is at its end"),
        net::NET_READ => format!("the socket of {me} gives {}", bytes(n)),
        net::NET_WRITE => format!("the socket of {me} takes {}", bytes(n)),
        net::NET_SIGNAL_READ => {
            format!("{me} is about to tell its user of the read: {}", code_name(n))
        }
        net::NET_SIGNAL_WRITE => {
            format!("{me} is about to tell its user of the write: {}", code_name(n))
        }
        net::NET_FREE => format!("the socket of {me} is closed"),
        net::NET_POLL if n == 1 => "the net thread asks the system: 1 socket is ready".to_owned(),
        net::NET_POLL => format!("the net thread asks the system: {n} sockets are ready"),
        net::NET_READABLE => {
            format!("the socket of {me} has become readable: its read is triggered")
        }
        net::NET_WRITABLE => format!("the socket of {me} has room: its write is triggered"),
        // A step of a layer that has no sentences here.
        _ => step.to_string(),
    }
}

/// An end is closed: by its user, or by the interpreter when the run is over.
fn closes(me: &str, side: Option<Side>, ledger: &Ledger) -> String {
    if side.is_some_and(|side| ledger.is_closed_at_the_end(side)) {
        format!("the run is over: atslab closes {me}, which its user has left open")
    } else {
        format!("the user of {me} closes it")
    }
}

/// How a sentence names an end, or the pair if no end took the step.
fn name_of(side: Option<Side>) -> &'static str {
    side.map_or("the pair", end_name)
}

/// How a sentence names an end.
fn end_name(side: Side) -> &'static str {
    match side {
        Side::Active => "the active end",
        Side::Passive => "the passive end",
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

/// The name of the event with this code, or `event` and the code.
fn code_name(code: i64) -> String {
    match i32::try_from(code).map(EventCode) {
        Ok(event) => event.shown_by(iocore::event_name).to_string(),
        Err(_) => format!("event {code}"),
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
        _ => format!("the event loop calls {me} with {}", code_name(code)),
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
    let Some(me) = Side::of(step) else { return String::new() };
    let peer = me.other();
    let name = end_name(peer);
    let end = ledger.end(peer);
    let text = match i32::try_from(code).map(EventCode) {
        // The conditions in the order in which PluginVC looks at them.
        Ok(EventCode::VC_EVENT_ERROR) if ledger.is_over_tcp() && !end.is_closed => {
            return "its socket reports an error".to_owned();
        }
        Ok(EventCode::VC_EVENT_ERROR)
            if !epoch.has_core_buffers() && !ledger.is_over_tcp() && !ledger.has_read(peer) =>
        {
            return format!("{name} has not issued a read");
        }
        Ok(EventCode::VC_EVENT_ERROR | EventCode::VC_EVENT_EOS) if end.is_closed => {
            return format!("{name} is closed");
        }
        Ok(EventCode::VC_EVENT_ERROR) => return format!("{name} has shut its read side"),
        Ok(EventCode::VC_EVENT_EOS) => return format!("{name} has shut its write side"),
        Ok(EventCode::VC_EVENT_READ_READY) => "bytes have come, and more are wanted",
        Ok(EventCode::VC_EVENT_READ_COMPLETE) => "all bytes that were asked for have come",
        Ok(EventCode::VC_EVENT_WRITE_READY) => match ledger.to_write(me) {
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
