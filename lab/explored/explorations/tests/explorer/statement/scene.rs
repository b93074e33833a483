//! A program on the explorer's types.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use explorer::sync::atomic::{AtomicU8, Ordering::SeqCst};
use explorer::sync::{Condvar, Mutex, MutexGuard, thread};
use explorer::{race_from_here, race_later, violation};

use super::program::{MUTEXES, Program, Step, VARIABLES};

/// The kind of the "violation" that tells how an execution has ended.
pub(super) const OUTCOME: &str = "outcome";

#[derive(Default)]
struct World {
    variables: [AtomicU8; VARIABLES],
    mutexes: [Mutex<()>; MUTEXES],
    conditions: [Condvar; MUTEXES],
}

pub(super) fn of(program: &Program) -> impl Fn() + Send + Sync + 'static + use<> {
    let program = Arc::new(program.clone());
    move || {
        let world = Arc::new(World::default());
        let mut logs = vec![None; program.threads.len()];
        run(&program, &world, 0, &mut logs);
        let world = Arc::into_inner(world).expect("the other threads have ended");
        let values = world.variables.map(AtomicU8::into_inner);
        let logs = logs.iter().map(|log| log.as_deref().expect("joined"));
        violation(OUTCOME, text(logs, &values));
    }
}

/// The text of an outcome: what each thread has read, and the values that are left.
pub(super) fn text<'a>(logs: impl Iterator<Item = &'a [u8]>, values: &[u8]) -> String {
    let read: Vec<_> = logs.map(|log| format!("{log:?}")).collect();
    format!("read {}, values = {values:?}", read.join(" "))
}

type Logs = Vec<Option<Vec<u8>>>;

/// Writes when it is dropped.
struct Writes<'a>(&'a AtomicU8, u8);

impl Drop for Writes<'_> {
    fn drop(&mut self) {
        self.0.store(self.1, SeqCst);
    }
}

/// Runs thread `me`, and puts what it and the threads that it has joined have read into `logs`.
fn run(program: &Arc<Program>, world: &Arc<World>, me: usize, logs: &mut Logs) {
    let mut made: Vec<Option<thread::JoinHandle<Logs>>> = Vec::new();
    made.resize_with(program.threads.len(), || None);
    let mut held: [Option<MutexGuard<'_, ()>>; MUTEXES] = Default::default();
    let (mut log, mut register, mut at) = (Vec::new(), 0, 0);
    let steps = &program.threads[me];
    while at < steps.len() {
        at += 1;
        let read = match steps[at - 1] {
            Step::Load(variable) => Some(world.variables[variable].load(SeqCst)),
            Step::Store(variable, value) => {
                world.variables[variable].store(value, SeqCst);
                None
            }
            Step::Add(variable) => Some(world.variables[variable].fetch_add(1, SeqCst)),
            Step::Exchange(variable, from, to) => {
                let result = world.variables[variable].compare_exchange(from, to, SeqCst, SeqCst);
                Some(match result {
                    Ok(before) | Err(before) => before,
                })
            }
            Step::Lock(mutex) => {
                let guard = world.mutexes[mutex].lock();
                held[mutex] = Some(guard);
                None
            }
            Step::TryLock(mutex, otherwise) => {
                // A thread that holds it misses, too.
                let guard = world.mutexes[mutex].try_lock();
                let taken = guard.is_some();
                match guard {
                    Some(guard) => held[mutex] = Some(guard),
                    None => at = otherwise,
                }
                Some(u8::from(taken))
            }
            Step::Unlock(mutex) => {
                drop(held[mutex].take());
                None
            }
            Step::Wait(mutex) => {
                let guard = held[mutex].as_mut().expect("held");
                world.conditions[mutex].wait(guard);
                None
            }
            Step::NotifyOne(mutex) => {
                world.conditions[mutex].notify_one();
                None
            }
            Step::NotifyAll(mutex) => {
                world.conditions[mutex].notify_all();
                None
            }
            Step::Yield => {
                thread::yield_now();
                None
            }
            Step::Unless(value, there) => {
                if register != value {
                    at = there;
                }
                None
            }
            Step::StoreUnwinding(variable, value) => {
                let caught = catch_unwind(AssertUnwindSafe(|| {
                    let _writes = Writes(&world.variables[variable], value);
                    panic!("caught");
                }));
                // The execution may have ended meanwhile.
                if let Err(payload) = caught
                    && !payload.is::<&str>()
                {
                    std::panic::resume_unwind(payload);
                }
                None
            }
            Step::Spawn(other) => {
                let (program, world) = (Arc::clone(program), Arc::clone(world));
                made[other] = Some(thread::spawn(move || {
                    let mut logs = vec![None; program.threads.len()];
                    run(&program, &world, other, &mut logs);
                    logs
                }));
                None
            }
            Step::Join(other) => {
                let its = made[other].take().expect("made").join().expect("no panic");
                for (log, its) in logs.iter_mut().zip(its) {
                    *log = log.take().or(its);
                }
                None
            }
            Step::RaceLater => {
                race_later();
                None
            }
            Step::RaceFromHere => {
                race_from_here();
                None
            }
        };
        if let Some(value) = read {
            register = value;
            log.push(value);
        }
    }
    logs[me] = Some(log);
}
