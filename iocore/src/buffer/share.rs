//! Passing bytes from buffer to buffer without copying them.
//!
//! Modelled exactly, except for a buffer that is written from itself beyond its end.

use super::block::IOBufferBlock;
use super::chain::IOBufferChain;
use super::miobuffer::MIOBuffer;
use super::num::{to_i64, to_limit, to_usize};
use super::reader::ReaderId;

impl MIOBuffer {
    /// Shares up to `len` bytes that `reader` of `src` has to read, without those in front of
    /// `offset`. Nothing is copied or consumed. Returns how many bytes were shared.
    ///
    /// Every block of the source makes a block here, even for a single byte; space that was left
    /// in the writer's block is given up. For small pieces copying is the better way.
    ///
    /// The reader's [`size_limit`](Self::size_limit) is ignored. With a `len` of zero or less
    /// nothing happens.
    ///
    /// Mirrors `MIOBuffer::write(IOBufferReader *, int64_t, int64_t)` of `I_IOBuffer.h` (9.1.3).
    /// For a reader of the same buffer see [`write_within`](Self::write_within).
    ///
    /// # Panics
    ///
    /// If the reader is not alive or `offset` is negative.
    #[inline]
    #[doc(alias = "TSIOBufferCopy")]
    pub fn write_from(&mut self, src: &MIOBuffer, reader: ReaderId, len: i64, offset: i64) -> i64 {
        let slot = src.slot(reader);
        let mut skip = to_usize(offset, "offset").saturating_add(slot.offset);
        let goal = to_limit(len);
        let (mut left, mut seq) = (goal, slot.seq);
        while left > 0 {
            let Some(block) = src.queue.get(seq) else { break };
            if let Some(piece) = next_piece(block, &mut skip, &mut left) {
                self.put_behind(piece);
            }
            seq += 1;
        }
        to_i64(goal - left)
    }

    /// As [`write_from`](Self::write_from), from a reader of this very buffer.
    ///
    /// The call does not share again the bytes that it adds: it stops at the bytes that were there
    /// when it began. (9.1.3 goes on with its own output, without end when `len` is `INT64_MAX`. If
    /// `len` bytes are there, the two do the same.)
    ///
    /// Mirrors `MIOBuffer::write(IOBufferReader *, int64_t, int64_t)` of `I_IOBuffer.h` (9.1.3),
    /// with a reader of the buffer that is written.
    ///
    /// # Panics
    ///
    /// If the reader is not alive or `offset` is negative.
    pub fn write_within(&mut self, reader: ReaderId, len: i64, offset: i64) -> i64 {
        let slot = *self.slot(reader);
        let mut skip = to_usize(offset, "offset").saturating_add(slot.offset);
        let readable = to_usize((self.end_pos - slot.pos).saturating_sub(offset).max(0), "len");
        let goal = readable.min(to_limit(len));
        // The reader stays, so the blocks it can read stay, and their numbers with them.
        let mut left = goal;
        let mut seq = slot.seq;
        while left > 0 {
            let Some(block) = self.queue.get(seq) else { break };
            if let Some(piece) = next_piece(block, &mut skip, &mut left) {
                self.put_behind(piece);
            }
            seq += 1;
        }
        to_i64(goal - left)
    }

    /// Shares up to `len` bytes of a chain, without those in front of `offset`. Returns how many
    /// bytes were shared.
    ///
    /// Mirrors `MIOBuffer::write(IOBufferChain const *, int64_t, int64_t)` of `I_IOBuffer.h`
    /// (9.1.3).
    ///
    /// # Panics
    ///
    /// If `offset` is negative.
    pub fn write_chain(&mut self, chain: &IOBufferChain, len: i64, offset: i64) -> i64 {
        let offset = to_usize(offset, "offset");
        self.share_all(chain.blocks(), len.min(chain.length()), offset)
    }

    /// Shares `len` bytes of the blocks, without the first `skip`. Returns how many were there.
    #[inline]
    fn share_all<'a>(
        &mut self,
        blocks: impl Iterator<Item = &'a IOBufferBlock>,
        len: i64,
        mut skip: usize,
    ) -> i64 {
        let goal = to_limit(len);
        let mut left = goal;
        for block in blocks {
            if left == 0 {
                break;
            }
            if let Some(piece) = next_piece(block, &mut skip, &mut left) {
                self.put_behind(piece);
            }
        }
        to_i64(goal - left)
    }
}

/// The part of `block` that comes behind `skip` bytes and is no longer than `left`, if there is
/// any. Both counters go down by the bytes that they covered.
#[inline]
pub(super) fn next_piece(
    block: &IOBufferBlock,
    skip: &mut usize,
    left: &mut usize,
) -> Option<IOBufferBlock> {
    let skipped = (*skip).min(block.len());
    *skip -= skipped;
    let len = (block.len() - skipped).min(*left);
    *left -= len;
    (len > 0).then(|| block.share(skipped, len))
}

#[cfg(test)]
mod tests {
    use super::*;
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
    fn sharing_makes_one_block_per_block_and_gives_up_space() {
        let (mut from, r) = buffer();
        let (mut to, t) = buffer();
        from.write(&[7; 200]);
        from.consume(r, 10);
        to.write(b"abc");
        to.append_block_of(BUFFER_SIZE_INDEX_1K);
        let before = census().live;
        assert_eq!(to.write_from(&from, r, 150, 5), 150);
        assert_eq!(census().live, before, "nothing was copied, and the spare never took memory");
        assert_eq!((to.block_count(t), to.current_write_avail()), (3, 0));
        assert_eq!(content(&to, t), [b"abc".to_vec(), vec![7; 150]].concat());
        assert_eq!(from.read_avail(r), 190);
    }

    #[test]
    fn sharing_is_bounded_by_what_there_is() {
        let (mut from, r) = buffer();
        let (mut to, _) = buffer();
        from.write(&[7; 200]);
        assert_eq!(to.write_from(&from, r, i64::MAX, 0), 200);
        assert_eq!(to.write_from(&from, r, i64::MAX, 190), 10);
        assert_eq!(to.write_from(&from, r, i64::MAX, 200), 0);
        assert_eq!(to.write_from(&from, r, i64::MAX, i64::MAX), 0);
        assert_eq!(to.write_from(&from, r, 0, 0), 0);
        assert_eq!(to.write_from(&from, r, -1, 0), 0);
        from.set_size_limit(r, 3);
        assert_eq!(to.write_from(&from, r, i64::MAX, 0), 200, "the limit is not heeded");
    }

    #[test]
    fn a_buffer_shares_with_itself_what_it_had() {
        let (mut b, r) = buffer();
        b.write(b"hello");
        assert_eq!(b.write_within(r, i64::MAX, 1), 4);
        assert_eq!(content(&b, r), b"helloello");
        assert_eq!(b.write_within(r, 3, 4), 3);
        assert_eq!(content(&b, r), b"helloellooel");
        assert_eq!(b.write_within(r, 3, 100), 0);
        assert_eq!(b.block_count(r), 4);
    }

    #[test]
    fn a_buffer_shares_with_itself_only_what_is_left_to_the_reader() {
        let (mut b, r) = buffer();
        b.write(&[1; 100]);
        b.consume(r, 100);
        b.write(b"hello");
        b.consume(r, 1);
        assert_eq!(b.write_within(r, i64::MAX, 0), 4);
        assert_eq!(content(&b, r), b"elloello");
    }
}
