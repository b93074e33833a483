//! Scenarios: the student's build and the project's own perform them, and their steps are
//! compared. The random ones are new each time, so nothing can be written for them alone.

use std::num::NonZero;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::CourseError;
use crate::judge::tell::{Parting, panicked};
use crate::judge::{Bench, Failure, Judged, process};
use crate::lesson::{Lesson, Place};

/// How many steps are shown on either side of the first that differs.
const CONTEXT: usize = 5;
/// How many random scenarios run at the same time, at most.
const MOST_WORKERS: usize = 8;
/// What stands in a list of steps before the text of a panic.
const PANIC: &str = "panic: ";

pub(super) fn gallery(
    bench: &Bench,
    lesson: &Lesson,
    places: &[Place],
    names: &[String],
    epoch: &str,
) -> Result<Judged, CourseError> {
    for name in names {
        let arguments = ["run", name, "--epoch", epoch, "--format", "steps"];
        let what = format!("scenario {name}");
        if let Some(failure) = one(bench, lesson, places, &what, &arguments)? {
            return Ok(Err(failure));
        }
    }
    Ok(Ok(format!("{} scenarios take the right steps", names.len())))
}

pub(super) fn random(
    bench: &Bench,
    lesson: &Lesson,
    places: &[Place],
    count: u64,
    epoch: &str,
) -> Result<Judged, CourseError> {
    let seeds: Vec<u32> = (0..count).map(|_| fastrand::u32(..)).collect();
    let next = AtomicUsize::new(0);
    let workers = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_WORKERS);
    // Each run is a short process, so several processors have work.
    let work = || {
        while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
            let seed = seed.to_string();
            let arguments = ["run", "--seed", &seed, "--epoch", epoch, "--format", "steps"];
            let what = format!("random scenario {seed}");
            if let Some(mut failure) = one(bench, lesson, places, &what, &arguments)? {
                next.store(seeds.len(), Ordering::Relaxed);
                failure.shown.push(format!(
                    "\"atslab run --seed {seed} --epoch {epoch} --explain\" tells what should happen."
                ));
                return Ok(Some(failure));
            }
        }
        Ok(None)
    };
    let failures: Result<Vec<Option<Failure>>, CourseError> = thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let ended = workers.into_iter().map(|worker| worker.join().expect("it does not panic"));
        ended.collect()
    });
    match failures?.into_iter().flatten().next() {
        Some(failure) => Ok(Err(failure)),
        None => Ok(Ok(format!("{count} random scenarios, new each time, take the right steps"))),
    }
}

/// Performs one scenario twice; gives the failure if the student's steps are others.
fn one(
    bench: &Bench,
    lesson: &Lesson,
    places: &[Place],
    what: &str,
    arguments: &[&str],
) -> Result<Option<Failure>, CourseError> {
    let run = |program: &Path| {
        process::run(Command::new(program).args(arguments)).map_err(CourseError::file(program))
    };
    let (right, yours) = (run(&bench.reference)?, run(&bench.built())?);
    if yours.status.is_none() {
        return Ok(Some(Failure::new(format!("The {what} does not end with your code."))));
    }
    if right.out == yours.out {
        return Ok(None);
    }
    let [theirs, yours] = [&right.out, &yours.out].map(|out| {
        // The first line names the case.
        out.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    });
    let same = theirs.iter().zip(&yours).take_while(|(left, right)| left == right).count();
    if let Some(panic) = yours.get(same).and_then(|line| line.strip_prefix(PANIC)) {
        return Ok(Some(panicked(what, Some(same), panic, places)));
    }
    let next = |steps: &[String]| steps.iter().skip(same + 1).take(CONTEXT).cloned().collect();
    let parting = Parting {
        what: what.to_owned(),
        right: "the port",
        after: same,
        before: theirs[same.saturating_sub(CONTEXT)..same].to_vec(),
        theirs: theirs.get(same).cloned(),
        theirs_next: next(&theirs),
        yours: yours.get(same).cloned(),
        yours_next: next(&yours),
    };
    Ok(Some(parting.failure(lesson)))
}
