//! The judge: all schedules of a program on a model, with an interruption before any operation.
//!
//! It shares no code with the explorer, and leaves out nothing but states that it has seen.

use std::collections::BTreeSet;

use explorer::kind;

use super::program::{MUTEXES, Program, Step, VARIABLES};
use super::scene::text;

/// Everything that the program can lead to with at most `bound` interruptions.
pub(super) fn outcomes(program: &Program, bound: Option<u32>) -> BTreeSet<String> {
    let mut judge = Judge { program, bound, seen: BTreeSet::new(), outcomes: BTreeSet::new() };
    judge.go_on(State::new(program.threads.len()));
    judge.outcomes
}

struct Judge<'a> {
    program: &'a Program,
    bound: Option<u32>,
    seen: BTreeSet<State>,
    outcomes: BTreeSet<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Status {
    NotMade,
    Runs,
    /// Waits for a mutex, and then is behind its step.
    Locks(usize),
    /// Waits for a wake-up.
    Sleeps(usize),
    Joins(usize),
    Ended,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Thread {
    at: usize,
    register: u8,
    log: Vec<u8>,
    status: Status,
    /// It was left before its next operation, and carries it out when it goes on.
    was_asked: bool,
    /// It has gone on at its last yield for free, and no other thread was let in since.
    ignored_yield: bool,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    threads: Vec<Thread>,
    current: usize,
    used: u32,
    variables: [u8; VARIABLES],
    holders: [Option<usize>; MUTEXES],
    several: bool,
    held_back: bool,
}

impl State {
    fn new(threads: usize) -> State {
        let thread = |status| Thread {
            at: 0,
            register: 0,
            log: Vec::new(),
            status,
            was_asked: false,
            ignored_yield: false,
        };
        let mut threads = vec![thread(Status::NotMade); threads];
        threads[0].status = Status::Runs;
        State {
            threads,
            current: 0,
            used: 0,
            variables: [0; VARIABLES],
            holders: [None; MUTEXES],
            several: false,
            held_back: false,
        }
    }

    fn races(&self) -> bool {
        self.several && !self.held_back
    }

    fn me(&mut self) -> &mut Thread {
        &mut self.threads[self.current]
    }

    fn runnable(&self) -> Vec<usize> {
        let can = |&id: &usize| match self.threads[id].status {
            Status::Runs => true,
            Status::Locks(mutex) => self.holders[mutex].is_none(),
            Status::Joins(other) => self.threads[other].status == Status::Ended,
            Status::NotMade | Status::Sleeps(_) | Status::Ended => false,
        };
        (0..self.threads.len()).filter(can).collect()
    }

    fn enter(mut self, thread: usize) -> State {
        self.current = thread;
        self.me().ignored_yield = false;
        match self.me().status {
            Status::Locks(mutex) => {
                self.holders[mutex] = Some(thread);
                self.me().status = Status::Runs;
            }
            _ => self.me().status = Status::Runs,
        }
        self
    }

    fn read(mut self, value: u8) -> State {
        self.me().register = value;
        self.me().log.push(value);
        self
    }
}

impl Judge<'_> {
    fn go_on(&mut self, state: State) {
        let mut left = vec![state];
        while let Some(state) = left.pop() {
            if self.seen.insert(state.clone()) {
                self.step(state, &mut left);
            }
        }
    }

    /// The current thread cannot go on.
    fn block(&mut self, state: State, left: &mut Vec<State>) {
        let runnable = state.runnable();
        if let Some(&first) = runnable.first() {
            let options = if state.races() { runnable } else { vec![first] };
            left.extend(options.into_iter().map(|thread| state.clone().enter(thread)));
            return;
        }
        let is = |status: fn(&Status) -> bool| state.threads.iter().any(|it| status(&it.status));
        let outcome = if is(|status| matches!(status, Status::Locks(_))) {
            kind::DEADLOCK.to_owned()
        } else if is(|status| matches!(status, Status::Sleeps(_) | Status::Joins(_))) {
            kind::LOST_WAKE_UP.to_owned()
        } else {
            text(state.threads.iter().map(|thread| &*thread.log), &state.variables)
        };
        self.outcomes.insert(outcome);
    }

    fn step(&mut self, mut state: State, left: &mut Vec<State>) {
        let (current, at) = (state.current, state.me().at);
        let Some(step) = self.program.threads[current].get(at) else {
            state.me().status = Status::Ended;
            return self.block(state, left);
        };
        let is_operation = !matches!(
            step,
            Step::Yield
                | Step::Unless(..)
                | Step::StoreUnwinding(..)
                | Step::Spawn(_)
                | Step::RaceLater
                | Step::RaceFromHere
        );
        if is_operation && state.races() && !state.me().was_asked {
            state.me().was_asked = true;
            if self.bound.is_none_or(|bound| state.used < bound) {
                let others = state.runnable().into_iter().filter(|&other| other != current);
                for other in others.collect::<Vec<_>>() {
                    let mut interrupted = state.clone();
                    if self.bound.is_some() {
                        interrupted.used += 1;
                    }
                    left.push(interrupted.enter(other));
                }
            }
        }
        state.me().was_asked = false;
        state.me().at = at + 1;
        self.carry_out(step, state, left);
    }

    fn carry_out(&mut self, step: &Step, mut state: State, left: &mut Vec<State>) {
        let current = state.current;
        let next = match *step {
            Step::Load(variable) => {
                let value = state.variables[variable];
                state.read(value)
            }
            Step::Store(variable, value) | Step::StoreUnwinding(variable, value) => {
                state.variables[variable] = value;
                state
            }
            Step::Add(variable) => {
                let value = state.variables[variable];
                state.variables[variable] = value.wrapping_add(1);
                state.read(value)
            }
            Step::Exchange(variable, from, to) => {
                let value = state.variables[variable];
                if value == from {
                    state.variables[variable] = to;
                }
                state.read(value)
            }
            Step::Lock(mutex) => {
                if state.holders[mutex].is_some() {
                    state.me().status = Status::Locks(mutex);
                    return self.block(state, left);
                }
                state.holders[mutex] = Some(current);
                state
            }
            Step::TryLock(mutex, otherwise) => {
                let taken = state.holders[mutex].is_none();
                if taken {
                    state.holders[mutex] = Some(current);
                } else {
                    state.me().at = otherwise;
                }
                state.read(u8::from(taken))
            }
            Step::Unlock(mutex) => {
                state.holders[mutex] = None;
                state
            }
            Step::Wait(mutex) => {
                state.holders[mutex] = None;
                state.me().status = Status::Sleeps(mutex);
                return self.block(state, left);
            }
            Step::NotifyOne(mutex) => {
                let sleeping = (0..state.threads.len())
                    .filter(|&id| state.threads[id].status == Status::Sleeps(mutex));
                let sleeping: Vec<_> = sleeping.collect();
                for &woken in &sleeping {
                    let mut woken_one = state.clone();
                    woken_one.threads[woken].status = Status::Locks(mutex);
                    left.push(woken_one);
                }
                if !sleeping.is_empty() {
                    return;
                }
                state
            }
            Step::NotifyAll(mutex) => {
                for thread in &mut state.threads {
                    if thread.status == Status::Sleeps(mutex) {
                        thread.status = Status::Locks(mutex);
                    }
                }
                state
            }
            Step::Yield => return self.yields(state, left),
            Step::Unless(value, there) => {
                if state.me().register != value {
                    state.me().at = there;
                }
                state
            }
            Step::Spawn(other) => {
                state.threads[other].status = Status::Runs;
                state.several = true;
                state
            }
            Step::Join(other) => {
                if state.threads[other].status != Status::Ended {
                    state.me().status = Status::Joins(other);
                    return self.block(state, left);
                }
                state
            }
            Step::RaceLater => {
                state.held_back = true;
                state
            }
            Step::RaceFromHere => {
                state.held_back = false;
                state
            }
        };
        left.push(next);
    }

    fn yields(&mut self, mut state: State, left: &mut Vec<State>) {
        let current = state.current;
        let others: Vec<_> =
            state.runnable().into_iter().filter(|&other| other != current).collect();
        let Some(&first) = others.first() else { return left.push(state) };
        if !state.races() {
            return left.push(state.enter(first));
        }
        left.extend(others.into_iter().map(|other| state.clone().enter(other)));
        // To go on is free once. The next time it is an interruption of the others.
        if !state.me().ignored_yield {
            state.me().ignored_yield = true;
            left.push(state);
        } else if self.bound.is_some_and(|bound| state.used < bound) {
            state.me().ignored_yield = false;
            state.used += 1;
            left.push(state);
        }
    }
}
