//! Allocating memory and giving it back.
//!
//! A [`Piece`] is one allocation: a header, and behind it the bytes. Pieces of the fifteen
//! classes go to a list of the thread that releases them, last in, first out, so that the next
//! writer gets bytes that are still in the cache. The lists are short and need no lock; what does
//! not fit goes back to the allocator.
//!
//! 9.1.3 has one lock-free list per class for the whole process, and a piece in a list stays in it.
//! A user can tell only by looking at the size of the process.
//!
//! Memory is always initialised: zeroed when it comes from the allocator, and with its old bytes
//! when it comes from a list. That is why safe code may be handed unwritten space.

#![allow(unsafe_code)]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::cell::Cell;
use std::ptr::{NonNull, slice_from_raw_parts_mut};
use std::sync::atomic::AtomicUsize;

use super::size::{DEFAULT_BUFFER_SIZES, SizeIndex};

/// Counts of what the calling thread has taken and put back. See [`census`].
///
/// ```
/// use iocore::buffer::{BUFFER_SIZE_INDEX_4K, MIOBuffer, census};
///
/// let before = census().live;
/// let mut buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_4K);
/// buffer.write(b"hello");
/// assert_eq!(census().live, before + 1, "a block takes memory with its first byte");
/// drop(buffer);
/// assert_eq!(census().live, before);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Census {
    /// Pieces of memory taken less those put back. Negative on a thread that puts back what
    /// others have taken.
    pub live: i64,
    /// The same in bytes.
    pub live_bytes: i64,
    /// How many pieces came from the allocator, because the list of the class was empty or the size
    /// has no class.
    pub fresh: u64,
}

/// Counts the memory behind all blocks and [`IOBufferData`](super::IOBufferData), as the calling
/// thread has seen it.
///
/// The counters are kept per thread, where their cost is too small to measure. The sum over all
/// threads is the memory in use in the process. Memory that an ending thread releases after its
/// thread-local storage is gone is not counted.
///
/// Has no counterpart in 9.1.3.
pub fn census() -> Census {
    LOCAL.try_with(|local| local.census.get()).unwrap_or_default()
}

/// The header of a piece of memory. The bytes follow it, or are somewhere else if they were
/// adopted.
///
/// The alignment is the allocator's own, so the allocator can hand out zeroed pages without
/// touching them.
#[repr(C, align(16))]
pub(super) struct Piece {
    /// How many handles refer to this piece. The pool itself does not count.
    pub(super) refs: AtomicUsize,
    /// The first of `index.bytes()` bytes, all initialised.
    pub(super) bytes: NonNull<u8>,
    /// The size. A class if and only if the piece may go to a free list.
    pub(super) index: SizeIndex,
    /// Whether the bytes are a box of their own instead of following the header.
    adopted: bool,
    /// The piece below this one in its free list. Touched only by the sole owner of the piece.
    next_free: Option<NonNull<Piece>>,
}

impl Piece {
    fn new(bytes: NonNull<u8>, index: SizeIndex, adopted: bool) -> Self {
        Self { refs: AtomicUsize::new(1), bytes, index, adopted, next_free: None }
    }
}

/// Gets a piece with `index.bytes()` bytes and a reference count of one.
///
/// # Panics
///
/// If no memory can be allocated for this index, or if the size is beyond any allocation.
#[inline]
pub(super) fn take(index: SizeIndex) -> NonNull<Piece> {
    LOCAL.try_with(|local| local.take(index)).unwrap_or_else(|_| allocate(index))
}

/// Panics, as [`take`] would, if no memory can be allocated for this index; allocates nothing.
///
/// # Panics
///
/// If no memory can be allocated for this index, or if the size is beyond any allocation.
pub(super) fn check(index: SizeIndex) {
    assert!(index.is_allocatable(), "no memory can be allocated for the size index {index:?}");
    layout(index);
}

/// Makes a piece of bytes that exist already. They must not be empty, because no index stands for
/// that.
pub(super) fn adopt(bytes: Box<[u8]>) -> NonNull<Piece> {
    assert!(!bytes.is_empty(), "an empty box has no memory to adopt");
    let index = SizeIndex::of_own_bytes(bytes.len());
    let bytes = NonNull::from(Box::leak(bytes)).cast::<u8>();
    let piece = Box::new(Piece::new(bytes, index, true));
    let _ = LOCAL.try_with(|local| local.count_in(index));
    NonNull::from(Box::leak(piece))
}

