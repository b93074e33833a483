//! The exploration build: the blocks of a thread that has ended serve another one. To make and to
//! fill them takes longer than a whole execution does.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Block, Metrics};

/// Blocks that no thread uses; all of them are clear.
static UNUSED: Mutex<Vec<Box<[Block]>>> = Mutex::new(Vec::new());

/// Which blocks have been written: the others are clear.
#[derive(Default)]
pub(super) struct Written(Mutex<Vec<usize>>);

impl Written {
    pub(super) fn add(&self, block: usize) {
        lock(&self.0).push(block);
    }
}

/// Blocks that are clear, if some are left.
pub(super) fn take() -> Option<Box<[Block]>> {
    lock(&UNUSED).pop()
}

impl Drop for Metrics {
    fn drop(&mut self) {
        let Some(blocks) = self.blocks.take() else { return };
        lock(&self.written.0).iter().for_each(|&block| blocks[block].clear());
        lock(&UNUSED).push(blocks);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
