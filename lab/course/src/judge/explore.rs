//! Races: the student's build explores its own twin under the schedule explorer. The copy of the
//! workspace has the twins in `lab/explored`, and these take the student's sources.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::CourseError;
use crate::judge::tell;
use crate::judge::{Bench, Failure, Judged, process};
use crate::lesson::{Lesson, Place};

/// What is explored.
pub(super) struct What<'a> {
    pub(super) race: &'a str,
    pub(super) epoch: &'a str,
    pub(super) bound: Option<u32>,
    pub(super) correct: &'a [String],
}

pub(super) fn judge(
    bench: &Bench,
    lesson: &Lesson,
    places: &[Place],
    what: &What<'_>,
    finds: Option<&str>,
) -> Result<Judged, CourseError> {
    let built = bench.built();
    let mut command = what.command(&built);
    if let Some(bound) = what.bound {
        command.args(["--bound", &bound.to_string()]);
    }
    let race = what.named();
    let ended = process::run(command.args(["--format", "json"]));
    let ended = ended.map_err(CourseError::file(&built))?;
    let Some(found) = interleaving(&ended.out) else {
        return Ok(Err(Failure::new(match ended.status {
            None => format!("The exploration of {race} does not end with your code."),
            Some(_) => format!("With your code the exploration of {race} ends too early."),
        })));
    };
    let violation = violation(&found);
    let schedules = schedules(&found);
    match (violation, finds) {
        (None, None) => Ok(Ok(format!("{race}: {schedules}, and none violates anything"))),
        (Some(violation), Some(finds)) if violation.contains(finds) => {
            Ok(Ok(format!("{race}: the release's own bug is found: {violation}")))
        }
        (None, Some(finds)) => Ok(Err(Failure::new(format!(
            "The release has a bug here, and your code does not have it: in {race} no schedule leads \
             to \"{finds}\"."
        )))),
        (Some(violation), _) => {
            if let Some(sentence) = tell::not_written(&violation, places, &capitalized(&race)) {
                return Ok(Err(Failure::new(sentence)));
            }
            let columns = columns(&built, what, &found)?;
            Ok(Err(failure(lesson, &race, &violation, &found, columns)))
        }
    }
}

impl What<'_> {
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.args(["explore", self.race, "--epoch", self.epoch]);
        self.correct.iter().for_each(|name| {
            command.args(["--correct", name]);
        });
        command
    }

    /// `the race deadlock-over-m2, epoch C`.
    fn named(&self) -> String {
        let Self { race, epoch, .. } = self;
        match self.correct {
            [] => format!("the race {race}, epoch {epoch}"),
            names => format!("the race {race}, epoch {epoch}, with {}", names.join(", ")),
        }
    }
}

/// The first line of what `atslab explore --format json` prints.
pub(super) fn interleaving(out: &str) -> Option<Value> {
    serde_json::from_str(out.lines().next()?).ok()
}

/// The violation: kind and text.
pub(super) fn violation(found: &Value) -> Option<String> {
    let part = |name| found["violation"][name].as_str();
    Some(format!("{}: {}", part("kind")?, part("text")?))
}

fn schedules(found: &Value) -> String {
    let sweeps = found["report"]["sweeps"].as_array();
    let Some(last) = sweeps.and_then(|sweeps| sweeps.last()) else { return String::new() };
    let bound = last["bound"].as_u64().unwrap_or(0);
    format!("{} schedules with at most {bound} interruptions", last["schedules"])
}

fn failure(
    lesson: &Lesson,
    race: &str,
    violation: &str,
    found: &Value,
    mut shown: Vec<String>,
) -> Failure {
    let cost = match found["interruptions"].as_u64() {
        Some(0) => "without any interruption".to_owned(),
        Some(1) => "after one interruption".to_owned(),
        other => format!("after {} interruptions", other.unwrap_or(0)),
    };
    let mut sentence = format!("In {race}, your code comes {cost} to this: {violation}.");
    if let Some(meaning) = tell::meaning_of(violation) {
        sentence = format!("{sentence} {meaning}");
    }
    if let Some(belief) = Belief::of(found) {
        shown.extend([String::new(), belief.told()]);
    }
    let question = lesson.question_about(violation).map(str::to_owned);
    Failure { sentence, shown, question }
}

