//! The blocks of one buffer, in order.
//!
//! In 9.1.3 this is a list of reference-counted links, of which the writer and the readers hold
//! one each. The rules of such a list are written down here as invariants:
//!
//! - A buffer with blocks has a writer's block. Behind it there is at most one block, and that is
//!   empty: the *spare*. (Appending replaces a spare, and the spare is only filled once the
//!   writer has moved there.)
//! - No reader is beyond the writer, because readers only move to blocks that have bytes.
//! - Blocks in front of all readers and of the writer are gone.
//!
//! A block is named by its sequence number, which counts all blocks that the buffer has released.
//! The number of a block never changes, so a reader stays where it is when blocks leave the front.
//! In an empty queue the writer's number is the number that the first block will get; a reader that
//! was made too early finds itself in the right place when that block comes.

use std::collections::VecDeque;

use super::block::IOBufferBlock;

/// A queue that has become longer than this frees capacity when it is short again.
const ROOM_TO_KEEP: usize = 64;

/// The blocks of a buffer. See the module for the invariants.
#[derive(Debug, Default)]
pub(super) struct BlockQueue {
    blocks: VecDeque<IOBufferBlock>,
    /// The sequence number of the first block.
    front: u64,
    /// Whether the last block is behind the writer's. Never in an empty queue.
    spare: bool,
}

impl BlockQueue {
    /// Whether there are no blocks, and hence no writer's block.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// The number of the first block.
    #[inline]
    pub(super) fn front(&self) -> u64 {
        self.front
    }

    /// The number of the writer's block, also if that is yet to come.
    #[inline]
    pub(super) fn writer_seq(&self) -> u64 {
        self.front + self.writer_index() as u64
    }

    /// The writer's block.
    #[inline]
    pub(super) fn writer(&self) -> Option<&IOBufferBlock> {
        self.blocks.get(self.writer_index())
    }

    /// The writer's block, for writing.
    #[inline]
    pub(super) fn writer_mut(&mut self) -> Option<&mut IOBufferBlock> {
        let index = self.writer_index();
        self.blocks.get_mut(index)
    }

    /// The empty block behind the writer's.
    #[inline]
    pub(super) fn spare(&self) -> Option<&IOBufferBlock> {
        if self.spare { self.blocks.back() } else { None }
    }

    /// The block with the given number, if there is one.
    #[inline]
    pub(super) fn get(&self, seq: u64) -> Option<&IOBufferBlock> {
        self.blocks.get(self.index(seq))
    }

    /// Whether no block comes behind the one with the given number.
    #[inline]
    pub(super) fn is_last(&self, seq: u64) -> bool {
        self.index(seq) + 1 >= self.blocks.len()
    }

    /// The blocks from the given number on.
    #[inline]
    pub(super) fn from(&self, seq: u64) -> impl Iterator<Item = &IOBufferBlock> {
        self.blocks.range(self.index(seq)..)
    }

    /// The blocks that have space: the writer's and the spare.
    #[inline]
    pub(super) fn writable(&mut self) -> impl Iterator<Item = &mut IOBufferBlock> {
        let index = self.writer_index();
        self.blocks.range_mut(index..)
    }

    /// How many blocks there are from the given number on.
    #[inline]
    pub(super) fn count_from(&self, seq: u64) -> usize {
        self.blocks.len() - self.index(seq)
    }

    /// Puts a block behind the writer's, in place of the spare. The writer moves to it if it has
    /// bytes or is the first; otherwise it is the new spare.
    #[inline]
    pub(super) fn append(&mut self, block: IOBufferBlock) {
        if self.spare {
            self.blocks.pop_back();
        }
        self.spare = !self.blocks.is_empty() && block.len() == 0;
        if self.blocks.capacity() == 0 {
            // Room for one and not for the usual four: many buffers never have a second block.
            self.blocks.reserve_exact(1);
        }
        self.blocks.push_back(block);
    }

    /// Moves the writer to the spare, if there is one.
    #[inline]
    pub(super) fn enter_spare(&mut self) {
        self.spare = false;
    }

    /// Releases the blocks in front of the given number, which must not be beyond the writer's.
    #[inline]
    pub(super) fn drop_before(&mut self, seq: u64) {
        debug_assert!(seq <= self.writer_seq());
        while self.front < seq {
            self.blocks.pop_front();
            self.front += 1;
        }
        // A burst may have made the queue long. The queue frees capacity only when seven eighths
        // are unused, so the cost is small beside that of the blocks pushed and released in
        // between.
        if self.blocks.capacity() > ROOM_TO_KEEP && self.blocks.len() < self.blocks.capacity() / 8 {
            self.blocks.shrink_to(self.blocks.len() * 2);
        }
    }

