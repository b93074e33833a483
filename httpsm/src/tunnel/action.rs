//! How a tunnel changes bytes on their way.
//!
//! Mirrors `TunnelChunkingAction_t`, `producer_handler_chunked`,
//! `producer_handler_dechunked` and the buffers of `ChunkedHandler` (9.2.9).

use std::ops::Range;

use eventsys::Guard;
use iocore::buffer::{BUFFER_SIZE_INDEX_128, BUFFER_SIZE_INDEX_256, MIOBuffer};
use iocore::{BoundBuffer, IOBufferReader};

use crate::chunked::{
    ChunkedReader, ChunkedState, DEFAULT_MAX_CHUNK_SIZE, LAST_CHUNK, chunk_header,
};

/// Shorter data is copied, not shared: many small blocks are expensive. Mirrors
/// `min_block_transfer_bytes` of `HttpTunnel.cc`.
const MIN_BLOCK_TRANSFER_BYTES: i64 = 256;

/// The change of the bytes. Mirrors `TunnelChunkingAction_t`. Part of a
/// [`Production`](super::Production).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TunnelChunkingAction {
    /// Nothing (`TCA_PASSTHRU_DECHUNKED_CONTENT`).
    Passthru,
    /// Chunks are made of them (`TCA_CHUNK_CONTENT`).
    Chunk,
    /// They are chunks, and passed on as they are; the tunnel looks for their end
    /// (`TCA_PASSTHRU_CHUNKED_CONTENT`).
    PassthruChunked,
    /// They are chunks, and the data in them is passed on (`TCA_DECHUNK_CONTENT`).
    Dechunk,
}

/// The state of an action.
pub(super) struct Chunks {
    action: TunnelChunkingAction,
    parser: ChunkedReader,
    /// The position of the scan in the producer's buffer.
    source: IOBufferReader,
    /// The buffer for changed bytes, which the consumers then read.
    changed: Option<(BoundBuffer, IOBufferReader)>,
    /// Bytes taken from the source.
    consumed: i64,
    /// Bytes put into `changed`.
    made: i64,
    skip_bytes: i64,
}

impl Chunks {
    /// The action on the bytes of `start`, of which the first `skip_bytes` are a head.
    pub(super) fn new(
        guard: &Guard<'_>,
        action: TunnelChunkingAction,
        start: &IOBufferReader,
        skip_bytes: i64,
    ) -> Chunks {
        let source = start.clone_reader(guard).expect("a tunnel uses few readers");
        let changed = (action != TunnelChunkingAction::PassthruChunked).then(|| {
            // The data is shared with the producer's buffer; what is copied is small.
            let size = match action {
                TunnelChunkingAction::Chunk => BUFFER_SIZE_INDEX_128,
                _ => BUFFER_SIZE_INDEX_256,
            };
            let buffer = MIOBuffer::new(size).bind(start.buffer().mutex());
            let reader = buffer.alloc_reader(guard).expect("the first of five");
            // The head comes first.
            share(guard, &buffer, &source, skip_bytes, 0);
            (buffer, reader)
        });
        source.consume(guard, skip_bytes);
        let (parser, consumed) = (ChunkedReader::new(), 0);
        Chunks { action, parser, source, changed, consumed, made: skip_bytes, skip_bytes }
    }

    /// The buffer that consumers read, if it is not the producer's.
    pub(super) fn output(&self) -> Option<&IOBufferReader> {
        self.changed.as_ref().map(|(_, reader)| reader)
    }

    /// The marker in the changed buffer is needed no longer: the consumers have
    /// readers of their own.
    pub(super) fn release_marker(&self, guard: &Guard<'_>) {
        if let Some((_, reader)) = &self.changed {
            reader.dealloc(guard);
        }
    }

    /// Bytes of the source that belonged to the body.
    pub(super) fn consumed(&self) -> i64 {
        self.consumed
    }

    /// Bytes in the source behind the end of the body.
    pub(super) fn unread(&self, guard: &Guard<'_>) -> i64 {
        self.source.read_avail(guard)
    }

    /// The source, read up to the position of the scan.
    pub(super) fn source(&self) -> Option<IOBufferReader> {
        (self.action == TunnelChunkingAction::PassthruChunked).then(|| self.source.clone())
    }

    /// How many bytes a consumer writes in all, now that the end is known.
    pub(super) fn total(&self) -> i64 {
        match self.action {
            TunnelChunkingAction::PassthruChunked => self.skip_bytes + self.consumed,
            _ => self.made,
        }
    }

