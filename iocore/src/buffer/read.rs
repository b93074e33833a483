//! How a reader of a buffer looks at bytes and consumes them.
//!
//! Modelled exactly. Three calls that look like queries may move the reader to its next block, as
//! they do in 9.1.3, and [`block_count`](MIOBuffer::block_count) shows it:
//! [`block_read_avail`](MIOBuffer::block_read_avail), [`block_slice`](MIOBuffer::block_slice) and
//! [`block_view`](MIOBuffer::block_view). They take `&mut self`.

use super::block::IOBufferBlock;
use super::miobuffer::MIOBuffer;
use super::num::{to_i64, to_usize};
use super::reader::{ReaderId, ReaderSlot};
use super::size::BUFFER_SIZE_INDEX_128;
use super::view::BlockView;

/// All of these panic if the reader is not alive.
impl MIOBuffer {
    /// How many bytes the reader has before it, but no more than its size limit. Takes the same
    /// short time however many blocks there are.
    ///
    /// Mirrors `IOBufferReader::read_avail` of `I_IOBuffer.h` (9.1.3).
    #[inline(always)]
    pub fn read_avail(&self, reader: ReaderId) -> i64 {
        self.slot(reader).read_avail(self.end_pos)
    }

    /// Whether the reader has more than `bytes` bytes before it. Ignores the size limit.
    ///
    /// In a buffer without blocks the answer is no, even to a negative number.
    ///
    /// Mirrors `IOBufferReader::is_read_avail_more_than` of `I_IOBuffer.h` (9.1.3).
    #[inline]
    pub fn is_read_avail_more_than(&self, reader: ReaderId, bytes: i64) -> bool {
        let left = self.end_pos - self.slot(reader).pos;
        !self.queue.is_empty() && left > bytes
    }

    /// How many blocks there are from the reader's on, empty ones and the one behind the writer's
    /// included.
    ///
    /// Mirrors `IOBufferReader::block_count` of `I_IOBuffer.h` (9.1.3).
    #[inline]
    pub fn block_count(&self, reader: ReaderId) -> usize {
        self.queue.count_from(self.slot(reader).seq)
    }

    /// How many bytes are left in the reader's block; below 0 if the reader stands beyond the end
    /// ([`ConsumeBeyond::GoesOn`](super::ConsumeBeyond::GoesOn)). The reader first moves on if it
    /// has read all of its block. Ignores the size limit.
    ///
    /// Mirrors `IOBufferReader::block_read_avail` of `I_IOBuffer.h` (9.1.3).
    #[inline]
    pub fn block_read_avail(&mut self, reader: ReaderId) -> i64 {
        self.skip_empty_blocks(reader);
        let slot = self.slot(reader);
        let len = self.queue.get(slot.seq).map_or(0, IOBufferBlock::len);
        to_i64(len) - to_i64(slot.offset)
    }

    /// The bytes that are left in the reader's block. The reader first moves on if it has read all
    /// of its block. Empty only if there is nothing to read. Ignores the size limit.
    ///
    /// Mirrors `IOBufferReader::start`, `end` and `block_read_view` of `I_IOBuffer.h` (9.1.3).
    #[inline(always)]
    #[doc(alias = "TSIOBufferBlockReadStart")]
    pub fn block_slice(&mut self, reader: ReaderId) -> &[u8] {
        self.skip_empty_blocks(reader);
        let slot = self.slot(reader);
        let block = self.queue.get(slot.seq);
        // Beyond the end of its block there is nothing.
        block.and_then(|block| block.as_slice().get(slot.offset..)).unwrap_or(&[])
    }

    /// The same bytes as [`block_slice`](Self::block_slice), which the caller may keep for any time
    /// and read on any thread. Nothing is copied.
    ///
    /// Has no counterpart in 9.1.3, where a user keeps a pointer to the block
    /// (`IOBufferReader::get_current_block` of `I_IOBuffer.h`).
    #[inline]
    pub fn block_view(&mut self, reader: ReaderId) -> BlockView {
        self.skip_empty_blocks(reader);
        let slot = self.slot(reader);
        let block = match self.queue.get(slot.seq) {
            Some(block) => {
                let offset = slot.offset.min(block.len());
                block.share(offset, block.len() - offset)
            }
            None => IOBufferBlock::new(BUFFER_SIZE_INDEX_128).clone(),
        };
        BlockView::new(block)
    }

    /// Copies bytes to `buf` and consumes them. Returns how many: as many as there are, and no
    /// more than fit.
    ///
    /// Mirrors `IOBufferReader::read` of `I_IOBuffer.h` (9.1.3).
    ///
    /// # Panics
    ///
    /// If the bytes are more than the size limit allows; the reader has not moved then. (9.1.3
    /// ignores the limit here, and then asserts that the read kept to it.)
    pub fn read(&mut self, reader: ReaderId, buf: &mut [u8]) -> i64 {
        let bytes = to_i64(self.memcpy(reader, buf, 0));
        check_consume(bytes, self.slot(reader).read_avail(self.end_pos));
        self.skip_empty_blocks(reader);
        if bytes > 0 {
            self.consume(reader, bytes);
        }
        bytes
    }

