//! The user is the scheduler.

use std::cell::Cell;
use std::io::{BufRead, IsTerminal, Write, stdin};
use std::rc::Rc;

use explorer::{Choice, Moment, Operation, TaskId, letter};
use scenario_explored::ForeignThread;

use super::ExploreArgs;
use super::columns::{Columns, cut, write_columns};
use super::rows::next;
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
        "{QUIET}Behind each thread stands what it would do next. Answer with its letter; an empty \
         line takes the first one, and \"go\" asks no more.{QUIET:#}"
    )?;
    out.flush()?;
    let asked = Rc::new(Cell::new(0u32));
    let columns = Columns { width: width_of_stdout(), numbers: !args.no_numbers };
    let asks = Cell::new(true);
    let programs = programs(subject);
    let player = Player { asked: Rc::clone(&asked), asks, seen: Cell::new(0), columns, programs };
    let trace = subject.explorer().play(move |moment| player.choose(moment), subject.scene());
    let used = trace.schedule.interruptions();
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

/// The threads of the scenario, each with its operations.
fn programs(subject: &Subject) -> Vec<(String, String)> {
    let threads = subject.scenario().race.map(|race| race.threads).unwrap_or_default();
    let program = |thread: ForeignThread| {
        let does: Vec<String> = thread.does.iter().map(ToString::to_string).collect();
        (thread.name, does.join(", "))
    };
    threads.into_iter().map(program).collect()
}

/// Asks the user, on standard output, and reads from standard input.
struct Player {
    asked: Rc<Cell<u32>>,
    /// False after "go", and at the end of the input.
    asks: Cell<bool>,
    /// How many rows have been told.
    seen: Cell<usize>,
    columns: Columns,
    /// The threads of the scenario, each with its operations.
    programs: Vec<(String, String)>,
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
            if !stdin().is_terminal() {
                // Else the answer of a file, or of a pipe, is not seen.
                let _ = writeln!(anstream::stdout(), "{word}");
            }
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

    /// What the thread is there for, if it has not begun.
    fn program_of(&self, choice: &Choice) -> Option<&str> {
        let is_its = |(name, _): &&(String, String)| *name == choice.name;
        let own = self.programs.iter().find(is_its);
        own.filter(|_| choice.operation == Operation::Begin).map(|(_, program)| &**program)
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
        let name = |choice: &Choice| format!("T{} {}", choice.task + 1, choice.name);
        let width = options.iter().map(|choice| name(choice).chars().count()).max().unwrap_or(0);
        for &choice in &options {
            let next = match self.program_of(choice) {
                Some(program) => format!("begins: {program}"),
                None => next(choice, self.columns.numbers),
            };
            let line = format!("  {}  {:width$}  {next}", letter(choice.task), name(choice));
            writeln!(out, "{}", cut(&line, self.columns.width))?;
        }
        let letters: Vec<String> =
            options.iter().map(|choice| letter(choice.task).to_string()).collect();
        let verb = if moment.interrupts { "go on with" } else { "next is" };
        write!(out, "{verb} {}? ", letters.join(" or "))?;
        out.flush()
    }
}
