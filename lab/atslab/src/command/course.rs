//! `atslab course`: students write parts of the port, and the real server's recordings judge them.

mod predict;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use course::CourseError;
use course::folder::Folder;
use course::judge::{Bench, Failure, Stage, Verdict, tested};
use course::lesson::{Judge, Lesson};
use course::markers;
use course::progress::Progress;
use serde_json::json;
use similar::TextDiff;

use crate::error::Error;
use crate::ui::output::{FAULT, Output, QUIET, SERVER, TITLE};

/// The exit status if the work does not pass.
const FAILS: u8 = 1;

/// The arguments of `atslab course`.
#[derive(Debug, Args)]
#[command(after_help = COURSE_EXAMPLES)]
pub(crate) struct CourseArgs {
    /// What to do; without it, the lessons are listed
    #[command(subcommand)]
    pub what: Option<What>,
}

/// What one does with the course.
#[derive(Debug, Subcommand)]
pub(crate) enum What {
    /// Cut the holes of a lesson into course-work/workspace
    Start(LessonArg),
    /// Answer the questions of a lesson before the work
    Predict(LessonArg),
    /// Build what was written, and judge it
    Check {
        #[command(flatten)]
        lesson: LessonArg,
        /// Show the next hint for what is wrong as well
        #[arg(long)]
        hint: bool,
    },
    /// Show how the project's solution differs from what was written
    Solution {
        #[command(flatten)]
        lesson: LessonArg,
        /// Show it although the lesson is not passed
        #[arg(long)]
        give_up: bool,
    },
    /// Put the holes of a lesson back as they were
    Reset(LessonArg),
    /// Tell a teacher what was done, as JSON
    Report,
}

/// A lesson.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct LessonArg {
    /// The number of the lesson
    #[arg(value_name = "LESSON")]
    pub number: u32,
}

const COURSE_EXAMPLES: &str = "\
A lesson cuts pieces out of a copy of the project, in course-work/workspace of this
checkout. Write them, and have them judged: by tests, by what the real server was
recorded to do, step by step, and by random scenarios that are new each time. Lessons
can be taken in any order. What was written for a lesson is kept while another one is
under way. The book's part \"Learn\" has a chapter for each lesson.

Examples:
  atslab course
  atslab course start 7
  atslab course predict 7
  atslab course check 7 --hint
  atslab course solution 7
  atslab course report > report.json

Exit status: 0 if the work passes, 1 if not, 2 on errors.";