    /// True if chunks are made of the bytes.
    pub(super) fn makes(&self) -> bool {
        self.action == TunnelChunkingAction::Chunk
    }

    /// Works on the bytes that have come; `ended` says that no more will come.
    pub(super) fn process(&mut self, guard: &Guard<'_>, ended: bool) -> Processed {
        match self.action {
            TunnelChunkingAction::Chunk => {
                self.make_chunks(guard, ended);
                if ended { Processed::Done } else { Processed::More }
            }
            TunnelChunkingAction::Passthru => Processed::More,
            _ => self.read_chunks(guard),
        }
    }

    fn read_chunks(&mut self, guard: &Guard<'_>) -> Processed {
        while self.source.read_avail(guard) > 0 && !self.parser.is_over() {
            let view = self.source.block_view(guard);
            let changed = self.changed.as_ref().map(|(buffer, _)| buffer);
            let made = &mut self.made;
            let source = &self.source;
            let used = self.parser.read(&view, |range| {
                if let Some(changed) = changed {
                    *made += share_or_copy(guard, changed, source, &view, range);
                }
            });
            let used = i64::try_from(used).unwrap_or(0);
            self.source.consume(guard, used);
            self.consumed += used;
        }
        match self.parser.state() {
            ChunkedState::Done => Processed::Done,
            ChunkedState::Error => Processed::Error,
            _ => Processed::More,
        }
    }

    fn make_chunks(&mut self, guard: &Guard<'_>, ended: bool) {
        let Some((changed, _)) = &self.changed else { return };
        loop {
            let size = self.source.read_avail(guard).min(DEFAULT_MAX_CHUNK_SIZE);
            if size <= 0 {
                break;
            }
            self.made += changed.write(guard, chunk_header(size).as_bytes());
            self.made += share(guard, changed, &self.source, size, 0);
            self.source.consume(guard, size);
            self.made += changed.write(guard, b"\r\n");
            self.consumed += size;
        }
        if ended {
            self.made += changed.write(guard, LAST_CHUNK);
        }
    }
}

/// Gives `to` the bytes in `range` of `view`, the first block of `from`: shared, or copied if they
/// are few. Returns how many.
pub(crate) fn share_or_copy(
    guard: &Guard<'_>,
    to: &BoundBuffer,
    from: &IOBufferReader,
    view: &[u8],
    range: Range<usize>,
) -> i64 {
    let len = i64::try_from(range.len()).unwrap_or(0);
    if len < MIN_BLOCK_TRANSFER_BYTES {
        return to.write(guard, &view[range]);
    }
    share(guard, to, from, len, i64::try_from(range.start).unwrap_or(0))
}

/// Lets `to` share up to `len` bytes of `from` behind `offset`; returns how many.
fn share(guard: &Guard<'_>, to: &BoundBuffer, from: &IOBufferReader, len: i64, offset: i64) -> i64 {
    from.buffer()
        .with(guard, |source| to.with(guard, |to| to.write_from(source, from.id(), len, offset)))
}

/// The result of working on the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Processed {
    More,
    /// The body is complete.
    Done,
    /// The body is invalid.
    Error,
}

#[cfg(test)]
mod tests {
    use super::*;
    use eventsys::ProxyMutex;

    /// A separate block for each single byte would take far more memory than the bytes.
    #[test]
    fn small_pieces_are_copied_and_large_ones_shared() {
        // The first block is empty where nothing was copied.
        let mutex = ProxyMutex::new();
        let guard = mutex.lock();
        for (len, blocks) in [(1, 1), (255, 1), (256, 31)] {
            let new = || MIOBuffer::new(iocore::buffer::BUFFER_SIZE_INDEX_32K).bind(&mutex);
            let (from, to) = (new(), new());
            let source = from.alloc_reader(&guard).unwrap();
            let result = to.alloc_reader(&guard).unwrap();
            for _ in 0..30 {
                from.write(&guard, &vec![b'x'; len]);
                let view = source.block_view(&guard);
                share_or_copy(&guard, &to, &source, &view, 0..len);
                drop(view);
                source.consume(&guard, i64::try_from(len).unwrap());
            }
            let count = to.with(&guard, |to| to.block_count(result.id()));
            assert_eq!(count, blocks, "pieces of {len} bytes");
        }
    }
}
