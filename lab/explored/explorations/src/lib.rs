//! Runs a program under many schedules, and keeps with each outcome the first
//! schedule that led to it.
//!
//! An assertion about outcomes that fails shows these schedules, and a program that
//! panics or deadlocks names its own. Each of them can be run again, alone:
//!
//! ```text
//! EXPLORE_REPLAY=1:0*12.1.r.2*3 cargo test -p explorations NAME
//! ```
//!
//! A schedule reads from left to right: first the seed of its random numbers, then
//! which thread took how many steps; `r` is a random number that the program drew.

mod one_stop;

pub use one_stop::OneStop;

use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shuttle::scheduler::{DataSource, RandomDataSource, Schedule, Scheduler, Task, TaskId};
use shuttle::{Config, FailurePersistence, Runner};

/// The outcomes of a program, each with the first schedule that led to it. Equal to
/// a set of outcomes if it has the same outcomes.
pub struct Outcomes<T>(BTreeMap<T, Steps>);

/// The outcomes of `program` under the schedules of `scheduler`, or under the one of
/// `EXPLORE_REPLAY` if it is set.
pub fn explore<T>(
    scheduler: impl Scheduler + 'static,
    program: impl Fn() -> T + Send + Sync + 'static,
) -> Outcomes<T>
where
    T: Ord + Send + 'static,
{
    match std::env::var("EXPLORE_REPLAY") {
        Ok(text) => match text.parse() {
            Ok(steps) => replay(steps, program),
            Err(()) => panic!("EXPLORE_REPLAY is not a schedule: {text}"),
        },
        Err(_) => run(scheduler, program),
    }
}

/// The outcome of `program` under one schedule; `None` if the program does not
/// fit the schedule.
pub fn replay<T>(steps: Steps, program: impl Fn() -> T + Send + Sync + 'static) -> Outcomes<T>
where
    T: Ord + Send + 'static,
{
    run(Replay::of(steps), program)
}

fn run<T>(
    scheduler: impl Scheduler + 'static,
    program: impl Fn() -> T + Send + Sync + 'static,
) -> Outcomes<T>
where
    T: Ord + Send + 'static,
{
    // The standard library's, so that they add no schedules.
    let (steps, found) = (Arc::default(), Arc::<Mutex<BTreeMap<T, Steps>>>::default());
    let (so_far, collector) = (Arc::clone(&steps), Arc::clone(&found));
    let mut config = Config::new();
    config.silence_warnings = true;
    // A failure names its schedule below, in a form that a reader can follow.
    config.failure_persistence = FailurePersistence::None;
    let runner = Runner::new(Recorder { inner: scheduler, steps: Arc::clone(&steps) }, config);
    let run = move || {
        runner.run(move || {
            let outcome = program();
            lock(&collector).entry(outcome).or_insert_with(|| lock(&so_far).clone());
        })
    };
    if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
        eprintln!("the schedule under which it fails: {}", lock(&steps));
        resume_unwind(panic);
    }
    let found = std::mem::take(&mut *lock(&found));
    Outcomes(found)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T: Ord + fmt::Debug> Outcomes<T> {
    /// The first schedule that led to this outcome.
    pub fn schedule_of(&self, outcome: &T) -> &Steps {
        self.0.get(outcome).unwrap_or_else(|| panic!("{outcome:?} is not among {self:?}"))
    }
}

impl<T: PartialEq> PartialEq<BTreeSet<T>> for Outcomes<T> {
    fn eq(&self, other: &BTreeSet<T>) -> bool {
        self.0.keys().eq(other)
    }
}

impl<const N: usize> PartialEq<[&str; N]> for Outcomes<String> {
    fn eq(&self, other: &[&str; N]) -> bool {
        self.0.keys().eq(other)
    }
}

impl<T: fmt::Debug> fmt::Debug for Outcomes<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(outcome, steps)| {
            write!(f, "\n  {outcome:?}\n    first under the schedule {steps}")
        })
    }
}

