//! The types that the schedule explorer sees: locks, atomics, channels and threads with the
//! interfaces of parking_lot and of the standard library.
//!
//! Inside of an exploration each operation on one of them is a scheduling point. Memory is
//! sequentially consistent: each operation has its effect at once, for all tasks, and the
//! orderings that the caller names are ignored. No operation fails spuriously, and no wait times
//! out. Outside of an exploration they work on one thread; what would have to wait there panics.

pub mod atomic;
mod condvar;
mod local;
pub mod mpsc;
mod mutex;
pub mod thread;

pub use condvar::Condvar;
pub use local::{AccessError, Global, LocalKey};
pub use mutex::{Mutex, MutexGuard, RawLock};
