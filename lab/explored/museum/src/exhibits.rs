//! Rooms in which nothing can run: to put the defect back would be undefined behaviour, and the
//! compiler refuses it. The exhibit is its error.
//!
//! Each example here is compiled by the tests, which must fail with this error:
//!
//! ## #9433: a lock that outlives its mutex
//!
//! The original freed a cancelled event, and with it the last reference to the mutex, while the
//! lock of that mutex was still to be given back.
//!
//! ```compile_fail,E0505
//! use eventsys_explored as eventsys;
//! use std::sync::Arc;
//! use eventsys::ProxyMutex;
//!
//! let mutex: Arc<ProxyMutex> = ProxyMutex::new();
//! let lock = mutex.lock();
//! drop(mutex); // The event is freed, and the mutex with it.
//! drop(lock); // The lock is given back.
//! ```

/// A program that the compiler refuses, and what it says.
#[derive(Clone, Copy, Debug)]
pub struct Exhibit {
    /// The name by which a room has it.
    pub name: &'static str,
    /// The program.
    pub program: &'static str,
    /// The compiler's error, without the place of the program.
    pub error: &'static str,
}

/// All of them.
pub const ALL: &[Exhibit] = &[Exhibit {
    name: "a lock that outlives its mutex",
    program: "let mutex: Arc<ProxyMutex> = ProxyMutex::new();\n\
              let lock = mutex.lock();\n\
              drop(mutex); // The event is freed, and the mutex with it.\n\
              drop(lock); // The lock is given back.",
    error: "error[E0505]: cannot move out of `mutex` because it is borrowed",
}];

/// The exhibit of this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Exhibit> {
    ALL.iter().find(|exhibit| exhibit.name == name)
}
