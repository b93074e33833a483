//! Blocks kept for later, without readers and a writer.
//!
//! The model covers what a chain holds and returns. In 9.1.3 copies of a chain share the blocks
//! themselves, so that consuming from one can shorten the other, and appending a chain to itself
//! links it into a ring. Here copies share only the memory, so neither can happen.

use std::collections::VecDeque;
use std::ops::AddAssign;

use super::block::IOBufferBlock;
use super::data::IOBufferData;
use super::miobuffer::MIOBuffer;
use super::num::{to_i64, to_limit, to_usize};
use super::reader::ReaderId;
use super::share::next_piece;

/// A sequence of blocks to be held for a while and used later.
///
/// Cloning it shares the memory, it does not copy bytes.
///
/// Mirrors `IOBufferChain` of `I_IOBuffer.h` (9.1.3).
///
/// ```
/// use iocore::buffer::{IOBufferChain, IOBufferData};
///
/// let mut chain = IOBufferChain::new();
/// chain.write_data(IOBufferData::from_vec(b"hello world".to_vec()), 5, 6);
/// assert_eq!(chain.length(), 5);
/// assert_eq!(chain.head().unwrap().as_slice(), b"world");
/// ```
#[derive(Clone, Debug, Default)]
pub struct IOBufferChain {
    blocks: VecDeque<IOBufferBlock>,
    /// How many bytes the blocks hold.
    len: i64,
}

impl IOBufferChain {
    /// An empty chain.
    ///
    /// Mirrors `IOBufferChain::IOBufferChain` of `I_IOBuffer.h` (9.1.3).
    pub fn new() -> Self {
        Self::default()
    }

    /// How many bytes it holds.
    ///
    /// Mirrors `IOBufferChain::length` of `I_IOBuffer.h` (9.1.3).
    pub fn length(&self) -> i64 {
        self.len
    }

    /// Shares up to `len` bytes that `reader` of `src` has to read, without those in front of
    /// `offset`. Nothing is consumed. Returns how many bytes were shared. With a `len` of zero or
    /// less nothing happens.
    ///
    /// Mirrors `IOBufferChain::write(IOBufferBlock *, int64_t, int64_t)` of `I_IOBuffer.h`
    /// (9.1.3), given the block and the offset of a reader.
    ///
    /// # Panics
    ///
    /// If the reader is not alive or `offset` is negative.
    pub fn write_from(&mut self, src: &MIOBuffer, reader: ReaderId, len: i64, offset: i64) -> i64 {
        let slot = src.slot(reader);
        let mut skip = to_usize(offset, "offset").saturating_add(slot.offset);
        let goal = to_limit(len);
        let mut left = goal;
        let blocks = src.queue.from(slot.seq);
        for block in blocks {
            if left == 0 {
                break;
            }
            self.blocks.extend(next_piece(block, &mut skip, &mut left));
        }
        let written = to_i64(goal - left);
        self.len += written;
        written
    }

    /// Appends `len` bytes of `data` from byte `offset` on; none if `len` is negative. A block is
    /// appended even for no bytes. Returns how many bytes were appended.
    ///
    /// Mirrors `IOBufferChain::write(IOBufferData *, int64_t, int64_t)` of `I_IOBuffer.h` (9.1.3).
    ///
    /// # Panics
    ///
    /// If `offset` is negative, or the bytes reach beyond the end of the data.
    pub fn write_data(&mut self, data: IOBufferData, len: i64, offset: i64) -> i64 {
        let block = IOBufferBlock::from_data(data, len.max(0), offset);
        let written = block.read_avail();
        self.blocks.push_back(block);
        self.len += written;
        written
    }

    /// Drops up to `size` bytes from the front. Returns how many.
    ///
    /// It stops at a block without bytes, as such blocks can come from
    /// [`write_data`](Self::write_data). A chain that holds no more bytes holds no more blocks.
    ///
    /// Mirrors `IOBufferChain::consume` of `I_IOBuffer.h` (9.1.3).
    pub fn consume(&mut self, size: i64) -> i64 {
        let goal = size.min(self.len).max(0);
        let mut left = goal;
        while let Some(first) = self.blocks.front_mut() {
            let bytes = first.read_avail();
            if left == 0 || bytes == 0 {
                break;
            }
            if left < bytes {
                first.consume(left);
                left = 0;
            } else {
                left -= bytes;
                self.blocks.pop_front();
            }
        }
        self.len -= goal - left;
        if self.len == 0 {
            self.clear();
        }
        goal - left
    }

    /// Drops everything.
    ///
    /// Mirrors `IOBufferChain::clear` of `I_IOBuffer.h` (9.1.3).
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The first block.
    ///
    /// Mirrors `IOBufferChain::head` of `I_IOBuffer.h` (9.1.3).
    pub fn head(&self) -> Option<&IOBufferBlock> {
        self.blocks.front()
    }

