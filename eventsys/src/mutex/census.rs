//! A census of the mutexes that a thread holds: for tests ("nothing is held
//! when all is quiet") and for steps ("holding which locks").
//!
//! It is off unless a [`Census`] is alive; off, it costs one predictable branch
//! a lock. It sees what is locked while it is on, on every thread.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::ProxyMutex;
use crate::steps::HeldLocks;
use crate::sync::thread_local;

// The standard library's atomic even under exploration: the switch is no
// behaviour to explore.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// How often the census has been switched on. A thread that still has a list
/// from an earlier time missed unlocks in between: it starts afresh.
static ROUND: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static HELD: RefCell<List> = const { RefCell::new(List { round: 0, keys: Vec::new() }) };
}

struct List {
    round: usize,
    keys: Vec<usize>,
}

/// What `f` finds in the list of the calling thread. In the destructor of a
/// thread-local the list may be gone: nothing is counted there.
fn with_held<R: Default>(f: impl FnOnce(&mut Vec<usize>) -> R) -> R {
    let found = HELD.try_with(|held| {
        let list = &mut *held.borrow_mut();
        let round = ROUND.load(Ordering::Relaxed);
        if list.round != round {
            list.round = round;
            list.keys.clear();
        }
        f(&mut list.keys)
    });
    found.unwrap_or_default()
}

/// Keeps the census running until it is dropped. Several may run at once.
///
/// ```
/// use eventsys::ProxyMutex;
/// use eventsys::mutex::census;
///
/// let _census = census::start();
/// let mutex = ProxyMutex::new();
/// let guard = mutex.lock();
/// assert_eq!(census::held(), [mutex.key()]);
/// drop(guard);
/// assert_eq!(census::held(), []);
/// ```
#[derive(Debug)]
pub struct Census(());

/// Starts a census.
#[must_use]
pub fn start() -> Census {
    if RUNNING.fetch_add(1, Ordering::Relaxed) == 0 {
        ROUND.fetch_add(1, Ordering::Relaxed);
    }
    Census(())
}

impl Drop for Census {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The keys ([`ProxyMutex::key`]) of the mutexes that the calling thread holds,
/// outermost first, once for each time it holds them. A thread's own mutex,
/// held for life, is not among them.
#[must_use]
pub fn held() -> Vec<usize> {
    with_held(|held| held.clone())
}

/// The same in a form that fits into a step.
#[must_use]
pub fn held_locks() -> HeldLocks {
    let mut locks = HeldLocks::default();
    if running() {
        with_held(|held| held.iter().for_each(|&key| locks.push(key)));
    }
    locks
}

#[inline(always)]
pub(super) fn acquired(mutex: &ProxyMutex) {
    if running() {
        note(mutex.key());
    }
}

#[inline(always)]
pub(super) fn released(mutex: &ProxyMutex) {
    if running() {
        forget(mutex.key());
    }
}

#[inline]
fn running() -> bool {
    RUNNING.load(Ordering::Relaxed) != 0
}

#[cold]
fn note(key: usize) {
    with_held(|held| held.push(key));
}

#[cold]
fn forget(key: usize) {
    with_held(|held| {
        // A mutex taken before the census began is not in the list.
        if let Some(at) = held.iter().rposition(|&other| other == key) {
            held.remove(at);
        }
    });
}

#[cfg(all(test, not(feature = "explore")))]
mod tests {
    use super::*;

    #[test]
    fn counts_what_is_held() {
        let (a, b) = (ProxyMutex::new(), ProxyMutex::new());
        let _census = start();
        let outer = a.lock();
        let inner = b.lock();
        let again = a.lock();
        assert_eq!(held(), [a.key(), b.key(), a.key()]);
        drop(outer);
        drop(inner);
        assert_eq!(held(), [a.key()]);
        drop(again);
        assert_eq!(held(), []);
    }
}
