//! The water mark, and how much there is to read and to write.
//!
//! Modelled exactly, with the two traps in the names:
//!
//! - *High* water of a buffer is reached when a reader has **more** than the mark to read; high
//!   water of a reader ([`reader_high_water`](MIOBuffer::reader_high_water)) when it has **at
//!   least** the mark.
//! - *Low* water sounds like a query, but [`low_water`](MIOBuffer::low_water) may **add a block**
//!   before it answers; [`current_low_water`](MIOBuffer::current_low_water) does not.

use std::cell::Cell;

use eventsys::defects::rearmed;

use super::miobuffer::MIOBuffer;
use crate::defects::WATER_MARK;

// The port's buffers are not recycled. So the mark that was set last on this thread stands for
// the one that the original finds in the memory of a freed buffer.
std::thread_local! {
    static RECYCLED: Cell<i64> = const { Cell::new(0) };
}

/// The water mark that a new buffer finds in its memory, if [`WATER_MARK`] is re-armed.
pub(super) fn recycled() -> i64 {
    RECYCLED.get()
}

impl MIOBuffer {
    /// The water mark in bytes. Zero unless set.
    ///
    /// Mirrors `MIOBuffer::water_mark` of `I_IOBuffer.h` (9.1.3).
    #[inline]
    #[doc(alias = "TSIOBufferWaterMarkGet")]
    pub fn water_mark(&self) -> i64 {
        self.water_mark
    }

    /// Sets the water mark, in bytes.
    ///
    /// Mirrors `MIOBuffer::water_mark` of `I_IOBuffer.h` (9.1.3).
    #[inline]
    #[doc(alias = "TSIOBufferWaterMarkSet")]
    pub fn set_water_mark(&mut self, bytes: i64) {
        self.water_mark = bytes;
        if rearmed(&WATER_MARK) {
            RECYCLED.set(bytes);
        }
    }

    /// Whether there are more readable bytes than the water mark. Exactly the mark is not enough.
    ///
    /// Beware: for the reader's method, [`reader_high_water`](Self::reader_high_water), exactly the
    /// mark is enough.
    ///
    /// Mirrors `MIOBuffer::high_water` of `I_IOBuffer.h` (9.1.3).
    #[inline]
    pub fn high_water(&self) -> bool {
        // course: 6 begin high_water "is there more to read than the mark?"
        self.is_max_read_avail_more_than(self.water_mark)
        // course: 6 stub todo!("lesson 6: high_water")
        // course: 6 end
    }

    /// Whether there is no more space than the water mark. Adds a block first, if needed. Exactly
    /// the mark is low.
    ///
    /// Beware: this is [`write_avail`](Self::write_avail) with a comparison, and so it adds a
    /// block when there is little to read and little space.
    /// [`current_low_water`](Self::current_low_water) only looks.
    ///
    /// Mirrors `MIOBuffer::low_water` of `I_IOBuffer.h` (9.1.3).
    ///
    /// # Panics
    ///
    /// If a block is needed and the size index cannot be allocated.
    #[inline]
    pub fn low_water(&mut self) -> bool {
        // course: 6 begin low_water "is there little room, after a block was added?"
        self.write_avail() <= self.water_mark
        // course: 6 stub todo!("lesson 6: low_water")
        // course: 6 end
    }

    /// Whether there is no more space than the water mark in the blocks there are. Exactly the
    /// mark is low.
    ///
    /// Mirrors `MIOBuffer::current_low_water` of `I_IOBuffer.h` (9.1.3).
    #[inline]
    pub fn current_low_water(&self) -> bool {
        // course: 6 begin current_low_water "is there little room now?"
        self.current_write_avail() <= self.water_mark
        // course: 6 stub todo!("lesson 6: current_low_water")
        // course: 6 end
    }

    /// Adds a block, as [`add_block`](Self::add_block), if the buffer is below high water and has
    /// no more space than the water mark.
    ///
    /// Mirrors `MIOBuffer::check_add_block` of `I_IOBuffer.h` (9.1.3).
    ///
    /// # Panics
    ///
    /// If a block is needed and the size index cannot be allocated.
    #[inline]
    pub fn check_add_block(&mut self) {
        // course: 6 begin check_add_block "add a block, if both say so"
        if !self.high_water() && self.current_low_water() {
            self.add_block();
        }
        // course: 6 stub todo!("lesson 6: check_add_block")
        // course: 6 end
    }

