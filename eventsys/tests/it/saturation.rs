//! Times saturate: an event past the end of the range never comes, an event before the present
//! comes at once, and no sum makes a poll event.
//!
//! Proves the rule of `eventsys::hrtime` for every function that takes a time, by
//! tables of the edges. Where the rule is broken, a debug build panics with an
//! overflow, and an optimised one dispatches at once what should never come; so these
//! tests are worth running in both (`cargo test --release -p eventsys`).

use std::sync::Arc;

use eventsys::hrtime::{HrTime, NEVER, mseconds, seconds, useconds};
use eventsys::{Clock, Due, ET_CALL, EventCode, EventProcessor, EventRef, Request, When};
use testkit::{Actor, Lab, panic_of};

/// A lab whose clock goes by `tick` with each pass.
fn ticking(tick: HrTime) -> Lab {
    let processor = EventProcessor::new(Clock::new_ticking(tick));
    Lab::of(processor)
}

type Way = (&'static str, fn(&Lab, &Arc<Actor>, When) -> EventRef);

/// Every function that takes the time of an event.
const WAYS: [Way; 4] = [
    ("EThread::schedule_*", |lab, cont, when| match when {
        When::Imm => lab.thread.schedule_imm(cont.clone()),
        When::At(at) => lab.thread.schedule_at(cont.clone(), at),
        When::In(span) => lab.thread.schedule_in(cont.clone(), span),
        When::Every(period) => lab.thread.schedule_every(cont.clone(), period),
    }),
    ("EThread::schedule_*_local", |lab, cont, when| match when {
        When::Imm => lab.thread.schedule_imm_local(cont.clone()),
        When::At(at) => lab.thread.schedule_at_local(cont.clone(), at),
        When::In(span) => lab.thread.schedule_in_local(cont.clone(), span),
        When::Every(period) => lab.thread.schedule_every_local(cont.clone(), period),
    }),
    ("EventProcessor::schedule_*", |lab, cont, when| {
        let (processor, cont) = (&lab.processor, cont.clone());
        let event = match when {
            When::Imm => processor.schedule_imm(cont, ET_CALL),
            When::At(at) => processor.schedule_at(cont, at, ET_CALL),
            When::In(span) => processor.schedule_in(cont, span, ET_CALL),
            When::Every(period) => processor.schedule_every(cont, period, ET_CALL),
        };
        event.expect("it has not shut down")
    }),
    ("EventRef::schedule_*", |lab, cont, when| {
        let request = Request::from(cont.clone()).code(EventCode(9));
        let event = lab.thread.schedule_imm(request);
        match when {
            When::Imm => event.schedule_imm(),
            When::At(at) => event.schedule_at(at),
            When::In(span) => event.schedule_in(span),
            When::Every(period) => event.schedule_every(period),
        }
        event
    }),
];

/// A day and a little: because of the little, the bit of every bucket changes in the count of 5 ms,
/// so each pass checks every bucket of the timers.
const DAY: HrTime = seconds(86_400) + 257 * mseconds(5);

/// For each way and each case: when the event is due, and in which passes it came, with one pass a
/// day for more than a year.
fn check(cases: impl Fn(HrTime) -> Vec<(When, HrTime, &'static [i64])>) {
    let now = ticking(DAY).processor.clock().get_hrtime();
    for (name, schedule) in WAYS {
        for (when, due, days) in cases(now) {
            let lab = ticking(DAY);
            let cont = lab.actor(|call| match call.code {
                EventCode::EVENT_INTERVAL => call.note("interval"),
                _ => call.note("another code"),
            });
            let event = schedule(&lab, &cont, when);
            assert_eq!(event.due(), Due::At(due), "{name}: {when:?}");
            lab.passes(400);
            let came: Vec<_> =
                days.iter().map(|day| (day * DAY / useconds(1), "interval")).collect();
            assert_eq!(lab.take_notes(), came, "{name}: {when:?}");
        }
    }
}

#[test]
fn a_delay_saturates_at_never_and_one_that_is_over_is_due_at_once() {
    check(|now| {
        vec![
            (When::In(NEVER), NEVER, &[]),
            (When::In(NEVER - 1), NEVER, &[]),
            (When::In(NEVER - now + 1), NEVER, &[]),
            (When::In(NEVER - now), NEVER, &[]),
            (When::In(NEVER - now - 1), NEVER - 1, &[]),
            (When::In(DAY), now + DAY, &[1]),
            (When::In(1), now + 1, &[0]),
            (When::In(0), now, &[0]),
            (When::In(-1), now - 1, &[0]),
            (When::In(1 - now), 1, &[0]),
            (When::In(-now), 1, &[0]),
            (When::In(-now - 1), 1, &[0]),
            (When::In(HrTime::MIN), 1, &[0]),
        ]
    });
}

#[test]
fn a_time_of_zero_or_below_has_passed() {
    check(|now| {
        vec![
            (When::At(NEVER), NEVER, &[]),
            (When::At(NEVER - 1), NEVER - 1, &[]),
            (When::At(now), now, &[0]),
            (When::At(1), 1, &[0]),
            (When::At(0), 1, &[0]),
            (When::At(-1), 1, &[0]),
            (When::At(HrTime::MIN), 1, &[0]),
        ]
    });
}

#[test]
fn a_period_past_the_end_of_time_never_comes() {
    check(|now| {
        vec![
            (When::Every(NEVER), NEVER, &[]),
            (When::Every(NEVER - 1), NEVER, &[]),
            (When::Every(NEVER - now), NEVER, &[]),
            (When::Every(150 * DAY), now + 150 * DAY, &[150, 300]),
        ]
    });
}

#[test]
fn a_negative_period_of_any_size_is_a_poll_event() {
    for (name, schedule) in WAYS {
        for period in [-1, -NEVER, HrTime::MIN] {
            let lab = ticking(1_000);
            let cont = lab.actor(|call| {
                assert_eq!(call.code, EventCode::EVENT_POLL);
                call.note("poll");
            });
            let event = schedule(&lab, &cont, When::Every(period));
            assert_eq!((event.due(), event.period()), (Due::Poll(period), period), "{name}");
            lab.passes(3);
            assert_eq!(lab.take_notes(), [(0, "poll"), (1, "poll"), (2, "poll")], "{name}");
        }
    }
}

#[test]
fn a_period_that_leads_past_the_end_of_time_comes_no_more() {
    // Due after a third of all time, and then, four passes make the whole, after two
    // thirds; the next one would lie past the end.
    let lab = ticking(NEVER / 4);
    let cont = lab.noting("tick");
    let event = lab.thread.schedule_every(cont, NEVER / 3);
    lab.passes(3);
    assert_eq!(lab.take_names(), ["tick"]);
    lab.passes(2);
    assert_eq!(lab.take_names(), ["tick"]);
    assert_eq!(event.due(), Due::At(NEVER));
    assert_eq!(lab.processor.clock().get_hrtime_updated(), NEVER, "the clock stops here");
    lab.passes(20);
    assert_eq!(lab.take_names(), [""; 0], "even when it is as late as can be");
    assert_eq!(event.period(), NEVER / 3, "and it is as it was");
}

#[test]
fn running_for_ever_goes_on_and_for_less_than_nothing_does_nothing() {
    let lab = Lab::new();
    let cont = lab.actor(|_| panic!("an hour is over"));
    lab.thread.schedule_in(cont, seconds(3_600));
    for span in [0, -1, HrTime::MIN] {
        lab.thread.run_for(span);
        assert_eq!(lab.now_us(), 0, "no pass");
    }
    assert_eq!(panic_of(|| lab.thread.run_for(NEVER)), "an hour is over");
}

#[test]
fn a_timer_that_never_comes_holds_up_no_other() {
    let lab = Lab::new();
    let never = lab.thread.schedule_in(lab.noting("never"), NEVER);
    lab.thread.schedule_in(lab.noting("soon"), mseconds(20));
    lab.thread.schedule_in(lab.noting("later"), seconds(100));
    lab.thread.run_for(seconds(200));
    assert_eq!(lab.take_names(), ["soon", "later"]);
    assert!(never.is_live());
    never.cancel();
    assert!(!lab.thread.has_no_events(), "a cancelled timer is met when its bucket is");
    lab.thread.run_for(seconds(2));
    assert!(lab.thread.has_no_events(), "and is freed then");
}

#[test]
fn a_clock_does_not_go_back() {
    let text = panic_of(|| Clock::new_ticking(-1));
    assert_eq!(text, "a clock does not go back: the tick is -1 ns");
}
