//! A canary for each observer: a small fault that this observer sees, and no other one.
//!
//! An observer that has gone blind would not be noticed: nothing found is what everybody hopes for.
//! So each fault is planted, and found; and with that observer's words passed over the same scene is
//! clean. What the engine itself sees has its canaries in
//! `lab/explored/explorations/tests/explorer/found.rs`.

use std::sync::Arc;

use eventsys::defects::{Defect, planted as events};
use eventsys::hrtime::seconds;
use eventsys::{AtomicEvent, Clock, EventProcessor, FreeContinuation, Outcome, ProxyMutex};
use explorer::{Explorer, Report, Violation};
use pluginvc::Epoch;
use pluginvc::defects::{TS_3339, planted};
use scenario::explore::{Setup, kind, scene};
use scenario::scenario_from_bytes;

/// One byte goes from the active end to the passive one, which closes at EOS; the first end closes
/// when all is written.
const ONE_BYTE: &str = r#"
title = "One byte"
teaches = "It arrives."
[active]
on_connect = ["write 1", "do_io_write 1"]
on_WRITE_COMPLETE = ["close"]
[passive]
on_connect = ["do_io_read max"]
on_EOS = ["close"]
"#;

/// Two bytes are there, and one is asked for.
const ONE_OF_TWO: &str = r#"
title = "One of two bytes"
teaches = "The other one stays."
[active]
on_connect = ["write 2", "do_io_write 1"]
[passive]
on_connect = ["do_io_read max"]
"#;

/// A write that is issued before its byte is there, and reenabled when it is.
const REENABLED: &str = r#"
title = "A write that is reenabled"
teaches = "It goes on."
[active]
on_connect = ["do_io_write 1"]
on_WRITE_READY = ["write 1", "reenable write"]
[passive]
on_connect = ["do_io_read max"]
"#;

/// A read that is shut while a byte comes.
const SHUT: &str = r#"
title = "A reader that shuts its side"
teaches = "After the shutdown no read event comes."
[active]
on_race = ["write 1", "do_io_write 1"]
[passive]
on_connect = ["do_io_read max"]
[thread.reader]
does = ["lock passive", "shutdown passive read", "unlock passive"]
"#;

/// A timer.
const TIMER: &str = r#"
title = "A timer"
teaches = "It comes in time."
[active]
on_connect = ["do_io_read max", "active_timeout 10ms"]
"#;

/// A user that is freed and has not closed its end.
const FREED: &str = r#"
title = "A user that is freed"
teaches = "It is called back all the same."
[active]
on_race = ["write 1", "do_io_write 1"]
[passive]
on_connect = ["do_io_read max"]
[thread.user]
does = ["free passive"]
"#;