    /// How many bytes of space there are, after [`check_add_block`](Self::check_add_block).
    ///
    /// Mirrors `MIOBuffer::write_avail` of `I_IOBuffer.h` (9.1.3).
    ///
    /// # Panics
    ///
    /// If a block is needed and the size index cannot be allocated.
    #[inline]
    pub fn write_avail(&mut self) -> i64 {
        // course: 6 begin write_avail "how many bytes fit"
        self.check_add_block();
        self.current_write_avail()
        // course: 6 stub todo!("lesson 6: write_avail")
        // course: 6 end
    }

    /// How many bytes of space there are in the writer's block and the one behind it. Adds
    /// nothing.
    ///
    /// Mirrors `MIOBuffer::current_write_avail` of `I_IOBuffer.h` (9.1.3).
    #[inline]
    pub fn current_write_avail(&self) -> i64 {
        let space = |block: &super::IOBufferBlock| block.space();
        let here = self.queue.writer().map_or(0, space);
        // Two blocks whose sizes are beyond any allocation may have more space than the number type
        // can express.
        let both = here.saturating_add(self.queue.spare().map_or(0, space));
        i64::try_from(both).unwrap_or(i64::MAX)
    }

    /// How many bytes the reader with the most unread bytes has to read, size limits counted.
    /// Without readers, how many bytes the writer's block holds.
    ///
    /// Mirrors `MIOBuffer::max_read_avail` of `I_IOBuffer.h` (9.1.3).
    #[inline]
    pub fn max_read_avail(&self) -> i64 {
        // course: 6 begin max_read_avail "what the slowest reader still has to read"
        let most = self.readers.most(|slot| slot.read_avail(self.end_pos));
        most.map_or_else(|| self.writer_read_avail(), |most| most.max(0))
        // course: 6 stub todo!("lesson 6: max_read_avail")
        // course: 6 end
    }

    /// Whether some reader has more than `bytes` bytes to read, size limits not counted. Without
    /// readers, whether the writer's block holds more.
    ///
    /// In a buffer without blocks the answer is no, even to a negative number.
    ///
    /// Mirrors `MIOBuffer::is_max_read_avail_more_than` of `I_IOBuffer.h` (9.1.3).
    #[inline]
    pub fn is_max_read_avail_more_than(&self, bytes: i64) -> bool {
        // course: 6 begin is_max_read_avail_more_than "has some reader more than this?"
        if self.queue.is_empty() {
            return false;
        }
        let most = self.readers.most(|slot| self.end_pos - slot.pos);
        most.unwrap_or_else(|| self.writer_read_avail()) > bytes
        // course: 6 stub let _ = bytes;
        // course: 6 stub todo!("lesson 6: is_max_read_avail_more_than")
        // course: 6 end
    }

    /// How many blocks the reader that is farthest behind has before it. Zero without readers.
    ///
    /// Mirrors `MIOBuffer::max_block_count` of `I_IOBuffer.h` (9.1.3).
    pub fn max_block_count(&self) -> usize {
        self.live_readers().map(|slot| self.queue.count_from(slot.seq)).max().unwrap_or(0)
    }

