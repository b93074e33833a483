//! The buffer itself: its parts, how it is made and freed.
//!
//! Writing is in `write.rs` and `share.rs`, the water marks are in `water.rs`, the readers' life
//! is in `reader.rs`, and what they do in `read.rs` and `peek.rs`.
//!
//! The model has all states that `MIOBuffer` of 9.1.3 can reach by its own calls. Its fields are
//! private here, so a user cannot set them to any other state. A buffer over a user's memory
//! (`MIOBuffer::set`) is a new, empty one with the bytes appended.

use eventsys::defects::rearmed;

use super::beyond::ConsumeBeyond;
use super::num::to_i64;
use super::queue::BlockQueue;
use super::reader::{ReaderSlot, Readers};
use super::size::SizeIndex;
use super::water;
use crate::defects::WATER_MARK;

/// A queue of bytes with one writer and up to
/// [`MAX_MIOBUFFER_READERS`](super::MAX_MIOBUFFER_READERS) readers.
///
/// Each reader sees all bytes from its own place on. Memory is released when the slowest reader has
/// left it. Nothing limits how much is written; the water mark is a hint for this, which the two
/// sides may use or ignore.
///
/// ```
/// use iocore::buffer::{BUFFER_SIZE_INDEX_4K, MIOBuffer};
///
/// let mut from = MIOBuffer::new(BUFFER_SIZE_INDEX_4K);
/// let mut to = MIOBuffer::new(BUFFER_SIZE_INDEX_4K);
/// let reader = from.alloc_reader()?;
/// let end = to.alloc_reader()?;
///
/// from.write(b"hello");
/// to.write_from(&from, reader, i64::MAX, 0); // Shares the memory.
/// from.consume(reader, 5);
/// assert_eq!(to.block_slice(end), b"hello");
/// # Ok::<(), iocore::buffer::NoReaderLeft>(())
/// ```
///
/// Mirrors `MIOBuffer` of `I_IOBuffer.h` (9.1.3).
#[derive(Debug)]
pub struct MIOBuffer {
    /// The blocks. See the module of the queue for its invariants.
    pub(super) queue: BlockQueue,
    /// The absolute position behind the last byte in the queue, counted from the first byte that
    /// was ever put into this buffer. A reader knows the position of its next byte, so the number
    /// of its readable bytes is a difference.
    pub(super) end_pos: i64,
    /// The readers. [`check_invariants`](Self::check_invariants) says where they may be.
    pub(super) readers: Readers,
    /// The size of the blocks that are added.
    pub(super) size_index: SizeIndex,
    pub(super) water_mark: i64,
    pub(super) beyond: ConsumeBeyond,
}

impl MIOBuffer {
    /// A buffer with one empty block of the given size and a water mark of zero.
    ///
    /// Mirrors `new_MIOBuffer` of `I_IOBuffer.h` (9.1.3).
    ///
    /// # Panics
    ///
    /// If [`SizeIndex::is_allocatable`] does not hold.
    #[doc(alias = "TSIOBufferSizedCreate")]
    #[inline]
    pub fn new(size_index: SizeIndex) -> Self {
        let mut buffer = Self::new_empty(size_index);
        buffer.append_block_of(size_index);
        buffer
    }

    /// A buffer without any block and a water mark of zero. The first write, or any other call that
    /// needs a block, adds one of the given size.
    ///
    /// Readers may be allocated before that. They have no block, and find themselves at the start
    /// of the first one when it comes.
    ///
    /// Mirrors `new_empty_MIOBuffer` of `I_IOBuffer.h` (9.1.3).
    #[inline]
    pub fn new_empty(size_index: SizeIndex) -> Self {
        Self {
            queue: BlockQueue::default(),
            end_pos: 0,
            readers: Readers::NONE,
            size_index,
            water_mark: if rearmed(&WATER_MARK) { water::recycled() } else { 0 },
            beyond: ConsumeBeyond::default(),
        }
    }

    /// The index of the size of the blocks that this buffer adds.
    ///
    /// Mirrors `MIOBuffer::size_index` of `I_IOBuffer.h` (9.1.3).
    #[inline]
    pub fn size_index(&self) -> SizeIndex {
        self.size_index
    }

    /// The size in bytes of the blocks that this buffer adds.
    ///
    /// Mirrors `MIOBuffer::block_size` of `I_IOBuffer.h` (9.1.3).
    #[inline]
    pub fn block_size(&self) -> i64 {
        self.size_index.buffer_size()
    }

