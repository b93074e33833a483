//! Blocks by their number.
//!
//! A plugin of the original walks the blocks of a buffer by pointers (`TSIOBufferReaderStart`,
//! `TSIOBufferBlockNext`). Here a block has a number. Numbers count up as blocks come, and are
//! never used again, so a number whose block has been released is recognised; the original reads
//! freed memory there.

use super::block::IOBufferBlock;
use super::miobuffer::MIOBuffer;
use super::reader::ReaderId;

impl MIOBuffer {
    /// The number of the reader's block; `None` in a buffer without blocks. The reader first moves
    /// on if it has read all of its block.
    ///
    /// Mirrors `TSIOBufferReaderStart` of `InkAPI.cc` (9.2.9).
    ///
    /// ```
    /// use iocore::buffer::{BUFFER_SIZE_INDEX_128, MIOBuffer};
    ///
    /// let mut buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
    /// let reader = buffer.alloc_reader()?;
    /// buffer.write(&[b'x'; 200]);
    /// let first = buffer.block_number(reader).unwrap();
    /// let second = buffer.next_block(first).unwrap();
    /// assert_eq!(buffer.numbered_block(second, None).map(<[u8]>::len), Some(72));
    ///
    /// buffer.consume(reader, 130);
    /// assert_eq!(buffer.numbered_block(first, None), None, "it has been released");
    /// assert_eq!(buffer.numbered_block(second, Some(reader)).map(<[u8]>::len), Some(70));
    /// # Ok::<(), iocore::buffer::NoReaderLeft>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If the reader is not alive.
    #[doc(alias = "TSIOBufferReaderStart")]
    pub fn block_number(&mut self, reader: ReaderId) -> Option<u64> {
        self.skip_empty_blocks(reader);
        let number = self.slot(reader).seq;
        self.queue.get(number).map(|_| number)
    }

    /// The number of the block behind this one, if both are there. The block may be empty.
    ///
    /// Mirrors `TSIOBufferBlockNext` of `InkAPI.cc` (9.2.9).
    #[doc(alias = "TSIOBufferBlockNext")]
    pub fn next_block(&self, number: u64) -> Option<u64> {
        self.block_of(number)?;
        self.block_of(number + 1).map(|_| number + 1)
    }

    /// The bytes of a block; `None` if it has been released or has not come yet. If it is the
    /// reader's own block, only the bytes that the reader has before it. Ignores the size limit.
    ///
    /// Mirrors `TSIOBufferBlockReadStart` of `InkAPI.cc` (9.2.9).
    ///
    /// # Panics
    ///
    /// If the reader is not alive.
    #[doc(alias = "TSIOBufferBlockReadStart")]
    pub fn numbered_block(&self, number: u64, reader: Option<ReaderId>) -> Option<&[u8]> {
        let bytes = self.block_of(number)?.as_slice();
        let place = reader.map(|reader| self.slot(reader)).filter(|slot| slot.seq == number);
        // A reader before the first bytes of its block may stand behind them all.
        Some(&bytes[place.map_or(0, |slot| slot.offset.min(bytes.len()))..])
    }

    /// How many bytes of space a block has; `None` if it has been released or has not come yet. Only
    /// the writer's block and the one behind it are ever written: space that an earlier one has is
    /// given up.
    ///
    /// Mirrors `TSIOBufferBlockWriteAvail` of `InkIOCoreAPI.cc` (9.2.9).
    #[doc(alias = "TSIOBufferBlockWriteAvail")]
    pub fn numbered_block_space(&self, number: u64) -> Option<i64> {
        self.block_of(number).map(IOBufferBlock::write_avail)
    }

    /// The space of the block that is written next. A buffer without such a block gets one first.
    ///
    /// Mirrors `TSIOBufferStart` of `InkIOCoreAPI.cc` (9.2.9), followed by
    /// `TSIOBufferBlockWriteAvail`.
    ///
    /// # Panics
    ///
    /// If a block is needed and the size index cannot be allocated.
    #[doc(alias = "TSIOBufferStart")]
    pub fn start_block(&mut self) -> i64 {
        if self.block_write_avail() == 0 {
            self.add_block();
        }
        self.block_write_avail()
    }

    /// The block with this number, whatever number it is.
    fn block_of(&self, number: u64) -> Option<&IOBufferBlock> {
        if number < self.queue.front() { None } else { self.queue.get(number) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::size::BUFFER_SIZE_INDEX_128;
    use super::*;

    #[test]
    fn a_number_is_never_used_again() {
        let mut buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
        let reader = buffer.alloc_reader().unwrap();
        let mut numbers = Vec::new();
        for _ in 0..4 {
            buffer.write(&[b'x'; 128]);
            numbers.push(buffer.block_number(reader).unwrap());
            buffer.consume(reader, 128);
        }
        assert_eq!(numbers, [0, 1, 2, 3]);
        assert_eq!(buffer.numbered_block(2, None), None);
        assert_eq!(buffer.next_block(2), None);
        assert_eq!(buffer.numbered_block(3, Some(reader)), Some(&[][..]));
        assert_eq!(buffer.numbered_block(u64::MAX, None), None);
    }

    #[test]
    fn the_space_of_a_block_is_told_by_its_number() {
        let mut buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
        let reader = buffer.alloc_reader().unwrap();
        buffer.write(&[b'x'; 100]);
        let mut other = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
        let its = other.alloc_reader().unwrap();
        other.write(b"abc");
        other.write_from(&buffer, reader, 100, 0);
        let first = other.block_number(its).unwrap();
        let second = other.next_block(first).unwrap();
        assert_eq!(other.numbered_block_space(first), Some(125), "given up, and still there");
        assert_eq!(other.numbered_block_space(second), Some(0), "shared bytes have no space");
        assert_eq!(other.numbered_block_space(second + 1), None);
        assert_eq!(other.start_block(), 128, "the shared block is full, so there is a new one");
        assert_eq!(other.numbered_block_space(second + 1), Some(128));
        assert_eq!((other.start_block(), other.block_count(its)), (128, 3), "once is enough");
    }

    #[test]
    fn a_buffer_without_blocks_has_no_number() {
        let mut buffer = MIOBuffer::new_empty(BUFFER_SIZE_INDEX_128);
        let reader = buffer.alloc_reader().unwrap();
        assert_eq!(buffer.block_number(reader), None);
        buffer.write(b"x");
        let number = buffer.block_number(reader).unwrap();
        assert_eq!(buffer.numbered_block(number, Some(reader)), Some(&b"x"[..]));
        assert_eq!(buffer.next_block(number), None);
    }
}
