//! What fails costs nothing: a call that is refused allocates no event and keeps no
//! continuation, a listener that panics loses none, and a handler that panics leaves
//! its event as a handler that returns does.

use eventsys::steps::events;
use eventsys::sync::Mutex;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use eventsys::hrtime::mseconds;
use eventsys::steps::{Step, StepKind, StepSink, Steps};
use eventsys::{
    Clock, Continuation, ContinuationBase, Data, ET_CALL, EventCode, EventProcessor, EventRef,
    Invocation, Options, Outcome, OwnEvents, StaleEvent,
};
use testkit::{Lab, panic_of};

/// The number of the event that this thread would use next: free events are used
/// again, last freed first. Two looks show the same number if none was lost between.
fn next_event(lab: &Lab) -> String {
    let event = lab.thread.schedule_imm_local(lab.noting(""));
    let name = format!("{event:?}");
    event.cancel();
    lab.passes(1);
    name.split('.').next().unwrap_or_default().to_owned()
}

/// A continuation whose `base` panics.
struct Broken(ContinuationBase);

impl Continuation for Broken {
    fn base(&self) -> &ContinuationBase {
        panic!("base")
    }

    fn handle_event(&self, _: &Invocation<'_>, _: EventCode, _: Data<'_>) -> Outcome {
        let Broken(_base) = self;
        Outcome::Done
    }
}

#[test]
fn a_refused_call_allocates_no_event_and_keeps_no_continuation() {
    type Refused = fn(&Lab, Arc<testkit::Actor>) -> Option<EventRef>;
    let calls: [(&str, Refused); 5] = [
        ("aperiod != 0", |lab, cont| Some(lab.thread.schedule_every(cont, 0))),
        ("aperiod != 0", |lab, cont| Some(lab.thread.schedule_every_local(cont, 0))),
        ("aperiod != 0", |lab, cont| lab.processor.schedule_every(cont, 0, ET_CALL)),
        ("no thread runs in group ET_EMPTY", |lab, cont| {
            let empty = lab.processor.register_event_type("ET_EMPTY");
            lab.processor.schedule_imm(cont, empty)
        }),
        ("aperiod != 0", |lab, cont| {
            let event = lab.thread.schedule_every(cont, 1);
            let refused = catch_unwind(AssertUnwindSafe(|| event.schedule_every(0)));
            event.cancel();
            lab.passes(1);
            refused.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            Some(event)
        }),
    ];
    let lab = Lab::new();
    for (n, (text, refused)) in calls.into_iter().enumerate() {
        let (before, cont) = (next_event(&lab), lab.noting("never"));
        assert_eq!(panic_of(|| refused(&lab, cont.clone())), text, "call {n}");
        assert_eq!(next_event(&lab), before, "call {n} has lost an event");
        assert_eq!(Arc::strong_count(&cont), 1, "call {n}");
    }
}

#[test]
fn a_call_that_a_users_code_leaves_by_a_panic_allocates_no_event() {
    let lab = Lab::new();
    let before = next_event(&lab);
    let cont = Arc::new(Broken(ContinuationBase::without_mutex()));
    assert_eq!(panic_of(|| lab.thread.schedule_imm(cont.clone())), "base");
    assert_eq!(panic_of(|| lab.processor.schedule_imm(cont.clone(), ET_CALL)), "base");
    assert_eq!(next_event(&lab), before);
    // This one asks for the base when it dispatches.
    lab.thread.schedule_imm_local(cont.clone());
    assert_eq!(panic_of(|| lab.passes(1)), "base");
    assert_eq!(next_event(&lab), before);
    assert_eq!(Arc::strong_count(&cont), 1);
    assert!(lab.thread.has_no_events());
}

/// Panics at the next step of this kind, once.
struct Grumbler(StepKind, AtomicBool);

impl StepSink for Grumbler {
    fn step(&self, step: Step) {
        if step.kind == self.0 && self.1.swap(false, Ordering::Relaxed) {
            panic!("grumble");
        }
    }
}

