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
                match planted.filter(is_planted) {
                    Some(planted) => self.lesson.planted(planted).unwrap(),
                    None => lines[hole.body.clone()].concat(),
                }
            });
            let file = self.bench.folder.workspace().join(&place.source);
            fs::write(file, text.unwrap()).unwrap();
        }
    }

    #[track_caller]
    fn passes(&self) {
        let verdict = self.bench.check(&self.lesson, |_| ()).unwrap();
        assert_eq!(verdict, Verdict::Passes, "lesson {}", self.lesson.number);
    }

    #[track_caller]
    fn fails(&self) -> Failure {
        match self.bench.check(&self.lesson, |_| ()).unwrap() {
            Verdict::Fails(failure) => failure,
            Verdict::Passes => panic!("lesson {} passes", self.lesson.number),
        }
    }
}

/// The command of this checkout, and where students build.
fn built() -> (PathBuf, PathBuf) {
    let checkout = checkout();
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| checkout.join("target"));
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--package", "atslab", "--locked"])
        .current_dir(&checkout)
        .status();
    assert!(status.unwrap().success());
    (target.join("debug/atslab"), target.join("course"))
}

#[test]
#[ignore = "builds the workspace often; .ci/run runs it"]
fn each_lesson_tells_right_from_wrong() {
    let (reference, target) = built();
    let only = std::env::var("LESSON").ok().and_then(|number| number.parse::<u32>().ok());
    for lesson in Lesson::all(&checkout()).unwrap() {
        if only.is_some_and(|only| only != lesson.number) {
            continue;
        }
        let number = lesson.number;
        let student = Student::of(lesson, &reference, &target);
        let unwritten = student.fails().sentence;
        eprintln!("lesson {number}, unwritten: {unwritten}");
        assert!(unwritten.starts_with("Not written yet: "), "lesson {number}: {unwritten}");

        for planted in &student.lesson.text.mistake {
            student.write(Some(planted));
            let failure = student.fails();
            eprintln!("lesson {number}, {}: {}", planted.file, failure.sentence);
            let told = format!("{}\n{}", failure.sentence, failure.shown.join("\n"));
            assert!(told.contains(&planted.says), "lesson {number}, {}: {told}", planted.file);
        }
        for planted in &student.lesson.text.another {
            student.write(Some(planted));
            student.passes();
        }
        student.write(None);
        student.passes();
        let changed = student.bench.folder.changed_outside(&student.lesson).unwrap();
        assert_eq!(changed, Vec::<PathBuf>::new(), "lesson {number}");
    }
}