/// Does it, in the checkout that the command runs in.
pub(crate) fn course(args: &CourseArgs, out: &mut Output) -> Result<ExitCode, Error> {
    let here = std::env::current_dir()
        .map_err(|source| CourseError::File { file: PathBuf::from("."), source })?;
    let folder = Folder::of(&course::checkout(&here)?);
    // The list and the report only read.
    let _occupied = match &args.what {
        None | Some(What::Report) => None,
        Some(_) => Some(folder.occupy()?),
    };
    let mut progress = Progress::read(&folder.path)?;
    let lesson = |arg: &LessonArg| Lesson::of(&folder.checkout, arg.number);
    match &args.what {
        None => list(&folder, &progress, out)?,
        Some(What::Report) => report(&folder, &progress, out)?,
        Some(What::Start(arg)) => start(&folder, &lesson(arg)?, &mut progress, out)?,
        Some(What::Predict(arg)) => predict::ask(&folder, &lesson(arg)?, &mut progress, out)?,
        Some(What::Reset(arg)) => {
            let lesson = lesson(arg)?;
            folder.reset(&lesson, &mut progress)?;
            writeln!(out, "Lesson {} is as at its start.", lesson.number)?;
        }
        Some(What::Check { lesson: arg, hint }) => {
            return check(&folder, &lesson(arg)?, &mut progress, *hint, out);
        }
        Some(What::Solution { lesson: arg, give_up }) => {
            solution(&folder, &lesson(arg)?, &mut progress, *give_up, out)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(folder: &Folder, progress: &Progress, out: &mut Output) -> Result<(), Error> {
    for lesson in Lesson::all(&folder.checkout)? {
        let done = progress.lessons.get(&lesson.number);
        let state = match done {
            Some(done) if done.passed => "passed",
            Some(_) if progress.current == Some(lesson.number) => "under way",
            Some(_) => "begun",
            None => "",
        };
        let text = &lesson.text;
        writeln!(
            out,
            "{TITLE}{:>2}  {}{TITLE:#}  {QUIET}{} h{QUIET:#}  {SERVER}{state}{SERVER:#}",
            lesson.number, text.title, text.hours
        )?;
        writeln!(out, "    {}", text.goal)?;
    }
    writeln!(out, "\n\"atslab course start LESSON\" starts one.")?;
    Ok(())
}

fn start(
    folder: &Folder,
    lesson: &Lesson,
    progress: &mut Progress,
    out: &mut Output,
) -> Result<(), Error> {
    folder.start(lesson, progress)?;
    let number = lesson.number;
    writeln!(
        out,
        "{TITLE}Lesson {number}: {}{TITLE:#}\n{}\n",
        lesson.text.title, lesson.text.goal
    )?;
    writeln!(out, "Write, in")?;
    let mut last = PathBuf::new();
    for place in lesson.places(&folder.checkout)? {
        let Some(title) = &place.hole.title else { continue };
        let file = folder.workspace().join(&place.source);
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let line = markers::line_of(&text, &place.hole).unwrap_or(1);
        if file != last {
            let shown = file.strip_prefix(&folder.checkout).unwrap_or(&file);
            writeln!(out, "  {}", shown.display())?;
        }
        writeln!(out, "  {line:>5}  {}: {title}", place.hole.name)?;
        last = file;
    }
    for name in lesson.files().map_err(Error::from)? {
        let file = folder.files(lesson).join(name);
        let shown = file.strip_prefix(&folder.checkout).unwrap_or(&file);
        writeln!(out, "  {}", shown.display())?;
    }
    writeln!(out, "\nRead:     docs/src/{}", lesson.text.chapter)?;
    if !lesson.text.predict.is_empty() {
        writeln!(out, "Predict:  atslab course predict {number}")?;
    }
    writeln!(out, "Judge:    atslab course check {number}")?;
    Ok(())
}

fn check(
    folder: &Folder,
    lesson: &Lesson,
    progress: &mut Progress,
    hint: bool,
    out: &mut Output,
) -> Result<ExitCode, Error> {
    let number = lesson.number;
    if progress.current != Some(number) {
        return Err(CourseError::NotStarted { number }.into());
    }
    let reference = std::env::current_exe().map_err(CourseError::NoCargo)?;
    let bench = Bench::new(folder, reference);
    let first = !bench.target.exists();
    let mut points = None;
    let has_holes = !lesson.places(&folder.checkout)?.is_empty();
    let verdict = bench.check(lesson, |stage| {
        // On standard error, so that what is printed in the end can be used alone.
        let mut tell = anstream::stderr();
        let _ = match stage {
            // What is written from nothing needs no build.
            Stage::Builds if !has_holes => Ok(()),
            Stage::Builds if first => {
                writeln!(tell, "builds the workspace (the first time takes minutes)")
            }
            Stage::Builds => writeln!(tell, "builds"),
            Stage::Judges(judge) => writeln!(tell, "judges by {}", name_of(judge)),
            Stage::Holds(why) => writeln!(tell, "  {why}"),
            Stage::Points(its, of) => {
                points = Some([its, of]);
                writeln!(tell, "  {its} of {of} points")
            }
        };
    })?;
    let changed = folder.changed_outside(lesson)?;
    let done = progress.of(number);
    done.tries += 1;
    done.passed |= verdict == Verdict::Passes;
    // The best that was reached counts.
    done.points = done.points.max(points);
    let code = match &verdict {
        Verdict::Passes => {
            writeln!(out, "{SERVER}Lesson {number} passes.{SERVER:#}")?;
            ExitCode::SUCCESS
        }
        Verdict::Fails(failure) => {
            write_failure(out, failure)?;
            ExitCode::from(FAILS)
        }
    };
    for file in changed {
        let file = file.display();
        writeln!(out, "{QUIET}You have changed {file} outside of the holes.{QUIET:#}")?;
    }
    if hint {
        let told = match &verdict {
            Verdict::Passes => String::new(),
            Verdict::Fails(failure) => failure.to_string(),
        };
        match lesson.next_hint(&told, &done.hints) {
            Some(next) => {
                done.hints.insert(next);
                let text = &lesson.text.hints[next].text;
                writeln!(out, "\n{TITLE}Hint {}:{TITLE:#} {text}", done.hints.len())?;
            }
            None => writeln!(out, "\nThere is no further hint.")?,
        }
    }
    progress.write(&folder.path)?;
    Ok(code)
}

fn write_failure(out: &mut Output, failure: &Failure) -> Result<(), Error> {
    writeln!(out, "{FAULT}{}{FAULT:#}", failure.sentence)?;
    if !failure.shown.is_empty() {
        writeln!(out)?;
        failure.shown.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    }
    if let Some(question) = &failure.question {
        writeln!(out, "\n{TITLE}{question}{TITLE:#}")?;
    }
    Ok(())
}

fn name_of(judge: &Judge) -> String {
    match judge {
        Judge::Tests { package, .. } => format!("tests of {}", tested(package)),
        Judge::Recordings { epoch } => format!("the recordings of epoch {epoch}"),
        Judge::Scenarios { epoch, .. } => format!("scenarios, epoch {epoch}"),
        Judge::Written { file, .. } => format!("what {file} does"),
        Judge::Explore { race, epoch, .. } => {
            format!("every schedule of {race} with few interruptions, epoch {epoch}")
        }
        Judge::Rooms { .. } => "rooms of the museum".to_owned(),
        Judge::Hunt { file, .. } => format!("the schedules in {file}"),
        Judge::Node { .. } => "recorded scenarios of node".to_owned(),
        Judge::Random { count, epoch } => format!("{count} random scenarios, epoch {epoch}"),
    }
}

/// Prints what was written against the project's own code.
fn solution(
    folder: &Folder,
    lesson: &Lesson,
    progress: &mut Progress,
    give_up: bool,
    out: &mut Output,
) -> Result<(), Error> {
    let number = lesson.number;
    if progress.current != Some(number) {
        return Err(CourseError::NotStarted { number }.into());
    }
    let done = progress.of(number);
    if !done.passed && !give_up {
        return Err(CourseError::NotPassed { number }.into());
    }
    done.gave_up |= !done.passed;
    progress.write(&folder.path)?;
    for place in lesson.places(&folder.checkout)? {
        if place.hole.title.is_none() {
            continue;
        }
        let read = |file: PathBuf| {
            std::fs::read_to_string(&file).map_err(|source| CourseError::File { file, source })
        };
        let solution = place.hole.solution(&read(folder.checkout.join(&place.source))?);
        let student = read(folder.workspace().join(&place.source))?;
        let student = markers::written(&student, &place.hole).unwrap_or_default();
        let source = place.source.display();
        let diff = TextDiff::from_lines(student, &solution);
        let diff = diff.unified_diff().header("yours", "the project's").to_string();
        writeln!(out, "{TITLE}{source}, {}{TITLE:#}", place.hole.name)?;
        match diff.is_empty() {
            true => writeln!(out, "the same, to the letter\n")?,
            false => writeln!(out, "{diff}")?,
        }
    }
    Ok(())
}

/// What a teacher wants to know.
fn report(folder: &Folder, progress: &Progress, out: &mut Output) -> Result<(), Error> {
    let lessons: Result<Vec<_>, Error> = Lesson::all(&folder.checkout)?
        .into_iter()
        .map(|lesson| {
            let done = progress.lessons.get(&lesson.number).cloned().unwrap_or_default();
            let right = done.predictions.values().filter(|right| **right).count();
            Ok(json!({
                "lesson": lesson.number,
                "title": lesson.text.title,
                "started": progress.lessons.contains_key(&lesson.number),
                "passed": done.passed,
                "gave_up": done.gave_up,
                "tries": done.tries,
                "hints": done.hints.len(),
                "points": done.points,
                "predictions": {
                    "right": right,
                    "answered": done.predictions.len(),
                    "asked": lesson.text.predict.len(),
                },
            }))
        })
        .collect();
    let object = json!({ "format": "atslab-course-report", "version": 1, "lessons": lessons? });
    writeln!(out, "{object:#}")?;
    Ok(())
}
