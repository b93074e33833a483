//! `atslab course`, as far as nothing must be built: the tests of the course itself judge lessons.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use course::folder::Folder;
use course::lesson::Lesson;
use serde_json::Value;
use tempfile::TempDir;

use crate::common::{atslab, stderr, stdout};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the root")
}

/// A checkout made of links, into which a student's folder may be written.
fn checkout() -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    for entry in fs::read_dir(root()).expect("the root is there") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_owned();
        if name != "course-work" {
            symlink(&path, folder.path().join(name)).expect("a link");
        }
    }
    folder
}

fn course(checkout: &TempDir, args: &[&str]) -> Command {
    let mut command = atslab();
    command.current_dir(checkout.path()).arg("course").args(args);
    command
}

#[track_caller]
fn refuses(command: &mut Command, sentence: &str) {
    let told = stderr(command);
    assert!(told.contains(sentence), "{told}");
    assert_eq!(command.output().expect("it starts").status.code(), Some(2));
}

/// Each question has the answer that its run shows.
#[test]
fn the_run_behind_each_prediction_shows_the_right_answer() {
    let checkout = checkout();
    let mut count = 0;
    for lesson in Lesson::all(&root()).unwrap() {
        let number = lesson.number.to_string();
        let answers: String =
            lesson.text.predict.iter().map(|one| format!("{}\n", one.answer)).collect();
        let mut command = course(&checkout, &["predict", &number]);
        let told = stdout(command.write_stdin(answers));
        assert_eq!(told.matches("Right.").count(), lesson.text.predict.len(), "{told}");
        for prediction in &lesson.text.predict {
            let command = format!("$ atslab {}", prediction.command);
            let (_, run) = told.split_once(&prediction.ask).expect("the question is asked");
            let (_, mut rest) = run.split_once(&command).expect("the command is told");
            assert!(!prediction.shows.is_empty(), "{}", prediction.ask);
            for step in &prediction.shows {
                let found = rest.split_once(step.as_str());
                let (_, after) = found.unwrap_or_else(|| panic!("{step}, in order:\n{told}"));
                rest = after;
            }
            count += 1;
        }
    }
    assert!(count >= 10, "{count}");
}

#[test]
fn only_the_first_answer_counts_and_a_word_is_asked_again() {
    let checkout = checkout();
    let told = stdout(course(&checkout, &["predict", "7"]).write_stdin("perhaps\n1\n2\n"));
    assert!(told.contains("Expected a number from 1 to 3."), "{told}");
    assert!(told.contains("No: it is 3, "), "{told}");
    stdout(course(&checkout, &["predict", "7"]).write_stdin("3\n"));
    let report: Value = serde_json::from_str(&stdout(&mut course(&checkout, &["report"]))).unwrap();
    let lessons = report["lessons"].as_array().unwrap();
    let of_seven = lessons.iter().find(|lesson| lesson["lesson"] == 7).unwrap();
    let predictions = &of_seven["predictions"];
    assert_eq!((&predictions["right"], &predictions["answered"]), (&1.into(), &2.into()));
}

#[test]
fn a_lesson_that_is_started_says_where_to_write_and_shows_no_solution_before_it_passes() {
    let checkout = checkout();
    refuses(&mut course(&checkout, &["check", "7"]), "lesson 7 is not under way");
    let told = stdout(&mut course(&checkout, &["start", "7"]));
    assert!(told.contains("course-work/workspace/pluginvc/src/epoch/c.rs\n"), "{told}");
    refuses(&mut course(&checkout, &["solution", "7"]), "lesson 7 is not passed yet");
    let told = stdout(&mut course(&checkout, &["solution", "7", "--give-up"]));
    assert!(told.contains("+    end.read.need_process.clear();"), "{told}");
    assert!(told.contains("-    todo!(\"lesson 7: process_read_side\")"), "{told}");
    let list = stdout(&mut course(&checkout, &[]));
    assert!(list.contains("under way"), "{list}");
    // In the same folder: to write one costs more than all else here.
    a_lesson_without_holes_is_judged_at_once(&checkout);
}

#[test]
fn one_command_at_a_time_works_in_the_folder() {
    let checkout = checkout();
    let folder = Folder::of(checkout.path());
    let occupied = folder.occupy().unwrap();
    let refused = "another command of the course is at work in";
    refuses(&mut course(&checkout, &["predict", "7"]), refused);
    refuses(&mut course(&checkout, &["start", "7"]), refused);
    stdout(&mut course(&checkout, &[]));
    drop(occupied);
    stdout(course(&checkout, &["predict", "7"]).write_stdin("3\n"));
}

/// Lesson 1 is a scenario: its check builds nothing, and does not say that it does.
fn a_lesson_without_holes_is_judged_at_once(checkout: &TempDir) {
    stdout(&mut course(checkout, &["start", "1"]));
    let told = stderr(&mut course(checkout, &["check", "1"]));
    assert!(told.contains("judges by what early-end.toml does"), "{told}");
    assert!(!told.contains("build"), "{told}");
}

#[test]
fn without_a_checkout_and_without_the_lesson_one_sentence_says_so() {
    let nowhere = TempDir::new().unwrap();
    refuses(&mut course(&nowhere, &[]), "no checkout of the project is here or above");
    let checkout = checkout();
    refuses(&mut course(&checkout, &["start", "77"]), "there is no lesson 77");
    let file = checkout.path().join("course-work/course.json");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "{").unwrap();
    refuses(&mut course(&checkout, &["start", "7"]), "course.json: EOF while parsing");
}
