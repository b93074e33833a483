//! [`ConsumeBeyond`]: what a reader does that is told to consume more than it has.
//!
//! Mirrors `IOBufferReader::consume` of `P_IOBuffer.h` (9.2.9, 10.1.4) and `IOBuffer.cc` (10.2.0).

use super::miobuffer::MIOBuffer;
use super::reader::ReaderId;

/// What happens if a reader is told to consume more bytes than it has to read. Set by
/// [`MIOBuffer::set_consume_beyond`].
///
/// ```
/// use iocore::buffer::{BUFFER_SIZE_INDEX_4K, ConsumeBeyond, MIOBuffer};
///
/// let mut buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_4K);
/// buffer.set_consume_beyond(ConsumeBeyond::GoesOn);
/// let reader = buffer.alloc_reader()?;
/// buffer.write(b"hello");
/// buffer.consume(reader, 7);
/// assert_eq!(buffer.read_avail(reader), -2, "as 9.2.9 tells a plugin");
/// buffer.write(b"world");
/// assert_eq!(buffer.block_slice(reader), b"rld", "two bytes are never read");
/// # Ok::<(), iocore::buffer::NoReaderLeft>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ConsumeBeyond {
    /// A panic that says how many bytes there are; the reader has not moved. No release does this:
    /// it finds the fault where it is made.
    #[default]
    Panics,
    /// The reader goes on and stands beyond the end: it has fewer than zero bytes to read, and
    /// leaves out so many of those that are written next. As the release builds up to 10.1.3.
    GoesOn,
    /// A panic with the text of the release assertion; the reader has not moved. As 10.1.4 and
    /// 10.2.0. The assertion does not look at the reader's size limit: a reader may consume beyond
    /// the limit, and then has fewer than zero bytes to read.
    Asserts,
}

impl MIOBuffer {
    /// What a reader of this buffer does that is told to consume more than it has.
    #[inline]
    pub fn consume_beyond(&self) -> ConsumeBeyond {
        self.beyond
    }

    /// Says what a reader of this buffer does that is told to consume more than it has.
    #[inline]
    pub fn set_consume_beyond(&mut self, beyond: ConsumeBeyond) {
        self.beyond = beyond;
    }

    /// The reader is told to consume `n` bytes, and has fewer. Returns if it may.
    ///
    /// # Panics
    ///
    /// If it may not, or if it would stand farther on than a position can be.
    #[cold]
    #[inline(never)]
    #[track_caller]
    pub(super) fn check_beyond(&self, reader: ReaderId, n: i64) {
        let (slot, have) = (self.slot(reader), self.read_avail(reader));
        match self.beyond {
            ConsumeBeyond::Panics => {
                panic!("consume({n}) by a reader that has {have} bytes to read")
            }
            ConsumeBeyond::Asserts => assert!(
                n == 0 || self.is_read_avail_more_than(reader, n - 1),
                "n == 0 || is_read_avail_more_than(n - 1)"
            ),
            ConsumeBeyond::GoesOn => {}
        }
        let (pos, limit) = (slot.pos.checked_add(n), slot.size_limit.checked_sub(n));
        assert!(pos.is_some() && limit.is_some(), "consume({n}) goes past the last position");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::size::*;

    fn hello(beyond: ConsumeBeyond) -> (MIOBuffer, ReaderId) {
        let mut buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
        buffer.set_consume_beyond(beyond);
        let reader = buffer.alloc_reader().unwrap();
        buffer.write(b"hello");
        (buffer, reader)
    }

    fn panic_of(f: impl FnOnce()) -> String {
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).expect_err("a panic");
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.unwrap_or_else(|| panic.downcast_ref::<String>().expect("a text").clone())
    }

    #[test]
    fn ten_2_asserts_where_9_2_9_goes_on() {
        let (mut buffer, reader) = hello(ConsumeBeyond::Asserts);
        let text = panic_of(|| buffer.consume(reader, 6));
        assert_eq!(text, "n == 0 || is_read_avail_more_than(n - 1)");
        assert_eq!(buffer.read_avail(reader), 5, "the reader has not moved");
        buffer.check_invariants();
        let (mut buffer, reader) = hello(ConsumeBeyond::GoesOn);
        buffer.consume(reader, 6);
        assert_eq!(buffer.read_avail(reader), -1);
        buffer.check_invariants();
    }

    #[test]
    fn a_reader_beyond_the_end_has_nothing_and_leaves_out_what_comes_next() {
        let (mut buffer, reader) = hello(ConsumeBeyond::GoesOn);
        buffer.consume(reader, 135);
        assert_eq!((buffer.read_avail(reader), buffer.block_read_avail(reader)), (-130, -130));
        assert_eq!(buffer.block_slice(reader), b"");
        assert_eq!(buffer.memcpy(reader, &mut [0; 9], 0), 0);
        assert_eq!(buffer.block_view(reader).len(), 0);
        assert!(!buffer.is_read_avail_more_than(reader, -130));
        assert!(buffer.is_read_avail_more_than(reader, -131));
        assert_eq!(buffer.max_read_avail(), 0, "as without a reader's bytes");
        let mut copy = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
        assert_eq!(copy.write_from(&buffer, reader, 50, 0), 0);
        assert_eq!(buffer.write_within(reader, 50, 0), 0);
        buffer.check_invariants();
        // The block had room for 123 bytes; seven more of the next one are left out.
        buffer.write(&[1; 130]);
        assert_eq!(buffer.read_avail(reader), 0);
        buffer.write(b"!?");
        assert_eq!((buffer.read_avail(reader), buffer.block_slice(reader)), (2, &b"!?"[..]));
        assert_eq!(buffer.block_count(reader), 1, "it has gone on to its block");
        buffer.check_invariants();
    }

    #[test]
    fn the_assertion_of_10_2_does_not_look_at_the_limit() {
        let (mut buffer, reader) = hello(ConsumeBeyond::Asserts);
        buffer.set_size_limit(reader, 3);
        buffer.consume(reader, 5);
        assert_eq!((buffer.read_avail(reader), buffer.size_limit(reader)), (-2, -2));
        let (mut buffer, reader) = hello(ConsumeBeyond::Panics);
        buffer.set_size_limit(reader, 3);
        let text = panic_of(|| buffer.consume(reader, 5));
        assert_eq!(text, "consume(5) by a reader that has 3 bytes to read");
    }

    #[test]
    fn a_buffer_without_blocks_has_not_one_byte() {
        let mut buffer = MIOBuffer::new_empty(BUFFER_SIZE_INDEX_128);
        buffer.set_consume_beyond(ConsumeBeyond::Asserts);
        let reader = buffer.alloc_reader().unwrap();
        buffer.consume(reader, 0);
        let text = panic_of(|| buffer.consume(reader, 1));
        assert_eq!(text, "n == 0 || is_read_avail_more_than(n - 1)");
    }

    #[test]
    fn positions_have_an_end() {
        let (mut buffer, reader) = hello(ConsumeBeyond::GoesOn);
        buffer.consume(reader, i64::MAX);
        let text = panic_of(|| buffer.consume(reader, 1));
        assert_eq!(text, "consume(1) goes past the last position");
        assert_eq!(buffer.read_avail(reader), 5 - i64::MAX);
        buffer.check_invariants();
        buffer.write(b"more");
        assert_eq!(buffer.block_slice(reader), b"");
    }
}
