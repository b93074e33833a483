//! One block: readable bytes, and behind them space for writing.
//!
//! Modelled are the four pointers of 9.1.3 (`buf`, `start`, `end`, `buf_end`) as offsets. The
//! link to the next block is not: chains are queues here. A block takes its memory when it is first
//! written to; no call shows this.

#![allow(unsafe_code)]

use super::data::{IOBufferData, Memory};
use super::num::{to_i64, to_usize};
use super::pool;
use super::size::SizeIndex;
use super::view::BlockView;

/// A part of a piece of memory: readable bytes, and space for writing.
///
/// Cloning it shares the readable bytes and leaves the space with the original; see
/// [`clone`](IOBufferBlock#impl-Clone-for-IOBufferBlock).
///
/// Mirrors `IOBufferBlock` of `I_IOBuffer.h` (9.1.3).
///
/// ```
/// use iocore::buffer::{BUFFER_SIZE_INDEX_4K, IOBufferBlock};
///
/// let mut block = IOBufferBlock::new(BUFFER_SIZE_INDEX_4K);
/// block.write_slice()[..5].copy_from_slice(b"hello");
/// block.fill(5);
/// block.consume(1);
/// assert_eq!(block.as_slice(), b"ello");
/// assert_eq!(block.write_avail(), 4_096 - 5, "what is consumed gives no room back");
/// ```
#[derive(Debug)]
pub struct IOBufferBlock {
    /// `None` until the first write. All offsets below count from its first byte.
    memory: Option<Memory>,
    /// The first readable byte. `start <= end`.
    start: usize,
    /// Behind the last readable byte; the first byte of the space. No thread writes the bytes from
    /// `start` to `end` again as long as any block can read them; they may be read on other threads
    /// at any time. `end > 0` only with memory.
    end: usize,
    /// Behind the last byte of the space; at most the size. The bytes from `end` to here belong to
    /// this block alone: no other holder of the memory reads or writes them.
    buf_end: usize,
    /// The size of the memory, whether it has been taken or not.
    index: SizeIndex,
}

impl IOBufferBlock {
    /// An empty block with space for `index` bytes.
    ///
    /// Mirrors `new_IOBufferBlock` followed by `IOBufferBlock::alloc` of `I_IOBuffer.h` (9.1.3).
    ///
    /// # Panics
    ///
    /// If [`SizeIndex::is_allocatable`] does not hold.
    #[inline]
    pub fn new(index: SizeIndex) -> Self {
        assert!(index.is_allocatable(), "no block can be made with the size index {index:?}");
        Self { memory: None, start: 0, end: 0, buf_end: index.bytes(), index }
    }

    /// A block that is full of the given bytes. They are not copied.
    ///
    /// An empty vector makes an empty block with 128 bytes of space, because the index of size zero
    /// is the index of this class. (9.1.3 says the same of its block, over memory that is not
    /// there.)
    ///
    /// Mirrors `IOBufferBlock::set_internal` of `I_IOBuffer.h` (9.1.3), as `append_xmalloced` uses
    /// it.
    pub fn from_vec(vec: Vec<u8>) -> Self {
        let len = vec.len();
        let memory = Memory::from_vec(vec);
        let index = memory.index();
        Self { memory: Some(memory), start: 0, end: len, buf_end: index.bytes(), index }
    }

    /// A block over `data`, whose readable bytes are the `len` bytes from byte `offset` on.
    ///
    /// The bytes behind them are space if this is the only reference to the data. If it is shared,
    /// the block has no space. (9.1.3 gives it the space all the same.)
    ///
    /// Mirrors `IOBufferBlock::set` of `I_IOBuffer.h` (9.1.3).
    ///
    /// # Panics
    ///
    /// If an argument is negative, or the bytes reach beyond the end of the data.
    pub fn from_data(data: IOBufferData, len: i64, offset: i64) -> Self {
        let start = to_usize(offset, "offset");
        let end = start.saturating_add(to_usize(len, "len"));
        let memory = data.into_memory();
        let index = memory.index();
        assert!(end <= index.bytes(), "bytes {start} to {end} reach beyond the end of the data");
        let buf_end = if memory.is_unique() { index.bytes() } else { end };
        Self { memory: Some(memory), start, end, buf_end, index }
    }

