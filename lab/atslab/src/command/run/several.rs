//! `atslab run --epoch all`: prints once what is the same in several epochs, and
//! side by side what differs.

use std::io::{self, Write};

use conformance::ats::scenario::Scenario;

use super::{Run, write_head, write_outcome, write_story};
use crate::ui::output::{Output, TITLE};
use crate::ui::side_by_side::write_side_by_side;

/// The runs of several epochs that take the same steps.
struct Alike<'a> {
    runs: Vec<&'a Run>,
    lines: Vec<String>,
}

impl Alike<'_> {
    /// `B, C`.
    fn letters(&self) -> String {
        let letters: Vec<_> = self.runs.iter().map(|run| run.epoch.name()).collect();
        letters.join(", ")
    }

    /// `epochs B (8.1.11) and C (9.1.3)`.
    fn names(&self) -> String {
        let name = |run: &&Run| format!("{} ({})", run.epoch, run.epoch.release());
        let names: Vec<_> = self.runs.iter().map(name).collect();
        match names.as_slice() {
            [only] => format!("epoch {only}"),
            [most @ .., last] => format!("epochs {} and {last}", most.join(", ")),
            [] => String::new(),
        }
    }
}

/// Writes the runs of `scenario`, equal runs together: the first with all its steps,
/// each further one by what differs from the one before. With a width, each is told as a
/// story.
pub(super) fn write(
    out: &mut Output,
    name: &str,
    scenario: &Scenario,
    runs: &[Run],
    story: Option<usize>,
) -> io::Result<()> {
    let mut groups: Vec<Alike<'_>> = Vec::new();
    for run in runs {
        let lines = run.lines();
        match groups.iter_mut().find(|group| group.lines == lines) {
            Some(group) => group.runs.push(run),
            None => groups.push(Alike { runs: vec![run], lines }),
        }
    }
    if let Some(width) = story {
        write_head(out, &scenario.title, &scenario.teaches, width)?;
    } else {
        writeln!(out, "{TITLE}{name}: {}{TITLE:#}", scenario.title)?;
    }
    for (at, group) in groups.iter().enumerate() {
        writeln!(out, "\n{TITLE}{}: {} steps{TITLE:#}", group.names(), group.lines.len())?;
        if let Some(width) = story {
            write_story(out, &group.runs[0].story(scenario), width)?;
        } else if at == 0 {
            group.lines.iter().try_for_each(|line| writeln!(out, "  {line}"))?;
        }
        if let Some(before) = at.checked_sub(1).map(|before| &groups[before]) {
            let titles = [before.letters(), group.letters()];
            let titles = [titles[0].as_str(), titles[1].as_str()];
            write_side_by_side(out, titles, &before.lines, &group.lines)?;
        }
        write_outcome(out, &group.runs[0].outcome)?;
    }
    if groups.len() == 1 {
        writeln!(out, "\nNothing differs between them.")?;
    }
    Ok(())
}
