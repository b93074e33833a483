//! The readers of a buffer: how they come and go, and where they stand.
//!
//! In 9.1.3 a reader is a pointer into the buffer's array of five. Here it is a handle; a handle
//! whose reader is gone is recognised. `MIOBufferAccessor`, which 9.1.3 can tie to a reader, is not
//! modelled.

use std::error::Error;
use std::fmt;
use std::iter::once;

use super::miobuffer::MIOBuffer;

/// How many readers a buffer can have at once.
///
/// Mirrors `MAX_MIOBUFFER_READERS` of `I_IOBuffer.h` (9.1.3).
pub const MAX_MIOBUFFER_READERS: usize = 5;

/// A reader of one buffer.
///
/// The number is valid only for the buffer that made it; in another buffer it means no reader or a
/// different one. Every call with a reader that has been deallocated panics and says so.
///
/// Mirrors `IOBufferReader *` of `I_IOBuffer.h` (9.1.3).
///
/// The example of [`MIOBuffer`] allocates one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ReaderId {
    slot: u8,
    /// Tells readers apart that have used the same slot one after another. Odd.
    generation: u32,
}

/// The buffer has [`MAX_MIOBUFFER_READERS`] readers already. 9.1.3 ends the process instead.
///
/// ```
/// use iocore::buffer::{BUFFER_SIZE_INDEX_4K, MIOBuffer, NoReaderLeft};
///
/// let mut buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_4K);
/// let readers: Vec<_> = (0..5).map(|_| buffer.alloc_reader().unwrap()).collect();
/// assert_eq!(buffer.alloc_reader(), Err(NoReaderLeft));
/// buffer.dealloc_reader(readers[0]);
/// assert!(buffer.alloc_reader().is_ok());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoReaderLeft;

impl fmt::Display for NoReaderLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the buffer has {MAX_MIOBUFFER_READERS} readers already")
    }
}

impl Error for NoReaderLeft {}

impl MIOBuffer {
    /// Makes a reader at the start of the writer's block.
    ///
    /// In a buffer that has been written to, this place is arbitrary; make readers first.
    ///
    /// Mirrors `MIOBuffer::alloc_reader` of `I_IOBuffer.h` (9.1.3).
    ///
    /// # Errors
    ///
    /// [`NoReaderLeft`] if there are [`MAX_MIOBUFFER_READERS`].
    #[doc(alias = "TSIOBufferReaderAlloc")]
    pub fn alloc_reader(&mut self) -> Result<ReaderId, NoReaderLeft> {
        let place = self.writer_place();
        self.occupy(|slot| slot.put_at(place))
    }

    /// Makes a reader at the place of another, with the same size limit.
    ///
    /// Mirrors `MIOBuffer::clone_reader` and `IOBufferReader::clone` of `I_IOBuffer.h` (9.1.3).
    ///
    /// # Errors
    ///
    /// [`NoReaderLeft`] if there are [`MAX_MIOBUFFER_READERS`].
    ///
    /// # Panics
    ///
    /// If the reader is not alive.
    #[doc(alias = "TSIOBufferReaderClone")]
    pub fn clone_reader(&mut self, reader: ReaderId) -> Result<ReaderId, NoReaderLeft> {
        let ReaderSlot { seq, offset, pos, size_limit, .. } = *self.slot(reader);
        self.occupy(|slot| {
            slot.put_at(Place { seq, pos });
            (slot.offset, slot.size_limit) = (offset, size_limit);
        })
    }

    /// Ends a reader. Blocks that only this reader still needed are released.
    ///
    /// Mirrors `MIOBuffer::dealloc_reader` and `IOBufferReader::dealloc` of `I_IOBuffer.h`
    /// (9.1.3).
    ///
    /// # Panics
    ///
    /// If the reader is not alive.
    #[doc(alias = "TSIOBufferReaderFree")]
    pub fn dealloc_reader(&mut self, reader: ReaderId) {
        self.slot_mut(reader).end();
        self.let_go();
    }

    /// Ends all readers.
    ///
    /// Mirrors `MIOBuffer::dealloc_all_readers` of `I_IOBuffer.h` (9.1.3).
    pub fn dealloc_all_readers(&mut self) {
        self.readers.iter_mut().filter(|slot| slot.is_live()).for_each(ReaderSlot::end);
        self.let_go();
    }

