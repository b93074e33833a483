//! The first difference of a case: the real server's steps on the left, the
//! port's on the right, with the steps around it.

use std::io::{self, Write};

use anstyle::Style;
use conformance::ats::Verdict;
use conformance::ats::compare::{Difference, Excerpt, Numbered};

use crate::ui::output::{FAULT, QUIET, SERVER, TITLE};

/// Writes the first difference, if there is one.
pub(crate) fn write_difference(
    out: &mut impl Write,
    case: &str,
    verdict: &Verdict,
) -> io::Result<()> {
    let (difference, what) = match verdict {
        Verdict::Identical { .. } => return Ok(()),
        Verdict::Differs(difference) => (difference, "the port takes another step"),
        Verdict::Missing(difference) => (difference, "the port ends, and the real server goes on"),
        Verdict::Surplus(difference) => (difference, "the real server ends, and the port goes on"),
    };
    let steps = match difference.index {
        1 => "1 identical step".to_owned(),
        count => format!("{count} identical steps"),
    };
    writeln!(out, "\n{TITLE}{case}{TITLE:#}: after {steps}, {what}\n")?;
    write_sides(out, difference)
}

fn write_sides(out: &mut impl Write, difference: &Difference) -> io::Result<()> {
    let left = Column::new("line", "real server", "(the recording ends)", &difference.recorded);
    let right = Column::new("step", "port", "(the port ends)", &difference.port);

    let title = |side: &Column| format!("    {}", side.pad(side.unit, side.title));
    writeln!(out, "{QUIET}{}{}{QUIET:#}", title(&left), title(&right).trim_end())?;
    for row in 0..left.rows.len().max(right.rows.len()) {
        let line = format!("{}{}", left.line(row, SERVER), right.line(row, FAULT));
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// One side of the view, ready to be laid out.
struct Column {
    unit: &'static str,
    title: &'static str,
    rows: Vec<(String, String)>,
    /// The row of the step that differs.
    marked: usize,
    number_width: usize,
    step_width: usize,
}

impl Column {
    fn new(unit: &'static str, title: &'static str, end: &str, excerpt: &Excerpt) -> Column {
        let row = |numbered: &Numbered| (numbered.number.to_string(), numbered.step.to_string());
        let mut rows: Vec<_> = excerpt.before.iter().map(row).collect();
        rows.push(excerpt.here.as_ref().map_or_else(|| (String::new(), end.to_owned()), row));
        rows.extend(excerpt.after.iter().map(row));

        let widest = |least: &str, widths: &mut dyn Iterator<Item = usize>| {
            widths.max().unwrap_or(0).max(least.len())
        };
        Column {
            unit,
            title,
            marked: excerpt.before.len(),
            number_width: widest(unit, &mut rows.iter().map(|(number, _)| number.len())),
            step_width: widest(title, &mut rows.iter().map(|(_, step)| step.len())),
            rows,
        }
    }

    /// One line of this side. The mark makes the place clear without colours too.
    fn line(&self, row: usize, marked: Style) -> String {
        let Some((number, step)) = self.rows.get(row) else {
            return format!("    {}", self.pad("", ""));
        };
        let text = self.pad(number, step);
        if row != self.marked {
            return format!("    {text}");
        }
        let shown = text.trim_end();
        let spaces = text.len() - shown.len();
        format!("{marked}  > {shown}{marked:#}{:spaces$}", "")
    }

    fn pad(&self, number: &str, step: &str) -> String {
        format!("{number:>0$}  {step:<1$}", self.number_width, self.step_width)
    }
}
