//! How a stream reads.

use std::sync::Arc;

use eventsys::Guard;
use iocore::IOBufferReader;

use super::LibuvStreamWrap;
use crate::buf::Buf;
use crate::resource::StreamResource;
use crate::uv;

/// How much memory is asked for before a read. Mirrors `uv__read`.
const SUGGESTED_SIZE: usize = 64 * 1024;

/// The number of reads of a stream before others have their turn. Mirrors `count` of
/// `uv__read`.
pub const READS_IN_A_TURN: usize = 32;

impl LibuvStreamWrap {
    /// One turn's reads, and what `uv__stream_io` does after them: if the last one was
    /// partial and both directions are over, that was all, and the end is told without
    /// another read. So bytes that came before a reset are followed by the end, and the
    /// error stays for the next call.
    pub(super) fn pump_read(&self, guard: &Guard<'_>) {
        if self.available(guard) == 0 && !self.socket.has_end() {
            return;
        }
        let hung_up = self.socket.hung_up();
        let partial = self.read_all(guard);
        if hung_up && partial && self.reading.get() && !self.is_closed() {
            self.stream_eof(Buf::empty());
        }
        // Asked again, the system would say again that there is something.
        if self.reading.get() && (self.available(guard) > 0 || self.socket.has_end()) {
            self.bridge.wake();
        }
    }

    /// True if the last read has not filled its memory. Mirrors `uv__read`, with
    /// `UV_HANDLE_READ_PARTIAL` as its result.
    #[doc(alias = "uv__read")]
    fn read_all(&self, guard: &Guard<'_>) -> bool {
        let mut count = READS_IN_A_TURN;
        while self.reading.get() && !self.is_closed() && count > 0 {
            count -= 1;
            let mut buf = self.on_uv_alloc(SUGGESTED_SIZE);
            // A callback above may have stopped or closed the stream, but the
            // memory has been asked for, and comes back with a read.
            if buf.size() == 0 {
                self.on_uv_read(uv::ENOBUFS, buf);
                return false;
            }
            let n = self.take(guard, &mut buf);
            if n == 0 {
                self.read_nothing(buf);
                return false;
            }
            let partial = n < buf.size();
            self.on_uv_read(n as isize, buf);
            if partial {
                return true;
            }
        }
        false
    }

    /// A read has found no bytes: nothing more for now, or the end, or an error. After
    /// an error the stream stops, but its listener gets the error while it still reads.
    fn read_nothing(&self, buf: Buf) {
        match self.socket.read() {
            0 => self.on_uv_read(0, buf),
            uv::EOF => self.stream_eof(buf),
            error => {
                self.readable.set(false);
                self.writable.set(false);
                self.on_uv_read(error, buf);
                self.reading.set(false);
            }
        }
    }

    /// Mirrors `uv__stream_eof`.
    #[doc(alias = "uv__stream_eof")]
    fn stream_eof(&self, buf: Buf) {
        self.reading.set(false);
        self.on_uv_read(uv::EOF, buf);
    }

    /// Memory for a read. Mirrors `LibuvStreamWrap::OnUvAlloc`.
    #[doc(alias = "OnUvAlloc")]
    fn on_uv_alloc(&self, suggested: usize) -> Buf {
        self.emit_alloc(suggested)
    }

    /// A read is over. Mirrors `LibuvStreamWrap::OnUvRead`, without the handles that
    /// come over a pipe.
    #[doc(alias = "OnUvRead")]
    fn on_uv_read(&self, nread: isize, buf: Buf) {
        self.emit_read(nread, buf);
    }

    /// How many bytes have come and not been read.
    pub(super) fn available(&self, guard: &Guard<'_>) -> i64 {
        self.io.borrow().as_ref().map_or(0, |io| io.read_reader.read_avail(guard))
    }

    /// How many bytes have come, whether they have been read or not.
    #[must_use]
    pub fn received(&self) -> u64 {
        let mutex = Arc::clone(self.bridge.mutex());
        let available = self.available(&mutex.lock());
        self.bytes_read() + u64::try_from(available).unwrap_or(0)
    }

    /// Takes from the connection as much as there is room for.
    fn take(&self, guard: &Guard<'_>, buf: &mut Buf) -> usize {
        let io = self.io.borrow();
        let Some(io) = &*io else {
            return 0;
        };
        let n = copy_out(guard, &io.read_reader, buf);
        if !self.eos.get() {
            io.read_vio.reenable(guard);
        }
        n
    }
}

/// Moves what can be read into `buf`, block by block; returns the number of bytes.
fn copy_out(guard: &Guard<'_>, reader: &IOBufferReader, buf: &mut Buf) -> usize {
    let id = reader.id();
    let mut n = buf.fill(&[]);
    reader.buffer().with(guard, |buffer| {
        loop {
            let taken = buf.append(buffer.block_slice(id));
            if taken == 0 {
                return n;
            }
            buffer.consume(id, taken as i64);
            n += taken;
        }
    })
}
