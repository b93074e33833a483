//! The table of results: one line a case, under the name of its group.

use std::io::{self, Write};
use std::time::Duration;

use comfy_table::{Cell, CellAlignment, Row, Table, presets};
use conformance::ats::Verdict;

use crate::jobs::Outcome;
use crate::select::Group;
use crate::ui::output::{FAULT, QUIET, TITLE};

/// Writes the table. The outcomes stand in the order of the groups' cases.
pub(crate) fn write_table(
    out: &mut impl Write,
    groups: &[Group],
    outcomes: &[Outcome],
) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["case", "steps", "verdict", "time"]);
    let mut styles = vec![QUIET];

    let mut outcomes = outcomes.iter();
    for group in groups {
        table.add_row([group.title()]);
        styles.push(TITLE);
        for (case, outcome) in group.cases.iter().zip(outcomes.by_ref()) {
            table.add_row(case_row(&case.name, outcome));
            styles.push(if outcome.verdict.is_identical() { Default::default() } else { FAULT });
        }
    }
    if let Some(names) = table.column_mut(0) {
        names.set_padding((0, 1));
    }
    for column in [1, 3] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }

    // The table counts styles as width, so each line gets its style from outside.
    for (line, style) in table.lines().zip(styles) {
        writeln!(out, "{style}{}{style:#}", line.trim_end())?;
    }
    Ok(())
}

fn case_row(name: &str, outcome: &Outcome) -> Row {
    let (steps, verdict) = match &outcome.verdict {
        Verdict::Identical { steps } => (*steps, "identical"),
        Verdict::Differs(difference) => (difference.index, "differs"),
        Verdict::Missing(difference) => (difference.index, "ends early"),
        Verdict::Surplus(difference) => (difference.index, "goes on"),
    };
    Row::from([
        Cell::new(format!("  {name}")),
        Cell::new(steps),
        Cell::new(verdict),
        Cell::new(milliseconds(outcome.took)),
    ])
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}