    /// Whether a reader is alive in this buffer. Never panics.
    ///
    /// Mirrors `IOBufferReader::allocated` of `I_IOBuffer.h` (9.1.3).
    pub fn has_reader(&self, reader: ReaderId) -> bool {
        self.readers.get(reader).is_some_and(|slot| slot.is(reader))
    }

    /// Puts a reader at the start of the writer's block and takes its size limit away.
    ///
    /// Mirrors `IOBufferReader::reset` of `I_IOBuffer.h` (9.1.3).
    ///
    /// # Panics
    ///
    /// If the reader is not alive.
    pub fn reset_reader(&mut self, reader: ReaderId) {
        let place = self.writer_place();
        self.slot_mut(reader).put_at(place);
        self.let_go();
    }

    /// How many more bytes the reader may read; `i64::MAX` if any number.
    ///
    /// Mirrors `IOBufferReader::size_limit` of `I_IOBuffer.h` (9.1.3).
    ///
    /// # Panics
    ///
    /// If the reader is not alive.
    #[inline]
    pub fn size_limit(&self, reader: ReaderId) -> i64 {
        self.slot(reader).size_limit
    }

    /// Limits how many more bytes the reader may read. `i64::MAX` takes the limit away.
    ///
    /// The limit bounds what [`read_avail`](Self::read_avail) and
    /// [`max_read_avail`](Self::max_read_avail) say, and [`consume`](Self::consume) counts it
    /// down. Nothing else looks at it: not the calls that show bytes (`block_slice`, `blocks`,
    /// `memchr`, `memcpy`, `byte_at`), not `write_from`, and not the queries for *more than* some
    /// number.
    ///
    /// Mirrors `IOBufferReader::size_limit` of `I_IOBuffer.h` (9.1.3).
    ///
    /// # Panics
    ///
    /// If the reader is not alive or the limit is negative.
    #[inline]
    pub fn set_size_limit(&mut self, reader: ReaderId, bytes: i64) {
        assert!(bytes >= 0, "a reader's size limit of {bytes} is negative");
        self.slot_mut(reader).size_limit = bytes;
    }

    /// The start of the writer's block, or of the first block to come.
    #[inline]
    pub(super) fn writer_place(&self) -> Place {
        Place { seq: self.queue.writer_seq(), pos: self.end_pos - self.writer_read_avail() }
    }

    /// The state of a reader.
    ///
    /// # Panics
    ///
    /// If the reader is not alive.
    #[inline(always)]
    #[track_caller]
    pub(super) fn slot(&self, reader: ReaderId) -> &ReaderSlot {
        match self.readers.get(reader) {
            Some(slot) if slot.is(reader) => slot,
            _ => refuse(reader),
        }
    }

    /// The state of a reader, for changing it.
    ///
    /// # Panics
    ///
    /// If the reader is not alive.
    #[inline(always)]
    #[track_caller]
    pub(super) fn slot_mut(&mut self, reader: ReaderId) -> &mut ReaderSlot {
        match self.readers.get_mut(reader) {
            Some(slot) if slot.is(reader) => slot,
            _ => refuse(reader),
        }
    }

    /// The readers that are alive.
    #[inline(always)]
    pub(super) fn live_readers(&self) -> impl Iterator<Item = &ReaderSlot> {
        self.readers.iter().filter(|slot| slot.is_live())
    }

    /// Takes the first free slot for a new reader. `place` says where the reader stands.
    fn occupy(&mut self, place: impl FnOnce(&mut ReaderSlot)) -> Result<ReaderId, NoReaderLeft> {
        if self.readers.first.is_live() {
            self.readers.make_others();
        }
        let mut slots = (0_u8..).zip(self.readers.iter_mut());
        let (number, slot) = slots.find(|(_, slot)| !slot.is_live()).ok_or(NoReaderLeft)?;
        slot.generation = slot.generation.wrapping_add(1);
        place(slot);
        Ok(ReaderId { slot: number, generation: slot.generation })
    }
}

/// The slots of a buffer's readers. Most buffers never have a second reader, so only the first slot
/// lies in the buffer itself.
#[derive(Debug)]
pub(super) struct Readers {
    pub(super) first: ReaderSlot,
    others: Option<Box<[ReaderSlot; MAX_MIOBUFFER_READERS - 1]>>,
}

