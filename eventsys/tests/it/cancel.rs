//! Cancelling, and what is left of a reference afterwards.
//!
//! Proves `Action::cancel` and the cancel tests of the event loop (TS-1488): with
//! the continuation's mutex held, the handler does not run any more, whichever
//! queue the event waits in. And that a reference knows whether its event is
//! still the one that was scheduled, although events are used again at once.

use std::sync::Arc;

use eventsys::hrtime::mseconds;
use eventsys::{AtomicEvent, EventRef, StaleEvent};
use testkit::{Lab, on_foreign_thread, panic_of};

/// The life of a reference: live, cancelled, or stale.
fn state(event: EventRef) -> (bool, bool) {
    (event.is_live(), event.is_cancelled())
}

const LIVE: (bool, bool) = (true, false);
const CANCELLED: (bool, bool) = (false, true);
const STALE: (bool, bool) = (false, false);

#[test]
fn a_cancelled_event_does_not_run_whichever_queue_it_waits_in() {
    let lab = Lab::new();
    let thread = Arc::clone(lab.thread.thread());
    let (external, never) = (lab.noting("external"), lab.noting("never"));
    let events = [
        on_foreign_thread(|| thread.schedule_imm(external)),
        thread.schedule_imm(never.clone()),
        thread.schedule_in(never.clone(), mseconds(1)),
        thread.schedule_every(never.clone(), mseconds(1)),
        thread.schedule_every(never.clone(), -1),
    ];
    for event in events {
        assert_eq!(state(event), LIVE);
        event.cancel();
        assert_eq!(state(event), CANCELLED);
    }
    lab.passes(2);
    assert_eq!(lab.take_notes(), []);
    assert_eq!(events.map(state), [STALE; 5]);
    assert_eq!(Arc::strong_count(&never), 1, "freed, so none holds it");
}

#[test]
fn a_cancelled_timer_is_freed_when_its_bucket_is_next_looked_at() {
    let lab = Lab::new();
    let event = lab.thread.schedule_in(lab.noting("never"), mseconds(30));
    lab.passes(1);
    event.cancel();
    // At 20,002 the bit that stands for its bucket of 40 ms has changed.
    lab.passes(1);
    assert_eq!((state(event), lab.thread.has_no_events()), (STALE, true));
    assert_eq!(lab.take_notes(), []);
}

#[test]
fn an_event_can_be_cancelled_by_another_one_of_the_same_pass() {
    let lab = Lab::new();
    let victim = Arc::new(AtomicEvent::none());
    for timer in [false, true] {
        let target = Arc::clone(&victim);
        let canceller = lab.actor(move |call| {
            call.note("cancels");
            target.take().expect("scheduled below").cancel();
        });
        let never = lab.noting("never");
        let event = if timer {
            lab.thread.schedule_in(canceller, 0);
            lab.thread.schedule_in(never, 0)
        } else {
            lab.thread.schedule_imm(canceller);
            lab.thread.schedule_imm(never)
        };
        victim.store(Some(event));
        lab.passes(1);
        assert_eq!((lab.take_names(), state(event)), (vec!["cancels"], STALE));
    }
}

#[test]
fn a_poll_event_can_be_cancelled_by_the_poll_event_before_it() {
    let lab = Lab::new();
    let event = lab.thread.schedule_every(lab.noting("never"), -2);
    let canceller = lab.actor(move |call| {
        call.note("cancels");
        if event.is_live() {
            event.cancel();
        }
    });
    lab.thread.schedule_every(canceller, -1);
    lab.passes(2);
    assert_eq!(lab.take_names(), ["cancels", "cancels"]);
}

#[test]
fn a_continuation_can_cancel_its_other_event() {
    // A state machine does this: it cancels its timeout when its data have come.
    let lab = Lab::new();
    let timeout = Arc::new(AtomicEvent::none());
    let mine = Arc::clone(&timeout);
    let cont = lab.actor(move |call| {
        call.note("data");
        mine.take().expect("scheduled below").cancel();
    });
    timeout.store(Some(lab.thread.schedule_in(cont.clone(), mseconds(1))));
    lab.thread.schedule_imm(cont);
    lab.passes(2);
    assert_eq!(lab.take_notes(), [(1, "data")]);
}