    /// Releases all blocks.
    pub(super) fn clear(&mut self) {
        self.front += self.blocks.len() as u64;
        self.spare = false;
        self.blocks = VecDeque::new();
    }

    /// Checks those invariants of the module's text that can be checked here.
    pub(super) fn check_invariants(&self) {
        assert!(!self.spare || self.blocks.len() >= 2, "a spare stands behind the writer's block");
        assert!(self.spare().is_none_or(|spare| spare.len() == 0), "the spare is empty");
    }

    #[inline]
    fn writer_index(&self) -> usize {
        self.blocks.len().saturating_sub(1 + usize::from(self.spare))
    }

    #[inline]
    fn index(&self, seq: u64) -> usize {
        debug_assert!(self.front <= seq, "no reference to a block that is gone");
        usize::try_from(seq - self.front).expect("a queue fits in memory")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::size::BUFFER_SIZE_INDEX_128;

    fn empty() -> IOBufferBlock {
        IOBufferBlock::new(BUFFER_SIZE_INDEX_128)
    }

    fn full() -> IOBufferBlock {
        IOBufferBlock::from_vec(vec![1])
    }

    #[test]
    fn the_first_block_is_the_writers_even_if_empty() {
        let mut queue = BlockQueue::default();
        assert!(queue.writer().is_none() && queue.writer_seq() == 0);
        queue.append(empty());
        assert!(queue.writer().is_some() && queue.spare().is_none() && queue.writer_seq() == 0);
    }

    #[test]
    fn an_empty_block_is_a_spare_and_is_replaced() {
        let mut queue = BlockQueue::default();
        queue.append(full());
        queue.append(empty());
        queue.append(empty());
        assert_eq!((queue.count_from(0), queue.writer_seq()), (2, 0));
        queue.append(full());
        assert_eq!((queue.count_from(0), queue.writer_seq()), (2, 1));
        queue.check_invariants();
        queue.append(empty());
        queue.enter_spare();
        assert_eq!((queue.count_from(0), queue.writer_seq()), (3, 2));
    }

    #[test]
    fn numbers_outlast_the_blocks() {
        let mut queue = BlockQueue::default();
        (0..3).for_each(|_| queue.append(full()));
        queue.drop_before(2);
        assert_eq!((queue.front(), queue.count_from(2), queue.writer_seq()), (2, 1, 2));
        queue.clear();
        assert_eq!((queue.front(), queue.writer_seq()), (3, 3));
    }

    #[test]
    fn room_for_a_burst_is_given_back() {
        let mut queue = BlockQueue::default();
        (0..10_000).for_each(|_| queue.append(full()));
        queue.drop_before(9_999);
        assert!(queue.blocks.capacity() <= ROOM_TO_KEEP);
    }

    #[test]
    fn the_first_block_makes_room_for_one() {
        let mut queue = BlockQueue::default();
        queue.append(full());
        assert_eq!(queue.blocks.capacity(), 1);
        queue.append(full());
        assert!(queue.blocks.capacity() >= 4, "from then on as a queue grows");
    }

    /// The queue frees capacity above 64 when less than an eighth is in use, and keeps twice what
    /// is in use.
    #[test]
    fn room_is_given_back_only_when_seven_eighths_are_unused() {
        for (blocks, left, room) in [(64, 1, 64), (128, 17, 128), (128, 16, 128), (128, 15, 30)] {
            let mut queue =
                BlockQueue { blocks: VecDeque::with_capacity(blocks), ..Default::default() };
            (0..blocks).for_each(|_| queue.append(full()));
            assert_eq!(queue.blocks.capacity(), blocks);
            queue.drop_before((blocks - left) as u64);
            assert_eq!((queue.blocks.len(), queue.blocks.capacity()), (left, room));
        }
    }

    /// The check can fail: the test makes each invalid state by hand.
    #[test]
    fn check_invariants_finds_each_state_that_a_queue_cannot_be_in() {
        let of = |blocks: Vec<IOBufferBlock>, spare| BlockQueue {
            blocks: blocks.into(),
            spare,
            ..Default::default()
        };
        for (queue, sentence) in [
            (of(vec![], true), "a spare stands behind the writer's block"),
            (of(vec![empty()], true), "a spare stands behind the writer's block"),
            (of(vec![full(), full()], true), "the spare is empty"),
        ] {
            let panic = std::panic::catch_unwind(|| queue.check_invariants()).expect_err(sentence);
            assert_eq!(*panic.downcast::<&str>().expect("a text"), sentence);
        }
        for queue in [of(vec![], false), of(vec![full()], false), of(vec![full(), empty()], true)] {
            queue.check_invariants();
        }
    }
}
