//! An interleaving as columns: one for each thread, time downwards.

use std::io::{self, Write};

use anstyle::Style;
use explorer::{TaskId, Trace};

use super::rows::{Line, lines};
use crate::ui::output::{FAULT, QUIET, TITLE};
use crate::ui::wrap::write_wrapped;

/// How columns are drawn.
#[derive(Clone, Copy)]
pub(crate) struct Columns {
    /// Of the page.
    pub(crate) width: usize,
    /// Places have line numbers.
    pub(crate) numbers: bool,
}

/// The least width of a column: with less, no source line could be read.
const LEAST: usize = 36;
const GAP: usize = 2;

/// Draws the rows of a trace that matter.
pub(crate) fn write_columns(
    out: &mut impl Write,
    trace: &Trace,
    columns: Columns,
) -> io::Result<()> {
    let (lines, hidden) = lines(trace);
    let mut tasks: Vec<TaskId> = lines.iter().flatten().map(Line::task).collect();
    tasks.sort_unstable();
    tasks.dedup();
    let all = tasks.len().max(1);
    let width = ((columns.width + GAP) / all).saturating_sub(GAP).max(LEAST);
    let column = |task: TaskId| tasks.iter().position(|&known| known == task).unwrap_or(0);
    let blank = |at: usize| " ".repeat(at * (width + GAP));

    let name = |&task: &TaskId| {
        let name = trace.tasks.get(usize::from(task)).map_or("", String::as_str);
        format!("T{} {name}", task + 1)
    };
    let heads: Vec<String> = tasks.iter().map(|task| format!("{:width$}", name(task))).collect();
    let gap = " ".repeat(GAP);
    writeln!(out, "{TITLE}{}{TITLE:#}", heads.join(&gap).trim_end())?;

    let mut last: Option<TaskId> = None;
    for line in &lines {
        let Some(line) = line else {
            writeln!(out, "{QUIET}{}⋮{QUIET:#}", blank(last.map_or(0, column)))?;
            continue;
        };
        let at = column(line.task());
        if let Some(before) = last.replace(line.task()).map(column)
            && before != at
        {
            write_change(out, before, at, width)?;
        }
        let text = line.text(columns.numbers);
        let style = match line {
            line if line.is_violation() => FAULT,
            line if line.is_note() => TITLE,
            _ => Style::new(),
        };
        if line.is_violation() || line.is_note() {
            write!(out, "{}", blank(at))?;
            let begin = at * (width + GAP);
            let words = text.split(' ').map(|word| (style, word));
            write_wrapped(out, begin, begin + width, words)?;
        } else {
            writeln!(out, "{}{style}{}{style:#}", blank(at), cut(&text, width))?;
        }
    }
    writeln!(out, "{QUIET}{hidden} operations are left out{QUIET:#}")
}

/// Another thread goes on.
fn write_change(out: &mut impl Write, from: usize, to: usize, width: usize) -> io::Result<()> {
    let (left, right) = (from.min(to), from.max(to));
    let (begin, end) = (left * (width + GAP), right * (width + GAP));
    let line = match from < to {
        true => format!("{}{}╲", " ".repeat(begin), "─".repeat(end - begin - 1)),
        false => format!("{}╱{}", " ".repeat(begin + width), "─".repeat(end - begin - 1)),
    };
    writeln!(out, "{QUIET}{line}{QUIET:#}")
}

/// The text in so many columns.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width - 1).collect();
    format!("{}…", kept.trim_end())
}