impl<T> IntoIterator for Outcomes<T> {
    type Item = (T, Steps);
    type IntoIter = btree_map::IntoIter<T, Steps>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// An outcome that comes several times keeps its first schedule.
impl<T: Ord> FromIterator<(T, Steps)> for Outcomes<T> {
    fn from_iter<I: IntoIterator<Item = (T, Steps)>>(all: I) -> Self {
        let mut outcomes = BTreeMap::new();
        for (outcome, steps) in all {
            outcomes.entry(outcome).or_insert(steps);
        }
        Outcomes(outcomes)
    }
}

/// A schedule: the steps of one execution.
#[derive(Clone, Default, Debug)]
pub struct Steps {
    seed: u64,
    steps: Vec<Step>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Of(usize),
    RandomNumber,
}

impl fmt::Display for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.seed)?;
        for (place, run) in self.steps.chunk_by(PartialEq::eq).enumerate() {
            let dot = if place == 0 { "" } else { "." };
            match run[0] {
                Step::Of(thread) => write!(f, "{dot}{thread}")?,
                Step::RandomNumber => write!(f, "{dot}r")?,
            }
            if run.len() > 1 {
                write!(f, "*{}", run.len())?;
            }
        }
        Ok(())
    }
}

impl FromStr for Steps {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let number = |text: &str| text.parse::<usize>().map_err(|_| ());
        let (seed, runs) = text.split_once(':').ok_or(())?;
        let mut schedule = Steps { seed: seed.parse().map_err(|_| ())?, steps: Vec::new() };
        for run in runs.split('.') {
            let (step, times) = run.split_once('*').unwrap_or((run, "1"));
            let step = if step == "r" { Step::RandomNumber } else { Step::Of(number(step)?) };
            schedule.steps.extend(std::iter::repeat_n(step, number(times)?));
        }
        Ok(schedule)
    }
}

/// Records the decisions of another scheduler.
#[derive(Debug)]
struct Recorder<S> {
    inner: S,
    /// The steps of the execution that is under way.
    steps: Arc<Mutex<Steps>>,
}

impl<S: Scheduler> Scheduler for Recorder<S> {
    fn new_execution(&mut self) -> Option<Schedule> {
        let schedule = self.inner.new_execution()?;
        *lock(&self.steps) = Steps { seed: schedule.seed, steps: Vec::new() };
        Some(schedule)
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        current: Option<TaskId>,
        is_yielding: bool,
    ) -> Option<TaskId> {
        let next = self.inner.next_task(runnable, current, is_yielding)?;
        lock(&self.steps).steps.push(Step::Of(next.into()));
        Some(next)
    }

    fn next_u64(&mut self) -> u64 {
        lock(&self.steps).steps.push(Step::RandomNumber);
        self.inner.next_u64()
    }
}

/// One execution, by a given schedule. Where the program does not fit the schedule,
/// the execution stops and has no outcome.
#[derive(Debug)]
struct Replay {
    steps: std::vec::IntoIter<Step>,
    numbers: RandomDataSource,
    begun: bool,
}

impl Replay {
    fn of(Steps { seed, steps }: Steps) -> Replay {
        let numbers = RandomDataSource::initialize(seed);
        Replay { steps: steps.into_iter(), numbers, begun: false }
    }
}

impl Scheduler for Replay {
    fn new_execution(&mut self) -> Option<Schedule> {
        let begins = !std::mem::replace(&mut self.begun, true);
        begins.then(|| Schedule::new(self.numbers.reinitialize()))
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        _current: Option<TaskId>,
        _is_yielding: bool,
    ) -> Option<TaskId> {
        let Some(Step::Of(next)) = self.steps.next() else { return None };
        runnable.iter().map(|task| task.id()).find(|&task| usize::from(task) == next)
    }

    fn next_u64(&mut self) -> u64 {
        self.steps.next();
        self.numbers.next_u64()
    }
}

#[cfg(test)]
#[test]
fn a_schedule_is_read_as_it_is_written() {
    let text = "4746:0*12.1.r*2.2*3.10";
    assert_eq!(text.parse::<Steps>().expect("a schedule").to_string(), text);
    for wrong in ["", "1", "1:", "x:0", "1:a", "1:0*", "1:0..1"] {
        assert!(wrong.parse::<Steps>().is_err(), "{wrong}");
    }
}