    /// Empties the writer's block and puts all readers at its start, without limits.
    ///
    /// An empty block behind the writer's stays. Memory that others can still read is left to
    /// them, as [`IOBufferBlock::reset`](super::IOBufferBlock::reset) says; 9.1.3 would overwrite
    /// it.
    ///
    /// Mirrors `MIOBuffer::reset` of `I_IOBuffer.h` (9.1.3).
    pub fn reset(&mut self) {
        if let Some(writer) = self.queue.writer_mut() {
            writer.reset();
        }
        // Dropped bytes keep their positions; new bytes get the positions behind them. So no reader
        // may stay behind.
        let at = self.writer_place();
        self.readers.iter_mut().filter(|slot| slot.is_live()).for_each(|slot| slot.put_at(at));
        self.let_go();
    }

    /// Deallocates all readers and releases all blocks. The size index and the water mark stay.
    ///
    /// Mirrors `MIOBuffer::dealloc` of `I_IOBuffer.h` (9.1.3).
    pub fn dealloc(&mut self) {
        self.dealloc_all_readers();
        self.queue.clear();
    }

    /// As [`dealloc`](Self::dealloc), and the buffer also forgets its size index and its water
    /// mark. Every call that adds a block panics from now on.
    ///
    /// Mirrors `MIOBuffer::clear` of `I_IOBuffer.h` (9.1.3).
    pub fn clear(&mut self) {
        self.dealloc();
        self.size_index = SizeIndex::NOT_ALLOCATED;
        self.water_mark = 0;
    }

    /// Checks that the buffer is in a valid state. It takes time in proportion to the number of
    /// blocks and is meant for tests.
    ///
    /// Besides the queue's own invariants: every live reader is at a block between the first and
    /// the writer's (or, without blocks, at the number of the first to come), within the bytes of
    /// that block; its position is as far from the end as there are bytes to read; and the first
    /// block is needed by a reader or the writer.
    ///
    /// # Panics
    ///
    /// If an invariant does not hold.
    pub fn check_invariants(&self) {
        self.queue.check_invariants();
        let (front, writer) = (self.queue.front(), self.queue.writer_seq());
        let mut oldest = writer;
        for slot in self.live_readers() {
            assert!(front <= slot.seq && slot.seq <= writer, "a reader is at a block it may see");
            oldest = oldest.min(slot.seq);
            let block = self.queue.get(slot.seq).map_or(0, |block| block.len());
            let may_be_beyond = self.beyond == ConsumeBeyond::GoesOn;
            assert!(slot.offset <= block || may_be_beyond, "a reader is within its block");
            let bytes: usize = self.queue.from(slot.seq).map(|block| block.len()).sum();
            let left = to_i64(bytes) - to_i64(slot.offset);
            assert_eq!(left, self.end_pos - slot.pos, "a reader's position tells what is left");
        }
        assert_eq!(front, oldest, "the first block is needed");
    }

