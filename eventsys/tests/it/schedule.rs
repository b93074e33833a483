//! What can be scheduled, and rescheduling an event from its own thread.
//!
//! Proves `EThread::schedule_*`, `schedule_*_local` and `Event::schedule_*`: the
//! codes and cookies that arrive, and what becomes of an event that is being
//! dispatched, waits in the local queue, waits as a timer, or is gone.

use std::sync::Arc;

use eventsys::hrtime::{HrTime, mseconds};
use eventsys::{Due, EventCode, EventRef, Request, When};
use testkit::{Lab, on_foreign_thread, panic_of};

#[test]
fn the_default_code_is_immediate_or_interval() {
    let lab = Lab::new();
    let cont = lab.actor(|call| match call.code {
        EventCode::EVENT_IMMEDIATE => call.note("EVENT_IMMEDIATE"),
        EventCode::EVENT_INTERVAL => call.note("EVENT_INTERVAL"),
        _ => call.note("other"),
    });
    lab.thread.schedule_imm(cont.clone());
    lab.thread.schedule_imm_local(cont.clone());
    lab.thread.schedule_at(cont.clone(), lab.at(1));
    lab.thread.schedule_in_local(cont.clone(), 1);
    lab.thread.schedule_every(cont, mseconds(5));
    lab.passes(1);
    assert_eq!(
        lab.take_names(),
        [
            "EVENT_IMMEDIATE",
            "EVENT_IMMEDIATE",
            "EVENT_INTERVAL",
            "EVENT_INTERVAL",
            "EVENT_INTERVAL"
        ]
    );
}

#[test]
fn code_and_cookie_arrive_with_the_event() {
    let lab = Lab::new();
    let cont = lab.actor(|call| {
        let cookie = call.event().cookie().expect("scheduled with one");
        assert_eq!(cookie.downcast_ref::<u32>(), Some(&41));
        assert_eq!(call.code, EventCode(2004));
        call.note("called");
    });
    let cookie = Arc::new(41_u32);
    let seen = Arc::clone(&cookie);
    lab.thread.schedule_imm(Request::new(cont).code(EventCode(2004)).cookie(cookie));
    assert_eq!(Arc::strong_count(&seen), 2);
    lab.passes(1);
    assert_eq!(lab.take_names(), ["called"]);
    // The event is free now, and has let go of what it held.
    assert_eq!(Arc::strong_count(&seen), 1);
}

#[test]
fn an_event_says_when_it_is_due_and_how_often() {
    let lab = Lab::new();
    let cont = lab.noting("");
    let look = |event: EventRef| (event.due(), event.period(), event.callback_event().0);
    let (at, ms) = (lab.at(7_000), mseconds(7));
    assert_eq!(look(lab.thread.schedule_imm(cont.clone())), (Due::Immediate, 0, 1));
    assert_eq!(look(lab.thread.schedule_at(cont.clone(), at)), (Due::At(at), 0, 2));
    assert_eq!(look(lab.thread.schedule_in(cont.clone(), ms)), (Due::At(at), 0, 2));
    assert_eq!(look(lab.thread.schedule_every(cont.clone(), ms)), (Due::At(at), ms, 2));
    assert_eq!(look(lab.thread.schedule_every(cont, -3)), (Due::Poll(-3), -3, 2));
}

#[test]
fn a_period_of_zero_is_refused() {
    let lab = Lab::new();
    let cont = lab.noting("");
    assert_eq!(panic_of(|| lab.thread.schedule_every(cont.clone(), 0)), "aperiod != 0");
    let event = lab.thread.schedule_every(cont, 1);
    assert_eq!(panic_of(|| event.schedule_every(0)), "aperiod != 0");
    assert_eq!(event.period(), 1, "as it was");
}

/// Times at which an actor runs that does `again` to its own event when it is
/// called for the first time.
fn reschedules_itself(again: impl Fn(EventRef) + Send + 'static) -> Vec<(i64, &'static str)> {
    let lab = Lab::new();
    let first = std::cell::Cell::new(true);
    let cont = lab.actor(move |call| {
        call.note(if call.code == EventCode::EVENT_IMMEDIATE { "immediate" } else { "interval" });
        if first.replace(false) {
            again(call.event());
        }
    });
    lab.thread.schedule_imm(cont);
    lab.thread.run_for(mseconds(20));
    lab.take_notes()
}

#[test]
fn a_handler_can_reschedule_its_own_event_at_once() {
    // The event goes to the end of the local queue, which is still being emptied.
    let lines = reschedules_itself(|event| event.schedule_imm());
    assert_eq!(lines, [(1, "immediate"), (1, "immediate")]);
}

#[test]
fn a_handler_can_reschedule_its_own_event_for_later() {
    // Both are due at 10,001, and may run as soon as less than 5 ms are left.
    let lines = reschedules_itself(|event| event.schedule_in(mseconds(10)));
    assert_eq!(lines, [(1, "immediate"), (5_002, "interval")]);
    let lines = reschedules_itself(|event| {
        let now = eventsys::EThread::with_current(|thread| thread.map(|t| t.clock().get_hrtime()));
        event.schedule_at(now.expect("in a handler") + mseconds(10));
    });
    assert_eq!(lines, [(1, "immediate"), (5_002, "interval")]);
}

#[test]
fn a_handler_can_make_its_own_event_periodic() {
    let lines = reschedules_itself(|event| event.schedule_every(mseconds(10)));
    // The second is early by less than 5 ms, so the next period begins there: due
    // at 15,002. The pass after it comes at once, then a sleep of half of 10 ms.
    assert_eq!(lines[..3], [(1, "immediate"), (5_002, "interval"), (10_004, "interval")]);
}

