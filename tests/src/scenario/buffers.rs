//! The buffers of an end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use eventsys::{Guard, ProxyMutex};
use iocore::buffer::MIOBuffer;
use iocore::{BoundBuffer, IOBufferReader};

use super::model::PairDef;

/// What an end reads into and writes from.
pub(super) struct Buffers {
    pub(super) read: BoundBuffer,
    pub(super) read_reader: IOBufferReader,
    write: BoundBuffer,
    pub(super) write_reader: IOBufferReader,
    /// The next byte to be written.
    seed: AtomicU8,
}

impl Buffers {
    /// Empty buffers under `mutex`.
    pub(super) fn new(pair: &PairDef, mutex: &Arc<ProxyMutex>, guard: &Guard<'_>) -> Buffers {
        let [read, write] = [(); 2].map(|()| MIOBuffer::new(pair.buffer_index).bind(mutex));
        let [read_reader, write_reader] = [&read, &write]
            .map(|buffer| buffer.alloc_reader(guard).expect("a new buffer has no readers"));
        read.set_water_mark(guard, pair.read_water_mark);
        Buffers { read, read_reader, write, write_reader, seed: AtomicU8::new(0) }
    }

    /// Appends `bytes` bytes that count up to the write buffer.
    pub(super) fn fill(&self, guard: &Guard<'_>, bytes: i64) {
        const PIECE: i64 = 64 * 1024;
        let mut left = bytes;
        while left > 0 {
            let piece = left.min(PIECE);
            let seed = self.seed.load(Ordering::Relaxed);
            let space: Vec<u8> = (0..piece).map(|i| seed.wrapping_add(i as u8)).collect();
            self.seed.store(seed.wrapping_add(piece as u8), Ordering::Relaxed);
            self.write.write(guard, &space);
            left -= piece;
        }
    }

    /// Takes `bytes` bytes off the read buffer, or as many as there are.
    pub(super) fn consume(&self, guard: &Guard<'_>, bytes: i64) {
        let there = self.read_reader.read_avail(guard);
        self.read_reader.consume(guard, bytes.min(there));
    }
}
