//! The buffers of an end.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU32, Ordering};

use eventsys::{Guard, ProxyMutex};
use iocore::buffer::MIOBuffer;
use iocore::{BoundBuffer, IOBufferReader};

use super::call::BufferCall;
use super::calls::{Calls, FNV_BASIS, Interface, Tell, add_to_sum};
use super::model::PairDef;

/// What an end reads into and writes from.
pub(super) struct Buffers {
    pub(super) read: BoundBuffer,
    pub(super) read_reader: IOBufferReader,
    pub(super) write: BoundBuffer,
    pub(super) write_reader: IOBufferReader,
    /// These and the others, by the names that calls have for them.
    calls: Calls,
    /// The next byte to be written.
    seed: AtomicU8,
    written: AtomicI64,
    consumed: AtomicI64,
    /// The place of the first consumed byte that does not count up from the one before it; -1 if
    /// there is none.
    #[cfg(feature = "explore")]
    wrong_at: AtomicI64,
    /// FNV-1a over the consumed bytes.
    checksum: AtomicU32,
}

/// What an end has taken off its read buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Taken {
    /// How many bytes it has consumed.
    pub bytes: i64,
    /// FNV-1a, of 32 bits, over these bytes.
    pub checksum: u32,
    /// How many bytes are still there.
    pub left: i64,
}

/// What is in the buffers of an end when it is called back: how the bytes were
/// moved, by copying or block by block, shows in the blocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Seen {
    /// Bytes in its read buffer.
    pub read: i64,
    /// The blocks of its read buffer.
    pub read_blocks: i64,
    /// Bytes in its write buffer.
    pub write: i64,
    /// The blocks of its write buffer.
    pub write_blocks: i64,
}

/// What has come out of the buffers of an end and into them.
#[cfg(feature = "explore")]
#[derive(Clone, Copy, Default)]
pub(super) struct Flow {
    /// Bytes that its user has written.
    pub(super) written: i64,
    /// Those that are still in its write buffer.
    pub(super) unsent: i64,
    /// Bytes that have come into its read buffer.
    pub(super) received: i64,
    /// The place of the first one that is not the byte that was written.
    pub(super) wrong_at: Option<i64>,
}

/// How much is written or taken in one go.
const PIECE: i64 = 64 * 1024;

/// Bytes that count up: a piece that begins with any byte is in them.
static COUNTING: [u8; PIECE as usize + 256] = {
    let mut bytes = [0; PIECE as usize + 256];
    let mut at = 0;
    while at < bytes.len() {
        bytes[at] = at as u8;
        at += 1;
    }
    bytes
};

impl Buffers {
    /// Empty buffers under `mutex`.
    pub(super) fn new(
        pair: &PairDef,
        interface: Interface,
        mutex: &Arc<ProxyMutex>,
        guard: &Guard<'_>,
    ) -> Buffers {
        let [read, write] = [(); 2].map(|()| {
            let mut buffer = MIOBuffer::new(pair.buffer_index);
            buffer.set_consume_beyond(interface.beyond);
            buffer.bind(mutex)
        });
        let [read_reader, write_reader] = [&read, &write]
            .map(|buffer| buffer.alloc_reader(guard).expect("a new buffer has no readers"));
        read.set_water_mark(guard, pair.read_water_mark);
        Buffers {
            calls: Calls::new(mutex, interface, [&read_reader, &write_reader]),
            read,
            read_reader,
            write,
            write_reader,
            seed: AtomicU8::new(0),
            written: AtomicI64::new(0),
            consumed: AtomicI64::new(0),
            #[cfg(feature = "explore")]
            wrong_at: AtomicI64::new(-1),
            checksum: FNV_BASIS.into(),
        }
    }

