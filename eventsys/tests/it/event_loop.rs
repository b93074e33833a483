//! The order of one pass of the event loop, and how long it sleeps.
//!
//! Proves `EThread::execute_regular`, `process_queue` and the times of
//! `PriorityEventQueue` as a user sees them: which callback comes in which pass,
//! at which microsecond.

use std::sync::Arc;

use eventsys::hrtime::{mseconds, useconds};
use eventsys::{Due, EventCode, Request, THREAD_MAX_HEARTBEAT};
use testkit::{Lab, let_time_pass, on_foreign_thread};

#[test]
fn an_event_in_the_external_queue_keeps_the_thread_from_being_idle() {
    let lab = Lab::new();
    let (thread, cont) = (Arc::clone(lab.thread.thread()), lab.noting("came"));
    assert!(lab.thread.has_no_events());
    on_foreign_thread(|| thread.schedule_imm(cont));
    assert!(!lab.thread.has_no_events());
    lab.thread.run_until_idle();
    assert_eq!(lab.take_names(), ["came"]);
}

#[test]
fn events_from_other_threads_come_after_those_that_wait_in_the_local_queue() {
    let lab = Lab::new();
    lab.thread.schedule_imm(lab.noting("local 1"));
    let (thread, conts) =
        (lab.thread.thread(), [lab.noting("external 1"), lab.noting("external 2")]);
    on_foreign_thread(|| {
        for cont in conts {
            thread.schedule_imm(cont);
        }
    });
    lab.thread.schedule_imm(lab.noting("local 2"));
    lab.passes(1);
    // The external queue is moved to the end of the local one, oldest first.
    assert_eq!(
        lab.take_notes(),
        [(1, "local 1"), (1, "local 2"), (1, "external 1"), (1, "external 2")]
    );
}

#[test]
fn a_pass_runs_immediate_events_then_timers_then_poll_events() {
    let lab = Lab::new();
    lab.thread.schedule_every(lab.noting("poll"), -1);
    lab.thread.schedule_in(lab.noting("timer"), 0);
    lab.thread.schedule_imm(lab.noting("immediate"));
    lab.passes(1);
    assert_eq!(lab.take_notes(), [(1, "immediate"), (1, "timer"), (1, "poll")]);
}

#[test]
fn an_immediate_event_scheduled_by_an_immediate_event_runs_in_the_same_pass() {
    let lab = Lab::new();
    let inner = lab.noting("inner");
    let outer = lab.actor(move |call| {
        call.note("outer");
        call.thread().schedule_imm(Arc::clone(&inner));
    });
    lab.thread.schedule_imm(outer);
    lab.thread.schedule_imm(lab.noting("next"));
    lab.passes(1);
    assert_eq!(lab.take_names(), ["outer", "next", "inner"]);
}

#[test]
fn an_immediate_event_scheduled_by_a_timer_waits_for_the_next_pass_which_comes_at_once() {
    let lab = Lab::new();
    let inner = lab.noting("inner");
    let timer = lab.actor(move |call| {
        call.note("timer");
        call.thread().schedule_imm(Arc::clone(&inner));
    });
    lab.thread.schedule_in(timer, 0);
    lab.passes(1);
    assert_eq!(lab.take_notes(), [(1, "timer")]);
    // The local queue is not empty, so the thread has not slept at all (6a1c5f7397).
    lab.passes(1);
    assert_eq!(lab.take_notes(), [(2, "inner")]);
}

#[test]
fn an_immediate_event_scheduled_by_a_timer_runs_before_the_poll_events_of_the_same_pass() {
    let lab = Lab::new();
    let inner = lab.noting("inner");
    let timer = lab.actor(move |call| {
        call.note("timer");
        call.thread().schedule_imm(Arc::clone(&inner));
    });
    lab.thread.schedule_every(lab.noting("poll"), -1);
    lab.thread.schedule_in(timer, 0);
    lab.passes(1);
    // Only a live poll event makes the loop look at the queues a second time.
    assert_eq!(lab.take_notes(), [(1, "timer"), (1, "inner"), (1, "poll")]);
}

#[test]
fn an_immediate_event_scheduled_by_a_poll_event_runs_in_the_next_pass_before_it() {
    let lab = Lab::new();
    let inner = lab.noting("inner");
    let poll = lab.actor(move |call| {
        call.note("poll");
        call.thread().schedule_imm(Arc::clone(&inner));
    });
    lab.thread.schedule_every(poll, -1);
    lab.passes(2);
    assert_eq!(lab.take_notes(), [(1, "poll"), (2, "inner"), (2, "poll")]);
}

#[test]
fn a_timer_scheduled_by_a_timer_waits_for_the_next_pass_even_if_it_is_due() {
    let lab = Lab::new();
    let inner = lab.noting("inner");
    let timer = lab.actor(move |call| {
        call.note("timer");
        call.thread().schedule_in(Arc::clone(&inner), 0);
    });
    lab.thread.schedule_in(timer, 0);
    lab.passes(2);
    assert_eq!(lab.take_notes(), [(1, "timer"), (2, "inner")]);
}

#[test]
fn poll_events_with_greater_numbers_run_first_and_of_equals_the_newest() {
    let lab = Lab::new();
    for (name, order) in [("-2", -2), ("-1 old", -1), ("-3", -3), ("-1 new", -1)] {
        lab.thread.schedule_every(lab.noting(name), order);
    }
    lab.passes(1);
    assert_eq!(lab.take_names(), ["-1 new", "-1 old", "-2", "-3"]);
    // They go back to the queue in the order in which they ran, so that of the
    // equals the one that ran last is the newest now.
    lab.passes(1);
    assert_eq!(lab.take_names(), ["-1 old", "-1 new", "-2", "-3"]);
}

