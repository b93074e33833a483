//! Putting bytes into a buffer: copied, appended, or filled in by the caller.
//!
//! Modelled exactly, down to when the writer moves to the next block and what space is given up
//! when it does. Only one call of 9.1.3 is missing, which appends a ready-made chain of several
//! blocks; a user appends them one by one.

use super::block::IOBufferBlock;
use super::miobuffer::MIOBuffer;
use super::num::{to_i64, to_usize};
use super::size::SizeIndex;

impl MIOBuffer {
    /// Copies all of `bytes` to the end, and adds blocks as needed. Returns how many bytes those
    /// are.
    ///
    /// Space in the writer's block is used up first, then the block behind it, then new blocks
    /// of [`block_size`](Self::block_size). The call ignores the water mark and all limits.
    ///
    /// Mirrors `MIOBuffer::write(const void *, int64_t)` of `I_IOBuffer.h` (9.1.3).
    ///
    /// # Panics
    ///
    /// If a block is needed and the size index cannot be allocated, or a block that is there has
    /// a size beyond any allocation. No byte has been written then.
    #[inline(always)] // Mostly the bytes fit into the writer's block.
    #[doc(alias = "TSIOBufferWrite")]
    pub fn write(&mut self, bytes: &[u8]) -> i64 {
        if let Some(writer) = self.queue.writer_mut()
            && bytes.len() <= writer.space()
        {
            writer.write(bytes);
            self.end_pos += to_i64(bytes.len());
        } else {
            self.write_on(bytes);
        }
        to_i64(bytes.len())
    }

    /// The part of [`write`](Self::write) for bytes that do not fit into the writer's block.
    #[inline(never)]
    fn write_on(&mut self, bytes: &[u8]) {
        self.check_write(bytes.len());
        let mut rest = &bytes[self.write_here(bytes)..];
        while !rest.is_empty() {
            self.add_block();
            self.queue.enter_spare();
            self.let_go();
            rest = &rest[self.write_here(rest)..];
        }
    }

    /// Makes sure that `len` bytes can be written, in more blocks than the writer's.
    ///
    /// # Panics
    ///
    /// As [`write`](Self::write).
    fn check_write(&self, len: usize) {
        let mut left = len;
        for block in [self.queue.writer(), self.queue.spare()].into_iter().flatten() {
            if left > 0 && block.space() > 0 {
                block.check_space();
            }
            left = left.saturating_sub(block.space());
        }
        if left > 0 {
            IOBufferBlock::new(self.size_index).check_space();
        }
    }

    /// Puts a block behind the writer's and moves the writer to it. An empty block that was there
    /// is replaced, and space that was left in the writer's block is given up.
    ///
    /// Mirrors `MIOBuffer::append_block(IOBufferBlock *)` of `I_IOBuffer.h` (9.1.3).
    ///
    /// # Panics
    ///
    /// If the block has no readable bytes.
    pub fn append_block(&mut self, block: IOBufferBlock) {
        assert!(block.read_avail() > 0, "a block that is appended must have bytes to be read");
        self.put_behind(block);
    }

    /// Puts a new, empty block of the given size behind the writer's, in place of an empty block
    /// that was there. The writer stays where it is until its block is full, except that the
    /// first block of all is the writer's at once.
    ///
    /// Mirrors `MIOBuffer::append_block(int64_t)` of `I_IOBuffer.h` (9.1.3).
    ///
    /// # Panics
    ///
    /// If [`SizeIndex::is_allocatable`] does not hold.
    pub fn append_block_of(&mut self, size_index: SizeIndex) {
        self.put_behind(IOBufferBlock::new(size_index));
    }

    /// Appends the bytes of a vector as a block, without copying them.
    ///
    /// An empty vector appends an empty block of 128 bytes, as [`IOBufferBlock::from_vec`] says.
    ///
    /// Mirrors `MIOBuffer::append_xmalloced` of `I_IOBuffer.h` (9.1.3).
    pub fn append_bytes(&mut self, bytes: Vec<u8>) {
        self.put_behind(IOBufferBlock::from_vec(bytes));
    }

    /// Adds a block of [`block_size`](Self::block_size) behind the writer's, or as the writer's,
    /// unless there is one.
    ///
    /// Mirrors `MIOBuffer::add_block` of `I_IOBuffer.h` (9.1.3).
    ///
    /// # Panics
    ///
    /// If a block is needed and the size index cannot be allocated.
    #[inline]
    pub fn add_block(&mut self) {
        if self.queue.spare().is_none() {
            self.append_block_of(self.size_index);
        }
    }