    /// Appends `bytes` bytes that count up to the write buffer.
    pub(super) fn fill(&self, guard: &Guard<'_>, bytes: i64) {
        self.written.fetch_add(bytes, Ordering::Relaxed);
        let mut left = bytes;
        while left > 0 {
            let piece = left.min(PIECE);
            let seed = self.seed.load(Ordering::Relaxed);
            let from = usize::from(seed);
            self.seed.store(seed.wrapping_add(piece as u8), Ordering::Relaxed);
            self.write.write(guard, &COUNTING[from..from + piece as usize]);
            left -= piece;
        }
    }

    /// Takes `bytes` bytes off the read buffer, or as many as there are; returns how many.
    pub(super) fn consume(&self, guard: &Guard<'_>, bytes: i64) -> i64 {
        // Below 0 if the reader stands beyond the end.
        let all = bytes.min(self.read_reader.read_avail(guard)).max(0);
        let mut left = all;
        let mut space = vec![0; left.clamp(0, PIECE) as usize];
        while left > 0 {
            let piece = left.min(PIECE) as usize;
            let read = self.read_reader.read(guard, &mut space[..piece]);
            let sum = self.checksum.load(Ordering::Relaxed);
            self.checksum.store(add_to_sum(sum, &space[..read as usize]), Ordering::Relaxed);
            #[cfg(feature = "explore")]
            self.check(&space[..read as usize]);
            self.consumed.fetch_add(read, Ordering::Relaxed);
            left -= read;
        }
        all
    }

    /// True if this call can be carried out now.
    pub(super) fn can(&self, guard: &Guard<'_>, call: BufferCall) -> bool {
        self.calls.can(guard, call)
    }

    /// How many bytes a copy will share.
    pub(super) fn copied(&self, guard: &Guard<'_>, call: BufferCall) -> i64 {
        self.calls.copied(guard, call)
    }

    /// Carries out a call that can be carried out.
    pub(super) fn perform(&self, guard: &Guard<'_>, call: BufferCall, tell: Tell<'_>) {
        self.calls.perform(guard, call, tell);
    }

    /// What is in the buffers.
    pub(super) fn seen(&self, guard: &Guard<'_>) -> Seen {
        let of = |reader: &IOBufferReader| {
            // Leaves behind the blocks that the reader has done with.
            reader.block_read_avail(guard);
            (reader.read_avail(guard), reader.block_count(guard) as i64)
        };
        let (read, read_blocks) = of(&self.read_reader);
        let (write, write_blocks) = of(&self.write_reader);
        Seen { read, read_blocks, write, write_blocks }
    }

    /// Whether the bytes that are consumed now count up.
    #[cfg(feature = "explore")]
    fn check(&self, bytes: &[u8]) {
        let consumed = self.consumed.load(Ordering::Relaxed);
        let from = usize::from(consumed as u8);
        let right = &COUNTING[from..from + bytes.len()];
        if bytes != right
            && let Some(at) = bytes.iter().zip(right).position(|(byte, right)| byte != right)
            && self.wrong_at.load(Ordering::Relaxed) < 0
        {
            self.wrong_at.store(consumed + at as i64, Ordering::Relaxed);
        }
    }

    /// What has come out of these buffers and into them; takes the rest off the read buffer.
    #[cfg(feature = "explore")]
    pub(super) fn flow(&self, guard: &Guard<'_>) -> Flow {
        self.consume(guard, i64::MAX);
        let wrong_at = self.wrong_at.load(Ordering::Relaxed);
        Flow {
            written: self.written.load(Ordering::Relaxed),
            unsent: self.write_reader.read_avail(guard),
            received: self.consumed.load(Ordering::Relaxed),
            wrong_at: (wrong_at >= 0).then_some(wrong_at),
        }
    }

    /// What has been taken off the read buffer.
    pub(super) fn taken(&self, guard: &Guard<'_>) -> Taken {
        Taken {
            bytes: self.consumed.load(Ordering::Relaxed),
            checksum: self.checksum.load(Ordering::Relaxed),
            left: self.read_reader.read_avail(guard),
        }
    }
}