/// The columns of the schedule that was found, as `atslab explore` draws them.
fn columns(built: &Path, what: &What<'_>, found: &Value) -> Result<Vec<String>, CourseError> {
    let schedule = found["schedule"].as_str().unwrap_or_default();
    let mut command = what.command(built);
    let ended = process::run(command.args(["--schedule", schedule]));
    let ended = ended.map_err(CourseError::file(built))?;
    // Above them stand the violation and the way to see it again; below, what is left out.
    let is_column = |line: &&str| line.starts_with("T1 ");
    let lines = ended.out.lines().skip_while(|line| !is_column(line));
    let lines = lines.take_while(|line| !line.ends_with(" are left out"));
    Ok(lines.map(str::to_owned).collect())
}

/// What the interrupted thread had looked at, and what became of it.
struct Belief {
    thread: String,
    /// `P.read.shutdown`.
    object: String,
    value: String,
    place: String,
    other: String,
    becomes: String,
    others_place: String,
}

impl Belief {
    /// The last look before an interruption at something that another thread has changed then.
    fn of(found: &Value) -> Option<Belief> {
        let rows = found["rows"].as_array()?;
        let segments = found["segments"].as_array()?;
        let is_cut = |index: u64| {
            let segment = usize::try_from(index).ok().and_then(|index| segments.get(index));
            segment.is_some_and(|segment| segment["preempted"] == true)
        };
        let looks = rows.iter().enumerate().rev().filter(|(_, row)| {
            row["op"] == "load"
                && row["segment"].as_u64().is_some_and(is_cut)
                && row["object"].as_str().is_some_and(|object| object.contains('.'))
        });
        let mut pairs = looks.filter_map(|(at, look)| {
            let change = rows[at..].iter().find(|row| {
                row["object"] == look["object"]
                    && row["task"] != look["task"]
                    && row["after"] != row["before"]
                    && (row["op"] == "store" || row["op"] == "update")
            })?;
            Some((look, change))
        });
        let (look, change) = pairs.next()?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let thread = |row: &Value| {
            let task = row["task"].as_u64().and_then(|task| usize::try_from(task).ok());
            task.map_or(String::new(), |task| text(&found["threads"][task]))
        };
        Some(Belief {
            thread: thread(look),
            object: text(&look["object"]),
            value: text(&look["after"]),
            place: text(&look["src"]),
            other: thread(change),
            becomes: text(&change["after"]),
            others_place: text(&change["src"]),
        })
    }

    fn told(&self) -> String {
        let Belief { thread, object, place, other, others_place, .. } = self;
        // An event is a number that says nothing; that there is one says much.
        let said = |value: &str| match (value, object.ends_with("_event")) {
            ("0", true) => "empty".to_owned(),
            (_, true) => "an event".to_owned(),
            (value, false) => value.to_owned(),
        };
        format!(
            "What was believed: at {place} the thread \"{thread}\" saw that {object} is {}. Then \
             \"{other}\" made it {} ({others_place}), and \"{thread}\" acted on what it had seen.",
            said(&self.value),
            said(&self.becomes),
        )
    }
}

/// With a great first letter, for the beginning of a sentence.
fn capitalized(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or(String::new(), |first| first.to_uppercase().chain(rest).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_look_before_an_interruption_at_what_another_thread_changes_is_a_belief() {
        let row = |task, segment, op, after: &str| {
            let before = if op == "store" { "false" } else { after };
            json!({
                "task": task, "segment": segment, "op": op, "object": "P.read.shutdown",
                "before": before, "after": after, "src": format!("c.rs:{segment}"),
            })
        };
        let mut found = json!({
            "threads": ["event thread", "reader"],
            "segments": [{ "preempted": true }, { "preempted": false }],
            "rows": [row(0, 0, "load", "false"), row(1, 1, "store", "true")],
        });
        assert_eq!(
            Belief::of(&found).unwrap().told(),
            "What was believed: at c.rs:0 the thread \"event thread\" saw that P.read.shutdown is \
             false. Then \"reader\" made it true (c.rs:1), and \"event thread\" acted on what it \
             had seen."
        );
        found["segments"][0]["preempted"] = json!(false);
        assert!(Belief::of(&found).is_none(), "no thread was interrupted");
    }
}
