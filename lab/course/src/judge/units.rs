//! Tests of a package. Their names are sentences, and so is what the student reads.

use std::process::Command;

use crate::CourseError;
use crate::judge::{Bench, Failure, Judged, build, process, tell};
use crate::lesson::Place;

/// The end of the name of a package that has the tests of a crate from outside.
const OUTSIDE: &str = "-tests";

pub(super) fn judge(
    bench: &Bench,
    places: &[Place],
    package: &str,
    target: &str,
    filter: &[String],
) -> Result<Judged, CourseError> {
    let executable = match build::test(bench, places, package, target)? {
        Ok(executable) => executable,
        Err(failure) => return Ok(Err(failure)),
    };
    let tested = tested(package);
    let mut command = Command::new(&executable);
    command.args(filter).current_dir(bench.workspace().join(folder_of(package)));
    let patience = match tell::has_a_stub(bench, places) {
        Some(_) => process::LITTLE_PATIENCE,
        None => process::PATIENCE,
    };
    let ended = process::run_for(&mut command, patience).map_err(CourseError::file(&executable))?;
    let Some(status) = ended.status else {
        // A thread that waits for what a hole would have done waits for ever.
        if let Some(unwritten) = tell::has_a_stub(bench, places) {
            return Ok(Err(unwritten));
        }
        return Ok(Err(Failure {
            sentence: format!(
                "The tests of {tested} do not end: a lock is never given back, a thread is never woken, or a loop goes on for ever."
            ),
            shown: unfinished(&ended.out),
            question: None,
        }));
    };
    let passed = ended.out.matches(" ... ok").count();
    if status.success() && passed > 0 {
        return Ok(Ok(format!("{passed} tests of {tested} pass")));
    }
    let failure = failed(&ended.out, places);
    // A panic in a place that may not panic ends the process before it is told. If a hole still
    // has its stub, that was it.
    let aborts = !ended.out.contains("\nfailures:\n");
    let unwritten = if aborts { tell::has_a_stub(bench, places) } else { None };
    Ok(Err(unwritten.unwrap_or(failure)))
}

fn folder_of(package: &str) -> String {
    match package {
        "testkit" => format!("lab/{package}"),
        "explorations" => "lab/explored/explorations".to_owned(),
        "conformance" => "tests".to_owned(),
        _ => match package.strip_suffix(OUTSIDE) {
            Some(tested) => format!("{tested}/tests"),
            None => package.to_owned(),
        },
    }
}

/// The crate that the tests of `package` are about.
#[must_use]
pub fn tested(package: &str) -> &str {
    package.strip_suffix(OUTSIDE).unwrap_or(package)
}

/// The first test that fails, with its message.
fn failed(out: &str, places: &[Place]) -> Failure {
    let Some((_, failures)) = out.split_once("\nfailures:\n") else {
        return Failure {
            sentence: "The tests end before the last one: your code aborts the process.".to_owned(),
            shown: unfinished(out),
            question: None,
        };
    };
    let count = out.matches(" ... FAILED").count();
    let mut blocks = failures.split("---- ").skip(1);
    let (name, message) = blocks
        .next()
        .and_then(|block| block.split_once(" stdout ----\n"))
        .unwrap_or(("", failures));
    let message = message_of(message);
    if let Some(sentence) = tell::not_written(&message, places, "A test") {
        return Failure::new(sentence);
    }
    let others = match count {
        0 | 1 => String::new(),
        2 => " (1 more fails, too)".to_owned(),
        count => format!(" ({} more fail, too)", count - 1),
    };
    Failure {
        sentence: format!("This does not hold: {}{others}.", sentence_of(name)),
        shown: message.lines().take(12).map(str::to_owned).collect(),
        question: None,
    }
}

/// The message of the first panic, without the line that names the thread and the note about
/// backtraces.
fn message_of(block: &str) -> String {
    let after = block.split_once("panicked at ").map_or(block, |(_, after)| after);
    let (_, after) = after.split_once('\n').unwrap_or(("", after));
    let lines = after.lines().take_while(|line| {
        !line.starts_with("note: ") && !line.starts_with("thread '") && *line != "failures:"
    });
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// `tests::a_timer_fires` as `a timer fires`.
fn sentence_of(test: &str) -> String {
    test.rsplit("::").next().unwrap_or(test).replace('_', " ")
}

/// The tests that had begun when the program was killed. The name of each stands before its end.
fn unfinished(out: &str) -> Vec<String> {
    let ended = |line: &&str| line.starts_with("test ") && line.contains(" ... ");
    let count = out.lines().filter(ended).count();
    vec![format!("{count} tests had ended by then.")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_is_told_as_a_sentence() {
        let out = "\
running 2 tests
test tests::a_timer_fires_once ... FAILED
test tests::b ... FAILED

failures:

---- tests::a_timer_fires_once stdout ----

thread 'tests::a_timer_fires_once' (77) panicked at eventsys/src/x.rs:3:5:
assertion `left == right` failed
  left: 1
 right: 2
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace

---- tests::b stdout ----

failures:
    tests::a_timer_fires_once
";
        let failure = failed(out, &[]);
        assert_eq!(failure.sentence, "This does not hold: a timer fires once (1 more fails, too).");
        assert_eq!(failure.shown, ["assertion `left == right` failed", "  left: 1", " right: 2"]);
    }
}
