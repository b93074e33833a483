//! The exploration build: the blocks of a thread that has ended serve another one. To make and to
//! fill them takes longer than a whole execution does.

// Not the explorer's: this serves all executions, and is no point of any.
use parking_lot::Mutex;

use super::{Block, Metrics};

/// Blocks that no thread uses; all of them are clear.
static UNUSED: Mutex<Vec<Box<[Block]>>> = Mutex::new(Vec::new());

/// Which blocks have been written: the others are clear.
#[derive(Default)]
pub(super) struct Written(Mutex<Vec<usize>>);

impl Written {
    pub(super) fn add(&self, block: usize) {
        self.0.lock().push(block);
    }
}

/// Blocks that are clear, if some are left.
pub(super) fn take() -> Option<Box<[Block]>> {
    UNUSED.lock().pop()
}

impl Drop for Metrics {
    fn drop(&mut self) {
        let Some(blocks) = self.blocks.take() else { return };
        self.written.0.lock().iter().for_each(|&block| blocks[block].clear());
        UNUSED.lock().push(blocks);
    }
}