    /// The number of readable bytes.
    ///
    /// Mirrors `IOBufferBlock::read_avail` (and `size`) of `I_IOBuffer.h` (9.1.3).
    #[inline]
    pub fn read_avail(&self) -> i64 {
        to_i64(self.len())
    }

    /// The number of bytes that fit into the space.
    ///
    /// Mirrors `IOBufferBlock::write_avail` of `I_IOBuffer.h` (9.1.3).
    #[inline]
    pub fn write_avail(&self) -> i64 {
        to_i64(self.space())
    }

    /// The size in bytes of its whole memory; the block may use only a part of it.
    ///
    /// Mirrors `IOBufferBlock::block_size` of `I_IOBuffer.h` (9.1.3).
    #[inline]
    pub fn block_size(&self) -> i64 {
        self.index.buffer_size()
    }

    /// The index of the size of its memory.
    ///
    /// Mirrors `IOBufferData::_size_index` of `I_IOBuffer.h` (9.1.3).
    #[inline]
    pub fn size_index(&self) -> SizeIndex {
        self.index
    }

    /// The readable bytes.
    ///
    /// Mirrors `IOBufferBlock::start` and `end` of `I_IOBuffer.h` (9.1.3).
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        match &self.memory {
            // SAFETY: by the invariant of `end`, no thread writes these bytes.
            Some(memory) => unsafe { memory.slice(self.start, self.end) },
            None => &[],
        }
    }

    /// The space for writing. Its bytes are arbitrary; [`fill`](Self::fill) makes the written ones
    /// readable.
    ///
    /// Mirrors `IOBufferBlock::end` and `buf_end` of `I_IOBuffer.h` (9.1.3).
    #[inline]
    pub fn write_slice(&mut self) -> &mut [u8] {
        if self.space() == 0 {
            return &mut [];
        }
        let (end, buf_end) = (self.end, self.buf_end);
        // SAFETY: by the invariant of `buf_end`, no other holder of the memory reads or writes
        // these bytes.
        unsafe { self.memory_to_write().slice_mut(end, buf_end) }
    }

    /// Makes the next `len` bytes of the space readable.
    ///
    /// Mirrors `IOBufferBlock::fill` of `I_IOBuffer.h` (9.1.3).
    ///
    /// # Panics
    ///
    /// If `len` is negative or larger than the space.
    #[inline]
    pub fn fill(&mut self, len: i64) {
        self.fill_bytes(to_usize(len, "fill"));
    }

    /// Drops the first `len` readable bytes. The space does not grow.
    ///
    /// Mirrors `IOBufferBlock::consume` of `I_IOBuffer.h` (9.1.3).
    ///
    /// # Panics
    ///
    /// If `len` is negative or larger than the number of readable bytes.
    #[inline]
    pub fn consume(&mut self, len: i64) {
        let (len, have) = (to_usize(len, "consume"), self.len());
        assert!(len <= have, "consume({len}) of a block that has {have} bytes");
        self.start += len;
    }

    /// Empties the block and makes all of its memory space again.
    ///
    /// If others can still read that memory, they keep it, and the block takes fresh memory of
    /// the same size. 9.1.3 would overwrite what the others read.
    ///
    /// Mirrors `IOBufferBlock::reset` of `I_IOBuffer.h` (9.1.3).
    pub fn reset(&mut self) {
        if self.memory.as_ref().is_some_and(|memory| !memory.is_unique()) {
            self.memory = None;
        }
        (self.start, self.end, self.buf_end) = (0, 0, self.index.bytes());
    }

    /// A block that shares `len` of the readable bytes, from the one at `offset` on. It has no
    /// space.
    ///
    /// Mirrors `iobufferblock_clone` of `P_IOBuffer.h` (9.1.3), for one block.
    ///
    /// # Panics
    ///
    /// If an argument is negative, or the range reaches beyond the readable bytes.
    pub fn clone_range(&self, offset: i64, len: i64) -> Self {
        self.share(to_usize(offset, "offset"), to_usize(len, "len"))
    }

    /// The readable bytes; the caller may keep them for any time and read them on any thread.
    ///
    /// Has no counterpart in 9.1.3, where a user keeps a pointer to the block.
    pub fn view(&self) -> BlockView {
        BlockView::new(self.clone())
    }

    /// [`read_avail`](Self::read_avail), as memory counts it.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }

    /// [`write_avail`](Self::write_avail), as memory counts it.
    #[inline]
    pub(super) fn space(&self) -> usize {
        self.buf_end - self.end
    }

    /// [`fill`](Self::fill), as memory counts it.
    #[inline]
    pub(super) fn fill_bytes(&mut self, len: usize) {
        let space = self.space();
        assert!(len <= space, "fill({len}) of a block that has space for {space} bytes");
        if len > 0 {
            // The memory must exist before its bytes become readable, written or not.
            self.memory_to_write();
        }
        self.end += len;
    }

    /// Takes the memory of the space, if it is not there yet.
    ///
    /// # Panics
    ///
    /// If the memory cannot be allocated.
    pub(super) fn check_space(&self) {
        if self.memory.is_none() {
            pool::check(self.index);
        }
    }

    /// Copies in as many of the bytes as fit. Returns how many.
    #[inline(always)]
    pub(super) fn write(&mut self, bytes: &[u8]) -> usize {
        let len = bytes.len().min(self.space());
        if len > 0 {
            let (start, end) = (self.end, self.end + len);
            // SAFETY: `len` is at most the space, so these bytes are space; by the invariant of
            // `buf_end`, no other holder of the memory reads or writes them.
            let space = unsafe { self.memory_to_write().slice_mut(start, end) };
            space.copy_from_slice(&bytes[..len]);
            self.end = end;
        }
        len
    }

    /// The memory, which is taken when it is first needed.
    #[inline(always)]
    fn memory_to_write(&mut self) -> &mut Memory {
        #[cold]
        #[inline(never)]
        fn take(index: SizeIndex) -> Memory {
            Memory::new(index)
        }
        self.memory.get_or_insert_with(|| take(self.index))
    }

    /// [`clone_range`](Self::clone_range), as memory counts it.
    #[inline]
    pub(super) fn share(&self, offset: usize, len: usize) -> Self {
        let have = self.len();
        assert!(
            offset <= have && len <= have - offset,
            "{len} bytes from byte {offset} of a block that has {have} bytes"
        );
        let start = self.start + offset;
        let end = start + len;
        Self { memory: self.memory.clone(), start, end, buf_end: end, index: self.index }
    }
}

