//! Rooms of the museum: what the student wrote must not have the defect of a room. The student's
//! code has no place at which the room could put its defect back, so only the mended half counts.

use std::process::Command;

use serde_json::Value;

use crate::CourseError;
use crate::judge::{Bench, Failure, Judged, process, tell};
use crate::lesson::{Lesson, Place};

/// So many random schedules of each kind come after the exhaustive ones.
const RANDOM: &str = "100";
/// The surprises of the half that counts begin like this.
const MENDED: &str = "mended (";

pub(super) fn judge(
    bench: &Bench,
    lesson: &Lesson,
    places: &[Place],
    rooms: &[String],
) -> Result<Judged, CourseError> {
    let built = bench.built();
    for room in rooms {
        let mut command = Command::new(&built);
        command.args(["museum", room, "--schedules", RANDOM, "--format", "json"]);
        let ended = process::run(&mut command).map_err(CourseError::file(&built))?;
        let told: Value = serde_json::from_str(&ended.out).unwrap_or_default();
        let Some(visit) = told["rooms"].get(0) else {
            let sentence = format!("With your code the museum's room {room} does not end.");
            return Ok(Err(Failure::new(sentence)));
        };
        let surprises = visit["surprises"].as_array().into_iter().flatten();
        let mut mended = surprises.filter_map(Value::as_str);
        let Some(surprise) = mended.find_map(|surprise| surprise.strip_prefix(MENDED)) else {
            continue;
        };
        let what = format!("The museum's room {room}");
        if let Some(sentence) = tell::not_written(surprise, places, &what) {
            return Ok(Err(Failure::new(sentence)));
        }
        // `--epoch C): use after free: …`
        let violation = surprise.split_once("): ").map_or(surprise, |(_, violation)| violation);
        let title = visit["title"].as_str().unwrap_or_default();
        return Ok(Err(Failure {
            sentence: format!(
                "{what} (\"{title}\") shows a defect that a release had, and your code has it: \
                 {violation}."
            ),
            shown: vec![format!("\"atslab museum {room}\" tells the story of the defect.")],
            question: lesson.question_about(violation).map(str::to_owned),
        }));
    }
    Ok(Ok(format!("{} rooms of the museum are clean", rooms.len())))
}
