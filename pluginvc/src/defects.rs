//! Historical defects of PluginVC that the exploration build can put back.
//!
//! Each stands at its place in one line: `if rearmed(&TS_3339)`; see [`eventsys::defects`].
//! A release's own bugs are options: [`Corrections`](crate::Corrections) and
//! [`Epoch`](crate::Epoch). The defects of #4746 are epoch B, those of #8698 epoch D.
//!
//! | defect | place |
//! |---|---|
//! | [`TS_867`] | `half.rs`, `setup_event_cb` |
//! | [`TS_1427`] | `timeout.rs`, `update_inactive_time` |
//! | [`TS_2317`], [`TS_2253`] | `main_handler.rs`, `handle_event` |
//! | [`TS_3339`] | `epoch/b.rs` and `epoch/c.rs`, `process_read_side` |
//! | [`TS_3404`] | `transfer.rs`, `read_from_core` |
//! | [`TS_3522`] | `vc.rs`, `do_io` |
//! | [`TS_3949`], [`GH_1333`], [`GH_4074`] | `timeout.rs`, `process_timeout` |
//! | [`TS_3235`] | `rearmed/close.rs`, the whole `do_io_close` |

use eventsys::defects::Defect;

eventsys::defect_table! {
    /// `setup_event_cb` does not store the event that it schedules.
    TS_867: "ts-867", "TS-867", "none" to "none",
        "A pair asserts on first use: an event comes that matches no pointer.";
    /// Each transfer cancels the event of the inactivity timeout and makes a new one.
    TS_1427: "ts-1427", "TS-1427", "2.0.0" to "3.2.5",
        "Each transfer of bytes cancels a timer and makes another.";
    /// `main_handler` keeps the mutexes of the state machines when it finds its end closed.
    TS_2317: "ts-2317", "TS-2317", "2.0.0" to "4.0.2",
        "After a close the mutex of the state machine is held for ever.";
    /// A missed lock reschedules the periodic event, which makes it one-shot.
    TS_2253: "ts-2253", "TS-2253", "3.3.0" to "4.2.1",
        "The inactivity event stops after a missed lock, and a close cancels a freed event.";
    /// Whether the read side is shut is tested before its mutex is taken, and not after.
    TS_3339: "ts-3339", "TS-3339", "2.0.0" to "5.2.1",
        "READ_READY comes after the read side was shut and its buffer freed.";
    /// One's own write side ends the stream that one reads.
    TS_3404: "ts-3404", "TS-3404", "none" to "none",
        "A user that has shut its write side gets EOS before the reply.";
    /// `do_io` takes the mutex from the continuation without a look whether there is one.
    TS_3522: "ts-3522", "TS-3522", "2.0.0" to "7.1.2",
        "do_io without a continuation dereferences a null pointer.";
    /// `process_timeout` does not test whether the end was closed since the handler began.
    TS_3949: "ts-3949", "TS-3949", "2.0.0" to "6.0.0",
        "A timeout comes to a state machine that has closed its end and is gone.";
    /// `do_io_close` takes the core mutex by try-lock, and closes at once if it gets it.
    TS_3235: "ts-3235", "TS-3235", "2.0.0" to "6.1.1",
        "A close by a thread of a plugin is forgotten, and the pair is never freed.";
    /// `process_timeout` reschedules the periodic event, the handler cancels it, and the pointer
    /// stays.
    GH_1333: "gh-1333", "#1333", "3.3.0" to "7.0.0",
        "The close cancels an event that is freed already.";
    /// The pointer to the timeout's event is cleared before its callback, and the event cancelled
    /// after it, if the place is still empty.
    GH_4074: "gh-4074", "#4074", "7.1.0" to "7.1.4",
        "A timeout set in its own callback leaves a periodic event that matches no pointer.";
}

/// Faults that no release had. They are planted to see that the observers of an exploration find
/// what no room tells them of: two races, and a small fault for each observer.
pub mod planted {
    eventsys::defect_table! {
        /// `do_io_close` does not take the core mutex.
        CLOSE: "planted-close", "planted", "none" to "none",
            "A close by a foreign thread is lost.";
        /// The write side in epoch C does not look again at its shutdown flag under the mutex if
        /// the other side calls it.
        LOOK: "planted-look", "planted", "none" to "none",
            "WRITE_READY comes after the write side was shut.";
        /// The core mutex is taken once more than it is given back.
        HELD: "planted-held", "planted", "none" to "none", "The core mutex is held for ever.";
        /// `process_close` does not look whether both ends are closed.
        KEPT: "planted-kept", "planted", "none" to "none", "The pair is never freed.";
        /// `process_close` schedules an event that no code waits for.
        EVENT: "planted-event", "planted", "none" to "none", "An event is left.";
        /// `process_close` forgets a reference to the pair.
        REFERENCE: "planted-reference", "planted", "none" to "none",
            "The memory of the pair is never freed.";
        /// A byte more leaves a buffer than arrives in the next one.
        LOST: "planted-lost", "planted", "none" to "none", "A byte is lost.";
        /// A byte more arrives in a buffer than has left the one before.
        INVENTED: "planted-invented", "planted", "none" to "none", "A byte is invented.";
        /// Bytes that were never written take the place of those that were.
        CHANGED: "planted-changed", "planted", "none" to "none", "A byte is changed.";
        /// `reenable` schedules no event.
        FORGOTTEN: "planted-forgotten", "planted", "none" to "none",
            "An operation does not go on.";
        /// `process_close` tells the user of an end that is closed.
        TOLD: "planted-told", "planted", "none" to "none", "EOS comes after the close.";
        /// WRITE_COMPLETE comes twice.
        TWICE: "planted-twice", "planted", "none" to "none", "WRITE_COMPLETE comes twice.";
        /// The user of a write is told of its read.
        MISTAKEN: "planted-mistaken", "planted", "none" to "none",
            "An event comes for an operation that was never issued.";
        /// One byte more is counted than was moved.
        COUNTED: "planted-counted", "planted", "none" to "none",
            "More bytes are done than were asked for.";
    }
}

/// The defects of this crate and of those below it, from the ground up.
pub fn all() -> impl Iterator<Item = &'static Defect> {
    [eventsys::defects::ALL, iocore::defects::ALL, ALL].into_iter().flatten().copied()
}

/// The defect of this name, of this crate or of one below it, or the planted race.
///
/// ```
/// use pluginvc::defects::{TS_3339, named};
///
/// assert_eq!(named("ts-3339").map(|defect| defect.id), Some(TS_3339.id));
/// assert!(named("ts-1488").is_some(), "a defect of the event system");
/// assert!(named("ts-0").is_none());
/// ```
#[must_use]
pub fn named(name: &str) -> Option<&'static Defect> {
    let planted = eventsys::defects::planted::ALL.iter().chain(planted::ALL).copied();
    all().chain(planted).find(|defect| defect.name == name)
}
