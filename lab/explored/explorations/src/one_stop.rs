//! [`OneStop`]: every schedule in which one of two threads is stopped once.
//!
//! A random schedule seldom stops a thread between two given steps and lets the other
//! one run for long. This scheduler stops a thread at each of its steps in turn: the thread runs
//! alone up to its first step, its second, its third …; there the other one runs as far as it can,
//! and then the first goes on.

use shuttle::scheduler::{Schedule, Scheduler, Task, TaskId};

/// How many steps the other thread takes at most while the first is stopped: enough for every
/// scene, and a limit for a scene in which it tries a lock of the stopped thread for ever.
const LONGEST_STOP: usize = 20_000;

/// The scheduler; see the head of this module.
#[derive(Debug)]
pub struct OneStop {
    /// The thread that is stopped: 0 the main thread, 1 the one that it has spawned.
    thread: usize,
    /// The step at which it is stopped in this execution, counted from where both can
    /// run; `None` before the first execution.
    at: Option<usize>,
    /// Its steps so far.
    steps: usize,
    /// The steps of the other thread since it was stopped; `None` before.
    stopped_for: Option<usize>,
}

impl OneStop {
    /// Stops this thread.
    #[must_use]
    pub fn of(thread: usize) -> OneStop {
        OneStop { thread, at: None, steps: 0, stopped_for: None }
    }
}

impl Scheduler for OneStop {
    fn new_execution(&mut self) -> Option<Schedule> {
        // If an execution ended before that step, it was the last one.
        let was_stopped = self.stopped_for.take().is_some();
        let goes_on = self.at.is_none() || was_stopped;
        self.at = Some(self.at.map_or(0, |at| at + 1));
        self.steps = 0;
        goes_on.then(|| Schedule::new(0))
    }

    fn next_task(&mut self, runnable: &[&Task], _: Option<TaskId>, _: bool) -> Option<TaskId> {
        let is_the_one = |task: &&&Task| usize::from(task.id()) == self.thread;
        let the_one = runnable.iter().find(is_the_one);
        let other = runnable.iter().find(|task| !is_the_one(task));
        let (Some(the_one), Some(other)) = (the_one, other) else {
            return the_one.or(other).map(|task| task.id());
        };
        if Some(self.steps) == self.at && self.stopped_for.is_none() {
            self.stopped_for = Some(0);
        }
        match &mut self.stopped_for {
            Some(steps) if *steps < LONGEST_STOP => {
                *steps += 1;
                Some(other.id())
            }
            _ => {
                self.steps += 1;
                Some(the_one.id())
            }
        }
    }

    fn next_u64(&mut self) -> u64 {
        unreachable!("a scene whose schedules are all gone through draws no random number")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::OneStop;
    use crate::explore;

    /// The main thread has two steps and the other one has one: if the main thread is stopped, the
    /// other step comes at each place; if the other thread is stopped, its step comes before both
    /// or behind both.
    #[test]
    fn every_stop_is_gone_through() {
        let orders_if_stopped = |thread| {
            explore(OneStop::of(thread), || {
                let order = Arc::new(Mutex::new(Vec::new()));
                let step = {
                    let order = Arc::clone(&order);
                    move |name| {
                        shuttle::thread::yield_now();
                        order.lock().unwrap().push(name);
                    }
                };
                let other = shuttle::thread::spawn({
                    let step = step.clone();
                    move || step("other")
                });
                step("main");
                step("main");
                other.join().unwrap();
                order.lock().unwrap().join(" ")
            })
        };
        let at_each_place = ["main main other", "main other main", "other main main"];
        assert_eq!(orders_if_stopped(0), at_each_place);
        assert_eq!(orders_if_stopped(1), ["main main other", "other main main"]);
    }
}
