//! Memory of heads that have ended, for the next ones of their thread.
//!
//! A transaction has five heads. The original has a list of heaps for them (`hdrHeapAllocator`).

use super::Slot;
use crate::left::Left;

/// A store with more room than this is given back, in bytes and in fields.
const ROOM_TO_KEEP: (usize, usize) = (4096, 64);

thread_local! {
    static LEFT: Left<Store> = const { Left::new() };
}

/// Room for the text and the slots of a head.
pub(super) type Store = (Vec<u8>, Vec<Slot>);

/// An empty store with room, if there is one.
pub(super) fn take() -> Option<Store> {
    Left::take(&LEFT)
}

/// Keeps a store for the next head.
pub(super) fn put_back((mut text, mut slots): Store) {
    if text.capacity() > ROOM_TO_KEEP.0 || slots.capacity() > ROOM_TO_KEEP.1 {
        return;
    }
    text.clear();
    slots.clear();
    Left::put_back(&LEFT, (text, slots));
}
