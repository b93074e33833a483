//! [`KernelSocket`]: what the kernel's end of a socket knows of the other end.
//!
//! A connection of this project says that the input has ended or that it has failed.
//! libuv learns more from the kernel, and its users see it: an error is reported
//! once, to the first call that meets it; bytes that came before a reset can still be
//! read; `poll` says that both directions are over (`POLLHUP`) before a read says so.
//!
//! Mirrors `tcp_reset`, `tcp_fin`, `tcp_recvmsg`, `tcp_sendmsg` and `tcp_poll` of Linux,
//! as far as libuv 1.46 shows it.

use std::cell::Cell;

use crate::uv;

/// The end of the input.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fin {
    /// It has not come.
    No,
    /// It has come since the last turn of the loop. A connection reports a reset as an
    /// end first, so it may turn out to be a reset.
    Fresh,
    /// It has come.
    Sure,
}

/// A socket's own end.
pub(super) struct KernelSocket {
    fin: Cell<Fin>,
    /// The connection is gone. Mirrors `TCP_CLOSE`.
    gone: Cell<bool>,
    /// An error that no call has reported yet; 0 for none. Mirrors `sk_err`.
    error: Cell<i32>,
    /// The end of the output has been sent.
    shut: Cell<bool>,
    /// The connection is gone, but has not delivered all that came before.
    delivers: Cell<bool>,
}

impl KernelSocket {
    pub(super) fn new() -> KernelSocket {
        KernelSocket {
            fin: Cell::new(Fin::No),
            gone: Cell::new(false),
            error: Cell::new(0),
            shut: Cell::new(false),
            delivers: Cell::new(false),
        }
    }

    /// The other end has ended, and all that it sent has been delivered.
    pub(super) fn on_end(&self) {
        self.delivers.set(false);
        if self.fin.get() == Fin::No && !self.gone.get() {
            self.fin.set(Fin::Fresh);
        }
    }

    /// The connection has failed with `error`, an error number below zero.
    pub(super) fn on_error(&self, error: i32) {
        if self.gone.replace(true) {
            return;
        }
        if error == uv::ECONNRESET && self.fin.get() == Fin::Fresh {
            self.fin.set(Fin::No);
        }
        // After an end that is not answered yet, a reset is reported as a broken pipe.
        let waits = self.fin.get() != Fin::No && !self.shut.get();
        self.error.set(if waits { uv::EPIPE } else { error });
    }

    /// The other end has reset the connection. With `delivers`, what it sent before is
    /// still being delivered, and reads wait for it.
    pub(super) fn on_reset(&self, delivers: bool) {
        self.delivers.set(delivers && !self.gone.get());
        self.on_error(uv::ECONNRESET);
    }

    /// A turn of the loop begins: what has come until now is known.
    pub(super) fn begin_turn(&self) {
        if self.fin.get() == Fin::Fresh {
            self.fin.set(Fin::Sure);
        }
    }

    /// True if a read finds something even without bytes: the end, or an error.
    pub(super) fn has_end(&self) -> bool {
        self.fin.get() != Fin::No || self.gone.get() && !self.delivers.get()
    }

    /// True if both directions are over. Mirrors `POLLHUP`.
    pub(super) fn hung_up(&self) -> bool {
        self.has_end() && (self.gone.get() || self.shut.get())
    }

    /// True if the connection is gone.
    pub(super) fn is_gone(&self) -> bool {
        self.gone.get()
    }

    /// The result of a read without bytes: 0 for nothing yet, the end, or the error,
    /// which counts as reported now.
    pub(super) fn read(&self) -> isize {
        if !self.has_end() {
            return 0;
        }
        match (self.fin.get(), self.error.get()) {
            (Fin::No, error) if error != 0 => self.error.take() as isize,
            _ => uv::EOF,
        }
    }

    /// Checks whether a write is possible.
    ///
    /// # Errors
    /// The error, which counts as reported now; after it, a broken pipe.
    pub(super) fn write(&self) -> Result<(), i32> {
        match self.error.take() {
            0 if !self.gone.get() => Ok(()),
            0 => Err(uv::EPIPE),
            error => Err(error),
        }
    }

    /// Ends the output; 0, or an error.
    pub(super) fn shutdown(&self) -> i32 {
        if self.gone.get() {
            return uv::ENOTCONN;
        }
        self.shut.set(true);
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_once_to_the_first_call() {
        let socket = KernelSocket::new();
        socket.on_error(uv::ECONNRESET);
        assert_eq!(socket.write(), Err(uv::ECONNRESET));
        assert_eq!(socket.write(), Err(uv::EPIPE));
        assert_eq!(socket.read(), uv::EOF);
        assert_eq!(socket.shutdown(), uv::ENOTCONN);
    }

    #[test]
    fn a_read_takes_the_error_as_well() {
        let socket = KernelSocket::new();
        socket.on_error(uv::ECONNRESET);
        assert_eq!(socket.read(), uv::ECONNRESET as isize);
        assert_eq!(socket.read(), uv::EOF);
        assert_eq!(socket.write(), Err(uv::EPIPE));
    }

    #[test]
    fn an_end_and_a_reset_of_one_turn_are_a_reset() {
        let socket = KernelSocket::new();
        socket.on_end();
        socket.on_error(uv::ECONNRESET);
        socket.begin_turn();
        assert_eq!(socket.read(), uv::ECONNRESET as isize);
    }

    #[test]
    fn a_reset_after_the_end_is_a_broken_pipe_and_the_end_stays() {
        let socket = KernelSocket::new();
        socket.on_end();
        socket.begin_turn();
        socket.on_error(uv::ECONNRESET);
        assert_eq!(socket.read(), uv::EOF);
        assert_eq!(socket.write(), Err(uv::EPIPE));
    }

    #[test]
    fn reads_wait_for_what_came_before_a_reset_and_writes_do_not() {
        let socket = KernelSocket::new();
        socket.on_reset(true);
        assert_eq!(socket.read(), 0);
        assert_eq!(socket.shutdown(), uv::ENOTCONN);
        assert_eq!(socket.write(), Err(uv::ECONNRESET));
        socket.on_end();
        assert_eq!(socket.read(), uv::EOF);
    }

    #[test]
    fn both_directions_over_is_a_hang_up() {
        let socket = KernelSocket::new();
        socket.on_end();
        assert!(!socket.hung_up());
        assert_eq!(socket.shutdown(), 0);
        assert!(socket.hung_up());
    }
}