    /// Makes the next `n` bytes of the space readable, in the writer's block and, if that is not
    /// enough, in the one behind it.
    ///
    /// The bytes should have been written to [`write_slice`](Self::write_slice) or
    /// [`write_slices`](Self::write_slices) before.
    ///
    /// Mirrors `MIOBuffer::fill` of `I_IOBuffer.h` (9.1.3).
    ///
    /// # Panics
    ///
    /// If `n` is negative or more than [`current_write_avail`](Self::current_write_avail), or if
    /// a block of these has a size beyond any allocation. Nothing has changed then. 9.1.3 runs off
    /// the end of the list.
    #[inline]
    pub fn fill(&mut self, n: i64) {
        let (bytes, space) = (to_usize(n, "fill"), self.current_write_avail());
        assert!(n <= space, "fill({n}) of a buffer that has space for {space} bytes");
        let here = bytes.min(self.queue.writer().map_or(0, IOBufferBlock::space));
        if here < bytes {
            // Before the first one is filled: after that the second must not fail.
            self.check_write(bytes);
        }
        let Some(writer) = self.queue.writer_mut() else { return };
        writer.fill_bytes(here);
        if here < bytes {
            self.queue.enter_spare();
            if let Some(writer) = self.queue.writer_mut() {
                writer.fill_bytes(bytes - here);
            }
            self.let_go();
        }
        self.end_pos += n;
    }

    /// The block that is written next: the writer's, or the one behind it if the writer's is
    /// full. `None` in a buffer without blocks.
    ///
    /// Mirrors `MIOBuffer::first_write_block` and `get_current_block` of `I_IOBuffer.h` (9.1.3).
    #[inline]
    pub fn first_write_block(&self) -> Option<&IOBufferBlock> {
        let writer = self.queue.writer()?;
        self.queue.spare().filter(|_| writer.space() == 0).or(Some(writer))
    }

    /// The space in the block that is written next; empty if there is no such block. Its bytes are
    /// arbitrary; [`fill`](Self::fill) makes the written ones readable.
    ///
    /// Mirrors `MIOBuffer::end` and `buf_end` of `I_IOBuffer.h` (9.1.3).
    #[inline]
    pub fn write_slice(&mut self) -> &mut [u8] {
        // The writer's block has space, or the spare is what comes first, or there is neither.
        match self.queue.writable().find(|block| block.space() > 0) {
            Some(block) => block.write_slice(),
            None => &mut [],
        }
    }

    /// All the space there is: in the writer's block and in the one behind it. Either may be
    /// empty. Meant for reading into several places at once, followed by one
    /// [`fill`](Self::fill).
    ///
    /// Mirrors the walk over `IOBufferBlock::next` from `MIOBuffer::first_write_block` of
    /// `I_IOBuffer.h` (9.1.3).
    pub fn write_slices(&mut self) -> [&mut [u8]; 2] {
        let mut blocks = self.queue.writable();
        [blocks.next(), blocks.next()].map(|block| match block {
            Some(block) => block.write_slice(),
            None => &mut [],
        })
    }

    /// How many bytes of space there are in the block that is written next.
    ///
    /// Mirrors `MIOBuffer::block_write_avail` of `I_IOBuffer.h` (9.1.3).
    #[inline]
    pub fn block_write_avail(&self) -> i64 {
        self.first_write_block().map_or(0, IOBufferBlock::write_avail)
    }

    /// Copies into the writer's block as many bytes as fit. Returns how many.
    #[inline(always)]
    fn write_here(&mut self, bytes: &[u8]) -> usize {
        let written = self.queue.writer_mut().map_or(0, |writer| writer.write(bytes));
        self.end_pos += to_i64(written);
        written
    }

