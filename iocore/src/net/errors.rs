//! Error numbers: the system's, and those that the original adds.
//!
//! Mirrors `include/tscore/InkErrno.h` and `accept_error_seriousness` of
//! `iocore/net/P_UnixNet.h`. As there, a result below zero is an error number
//! with its sign changed, and `lerrno` is the number itself.

use std::io;

const NET_ERRNO: i32 = 20_000 + 100;

/// Too many connections are open.
pub const ENET_THROTTLING: i32 = NET_ERRNO + 1;
/// The connection was not made in time.
pub const ENET_CONNECT_TIMEOUT: i32 = NET_ERRNO + 2;
/// The connection could not be made. Here also: the name has no address.
pub const ENET_CONNECT_FAILED: i32 = NET_ERRNO + 3;

/// The number of an error of the system, above zero.
pub(super) fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EINVAL)
}

/// What to do about an error of `accept`.
///
/// ```
/// use iocore::net::{AcceptError, accept_error_seriousness};
///
/// let no_file_left = 24; // EMFILE
/// assert_eq!(accept_error_seriousness(no_file_left), AcceptError::Warn);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AcceptError {
    /// Nothing: that connection is gone, and others may come (2).
    Ignore,
    /// It will pass (1).
    Transient,
    /// It will pass, and deserves a warning (0).
    Warn,
    /// The acceptor is told, and nothing is accepted any more (-1).
    Fatal,
}

/// How serious it is that `accept` failed with `errno` (above zero). Mirrors
/// `accept_error_seriousness`; its debug assertion for `EMFILE` and `ENOMEM`
/// ("throttling misconfigured") and for `EINTR` is a warning here, because
/// running out of files is not a bug in the program.
#[must_use]
pub fn accept_error_seriousness(errno: i32) -> AcceptError {
    match errno {
        libc::ECONNABORTED => AcceptError::Ignore,
        libc::EAGAIN | libc::ECONNRESET | libc::EPIPE => AcceptError::Transient,
        libc::EMFILE | libc::ENOMEM | libc::ENOBUFS | libc::ENFILE | libc::EINTR => {
            AcceptError::Warn
        }
        #[cfg(target_os = "linux")]
        libc::ENOSR => AcceptError::Warn,
        _ => AcceptError::Fatal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_out_of_files_passes_and_a_closed_socket_does_not() {
        for (errno, seriousness) in [
            (libc::EMFILE, AcceptError::Warn),
            (libc::ENFILE, AcceptError::Warn),
            (libc::ENOBUFS, AcceptError::Warn),
            (libc::ENOMEM, AcceptError::Warn),
            (libc::ECONNABORTED, AcceptError::Ignore),
            (libc::EAGAIN, AcceptError::Transient),
            (libc::ECONNRESET, AcceptError::Transient),
            (libc::EPIPE, AcceptError::Transient),
            (libc::EBADF, AcceptError::Fatal),
            (libc::ENOTSOCK, AcceptError::Fatal),
            (libc::EOPNOTSUPP, AcceptError::Fatal),
            (libc::EPROTO, AcceptError::Fatal),
        ] {
            assert_eq!(accept_error_seriousness(errno), seriousness, "{errno}");
        }
        assert_eq!(ENET_THROTTLING, 20_101);
    }
}
