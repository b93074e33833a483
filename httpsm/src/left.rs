//! [`Left`]: memory that ended objects leave on their thread, for the next ones.
//!
//! The original has a list of free objects for each class and thread (`ProxyAllocator`).

use std::cell::RefCell;
use std::thread::LocalKey;

/// So many pieces of memory a thread keeps.
const MOST: usize = 64;

/// The pieces that a thread keeps. Each use is a thread's own: `thread_local!`.
pub(crate) struct Left<T: 'static>(RefCell<Vec<T>>);

impl<T> Left<T> {
    /// None yet.
    pub(crate) const fn new() -> Left<T> {
        Left(RefCell::new(Vec::new()))
    }

    /// The piece that came last: it is in the processor's cache. `None` if none is left, or the thread
    /// is ending.
    pub(crate) fn take(of: &'static LocalKey<Left<T>>) -> Option<T> {
        of.try_with(|left| left.0.borrow_mut().pop()).ok().flatten()
    }

    /// Keeps a piece; one too many is freed, and so is each one of a thread that is ending.
    pub(crate) fn put_back(of: &'static LocalKey<Left<T>>, piece: T) {
        // Outside of the list: what is freed may put back others.
        let _too_many = of.try_with(|left| {
            let mut left = left.0.borrow_mut();
            if left.len() < MOST {
                left.push(piece);
                return None;
            }
            Some(piece)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_keeps_some_pieces_and_gives_the_last_one_first() {
        thread_local! {
            static LEFT: Left<usize> = const { Left::new() };
        }
        assert_eq!(Left::take(&LEFT), None);
        (0..=MOST).for_each(|piece| Left::put_back(&LEFT, piece));
        let all: Vec<_> = std::iter::from_fn(|| Left::take(&LEFT)).collect();
        assert_eq!(all, (0..MOST).rev().collect::<Vec<_>>());
    }
}
