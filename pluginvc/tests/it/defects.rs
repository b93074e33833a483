//! One test for each defect that PluginVC had in the field: the fixed ones must
//! not come back, and those that are open in 9.1.3 must be here as they are
//! there, unless they are switched off (`Corrections`).
//!
//! The numbers are those of the issues and pull requests of Apache Traffic
//! Server. Where the defect is a race, a foreign thread acts at an exact step
//! ([`Lab::at_step`](testkit::Lab::at_step)) or while it holds a lock; `lab/explored/explorations`
//! goes through all schedules of the same scenes.

mod fixed;
mod moved;
mod null;
mod unlocked;

use pluginvc::Corrections;
use testkit::{MAX, counting};

use crate::common::connected;

/// Open in epoch D, right in this one (measured on 9.1.3): a peer that has not
/// begun to read is no error; the bytes are taken and wait for it.
#[test]
fn open_3_bytes_are_taken_before_the_peer_begins_to_read() {
    let (lab, a, p, _) = connected();
    a.with(|me| me.write_now(&counting(100)));
    lab.settle();
    lab.expect_callbacks(
        "P got: NET_EVENT_ACCEPT
         A write: WRITE_COMPLETE 100/100",
    );
    p.with(|me| me.read(MAX));
    lab.settle();
    lab.expect_callbacks("P read: READ_READY 100/max");
    p.with(|me| me.take());
    assert_eq!(p.received(), counting(100));
}

/// The switches are independent, and `all` is all of them.
#[test]
fn corrections_are_off_unless_asked_for() {
    let each = |corrections: Corrections| {
        let Corrections {
            null_do_io,
            shutdown_takes_core_lock,
            ignore_unknown_events,
            timeouts_take_core_lock,
            look_again,
            retry_event_exchange,
            reenable_tries,
        } = corrections;
        [
            null_do_io,
            shutdown_takes_core_lock,
            ignore_unknown_events,
            timeouts_take_core_lock,
            look_again,
            retry_event_exchange,
            reenable_tries,
        ]
    };
    assert_eq!(each(Corrections::default()), [false; 7]);
    assert_eq!(each(Corrections::all()), [true; 7]);
    for (nth, name) in Corrections::NAMES.iter().enumerate() {
        let mut one = Corrections::default();
        assert!(one.correct(name), "{name}");
        let expected: [bool; 7] = std::array::from_fn(|other| other == nth);
        assert_eq!(each(one), expected, "{name}");
    }
}