    /// How many bytes the writer's block holds.
    #[inline]
    pub(super) fn writer_read_avail(&self) -> i64 {
        self.queue.writer().map_or(0, |writer| writer.read_avail())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::size::*;

    /// Every predicate, one below the mark, at the mark, and one above.
    #[test]
    fn the_predicates_at_the_mark() {
        const MARK: i64 = 50;
        for (step, high, reader_high) in [(-1, false, false), (0, false, true), (1, true, true)] {
            let mut b = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
            let reader = b.alloc_reader().unwrap();
            b.set_water_mark(MARK);
            b.write(&vec![0; usize::try_from(MARK + step).unwrap()]);
            assert_eq!(b.read_avail(reader), MARK + step);
            assert_eq!(b.high_water(), high, "{step}");
            assert_eq!(b.reader_high_water(reader), reader_high, "{step}");
            assert_eq!(b.is_max_read_avail_more_than(MARK), high);
            assert_eq!(b.is_read_avail_more_than(reader, MARK), high);
        }
        for (step, low) in [(-1, true), (0, true), (1, false)] {
            let mut b = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
            let reader = b.alloc_reader().unwrap();
            b.set_water_mark(MARK);
            b.write(&vec![0; usize::try_from(128 - MARK - step).unwrap()]);
            assert_eq!(b.current_write_avail(), MARK + step);
            assert_eq!(b.current_low_water(), low, "{step}");
            assert_eq!(b.reader_current_low_water(reader), low, "{step}");
            // There are 78 bytes or so to be read, so the water is high and nothing is added.
            assert_eq!(b.low_water(), low, "{step}");
            assert_eq!(b.reader_low_water(reader), low, "{step}");
            assert_eq!(b.current_write_avail(), MARK + step);
        }
    }

    #[test]
    fn low_water_adds_a_block_when_both_sides_are_low() {
        for (step, added) in [(-1, true), (0, true), (1, false)] {
            let mut b = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
            let reader = b.alloc_reader().unwrap();
            b.write(&vec![0; usize::try_from(128 - 64 - step).unwrap()]);
            b.consume(reader, 10);
            b.set_water_mark(64);
            assert_eq!(b.current_low_water(), added);
            assert!(!b.low_water(), "a whole block was added, or there was enough");
            assert_eq!(b.block_count(reader), if added { 2 } else { 1 }, "{step}");
            b.check_invariants();
        }
    }

    #[test]
    fn high_water_at_the_mark_decides_whether_a_block_is_added() {
        for (step, added) in [(-1, true), (0, true), (1, false)] {
            let mut b = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
            let reader = b.alloc_reader().unwrap();
            b.set_water_mark(128);
            b.write(&vec![0; usize::try_from(128 + step).unwrap()]);
            let before = b.block_count(reader);
            b.check_add_block();
            assert_eq!(b.block_count(reader) > before, added, "{step}");
        }
    }

    #[test]
    fn a_mark_of_zero_adds_a_block_only_to_a_full_buffer_without_bytes() {
        let mut b = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
        let reader = b.alloc_reader().unwrap();
        assert_eq!(b.write_avail(), 128);
        b.write(&[0; 128]);
        assert_eq!(b.write_avail(), 0, "there is something to read: the water is high");
        assert!(b.low_water());
        b.consume(reader, 128);
        assert_eq!(b.write_avail(), 128);
        assert_eq!(b.block_count(reader), 2);
    }

    #[test]
    fn an_empty_buffer_gets_its_first_block_from_low_water() {
        let mut b = MIOBuffer::new_empty(BUFFER_SIZE_INDEX_128);
        assert!(b.current_low_water() && !b.high_water());
        assert!(!b.low_water());
        assert_eq!(b.current_write_avail(), 128);
    }

    #[test]
    fn without_readers_the_writers_block_counts() {
        let mut b = MIOBuffer::new_empty(BUFFER_SIZE_INDEX_128);
        assert_eq!(b.max_read_avail(), 0);
        assert!(!b.is_max_read_avail_more_than(-1), "there is no block");
        b.write(&[0; 150]);
        assert_eq!((b.max_read_avail(), b.max_block_count()), (22, 0));
        assert!(b.is_max_read_avail_more_than(21) && !b.is_max_read_avail_more_than(22));
    }

    #[test]
    fn what_has_been_consumed_is_not_counted() {
        let mut b = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
        let reader = b.alloc_reader().unwrap();
        b.write(&[0; 100]);
        b.consume(reader, 40);
        assert_eq!(b.max_read_avail(), 60);
        assert!(b.is_max_read_avail_more_than(59) && !b.is_max_read_avail_more_than(60));
    }

    #[test]
    fn the_slowest_reader_counts_and_limits_count_only_in_the_sum() {
        let mut b = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
        let slow = b.alloc_reader().unwrap();
        let fast = b.alloc_reader().unwrap();
        b.write(&[0; 300]);
        b.consume(fast, 290);
        assert_eq!((b.max_read_avail(), b.max_block_count()), (300, 3));
        b.set_size_limit(slow, 20);
        assert_eq!(b.max_read_avail(), 20);
        assert!(b.is_max_read_avail_more_than(299));
    }
}
