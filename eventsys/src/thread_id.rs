//! The identity of a thread, for locks and for cells that belong to one thread.
//!
//! The original tells threads apart by their `EThread *`, which is null on a
//! thread that the event system does not own; two such threads look the same,
//! and a scoped lock that one of them has taken also counts as held by the
//! other (#6576). Here every thread has a number of its own, so foreign threads
//! lock correctly too.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::sync::thread_local;

// Numbers are handed out by the standard library's atomic even under
// exploration: their order is no behaviour that a test could look at. They begin anew in each
// execution, so that a value in a trace is the same each time.
#[cfg(not(all(feature = "explore", not(feature = "shuttle"))))]
static NEXT: AtomicU64 = AtomicU64::new(1);

#[cfg(all(feature = "explore", not(feature = "shuttle")))]
crate::sync::global! {
    static NEXT: AtomicU64 = AtomicU64::new(1);
}

#[cfg(not(all(feature = "explore", not(feature = "shuttle"))))]
fn next() -> u64 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

#[cfg(all(feature = "explore", not(feature = "shuttle")))]
fn next() -> u64 {
    NEXT.with(|next| next.fetch_add(1, Ordering::Relaxed))
}

thread_local! {
    static CURRENT: Cell<u64> = const { Cell::new(0) };
}

/// The number of a thread; never 0, never used again.
///
/// ```
/// use eventsys::ThreadId;
///
/// let here = ThreadId::current();
/// let there = std::thread::spawn(ThreadId::current).join().unwrap();
/// assert_ne!(here, there);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ThreadId(u64);

impl ThreadId {
    /// The calling thread's number; it is given one on its first call.
    #[inline]
    #[must_use]
    pub fn current() -> ThreadId {
        CURRENT.with(|current| match current.get() {
            0 => ThreadId::assign(current),
            id => ThreadId(id),
        })
    }

    /// A number that no thread has yet; an EThread gets one before its thread runs.
    pub(crate) fn fresh() -> ThreadId {
        ThreadId(next())
    }

    /// Makes `self` the calling thread's number.
    ///
    /// # Panics
    /// If the thread already has one: it may hold locks under it.
    pub(crate) fn adopt(self) {
        CURRENT.with(|current| {
            assert_eq!(current.get(), 0, "this thread is already known by another number");
            current.set(self.0);
        });
    }

    pub(crate) const fn as_u64(self) -> u64 {
        self.0
    }

    #[cold]
    fn assign(current: &Cell<u64>) -> ThreadId {
        let id = ThreadId::fresh();
        current.set(id.0);
        id
    }
}

impl fmt::Debug for ThreadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "thread {}", self.0)
    }
}
