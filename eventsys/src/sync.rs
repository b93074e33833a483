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
//! | [`atomic`], [`mpsc`] | `std::sync` | `shuttle::sync` |
//! | [`Mutex`], [`Condvar`] | parking_lot | shuttle, behind the same interface |
//! | [`RawLock`] | `parking_lot::RawMutex` | a flag under shuttle's mutex |
//! | [`thread`], [`thread_local!`](crate::sync::thread_local) | `std` | `shuttle` |

#[cfg(feature = "explore")]
mod explored;
mod flag;
#[cfg(not(feature = "explore"))]
mod native;
mod time;

pub use flag::Flag;
pub use time::AtomicTime;

#[cfg(feature = "explore")]
pub use explored::{Condvar, Mutex, MutexGuard, RawLock, atomic, mpsc, thread};
#[cfg(feature = "explore")]
pub use shuttle::thread_local;

#[cfg(not(feature = "explore"))]
pub use native::{Condvar, Mutex, MutexGuard, RawLock, atomic, mpsc, thread};
#[cfg(not(feature = "explore"))]
pub use std::thread_local;

/// A value made on first use and shared by all threads: a `LazyLock` in a normal
/// build, one value per explored execution in an exploration build.
#[cfg(not(feature = "explore"))]
macro_rules! global {
    ($(#[$meta:meta])* static $name:ident: $ty:ty = $make:expr;) => {
        $(#[$meta])* static $name: std::sync::LazyLock<$ty> = std::sync::LazyLock::new(|| $make);
    };
}

#[cfg(feature = "explore")]
macro_rules! global {
    ($(#[$meta:meta])* static $name:ident: $ty:ty = $make:expr;) => {
        shuttle::lazy_static! { $(#[$meta])* static ref $name: $ty = $make; }
    };
}

pub(crate) use global;
