//! Steps: what a listener gets, and the text in which a recording has it.
//!
//! `process.rs` has what belongs to the whole process: `log` and the census.

use std::sync::{Arc, mpsc};

use eventsys::hrtime::mseconds;
use eventsys::steps::events::{DISPATCH, SCHEDULE};
use eventsys::steps::{Collector, Step, StepSink, Steps, Subject};
use eventsys::{Clock, EventProcessor, FreeContinuation, Options, Outcome};

const THREAD: Subject = Subject { what: 'T', number: 3 };

fn texts(collector: &Collector) -> Vec<String> {
    collector.take().iter().map(ToString::to_string).collect()
}

#[test]
fn the_text_of_a_step_is_its_subject_its_word_and_its_value() {
    assert_eq!(THREAD.to_string(), "T");
    assert_eq!(Step::bare(THREAD, DISPATCH, Some(-1)).to_string(), "T dispatch -1");
    assert_eq!(Step::bare(THREAD, DISPATCH, None).to_string(), "T dispatch");
}

#[test]
fn two_steps_are_the_same_if_a_recording_shows_no_difference() {
    let step = Step::bare(THREAD, DISPATCH, Some(1));
    let elsewhere = Step { at: 7, subject: Subject { number: 9, ..THREAD }, ..step.clone() };
    assert!(step.same_as(&elsewhere), "a recording has neither times nor numbers");
    assert!(!step.same_as(&Step { subject: Subject { what: 'A', number: 3 }, ..step.clone() }));
    assert!(!step.same_as(&Step { kind: SCHEDULE, ..step.clone() }));
    assert!(!step.same_as(&Step { value: None, ..step.clone() }));
}

#[test]
fn a_collector_gives_each_step_once_and_in_order() {
    let collector = Collector::new();
    let steps = Steps::to(collector.clone());
    assert!(steps.enabled());
    steps.report(|| Step::bare(THREAD, SCHEDULE, Some(1)));
    collector.step(Step::bare(THREAD, DISPATCH, Some(2)));
    assert_eq!(texts(&collector), ["T schedule 1", "T dispatch 2"]);
    assert_eq!(texts(&collector), [""; 0]);
}

#[test]
fn without_a_listener_no_step_is_built() {
    let none = Steps::none();
    assert!(!none.enabled());
    none.report(|| unreachable!("no listener wants it"));
}

#[test]
fn the_listener_of_a_processor_is_that_of_its_threads() {
    let collector = Collector::new();
    let processor = EventProcessor::with_steps(Clock::new_virtual(), collector.clone());
    let thread = processor.adopt_current_thread("ET_NET");
    processor.steps().report(|| Step::bare(THREAD, SCHEDULE, Some(1)));
    thread.steps().report(|| Step::bare(THREAD, DISPATCH, Some(2)));
    assert_eq!(texts(&collector), ["T schedule 1", "T dispatch 2"]);
}

#[test]
fn the_event_loop_reports_its_own_steps_only_if_asked_to() {
    for trace_events in [false, true] {
        let collector = Collector::new();
        let steps = Steps::to(collector.clone());
        let options = Options { steps, trace_events, ..Options::default() };
        let clock = Clock::new_virtual();
        let processor = EventProcessor::with_options(Arc::clone(&clock), options);
        let thread = processor.adopt_current_thread("ET_NET");
        let start = clock.get_hrtime_updated();
        let (tell, told) = mpsc::channel();
        let cont = FreeContinuation::new(move |_, _, _| {
            let _ = tell.send(clock.get_hrtime());
            Outcome::Done
        });
        thread.schedule_in(cont, mseconds(5));
        thread.run_until_idle();
        let steps = collector.take();
        if !trace_events {
            assert_eq!(steps, []);
            continue;
        }
        let kinds: Vec<_> = steps.iter().map(|step| step.kind).collect();
        assert_eq!(kinds, [SCHEDULE, DISPATCH]);
        let times: Vec<_> = steps.iter().map(|step| step.at).collect();
        assert_eq!(times, [start, told.recv().expect("it has run")]);
    }
}
