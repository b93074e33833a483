//! `TSAIORead` and `TSAIOWrite`: files that are read and written beside the event threads.
//!
//! Mirrors `TSAIOWrite` and its kin of `InkAPI.cc`, and `AIOCallbackInternal::io_complete` (9.2.9). The
//! port reads and writes during the call, so the operation takes no time; its continuation is told
//! later, as in the original.

use std::ffi::c_int;

use eventsys::{ContRef, Data, EThread, EventCode, Outcome, StateMachine, call};

use super::continuation::PluginCont;
use super::{Handle, findings, table, want};

/// `TS_AIO_EVENT_DONE`.
const DONE: EventCode = EventCode(3900);

/// An operation, as its event brings it.
pub(crate) struct Aio {
    buffer: usize,
    /// How many bytes have moved, or the negative error number.
    result: i64,
}

/// The continuation gets [`DONE`] for the operation on the buffer at this address, of which `io` carries
/// out what is left behind so many bytes. False without an event thread to tell it on.
pub(crate) fn start(
    cont: Handle,
    buffer: usize,
    length: u64,
    io: impl FnMut(usize) -> i64,
) -> bool {
    let cont = want::<PluginCont>(cont).kept();
    let mutex = cont.mutex().clone();
    let Some(thread) = EThread::current() else {
        findings::note(
            "the calling thread is none of the server's: no thread tells the continuation",
        );
        return false;
    };
    let handle = table().insert(Aio { buffer, result: cache_op(length, io) });
    let teller = StateMachine::new(mutex, (cont, handle), |(cont, handle), invocation, _, _| {
        let data = handle.as_data();
        call(&(cont.clone() as ContRef), Some(invocation.guard()), DONE, Data::Cookie(&data));
        let _ = table().take::<Aio>(*handle, "its callback has returned");
        Outcome::Done
    });
    thread.schedule_imm(teller);
    true
}

/// All of the bytes, or what the original makes of less: the negative error number. The end of a file
/// leaves no error number, and is an error too. Mirrors `cache_op` of `iocore/aio/AIO.cc`.
fn cache_op(length: u64, mut io: impl FnMut(usize) -> i64) -> i64 {
    /// The system may do it the next time.
    const AGAIN: [i64; 3] =
        [-(libc::EINTR as i64), -(libc::ENOBUFS as i64), -(libc::ENOMEM as i64)];
    let mut done = 0;
    while done < length {
        let Ok(at) = usize::try_from(done) else { break };
        match io(at) {
            error if AGAIN.contains(&error) => {}
            // The original takes whatever its thread's last error was; without one it is 0.
            error if error <= 0 => return error,
            moved => done += moved.unsigned_abs(),
        }
    }
    i64::try_from(done).unwrap_or(i64::MAX)
}

/// `TSAIOBufGet`.
pub(crate) fn buffer(aio: Handle) -> usize {
    want::<Aio>(aio).buffer
}

/// `TSAIONBytesGet`.
pub(crate) fn nbytes(aio: Handle) -> c_int {
    want::<Aio>(aio).result as c_int
}

#[cfg(test)]
mod tests {
    use super::cache_op;

    #[test]
    fn an_operation_goes_on_until_all_is_done_or_nothing_comes() {
        let steps = |steps: &'static [i64]| {
            let (mut steps, mut asked) = (steps.iter(), Vec::new());
            let result = cache_op(10, |at| {
                asked.push(at);
                *steps.next().expect("no step more")
            });
            (result, asked)
        };
        assert_eq!(steps(&[4, -4, 6]), (10, vec![0, 4, 4]), "4 is EINTR");
        assert_eq!(steps(&[4, 0]), (0, vec![0, 4]), "the end of the file");
        assert_eq!(steps(&[4, -9]), (-9, vec![0, 4]), "9 is EBADF");
        assert_eq!(cache_op(0, |_| unreachable!("nothing to do")), 0);
    }
}