    /// Moves the reader `n` bytes on, and lowers its size limit by `n` if it has one. Blocks that
    /// no reader needs any more are released.
    ///
    /// Mirrors `IOBufferReader::consume` of `I_IOBuffer.h` (9.1.3).
    ///
    /// # Panics
    ///
    /// If `n` is negative or more than [`read_avail`](Self::read_avail), unless
    /// [`set_consume_beyond`](Self::set_consume_beyond) says something else. The release builds up
    /// to 10.1.3 go on silently, and from then on report fewer than zero bytes to read.
    #[inline(always)]
    pub fn consume(&mut self, reader: ReaderId, n: i64) {
        let (bytes, end_pos) = (to_usize(n, "consume"), self.end_pos);
        let slot = self.slot_mut(reader);
        if n <= slot.read_avail(end_pos) {
            slot.advance(bytes, n);
        } else {
            self.check_beyond(reader, n);
            self.slot_mut(reader).advance(bytes, n);
        }
        if !self.queue.has_no_second() {
            self.skip_empty_blocks(reader);
        }
    }

    /// Whether the reader has at least the buffer's water mark to read, size limit counted.
    ///
    /// Beware: the buffer's method [`high_water`](Self::high_water) needs more than the mark.
    ///
    /// Mirrors `IOBufferReader::high_water` of `I_IOBuffer.h` (9.1.3).
    #[inline]
    pub fn reader_high_water(&self, reader: ReaderId) -> bool {
        self.read_avail(reader) >= self.water_mark
    }

    /// [`low_water`](Self::low_water) of the buffer. Beware: it may add a block.
    ///
    /// Mirrors `IOBufferReader::low_water` of `I_IOBuffer.h` (9.1.3).
    ///
    /// # Panics
    ///
    /// Also if a block is needed and the size index cannot be allocated.
    #[inline]
    pub fn reader_low_water(&mut self, reader: ReaderId) -> bool {
        self.slot(reader);
        self.low_water()
    }

    /// [`current_low_water`](Self::current_low_water) of the buffer.
    ///
    /// Mirrors `IOBufferReader::current_low_water` of `I_IOBuffer.h` (9.1.3).
    #[inline]
    pub fn reader_current_low_water(&self, reader: ReaderId) -> bool {
        self.slot(reader);
        self.current_low_water()
    }

    /// Moves the reader on to the next block, as long as it has read all of its own and the next
    /// one has bytes.
    ///
    /// Mirrors `IOBufferReader::skip_empty_blocks` of `I_IOBuffer.h` (9.1.3).
    #[inline(always)]
    pub(super) fn skip_empty_blocks(&mut self, reader: ReaderId) {
        let slot = self.slot(reader);
        if self.queue.has_no_second() {
            return;
        }
        let (seq, offset) = (slot.seq, slot.offset);
        if self.queue.get(seq).is_some_and(|block| offset >= block.len()) {
            self.skip_blocks(reader);
        }
    }

    #[inline(never)]
    fn skip_blocks(&mut self, reader: ReaderId) {
        let ReaderSlot { mut seq, mut offset, .. } = *self.slot(reader);
        let start = seq;
        let len_of = |seq| self.queue.get(seq).map_or(0, IOBufferBlock::len);
        let mut here = len_of(seq);
        while offset >= here {
            let next = len_of(seq + 1);
            if next == 0 {
                break;
            }
            offset -= here;
            seq += 1;
            here = next;
        }
        if seq != start {
            let slot = self.slot_mut(reader);
            (slot.seq, slot.offset) = (seq, offset);
            self.let_go();
        }
    }
}

