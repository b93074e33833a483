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
    /// The first block. It lies in the queue itself: most buffers never have a second one.
    first: Option<IOBufferBlock>,
    /// The blocks behind it.
    behind: VecDeque<IOBufferBlock>,
    /// The sequence number of the first block.
    front: u64,
    /// Whether the last block is behind the writer's. Only in a queue of two blocks or more.
    spare: bool,
}

impl BlockQueue {
    /// Whether there are no blocks, and hence no writer's block.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
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
        self.at(self.writer_index())
    }

    /// The writer's block, for writing.
    #[inline(always)]
    pub(super) fn writer_mut(&mut self) -> Option<&mut IOBufferBlock> {
        match self.writer_index() {
            0 => self.first.as_mut(),
            index => self.behind.get_mut(index - 1),
        }
    }

    /// The empty block behind the writer's.
    #[inline]
    pub(super) fn spare(&self) -> Option<&IOBufferBlock> {
        if self.spare { self.behind.back() } else { None }
    }

    /// The block with the given number, if there is one.
    #[inline(always)]
    pub(super) fn get(&self, seq: u64) -> Option<&IOBufferBlock> {
        self.at(self.index(seq))
    }

    /// Whether there is no second block, so that no reader has a block to move on to.
    #[inline]
    pub(super) fn has_no_second(&self) -> bool {
        self.behind.is_empty()
    }

    /// The blocks from the given number on.
    #[inline]
    pub(super) fn from(&self, seq: u64) -> impl Iterator<Item = &IOBufferBlock> {
        let index = self.index(seq);
        let first = self.first.iter().skip(index);
        first.chain(self.behind.range(index.saturating_sub(1)..))
    }

    /// The blocks that have space: the writer's and the spare.
    #[inline]
    pub(super) fn writable(&mut self) -> impl Iterator<Item = &mut IOBufferBlock> {
        let index = self.writer_index();
        let first = self.first.iter_mut().skip(index);
        first.chain(self.behind.range_mut(index.saturating_sub(1)..))
    }

    /// How many blocks there are from the given number on.
    #[inline]
    pub(super) fn count_from(&self, seq: u64) -> usize {
        self.len() - self.index(seq)
    }

    /// Puts a block behind the writer's, in place of the spare. The writer moves to it if it has
    /// bytes or is the first; otherwise it is the new spare.
    #[inline]
    pub(super) fn append(&mut self, block: IOBufferBlock) {
        if self.first.is_none() {
            self.first = Some(block);
            return;
        }
        if self.spare {
            self.behind.pop_back();
        }
        self.spare = block.len() == 0;
        self.behind.push_back(block);
    }

    /// Moves the writer to the spare, if there is one.
    #[inline]
    pub(super) fn enter_spare(&mut self) {
        self.spare = false;
    }

    /// Releases the blocks in front of the given number, which must not be beyond the writer's.
    #[inline(never)]
    pub(super) fn drop_before(&mut self, seq: u64) {
        debug_assert!(seq <= self.writer_seq());
        while self.front < seq {
            self.first = self.behind.pop_front();
            self.front += 1;
        }
        // A burst may have made the queue long. The queue frees capacity only when seven eighths
        // are unused, so the cost is small beside that of the blocks pushed and released in
        // between.
        if self.behind.capacity() > ROOM_TO_KEEP && self.behind.len() < self.behind.capacity() / 8 {
            self.behind.shrink_to(self.behind.len() * 2);
        }
    }

    /// Releases all blocks.
    pub(super) fn clear(&mut self) {
        self.front += self.len() as u64;
        self.spare = false;
        self.first = None;
        self.behind = VecDeque::new();
    }

    /// Checks those invariants of the module's text that can be checked here.
    pub(super) fn check_invariants(&self) {
        assert!(self.first.is_some() || self.behind.is_empty(), "the first block comes first");
        assert!(!self.spare || self.len() >= 2, "a spare stands behind the writer's block");
        assert!(self.spare().is_none_or(|spare| spare.len() == 0), "the spare is empty");
    }

    #[inline]
    fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.behind.len()
    }

    /// How many blocks are in front of the writer's.
    #[inline]
    fn writer_index(&self) -> usize {
        // Without a block behind the first, the writer's is the first.
        self.behind.len() - usize::from(self.spare)
    }

    /// The block that has so many blocks in front of it.
    #[inline(always)]
    fn at(&self, index: usize) -> Option<&IOBufferBlock> {
        match index {
            0 => self.first.as_ref(),
            _ => self.behind.get(index - 1),
        }
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
        assert!(queue.behind.capacity() <= ROOM_TO_KEEP);
    }

    #[test]
    fn the_first_block_takes_no_room_of_its_own() {
        let mut queue = BlockQueue::default();
        queue.append(full());
        assert_eq!(queue.behind.capacity(), 0);
        queue.append(full());
        queue.drop_before(1);
        assert_eq!(
            (queue.behind.len(), queue.count_from(1)),
            (0, 1),
            "the second is the first now"
        );
    }

    /// The queue frees capacity above 64 when less than an eighth is in use, and keeps twice what
    /// is in use.
    #[test]
    fn room_is_given_back_only_when_seven_eighths_are_unused() {
        for (blocks, left, room) in [(64, 1, 64), (128, 17, 128), (128, 16, 128), (128, 15, 30)] {
            let mut queue =
                BlockQueue { behind: VecDeque::with_capacity(blocks), ..Default::default() };
            // And one in front of them.
            (0..=blocks).for_each(|_| queue.append(full()));
            assert_eq!(queue.behind.capacity(), blocks);
            queue.drop_before((blocks - left) as u64);
            assert_eq!((queue.behind.len(), queue.behind.capacity()), (left, room));
        }
    }

    /// The check can fail: the test makes each invalid state by hand.
    #[test]
    fn check_invariants_finds_each_state_that_a_queue_cannot_be_in() {
        let of = |first, behind: Vec<IOBufferBlock>, spare| BlockQueue {
            first,
            behind: behind.into(),
            spare,
            ..Default::default()
        };
        for (queue, sentence) in [
            (of(None, vec![full()], false), "the first block comes first"),
            (of(None, vec![], true), "a spare stands behind the writer's block"),
            (of(Some(empty()), vec![], true), "a spare stands behind the writer's block"),
            (of(Some(full()), vec![full()], true), "the spare is empty"),
        ] {
            let panic = std::panic::catch_unwind(|| queue.check_invariants()).expect_err(sentence);
            assert_eq!(*panic.downcast::<&str>().expect("a text"), sentence);
        }
        of(None, vec![], false).check_invariants();
        of(Some(full()), vec![], false).check_invariants();
        of(Some(full()), vec![empty()], true).check_invariants();
    }
}
