//! Small random programs.

use fastrand::Rng;

pub(super) const VARIABLES: usize = 4;
pub(super) const MUTEXES: usize = 2;

/// A program: its threads, the first of which makes the others.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) threads: Vec<Vec<Step>>,
}

/// A step of a thread. A thread has one register: the value that it has read last.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Load(usize),
    Store(usize, u8),
    Add(usize),
    /// Writes the second value if the first one is there.
    Exchange(usize, u8, u8),
    Lock(usize),
    /// Reads 1 if the mutex is taken now; otherwise 0, and the thread goes on there.
    TryLock(usize, usize),
    Unlock(usize),
    /// Waits for the condition variable of this mutex, which the thread holds.
    Wait(usize),
    NotifyOne(usize),
    NotifyAll(usize),
    Yield,
    /// Goes on there unless the register has this value.
    Unless(u8, usize),
    /// Writes while the thread unwinds from a panic that is caught.
    StoreUnwinding(usize, u8),
    Spawn(usize),
    Join(usize),
    RaceLater,
    RaceFromHere,
}

impl Program {
    /// A program of this seed.
    pub(super) fn random(seed: u64) -> Program {
        Writer { rng: Rng::with_seed(seed), small: false }.program()
    }

    /// One whose schedules without a bound are few enough.
    pub(super) fn small(seed: u64) -> Program {
        Writer { rng: Rng::with_seed(seed), small: true }.program()
    }
}

impl std::fmt::Display for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut threads = self.threads.iter();
        threads.try_for_each(|steps| writeln!(f, "{steps:?}"))
    }
}

struct Writer {
    rng: Rng,
    small: bool,
}

impl Writer {
    fn program(&mut self) -> Program {
        let threads = if self.small { 2 } else { self.rng.usize(2..=3) };
        let mut main = Vec::new();
        // Sometimes a thread makes the last one, and the race begins later.
        let nested = threads == 3 && self.rng.u8(..4) == 0;
        let later = self.rng.u8(..4) == 0;
        if later {
            main.push(Step::RaceLater);
        }
        let made_by_main = if nested { 2 } else { threads };
        (1..made_by_main).for_each(|thread| main.push(Step::Spawn(thread)));
        if later {
            if self.rng.bool() {
                main.push(Step::Yield);
            }
            self.block(&mut main, 1, None);
            main.push(Step::RaceFromHere);
        }
        self.body(&mut main);
        let mut all = vec![main];
        for thread in 1..threads {
            let mut steps = Vec::new();
            if nested && thread == 1 {
                self.block(&mut steps, 1, None);
                steps.push(Step::Spawn(2));
            }
            self.body(&mut steps);
            if nested && thread == 1 {
                steps.push(Step::Join(2));
            }
            all.push(steps);
        }
        (1..made_by_main).for_each(|thread| all[0].push(Step::Join(thread)));
        Program { threads: all }
    }

    fn body(&mut self, steps: &mut Vec<Step>) {
        let most = if self.small { 3 } else { 4 };
        let count = self.rng.usize(1..=most);
        self.block(steps, count, None);
    }

    /// `held`: the mutex that the thread holds.
    fn block(&mut self, steps: &mut Vec<Step>, count: usize, held: Option<usize>) {
        for _ in 0..count {
            self.step(steps, held);
        }
    }

    fn step(&mut self, steps: &mut Vec<Step>, held: Option<usize>) {
        let rng = &mut self.rng;
        // Two variables are touched often, the others seldom.
        let variable = if rng.u8(..3) == 0 { rng.usize(..VARIABLES) } else { rng.usize(..2) };
        let (value, mutex) = (rng.u8(1..3), rng.usize(..MUTEXES));
        match rng.u8(..16) {
            0..=2 => steps.push(Step::Load(variable)),
            3..=5 => steps.push(Step::Store(variable, value)),
            6 => steps.push(Step::Add(variable)),
            7 => steps.push(Step::Exchange(variable, value - 1, value)),
            // Without a bound, a thread that yields twice lets the others go first.
            8 if !self.small => steps.push(Step::Yield),
            9 => steps.push(Step::StoreUnwinding(variable, value)),
            10 => {
                let all = rng.bool();
                steps.push(if all { Step::NotifyAll(mutex) } else { Step::NotifyOne(mutex) });
            }
            11 if held.is_some() => steps.push(Step::Wait(held.expect("held"))),
            12 => {
                // What is behind it turns up in some schedules only.
                steps.push(Step::Load(variable));
                let at = steps.len();
                steps.push(Step::Yield);
                self.block(steps, 1, held);
                steps[at] = Step::Unless(value, steps.len());
            }
            13 if held != Some(mutex) => {
                let at = steps.len();
                steps.push(Step::Yield);
                self.inside(steps, mutex);
                steps[at] = Step::TryLock(mutex, steps.len());
            }
            14 | 15 if held != Some(mutex) => {
                steps.push(Step::Lock(mutex));
                self.inside(steps, mutex);
            }
            _ => steps.push(Step::Load(variable)),
        }
    }

    fn inside(&mut self, steps: &mut Vec<Step>, mutex: usize) {
        let count = self.rng.usize(..=1);
        // A nested block knows the inner mutex only: so it may wait for the outer one for ever,
        // which both sides must see.
        self.block(steps, count, Some(mutex));
        steps.push(Step::Unlock(mutex));
    }
}
