//! What an [`Explorer`] does with a scene.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Explorer, Outcomes, Replay, Scene, WrongProgram};
use crate::engine::{Input, Outcome, Watch, execute};
use crate::objects::Objects;
use crate::play::Moment;
use crate::report::{Found, Report};
use crate::schedule::{CheckWord, Schedule, TaskId};
use crate::search::{self, Order};
use crate::shrink;
use crate::strategy::{Follow, Play, Strategy as _};
use crate::trace::Trace;

impl Explorer {
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
        let hears = self.hears.clone();
        Input { strategy, objects, watch, max_points, stalls, hears }
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
