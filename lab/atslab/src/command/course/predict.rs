//! The questions of a lesson. A student answers by a number, and sees the lines of a run that answer
//! it.

use std::io::{BufRead, Write, stdin};
use std::process::Command;

use course::CourseError;
use course::folder::Folder;
use course::lesson::{Lesson, Prediction};
use course::progress::Progress;

use crate::error::Error;
use crate::ui::output::{FAULT, Output, QUIET, SERVER, TITLE};

/// How many lines a student sees before and after each line that shows the answer.
const AROUND: usize = 2;

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
        let right = answer == prediction.answer;
        if right {
            writeln!(out, "\n{SERVER}Right.{SERVER:#} {}\n", prediction.why)?;
        } else {
            let choice = &prediction.choices[prediction.answer - 1];
            let number = prediction.answer;
            writeln!(out, "\n{FAULT}No: it is {number}, {choice}.{FAULT:#} {}\n", prediction.why)?;
        }
        show(folder, prediction, out)?;
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

/// Runs the command that answers the question, with this program, and shows the lines that answer it.
fn show(folder: &Folder, prediction: &Prediction, out: &mut Output) -> Result<(), Error> {
    out.flush()?;
    let this = std::env::current_exe().map_err(CourseError::NoCargo)?;
    let run = Command::new(this)
        .args(prediction.command.split_whitespace())
        .current_dir(&folder.checkout)
        .output()
        .map_err(CourseError::NoCargo)?;
    let run = String::from_utf8_lossy(&run.stdout);
    let lines: Vec<&str> = run.lines().collect();
    writeln!(out, "{QUIET}$ atslab {}{QUIET:#}", prediction.command)?;
    let mut next = 0;
    for (at, answers) in excerpt(&run, &prediction.shows) {
        write_gap(out, &lines[next..at])?;
        match answers {
            true => writeln!(out, "{TITLE}> {}{TITLE:#}", lines[at])?,
            false => write_line(out, lines[at])?,
        }
        next = at + 1;
    }
    write_gap(out, &lines[next..])?;
    writeln!(out)?;
    Ok(())
}

/// The lines between two pieces that are shown: only how many there are, unless there is just one.
fn write_gap(out: &mut Output, lines: &[&str]) -> Result<(), Error> {
    match lines {
        [] => Ok(()),
        [line] => write_line(out, line),
        lines => Ok(writeln!(out, "  {QUIET}… ({} lines){QUIET:#}", lines.len())?),
    }
}

fn write_line(out: &mut Output, line: &str) -> Result<(), Error> {
    Ok(writeln!(out, "{}", format!("  {line}").trim_end())?)
}

/// The lines of a run to show, in order, each with whether it is a part of the answer. `shows` has a
/// piece of each line that answers, in the order of the run.
fn excerpt(run: &str, shows: &[String]) -> Vec<(usize, bool)> {
    let mut answers = Vec::new();
    let mut from = 0;
    for piece in shows {
        // A test of the course finds each piece in its run.
        let Some(found) = run[from..].find(piece.as_str()) else { break };
        answers.push(run[..from + found].matches('\n').count());
        from += found + piece.len();
    }
    let is_near = |line: &usize| answers.iter().any(|answer| answer.abs_diff(*line) <= AROUND);
    let lines = (0..run.lines().count()).filter(is_near);
    lines.map(|line| (line, answers.contains(&line))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_is_shown_where_it_answers_and_a_piece_is_looked_for_after_the_one_before() {
        let run: String = (0..20).map(|line| format!("line {line}\n")).collect();
        let shown = excerpt(&run, &["ine 3".to_owned(), "line 1".to_owned()]);
        let lines: Vec<usize> = shown.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 2, 3, 4, 5, 8, 9, 10, 11, 12]);
        let answers: Vec<usize> =
            shown.iter().filter(|(_, answers)| *answers).map(|(line, _)| *line).collect();
        assert_eq!(answers, [3, 10]);
    }
}
