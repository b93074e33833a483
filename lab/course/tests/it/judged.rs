//! Each lesson judged as students would have it judged: unwritten, with each planted mistake, with
//! another solution, and solved. This builds the workspace, so it is left to `.ci/run`.
//!
//! 1. A student clones the project and takes lesson 7, with the commands alone.
//! 2. In that folder each further lesson is started and judged: nothing is written yet.
//! 3. All solutions and all mistakes of all lessons are written into the sources at once, and a
//!    file says which of them is alive (see `variants`). So one build serves every further verdict.
//!
//! `LESSON=7` leaves the clone out and judges one lesson.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use course::folder::Folder;
use course::judge::{Bench, Verdict};
use course::lesson::{Judge, Lesson, Planted};
use course::markers;
use course::progress::Progress;

use crate::checkout;
use crate::variants::Variants;

/// The lesson that the student takes in the fresh clone.
const FIRST: u32 = 7;
/// What the first check may take, and each later one, in seconds of processor time. Ten minutes and ten
/// seconds were promised, on two processors. Other work on the machine makes the same work cost up to
/// half more, and must not decide.
const MOST: [f64; 2] = [1200.0, 30.0];

#[test]
#[ignore = "builds the workspace; .ci/run runs it"]
fn each_lesson_tells_right_from_wrong() {
    let only = std::env::var("LESSON").ok().and_then(|number| number.parse::<u32>().ok());
    let (reference, clone) = built();
    let mut faults = Vec::new();
    if only.is_none() {
        take_the_first_lesson(&reference, &clone, &mut faults);
    }
    let mut lessons = Lesson::all(&checkout()).unwrap();
    lessons.retain(|lesson| only.is_none_or(|only| only == lesson.number));
    // Those that need the whole command come first: the build before has left it.
    lessons.sort_by_key(|lesson| matches!(lesson.text.judge[0], Judge::Tests { .. }));
    let bench = Bench {
        folder: Folder { checkout: checkout(), path: clone.join("course-work") },
        target: clone.join("course-work/target"),
        reference,
    };
    // The clone has shown that of the first lesson.
    for lesson in lessons.iter().filter(|lesson| only.is_some() || lesson.number != FIRST) {
        judge_unwritten(&bench, lesson, &mut faults);
    }
    let variants = Variants::write(&bench.folder);
    lessons.sort_by_key(|lesson| lesson.number);
    for lesson in &lessons {
        judge_written(&bench, lesson, &variants, &mut faults);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

/// The command of this checkout, and where the clone is.
fn built() -> (PathBuf, PathBuf) {
    let checkout = checkout();
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| checkout.join("target"));
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // As the workspace's tests build it: with their features, so that nothing is compiled twice.
    let status = Command::new(cargo)
        .args(["test", "--workspace", "--test", "it", "--no-run", "--locked"])
        .current_dir(&checkout)
        .status();
    assert!(status.unwrap().success());
    (target.join("debug/atslab"), target.join("course/clone"))
}

/// A fresh clone, `course start 7`, `course check 7`: with the commands, from nothing.
fn take_the_first_lesson(reference: &Path, clone: &Path, faults: &mut Vec<String>) {
    let _ = fs::remove_dir_all(clone);
    let checkout = checkout();
    if checkout.join(".git").exists() {
        let mut git = Command::new("git");
        git.args(["clone", "--quiet", "--no-hardlinks"]).args([&checkout, clone]);
        assert!(git.status().unwrap().success(), "the checkout can be cloned");
    } else {
        // The sources came without their history.
        copy_sources(&checkout, clone);
    }
    let course = |what: &str| {
        let (before, began) = (processor_seconds(), Instant::now());
        let mut command = Command::new(reference);
        command.args(["course", what, &FIRST.to_string()]).current_dir(clone);
        let output = command.output().unwrap();
        let cost = processor_seconds() - before;
        let wall = began.elapsed().as_secs_f64();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let first = told.lines().next().unwrap_or_default();
        eprintln!("a fresh clone, {what} {FIRST}: {wall:.1} s, {cost:.1} s of processor: {first}");
        (output.status.code(), told, cost)
    };
    let mut expect = |what: &str, told: &str, holds: bool| {
        if !holds {
            faults.push(format!("a fresh clone, {what}:\n{told}"));
        }
    };
    let (_, told, _) = course("start");
    expect("start", &told, told.contains("course-work/workspace/pluginvc/src/epoch/c.rs"));
    let (code, told, cost) = course("check");
    expect("unwritten", &told, code == Some(1) && told.starts_with("Not written yet: "));
    expect("the first check costs", &format!("{cost}"), cost <= MOST[0]);

    let lesson = Lesson::of(clone, FIRST).unwrap();
    let shown = chapter_shows(&lesson, &told).err().unwrap_or_default();
    expect(&format!("the chapter shows {shown:?}"), &told, shown.is_empty());
    for place in lesson.places(clone).unwrap() {
        let source = fs::read_to_string(clone.join(&place.source)).unwrap();
        let file = clone.join("course-work/workspace").join(&place.source);
        let text = markers::fill(&source, FIRST, |hole| hole.solution(&source)).unwrap();
        fs::write(file, text).unwrap();
    }
    let (code, told, cost) = course("check");
    expect("solved", &told, code == Some(0) && told.starts_with("Lesson 7 passes."));
    expect("a later check costs", &format!("{cost}"), cost <= MOST[1]);
}

fn copy_sources(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() && name != "target" && name != "course-work" {
            copy_sources(&path, &to.join(name));
        } else if path.is_file() {
            fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

/// The processor time of all programs that have ended here, in seconds; 0 where the system does
/// not say.
fn processor_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program stands in parentheses, and may have blanks.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|ticks| ticks.parse::<f64>().ok());
    // cutime and cstime; there are 100 ticks in a second on every Linux.
    (ticks(13).unwrap_or(0.0) + ticks(14).unwrap_or(0.0)) / 100.0
}

/// What the student is told; empty if the work passes.
fn told(bench: &Bench, lesson: &Lesson) -> String {
    // A student gets new random scenarios each time; a verdict of this test must not change.
    fastrand::seed(7);
    match bench.check(lesson, |_| ()).unwrap() {
        Verdict::Passes => String::new(),
        Verdict::Fails(failure) => failure.to_string(),
    }
}

fn expect(lesson: &Lesson, what: &str, told: &str, holds: bool, faults: &mut Vec<String>) {
    let number = lesson.number;
    eprintln!("lesson {number}, {what}: {}", told.lines().next().unwrap_or("passes"));
    if !holds {
        faults.push(format!("lesson {number}, {what}:\n{told}"));
    }
}

/// The starter compiles, does not pass, and the student is told what is missing.
fn judge_unwritten(bench: &Bench, lesson: &Lesson, faults: &mut Vec<String>) {
    let mut progress = Progress::read(&bench.folder.path).unwrap();
    bench.folder.reset(lesson, &mut progress).unwrap();
    let told = told(bench, lesson);
    expect(lesson, "unwritten", &told, told.starts_with(&lesson.text.unwritten), faults);
    if let Err(line) = chapter_shows(lesson, &told) {
        faults
            .push(format!("{}: the check does not say {line:?}, but\n{told}", lesson.text.chapter));
    }
    let changed = bench.folder.changed_outside(lesson).unwrap();
    assert_eq!(changed, Vec::<PathBuf>::new(), "lesson {}", lesson.number);
}

/// The chapter shows what `course check` says to a student who has written nothing; a line `…`
/// stands for any lines, and `…` at the end of one for the rest of it. Else this gives the line that
/// the command does not print.
fn chapter_shows(lesson: &Lesson, told: &str) -> Result<(), String> {
    let page = checkout().join("docs/src").join(&lesson.text.chapter);
    let page = fs::read_to_string(page).unwrap();
    let command = format!("$ atslab course check {}\n", lesson.number);
    let (_, after) = page.split_once(&command).expect("the chapter has its check");
    let shown: Vec<&str> = after
        .lines()
        .take_while(|line| !line.starts_with("```") && !line.starts_with('$'))
        .collect();
    if shown.is_empty() {
        return Err("(nothing: the page has no output)".to_owned());
    }
    let mut rest = told.lines();
    for wanted in shown.into_iter().filter(|line| *line != "…" && !line.is_empty()) {
        let begin = wanted.strip_suffix('…');
        if !rest.any(|line| line == wanted || begin.is_some_and(|begin| line.starts_with(begin))) {
            return Err(wanted.to_owned());
        }
    }
    Ok(())
}

/// Each mistake gets its sentence; each solution passes.
fn judge_written(bench: &Bench, lesson: &Lesson, variants: &Variants, faults: &mut Vec<String>) {
    let judge = |planted: Option<&Planted>| {
        variants.choose(lesson, planted);
        if let Some(planted) = planted.filter(|planted| planted.hole.is_empty()) {
            let file = bench.folder.files(lesson).join(&planted.source);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, with_schedules(bench, &lesson.planted(planted, "").unwrap())).unwrap();
        }
        told(bench, lesson)
    };
    for planted in &lesson.text.mistake {
        let told = judge(Some(planted));
        let holds = !told.is_empty() && told.contains(&planted.says);
        expect(lesson, &planted.name, &told, holds, faults);
    }
    for planted in &lesson.text.another {
        let told = judge(Some(planted));
        expect(lesson, &planted.name, &told, told.is_empty(), faults);
    }
    if !lesson.places(&bench.folder.checkout).unwrap().is_empty() {
        let told = judge(None);
        expect(lesson, "solved", &told, told.is_empty(), faults);
    }
}

/// The text with a schedule in place of `{RACE}`, as an exploration finds it.
fn with_schedules(bench: &Bench, text: &str) -> String {
    let mut parts = text.split('{');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (race, rest) = part.split_once('}').expect("a name in braces");
        let mut command = Command::new(&bench.reference);
        let run = command.args(["explore", race, "--format", "json"]).output().unwrap();
        let found: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
        out += found["schedule"].as_str().expect("a schedule");
        out += rest;
    }
    out
}
