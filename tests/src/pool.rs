//! The one pool of worker threads: jobs for several threads.
//!
//! ```
//! use std::ops::ControlFlow;
//!
//! use conformance::pool;
//!
//! let mut sum = 0;
//! let workers = vec![(); pool::size(None, 100)];
//! pool::run(1..=100, workers, |(), job: u32| job, |result| {
//!     sum += result;
//!     ControlFlow::Continue(())
//! });
//! assert_eq!(sum, 5050);
//! ```

use std::num::NonZero;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// How many workers there are: as many as asked for, or one for each processor, but no
/// more than there are jobs.
#[must_use]
pub fn size(asked: Option<NonZero<usize>>, jobs: usize) -> usize {
    let workers = asked.or_else(|| thread::available_parallelism().ok());
    workers.map_or(1, NonZero::get).min(jobs.max(1))
}

/// Each worker takes job after job, on a thread of its own. `done` gets each result, on
/// the calling thread, in the order in which they come; when it breaks, no further job
/// begins.
///
/// # Panics
/// If a worker panics.
pub fn run<J: Send, W: Send, R: Send>(
    jobs: impl Iterator<Item = J> + Send,
    workers: Vec<W>,
    work: impl Fn(&mut W, J) -> R + Sync,
    mut done: impl FnMut(R) -> ControlFlow<()>,
) {
    let jobs = Mutex::new(jobs);
    let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).next();
    thread::scope(|scope| {
        // No result is queued: a worker keeps its result until the caller takes it.
        let (sender, receiver) = crossbeam_channel::bounded(0);
        for mut worker in workers {
            let (sender, next, work) = (sender.clone(), &next, &work);
            scope.spawn(move || {
                while let Some(job) = next() {
                    // The receiver has gone when `done` has broken.
                    if sender.send(work(&mut worker, job)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let _: ControlFlow<()> = receiver.into_iter().try_for_each(&mut done);
    });
}

/// As [`run`], for work that may fail: the first error of `work` or `done` ends it.
///
/// # Errors
/// That error.
///
/// # Panics
/// If a worker panics.
pub fn try_run<J: Send, W: Send, R: Send, F: Send, E: From<F>>(
    jobs: impl Iterator<Item = J> + Send,
    workers: Vec<W>,
    work: impl Fn(&mut W, J) -> Result<R, F> + Sync,
    mut done: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let mut result = Ok(());
    run(jobs, workers, work, |one| {
        result = one.map_err(E::from).and_then(&mut done);
        if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_is_done_once_and_none_after_a_break() {
        let mut results = Vec::new();
        let twice = |_: &mut (), job: u32| 2 * job;
        run(0..1000, vec![(); 3], twice, |result| {
            results.push(result);
            ControlFlow::Continue(())
        });
        results.sort_unstable();
        assert_eq!(results, (0..1000).map(|job| 2 * job).collect::<Vec<_>>());

        let mut heard = 0;
        run(0.., vec![(); 3], twice, |_| {
            heard += 1;
            if heard == 10 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!(heard, 10, "the jobs have no end, and all threads have ended");
    }

    #[test]
    fn the_first_error_of_either_side_ends_it() {
        let odd = |_: &mut (), job: u32| if job < 5 { Ok(job) } else { Err("work") };
        let mut heard = Vec::new();
        let told: Result<(), &str> = try_run(0.., vec![()], odd, |job| {
            heard.push(job);
            Ok(())
        });
        assert_eq!((told, heard), (Err("work"), vec![0, 1, 2, 3, 4]));
        let told = try_run(0.., vec![()], odd, |job| if job < 2 { Ok(()) } else { Err("done") });
        assert_eq!(told, Err("done"));
        assert_eq!(try_run(0..5, vec![(); 2], odd, |_| Ok::<(), &str>(())), Ok(()));
    }

    #[test]
    fn there_are_no_more_workers_than_jobs_and_at_least_one() {
        assert_eq!(size(NonZero::new(8), 3), 3);
        assert_eq!(size(NonZero::new(2), 3), 2);
        assert_eq!(size(NonZero::new(2), 0), 1);
    }
}