/// Takes a piece back, for the list of its class or for the allocator.
///
/// # Safety
///
/// The piece came from [`take`] or [`adopt`], and the caller has the last reference to it.
#[inline]
pub(super) unsafe fn put_back(piece: NonNull<Piece>) {
    // SAFETY: by the contract of this function the piece is alive and belongs to the caller alone.
    let kept = LOCAL.try_with(|local| unsafe { local.put_back(piece) });
    if kept != Ok(true) {
        // SAFETY: as above, and the lists did not keep it.
        unsafe { free(piece) }
    }
}

thread_local! {
    static LOCAL: Local = const { Local::new() };
}

/// The lists and counters of one thread.
struct Local {
    lists: [FreeList; DEFAULT_BUFFER_SIZES],
    census: Cell<Census>,
}

/// The unused pieces of one class. They belong to the list alone.
struct FreeList {
    top: Cell<Option<NonNull<Piece>>>,
    len: Cell<usize>,
}

impl Local {
    const fn new() -> Self {
        Self {
            lists: [const { FreeList { top: Cell::new(None), len: Cell::new(0) } };
                DEFAULT_BUFFER_SIZES],
            census: Cell::new(Census { live: 0, live_bytes: 0, fresh: 0 }),
        }
    }

    #[inline]
    fn take(&self, index: SizeIndex) -> NonNull<Piece> {
        let recycled = index.class().and_then(|class| self.lists[class].pop());
        let piece = recycled.unwrap_or_else(|| {
            let piece = allocate(index);
            let census = self.census.get();
            self.census.set(Census { fresh: census.fresh + 1, ..census });
            piece
        });
        self.count_in(index);
        piece
    }

    /// Returns whether the piece was kept. If not, it is still the caller's.
    ///
    /// # Safety
    ///
    /// As for the free function of the same name.
    #[inline]
    unsafe fn put_back(&self, piece: NonNull<Piece>) -> bool {
        // SAFETY: the piece is alive.
        let index = unsafe { piece.as_ref() }.index;
        self.count_out(index);
        // SAFETY: the piece is the caller's to give, and of the class of the list.
        index.class().is_some_and(|class| unsafe { self.lists[class].push(piece, class) })
    }

    #[inline]
    fn count_in(&self, index: SizeIndex) {
        let Census { live, live_bytes, fresh } = self.census.get();
        let live_bytes = live_bytes + index.buffer_size();
        self.census.set(Census { live: live + 1, live_bytes, fresh });
    }

    #[inline]
    fn count_out(&self, index: SizeIndex) {
        let Census { live, live_bytes, fresh } = self.census.get();
        let live_bytes = live_bytes - index.buffer_size();
        self.census.set(Census { live: live - 1, live_bytes, fresh });
    }
}

impl FreeList {
    /// How many pieces of a class are kept: four mebibytes of them, but at least four pieces. Sixteen
    /// answers at a time through a compiled plugin need some 40 pieces of 32 KiB.
    const fn limit(class: usize) -> usize {
        // Four mebibytes are 2^15 times the 128 bytes of class 0.
        let pieces = (1 << 15) >> class;
        if pieces < 4 { 4 } else { pieces }
    }

    #[inline]
    fn pop(&self) -> Option<NonNull<Piece>> {
        let piece = self.top.get()?;
        // SAFETY: what is in the list is alive and belongs to the list alone.
        let next = unsafe {
            *(*piece.as_ptr()).refs.get_mut() = 1;
            (*piece.as_ptr()).next_free.take()
        };
        self.top.set(next);
        self.len.set(self.len.get() - 1);
        Some(piece)
    }

    /// # Safety
    ///
    /// The piece is alive, of the class of this list, and the caller gives up its only handle.
    #[inline]
    unsafe fn push(&self, piece: NonNull<Piece>, class: usize) -> bool {
        if self.len.get() >= Self::limit(class) {
            return false;
        }
        // SAFETY: there is no other reference to the piece.
        unsafe { (*piece.as_ptr()).next_free = self.top.get() };
        self.top.set(Some(piece));
        self.len.set(self.len.get() + 1);
        true
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        for list in &self.lists {
            while let Some(piece) = list.pop() {
                // SAFETY: the list owned the piece and has just given it up.
                unsafe { free(piece) };
            }
        }
    }
}

/// The layout of a piece whose bytes follow its header.
fn layout(index: SizeIndex) -> Layout {
    size_of::<Piece>()
        .checked_add(index.bytes())
        .and_then(|size| Layout::from_size_align(size, align_of::<Piece>()).ok())
        .expect("the size of a block is beyond any allocation")
}

