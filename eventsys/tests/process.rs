//! What belongs to the whole process: the logger of `log`, the panic hook, and the switch of
//! the census. So these tests have a process of their own, and run one after the other.

use std::panic::{catch_unwind, set_hook, take_hook};
use std::sync::Arc;

use eventsys::mutex::census;
use eventsys::panics::quietly;
use eventsys::steps::events::SCHEDULE;
use eventsys::steps::{Collector, LogSink, Step, StepSink, Steps, Subject};
use eventsys::sync::{Mutex, MutexGuard};
use eventsys::{Clock, EventProcessor, FreeContinuation, Options, Outcome, ProxyMutex};

static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock()
}

/// Keeps the lines that it gets.
struct Lines(Mutex<Vec<String>>);

static LINES: Lines = Lines(Mutex::new(Vec::new()));

impl Lines {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock())
    }
}

impl log::Log for Lines {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let line = format!("{} {} {}", record.level(), record.target(), record.args());
        self.0.lock().push(line);
    }

    fn flush(&self) {}
}

#[test]
fn without_a_listener_the_steps_go_to_log_if_that_shows_debug_lines() {
    let _alone = alone();
    log::set_logger(&LINES).expect("no other test sets it");
    let run = |level| {
        log::set_max_level(level);
        let processor = EventProcessor::new(Clock::new_virtual());
        let thread = processor.adopt_current_thread("ET_NET");
        thread.schedule_imm(FreeContinuation::new(|_, _, _| Outcome::Done));
        thread.run_pass();
        let enabled = processor.steps().enabled();
        drop(thread);
        log::set_max_level(log::LevelFilter::Off);
        (enabled, LINES.take())
    };
    let lines = ["DEBUG event [0] T schedule 1", "DEBUG event [0] T dispatch 1"];
    let lines = lines.map(str::to_owned).to_vec();
    assert_eq!(run(log::LevelFilter::Info), (false, vec![]));
    assert_eq!(run(log::LevelFilter::Debug), (true, lines.clone()));
    assert_eq!(run(log::LevelFilter::Trace), (true, lines));

    log::set_max_level(log::LevelFilter::Debug);
    let step = Step::bare(Subject { what: 'T', number: 4 }, SCHEDULE, Some(9));
    LogSink.step(step);
    log::set_max_level(log::LevelFilter::Off);
    assert_eq!(LINES.take(), ["DEBUG event [4] T schedule 9"]);
}

#[test]
fn a_quiet_panic_is_not_told_to_the_hook_and_another_one_is() {
    let _alone = alone();
    let told = Arc::new(Mutex::new(0));
    let count = Arc::clone(&told);
    let others = take_hook();
    set_hook(Box::new(move |_| *count.lock() += 1));
    // The first call replaces the hook for ever, by one that asks the thread.
    let quiet = quietly(|| catch_unwind(|| panic!("quiet")));
    let after_quiet = *told.lock();
    let loud = catch_unwind(|| panic!("loud"));
    let after_loud = *told.lock();
    set_hook(others);
    assert!(quiet.is_err() && loud.is_err());
    assert_eq!((after_quiet, after_loud), (0, 1));
}

#[test]
fn the_census_counts_while_it_runs_and_each_starts_afresh() {
    let _alone = alone();
    let (first, second) = (ProxyMutex::new(), ProxyMutex::new());
    let locks = || census::held_locks().iter().collect::<Vec<_>>();

    let before = first.lock();
    assert_eq!((census::held(), locks()), (vec![], vec![]), "no census runs");
    let one = census::start();
    let guard = second.lock();
    let other = census::start();
    assert_eq!(locks(), [second.key()], "what was locked before is not counted");
    drop(one);
    assert_eq!(locks(), [second.key()], "one census still runs");
    drop(other);
    assert_eq!(locks(), [], "none runs");
    drop((guard, before));
    let again = census::start();
    assert_eq!(census::held(), [], "the locks of an earlier census are forgotten");
    let guard = first.lock();
    assert_eq!(locks(), [first.key()]);

    // A step has the locks under which it was taken.
    let collector = Collector::new();
    let steps = Steps::to(collector.clone());
    let options = Options { steps, trace_events: true, ..Options::default() };
    let processor = EventProcessor::with_options(Clock::new_virtual(), options);
    let thread = processor.adopt_current_thread("ET_NET");
    thread.schedule_imm(FreeContinuation::new(|_, _, _| Outcome::Done));
    let steps = collector.take();
    assert_eq!(steps.len(), 1);
    assert_eq!(steps[0].held.iter().collect::<Vec<_>>(), [first.key()]);
    drop((guard, again));
}
