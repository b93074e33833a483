//! Memory of heads that have ended, for the next ones of their thread.
//!
//! A transaction has five heads. The original has a list of heaps for them (`hdrHeapAllocator`).

use std::cell::RefCell;

use super::Slot;

/// So many stores a thread keeps.
const MOST: usize = 64;

/// A store with more room than this is given back, in bytes and in fields.
const ROOM_TO_KEEP: (usize, usize) = (4096, 64);

thread_local! {
    static LEFT: RefCell<Vec<Store>> = const { RefCell::new(Vec::new()) };
}

/// Room for the text and the slots of a head.
pub(super) type Store = (Vec<u8>, Vec<Slot>);

/// An empty store with room, if there is one.
pub(super) fn take() -> Option<Store> {
    LEFT.try_with(|left| left.borrow_mut().pop()).ok().flatten()
}

/// Keeps a store for the next head.
pub(super) fn put_back((mut text, mut slots): Store) {
    if text.capacity() > ROOM_TO_KEEP.0 || slots.capacity() > ROOM_TO_KEEP.1 {
        return;
    }
    text.clear();
    slots.clear();
    let _ = LEFT.try_with(|left| {
        let mut left = left.borrow_mut();
        if left.len() < MOST {
            left.push((text, slots));
        }
    });
}
