//! [`OnRead`]: a socket whose reads go to the user's own memory. Mirrors the option
//! `onread` of `net.Socket`.

use crate::buf::Chunk;

/// Where a socket's reads go, and the callback that gets them instead of `data`.
/// For [`Socket::with_onread`](super::Socket::with_onread).
pub struct OnRead {
    /// Gives the memory for the first read, and after each read for the next; `None` to
    /// use the same again.
    pub(super) buffer: Box<dyn Fn() -> Option<Vec<u8>>>,
    /// Gets what has been read. Returns false to stop reading.
    pub(super) callback: Box<dyn Fn(&Chunk) -> bool>,
}

impl OnRead {
    /// All reads go to `buffer`. Mirrors a `buffer` that is a `Uint8Array`.
    pub fn with_buffer(buffer: Vec<u8>, callback: impl Fn(&Chunk) -> bool + 'static) -> OnRead {
        let buffer = std::cell::Cell::new(Some(buffer));
        OnRead { buffer: Box::new(move || buffer.take()), callback: Box::new(callback) }
    }

    /// Each read goes to memory that `next` gives. Mirrors a `buffer` that is a function.
    pub fn with_buffers(
        next: impl Fn() -> Vec<u8> + 'static,
        callback: impl Fn(&Chunk) -> bool + 'static,
    ) -> OnRead {
        OnRead { buffer: Box::new(move || Some(next())), callback: Box::new(callback) }
    }
}
