//! Reference-counted memory.
//!
//! [`IOBufferData`] is what a user holds: whole memory whose bytes no thread writes. [`Memory`] is
//! what a block holds: the same memory, with a right to write some of it. The conversion goes in
//! one direction only, so while an [`IOBufferData`] exists, no block can write its bytes.
//!
//! The counting and the sizes of 9.1.3 are modelled. Kinds of allocation (`AllocType`) are not;
//! they differ in alignment alone.

#![allow(unsafe_code)]

use std::fmt;
use std::ptr::NonNull;
use std::slice::{from_raw_parts, from_raw_parts_mut};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::fence;

use super::pool::{self, Piece};
use super::size::SizeIndex;

/// A reference-counted piece of memory that every thread may read and none writes.
///
/// Cloning it counts a reference, it does not copy bytes.
///
/// Mirrors `IOBufferData` of `I_IOBuffer.h` (9.1.3).
///
/// ```
/// use iocore::buffer::IOBufferData;
///
/// let mut data = IOBufferData::from_vec(b"hello".to_vec());
/// let shared = data.clone();
/// assert!(data.get_mut().is_none(), "another reference sees the bytes");
/// drop(shared);
/// data.get_mut().unwrap()[0] = b'j';
/// assert_eq!(data.as_slice(), b"jello");
/// ```
#[derive(Clone, Debug)]
pub struct IOBufferData(Memory);

impl IOBufferData {
    /// Takes memory of the given size. Its bytes are arbitrary, but initialised.
    ///
    /// Mirrors `new_IOBufferData` of `I_IOBuffer.h` (9.1.3).
    ///
    /// # Panics
    ///
    /// If [`SizeIndex::is_allocatable`] does not hold.
    pub fn new(index: SizeIndex) -> Self {
        Self(Memory::new(index))
    }

    /// Makes the bytes of `vec` reference-counted, without copying them.
    ///
    /// An empty vector becomes memory of 128 bytes, because the index of size zero is the index of
    /// this class.
    ///
    /// Mirrors `new_xmalloc_IOBufferData` of `I_IOBuffer.h` (9.1.3).
    pub fn from_vec(vec: Vec<u8>) -> Self {
        Self(Memory::from_vec(vec))
    }

    /// The index of its size.
    ///
    /// Mirrors `IOBufferData::_size_index` of `I_IOBuffer.h` (9.1.3).
    pub fn size_index(&self) -> SizeIndex {
        self.0.index()
    }

    /// Its size in bytes.
    ///
    /// Mirrors `IOBufferData::block_size` of `I_IOBuffer.h` (9.1.3).
    pub fn block_size(&self) -> i64 {
        self.0.index().buffer_size()
    }

    /// All of its bytes.
    ///
    /// Mirrors `IOBufferData::data` of `I_IOBuffer.h` (9.1.3).
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: no block has a right to write this memory while an `IOBufferData` refers to it:
        // a block gets that right only when its reference to the memory is the only one, and makes
        // no `IOBufferData` afterwards. `get_mut` needs the only handle, mutably.
        unsafe { self.0.slice(0, self.0.index().bytes()) }
    }

    /// All of its bytes, to be written, if this is the only reference; otherwise `None`.
    ///
    /// Mirrors `IOBufferData::data` of `I_IOBuffer.h` (9.1.3), which does not check for other
    /// readers.
    pub fn get_mut(&mut self) -> Option<&mut [u8]> {
        // SAFETY: there is no other reference to the memory, and there can be none as long as
        // `self` is borrowed.
        self.0.is_unique().then(|| unsafe { self.0.slice_mut(0, self.0.index().bytes()) })
    }

    /// Gives the memory to a block.
    pub(super) fn into_memory(self) -> Memory {
        self.0
    }
}

/// A counted reference to a piece of memory, some of which its holder may write.
///
/// The holder knows which bytes those are and must keep to them: see the two unsafe functions.
pub(super) struct Memory {
    /// Alive as long as this reference is counted.
    piece: NonNull<Piece>,
}

