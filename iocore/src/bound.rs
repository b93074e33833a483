//! [`BoundBuffer`] and [`IOBufferReader`]: a buffer that several parties use
//! under one mutex.
//!
//! In the original an `MIOBuffer` has no mutex; it belongs to the thread that
//! holds the VIO's mutex, and nothing checks that. Here a buffer is first a
//! plain value that its maker owns ([`MIOBuffer`]). To share it, at the latest
//! for `do_io_read` or `do_io_write`, the maker *binds* it to a mutex, once and
//! for ever; from then on each operation takes a guard of that mutex. A VIO
//! takes only buffers that are bound to its own mutex, so a buffer under two
//! mutexes is an error at the call, not a race later.

use std::cell::{RefCell, RefMut};
use std::fmt;
use std::sync::Arc;

use eventsys::{Guard, Guarded, ProxyMutex};

use crate::buffer::{BlockView, MIOBuffer, NoReaderLeft, ReaderId};

/// A shared [`MIOBuffer`]; clones are handles to the same buffer. It is freed
/// with its last handle (`free_MIOBuffer`).
///
/// ```
/// use eventsys::ProxyMutex;
/// use iocore::buffer::{BUFFER_SIZE_INDEX_4K, MIOBuffer};
///
/// let mutex = ProxyMutex::new();
/// let buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_4K).bind(&mutex);
/// let guard = mutex.lock();
/// buffer.set_water_mark(&guard, 4);
/// assert_eq!(buffer.write(&guard, b"hello"), 5);
/// ```
#[derive(Clone)]
pub struct BoundBuffer(Arc<Guarded<RefCell<MIOBuffer>>>);

impl MIOBuffer {
    /// Binds the buffer to `mutex`, so that it can be shared.
    #[inline] // It moves.
    #[must_use]
    pub fn bind(self, mutex: &Arc<ProxyMutex>) -> BoundBuffer {
        BoundBuffer(Arc::new(Guarded::new(Arc::clone(mutex), RefCell::new(self))))
    }
}

impl BoundBuffer {
    /// The mutex that it is bound to.
    #[must_use]
    pub fn mutex(&self) -> &Arc<ProxyMutex> {
        self.0.mutex()
    }

    /// A reader that the buffer had before it was bound, as a handle: a reader allocated by
    /// [`MIOBuffer::alloc_reader`] keeps its number. A `reader` that is of another buffer, or has
    /// been given back, panics at its first use.
    ///
    /// ```
    /// use eventsys::ProxyMutex;
    /// use iocore::buffer::{BUFFER_SIZE_INDEX_4K, MIOBuffer};
    ///
    /// let mut buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_4K);
    /// let id = buffer.alloc_reader()?;
    /// buffer.write(b"hello");
    /// let mutex = ProxyMutex::new();
    /// let reader = buffer.bind(&mutex).reader(id);
    /// assert_eq!(reader.read_avail(&mutex.lock()), 5);
    /// # Ok::<(), iocore::buffer::NoReaderLeft>(())
    /// ```
    #[must_use]
    pub fn reader(&self, reader: ReaderId) -> IOBufferReader {
        IOBufferReader { buffer: self.clone(), id: reader }
    }

    /// The buffer without its mutex, with its readers as they are, so that it can be bound to another
    /// one.
    ///
    /// # Errors
    /// The handle itself, if there is another one: an operation uses the buffer, or a reader of it.
    ///
    /// ```
    /// use eventsys::ProxyMutex;
    /// use iocore::buffer::{BUFFER_SIZE_INDEX_4K, MIOBuffer};
    ///
    /// let (one, other) = (ProxyMutex::new(), ProxyMutex::new());
    /// let bound = MIOBuffer::new(BUFFER_SIZE_INDEX_4K).bind(&one);
    /// bound.write(&one.lock(), b"hello");
    /// let second = bound.clone();
    /// let bound = bound.unbind().err().expect("there is a second handle");
    /// drop(second);
    /// let bound = bound.unbind().ok().expect("the only one").bind(&other);
    /// assert_eq!(bound.write(&other.lock(), b"!"), 1);
    /// ```
    pub fn unbind(self) -> Result<MIOBuffer, BoundBuffer> {
        match Arc::try_unwrap(self.0) {
            Ok(cell) => Ok(cell.into_inner().into_inner()),
            Err(shared) => Err(BoundBuffer(shared)),
        }
    }

    /// True if both are handles to the same buffer.
    #[inline]
    #[must_use]
    pub fn is(&self, other: &BoundBuffer) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// A number that is another one for each buffer that is alive: a key for tables.
    #[must_use]
    pub fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// Calls `f` with the buffer.
    ///
    /// # Panics
    /// If `guard` is not of the buffer's mutex. If called again from inside `f`:
    /// `f` should not call anything that may use the same buffer, such as
    /// `reenable_re`.
    #[inline(always)] // Two comparisons around what `f` does.
    #[track_caller]
    pub fn with<R>(&self, guard: &Guard<'_>, f: impl FnOnce(&mut MIOBuffer) -> R) -> R {
        f(&mut self.borrow(guard))
    }