#[test]
fn poll_events_run_in_every_pass_and_keep_the_thread_from_sleeping() {
    let lab = Lab::new();
    lab.thread.schedule_every(lab.noting("poll"), -1);
    lab.passes(3);
    assert_eq!(lab.take_notes(), [(1, "poll"), (2, "poll"), (3, "poll")]);
}

#[test]
fn a_poll_event_is_called_with_event_poll_whatever_code_was_asked_for() {
    let lab = Lab::new();
    let poll = lab.actor(|call| {
        assert_eq!(call.event().callback_event(), EventCode(77));
        call.note(if call.code == EventCode::EVENT_POLL { "EVENT_POLL" } else { "other" });
    });
    lab.thread.schedule_every(Request::new(poll).code(EventCode(77)), -1);
    lab.passes(1);
    assert_eq!(lab.take_names(), ["EVENT_POLL"]);
}

#[test]
fn a_periodic_event_is_due_one_period_after_its_handler_has_ended() {
    let lab = Lab::new();
    let clock = Arc::clone(lab.processor.clock());
    let slow = lab.actor(move |call| {
        call.note("begins");
        let_time_pass(&clock, 3);
        call.note("ends");
    });
    let event = lab.thread.schedule_every(slow, mseconds(4));
    lab.passes(1);
    // Due within 5 ms, so it fires at once: at 1, not at 4,000.
    assert_eq!(lab.take_notes(), [(1, "begins"), (4, "ends")]);
    assert_eq!(event.due(), Due::At(lab.at(4 + 4_000)));
}

#[test]
fn a_periodic_event_runs_every_pass_if_its_period_is_shorter_than_the_first_bucket() {
    let lab = Lab::new();
    lab.thread.schedule_every(lab.noting("tick"), mseconds(1));
    lab.passes(3);
    // Up to 5 ms early each time, and each time the event waits in the local queue
    // at the end of the pass, so there is no sleep: a period below 5 ms is a busy
    // loop, in the original too.
    assert_eq!(lab.take_notes(), [(1, "tick"), (2, "tick"), (3, "tick")]);
}

#[test]
fn a_longer_period_is_cut_short_by_at_most_one_bucket_each_time() {
    let lab = Lab::new();
    lab.thread.schedule_every(lab.noting("tick"), mseconds(20));
    lab.thread.run_for(mseconds(70));
    // Each time: a pass that puts it into its bucket, a sleep of 10 ms, one of 5 ms,
    // and it is met in the first bucket with less than 5 ms left.
    let times = lab.take_notes();
    assert_eq!(times, [(15_003, "tick"), (30_006, "tick"), (45_009, "tick"), (60_012, "tick")]);
}

#[test]
fn a_timer_fires_up_to_five_milliseconds_early() {
    // The deadline in ms, and when it fires in us: the thread sleeps for half a
    // bucket again and again, with 1 us for each pass.
    for (deadline, fires) in [(5, 1), (6, 5_002), (10, 5_002), (11, 10_002), (40, 35_004)] {
        let lab = Lab::new();
        lab.thread.schedule_at(lab.noting("timer"), lab.at(deadline * 1000));
        lab.thread.run_until_idle();
        assert_eq!(lab.take_notes()[0].0, fires, "due at {deadline} ms");
    }
}

#[test]
fn timers_of_one_bucket_fire_in_the_order_in_which_they_were_scheduled() {
    let lab = Lab::new();
    lab.thread.schedule_in(lab.noting("4 ms"), mseconds(4));
    lab.thread.schedule_in(lab.noting("1 ms"), mseconds(1));
    lab.thread.schedule_in(lab.noting("3 ms"), mseconds(3));
    lab.passes(1);
    assert_eq!(lab.take_notes(), [(1, "4 ms"), (1, "1 ms"), (1, "3 ms")]);
}

#[test]
fn the_thread_sleeps_half_a_bucket_of_its_first_timer_but_no_longer_than_the_heartbeat() {
    // The deadline in ms, and half the span of its bucket in us.
    let halves = [(6, 5_000), (11, 10_000), (21, 20_000), (41, 40_000), (81, 60_000)];
    for (deadline, sleep) in halves {
        let lab = Lab::new();
        lab.thread.schedule_at(lab.noting("timer"), lab.at(deadline * 1000));
        lab.passes(1);
        assert_eq!(lab.now_us(), 1 + sleep, "due at {deadline} ms");
    }
}

#[test]
fn without_events_the_thread_sleeps_for_the_heartbeat() {
    let lab = Lab::new();
    lab.passes(1);
    assert_eq!(lab.now_us(), 60_001);
    assert_eq!(THREAD_MAX_HEARTBEAT, useconds(60_000));
    lab.passes(1);
    assert_eq!(lab.now_us(), 120_002);
}

#[test]
fn a_timer_in_the_past_fires_in_the_next_pass() {
    let lab = Lab::new();
    lab.passes(1);
    lab.thread.schedule_at(lab.noting("past"), lab.at(1));
    lab.thread.schedule_in(lab.noting("earlier still"), -mseconds(1_000));
    lab.passes(1);
    assert_eq!(lab.take_notes(), [(60_002, "past"), (60_002, "earlier still")]);
}

#[test]
fn a_virtual_hour_passes_step_by_step_and_ends_at_the_same_microsecond_each_time() {
    let run = || {
        let lab = Lab::new();
        lab.thread.schedule_in(lab.noting("an hour"), mseconds(3_600_000));
        lab.thread.run_until_idle();
        lab.take_notes()
    };
    let first = run();
    assert_eq!(first, run());
    let early = 3_600_000_000 - first[0].0;
    assert!((0..=5_000).contains(&early), "early by {early} us");
}
