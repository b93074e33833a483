//! The user is the scheduler.

use std::cell::Cell;
use std::io::{BufRead, Write, stdin};
use std::rc::Rc;

use explorer::{Choice, Moment, TaskId, letter};

use super::ExploreArgs;
use super::columns::{Columns, write_columns};
use super::statement;
use super::subject::Subject;
use crate::error::Error;
use crate::ui::output::{FAULT, Output, QUIET, TITLE};
use crate::ui::wrap::width_of_stdout;

/// Asks at each place that matters, and tells at the end what came of it. True if it was a
/// violation.
pub(super) fn play(subject: &Subject, args: &ExploreArgs, out: &mut Output) -> Result<bool, Error> {
    statement::write_head(out, subject)?;
    writeln!(
        out,
        "{QUIET}Answer with the letter of a thread; an empty line takes the first one, and \"go\" \
         asks no more.{QUIET:#}"
    )?;
    out.flush()?;
    let asked = Rc::new(Cell::new(0u32));
    let player = Player { asked: Rc::clone(&asked), asks: Cell::new(true), seen: Cell::new(0) };
    let trace = subject.explorer().play(move |moment| player.choose(moment), subject.scene());
    let used = trace.schedule.interruptions();
    let columns = Columns { width: width_of_stdout(), numbers: !args.no_numbers };
    writeln!(out)?;
    write_columns(out, &trace, columns)?;
    writeln!(out)?;
    match &trace.violation {
        Some(violation) => writeln!(out, "{FAULT}violation:{FAULT:#} {violation}")?,
        None => writeln!(out, "{TITLE}no violation{TITLE:#}")?,
    }
    let (asked, schedule) = (asked.get(), &trace.schedule);
    writeln!(out, "you were asked {asked} times and interrupted a thread {used} times")?;
    let (name, options) = (&subject.name, subject.options());
    writeln!(out, "{QUIET}replay: atslab explore {name} {options}--schedule {schedule}{QUIET:#}")?;
    Ok(trace.violation.is_some())
}

/// Asks the user, on standard output, and reads from standard input.
struct Player {
    asked: Rc<Cell<u32>>,
    /// False after "go", and at the end of the input.
    asks: Cell<bool>,
    /// How many rows have been told.
    seen: Cell<usize>,
}

impl Player {
    fn choose(&self, moment: &Moment<'_>) -> TaskId {
        if !self.asks.get() {
            return moment.default;
        }
        self.asked.set(self.asked.get() + 1);
        // If standard output is gone, the answer still is.
        let _ = self.tell(moment);
        loop {
            let mut line = String::new();
            let is_over = !matches!(stdin().lock().read_line(&mut line), Ok(1..));
            let word = line.trim();
            if is_over || word == "go" {
                self.asks.set(false);
                return moment.default;
            }
            if word.is_empty() {
                return moment.default;
            }
            let is_meant = |choice: &&Choice| word == letter(choice.task).to_string();
            if let Some(choice) = moment.options.iter().find(is_meant) {
                return choice.task;
            }
            let letters: Vec<String> =
                moment.options.iter().map(|choice| letter(choice.task).to_string()).collect();
            let mut out = anstream::stdout();
            let _ = write!(out, "expected {}, found {word:?}: ", letters.join(" or "));
            let _ = out.flush();
        }
    }

    fn tell(&self, moment: &Moment<'_>) -> std::io::Result<()> {
        let mut out = anstream::stdout();
        for row in &moment.rows[self.seen.replace(moment.rows.len()).min(moment.rows.len())..] {
            if let explorer::What::Note(text) = &row.what {
                writeln!(out, "{QUIET}{}: {text}{QUIET:#}", letter(row.task))?;
            }
        }
        let mut options: Vec<&Choice> = moment.options.iter().collect();
        options.sort_by_key(|choice| choice.task != moment.default);
        let told: Vec<String> = options.iter().map(|choice| told(choice)).collect();
        let verb = if moment.interrupts { "go on with" } else { "next is" };
        write!(out, "{verb} {}? ", told.join(" or "))?;
        out.flush()
    }
}

fn told(choice: &Choice) -> String {
    let operation = format!("{:?}", choice.operation).to_lowercase();
    let at = if choice.object.is_empty() { String::new() } else { format!(" {}", choice.object) };
    format!("{} ({}: {operation}{at})", letter(choice.task), choice.name)
}