    /// All blocks, in order.
    ///
    /// Mirrors `IOBufferChain::begin` and `end` of `I_IOBuffer.h` (9.1.3).
    pub fn blocks(&self) -> impl ExactSizeIterator<Item = &IOBufferBlock> {
        self.blocks.iter()
    }
}

/// Mirrors `IOBufferChain::operator+=` of `I_IOBuffer.h` (9.1.3).
impl AddAssign<&IOBufferChain> for IOBufferChain {
    /// Appends the blocks of the other chain, sharing their memory.
    fn add_assign(&mut self, other: &Self) {
        self.blocks.extend(other.blocks.iter().cloned());
        self.len += other.len;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::pool::census;
    use crate::buffer::size::*;

    fn content(chain: &IOBufferChain) -> Vec<u8> {
        let content: Vec<u8> = chain.blocks().flat_map(IOBufferBlock::as_slice).copied().collect();
        assert_eq!(chain.length(), to_i64(content.len()));
        content
    }

    fn source() -> (MIOBuffer, ReaderId) {
        let mut buffer = MIOBuffer::new_empty(BUFFER_SIZE_INDEX_128);
        let reader = buffer.alloc_reader().unwrap();
        [b"hel", b"lo ", b"wor"].iter().for_each(|part| buffer.append_bytes(part.to_vec()));
        buffer.consume(reader, 1);
        (buffer, reader)
    }

    #[test]
    fn bytes_come_from_a_buffer_and_go_to_a_buffer() {
        let before = census().live;
        let (from, r) = source();
        let mut chain = IOBufferChain::new();
        assert_eq!(chain.write_from(&from, r, 6, 1), 6);
        assert_eq!(chain.write_from(&from, r, i64::MAX, 7), 1);
        assert_eq!(chain.write_from(&from, r, -1, 0), 0);
        drop(from);
        assert_eq!((content(&chain), chain.blocks().len()), (b"llo wor".to_vec(), 4));
        let mut to = MIOBuffer::new_empty(BUFFER_SIZE_INDEX_128);
        let t = to.alloc_reader().unwrap();
        assert_eq!(to.write_chain(&chain, i64::MAX, 2), 5);
        assert_eq!(to.write_chain(&chain, 1, 0), 1);
        assert_eq!(to.read_avail(t), 6);
        drop((chain, to));
        assert_eq!(census().live, before);
    }

    #[test]
    fn consuming_drops_blocks_and_ends_with_nothing() {
        let (from, r) = source();
        let mut chain = IOBufferChain::new();
        chain.write_from(&from, r, i64::MAX, 0);
        assert_eq!(chain.consume(3), 3);
        assert_eq!((content(&chain), chain.blocks().len()), (b"o wor".to_vec(), 2));
        assert_eq!(chain.consume(-1), 0);
        assert_eq!(chain.consume(100), 5);
        assert!(chain.head().is_none());
    }

    #[test]
    fn consuming_all_of_a_block_drops_it_and_goes_on_with_the_next() {
        for (size, rest, blocks) in [(2, "lo wor", 2), (5, "wor", 1), (6, "or", 1)] {
            let (from, r) = source();
            let mut chain = IOBufferChain::new();
            chain.write_from(&from, r, i64::MAX, 0);
            assert_eq!(chain.consume(size), size);
            assert_eq!((content(&chain), chain.blocks().len()), (rest.into(), blocks));
            assert_eq!(chain.head().unwrap().as_slice(), &rest.as_bytes()[..3.min(rest.len())]);
        }
    }

    #[test]
    fn a_chain_without_bytes_has_no_blocks() {
        let data = IOBufferData::from_vec(b"hello".to_vec());
        let mut chain = IOBufferChain::new();
        chain.write_data(data.clone(), 3, 0);
        chain.write_data(data.clone(), 0, 0);
        assert_eq!((chain.consume(3), chain.blocks().len()), (3, 0));
        chain.write_data(data, 5, 0);
        chain.clear();
        assert_eq!((chain.length(), chain.blocks().len()), (0, 0));
    }

    #[test]
    fn consuming_stops_at_an_empty_block() {
        let mut chain = IOBufferChain::new();
        let data = IOBufferData::from_vec(b"hello".to_vec());
        assert_eq!(chain.write_data(data.clone(), -1, 0), 0);
        assert_eq!(chain.write_data(data.clone(), 3, 1), 3);
        assert_eq!((chain.consume(2), chain.length()), (0, 3));
    }

    #[test]
    fn copies_do_not_touch_each_other() {
        let (from, r) = source();
        let mut chain = IOBufferChain::new();
        chain.write_from(&from, r, 4, 0);
        let copy = chain.clone();
        chain += &copy;
        chain.consume(1);
        assert_eq!(content(&copy), b"ello");
        assert_eq!(content(&chain), b"lloello");
    }
}
