//! Recorded scenarios of the real node, which the student's build plays.

use std::process::Command;

use crate::CourseError;
use crate::judge::{Bench, Failure, Judged, process, tell};
use crate::lesson::Place;

/// How many lines of the report a student sees.
const SHOWN: usize = 24;

pub(super) fn judge(
    bench: &Bench,
    places: &[Place],
    files: &[String],
) -> Result<Judged, CourseError> {
    let built = bench.built();
    for file in files {
        let mut command = Command::new(&built);
        command.args(["node", "--check"]).arg(bench.folder.checkout.join(file));
        let ended = process::run(&mut command).map_err(CourseError::file(&built))?;
        if ended.status.is_some_and(|status| status.success()) {
            continue;
        }
        if let Some(sentence) = tell::not_written(&ended.out, places, "A scenario of node") {
            return Ok(Err(Failure::new(sentence)));
        }
        return Ok(Err(Failure {
            sentence: format!("In {file} your code does something else than node did."),
            shown: ended.out.lines().take(SHOWN).map(str::to_owned).collect(),
            question: None,
        }));
    }
    Ok(Ok(format!("{} files of recorded scenarios are the same", files.len())))
}
