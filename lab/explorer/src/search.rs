//! The order of schedules, and the threads that run them.
//!
//! An exploration is cut into parts that do not depend on each other: for the bounded strategy
//! the branches off the default path (`strategy::bounded`), for the random ones blocks of
//! numbers, each number the seed of a schedule. Any number of threads run the parts; what they have
//! found is put together in the order of the parts, as if one thread had run them one after the
//! other. So the report does not depend on the number of threads.

mod parts;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use fastrand::Rng;

use crate::engine::{Outcome, Watch, execute};
use crate::explorer::{Explorer, Scene, Strategy};
use crate::objects::Objects;
use crate::report::{Found, Report, Sweep, Violation, kind};
use crate::schedule::CheckWord;
use crate::strategy::{self, Bounded, Pct, Pos, RandomWalk, Serial};
use parts::{End, GoesOn, Part};

/// Where in an exploration a schedule is: the sweep, how often it was begun anew, the part, and
/// the number in the part.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct Order {
    sweep: u32,
    begun: u32,
    part: u64,
    number: u64,
}

/// How many schedules of a random strategy are one part.
const BLOCK: u64 = 512;

/// How many schedules a random strategy runs if the user does not say.
const RANDOM_SCHEDULES: u64 = 10_000;

/// What is known before the search.
pub(crate) struct Learned {
    pub(crate) objects: Objects,
    /// The operations of the longest execution.
    length: u64,
}

/// Runs some schedules to learn which objects several tasks use. What they violate is found
/// again by the search.
pub(crate) fn learn(explorer: &Explorer, scene: &Scene) -> Learned {
    let mut learned = Learned { objects: Objects::default(), length: 50 };
    for number in 0..explorer.learning {
        let rng = Rng::with_seed(u64::from(number) + 1);
        let strategy: Box<dyn strategy::Strategy> = match number % 3 {
            0 => Box::new(Serial),
            1 => Box::new(RandomWalk { rng, everywhere: true }),
            _ => Box::new(Pct::new(rng, 3, learned.length, true)),
        };
        let input = explorer.input(strategy, &mut learned.objects, Watch::Nothing);
        let outcome = execute(input, scene);
        learned.length = learned.length.max(u64::from(outcome.points));
    }
    learned.objects.freeze();
    learned
}

/// Explores `scene`. `note` is told the outcome of each execution. The schedules of what is
/// found are not shortened yet.
pub(crate) fn search(
    explorer: &Explorer,
    scene: &Scene,
    check: CheckWord,
    note: &(dyn Fn(Order, &Outcome) + Sync),
) -> Report {
    let begun = Instant::now();
    let learned = learn(explorer, scene);
    let mut search = Search {
        explorer,
        scene,
        note,
        deadline: explorer.time_limit.map(|limit| begun + limit),
        objects: learned.objects,
        bound: None,
        schedules: 0,
        points: 0,
        sweeps: Vec::new(),
        found: Vec::new(),
        out_of_time: false,
    };
    match explorer.strategy {
        Strategy::Bounded { bound } => {
            (0..=bound).all(|bound| search.sweep(Some(bound)));
        }
        Strategy::Every => {
            search.sweep(None);
        }
        strategy => search.random(strategy, learned.length),
    }
    Report {
        sweeps: search.sweeps,
        schedules: search.schedules,
        points: search.points,
        violations: search.found,
        out_of_time: search.out_of_time,
        seconds: begun.elapsed().as_secs_f64(),
        ..nothing(explorer, check)
    }
}

/// The report of an exploration that has run no schedule yet.
pub(crate) fn nothing(explorer: &Explorer, check: CheckWord) -> Report {
    Report {
        strategy: explorer.strategy.name().to_owned(),
        seed: if explorer.strategy.is_random() { explorer.seed } else { 0 },
        sweeps: Vec::new(),
        schedules: 0,
        points: 0,
        violations: Vec::new(),
        out_of_time: false,
        seconds: 0.0,
        check,
        shard: explorer.shard,
    }
}

struct Search<'a> {
    explorer: &'a Explorer,
    scene: &'a Scene,
    note: &'a (dyn Fn(Order, &Outcome) + Sync),
    deadline: Option<Instant>,
    objects: Objects,
    /// The bound of the sweep that is under way.
    bound: Option<u32>,
    schedules: u64,
    points: u64,
    sweeps: Vec<Sweep>,
    found: Vec<Found>,
    out_of_time: bool,
}