impl Readers {
    /// No reader has been there yet.
    pub(super) const NONE: Self = Self { first: ReaderSlot::FREE, others: None };

    /// The slot in which `reader` is or was.
    #[inline(always)]
    fn get(&self, reader: ReaderId) -> Option<&ReaderSlot> {
        match usize::from(reader.slot) {
            0 => Some(&self.first),
            number => self.others().get(number - 1),
        }
    }

    #[inline(always)]
    fn get_mut(&mut self, reader: ReaderId) -> Option<&mut ReaderSlot> {
        match usize::from(reader.slot) {
            0 => Some(&mut self.first),
            number => self.others.as_mut()?.get_mut(number - 1),
        }
    }

    /// The greatest of what `of` says of the readers that are alive; `None` without readers.
    #[inline(always)]
    pub(super) fn most(&self, of: impl Fn(&ReaderSlot) -> i64) -> Option<i64> {
        let mut most = self.first.is_live().then(|| of(&self.first));
        for slot in self.others().iter().filter(|slot| slot.is_live()) {
            most = most.max(Some(of(slot)));
        }
        most
    }

    /// All slots that there are.
    #[inline(always)]
    pub(super) fn iter(&self) -> impl Iterator<Item = &ReaderSlot> {
        once(&self.first).chain(self.others())
    }

    #[inline(always)]
    fn others(&self) -> &[ReaderSlot] {
        self.others.as_ref().map_or(&[], |others| &others[..])
    }

    /// All slots that there are.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut ReaderSlot> {
        once(&mut self.first).chain(self.others.iter_mut().flat_map(|others| others.iter_mut()))
    }

    /// Makes the slots behind the first one.
    #[cold]
    fn make_others(&mut self) {
        self.others.get_or_insert_with(|| Box::new([ReaderSlot::FREE; MAX_MIOBUFFER_READERS - 1]));
    }
}

/// The start of a block.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// The number of the block.
    seq: u64,
    /// The absolute position of its first byte.
    pos: i64,
}

/// The state of one reader.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReaderSlot {
    /// The number of the block the reader is at. Also right before the first block has come.
    pub(super) seq: u64,
    /// How many bytes of that block the reader has consumed.
    pub(super) offset: usize,
    /// The absolute position of the reader's next byte.
    pub(super) pos: i64,
    /// How many more bytes may be read; `i64::MAX` if any number. Never negative.
    pub(super) size_limit: i64,
    /// Grows by one when a reader comes and when it goes: odd while it is there. So one comparison
    /// shows that a handle is good.
    generation: u32,
}

impl ReaderSlot {
    /// A slot that has never been used.
    pub(super) const FREE: Self =
        Self { seq: 0, offset: 0, pos: 0, size_limit: i64::MAX, generation: 0 };

    #[inline]
    pub(super) fn is_live(&self) -> bool {
        self.generation & 1 == 1
    }

    /// How many bytes the reader can read in a buffer that ends at `end_pos`, size limit counted.
    #[inline]
    pub(super) fn read_avail(&self, end_pos: i64) -> i64 {
        // Without a limit this is the minimum with `i64::MAX`.
        (end_pos - self.pos).min(self.size_limit)
    }

    /// Moves the reader `n` bytes on, which is `bytes` in memory.
    #[inline(always)]
    pub(super) fn advance(&mut self, bytes: usize, n: i64) {
        self.offset += bytes;
        self.pos += n;
        if self.size_limit != i64::MAX {
            self.size_limit -= n;
        }
    }

    /// Puts the reader at the start of a block, without a limit.
    #[inline]
    pub(super) fn put_at(&mut self, Place { seq, pos }: Place) {
        (self.seq, self.offset, self.pos, self.size_limit) = (seq, 0, pos, i64::MAX);
    }

    #[inline]
    fn is(&self, reader: ReaderId) -> bool {
        self.generation == reader.generation
    }

