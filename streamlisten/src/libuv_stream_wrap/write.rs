//! How a stream writes, and shuts down.

use std::sync::Arc;

use eventsys::Guard;
use iocore::ShutdownHowTo;

use super::{HandleState, LibuvStreamWrap, SEND_BUFFER_SIZE};
use crate::buf::Chunk;
use crate::uv;

/// The number of requests that a stream writes before others have their turn. Mirrors `count` of
/// `uv__write`.
const WRITES_IN_A_TURN: usize = 32;

impl LibuvStreamWrap {
    /// One turn's writes: moves what waits into the connection, completes what is done,
    /// and shuts down if that was asked for. Mirrors `uv__write`, `uv__write_callbacks`
    /// and `uv__drain`.
    pub(super) fn pump_write(&self, guard: &Guard<'_>) {
        self.write_queue(guard);
        let completed = self.completed.take();
        for (request, status) in completed {
            request.done(status);
        }
        if self.writes.borrow().is_empty() {
            self.drain();
        }
        // What has been written goes before the end, as in the system's buffer.
        if self.fin.get() && self.unsent(guard) == 0 {
            self.fin.set(false);
            self.shutdown_write();
        }
    }

    /// An error ends the turn with the request that met it; the next request meets the
    /// next error in a turn of its own. Mirrors `uv__write`.
    #[doc(alias = "uv__write")]
    fn write_queue(&self, guard: &Guard<'_>) {
        for _ in 0..=WRITES_IN_A_TURN {
            let mut writes = self.writes.borrow_mut();
            let Some((_, bufs)) = writes.front_mut() else {
                return;
            };
            let result = self.socket.write();
            if result.is_ok() {
                self.push(guard, bufs);
                if !bufs.is_empty() {
                    return;
                }
            }
            if let Some((request, _)) = writes.pop_front() {
                let status = result.err().unwrap_or(0);
                self.completed.borrow_mut().push((request, status));
            }
            drop(writes);
            self.feed();
            if result.is_err() {
                return;
            }
        }
    }

    /// Asks for a turn in which writing comes first. Mirrors `uv__io_feed`.
    pub(super) fn feed(&self) {
        self.fed.set(true);
        self.bridge.wake();
    }

    /// Nothing waits any more: a requested shutdown is done. Mirrors
    /// `uv__drain`.
    #[doc(alias = "uv__drain")]
    fn drain(&self) {
        let request = self.shutdown_request.take();
        if let Some(request) = request {
            // The callback of a write may have closed it.
            let status = match self.state.get() {
                HandleState::Open => self.socket.shutdown(),
                _ => uv::ECANCELED,
            };
            self.fin.set(status == 0);
            request.done(status);
        }
    }

    fn shutdown_write(&self) {
        let vc = self.io.borrow().as_ref().map(|io| Arc::clone(&io.vc));
        if let Some(vc) = vc {
            vc.do_io_shutdown(ShutdownHowTo::Write);
        }
    }

    /// Whether anything may be written. Mirrors `uv__check_before_write`.
    ///
    /// # Panics
    /// If there is nothing to write, as the original aborts.
    #[doc(alias = "uv__check_before_write")]
    pub(super) fn check_before_write(&self, bufs: &[Chunk]) -> Result<(), i32> {
        assert!(!bufs.is_empty(), "nbufs > 0");
        if self.is_closed() {
            return Err(uv::EBADF);
        }
        if !self.writable.get() {
            return Err(uv::EPIPE);
        }
        Ok(())
    }

    /// True if bytes wait to be written. Mirrors `write_queue_size`.
    pub(super) fn has_queued_bytes(&self) -> bool {
        self.writes.borrow().iter().flat_map(|(_, bufs)| bufs).any(|buf| !buf.is_empty())
    }

    /// Bytes that the other end has not taken yet.
    pub(super) fn unsent(&self, guard: &Guard<'_>) -> usize {
        let io = self.io.borrow();
        io.as_ref().map_or(0, |io| usize::try_from(io.write_reader.read_avail(guard)).unwrap_or(0))
    }

    /// How many bytes have been written that the connection has not taken yet.
    #[must_use]
    pub fn unsent_bytes(&self) -> usize {
        let mutex = Arc::clone(self.bridge.mutex());
        let guard = mutex.lock();
        self.unsent(&guard)
    }

    /// How many bytes the connection has taken.
    #[must_use]
    pub fn sent(&self) -> u64 {
        let io = self.io.borrow();
        io.as_ref().map_or(0, |io| u64::try_from(io.write_vio.ndone()).unwrap_or(0))
    }

    /// True once the stream's own side is shut down: nothing more can be written.
    #[must_use]
    pub fn has_shut_down(&self) -> bool {
        !self.writable.get()
    }

    /// Puts as much of `bufs` into the connection as there is room for, and
    /// leaves the rest.
    pub(super) fn push(&self, guard: &Guard<'_>, bufs: &mut Vec<Chunk>) {
        let mut room = SEND_BUFFER_SIZE.saturating_sub(self.unsent(guard));
        let io = self.io.borrow();
        let Some(io) = &*io else {
            return;
        };
        let (mut taken, mut done) = (0, 0);
        for buf in bufs.iter_mut() {
            let n = buf.len().min(room);
            io.write_buffer.write(guard, &buf[..n]);
            (room, taken) = (room - n, taken + n);
            if n < buf.len() {
                *buf = buf.from(n);
                break;
            }
            done += 1;
        }
        bufs.drain(..done);
        if taken > 0 {
            io.write_vio.reenable(guard);
        }
    }
}
