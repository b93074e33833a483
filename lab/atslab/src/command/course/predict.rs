//! The questions of a lesson. A student answers by a number, and sees the run that answers it.

use std::io::{BufRead, Write, stdin};
use std::process::Command;

use course::CourseError;
use course::folder::Folder;
use course::lesson::{Lesson, Prediction};
use course::progress::Progress;

use crate::error::Error;
use crate::ui::output::{FAULT, Output, QUIET, SERVER, TITLE};

/// Asks each question, runs the command that answers it, and notes whether the answer was right.
/// The end of the input ends the questions; nothing is lost.
pub(super) fn ask(
    folder: &Folder,
    lesson: &Lesson,
    progress: &mut Progress,
    out: &mut Output,
) -> Result<(), Error> {
    let mut answers = stdin().lock().lines();
    for (index, prediction) in lesson.text.predict.iter().enumerate() {
        write_question(out, prediction)?;
        let answer = loop {
            write!(out, "Your answer, 1 to {}: ", prediction.choices.len())?;
            out.flush()?;
            let Some(line) = answers.next() else {
                writeln!(out)?;
                return Ok(());
            };
            match line?.trim().parse::<usize>() {
                Ok(number) if (1..=prediction.choices.len()).contains(&number) => break number,
                _ => writeln!(out, "Expected a number from 1 to {}.", prediction.choices.len())?,
            }
        };
        show(folder, prediction, out)?;
        let right = answer == prediction.answer;
        if right {
            writeln!(out, "{SERVER}Right.{SERVER:#} {}\n", prediction.why)?;
        } else {
            let choice = &prediction.choices[prediction.answer - 1];
            let number = prediction.answer;
            writeln!(out, "{FAULT}No: it is {number}, {choice}.{FAULT:#} {}\n", prediction.why)?;
        }
        // Only the first answer is a prediction.
        let of_lesson = progress.of(lesson.number);
        of_lesson.predictions.entry(index + 1).or_insert(right);
        std::fs::create_dir_all(&folder.path)
            .map_err(|source| CourseError::File { file: folder.path.clone(), source })?;
        progress.write(&folder.path)?;
    }
    Ok(())
}

fn write_question(out: &mut Output, prediction: &Prediction) -> Result<(), Error> {
    writeln!(out, "{TITLE}{}{TITLE:#}", prediction.ask)?;
    for (index, choice) in prediction.choices.iter().enumerate() {
        writeln!(out, "  {}  {choice}", index + 1)?;
    }
    Ok(())
}

/// Runs the command that answers the question, with this program.
fn show(folder: &Folder, prediction: &Prediction, out: &mut Output) -> Result<(), Error> {
    writeln!(out, "\n{QUIET}$ atslab {}{QUIET:#}", prediction.command)?;
    out.flush()?;
    let this = std::env::current_exe().map_err(CourseError::NoCargo)?;
    let run = Command::new(this)
        .args(prediction.command.split_whitespace())
        .current_dir(&folder.checkout)
        .output()
        .map_err(CourseError::NoCargo)?;
    out.write_all(&run.stdout)?;
    writeln!(out)?;
    Ok(())
}
