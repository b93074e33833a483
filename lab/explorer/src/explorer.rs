//! [`Explorer`]: how a scene is explored.

mod results;
mod runs;

use std::sync::Arc;
use std::time::Duration;

pub use results::{Outcomes, Replay, WrongProgram};

use crate::report::{Progress, Violation};

/// A scene, as the threads that explore it share it.
pub(crate) type Scene = Arc<dyn Fn() + Send + Sync>;

/// Which schedules are run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Strategy {
    /// Every schedule with 0 interruptions, then every one with 1 at most, and so on up to
    /// `bound`. It draws no random numbers. What it finds first has as few interruptions as any
    /// schedule that leads to a violation; what it has gone through completely is a statement.
    Bounded {
        /// The most interruptions.
        bound: u32,
    },
    /// Every schedule, with any number of interruptions. For tiny scenes.
    Every,
    /// Partial order sampling: finds most defects that need three interruptions or more.
    Pos,
    /// Random priorities that change at `depth - 1` random operations.
    Pct {
        /// How many orderings of operations a defect may need; at least 1.
        depth: u32,
    },
    /// A random task before each operation on a shared object.
    Random,
}

impl Strategy {
    /// Its name in a [`Report`](crate::Report).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Strategy::Bounded { .. } => "bounded",
            Strategy::Every => "every",
            Strategy::Pos => "pos",
            Strategy::Pct { .. } => "pct",
            Strategy::Random => "random",
        }
    }

    pub(crate) fn is_random(self) -> bool {
        matches!(self, Strategy::Pos | Strategy::Pct { .. } | Strategy::Random)
    }
}

/// Which of the violations that observers tell count.
#[derive(Clone, Debug)]
pub(crate) enum Hearing {
    All,
    Not(Arc<str>),
    Only(Arc<str>),
}

impl Hearing {
    pub(crate) fn counts(&self, violation: &Violation) -> bool {
        match self {
            Hearing::All => true,
            Hearing::Not(words) => !violation.to_string().contains(&**words),
            Hearing::Only(words) => violation.to_string().contains(&**words),
        }
    }
}

/// Explores scenes. A scene is a function that makes threads by
/// [`sync::thread`](crate::sync::thread) or [`spawn`](crate::spawn) and ends when they have ended.
///
/// ```
/// use std::sync::Arc;
/// use explorer::sync::atomic::{AtomicU32, Ordering::SeqCst};
/// use explorer::{Explorer, sync::thread};
///
/// let report = Explorer::new().explore(|| {
///     let count = Arc::new(AtomicU32::new(0));
///     let its = Arc::clone(&count);
///     let other = thread::spawn(move || its.store(its.load(SeqCst) + 1, SeqCst));
///     count.store(count.load(SeqCst) + 1, SeqCst);
///     other.join().unwrap();
///     assert_eq!(count.load(SeqCst), 2, "one count is lost");
/// });
/// let found = report.first().expect("the race is found");
/// assert_eq!(found.interruptions, 1);
/// assert!(found.violation.text.contains("one count is lost"));
/// ```
///
/// The scene must do the same each time under the same schedule: it must not read the system's
/// clock, draw unseeded random numbers or depend on addresses. If it does, the report has a
/// violation of the kind [`NOT_DETERMINISTIC`](crate::kind::NOT_DETERMINISTIC).
#[derive(Clone)]
pub struct Explorer {
    pub(crate) strategy: Strategy,
    pub(crate) schedules: Option<u64>,
    pub(crate) seed: u64,
    pub(crate) stalls: bool,
    pub(crate) max_points: u32,
    pub(crate) time_limit: Option<Duration>,
    pub(crate) all: bool,
    pub(crate) jobs: usize,
    pub(crate) shard: (u32, u32),
    pub(crate) learning: u32,
    pub(crate) everywhere: bool,
    pub(crate) hears: Hearing,
    pub(crate) scenario: u64,
    pub(crate) progress: Option<Arc<dyn Fn(Progress) + Send + Sync>>,
}

impl Default for Explorer {
    fn default() -> Explorer {
        Explorer::new()
    }
}

impl Explorer {
    /// All schedules with at most two interruptions, until the first violation, on one thread.
    #[must_use]
    pub fn new() -> Explorer {
        Explorer {
            strategy: Strategy::Bounded { bound: 2 },
            schedules: None,
            seed: 1,
            stalls: false,
            max_points: 50_000,
            time_limit: None,
            all: false,
            jobs: 1,
            shard: (1, 1),
            learning: 50,
            everywhere: false,
            hears: Hearing::All,
            scenario: 0,
            progress: None,
        }
    }

