//! [`Explorer`]: how a scene is explored.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::engine::{Input, Outcome, Watch, execute};
use crate::objects::Objects;
use crate::play::Moment;
use crate::report::{Found, Progress, Report, Violation};
use crate::schedule::{CheckWord, Schedule, TaskId};
use crate::search::{self, Order};
use crate::shrink;
use crate::strategy::{Follow, Play, Strategy as _};
use crate::trace::Trace;

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
    /// Its name in a [`Report`].
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

    /// Explores part `number` (from 1) of `of` disjoint parts. [`Report::merge`] makes one report
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

    /// A text that identifies the scene, as that of its scenario. It becomes a part of the
    /// [`CheckWord`].
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

    /// Runs `scene` under the schedules of the strategy.
    ///
    /// A violation that a random strategy has found is shrunk: its schedule has as few
    /// interruptions as could be reached by leaving out one at a time.
    ///
    /// # Panics
    /// Inside of an exploration.
    pub fn explore(&self, scene: impl Fn() + Send + Sync + 'static) -> Report {
        self.explore_shared(&(Arc::new(scene) as Scene), &|_, _| ())
    }

    /// Runs `scene` under the schedules of the strategy, and collects what it returns, each
    /// value with the first schedule that led to it. Violations do not end it early.
    ///
    /// # Panics
    /// Inside of an exploration.
    pub fn outcomes<T>(&self, scene: impl Fn() -> T + Send + Sync + 'static) -> Outcomes<T>
    where
        T: Ord + Send + 'static,
    {
        let first = Mutex::new(BTreeMap::<T, (Order, Schedule)>::new());
        let note = |order: Order, outcome: &Outcome| {
            let Some(value) = take_returned(outcome) else { return };
            let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
            if first.get(&value).is_none_or(|(known, _)| order < *known) {
                let schedule = Schedule { check: None, segments: outcome.segments.clone() };
                first.insert(value, (order, schedule));
            }
        };
        let report = self.clone().all(true).explore_shared(&returning(scene), &note);
        let first = first.into_inner().unwrap_or_else(PoisonError::into_inner);
        let with_word = |(value, (_, schedule)): (T, (Order, Schedule))| {
            (value, schedule.checked(report.check))
        };
        Outcomes { schedules: first.into_iter().map(with_word).collect(), report }
    }

    /// What `scene` returns under this schedule. The check word is not looked at.
    ///
    /// # Panics
    /// Inside of an exploration.
    pub fn outcome_of<T>(
        &self,
        schedule: &Schedule,
        scene: impl Fn() -> T + Send + Sync + 'static,
    ) -> Outcomes<T>
    where
        T: Ord + Send + 'static,
    {
        let scene = returning(scene);
        let check = self.check_word_of(&scene);
        let outcome = self.follow(&scene, schedule, Watch::Nothing);
        let value = take_returned(&outcome);
        let ran = Schedule { check: Some(check), segments: outcome.segments.clone() };
        let mut report = search::nothing(self, check);
        (report.schedules, report.points) = (1, u64::from(outcome.points));
        report.violations.extend(outcome.violation.map(|violation| Found {
            violation,
            interruptions: ran.interruptions(),
            schedule: ran.clone(),
            after: 1,
            times: 1,
            order: (0, 0, 0),
        }));
        Outcomes { schedules: value.map(|value| (value, ran)).into_iter().collect(), report }
    }

    fn explore_shared(&self, scene: &Scene, note: &(dyn Fn(Order, &Outcome) + Sync)) -> Report {
        let check = self.check_word_of(scene);
        let mut report = search::search(self, scene, check, note);
        for found in &mut report.violations {
            let segments = std::mem::take(&mut found.schedule.segments);
            let shorter = if self.strategy.is_random() {
                shrink::shrink(self, scene, &found.violation, segments)
            } else {
                shrink::shorten(self, scene, &found.violation, segments)
            };
            found.schedule = Schedule { check: Some(check), segments: shorter };
            found.interruptions = found.schedule.interruptions();
        }
        report
    }

    /// Runs `scene` once, under this schedule.
    ///
    /// # Errors
    /// If the schedule has the check word of another program.
    pub fn replay(
        &self,
        schedule: &Schedule,
        scene: impl Fn() + Send + Sync + 'static,
    ) -> Result<Replay, WrongProgram> {
        let scene: Scene = Arc::new(scene);
        let check = self.check(schedule, &scene)?;
        let outcome = self.follow(&scene, schedule, Watch::Nothing);
        Ok(Replay {
            violation: outcome.violation,
            schedule: Schedule { check: Some(check), segments: outcome.segments },
            points: outcome.points,
        })
    }

    /// Runs `scene` once, under this schedule, and writes down each operation with its place in
    /// the source. This takes some milliseconds an operation the first time.
    ///
    /// # Errors
    /// If the schedule has the check word of another program.
    pub fn trace(
        &self,
        schedule: &Schedule,
        scene: impl Fn() + Send + Sync + 'static,
    ) -> Result<Trace, WrongProgram> {
        let scene: Scene = Arc::new(scene);
        let check = self.check(schedule, &scene)?;
        Ok(trace_of(check, self.follow(&scene, schedule, Watch::Rows)))
    }

    /// Runs `scene` once; wherever it matters which task goes on, `choose` is asked. A choice
    /// that is not an option counts as the default.
    pub fn play(
        &self,
        choose: impl FnMut(&Moment<'_>) -> TaskId + 'static,
        scene: impl Fn() + Send + Sync + 'static,
    ) -> Trace {
        let scene: Scene = Arc::new(scene);
        let check = self.check_word_of(&scene);
        let mut objects = search::learn(self, &scene).objects;
        let strategy = Box::new(Play { chooser: Box::new(choose) });
        debug_assert!(strategy.is_outside());
        let input = self.input(strategy, &mut objects, Watch::Rows);
        trace_of(check, execute(input, &scene))
    }

    /// True if no schedule with one interruption less leads to a violation of the same kind.
    pub fn is_minimal(&self, found: &Found, scene: impl Fn() + Send + Sync + 'static) -> bool {
        let scene: Scene = Arc::new(scene);
        found.schedule.without_one().all(|fewer| {
            let outcome = self.follow(&scene, &fewer, Watch::Nothing);
            outcome.violation.is_none_or(|violation| violation.kind != found.violation.kind)
        })
    }

    /// The word of a scene.
    pub fn check_word(&self, scene: impl Fn() + Send + Sync + 'static) -> CheckWord {
        self.check_word_of(&(Arc::new(scene) as Scene))
    }

    fn check(&self, schedule: &Schedule, scene: &Scene) -> Result<CheckWord, WrongProgram> {
        let is = self.check_word_of(scene);
        match schedule.check {
            Some(was) if was != is => Err(WrongProgram { was, is }),
            _ => Ok(is),
        }
    }

    pub(crate) fn check_word_of(&self, scene: &Scene) -> CheckWord {
        let digest = self.follow(scene, &Schedule::default(), Watch::Digest).digest;
        let all = digest ^ self.scenario.rotate_left(1);
        CheckWord((all ^ all >> 16 ^ all >> 32 ^ all >> 48) as u16)
    }

    pub(crate) fn follow(&self, scene: &Scene, schedule: &Schedule, watch: Watch) -> Outcome {
        let strategy = Box::new(Follow::new(schedule.segments.clone()));
        execute(self.input(strategy, &mut Objects::default(), watch), scene)
    }

    pub(crate) fn input<'a>(
        &self,
        strategy: Box<dyn crate::strategy::Strategy>,
        objects: &'a mut Objects,
        watch: Watch,
    ) -> Input<'a> {
        let (max_points, stalls) = (self.max_points, self.stalls);
        Input { strategy, objects, watch, max_points, stalls }
    }
}

