//! [`HeadText`]: the text of a head, on its way into a buffer.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};

thread_local! {
    /// One piece of memory for all heads that this thread prints, one after the other.
    static LEFT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A piece with more room than this is given back.
const ROOM_TO_KEEP: usize = 1 << 16;

/// A text, empty at first.
pub(super) struct HeadText(Vec<u8>);

impl HeadText {
    pub(super) fn new() -> HeadText {
        let mut text = LEFT.try_with(Cell::take).unwrap_or_default();
        text.reserve(512);
        HeadText(text)
    }
}

impl Deref for HeadText {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for HeadText {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl Drop for HeadText {
    fn drop(&mut self) {
        self.0.clear();
        if self.0.capacity() <= ROOM_TO_KEEP {
            let _ = LEFT.try_with(|left| left.set(std::mem::take(&mut self.0)));
        }
    }
}
