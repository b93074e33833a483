//! [`PairCensus`]: how many pairs there are.

use std::sync::atomic::{AtomicU64, Ordering};

use eventsys::steps::{Step, StepSink};

use crate::steps::{CREATE, DESTROY};

/// Counts pairs: a listener of steps.
///
/// A pair is freed by an event that comes after the last callback. So a program that ends its
/// event threads when it has what it wanted must first wait until no pair is alive: the shutdown
/// drops that event, and nothing frees the pair any more.
///
/// ```
/// use std::sync::Arc;
/// use eventsys::steps::Steps;
/// use eventsys::{Clock, EventProcessor, FreeContinuation, Options, Outcome};
/// use pluginvc::{PairCensus, PluginVCCore};
///
/// let pairs = Arc::new(PairCensus::default());
/// let options = Options { steps: Steps::to(pairs.clone()), ..Options::default() };
/// let processor = EventProcessor::with_options(Clock::new_virtual(), options);
/// let thread = processor.adopt_current_thread("ET_NET");
/// let core = PluginVCCore::alloc(&processor, FreeContinuation::new(|_, _, _| Outcome::Done));
/// assert_eq!((pairs.made(), pairs.alive()), (1, 1));
/// core.kill_no_connect();
/// thread.run_until_idle();
/// assert_eq!((pairs.made(), pairs.alive()), (1, 0));
/// ```
#[derive(Debug, Default)]
pub struct PairCensus {
    made: AtomicU64,
    freed: AtomicU64,
}

impl PairCensus {
    /// How many pairs have been made.
    #[must_use]
    pub fn made(&self) -> u64 {
        self.made.load(Ordering::Acquire)
    }

    /// How many pairs have been made and are not freed yet.
    #[must_use]
    pub fn alive(&self) -> u64 {
        // In this order: a pair is counted as made before it is counted as freed.
        let freed = self.freed.load(Ordering::Acquire);
        self.made() - freed
    }
}

impl StepSink for PairCensus {
    fn step(&self, step: Step) {
        let count = match step.kind {
            CREATE => &self.made,
            DESTROY => &self.freed,
            _ => return,
        };
        count.fetch_add(1, Ordering::AcqRel);
    }
}