#[test]
fn a_listener_that_panics_loses_no_event() {
    // Where the event is queued already, it stays; else the call has failed, and the
    // event is free again.
    for (own_events, runs) in [(OwnEvents::LocalQueue, 1), (OwnEvents::ExternalQueue, 0)] {
        let grumbler = Arc::new(Grumbler(events::SCHEDULE, AtomicBool::new(false)));
        let steps = Steps::to(grumbler.clone());
        let options = Options { steps, trace_events: true, own_events, ..Options::default() };
        let processor = EventProcessor::with_options(Clock::new_virtual(), options);
        let lab = Lab::of(processor);
        let (before, cont) = (next_event(&lab), lab.noting("called"));
        grumbler.1.store(true, Ordering::Relaxed);
        assert_eq!(panic_of(|| lab.thread.schedule_imm(cont.clone())), "grumble");
        lab.passes(1);
        assert_eq!(lab.take_names(), vec!["called"; runs], "{own_events:?}");
        assert_eq!(next_event(&lab), before, "{own_events:?}");
        assert_eq!(Arc::strong_count(&cont), 1, "{own_events:?}");
    }
}

/// Runs a handler that does `first` to its event and panics the first time, and only
/// notes that it was called later on. It returns the event, and in which of seven passes, 20 ms
/// apart, the actor was called.
fn panicking(
    schedule: impl Fn(&Lab, Arc<testkit::Actor>) -> EventRef,
    first: impl Fn(EventRef) + Send + 'static,
) -> (Lab, EventRef, Vec<i64>) {
    let processor = EventProcessor::new(Clock::new_ticking(mseconds(20)));
    let lab = Lab::of(processor);
    let fresh = Cell::new(true);
    let cont = lab.actor(move |call| {
        call.note("called");
        if fresh.replace(false) {
            first(call.event());
            panic!("handler");
        }
    });
    let event = schedule(&lab, cont);
    let mut panics = 0;
    for _ in 0..7 {
        panics += usize::from(panic_of(|| lab.passes(1)) == "handler");
    }
    assert_eq!(panics, 1);
    let passes = lab.take_notes().into_iter().map(|(at, _)| at / 20_000).collect();
    (lab, event, passes)
}

#[test]
fn after_a_handler_that_panics_a_one_shot_event_is_stale() {
    let (lab, event, passes) = panicking(|s, c| s.thread.schedule_imm(c), |_| ());
    assert_eq!(passes, [0]);
    assert!(!event.is_live() && lab.thread.has_no_events());
    assert_eq!(event.try_cancel(), Err(StaleEvent));
    let freed = StaleEvent.to_string();
    assert_eq!(panic_of(|| event.schedule_imm()), freed);
    assert_eq!(panic_of(|| event.cookie()), freed);
    lab.passes(1);
    assert_eq!(lab.take_notes(), []);
}

// A pass that was left by a panic has not waited, so the clock has not ticked: the
// next one has the same number.
#[test]
fn after_a_handler_that_panics_a_rescheduled_event_comes_again() {
    let again = |event: EventRef| event.schedule_imm();
    assert_eq!(panicking(|s, c| s.thread.schedule_imm(c), again).2, [0, 0]);
    let later = |event: EventRef| event.schedule_in(mseconds(30));
    assert_eq!(panicking(|s, c| s.thread.schedule_imm(c), later).2, [0, 2]);
}

#[test]
fn after_a_handler_that_panics_a_periodic_event_goes_on() {
    for (period, came) in [(mseconds(40), &[2, 4][..]), (-1, &[0, 0, 1, 2, 3, 4, 5])] {
        let (_stage, event, passes) = panicking(|s, c| s.thread.schedule_every(c, period), |_| ());
        assert_eq!(passes, came);
        assert!(event.is_live());
    }
}

#[test]
fn after_a_handler_that_panics_a_cancelled_event_is_freed() {
    let cancel = |event: EventRef| event.cancel();
    let (lab, event, passes) = panicking(|s, c| s.thread.schedule_every(c, -1), cancel);
    assert_eq!(passes, [0]);
    assert!(!event.is_cancelled() && lab.thread.has_no_events(), "freed");
}

#[test]
fn a_handler_that_panics_leaves_its_mutex_and_its_continuation_free() {
    let lab = Lab::new();
    let seen = Arc::new(Mutex::new(0));
    let count = Arc::clone(&seen);
    let cont = lab.actor(move |_| {
        *count.lock() += 1;
        panic!("handler")
    });
    lab.thread.schedule_imm(cont.clone());
    assert_eq!(panic_of(|| lab.passes(1)), "handler");
    assert!(!cont.mutex().is_held());
    assert_eq!(Arc::strong_count(&cont), 1);
    assert_eq!(Arc::strong_count(&seen), 2, "the actor's and ours");
}