    /// Puts any block behind the writer's, with the bytes it has.
    #[inline]
    pub(super) fn put_behind(&mut self, block: IOBufferBlock) {
        self.end_pos += block.read_avail();
        self.queue.append(block);
        self.let_go();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::ReaderId;
    use crate::buffer::pool::census;
    use crate::buffer::size::*;

    fn buffer() -> (MIOBuffer, ReaderId) {
        let mut buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
        let reader = buffer.alloc_reader().unwrap();
        (buffer, reader)
    }

    fn content(buffer: &MIOBuffer, reader: ReaderId) -> Vec<u8> {
        buffer.check_invariants();
        buffer.blocks(reader).flatten().copied().collect()
    }

    #[test]
    fn a_write_fills_the_block_then_the_spare_then_new_blocks() {
        let (mut b, r) = buffer();
        assert_eq!(b.write(&[1; 128]), 128);
        assert_eq!((b.block_count(r), b.current_write_avail()), (1, 0), "full, and nothing added");
        b.append_block_of(BUFFER_SIZE_INDEX_256);
        assert_eq!(b.write(&[2; 300]), 300);
        assert_eq!((b.block_count(r), b.current_write_avail()), (3, 84));
        assert_eq!(content(&b, r), [vec![1; 128], vec![2; 300]].concat());
        assert_eq!(b.write(b""), 0);
    }

    #[test]
    fn an_empty_write_adds_no_block_to_an_empty_buffer() {
        let mut b = MIOBuffer::new_empty(BUFFER_SIZE_INDEX_128);
        b.write(b"");
        assert!(b.first_write_block().is_none());
        b.fill(0);
        assert!(b.write_slice().is_empty());
        assert_eq!(b.block_write_avail(), 0);
    }

    #[test]
    fn append_block_replaces_an_empty_block() {
        let (mut b, r) = buffer();
        b.write(b"ab");
        b.append_block_of(BUFFER_SIZE_INDEX_1K);
        b.append_block(IOBufferBlock::from_vec(b"cd".to_vec()));
        assert_eq!((b.block_count(r), b.current_write_avail()), (2, 0));
        b.append_bytes(b"ef".to_vec());
        b.append_bytes(Vec::new());
        assert_eq!((b.block_count(r), b.current_write_avail()), (4, 128));
        assert_eq!(content(&b, r), b"abcdef");
    }

    #[test]
    fn add_block_does_nothing_when_there_is_a_next_one() {
        let (mut b, r) = buffer();
        b.add_block();
        b.add_block();
        assert_eq!((b.block_count(r), b.current_write_avail()), (2, 256));
    }

    #[test]
    fn fill_goes_on_in_the_next_block() {
        let (mut b, r) = buffer();
        b.add_block();
        let [first, second] = b.write_slices();
        assert_eq!((first.len(), second.len()), (128, 128));
        first.fill(1);
        second.fill(2);
        b.fill(128);
        assert_eq!((b.block_write_avail(), b.current_write_avail()), (128, 128));
        assert_eq!(b.first_write_block().unwrap().read_avail(), 0, "the block behind the writer's");
        assert_eq!(b.write_slice().len(), 128);
        b.fill(2);
        assert_eq!(content(&b, r), [vec![1; 128], vec![2; 2]].concat());
        assert_eq!(b.current_write_avail(), 126);
    }

    #[test]
    fn fill_stays_in_the_writers_block_as_long_as_that_has_space() {
        for (n, spaces) in [(0, [128, 128]), (127, [1, 128]), (128, [0, 128]), (129, [0, 127])] {
            let (mut b, r) = buffer();
            b.add_block();
            b.fill(n);
            b.check_invariants();
            assert_eq!((b.block_count(r), b.read_avail(r)), (2, n));
            assert_eq!(b.current_write_avail(), spaces.iter().sum::<i64>(), "{n}");
            // The spare becomes the writer's block with its first byte.
            assert_eq!(b.queue.spare().is_some(), n <= 128, "{n}");
        }
    }

    #[test]
    #[should_panic(expected = "fill(129) of a buffer that has space for 128 bytes")]
    fn fill_stays_within_the_space() {
        buffer().0.fill(129);
    }

    #[test]
    #[should_panic(expected = "must have bytes")]
    fn an_empty_block_is_not_appended() {
        buffer().0.append_block(IOBufferBlock::new(BUFFER_SIZE_INDEX_128));
    }

    #[test]
    fn blocks_without_readers_go_as_the_writer_moves_on() {
        let before = census().live;
        let mut b = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
        b.write(&[1; 10_000]);
        assert_eq!(census().live, before + 1);
    }

    #[test]
    fn the_steady_state_asks_nothing_of_the_allocator() {
        let (mut a, ra) = buffer();
        let (mut b, rb) = buffer();
        let turn = |a: &mut MIOBuffer, b: &mut MIOBuffer| {
            a.write(&[5; 1000]);
            b.write_from(a, ra, i64::MAX, 0);
            a.consume(ra, 1000);
            b.consume(rb, 1000);
        };
        (0..10).for_each(|_| turn(&mut a, &mut b));
        let before = census();
        (0..1000).for_each(|_| turn(&mut a, &mut b));
        assert_eq!(census().fresh, before.fresh);
        assert!((census().live - before.live).abs() <= 10);
    }
}
