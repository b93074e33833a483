//! The sync facade: every lock, atomic, thread and thread-local of this crate
//! comes from here and from nowhere else.
//!
//! In a normal build the names are parking_lot's and the standard library's. In
//! an exploration build (the twin packages in `lab/explored`, which have these sources
//! and the feature `explore`) they are the schedule explorer's, so
//! that a test can run a piece of code under every interleaving and state the
//! exact set of outcomes. Code that went around the facade would be invisible
//! to the explorer, and a race in it would never be found.
//!
//! | name | normal | exploration |
//! |---|---|---|
//! | [`atomic`], [`mpsc`], [`thread`], [`thread_local!`](crate::sync::thread_local) | `std` | `explorer::sync` |
//! | [`Mutex`], [`Condvar`], [`RawLock`] | parking_lot | `explorer::sync`, with the same interface |
//!
//! A third build, on shuttle, judges the explorer: both must find the same outcomes of the same
//! scenes (`engines` in the explorations).

mod flag;
#[cfg(not(feature = "explore"))]
mod native;
#[cfg(feature = "shuttle")]
mod shuttled;
mod time;

pub use flag::Flag;
pub use time::AtomicTime;

#[cfg(not(feature = "explore"))]
pub(crate) use native::Global;
#[cfg(not(feature = "explore"))]
pub use native::{Condvar, Mutex, MutexGuard, RawLock, atomic, mpsc, thread};
#[cfg(not(feature = "explore"))]
pub use std::thread_local;

#[cfg(all(feature = "explore", not(feature = "shuttle")))]
pub use explorer::sync::{Condvar, Mutex, MutexGuard, RawLock, atomic, mpsc, thread};
#[cfg(all(feature = "explore", not(feature = "shuttle")))]
pub use explorer::thread_local;

#[cfg(feature = "shuttle")]
pub use shuttle::thread_local;
#[cfg(feature = "shuttle")]
pub(crate) use shuttled::Global;
#[cfg(feature = "shuttle")]
pub use shuttled::{Condvar, Mutex, MutexGuard, RawLock, atomic, mpsc, thread};

/// A value made on first use, on which each thread may call `with`: one of the process in a normal
/// build, one of each explored execution in an exploration build.
#[cfg(not(feature = "explore"))]
macro_rules! global {
    ($(#[$meta:meta])* static $name:ident: $ty:ty = $make:expr;) => {
        $(#[$meta])* static $name: $crate::sync::Global<$ty> = $crate::sync::Global::new(|| $make);
    };
}

#[cfg(not(feature = "explore"))]
pub(crate) use global;

#[cfg(all(feature = "explore", not(feature = "shuttle")))]
pub(crate) use explorer::global;

#[cfg(feature = "shuttle")]
macro_rules! global {
    ($(#[$meta:meta])* static $name:ident: $ty:ty = $make:expr;) => {
        shuttle::lazy_static! {
            $(#[$meta])* static ref $name: $crate::sync::Global<$ty> = $crate::sync::Global($make);
        }
    };
}

#[cfg(feature = "shuttle")]
pub(crate) use global;
