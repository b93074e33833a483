//! Schedules that the student has found. The project's own port runs them.
//!
//! The file has a table for each race: the schedule, and the object at which the threads meet.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde::Deserialize;

use crate::CourseError;
use crate::judge::explore::{interleaving, violation};
use crate::judge::{Bench, Failure, process};
use crate::lesson::{Lesson, Prey};

/// The points for a schedule with as few interruptions as possible, and for any other one.
const FEWEST: u32 = 2;
const MORE: u32 = 1;

/// What the student has found for a race.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Found {
    #[serde(default)]
    schedule: String,
    #[serde(default)]
    object: String,
}

/// The points of a hunt in which every schedule has the fewest interruptions.
pub(super) fn most_points(prey: &[Prey]) -> u32 {
    prey.iter().map(|_| FEWEST).sum()
}

/// Why the work holds, and how many points it gets.
pub(super) fn judge(
    bench: &Bench,
    lesson: &Lesson,
    file: &str,
    prey: &[Prey],
) -> Result<Result<(String, u32), Failure>, CourseError> {
    let path = bench.folder.files(lesson).join(file);
    let text = fs::read_to_string(&path).map_err(CourseError::file(&path))?;
    let all: BTreeMap<String, Found> = match toml::from_str(&text) {
        Ok(all) => all,
        Err(error) => {
            let fault = error.message().trim_end().replace('\n', "; ");
            return Ok(Err(Failure::new(format!("{file} cannot be read: {fault}."))));
        }
    };
    let (mut points, mut told) = (0, Vec::new());
    for race in prey {
        let none = Found::default();
        let found = all.get(&race.race).unwrap_or(&none);
        match one(bench, file, race, found)? {
            Ok((interruptions, its)) => {
                points += its;
                told.push(format!("{} with {}", race.race, counted(interruptions)));
            }
            Err(failure) => return Ok(Err(failure)),
        }
    }
    Ok(Ok((told.join("; "), points)))
}

/// Runs the schedule; gives the number of its interruptions, and the points.
fn one(
    bench: &Bench,
    file: &str,
    prey: &Prey,
    found: &Found,
) -> Result<Result<(u32, u32), Failure>, CourseError> {
    let race = &prey.race;
    let schedule = bare(&found.schedule);
    if schedule.is_empty() {
        let sentence = format!("Not written yet: the schedule for {race} in {file}.");
        return Ok(Err(Failure::new(sentence)));
    }
    let program = &bench.reference;
    let run = |format: &str| {
        let mut command = Command::new(program);
        command.args(["explore", race, "--schedule", schedule, "--format", format]);
        process::run(&mut command).map_err(CourseError::file(program))
    };
    let Some(run_once) = interleaving(&run("json")?.out) else {
        let sentence = format!(
            "\"{schedule}\" is no schedule of {race}: \"atslab explore {race} --schedule {schedule}\" \
             says why."
        );
        return Ok(Err(Failure::new(sentence)));
    };
    let came = violation(&run_once);
    if !came.as_ref().is_some_and(|came| came.contains(&prey.violation)) {
        let came = came.unwrap_or_else(|| "nothing".to_owned());
        let out = run("text")?.out;
        let columns = out.lines().skip_while(|line| !line.starts_with("T1 "));
        return Ok(Err(Failure {
            sentence: format!(
                "Your schedule for {race} must lead to \"{}\"; it leads to {came}.",
                prey.violation
            ),
            shown: columns.map(str::to_owned).collect(),
            question: Some(
                "Which thread must stand still, and after which line, so that the other one finds \
                 what it must not find?"
                    .to_owned(),
            ),
        }));
    }
    if found.object.trim() != prey.object {
        let named = match found.object.trim() {
            "" => format!("Your schedule for {race} leads to it; now name the object in {file}."),
            other => {
                format!("Your schedule for {race} leads to it, but the object is not {other}.")
            }
        };
        return Ok(Err(Failure { question: Some(prey.ask.clone()), ..Failure::new(named) }));
    }
    let used = run_once["interruptions"].as_u64().unwrap_or(0);
    let used = u32::try_from(used).unwrap_or(u32::MAX);
    Ok(Ok((used, if used <= prey.interruptions { FEWEST } else { MORE })))
}

/// The schedule without the word of the build that has printed it: a teacher may have another one.
fn bare(schedule: &str) -> &str {
    let schedule = schedule.trim();
    schedule.split_once(':').map_or(schedule, |(_, bare)| bare)
}

fn counted(interruptions: u32) -> String {
    match interruptions {
        0 => "no interruption".to_owned(),
        1 => "1 interruption".to_owned(),
        many => format!("{many} interruptions"),
    }
}