impl Search<'_> {
    /// Runs all schedules of a bound. False if the exploration ends here.
    fn sweep(&mut self, bound: Option<u32>) -> bool {
        self.bound = bound;
        let before = (self.schedules, self.points, self.found.clone());
        for begun in 0.. {
            (self.schedules, self.points) = (before.0, before.1);
            self.found.clone_from(&before.2);
            let end = self.sweep_once(begun);
            if end == End::Grown {
                self.objects.freeze();
                continue;
            }
            let schedules = self.schedules - before.0;
            let (complete, shared_objects) = (end == End::Whole, self.objects.digest());
            self.sweeps.push(Sweep { bound, schedules, complete, shared_objects });
            return end == End::Whole && !self.is_enough();
        }
        unreachable!("each time one object more is known, and there are only so many")
    }

    fn sweep_once(&mut self, begun: u32) -> End {
        let sweep = self.bound.unwrap_or(0);
        let bound = self.bound.unwrap_or(strategy::NO_BOUND);
        let order = move |part, number| Order { sweep, begun, part, number };
        let (shard, of) = shard_of(self.explorer);
        let (explorer, scene, note) = (self.explorer, self.scene, self.note);
        let below = |path, part, objects: &mut Objects, goes_on: &GoesOn<'_>| {
            let tree = Rc::new(RefCell::new(Bounded::below(path, bound, explorer.everywhere)));
            let mut done = Part::default();
            loop {
                tree.borrow_mut().begin();
                let input = explorer.input(Box::new(Rc::clone(&tree)), objects, Watch::Nothing);
                let mut outcome = execute(input, scene);
                if tree.borrow().has_strayed() && outcome.violation.is_none() {
                    outcome.violation = Some(not_deterministic());
                }
                let order = order(part, done.schedules);
                note(order, &outcome);
                done.add(order, outcome);
                done.grown |= objects.has_grown();
                let goes_on = goes_on(&done);
                // The default path is a part of its own.
                done.whole = part == 0 || !tree.borrow_mut().advance();
                if done.whole || done.grown || !goes_on {
                    let path = tree.borrow().path().to_vec();
                    return (done, path);
                }
            }
        };
        // Each shard runs the default path, and the first one counts it.
        let mut objects = self.objects.clone();
        let (first, default) = below(Vec::new(), 0, &mut objects, &|_| true);
        let parts = strategy::parts(&default, bound);
        let mine: Vec<_> = (1..).zip(parts).filter(|(number, _)| number % of == shard).collect();
        let work = |index: usize, objects: &mut Objects, goes_on: &GoesOn<'_>| {
            let (number, path) = &mine[index];
            below(path.clone(), *number, objects, goes_on).0
        };
        if first.grown {
            self.objects.join(&objects);
            return End::Grown;
        }
        if shard == 0 && !self.takes(first) {
            return End::Enough;
        }
        self.run_parts(mine.len(), &work).1
    }

    /// Runs schedules with random numbers.
    fn random(&mut self, strategy: Strategy, length: u64) {
        let wanted = self.explorer.schedules.unwrap_or(RANDOM_SCHEDULES);
        let (shard, of) = shard_of(self.explorer);
        // Of the numbers below `wanted`, those that are `shard` modulo `of`.
        let mine = (wanted + of - 1 - shard) / of;
        let (explorer, scene, note) = (self.explorer, self.scene, self.note);
        let block = |block: u64, objects: &mut Objects, goes_on: &GoesOn<'_>| {
            let mut done = Part::default();
            for nth in block * BLOCK..((block + 1) * BLOCK).min(mine) {
                let number = nth * of + shard;
                let rng = Rng::with_seed(seed_of(explorer.seed, number));
                let strategy = random_strategy(strategy, rng, length);
                let outcome = execute(explorer.input(strategy, objects, Watch::Nothing), scene);
                let order = Order { part: number, ..Order::default() };
                note(order, &outcome);
                done.add(order, outcome);
                if !goes_on(&done) {
                    return done;
                }
            }
            (done.whole, done.grown) = (true, objects.has_grown());
            done
        };
        let blocks = mine.div_ceil(BLOCK);
        let mut first = 0;
        while first < blocks {
            let work = |index: usize, objects: &mut Objects, goes_on: &GoesOn<'_>| {
                block(first + index as u64, objects, goes_on)
            };
            let (done, end) = self.run_parts((blocks - first) as usize, &work);
            if end != End::Grown {
                return;
            }
            // The schedules that follow may interrupt at more objects.
            self.objects.freeze();
            first += done as u64;
        }
    }
}

/// The part of the exploration, from 0, and how many there are.
fn shard_of(explorer: &Explorer) -> (u64, u64) {
    (u64::from(explorer.shard.0 - 1), u64::from(explorer.shard.1))
}

/// The seed of one schedule.
fn seed_of(seed: u64, number: u64) -> u64 {
    let mut digest = crate::digest::Digest::default();
    digest.add(&seed.to_le_bytes());
    digest.add(&number.to_le_bytes());
    digest.value()
}

fn random_strategy(strategy: Strategy, rng: Rng, length: u64) -> Box<dyn strategy::Strategy> {
    match strategy {
        Strategy::Pct { depth } => Box::new(Pct::new(rng, depth, length, false)),
        Strategy::Random => Box::new(RandomWalk { rng, everywhere: false }),
        _ => Box::new(Pos::new(rng)),
    }
}

fn not_deterministic() -> Violation {
    Violation {
        kind: kind::NOT_DETERMINISTIC.to_owned(),
        text: "the scene has not done the same again under the same schedule".to_owned(),
    }
}