#[test]
fn a_handler_can_reschedule_its_own_event_with_another_code() {
    let lab = Lab::new();
    let cont = lab.actor(|call| match call.code {
        EventCode(9) => call.note("nine"),
        _ => call.event().reschedule(When::Imm, EventCode(9)),
    });
    let event = lab.thread.schedule_imm(cont);
    lab.passes(1);
    assert_eq!(lab.take_names(), ["nine"]);
    assert!(!event.is_live(), "not rescheduled the second time, so freed");
}

#[test]
fn a_timer_that_is_rescheduled_leaves_its_bucket() {
    let lab = Lab::new();
    let event = lab.thread.schedule_in(lab.noting("timer"), mseconds(2_000));
    lab.passes(1);
    let now = lab.now_us();
    event.schedule_imm();
    lab.passes(2);
    assert_eq!(lab.take_notes(), [(now + 1, "timer")]);
    assert!(lab.thread.has_no_events(), "it has not stayed in the bucket as well");
}

#[test]
fn a_timer_can_be_put_off() {
    let lab = Lab::new();
    let event = lab.thread.schedule_in(lab.noting("timer"), mseconds(12));
    lab.passes(1);
    assert_eq!(lab.now_us(), 10_001);
    event.schedule_in(mseconds(20));
    assert_eq!(event.due(), Due::At(lab.at(30_001)));
    lab.thread.run_until_idle();
    // 10,002 + 10 ms + 1 (20 ms bucket), + 5 ms + 1 (10 ms bucket).
    assert_eq!(lab.take_notes(), [(25_004, "timer")]);
}

#[test]
fn a_queued_event_that_is_rescheduled_keeps_its_place_in_the_queue() {
    let lab = Lab::new();
    let first = lab.thread.schedule_in(lab.noting("first"), mseconds(50));
    lab.thread.schedule_imm(lab.noting("second"));
    first.schedule_imm();
    lab.passes(1);
    assert_eq!(lab.take_names(), ["first", "second"]);
}

#[test]
fn a_queued_immediate_event_can_be_made_a_timer() {
    let lab = Lab::new();
    let event = lab.thread.schedule_imm(lab.noting("timer"));
    event.schedule_in(mseconds(10));
    lab.thread.run_until_idle();
    assert_eq!(lab.take_notes(), [(5_002, "timer")]);
}

#[test]
fn schedule_in_makes_a_periodic_event_one_shot() {
    // TS-2253: PluginVC did this to its inactivity event after a missed lock; the
    // event was freed after its next run, and the pointer to it stayed.
    let lab = Lab::new();
    let event = lab.thread.schedule_every(lab.noting("tick"), mseconds(20));
    lab.thread.run_for(mseconds(16));
    assert_eq!(lab.take_notes(), [(15_003, "tick")]);
    event.schedule_in(mseconds(20));
    assert_eq!(event.period(), 0);
    lab.thread.run_for(mseconds(100));
    assert_eq!(lab.take_notes().len(), 1, "once, and never again");
    assert!(!event.is_live());
}

#[test]
fn a_poll_event_can_end_itself_by_becoming_a_timer() {
    let lab = Lab::new();
    let cont = lab.actor(|call| {
        call.note(if call.code == EventCode::EVENT_POLL { "poll" } else { "timer" });
        if call.code == EventCode::EVENT_POLL {
            call.event().schedule_in(mseconds(10));
        }
    });
    lab.thread.schedule_every(cont, -1);
    lab.thread.run_until_idle();
    assert_eq!(lab.take_notes(), [(1, "poll"), (5_003, "timer")]);
}

#[test]
fn rescheduling_is_refused_on_another_thread() {
    let lab = Lab::new();
    let event = lab.thread.schedule_imm(lab.noting("once"));
    let text = on_foreign_thread(|| panic_of(|| event.schedule_imm()));
    assert_eq!(text, "an event is touched only on its own thread");
    assert_eq!(on_foreign_thread(|| panic_of(|| event.due())), text);
    lab.passes(1);
    assert_eq!(lab.take_names(), ["once"]);
}

#[test]
fn rescheduling_a_freed_event_is_refused() {
    let lab = Lab::new();
    let event = lab.thread.schedule_imm(lab.noting("once"));
    lab.passes(1);
    let freed = "the event has been freed: it has run or its cancelling has been noticed";
    assert_eq!(panic_of(|| event.schedule_imm()), freed);
    assert_eq!(panic_of(|| event.cookie()), freed);
    lab.passes(1);
    assert_eq!(lab.take_names(), ["once"]);
}

#[test]
fn local_scheduling_is_refused_on_another_thread() {
    // #9691: a thread that used another one's local queue raced with its owner.
    let lab = Lab::new();
    let (thread, cont) = (Arc::clone(lab.thread.thread()), lab.noting("never"));
    type Schedule = fn(&eventsys::EThread, Request, HrTime) -> EventRef;
    let methods: [Schedule; 4] = [
        |thread, request, _| thread.schedule_imm_local(request),
        |thread, request, at| thread.schedule_at_local(request, at),
        |thread, request, span| thread.schedule_in_local(request, span),
        |thread, request, period| thread.schedule_every_local(request, period),
    ];
    for schedule in methods {
        let request = Request::from(cont.clone());
        let text = on_foreign_thread(|| panic_of(|| schedule(&thread, request, 1)));
        assert_eq!(text, "ethread == this_ethread()");
    }
    lab.passes(1);
    assert_eq!(lab.take_notes(), []);
    assert_eq!(Arc::strong_count(&cont), 1, "no event holds it");
}