// SAFETY: the count is atomic, everything else in the header is constant while it is shared, and
// the bytes are reached through unsafe functions whose contracts forbid races.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    /// Takes memory of the given size from the pool.
    #[inline]
    pub(super) fn new(index: SizeIndex) -> Self {
        Self { piece: pool::take(index) }
    }

    /// Adopts the bytes of a vector. An empty one becomes 128 bytes from the pool.
    pub(super) fn from_vec(vec: Vec<u8>) -> Self {
        if vec.is_empty() {
            return Self::new(SizeIndex::of_own_bytes(0));
        }
        Self { piece: pool::adopt(vec.into_boxed_slice()) }
    }

    #[inline]
    fn piece(&self) -> &Piece {
        // SAFETY: the piece is alive as long as a counted reference exists, and `self` is one.
        unsafe { self.piece.as_ref() }
    }

    /// The size.
    #[inline]
    pub(super) fn index(&self) -> SizeIndex {
        self.piece().index
    }

    /// Whether this is the only reference to the memory. If so, all that other holders did with the
    /// memory has happened before this call returns.
    #[inline]
    pub(super) fn is_unique(&self) -> bool {
        self.piece().refs.load(Acquire) == 1
    }

    /// The bytes from `start` to `end`.
    ///
    /// # Safety
    ///
    /// `start <= end`, `end` is at most the size, and no thread writes these bytes while the slice
    /// lives.
    #[inline]
    pub(super) unsafe fn slice(&self, start: usize, end: usize) -> &[u8] {
        debug_assert!(start <= end && end <= self.index().bytes());
        // SAFETY: the range is inside of the piece, all of which is initialised; the rest is the
        // caller's promise.
        unsafe { from_raw_parts(self.piece().bytes.add(start).as_ptr(), end - start) }
    }

    /// The bytes from `start` to `end`, to be written.
    ///
    /// # Safety
    ///
    /// `start <= end`, `end` is at most the size, and no other code reads or writes these bytes
    /// while the slice lives.
    #[inline]
    pub(super) unsafe fn slice_mut(&mut self, start: usize, end: usize) -> &mut [u8] {
        debug_assert!(start <= end && end <= self.index().bytes());
        // SAFETY: as for `slice`. The pointer stems from the allocation, not from a reference, so
        // slices of other parts of it remain valid.
        unsafe { from_raw_parts_mut(self.piece().bytes.add(start).as_ptr(), end - start) }
    }
}

impl Clone for Memory {
    #[inline]
    fn clone(&self) -> Self {
        // The new reference is made from one that exists, so nothing has to be ordered.
        let before = self.piece().refs.fetch_add(1, Relaxed);
        if before > usize::MAX / 2 {
            // A count that wraps around would free memory in use. Only leaked references can be so
            // many, and the program cannot go on.
            std::process::abort();
        }
        Self { piece: self.piece }
    }
}

impl Drop for Memory {
    #[inline]
    fn drop(&mut self) {
        // A unique reference stays unique, because a new reference is always made from an existing
        // one. This spares the common case an atomic read-modify-write.
        if !self.is_unique() {
            if self.piece().refs.fetch_sub(1, Release) != 1 {
                return;
            }
            // All that the others did with the memory must have happened before its next use.
            fence(Acquire);
        }
        // SAFETY: this was the last reference.
        unsafe { pool::put_back(self.piece) }
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refs = self.piece().refs.load(Relaxed);
        f.debug_struct("Memory").field("index", &self.index()).field("refs", &refs).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::pool::census;
    use crate::buffer::size::BUFFER_SIZE_INDEX_128;

    #[test]
    fn the_last_reference_puts_the_memory_back() {
        let before = census().live;
        let data = IOBufferData::new(BUFFER_SIZE_INDEX_128);
        let other = data.clone();
        drop(data);
        assert_eq!(census().live, before + 1);
        drop(other);
        assert_eq!(census().live, before);
    }

    #[test]
    fn bytes_are_written_only_by_who_is_alone() {
        let mut data = IOBufferData::new(BUFFER_SIZE_INDEX_128);
        data.get_mut().expect("it is the only reference").fill(7);
        let other = data.clone();
        assert!(data.get_mut().is_none());
        assert_eq!(other.as_slice(), [7; 128]);
        drop(other);
        assert!(data.get_mut().is_some());
    }

    #[test]
    fn a_vector_is_adopted_as_it_is() {
        let before = census();
        let mut vec = Vec::with_capacity(100);
        vec.extend_from_slice(b"hello");
        let data = IOBufferData::from_vec(vec);
        assert_eq!(data.as_slice(), b"hello");
        assert_eq!((data.block_size(), data.size_index().raw()), (5, -5));
        assert_eq!(census().live_bytes, before.live_bytes + 5);
        drop(data);
        assert_eq!(census(), before);
    }

    #[test]
    fn an_empty_vector_is_memory_of_the_smallest_class() {
        assert_eq!(IOBufferData::from_vec(Vec::new()).size_index(), BUFFER_SIZE_INDEX_128);
    }

    #[test]
    fn memory_may_end_on_another_thread() {
        let data = IOBufferData::from_vec(vec![1, 2, 3]);
        let other = data.clone();
        let sum = std::thread::spawn(move || other.as_slice().iter().sum::<u8>());
        drop(data);
        assert_eq!(sum.join().expect("the thread ends well"), 6);
    }
}
