//! Bytes of a block that a user keeps apart from any buffer.

use std::ops::Deref;

use super::block::IOBufferBlock;

/// Readable bytes that do not change, whatever happens to their buffer.
///
/// It holds a reference to the memory, so the memory lives at least as long; nothing is copied.
/// It may be sent to and read from other threads while the buffer is still written to.
///
/// Has no counterpart in 9.1.3, where a user keeps a pointer to the block. Nearest are
/// `IOBufferReader::block_read_view` and `IOBufferBlock::clone` of `I_IOBuffer.h`.
///
/// ```
/// use iocore::buffer::{BUFFER_SIZE_INDEX_4K, MIOBuffer};
///
/// let mut buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_4K);
/// let reader = buffer.alloc_reader()?;
/// buffer.write(b"hello");
/// let view = buffer.block_view(reader);
/// buffer.consume(reader, 5);
/// assert_eq!(&view[..], b"hello", "a view keeps the bytes");
/// # Ok::<(), iocore::buffer::NoReaderLeft>(())
/// ```
#[derive(Clone, Debug)]
pub struct BlockView {
    /// A clone: it has no space, so what it can read never changes.
    block: IOBufferBlock,
}

impl BlockView {
    /// The view of all that `clone` can read. It must be the clone of another block, or empty.
    #[inline]
    pub(super) fn new(clone: IOBufferBlock) -> Self {
        Self { block: clone }
    }

    /// The bytes as a block that can be appended to a buffer. It has no space.
    pub fn into_block(self) -> IOBufferBlock {
        self.block
    }
}

impl Deref for BlockView {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.block.as_slice()
    }
}

impl AsRef<[u8]> for BlockView {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_outlives_the_block_and_its_reset() {
        let mut block = IOBufferBlock::from_vec(b"hello".to_vec());
        let view = block.view();
        block.reset();
        block.write(b"abcde");
        drop(block);
        assert_eq!((&*view, view.as_ref()), (&b"hello"[..], &b"hello"[..]));
        assert_eq!(view.clone().into_block().write_avail(), 0);
    }

    #[test]
    fn views_and_blocks_go_to_other_threads() {
        fn sendable<T: Send + Sync + 'static>() {}
        sendable::<BlockView>();
        sendable::<IOBufferBlock>();
        sendable::<super::super::MIOBuffer>();
    }
}