#[test]
fn a_periodic_event_that_its_own_handler_cancels_runs_no_more() {
    for period in [mseconds(1), -1] {
        let lab = Lab::new();
        let cont = lab.actor(|call| {
            call.note("tick");
            call.event().cancel();
            assert_eq!(state(call.event()), CANCELLED);
        });
        let event = lab.thread.schedule_every(cont, period);
        lab.passes(1);
        // Re-armed all the same, as in the original, and freed when next met.
        assert_eq!((state(event), lab.thread.has_no_events()), (CANCELLED, false));
        lab.passes(1);
        assert_eq!((state(event), lab.thread.has_no_events()), (STALE, true));
        assert_eq!(lab.take_notes(), [(1, "tick")]);
    }
}

#[test]
fn a_one_shot_event_that_its_own_handler_cancels_is_freed() {
    let lab = Lab::new();
    let event = lab.thread.schedule_imm(lab.actor(|call| call.event().cancel()));
    lab.passes(1);
    assert_eq!((state(event), lab.thread.has_no_events()), (STALE, true));
}

#[test]
fn an_event_that_was_rescheduled_and_cancelled_does_not_run_again() {
    let lab = Lab::new();
    let cont = lab.actor(|call| {
        call.note("once");
        call.event().schedule_imm();
        call.event().cancel();
    });
    lab.thread.schedule_imm(cont);
    lab.passes(2);
    assert_eq!(lab.take_notes(), [(1, "once")]);
}

#[test]
fn try_cancel_says_what_it_found() {
    let lab = Lab::new();
    let event = lab.thread.schedule_imm(lab.noting("never"));
    assert_eq!(event.try_cancel(), Ok(true));
    assert_eq!(event.try_cancel(), Ok(false), "cancelled before");
    lab.passes(1);
    assert_eq!(event.try_cancel(), Err(StaleEvent), "freed");
    assert_eq!(lab.take_notes(), []);
}

#[test]
fn cancelling_twice_is_a_debug_assertion_as_in_the_original() {
    let lab = Lab::new();
    let event = lab.thread.schedule_imm(lab.noting("never"));
    event.cancel();
    let expected = if cfg!(debug_assertions) { "!cancelled" } else { "no panic" };
    assert_eq!(panic_of(|| event.cancel()), expected);
}

#[test]
fn cancelling_a_freed_event_panics_and_leaves_the_next_use_of_it_alone() {
    // The follow-up of #1334: the free list gives the same address to the next
    // event, and a user that still has the old pointer cancels the event of
    // another.
    let lab = Lab::new();
    let old = lab.thread.schedule_imm(lab.noting("old"));
    lab.passes(1);
    let new = lab.thread.schedule_imm(lab.noting("new"));
    assert_eq!(
        panic_of(|| old.cancel()),
        "the event has been freed: it has run or its cancelling has been noticed"
    );
    assert_eq!(state(new), LIVE);
    lab.passes(1);
    assert_eq!(lab.take_names(), ["old", "new"]);
}

#[test]
fn the_last_freed_event_is_the_first_to_be_used_again() {
    let lab = Lab::new();
    let place = |event: EventRef| {
        let text = format!("{event:?}");
        text.split_once('.').map(|(place, _)| place.to_owned()).expect("event PLACE.GENERATION")
    };
    let schedule = || lab.thread.schedule_imm(lab.noting(""));
    let first = [schedule(), schedule(), schedule()];
    lab.passes(1); // frees them in this order
    let second = [schedule(), schedule(), schedule()];
    let mut expected = first.map(place);
    expected.reverse();
    assert_eq!(second.map(place), expected, "the same three, the last one first");
    assert!(first.iter().zip(second.iter().rev()).all(|(old, new)| old != new));
}

#[test]
fn an_event_may_be_cancelled_from_any_thread() {
    let lab = Lab::new();
    let event = lab.thread.schedule_in(lab.noting("never"), mseconds(1));
    on_foreign_thread(|| event.cancel());
    lab.passes(1);
    assert_eq!((lab.take_notes(), state(event)), (vec![], STALE));
}

#[test]
fn a_stored_reference_is_the_same_event_until_it_is_freed() {
    let lab = Lab::new();
    let slot = AtomicEvent::none();
    assert_eq!((slot.load(), slot.is_some(), slot.take()), (None, false, None));
    let event = lab.thread.schedule_imm(lab.noting(""));
    slot.store(Some(event));
    assert!(slot.is(event) && slot.is_some());
    assert_eq!(slot.load(), Some(event));
    lab.passes(1);
    let again = lab.thread.schedule_imm(lab.noting(""));
    assert!(slot.is(event) && !slot.is(again), "same address, other generation");
    assert_eq!(slot.load().map(|event| event.try_cancel()), Some(Err(StaleEvent)));
    assert_eq!(slot.take(), Some(event));
    assert!(!slot.is_some() && state(again) == LIVE);
}
