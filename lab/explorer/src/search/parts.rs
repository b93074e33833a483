//! Running the parts of a sweep on several threads, and putting together what they have found.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::{Order, Search};
use crate::engine::Outcome;
use crate::merge::add_found;
use crate::objects::Objects;
use crate::report::{Found, Progress};
use crate::schedule::Schedule;

/// How many schedules are run between two looks at the clock.
const BETWEEN_LOOKS: u64 = 64;

/// How a sweep has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// Every schedule was run.
    Whole,
    /// Another object has turned out to be shared.
    Grown,
    /// Something was found, or a limit was reached.
    Enough,
}

/// What a part has led to.
#[derive(Default)]
pub(super) struct Part {
    pub(super) schedules: u64,
    points: u64,
    /// Each with `after` as the number of the schedule in this part, from 1.
    found: Vec<Found>,
    /// True if another object has turned out to be shared.
    pub(super) grown: bool,
    /// True if all its schedules were run.
    pub(super) whole: bool,
}

impl Part {
    pub(super) fn add(&mut self, order: Order, outcome: Outcome) {
        self.schedules += 1;
        self.points += u64::from(outcome.points);
        let Some(violation) = outcome.violation else { return };
        let schedule = Schedule { check: None, segments: outcome.segments };
        let found = Found {
            violation,
            interruptions: schedule.interruptions(),
            schedule,
            after: self.schedules,
            times: 1,
            order: (order.sweep, order.part, order.number),
        };
        add_found(&mut self.found, &found);
    }
}

/// Asked by a part after each schedule: false if it should end.
pub(super) type GoesOn<'a> = dyn Fn(&Part) -> bool + 'a;

/// Runs the part of this number.
type Work<'a> = dyn Fn(usize, &mut Objects, &GoesOn<'_>) -> Part + Sync + 'a;

/// What the threads that run the parts share.
struct Shared<'a> {
    search: &'a Search<'a>,
    parts: usize,
    next: AtomicUsize,
    /// What comes after this part does not matter any more.
    last: AtomicUsize,
    /// The schedules of each part so far, if their number is limited.
    counts: Vec<AtomicU64>,
    /// The schedules of all parts so far.
    total: AtomicU64,
    out_of_time: AtomicBool,
    done: Mutex<BTreeMap<usize, (Part, Option<Objects>)>>,
}

impl Search<'_> {
    /// Takes what the next part has found. False if the exploration ends with it.
    pub(super) fn takes(&mut self, part: Part) -> bool {
        for mut found in part.found {
            found.after +=
                self.schedules - self.sweeps.iter().map(|sweep| sweep.schedules).sum::<u64>();
            add_found(&mut self.found, &found);
        }
        self.schedules += part.schedules;
        self.points += part.points;
        let is_found = !self.found.is_empty() && !self.explorer.all;
        part.whole && !is_found && !self.is_enough()
    }

    /// True if as many schedules were run as the user wants.
    pub(super) fn is_enough(&self) -> bool {
        self.explorer.schedules.is_some_and(|limit| self.schedules >= limit)
    }

    /// How many schedules may still be run.
    fn left(&self) -> u64 {
        self.explorer.schedules.map_or(u64::MAX, |limit| limit.saturating_sub(self.schedules))
    }

    /// Runs so many parts. How many of them count, and how it has ended.
    pub(super) fn run_parts(&mut self, parts: usize, work: &Work<'_>) -> (usize, End) {
        let is_limited = self.explorer.schedules.is_some();
        let shared = Shared {
            search: self,
            parts,
            next: AtomicUsize::new(0),
            last: AtomicUsize::new(usize::MAX),
            counts: (0..if is_limited { parts } else { 0 }).map(|_| AtomicU64::new(0)).collect(),
            total: AtomicU64::new(self.schedules),
            out_of_time: AtomicBool::new(false),
            done: Mutex::default(),
        };
        let jobs = self.explorer.jobs.min(parts);
        if jobs < 2 {
            shared.run(work);
        } else {
            std::thread::scope(|scope| {
                (0..jobs).for_each(|_| drop(scope.spawn(|| shared.run(work))));
            });
        }
        let out_of_time = shared.out_of_time.into_inner();
        let done = shared.done.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.out_of_time |= out_of_time;
        for (expected, (index, (mut part, mut objects))) in done.into_iter().enumerate() {
            if index != expected {
                return (expected, End::Enough);
            }
            let left = self.left();
            if part.schedules > left {
                // The parts before it were still under way. It ends where one thread would have
                // ended it.
                let mut seen = self.objects.clone();
                let ends_early = !self.explorer.all;
                part = work(index, &mut seen, &|part| {
                    part.schedules < left && (part.found.is_empty() || !ends_early)
                });
                objects = part.grown.then_some(seen);
            }
            let grown = part.grown;
            let is_end = part.whole && index + 1 == parts;
            let goes_on = self.takes(part);
            if !self.found.is_empty() && !self.explorer.all {
                return (index + 1, End::Enough);
            }
            if grown {
                objects.iter().for_each(|objects| self.objects.join(objects));
                return (index + 1, End::Grown);
            }
            if !goes_on && !is_end {
                return (index + 1, End::Enough);
            }
        }
        (parts, End::Whole)
    }
}

impl Shared<'_> {
    fn run(&self, work: &Work<'_>) {
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            if index >= self.parts || index > self.last.load(Ordering::Relaxed) {
                return;
            }
            let mut objects = self.search.objects.clone();
            let part = work(index, &mut objects, &|part| self.goes_on(index, part));
            let decides = !part.found.is_empty() && !self.search.explorer.all;
            if decides || part.grown || !part.whole {
                self.last.fetch_min(index, Ordering::Relaxed);
            }
            let objects = part.grown.then_some(objects);
            let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
            done.insert(index, (part, objects));
        }
    }

    fn goes_on(&self, index: usize, part: &Part) -> bool {
        let search = self.search;
        let total = self.total.fetch_add(1, Ordering::Relaxed) + 1;
        if total.is_multiple_of(BETWEEN_LOOKS) {
            if let Some(progress) = &search.explorer.progress {
                progress(Progress { bound: search.bound, schedules: total });
            }
            if search.deadline.is_some_and(|end| Instant::now() >= end) {
                self.out_of_time.store(true, Ordering::Relaxed);
            }
        }
        if self.out_of_time.load(Ordering::Relaxed) {
            return false;
        }
        if let Some(limit) = search.explorer.schedules {
            self.counts[index].store(part.schedules, Ordering::Relaxed);
            let before = self.counts[..=index].iter().map(|count| count.load(Ordering::Relaxed));
            if search.schedules + before.sum::<u64>() >= limit {
                return false;
            }
        }
        let is_found = !part.found.is_empty() && !search.explorer.all;
        !is_found && index <= self.last.load(Ordering::Relaxed)
    }
}
