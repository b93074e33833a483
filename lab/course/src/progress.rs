//! What a student has done so far. It stands in the student's folder, as `course.json`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize};

use crate::CourseError;

const FILE: &str = "course.json";

/// The state of all lessons.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// The version of this format: 1.
    pub version: u32,
    /// The lesson whose holes are cut now.
    pub current: Option<u32>,
    /// What was done, by lesson.
    pub lessons: BTreeMap<u32, Done>,
}

/// What a student has done in a lesson.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Done {
    /// How often the work was judged.
    pub tries: u32,
    /// Whether it has passed.
    pub passed: bool,
    /// Whether the solution was shown before that.
    pub gave_up: bool,
    /// The numbers of the hints that were shown, from 0.
    #[serde(deserialize_with = "numbers_or_count")]
    pub hints: BTreeSet<usize>,
    /// The points that were reached, and those that there are; of a lesson that gives points.
    #[serde(default)]
    pub points: Option<[u32; 2]>,
    /// Whether each prediction was right, by its number from 1.
    pub predictions: BTreeMap<usize, bool>,
    /// What the student has written, while another lesson is under way: by source and hole.
    pub written: BTreeMap<String, String>,
}

/// Hints once came in their order, and a folder of that time has how many were shown.
fn numbers_or_count<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeSet<usize>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Hints {
        Numbers(BTreeSet<usize>),
        Count(usize),
    }
    Ok(match Hints::deserialize(from)? {
        Hints::Numbers(numbers) => numbers,
        Hints::Count(count) => (0..count).collect(),
    })
}

impl Progress {
    /// Reads the state from the student's folder; an empty one if there is none.
    ///
    /// # Errors
    /// If the file is there and cannot be understood.
    pub fn read(folder: &Path) -> Result<Progress, CourseError> {
        let file = folder.join(FILE);
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Progress { version: 1, ..Progress::default() });
            }
            Err(error) => return Err(CourseError::file(&file)(error)),
        };
        serde_json::from_str(&text)
            .map_err(|error| CourseError::Lesson { file, fault: error.to_string() })
    }

    /// Writes the state into the student's folder.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), CourseError> {
        let file = folder.join(FILE);
        let mut text = serde_json::to_string_pretty(self).expect("it has only numbers and texts");
        text.push('\n');
        // A write that is cut off must not lose what is there.
        let new = file.with_extension("json.new");
        fs::write(&new, text).map_err(CourseError::file(&new))?;
        fs::rename(&new, &file).map_err(CourseError::file(&file))
    }

    /// The state of a lesson, to change it.
    pub fn of(&mut self, lesson: u32) -> &mut Done {
        self.lessons.entry(lesson).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_are_numbers_and_an_older_file_has_their_count() {
        let read = |hints: &str| {
            let text = format!(
                r#"{{"tries":1,"passed":false,"gave_up":false,"hints":{hints},"predictions":{{}},"written":{{}}}}"#
            );
            serde_json::from_str::<Done>(&text).unwrap()
        };
        assert_eq!(read("2").hints, BTreeSet::from([0, 1]));
        let done = read("[2]");
        assert_eq!(done.hints, BTreeSet::from([2]));
        let again: Done = serde_json::from_str(&serde_json::to_string(&done).unwrap()).unwrap();
        assert_eq!(again, done);
    }
}
