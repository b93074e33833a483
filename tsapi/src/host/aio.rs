//! `TSAIORead` and `TSAIOWrite`: files that are read and written beside the event threads.
//!
//! Mirrors `TSAIOWrite` and its kin of `InkAPI.cc`, and `AIOCallbackInternal::io_complete` (9.2.9). The
//! port reads and writes during the call, so the operation takes no time; its continuation is told
//! later, as in the original.

use std::ffi::c_int;

use eventsys::{ContRef, Data, EThread, EventCode, Outcome, StateMachine, call};

use super::continuation::PluginCont;
use super::{Handle, Kind, Object, findings, table, want};

/// `TS_AIO_EVENT_DONE`.
const DONE: EventCode = EventCode(3900);

/// An operation, as its event brings it.
pub(crate) struct Aio {
    buffer: usize,
    /// How many bytes have moved, or the negative error number.
    result: i64,
}

impl Object for Aio {
    const KIND: Kind = Kind::Aio;
}

/// The continuation gets [`DONE`] for the operation that `io` carries out on the buffer at this address.
/// False without an event thread to tell it on.
pub(crate) fn start(cont: Handle, buffer: usize, io: impl FnOnce() -> i64) -> bool {
    let cont = want::<PluginCont>(cont);
    let mutex = cont.mutex().clone();
    let Some(thread) = EThread::current() else {
        findings::note(
            "the calling thread is none of the server's: no thread tells the continuation",
        );
        return false;
    };
    let handle = table().insert(Aio { buffer, result: io() });
    let teller = StateMachine::new(mutex, (cont, handle), |(cont, handle), invocation, _, _| {
        let data = handle.as_data();
        call(&(cont.clone() as ContRef), Some(invocation.guard()), DONE, Data::Cookie(&data));
        let _ = table().take::<Aio>(*handle, "its callback has returned");
        Outcome::Done
    });
    thread.schedule_imm(teller);
    true
}

/// `TSAIOBufGet`.
pub(crate) fn buffer(aio: Handle) -> usize {
    want::<Aio>(aio).buffer
}

/// `TSAIONBytesGet`.
pub(crate) fn nbytes(aio: Handle) -> c_int {
    want::<Aio>(aio).result as c_int
}
