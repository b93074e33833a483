//! [`Variants`]: all solutions and all mistakes of all lessons, in one build.
//!
//! A hole becomes a `match` whose arms are the solution, the mistakes and the other solutions. A
//! file names the arm, and each process reads it once. What an arm does is what the same code does
//! alone in the hole: an arm is a block, and a hole has statements.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use course::folder::{self, Folder};
use course::lesson::{Lesson, Planted};
use course::markers::{self, Hole};

/// Where the name of the arm stands.
pub(crate) struct Variants {
    file: PathBuf,
}

impl Variants {
    /// Writes all of them into the student's workspace.
    pub(crate) fn write(folder: &Folder) -> Variants {
        let variants = Variants { file: folder.path.join("variant") };
        let lessons = Lesson::all(&folder.checkout).unwrap();
        let lessons = lessons.iter().map(|lesson| (lesson.number, lesson)).collect();
        for source in folder::sources(&folder.checkout).unwrap() {
            if source.extension().is_none_or(|kind| kind != "rs")
                || source.starts_with("lab/course")
            {
                continue;
            }
            let text = fs::read_to_string(folder.checkout.join(&source)).unwrap();
            let text = variants.all(&text, &source.display().to_string(), &lessons);
            let file = folder.workspace().join(&source);
            if fs::read_to_string(&file).is_ok_and(|there| there == text) {
                continue;
            }
            fs::write(file, text).unwrap();
        }
        variants
    }

    /// From now on this is alive; `None` is the solution.
    pub(crate) fn choose(&self, lesson: &Lesson, planted: Option<&Planted>) {
        let name = planted.map_or(String::new(), |planted| key(lesson.number, &planted.name));
        fs::write(&self.file, name).unwrap();
    }

    /// The source with a `match` in each hole, the inner holes first.
    fn all(&self, text: &str, source: &str, lessons: &BTreeMap<u32, &Lesson>) -> String {
        let mut all = text.to_owned();
        while let Some(hole) = markers::holes(&all).unwrap().pop() {
            // What a lesson changes is the solution as it stands in the checkout.
            let original = markers::holes(text).unwrap().into_iter();
            let original = original.rev().find(|other| is_same(other, &hole)).unwrap();
            let solution = original.solution(text);
            let lines: Vec<&str> = all.split_inclusive('\n').collect();
            let arms = self.arms(lessons[&hole.lesson], source, &hole, &solution);
            let [before, body, after] =
                [0..hole.all.start, hole.body.clone(), hole.all.end..lines.len()]
                    .map(|range| lines[range].concat());
            let whole = match arms.is_empty() {
                true => body,
                false => format!("{}{arms}_ => {{\n{body}}}\n}}\n", self.head()),
            };
            // A hole of several lessons has one pair of comments, which go with the last of them.
            all = [before, whole, after].concat();
        }
        all
    }

    fn head(&self) -> String {
        let file = self.file.display();
        format!(
            "match {{ static V: ::std::sync::OnceLock<::std::string::String> = \
             ::std::sync::OnceLock::new(); V.get_or_init(|| \
             ::std::fs::read_to_string({:?}).unwrap_or_default()).as_str() }} {{\n",
            file.to_string()
        )
    }

    /// The arms of all pieces of code that stand in this hole.
    fn arms(&self, lesson: &Lesson, source: &str, hole: &Hole, solution: &str) -> String {
        let mut arms = String::new();
        for planted in lesson.text.mistake.iter().chain(&lesson.text.another) {
            for piece in planted.pieces() {
                if piece.hole == hole.name && piece.source.display().to_string() == source {
                    let code = lesson.planted(piece, solution).unwrap();
                    let name = key(lesson.number, &planted.name);
                    let _ = writeln!(arms, "{name:?} => {{\n{code}}}");
                }
            }
        }
        arms
    }
}

/// The same hole before and after another one was filled.
fn is_same(one: &Hole, other: &Hole) -> bool {
    (one.lesson, &one.name) == (other.lesson, &other.name)
}

fn key(lesson: u32, name: &str) -> String {
    format!("{lesson}/{name}")
}