thread_local! {
    /// What the scene of the last execution has returned.
    static RETURNED: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
}

fn returning<T: 'static>(scene: impl Fn() -> T + Send + Sync + 'static) -> Scene {
    Arc::new(move || {
        let value: Box<dyn Any> = Box::new(scene());
        RETURNED.with(|returned| *returned.borrow_mut() = Some(value));
    })
}

/// What the scene has returned, unless the execution has ended in a violation.
fn take_returned<T: 'static>(outcome: &Outcome) -> Option<T> {
    let value = RETURNED.with(|returned| returned.borrow_mut().take())?;
    let value = value.downcast().ok().map(|value| *value);
    value.filter(|_| outcome.violation.is_none())
}

fn trace_of(check: CheckWord, outcome: Outcome) -> Trace {
    Trace {
        tasks: outcome.tasks,
        rows: outcome.rows,
        schedule: Schedule { check: Some(check), segments: outcome.segments },
        violation: outcome.violation,
    }
}

/// What one schedule has led to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replay {
    /// The violation, if there was one.
    pub violation: Option<Violation>,
    /// What was run: the given schedule, as far as the scene fits it, and how it went on.
    pub schedule: Schedule,
    /// The operations of the execution.
    pub points: u32,
}

/// A schedule belongs to another program: the scene, or the code that it runs, has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WrongProgram {
    /// The check word of the schedule.
    pub was: CheckWord,
    /// The check word of the scene.
    pub is: CheckWord,
}

impl std::fmt::Display for WrongProgram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let WrongProgram { was, is } = self;
        write!(
            f,
            "the schedule is of another program: its check word is {was}, and this scene in this build has {is}; without \"{was}:\" it is tried as it is"
        )
    }
}

impl std::error::Error for WrongProgram {}

/// What a scene has returned; see [`Explorer::outcomes`].
#[derive(Clone, Debug)]
pub struct Outcomes<T> {
    /// Each value with the first schedule that led to it.
    pub schedules: BTreeMap<T, Schedule>,
    /// The report. Its violations are the executions that have returned nothing.
    pub report: Report,
}

impl<T: Ord> Outcomes<T> {
    /// The values.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.schedules.keys()
    }
}