/// Mirrors `IOBufferBlock::clone` of `I_IOBuffer.h` (9.1.3).
impl Clone for IOBufferBlock {
    /// Shares all of the readable bytes. The clone has no space: bytes written to the original from
    /// now on do not show in it.
    #[inline]
    fn clone(&self) -> Self {
        self.share(0, self.len())
    }
}

impl From<Vec<u8>> for IOBufferBlock {
    /// As [`IOBufferBlock::from_vec`].
    fn from(vec: Vec<u8>) -> Self {
        Self::from_vec(vec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::pool::census;
    use crate::buffer::size::*;

    fn block_of(bytes: &[u8]) -> IOBufferBlock {
        let mut block = IOBufferBlock::new(BUFFER_SIZE_INDEX_128);
        assert_eq!(block.write(bytes), bytes.len());
        block
    }

    #[test]
    fn a_new_block_costs_no_memory_until_it_is_written() {
        let before = census();
        let mut block = IOBufferBlock::new(BUFFER_SIZE_INDEX_32K);
        assert_eq!(
            (block.read_avail(), block.write_avail(), block.block_size()),
            (0, 32768, 32768)
        );
        assert_eq!(block.as_slice(), b"");
        block.fill(0);
        block.reset();
        let clone = block.clone();
        assert_eq!((clone.write_avail(), clone.block_size()), (0, 32768));
        assert_eq!(census(), before);
        block.fill(1);
        assert_eq!(census().live, before.live + 1);
        assert_eq!(block.as_slice().len(), 1);
    }

    #[test]
    fn fill_makes_space_readable_and_consume_drops_from_the_front() {
        let mut block = IOBufferBlock::new(BUFFER_SIZE_INDEX_128);
        block.write_slice()[..5].copy_from_slice(b"hello");
        assert_eq!(block.read_avail(), 0);
        block.fill(5);
        assert_eq!((block.as_slice(), block.write_avail()), (&b"hello"[..], 123));
        block.consume(2);
        assert_eq!((block.as_slice(), block.write_avail()), (&b"llo"[..], 123));
    }

    #[test]
    fn a_clone_shares_the_bytes_and_leaves_the_space() {
        let before = census().live;
        let mut block = block_of(b"hello");
        let clone = block.clone();
        block.write(b" world");
        assert_eq!((clone.as_slice(), clone.write_avail()), (&b"hello"[..], 0));
        assert_eq!(block.as_slice(), b"hello world");
        let part = block.clone_range(6, 3);
        drop(block);
        assert_eq!((part.as_slice(), part.write_avail()), (&b"wor"[..], 0));
        assert_eq!(census().live, before + 1);
        drop((clone, part));
        assert_eq!(census().live, before);
    }

    #[test]
    fn reset_reuses_memory_of_its_own() {
        let before = census().fresh;
        let mut block = block_of(b"hello");
        let fresh = census().fresh - before;
        block.reset();
        assert_eq!((block.read_avail(), block.write_avail()), (0, 128));
        assert_eq!(&block.write_slice()[..5], b"hello", "old bytes, but initialised ones");
        assert_eq!(census().fresh - before, fresh);
    }

    #[test]
    fn reset_leaves_shared_memory_to_the_others() {
        let mut block = block_of(b"hello");
        let clone = block.clone();
        block.reset();
        block.write(b"abcde");
        assert_eq!(clone.as_slice(), b"hello");
        assert_eq!(block.as_slice(), b"abcde");
    }

    #[test]
    fn a_clone_that_is_left_alone_gets_the_whole_memory_by_reset() {
        let block = block_of(b"hello");
        let mut clone = block.clone_range(1, 2);
        drop(block);
        clone.reset();
        assert_eq!((clone.read_avail(), clone.write_avail()), (0, 128));
        clone.write(&[9; 128]);
        assert_eq!(clone.as_slice(), [9; 128]);
    }

    #[test]
    fn a_vector_makes_a_full_block_and_an_empty_one_an_empty_block() {
        let mut block = IOBufferBlock::from(b"hello".to_vec());
        assert_eq!((block.as_slice(), block.write_avail()), (&b"hello"[..], 0));
        assert_eq!(block.size_index(), SizeIndex::own_size(5));
        block.reset();
        assert_eq!(block.write_avail(), 5);
        let empty = IOBufferBlock::from_vec(Vec::new());
        assert_eq!((empty.read_avail(), empty.write_avail()), (0, 128));
    }

    #[test]
    fn data_gives_its_space_to_the_block_that_holds_it_alone() {
        let data = IOBufferData::from_vec(b"hello".to_vec());
        let shared = IOBufferBlock::from_data(data.clone(), 3, 1);
        assert_eq!((shared.as_slice(), shared.write_avail()), (&b"ell"[..], 0));
        drop(shared);
        let alone = IOBufferBlock::from_data(data, 3, 1);
        assert_eq!((alone.as_slice(), alone.write_avail()), (&b"ell"[..], 1));
    }

    #[test]
    #[should_panic(expected = "beyond the end of the data")]
    fn a_block_stays_within_its_data() {
        IOBufferBlock::from_data(IOBufferData::from_vec(vec![0; 5]), 3, 3);
    }

    #[test]
    fn a_part_stays_within_the_bytes_that_are_there_to_be_read() {
        let mut block = IOBufferBlock::new(BUFFER_SIZE_INDEX_128);
        block.write(b"hello world");
        block.consume(6);
        for (offset, len, bytes) in [(0, 5, "world"), (1, 3, "orl"), (5, 0, ""), (0, 0, "")] {
            assert_eq!(block.clone_range(offset, len).as_slice(), bytes.as_bytes());
        }
        for (offset, len) in [(0, 6), (1, 5), (5, 1), (6, 0), (0, i64::MAX), (i64::MAX, 1)] {
            let part = std::panic::catch_unwind(|| block.clone_range(offset, len));
            let text = *part.unwrap_err().downcast::<String>().unwrap();
            let expected = format!("{len} bytes from byte {offset} of a block that has 5 bytes");
            assert_eq!(text, expected);
        }
    }

    #[test]
    #[should_panic(expected = "space for 128 bytes")]
    fn fill_stays_within_the_space() {
        IOBufferBlock::new(BUFFER_SIZE_INDEX_128).fill(129);
    }

    #[test]
    #[should_panic(expected = "consume(6) of a block that has 5 bytes")]
    fn consume_stays_within_the_bytes() {
        block_of(b"hello").consume(6);
    }
}
