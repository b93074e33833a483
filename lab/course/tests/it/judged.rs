//! Each lesson judged: unwritten, with each planted mistake, with another solution, and solved.
//! This builds the workspace some times for each lesson, so it is left to `.ci/run`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use course::folder::Folder;
use course::judge::{Bench, Failure, Verdict};
use course::lesson::{Lesson, Place, Planted};
use course::markers;
use course::progress::Progress;

use crate::checkout;

/// A student's folder for a lesson, which builds where the other lessons have built.
struct Student {
    bench: Bench,
    lesson: Lesson,
    places: Vec<Place>,
}

impl Student {
    fn of(lesson: Lesson, reference: &Path, target: &Path) -> Student {
        let checkout = checkout();
        // A workspace always at the same place, or Cargo would build everything anew.
        let path = target.join("student");
        let student = Folder { checkout: checkout.clone(), path };
        student.start(&lesson, &mut Progress::default()).unwrap();
        let bench =
            Bench { folder: student, reference: reference.to_owned(), target: target.to_owned() };
        let places = lesson.places(&checkout).unwrap();
        Student { bench, lesson, places }
    }

    /// Writes the project's own code into every hole, but for the planted one.
    fn write(&self, planted: Option<&Planted>) {
        for place in &self.places {
            let checkout = &self.bench.folder.checkout;
            let source = fs::read_to_string(checkout.join(&place.source)).unwrap();
            let lines: Vec<&str> = source.split_inclusive('\n').collect();
            let text = markers::fill(&source, self.lesson.number, |hole| {
                let is_planted = |planted: &&Planted| {
                    planted.source == place.source && planted.hole == hole.name
                };
                let solution = lines[hole.body.clone()].concat();
                match planted.filter(is_planted) {
                    Some(planted) => self.lesson.planted(planted, &solution).unwrap(),
                    None => solution,
                }
            });
            let file = self.bench.folder.workspace().join(&place.source);
            fs::write(file, text.unwrap()).unwrap();
        }
        if let Some(planted) = planted.filter(|planted| planted.hole.is_empty()) {
            let file = self.bench.folder.files(&self.lesson).join(&planted.source);
            fs::write(file, self.lesson.planted(planted, "").unwrap()).unwrap();
        }
    }

    /// What the student is told; empty if the work passes.
    fn told(&self) -> String {
        match self.bench.check(&self.lesson, |_| ()).unwrap() {
            Verdict::Passes => String::new(),
            Verdict::Fails(Failure { sentence, shown, question }) => {
                let question = question.unwrap_or_default();
                format!("{sentence}\n{}\n{question}", shown.join("\n"))
            }
        }
    }
}

/// The command of this checkout, and where a student builds.
fn built(student: &str) -> (PathBuf, PathBuf) {
    let checkout = checkout();
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| checkout.join("target"));
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--package", "atslab", "--locked"])
        .current_dir(&checkout)
        .status();
    assert!(status.unwrap().success());
    (target.join("debug/atslab"), target.join("course").join(student))
}

/// The lessons of one student. There are two, side by side: while one build waits for its last
/// package, the other one has work for the second processor.
fn take_lessons(student: &str, is_taken: impl Fn(u32) -> bool) {
    let (reference, target) = built(student);
    let only = std::env::var("LESSON").ok().and_then(|number| number.parse::<u32>().ok());
    let mut faults = Vec::new();
    for lesson in Lesson::all(&checkout()).unwrap() {
        if is_taken(lesson.number) && only.is_none_or(|only| only == lesson.number) {
            judge(&Student::of(lesson, &reference, &target), &mut faults);
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[test]
#[ignore = "builds the workspace often; .ci/run runs it"]
fn lessons_1_to_6_tell_right_from_wrong() {
    take_lessons("first", |number| number <= 6);
}

#[test]
#[ignore = "builds the workspace often; .ci/run runs it"]
fn lessons_7_to_15_tell_right_from_wrong() {
    take_lessons("second", |number| number > 6);
}

fn judge(student: &Student, faults: &mut Vec<String>) {
    let number = student.lesson.number;
    let mut expect = |what: &str, told: &str, holds: bool| {
        eprintln!("lesson {number}, {what}: {}", told.lines().next().unwrap_or("passes"));
        if !holds {
            faults.push(format!("lesson {number}, {what}:\n{told}"));
        }
    };
    let unwritten = student.told();
    let has_holes = !student.places.is_empty();
    expect("unwritten", &unwritten, unwritten.starts_with("Not written yet: ") == has_holes);

    for planted in &student.lesson.text.mistake {
        student.write(Some(planted));
        let told = student.told();
        let holds = !told.is_empty() && told.contains(&planted.says);
        expect(&planted.name, &told, holds);
    }
    for planted in &student.lesson.text.another {
        student.write(Some(planted));
        let told = student.told();
        expect(&planted.name, &told, told.is_empty());
    }
    if has_holes {
        student.write(None);
        let told = student.told();
        expect("solved", &told, told.is_empty());
    }
    let changed = student.bench.folder.changed_outside(&student.lesson).unwrap();
    assert_eq!(changed, Vec::<PathBuf>::new(), "lesson {number}");
}