#[inline(always)]
fn check_consume(n: i64, have: i64) {
    assert!(n <= have, "consume({n}) by a reader that has {have} bytes to read");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::pool::census;
    use crate::buffer::size::*;

    fn buffer_of(parts: &[&[u8]]) -> (MIOBuffer, ReaderId) {
        let mut buffer = MIOBuffer::new_empty(BUFFER_SIZE_INDEX_128);
        let reader = buffer.alloc_reader().unwrap();
        parts.iter().for_each(|part| buffer.append_bytes(part.to_vec()));
        (buffer, reader)
    }

    #[test]
    fn bytes_are_read_across_blocks() {
        let (mut b, r) = buffer_of(&[b"hel", b"lo ", b"world"]);
        let mut buf = [0; 7];
        assert_eq!(b.read(r, &mut buf), 7);
        assert_eq!(&buf, b"hello w");
        assert_eq!((b.read_avail(r), b.block_count(r)), (4, 1));
        assert_eq!(b.block_slice(r), b"orld");
        assert_eq!(b.read(r, &mut buf), 4);
        assert_eq!(b.read(r, &mut buf), 0);
        assert_eq!(b.read(r, &mut []), 0);
        b.check_invariants();
    }

    #[test]
    fn a_reader_that_is_through_moves_only_when_it_looks() {
        let (mut b, r) = buffer_of(&[b"hello"]);
        b.consume(r, 5);
        assert_eq!((b.block_count(r), b.block_read_avail(r)), (1, 0));
        b.append_bytes(b"world".to_vec());
        assert_eq!((b.read_avail(r), b.block_count(r)), (5, 2));
        assert_eq!((b.block_read_avail(r), b.block_count(r)), (5, 1));
        b.check_invariants();
    }

    #[test]
    fn an_empty_block_behind_is_not_entered() {
        let (mut b, r) = buffer_of(&[b"hello"]);
        b.add_block();
        b.consume(r, 5);
        assert_eq!(b.block_slice(r), b"");
        assert_eq!(b.block_count(r), 2);
        b.write(b"!");
        assert_eq!(b.block_slice(r), b"!");
        assert_eq!(b.block_count(r), 1);
    }

    #[test]
    fn consumed_blocks_are_let_go_of() {
        let before = census().live;
        let (mut b, r) = buffer_of(&[b"hel", b"lo ", b"world"]);
        assert_eq!(census().live, before + 3);
        b.consume(r, 2);
        assert_eq!(census().live, before + 3);
        b.consume(r, 1);
        assert_eq!(census().live, before + 2);
        b.consume(r, 8);
        assert_eq!(census().live, before + 1, "the last block stays with its reader");
    }

    #[test]
    fn the_limit_bounds_read_avail_and_counts_down() {
        let (mut b, r) = buffer_of(&[b"hello world"]);
        b.set_size_limit(r, 5);
        assert_eq!((b.read_avail(r), b.block_read_avail(r)), (5, 11));
        assert!(b.is_read_avail_more_than(r, 10));
        b.consume(r, 3);
        assert_eq!((b.read_avail(r), b.size_limit(r)), (2, 2));
        b.set_water_mark(3);
        assert!(!b.reader_high_water(r) && b.high_water());
        b.set_size_limit(r, i64::MAX);
        assert_eq!(b.read_avail(r), 8);
    }

    #[test]
    fn more_than_is_asked_of_what_is_left() {
        let (mut b, r) = buffer_of(&[b"hello world"]);
        b.consume(r, 4);
        assert!(b.is_read_avail_more_than(r, 6) && !b.is_read_avail_more_than(r, 7));
    }

    #[test]
    #[should_panic(expected = "consume(11) by a reader that has 5 bytes")]
    fn reading_stops_at_the_limit_with_a_panic() {
        let (mut b, r) = buffer_of(&[b"hello world"]);
        b.set_size_limit(r, 5);
        b.read(r, &mut [0; 20]);
    }

    #[test]
    #[should_panic(expected = "consume(6) by a reader that has 5 bytes to read")]
    fn more_than_there_is_cannot_be_consumed() {
        let (mut b, r) = buffer_of(&[b"hello"]);
        b.consume(r, 6);
    }

    #[test]
    #[should_panic(expected = "consume of -1 bytes")]
    fn consuming_goes_forward() {
        let (mut b, r) = buffer_of(&[b"hello"]);
        b.consume(r, -1);
    }

    #[test]
    fn views_outlive_everything() {
        let (mut b, r) = buffer_of(&[]);
        let nothing = b.block_view(r).into_block();
        assert_eq!((nothing.read_avail(), nothing.write_avail()), (0, 0));
        b.write(b"hello");
        b.consume(r, 1);
        let view = b.block_view(r);
        b.write(b" world");
        b.reset();
        b.write(b"abcdefghijklmn");
        drop(b);
        assert_eq!(&*view, b"ello");
    }

    #[test]
    fn views_are_read_elsewhere_while_the_buffer_is_written() {
        let (sender, views) = std::sync::mpsc::channel::<(u8, BlockView)>();
        let sums = std::thread::spawn(move || {
            views
                .iter()
                .map(|(byte, view)| {
                    assert!(!view.is_empty() && view.iter().all(|&b| b == byte), "{byte}");
                    view.len()
                })
                .sum::<usize>()
        });
        let (mut b, r) = buffer_of(&[]);
        let rounds = if cfg!(miri) { 50 } else { 2000_u32 };
        for round in 0..rounds {
            let byte = round.to_le_bytes()[0];
            b.write(&[byte; 50]);
            while b.read_avail(r) > 0 {
                let view = b.block_view(r);
                b.consume(r, to_i64(view.len()));
                sender.send((byte, view)).unwrap();
            }
            if round % 16 == 0 {
                b.reset();
            }
        }
        drop(sender);
        assert_eq!(sums.join().unwrap(), 50 * usize::try_from(rounds).unwrap());
    }
}