#[cold]
#[inline(never)]
fn allocate(index: SizeIndex) -> NonNull<Piece> {
    check(index);
    let layout = layout(index);
    // SAFETY: the layout is not empty; it has at least the header.
    let memory = unsafe { alloc_zeroed(layout) };
    let Some(piece) = NonNull::new(memory.cast::<Piece>()) else { handle_alloc_error(layout) };
    // SAFETY: the header is the first part of the allocation, the bytes are the rest of it.
    unsafe {
        let bytes = piece.add(1).cast::<u8>();
        piece.write(Piece::new(bytes, index, false));
    }
    piece
}

/// Gives a piece back to the allocator.
///
/// # Safety
///
/// The piece came from [`allocate`] or [`adopt`], and the caller has the last reference to it.
#[cold]
#[inline(never)]
unsafe fn free(piece: NonNull<Piece>) {
    // SAFETY: the piece is alive.
    let Piece { bytes, index, adopted, .. } = *unsafe { piece.as_ref() };
    if adopted {
        let slice = slice_from_raw_parts_mut(bytes.as_ptr(), index.bytes());
        // SAFETY: both were leaked from boxes by `adopt`, the bytes with this length.
        unsafe {
            drop(Box::from_raw(slice));
            drop(Box::from_raw(piece.as_ptr()));
        }
    } else {
        // SAFETY: it was allocated with this very layout.
        unsafe { dealloc(piece.as_ptr().cast(), layout(index)) };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;
    use crate::buffer::size::{BUFFER_SIZE_INDEX_2M, BUFFER_SIZE_INDEX_4K};

    /// Runs on a thread of its own, whose lists are empty.
    fn afresh(test: impl FnOnce() + Send + 'static) {
        std::thread::spawn(test).join().expect("the test passes");
    }

    fn back(piece: NonNull<Piece>) {
        // SAFETY: the tests have one pointer to each piece and give it back once.
        unsafe { put_back(piece) }
    }

    #[test]
    fn the_last_piece_in_is_the_first_out() {
        afresh(|| {
            let (a, b) = (take(BUFFER_SIZE_INDEX_4K), take(BUFFER_SIZE_INDEX_4K));
            back(a);
            back(b);
            assert_eq!(take(BUFFER_SIZE_INDEX_4K), b);
            assert_eq!(take(BUFFER_SIZE_INDEX_4K), a);
            assert_eq!(census(), Census { live: 2, live_bytes: 8192, fresh: 2 });
            back(a);
            back(b);
            assert_eq!(census(), Census { live: 0, live_bytes: 0, fresh: 2 });
        });
    }

    #[test]
    fn a_list_keeps_four_mebibytes_but_at_least_four_pieces() {
        assert_eq!(FreeList::limit(0), 32768);
        assert_eq!(FreeList::limit(8), 128);
        assert_eq!(FreeList::limit(14), 4);
        afresh(|| {
            let pieces: Vec<_> = (0..6).map(|_| take(BUFFER_SIZE_INDEX_2M)).collect();
            pieces.into_iter().for_each(back);
            let pieces: Vec<_> = (0..6).map(|_| take(BUFFER_SIZE_INDEX_2M)).collect();
            assert_eq!(census().fresh, 8, "four of the six were kept");
            pieces.into_iter().for_each(back);
        });
    }

    #[test]
    fn sizes_of_ones_own_are_not_kept() {
        afresh(|| {
            back(take(SizeIndex::own_size(1000)));
            back(take(SizeIndex::own_size(1000)));
            back(adopt(vec![1; 10].into_boxed_slice()));
            assert_eq!(census(), Census { live: 0, live_bytes: 0, fresh: 2 });
        });
    }

    /// Two threads that release at the same time both find the piece shared; the second one counts
    /// down to 0 and puts the piece into its list.
    #[test]
    fn a_piece_that_two_let_go_at_once_comes_out_with_one_reference() {
        afresh(|| {
            let piece = take(BUFFER_SIZE_INDEX_4K);
            // SAFETY: the piece is alive.
            unsafe { piece.as_ref() }.refs.store(0, Relaxed);
            back(piece);
            assert_eq!(take(BUFFER_SIZE_INDEX_4K), piece);
            // SAFETY: as above.
            assert_eq!(unsafe { piece.as_ref() }.refs.load(Relaxed), 1);
            back(piece);
        });
    }

    #[test]
    #[should_panic(expected = "no memory can be allocated")]
    fn not_allocated_cannot_be_allocated() {
        take(SizeIndex::NOT_ALLOCATED);
    }
}