    /// Which schedules are run.
    #[must_use]
    pub fn strategy(mut self, strategy: Strategy) -> Explorer {
        self.strategy = strategy;
        self
    }

    /// [`Strategy::Bounded`] with this bound.
    #[must_use]
    pub fn bound(self, bound: u32) -> Explorer {
        self.strategy(Strategy::Bounded { bound })
    }

    /// How many schedules are run at most. Random strategies run 10,000 if this is not set; the
    /// others run as many as there are.
    #[must_use]
    pub fn schedules(mut self, schedules: u64) -> Explorer {
        self.schedules = Some(schedules);
        self
    }

    /// The seed of the random strategies.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Explorer {
        self.seed = seed;
        self
    }

    /// Whether time may pass although a task could go on: such a task then stalls until time has
    /// passed a hundred times, if no other task lets it go on earlier. Otherwise a caller of [`let_others_run`](crate::let_others_run) waits
    /// until no other task can go on. False by default.
    #[must_use]
    pub fn stalls(mut self, stalls: bool) -> Explorer {
        self.stalls = stalls;
        self
    }

    /// After how many operations an execution counts as one that never ends: 50,000 by default.
    #[must_use]
    pub fn max_points(mut self, points: u32) -> Explorer {
        self.max_points = points;
        self
    }

    /// How long the exploration may take. A report says if this was too short.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Explorer {
        self.time_limit = Some(limit);
        self
    }

    /// Goes on after the first violation, and reports all distinct ones.
    #[must_use]
    pub fn all(mut self, all: bool) -> Explorer {
        self.all = all;
        self
    }

    /// How many threads of the system explore at the same time, each a part of the schedules. The
    /// report is the same for each number, unless a time limit ends the exploration.
    #[must_use]
    pub fn jobs(mut self, jobs: usize) -> Explorer {
        self.jobs = jobs.max(1);
        self
    }

    /// Explores part `number` (from 1) of `of` disjoint parts. [`Report::merge`](crate::Report::merge) makes one report
    /// of all.
    ///
    /// # Panics
    /// If there is no such part.
    #[must_use]
    pub fn shard(mut self, number: u32, of: u32) -> Explorer {
        assert!((1..=of).contains(&number), "there is no part {number} of {of}");
        self.shard = (number, of);
        self
    }

    /// How many schedules of several kinds are run first to learn which objects several tasks
    /// use: 50 by default. If more objects turn out to be shared later, the sweep begins anew.
    #[must_use]
    pub fn learning(mut self, schedules: u32) -> Explorer {
        self.learning = schedules;
        self
    }

    /// Whether [`Strategy::Bounded`] and [`Strategy::Every`] interrupt before each operation,
    /// and not only where it matters: before operations on objects that several tasks use, unless
    /// the task has done nothing yet. False by default. It runs many more schedules and must find
    /// the same; so it is the judge of the reduction.
    #[must_use]
    pub fn everywhere(mut self, everywhere: bool) -> Explorer {
        self.everywhere = everywhere;
        self
    }

    /// What an observer tells [`violation`](crate::violation) is passed over if these words are
    /// in it (written as "kind: text"), and the execution goes on. So a test sees that this observer alone notices something.
    #[must_use]
    pub fn deaf_to(mut self, words: &str) -> Explorer {
        self.hears = Hearing::Not(words.into());
        self
    }

    /// The opposite: of what observers tell, only that counts in which these words are. So a
    /// second violation is found that comes behind another one in the same schedules.
    #[must_use]
    pub fn listens_to(mut self, words: &str) -> Explorer {
        self.hears = Hearing::Only(words.into());
        self
    }

    /// A text that identifies the scene, as that of its scenario. It becomes a part of the
    /// [`CheckWord`](crate::CheckWord).
    #[must_use]
    pub fn scenario(mut self, text: &str) -> Explorer {
        self.scenario = crate::digest::of(text.as_bytes());
        self
    }

    /// Is called now and then, from any of the threads that explore.
    #[must_use]
    pub fn progress(mut self, progress: impl Fn(Progress) + Send + Sync + 'static) -> Explorer {
        self.progress = Some(Arc::new(progress));
        self
    }
}