    /// The reader goes.
    fn end(&mut self) {
        self.generation = self.generation.wrapping_add(1);
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn refuse(reader: ReaderId) -> ! {
    panic!("{reader:?} is not alive: it has been deallocated or belongs to another buffer")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::pool::census;
    use crate::buffer::size::*;

    #[test]
    fn five_readers_and_no_more() {
        let mut b = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
        let readers: Vec<_> = (0..5).map(|_| b.alloc_reader().unwrap()).collect();
        assert_eq!(b.alloc_reader(), Err(NoReaderLeft));
        assert_eq!(b.clone_reader(readers[0]), Err(NoReaderLeft));
        assert_eq!(NoReaderLeft.to_string(), "the buffer has 5 readers already");
        b.dealloc_reader(readers[2]);
        let again = b.alloc_reader().unwrap();
        assert_ne!(again, readers[2]);
        assert!(b.has_reader(again) && !b.has_reader(readers[2]));
        b.dealloc_all_readers();
        assert!(!b.has_reader(again));
    }

    #[test]
    fn a_reader_starts_with_the_writers_block() {
        let mut b = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
        let first = b.alloc_reader().unwrap();
        b.write(&[1; 300]);
        let late = b.alloc_reader().unwrap();
        assert_eq!((b.read_avail(first), b.read_avail(late)), (300, 44));
        b.reset_reader(first);
        assert_eq!((b.read_avail(first), b.block_count(first)), (44, 1));
        b.check_invariants();
    }

    #[test]
    fn a_clone_stands_where_the_other_does() {
        let mut b = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
        let reader = b.alloc_reader().unwrap();
        b.write(b"hello");
        b.set_size_limit(reader, 4);
        b.consume(reader, 1);
        let clone = b.clone_reader(reader).unwrap();
        assert_eq!((b.read_avail(clone), b.size_limit(clone)), (3, 3));
        b.consume(reader, 3);
        assert_eq!(b.block_slice(clone), b"ello");
    }

    #[test]
    fn readers_before_the_first_block_find_it() {
        let mut b = MIOBuffer::new_empty(BUFFER_SIZE_INDEX_128);
        let reader = b.alloc_reader().unwrap();
        assert_eq!((b.read_avail(reader), b.block_read_avail(reader)), (0, 0));
        b.reset_reader(reader);
        b.append_bytes(b"hello".to_vec());
        assert_eq!(b.block_slice(reader), b"hello");
        assert_eq!(b.block_count(reader), 1);
    }

    #[test]
    fn the_end_of_a_reader_lets_go_of_what_only_it_needed() {
        let before = census().live;
        let mut b = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
        let (slow, fast) = (b.alloc_reader().unwrap(), b.alloc_reader().unwrap());
        b.write(&[1; 1280]);
        b.consume(fast, 1000);
        assert_eq!(census().live, before + 10);
        b.dealloc_reader(slow);
        assert_eq!(census().live, before + 3);
        b.dealloc_reader(fast);
        assert_eq!(census().live, before + 1, "the writer's block stays");
    }

    #[test]
    #[should_panic(expected = "is not alive")]
    fn a_dead_reader_is_recognised() {
        let mut b = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
        let dead = b.alloc_reader().unwrap();
        b.dealloc_reader(dead);
        b.alloc_reader().unwrap();
        b.read_avail(dead);
    }

    #[test]
    fn a_dead_reader_is_recognised_by_every_call_that_would_change_its_slot() {
        let mut b = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
        let dead = b.alloc_reader().unwrap();
        b.dealloc_reader(dead);
        let heir = b.alloc_reader().unwrap();
        b.write(b"hello");
        type Use = fn(&mut MIOBuffer, ReaderId);
        let uses: [Use; 6] = [
            |b, dead| b.dealloc_reader(dead),
            |b, dead| b.reset_reader(dead),
            |b, dead| b.set_size_limit(dead, 1),
            |b, dead| b.consume(dead, 1),
            |b, dead| assert!(b.clone_reader(dead).is_err()),
            |b, dead| assert_eq!(b.read(dead, &mut [0; 1]), 0),
        ];
        for (i, use_) in uses.into_iter().enumerate() {
            let call = std::panic::AssertUnwindSafe(|| use_(&mut b, dead));
            let panic = std::panic::catch_unwind(call).expect_err("a dead reader");
            let text = panic.downcast::<String>().expect("a text");
            assert!(text.contains("is not alive"), "use {i}: {text}");
            assert_eq!((b.read_avail(heir), b.size_limit(heir)), (5, i64::MAX), "use {i}");
        }
    }

    #[test]
    #[should_panic(expected = "-1 is negative")]
    fn a_limit_is_not_negative() {
        let mut b = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
        let reader = b.alloc_reader().unwrap();
        b.set_size_limit(reader, -1);
    }
}