fn explore(text: &str, planted: &[&'static Defect], deaf_to: Option<&str>) -> Report {
    let scenario = scenario_from_bytes("canary", text.as_bytes()).unwrap();
    let rearmed: &'static [_] = planted.to_vec().leak();
    let setup = Setup { rearmed, ..Setup::new(Epoch::C) };
    let explorer = deaf_to.map_or(Explorer::new(), |words| Explorer::new().deaf_to(words));
    let scene = scene(&scenario, &setup);
    // A violation may leave a task in the middle of a panic, on this thread of the system.
    std::thread::spawn(move || explorer.explore(scene)).join().unwrap()
}

fn first(report: &Report) -> Option<&Violation> {
    report.first().map(|found| &found.violation)
}

/// The fault is found by an observer of this kind, with these words. Without it nothing is found,
/// whether the fault is not there or the observer passed over.
#[track_caller]
fn only(text: &str, planted: &[&'static Defect], kind: &str, words: &str) {
    assert_eq!(first(&explore(text, &[], None)), None, "without the fault");
    is_seen(text, planted, kind, words);
}

#[track_caller]
fn is_seen(text: &str, planted: &[&'static Defect], kind: &str, words: &str) {
    let report = explore(text, planted, None);
    let found = first(&report).expect("the fault is found");
    assert_eq!(found.kind, kind, "{found}");
    assert!(found.text.contains(words), "{found}");
    let deaf = explore(text, planted, Some(&format!("{kind}: ")));
    assert_eq!(first(&deaf), None, "another observer sees it, too");
}

#[test]
fn a_lock_that_stays_held() {
    only(ONE_BYTE, &[&planted::HELD], kind::HELD, "the mutex of the core is held for ever");
}

#[test]
fn a_pair_that_is_not_freed() {
    only(ONE_BYTE, &[&planted::KEPT], kind::LEAK, "the pair is not freed 10 s later");
}

#[test]
fn an_event_that_is_left() {
    only(ONE_BYTE, &[&planted::EVENT], kind::LEAK, "an event is left");
}

#[test]
fn a_reference_that_is_left() {
    only(ONE_BYTE, &[&planted::REFERENCE], kind::LEAK, "something still refers to it");
}

#[test]
fn a_byte_that_is_lost() {
    only(ONE_OF_TWO, &[&planted::LOST], kind::BYTES, "1 of 2 bytes of the active end are lost");
}

#[test]
fn a_byte_that_is_invented() {
    only(
        ONE_OF_TWO,
        &[&planted::INVENTED],
        kind::BYTES,
        "bytes came that the active end had not sent",
    );
}

#[test]
fn a_byte_that_is_changed() {
    only(ONE_OF_TWO, &[&planted::CHANGED], kind::BYTES, "byte 0 of the active end came as another");
}

#[test]
fn work_that_nothing_will_do() {
    only(REENABLED, &[&planted::FORGOTTEN], kind::PENDING, "its write should be processed");
}

#[test]
fn a_callback_after_the_close() {
    let words = "EOS to the active end after its close had returned";
    only(
        ONE_BYTE.replace(r#"["write 1""#, r#"["do_io_read max", "write 1""#).as_str(),
        &[&planted::TOLD],
        kind::CONTRACT,
        words,
    );
}

#[test]
fn an_operation_that_is_complete_twice() {
    only(ONE_OF_TWO, &[&planted::TWICE], kind::CONTRACT, "for the second time");
}

#[test]
fn more_bytes_done_than_were_asked_for() {
    only(ONE_OF_TWO, &[&planted::COUNTED], kind::CONTRACT, "where 2 of 1 bytes are done");
}

#[test]
fn a_callback_after_a_shutdown() {
    only(SHUT, &[&TS_3339], kind::CONTRACT, "after its shutdown read had returned");
}

#[test]
fn an_event_for_an_operation_that_was_not_issued() {
    let words = "to the active end, which has not issued a read";
    only(ONE_OF_TWO, &[&planted::MISTAKEN], kind::CONTRACT, words);
}

#[test]
fn a_user_that_is_freed() {
    is_seen(FREED, &[], kind::USE_AFTER_FREE, "to the passive end's user, which had been freed");
}

#[test]
fn an_event_that_comes_late() {
    only(TIMER, &[&events::SLEEP], kind::LATE, "after it was due, and 60 ms are allowed");
}

/// Two threads that schedule an event each.
const TWO_EVENTS: &str = r#"
title = "Two threads schedule"
teaches = "Both events come."
[thread.one]
does = ["schedule 1"]
[thread.two]
does = ["schedule 1"]
"#;

/// The explorer itself sees this one.
#[test]
fn an_event_that_is_lost_in_a_queue() {
    let report = explore(TWO_EVENTS, &[&events::DRAIN], None);
    let found = first(&report).expect("an event is lost");
    assert_eq!(found.kind, explorer::kind::LOST_WAKE_UP, "{found}");
}

/// `AtomicEvent::take` is a load and a store, as in the original: two locks guard the pointer, and a
/// thread has one of them. Where threads have no lock in common, both can take the same event, and
/// the original's assertion says so.
#[test]
fn a_take_in_two_steps() {
    let scene = |has_a_lock: bool| {
        move || {
            let processor = EventProcessor::new(Clock::new_virtual());
            let thread = processor.adopt_current_thread("ET_NET");
            let mutex = ProxyMutex::new();
            let place = Arc::new(AtomicEvent::none());
            let nothing = FreeContinuation::new(|_, _, _| Outcome::Done);
            place.store(Some(thread.schedule_in(nothing, seconds(1))));
            let takers: Vec<_> = ["one", "two"]
                .into_iter()
                .map(|name| {
                    let (place, mutex) = (Arc::clone(&place), Arc::clone(&mutex));
                    explorer::spawn(name, move || {
                        let _guard = has_a_lock.then(|| mutex.lock());
                        if let Some(event) = place.take() {
                            event.cancel();
                        }
                    })
                })
                .collect();
            takers.into_iter().for_each(|taker| taker.join().expect("no panic"));
            thread.run_until_idle();
        }
    };
    assert_eq!(first(&Explorer::new().explore(scene(true))), None);
    let report = Explorer::new().explore(scene(false));
    let found = report.first().expect("both take the event");
    assert_eq!(found.violation.to_string(), "panic: !cancelled");
    assert_eq!(found.interruptions, 1);
}