    /// Releases the blocks in front of all readers and of the writer. Must be called whenever one
    /// of them has moved or gone.
    #[inline]
    pub(super) fn let_go(&mut self) {
        let oldest = |oldest: u64, slot: &ReaderSlot| oldest.min(slot.seq);
        let oldest = self.live_readers().fold(self.queue.writer_seq(), oldest);
        // Usually a reader is still at the first block.
        if oldest > self.queue.front() {
            self.queue.drop_before(oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::pool::census;
    use crate::buffer::size::*;

    #[test]
    fn a_new_buffer_has_a_block_and_an_empty_one_has_none() {
        let mut new = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
        let mut empty = MIOBuffer::new_empty(BUFFER_SIZE_INDEX_128);
        let (r, e) = (new.alloc_reader().unwrap(), empty.alloc_reader().unwrap());
        assert_eq!((new.block_count(r), new.current_write_avail()), (1, 128));
        assert_eq!((empty.block_count(e), empty.current_write_avail()), (0, 0));
        assert_eq!((new.water_mark(), new.block_size()), (0, 128));
        assert_eq!(empty.size_index(), BUFFER_SIZE_INDEX_128);
        empty.write(b"hello");
        assert_eq!((empty.block_count(e), empty.read_avail(e)), (1, 5));
        empty.check_invariants();
    }

    #[test]
    fn an_idle_buffer_has_no_block_memory() {
        let before = census();
        let mut buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_2M);
        assert_eq!(buffer.write_avail(), 2 << 20);
        buffer.reset();
        assert_eq!(census(), before);
    }

    #[test]
    fn reset_empties_the_writers_block_and_keeps_the_spare() {
        let mut buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
        let reader = buffer.alloc_reader().unwrap();
        buffer.write(&[1; 300]);
        buffer.append_block_of(BUFFER_SIZE_INDEX_256);
        buffer.set_size_limit(reader, 10);
        assert_eq!(buffer.block_count(reader), 4);
        buffer.reset();
        buffer.check_invariants();
        assert_eq!((buffer.block_count(reader), buffer.read_avail(reader)), (2, 0));
        assert_eq!(buffer.size_limit(reader), i64::MAX);
        assert_eq!(buffer.current_write_avail(), 128 + 256);
        buffer.write(b"hello");
        assert_eq!(buffer.block_slice(reader), b"hello");
    }

    #[test]
    fn reset_does_not_touch_what_others_read() {
        let mut buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
        let mut other = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
        let (r, o) = (buffer.alloc_reader().unwrap(), other.alloc_reader().unwrap());
        buffer.write(b"hello");
        other.write_from(&buffer, r, i64::MAX, 0);
        buffer.reset();
        buffer.write(b"abcde");
        assert_eq!((buffer.block_slice(r), other.block_slice(o)), (&b"abcde"[..], &b"hello"[..]));
    }

    #[test]
    fn dealloc_keeps_the_size_and_clear_forgets_it() {
        let before = census().live;
        let mut buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
        buffer.set_water_mark(7);
        buffer.alloc_reader().unwrap();
        buffer.write(&[1; 1000]);
        buffer.dealloc();
        assert_eq!(census().live, before);
        assert_eq!((buffer.block_size(), buffer.water_mark()), (128, 7));
        let reader = buffer.alloc_reader().unwrap();
        assert_eq!(buffer.block_count(reader), 0);
        buffer.write(b"hello");
        assert_eq!(buffer.read_avail(reader), 5);
        buffer.clear();
        buffer.check_invariants();
        assert_eq!((buffer.block_size(), buffer.water_mark()), (0, 0));
    }

    #[test]
    #[should_panic(expected = "no block can be made")]
    fn a_cleared_buffer_cannot_be_written() {
        let mut buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
        buffer.clear();
        buffer.write(b"hello");
    }

    /// The check can fail: the test makes each invalid state by hand.
    #[test]
    fn check_invariants_finds_each_state_that_a_buffer_cannot_be_in() {
        type Break = fn(&mut MIOBuffer);
        let cases: [(Break, &str); 5] = [
            (|b| b.readers.first.seq += 2, "a reader is at a block it may see"),
            (|b| b.readers.first.offset = 129, "a reader is within its block"),
            (|b| b.end_pos += 1, "a reader's position tells what is left"),
            (|b| b.readers.first.pos += 1, "a reader's position tells what is left"),
            (|b| b.readers = Readers::NONE, "the first block is needed"),
        ];
        for (break_it, sentence) in cases {
            let mut buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
            let reader = buffer.alloc_reader().unwrap();
            buffer.write(&[1; 200]);
            buffer.consume(reader, 100);
            buffer.check_invariants();
            break_it(&mut buffer);
            let check = std::panic::AssertUnwindSafe(|| buffer.check_invariants());
            let panic = std::panic::catch_unwind(check).expect_err(sentence);
            let text = match panic.downcast::<String>() {
                Ok(text) => *text,
                Err(panic) => panic.downcast::<&str>().expect("a text").to_string(),
            };
            assert!(text.contains(sentence), "{text}");
        }
    }

    #[test]
    fn a_million_blocks_drop_in_a_loop() {
        let before = census().live;
        let mut buffer = MIOBuffer::new_empty(BUFFER_SIZE_INDEX_128);
        let reader = buffer.alloc_reader().unwrap();
        let blocks = if cfg!(miri) { 1_000 } else { 1_000_000_u32 };
        for byte in 0..blocks {
            buffer.append_bytes(vec![byte.to_le_bytes()[0]]);
        }
        assert_eq!(buffer.block_count(reader), usize::try_from(blocks).unwrap());
        assert_eq!(buffer.read_avail(reader), i64::from(blocks));
        let last = i64::from(blocks) - 1;
        assert_eq!(buffer.byte_at(reader, last), last.to_le_bytes()[0]);
        drop(buffer);
        assert_eq!(census().live, before);
    }
}