    /// The buffer, for as long as the caller keeps what it gets. No other call may use it meanwhile.
    ///
    /// # Panics
    /// As [`BoundBuffer::with`].
    #[inline(always)]
    #[track_caller]
    pub fn borrow<'a>(&'a self, guard: &'a Guard<'_>) -> RefMut<'a, MIOBuffer> {
        self.0.get(guard).borrow_mut()
    }

    /// Appends a copy of `bytes`; returns their number. Mirrors
    /// `MIOBuffer::write(const void *, int64_t)`.
    ///
    /// # Panics
    /// As [`BoundBuffer::with`].
    #[inline(always)]
    #[track_caller]
    pub fn write(&self, guard: &Guard<'_>, bytes: &[u8]) -> i64 {
        self.borrow(guard).write(bytes)
    }

    /// Sets the water mark, in bytes.
    ///
    /// # Panics
    /// As [`BoundBuffer::with`].
    #[track_caller]
    pub fn set_water_mark(&self, guard: &Guard<'_>, bytes: i64) {
        self.with(guard, |buffer| buffer.set_water_mark(bytes));
    }

    /// A new reader, at the writer's block. Mirrors `alloc_reader`.
    ///
    /// # Errors
    /// If the buffer has five readers already; the original asserts.
    ///
    /// # Panics
    /// As [`BoundBuffer::with`].
    #[track_caller]
    pub fn alloc_reader(&self, guard: &Guard<'_>) -> Result<IOBufferReader, NoReaderLeft> {
        let id = self.with(guard, MIOBuffer::alloc_reader)?;
        Ok(IOBufferReader { buffer: self.clone(), id })
    }
}

impl fmt::Debug for BoundBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundBuffer").field("mutex", self.mutex()).finish_non_exhaustive()
    }
}

/// A reader of a [`BoundBuffer`]. Mirrors `IOBufferReader`; the operations that
/// are not here are those of [`MIOBuffer`] with [`IOBufferReader::id`], inside
/// [`BoundBuffer::with`].
///
/// All methods panic if the guard is not of the buffer's mutex.
///
/// ```
/// use eventsys::ProxyMutex;
/// use iocore::buffer::{BUFFER_SIZE_INDEX_4K, MIOBuffer};
///
/// let mutex = ProxyMutex::new();
/// let guard = mutex.lock();
/// let buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_4K).bind(&mutex);
/// let reader = buffer.alloc_reader(&guard)?;
/// buffer.write(&guard, b"hello");
/// let mut bytes = [0; 4];
/// assert_eq!(reader.read(&guard, &mut bytes), 4);
/// assert_eq!(&bytes, b"hell");
/// assert_eq!(reader.read_avail(&guard), 1);
/// # Ok::<(), iocore::buffer::NoReaderLeft>(())
/// ```
#[derive(Clone, Debug)]
pub struct IOBufferReader {
    buffer: BoundBuffer,
    id: ReaderId,
}

impl IOBufferReader {
    /// The buffer that it reads. Mirrors `IOBufferReader::mbuf`.
    #[inline]
    #[must_use]
    pub fn buffer(&self) -> &BoundBuffer {
        &self.buffer
    }

    /// Its place in the buffer.
    #[inline]
    #[must_use]
    pub fn id(&self) -> ReaderId {
        self.id
    }

    /// Bytes that can be read.
    #[inline(always)]
    #[track_caller]
    #[doc(alias = "TSIOBufferReaderAvail")]
    pub fn read_avail(&self, guard: &Guard<'_>) -> i64 {
        self.buffer.borrow(guard).read_avail(self.id)
    }

    /// Bytes that can be read in the current block.
    #[track_caller]
    pub fn block_read_avail(&self, guard: &Guard<'_>) -> i64 {
        self.buffer.with(guard, |buffer| buffer.block_read_avail(self.id))
    }

    /// The bytes that can be read in the current block; they stay valid whatever
    /// happens to the buffer. Mirrors `start` and `end`.
    #[track_caller]
    pub fn block_view(&self, guard: &Guard<'_>) -> BlockView {
        self.buffer.with(guard, |buffer| buffer.block_view(self.id))
    }

    /// Blocks from the current one to the last.
    #[track_caller]
    pub fn block_count(&self, guard: &Guard<'_>) -> usize {
        self.buffer.with(guard, |buffer| buffer.block_count(self.id))
    }

    /// Takes `n` bytes off.
    ///
    /// # Panics
    /// Also if there are fewer.
    #[inline(always)]
    #[track_caller]
    #[doc(alias = "TSIOBufferReaderConsume")]
    pub fn consume(&self, guard: &Guard<'_>, n: i64) {
        self.buffer.borrow(guard).consume(self.id, n);
    }

    /// Copies bytes out and takes them off; returns how many.
    #[track_caller]
    pub fn read(&self, guard: &Guard<'_>, into: &mut [u8]) -> i64 {
        self.buffer.with(guard, |buffer| buffer.read(self.id, into))
    }

    /// A second reader at the same place. Mirrors `clone_reader`.
    ///
    /// # Errors
    /// If the buffer has five readers already.
    #[track_caller]
    pub fn clone_reader(&self, guard: &Guard<'_>) -> Result<IOBufferReader, NoReaderLeft> {
        let id = self.buffer.with(guard, |buffer| buffer.clone_reader(self.id))?;
        Ok(IOBufferReader { buffer: self.buffer.clone(), id })
    }

    /// Gives the reader back. Every use of it afterwards panics.
    #[track_caller]
    pub fn dealloc(&self, guard: &Guard<'_>) {
        self.buffer.with(guard, |buffer| buffer.dealloc_reader(self.id));
    }
}
