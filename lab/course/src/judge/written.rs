//! A scenario that the student has written. The project's own port runs it.

use std::process::Command;

use crate::CourseError;
use crate::judge::{Bench, Failure, Judged, process};
use crate::lesson::Lesson;

pub(super) fn judge(
    bench: &Bench,
    lesson: &Lesson,
    file: &str,
    epochs: &[String],
    shows: &[String],
    never: &[String],
) -> Result<Judged, CourseError> {
    let path = bench.folder.files(lesson).join(file);
    for epoch in epochs {
        let mut command = Command::new(&bench.reference);
        command.arg("run").arg(&path).args(["--epoch", epoch, "--format", "steps"]);
        let ended = process::run(&mut command).map_err(CourseError::file(&bench.reference))?;
        // The first line names the case.
        let steps: Vec<&str> = ended.out.lines().skip(1).collect();
        if steps.is_empty() {
            return Ok(Err(Failure::new(format!(
                "{file} cannot be read as a scenario: \"atslab run\" with this file says why."
            ))));
        }
        if let Some(failure) = fault(file, epoch, &steps, shows, never) {
            return Ok(Err(failure));
        }
    }
    Ok(Ok(format!("{file} does it in the epochs {}", epochs.join(", "))))
}

fn fault(
    file: &str,
    epoch: &str,
    steps: &[&str],
    shows: &[String],
    never: &[String],
) -> Option<Failure> {
    let shown = || steps.iter().map(|step| format!("  {step}")).collect();
    let fails = |sentence| Some(Failure { sentence, shown: shown(), question: None });
    let mut rest = steps.iter();
    for wanted in shows {
        if !rest.any(|step| step.starts_with(wanted.as_str())) {
            return fails(format!("In epoch {epoch}, {file} does not come to \"{wanted}\":"));
        }
    }
    let banned = never.iter().find(|banned| steps.iter().any(|step| step.starts_with(*banned)));
    fails(format!("In epoch {epoch}, {file} takes \"{}\", which it must not:", banned?))
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn steps_must_come_in_order_and_some_not_at_all() {
        let told = |steps: &[&str]| {
            let lists = ["A x", "P y"].map(str::to_owned);
            fault("f", "C", steps, &lists, &["P z".to_owned()]).map(|failure| failure.sentence)
        };
        assert_eq!(told(&["A x 1", "A w", "P y"]), None);
        let late = told(&["P y", "A x"]);
        assert_eq!(late.as_deref(), Some("In epoch C, f does not come to \"P y\":"));
        let banned = told(&["A x", "P y", "P z 3"]);
        assert_eq!(banned.as_deref(), Some("In epoch C, f takes \"P z\", which it must not:"));
    }
}
