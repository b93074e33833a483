//! [`Buf`], memory to read into, and [`Chunk`], bytes that have been read.

use std::fmt;
use std::ops::{Deref, Range};
use std::rc::{Rc, Weak};

/// Memory that a listener has given for one read. Mirrors `uv_buf_t` between
/// `OnStreamAlloc` and `OnStreamRead`; it goes with its read, whichever listener
/// is the newest by then.
///
/// ```
/// use streamlisten::Buf;
///
/// let mut buf = Buf::fresh(4);
/// assert_eq!(buf.fill(b"hello"), 4);
/// assert_eq!(buf.bytes(), b"hell");
/// ```
#[derive(Debug)]
pub struct Buf {
    bytes: Vec<u8>,
    size: usize,
    owner: u64,
}

/// The owner number of memory without an owner.
pub(crate) const HEAP: u64 = 0;

impl Buf {
    /// `size` bytes of fresh memory.
    #[must_use]
    pub fn fresh(size: usize) -> Buf {
        Buf { bytes: Vec::with_capacity(size), size, owner: HEAP }
    }

    /// `size` bytes in memory that `owner` will want back.
    pub(crate) fn of(bytes: Vec<u8>, size: usize, owner: u64) -> Buf {
        Buf { bytes, size, owner }
    }

    /// No memory, as it comes with an error.
    #[inline]
    #[must_use]
    pub fn empty() -> Buf {
        Buf { bytes: Vec::new(), size: 0, owner: HEAP }
    }

    /// How many bytes there is room for.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Puts the first bytes of `data` in, as many as there is room for, and returns
    /// how many. They replace the old contents.
    pub fn fill(&mut self, data: &[u8]) -> usize {
        self.bytes.clear();
        self.append(data)
    }

    /// Puts the first bytes of `data` behind those that are in, as many as there is
    /// room for, and returns how many. For a read that finds its bytes in several places:
    /// each byte is copied once.
    pub fn append(&mut self, data: &[u8]) -> usize {
        let n = data.len().min(self.size - self.bytes.len());
        self.bytes.extend_from_slice(&data[..n]);
        n
    }

    /// The bytes that are in.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn owner(&self) -> u64 {
        self.owner
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Bytes with several holders. Mirrors what a JavaScript `Buffer` is to its
/// readers: a part of shared memory.
///
/// ```
/// use streamlisten::Chunk;
///
/// let chunk = Chunk::new(b"hello world".to_vec());
/// let world = chunk.from(6); // The same memory.
/// assert_eq!(&*world, b"world");
/// ```
#[derive(Clone)]
pub struct Chunk {
    bytes: Rc<Vec<u8>>,
    range: Range<usize>,
}

impl Chunk {
    /// All of `bytes`.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Chunk {
        let range = 0..bytes.len();
        Chunk { bytes: Rc::new(bytes), range }
    }

    /// The part from `from` on, without copying; empty if `from` is past the end.
    #[must_use]
    pub fn from(&self, from: usize) -> Chunk {
        let start = self.range.end.min(self.range.start.saturating_add(from));
        Chunk { bytes: Rc::clone(&self.bytes), range: start..self.range.end }
    }

    /// A part, without copying; cut off at the end.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Chunk {
        let at = |n: usize| self.range.end.min(self.range.start.saturating_add(n));
        Chunk { bytes: Rc::clone(&self.bytes), range: at(range.start)..at(range.end) }
    }

    /// The memory that it is a part of.
    pub(crate) fn memory(&self) -> Weak<Vec<u8>> {
        Rc::downgrade(&self.bytes)
    }

    /// Where in its memory it begins.
    pub(crate) fn start(&self) -> usize {
        self.range.start
    }

    /// The memory itself, if this is the only holder.
    pub(crate) fn into_vec(self) -> Option<Vec<u8>> {
        Rc::try_unwrap(self.bytes).ok()
    }
}

impl Deref for Chunk {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.range.clone()]
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.escape_ascii().to_string(), f)
    }
}
