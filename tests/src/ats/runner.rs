//! Runs one case on the port.
//!
//! Mirrors `PVCTestDriver` of `proxy/PluginVC.cc` (9.1.3), for one case at a
//! time: every case gets an event processor of its own, with one event thread
//! and a virtual clock, so cases can run side by side. In the original all cases
//! share one thread, one after the other; within a case that makes no
//! difference, because a queue keeps the order of what is put into it.
//!
//! The clock is that of a server whose time is given from outside
//! ([`live::record`](crate::ats::live::record)): a pass of the event loop takes a
//! millisecond. So even the times are the same.

use pluginvc::steps::Side;
use std::cell::Cell;
use std::sync::Arc;

use eventsys::steps::{StepSink, Steps};
use eventsys::{
    Clock, ContRef, EventProcessor, Options, Outcome, ProxyMutex, StateMachine, hrtime,
};
use iocore::buffer::{BUFFER_SIZE_INDEX_4K, BUFFER_SIZE_INDEX_32K, SizeIndex};
use pluginvc::{PluginVCCore, PluginVcOptions};

use crate::ats::case::Case;
use crate::ats::epoch::Epoch;
pub use scenario::of_release;

use crate::ats::netvctest::{ENDLESS, errors, new_test, set_most_calls, set_pair, start_test};

/// After so many callbacks an end is closed: a case could fill the memory with its
/// steps. Three times as many as the longest case of the original needs.
pub const MOST_CALLS: u32 = 300_000;

/// What a pass of the event loop takes.
const PASS: hrtime::HrTime = hrtime::mseconds(1);

/// How long `case` may take, in nanoseconds of virtual time: until its last timeout
/// should have come, and a minute more.
pub(crate) fn longest(case: &Case) -> hrtime::HrTime {
    const PATIENCE: hrtime::HrTime = hrtime::seconds(60);

    let last_timeout = case.active.timeout_s.max(case.passive.timeout_s).saturating_add(5);
    hrtime::after(PATIENCE, hrtime::seconds(last_timeout))
}

/// How a case ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CaseEnd {
    /// True if both ends finished and the pair was freed.
    pub finished: bool,
    /// What `NetVCTest` found wrong, in the words of the original.
    pub errors: Vec<String>,
}

impl CaseEnd {
    /// True if an end was stopped after [`MOST_CALLS`] callbacks: what came after that
    /// is not in the steps.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        self.errors.iter().any(|error| error.starts_with(ENDLESS))
    }
}

/// The block size of the buffers that the server's own test makes: 8.1 asks for
/// none and gets `default_large_iobuffer_size`, later releases ask for 32 KiB.
fn test_buffers(epoch: Epoch) -> SizeIndex {
    match epoch {
        Epoch::B => BUFFER_SIZE_INDEX_4K,
        Epoch::C | Epoch::D | Epoch::E => BUFFER_SIZE_INDEX_32K,
    }
}

/// Runs `case` on the port of `epoch`, in virtual time, and gives every step to
/// `sink`.
pub fn run_case(case: &Case, epoch: Epoch, sink: Arc<dyn StepSink>) -> CaseEnd {
    run_case_with(case, epoch, Options { steps: Steps::to(sink), ..Options::default() })
}

/// As [`run_case`], on an event processor with these options.
pub fn run_case_with(case: &Case, epoch: Epoch, options: Options) -> CaseEnd {
    let options = of_release(epoch, options);
    let processor = EventProcessor::with_options(Clock::new_ticking(PASS), options);
    let thread = processor.adopt_current_thread("ET_NET");

    let completions = StateMachine::new(ProxyMutex::new(), Cell::new(0), |count, _, _, _| {
        count.set(count.get() + 1);
        Outcome::Done
    });
    let buffers = test_buffers(epoch);
    let driver: ContRef = completions.clone();
    let passive = new_test(&processor, Side::Passive, &case.passive, driver.clone(), buffers);
    let active = new_test(&processor, Side::Active, &case.active, driver, buffers);

    let options = PluginVcOptions { epoch, ..PluginVcOptions::default() };
    let core = PluginVCCore::alloc_with(&processor, passive.clone(), options);
    set_pair(&passive, core.id());
    set_pair(&active, core.id());
    set_most_calls(&active, MOST_CALLS);
    set_most_calls(&passive, MOST_CALLS);
    let active_vc = core.connect();
    start_test(&active, &active.mutex().lock(), &active_vc);
    drop(active_vc);

    let is_over = || completions.state(&completions.mutex().lock()).get() == 2 && core.is_freed();
    let deadline = hrtime::after(processor.clock().get_hrtime_updated(), longest(case));
    thread.run_until(|| {
        is_over() || thread.has_no_events() || processor.clock().get_hrtime() > deadline
    });
    let finished = is_over();
    drop(thread);
    CaseEnd { finished, errors: [errors(&passive), errors(&active)].concat() }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use eventsys::steps::Step;

    use super::*;
    use crate::ats::case::cases_from_bytes;

    #[derive(Default)]
    struct Lines(Mutex<Vec<String>>);

    impl StepSink for Lines {
        fn step(&self, step: Step) {
            self.0.lock().unwrap().push(step.to_string());
        }
    }

    #[test]
    fn a_timeout_of_any_size_is_one_that_does_not_come() {
        let run = |timeout_s: i64| {
            let head = "case,side,bytes_to_send,nbytes_write,bytes_to_read,nbytes_read,\
                        write_bytes_per,timeout_s";
            let csv = format!(
                "{head}\nmine,active,300,300,100,100,64,60\n\
                 mine,passive,100,100,300,300,64,60\n"
            );
            let mut cases = cases_from_bytes("mine.csv", csv.as_bytes()).unwrap();
            // A file may not ask for this much, but a user's program may.
            cases[0].active.timeout_s = timeout_s;
            cases[0].passive.timeout_s = timeout_s;
            let lines = Arc::new(Lines::default());
            let end = run_case(&cases[0], Epoch::C, lines.clone());
            assert!(end.finished && end.errors.is_empty(), "{timeout_s}: {:?}", end.errors);
            lines.0.lock().unwrap().clone()
        };
        let usual = run(60);
        for timeout_s in [i64::MAX, i64::MAX - 5, i64::MAX / hrtime::SECOND + 1] {
            assert_eq!(run(timeout_s), usual, "{timeout_s}");
        }
    }
}
