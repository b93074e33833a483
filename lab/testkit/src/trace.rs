//! [`Trace`]: what happened in a laboratory, in order.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use eventsys::steps::{Step, StepSink};
use eventsys::{Clock, HrTime, hrtime};

use crate::threads::on_foreign_thread;

/// One entry of a trace.
enum Entry {
    /// The port has taken a step.
    Step(Step),
    /// An agent has been called back, or has written a line.
    Agent(String),
    /// An actor has noted something.
    Note(&'static str),
}

impl Entry {
    fn text(self) -> String {
        match self {
            Entry::Step(step) => step.to_string(),
            Entry::Agent(text) => text,
            Entry::Note(text) => text.to_owned(),
        }
    }
}

/// What a foreign thread does when a step with this text comes.
type Hook = (&'static str, Box<dyn FnOnce() + Send>);

/// The steps of the port, the callbacks of agents and the notes of actors, each with
/// its time. A [`Lab`](crate::Lab) has one; tests look at it through the laboratory.
pub struct Trace {
    clock: Arc<Clock>,
    start: HrTime,
    entries: Mutex<Vec<(HrTime, Entry)>>,
    hooks: Mutex<Vec<Hook>>,
}

impl StepSink for Trace {
    fn step(&self, step: Step) {
        let hook = {
            let mut hooks = locked(&self.hooks);
            let text = (!hooks.is_empty()).then(|| step.to_string());
            let at = hooks.iter().position(|hook| Some(hook.0) == text.as_deref());
            at.map(|at| hooks.remove(at).1)
        };
        locked(&self.entries).push((step.at, Entry::Step(step)));
        if let Some(hook) = hook {
            on_foreign_thread(hook);
        }
    }
}

impl Trace {
    /// An empty trace that begins now.
    #[must_use]
    pub fn new(clock: &Arc<Clock>) -> Arc<Trace> {
        let (clock, start) = (Arc::clone(clock), clock.get_hrtime_updated());
        Arc::new(Trace { clock, start, entries: Mutex::default(), hooks: Mutex::default() })
    }

    /// Adds a note, with a new reading of the clock.
    pub fn note(&self, what: &'static str) {
        self.push(self.clock.get_hrtime_updated(), Entry::Note(what));
    }

    /// Adds an agent's line, with the time of the clock as it was last read.
    pub(crate) fn agent(&self, text: String) {
        self.push(self.clock.get_hrtime(), Entry::Agent(text));
    }

    /// Has a foreign thread run `hook` at the next step with this text.
    pub(crate) fn at_step(&self, step: &'static str, hook: Box<dyn FnOnce() + Send>) {
        locked(&self.hooks).push((step, hook));
    }

    /// The time at which the trace began.
    pub(crate) fn start(&self) -> HrTime {
        self.start
    }

    /// Microseconds since the trace began, by a new reading of the clock.
    #[must_use]
    pub fn now_us(&self) -> i64 {
        (self.clock.get_hrtime_updated() - self.start) / hrtime::useconds(1)
    }

    /// Takes everything out: time in microseconds since the start, and text.
    #[must_use]
    pub fn take(&self) -> Vec<(i64, String)> {
        self.take_entries().map(|(us, entry)| (us, entry.text())).collect()
    }

    /// Takes everything out, and returns what the agents were called back with.
    #[must_use]
    pub fn take_callbacks(&self) -> Vec<String> {
        let callback = |(_, entry)| match entry {
            Entry::Agent(text) => Some(text),
            Entry::Step(_) | Entry::Note(_) => None,
        };
        self.take_entries().filter_map(callback).collect()
    }

    /// Takes everything out, and returns the notes: time in microseconds since the
    /// start, and text.
    #[must_use]
    pub fn take_notes(&self) -> Vec<(i64, &'static str)> {
        let note = |(us, entry)| match entry {
            Entry::Note(text) => Some((us, text)),
            Entry::Step(_) | Entry::Agent(_) => None,
        };
        self.take_entries().filter_map(note).collect()
    }

    fn take_entries(&self) -> impl Iterator<Item = (i64, Entry)> {
        let entries = std::mem::take(&mut *locked(&self.entries));
        let start = self.start;
        entries.into_iter().map(move |(at, entry)| ((at - start) / hrtime::useconds(1), entry))
    }

    fn push(&self, at: HrTime, entry: Entry) {
        locked(&self.entries).push((at, entry));
    }
}

/// Asserts that `found` is `expected`, a line each. White space around a line of
/// `expected` and empty lines do not count.
///
/// # Panics
/// If they differ: with the first line that does, and with all of `found`.
#[track_caller]
pub fn same_lines(found: &[String], expected: &str) {
    let expected: Vec<&str> =
        expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if found != expected {
        let differs = |&i: &usize| found.get(i).map(|line| &**line) != expected.get(i).copied();
        let at = (0..).find(differs).unwrap_or(0);
        panic!(
            "the traces differ in line {}: found {:?}, expected {:?}\nfound:\n{}\nend",
            at + 1,
            found.get(at),
            expected.get(at),
            found.join("\n")
        );
    }
}

/// A panic elsewhere in the test does not damage the trace.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
