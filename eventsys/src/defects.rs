//! Historical defects that the exploration build can put back, one by one.
//!
//! A museum shows a defect best by letting it happen. So the place in the code that
//! mends a defect asks [`rearmed`] whether the defect should be there again, in one
//! line that names it: `grep -rn rearmed` is the catalogue. Each crate has a table of its
//! own defects, made by [`defect_table!`](crate::defect_table!); the one of this crate stands
//! below. What a *release* can be asked to have or not to have is something else: that
//! is an option (`WakePolicy` here, `Corrections` and `Epoch` in `pluginvc`).
//!
//! In an ordinary build [`rearmed`] is the constant `false`: it costs no branch, no field
//! and no byte. In an exploration build (the packages in `lab/explored`) it looks at the set
//! that `arm` has made for the execution that is under way.
//!
//! | defect | place |
//! |---|---|
//! | [`TS_1488`] | `ethread/event_loop.rs`, the looks at `is_cancelled` |
//! | [`TS_1503`] | `ethread/schedule.rs`, `reschedule` |
//! | [`ROUND_ROBIN`] | `processor/group.rs`, `assign` |
//! | [`STARTED_TWICE`] | `processor/group.rs`, `thread_started` |
//! | [`GH_6234`] | `ethread/event_loop.rs`, how long the thread sleeps |
//! | [`LOCAL_QUEUE`] | `ethread/tail.rs`, whether it sleeps |

/// A defect of Traffic Server that the port does not have, unless it is put back.
///
/// ```
/// use eventsys::defects::{TS_1488, rearmed};
///
/// assert_eq!(TS_1488.id, "TS-1488");
/// assert!(!rearmed(&TS_1488), "never in an ordinary build");
/// ```
#[derive(Debug)]
pub struct Defect {
    /// The name by which a command puts it back: its id in small letters.
    pub name: &'static str,
    /// Its number in Traffic Server's old tracker (TS-…) or on GitHub (#…), or the commit
    /// that mended it.
    pub id: &'static str,
    /// The first release that has it, or "none" if no release had it.
    pub first: &'static str,
    /// The last release that has it, or "none".
    pub last: &'static str,
    /// What its victims saw, in a sentence.
    pub symptom: &'static str,
    /// The crate that has it when it is put back.
    pub layer: &'static str,
}

/// A table of defects: a `static` for each, and `ALL`, which lists them in the order of
/// the table. `pluginvc` and `iocore` make theirs with it, too.
///
/// ```
/// mod old {
///     eventsys::defect_table! {
///         /// A defect that this example has invented.
///         SLOW: "slow", "TS-0", "2.0.0" to "2.1.9", "Everything takes a second.";
///     }
/// }
/// assert_eq!(old::SLOW.last, "2.1.9");
/// assert_eq!(old::ALL.len(), 1);
/// ```
#[macro_export]
macro_rules! defect_table {
    ($($(#[$doc:meta])* $item:ident: $name:literal, $id:literal,
        $first:literal to $last:literal, $symptom:literal;)*) => {
        $($(#[$doc])* pub static $item: $crate::defects::Defect = $crate::defects::Defect {
            name: $name,
            id: $id,
            first: $first,
            last: $last,
            symptom: $symptom,
            layer: env!("CARGO_CRATE_NAME"),
        };)*

        /// All defects of this table.
        pub static ALL: &[&$crate::defects::Defect] = &[$(&$item),*];
    };
}

defect_table! {
    /// An event is dispatched although it was cancelled before it came out of its queue.
    TS_1488: "ts-1488", "TS-1488", "2.0.0" to "3.3.0",
        "A handler runs after its event was cancelled under its mutex.";
    /// An event that is rescheduled while it waits leaves its queue and goes to the end.
    TS_1503: "ts-1503", "TS-1503", "2.0.0" to "3.3.0",
        "An event that is rescheduled while it waits loses its place in the queue.";
    /// The counter of the round robin is signed, and begins at its greatest value here.
    ROUND_ROBIN: "2d3e9d7366", "2d3e9d7366", "2.0.0" to "7.1.12",
        "After 2147483647 assignments the index of the next thread is negative.";
    /// Threads are counted in one step and the count is read in another.
    STARTED_TWICE: "db5f9232d0", "db5f9232d0", "none" to "none",
        "Two threads that start at once both find the group complete.";
    /// After a missed lock the thread sleeps for as long as if its queues were empty.
    GH_6234: "gh-6234", "#6234", "2.0.0" to "8.0.8",
        "An event whose lock was missed comes after 60 ms instead of 10 ms.";
    /// Whether the thread may sleep depends on the external queue alone.
    LOCAL_QUEUE: "6a1c5f7397", "6a1c5f7397", "2.0.0" to "8.1.11",
        "A thread sleeps although events wait in its local queue.";
}

/// Faults that no release had; see `pluginvc::defects::planted`.
pub mod planted {
    defect_table! {
        /// An event thread takes the external queue by a load and a store, and not in one step.
        DRAIN: "planted-drain", "planted", "none" to "none",
            "An event that is scheduled just then is lost.";
        /// An event thread sleeps 100 ms longer than it may.
        SLEEP: "planted-sleep", "planted", "none" to "none", "Events come late.";
    }
}

/// Whether `defect` should be there again. Always false in an ordinary build.
#[cfg(not(feature = "explore"))]
#[inline(always)]
#[must_use]
pub const fn rearmed(_: &'static Defect) -> bool {
    false
}

#[cfg(feature = "explore")]
pub use armed::{Armed, arm, rearmed};

#[cfg(feature = "explore")]
mod armed {
    use std::cell::Cell;

    use super::Defect;

    // Not of `sync`: a look at the set must not be a step of the program. All threads of an
    // execution run on one thread of the system, so they share it, and no other execution does.
    std::thread_local! {
        static ARMED: Cell<[Option<&'static Defect>; MOST]> = const { Cell::new([None; MOST]) };
    }

    /// How many defects can be back at once.
    const MOST: usize = 4;

    /// Puts these defects back, and no other, until the returned value is dropped. A scene calls
    /// it first of all.
    ///
    /// # Panics
    /// If there are more than four.
    #[must_use]
    pub fn arm(defects: &[&'static Defect]) -> Armed {
        assert!(defects.len() <= MOST, "at most {MOST} defects can be back at once");
        ARMED.set(std::array::from_fn(|n| defects.get(n).copied()));
        Armed(())
    }

    /// Whether `defect` is back in the execution that is under way.
    #[inline]
    #[must_use]
    pub fn rearmed(defect: &'static Defect) -> bool {
        ARMED.get().iter().flatten().any(|armed| std::ptr::eq(*armed, defect))
    }

    /// Keeps defects armed; see [`arm`].
    #[derive(Debug)]
    pub struct Armed(());

    impl Drop for Armed {
        fn drop(&mut self) {
            ARMED.set([None; MOST]);
        }
    }
}
