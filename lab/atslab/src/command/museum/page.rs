//! The page of a room.

use std::io::Write;

use anstyle::Style;
use museum::{Armed, Room, Shown, Visit, exhibits};

use crate::command::explore::{Columns, write_columns};
use crate::error::Error;
use crate::ui::output::{FAULT, Output, QUIET, TITLE};
use crate::ui::wrap::{width_of_stdout, write_wrapped};

/// Where the text of a paragraph begins, after its word.
const BEGIN: usize = 8;

/// Writes the story of a room and what a visit has shown.
pub(super) fn write_page(
    out: &mut Output,
    room: &Room,
    visit: &Visit,
    numbers: bool,
) -> Result<(), Error> {
    writeln!(out, "{TITLE}{}: {}{TITLE:#}", room.id, room.title)?;
    writeln!(out, "{QUIET}releases: {}{QUIET:#}", room.releases)?;
    for (what, text) in [("saw", &room.saw), ("why", &room.why), ("mended", &room.mended)] {
        writeln!(out)?;
        write_paragraph(out, what, text)?;
    }
    writeln!(out)?;
    let longest = room.links.iter().map(|link| link.name.chars().count()).max().unwrap_or(0);
    for link in &room.links {
        writeln!(out, "{QUIET}{:longest$}{QUIET:#}  {}", link.name, link.url)?;
    }
    match &room.shown {
        Shown::Exhibit(name) => write_exhibit(out, name)?,
        Shown::Scenario { .. } | Shown::Scene(_) => write_visit(out, room, visit, numbers)?,
    }
    for surprise in &visit.surprises {
        writeln!(out, "{FAULT}surprise: {surprise}{FAULT:#}")?;
    }
    Ok(())
}

fn write_visit(out: &mut Output, room: &Room, visit: &Visit, numbers: bool) -> Result<(), Error> {
    if let Some(armed) = &visit.armed {
        writeln!(out)?;
        writeln!(out, "{TITLE}armed{TITLE:#}   {}", armed.words)?;
        write_armed(out, room, armed, numbers)?;
    }
    for armed in &visit.also {
        writeln!(out)?;
        writeln!(out, "{TITLE}also{TITLE:#}    behind that, in other schedules")?;
        write_armed(out, room, armed, numbers)?;
    }
    if !visit.holds_in.is_empty() {
        let (epochs, s) =
            (visit.holds_in.join(", "), if visit.holds_in.len() == 1 { "" } else { "s" });
        writeln!(out, "it holds in epoch{s} {epochs}")?;
    }
    writeln!(out)?;
    match &visit.fixed {
        Some(fixed) => {
            writeln!(out, "{TITLE}mended{TITLE:#}  {}", fixed.words)?;
            let bound = fixed.bound.map_or_else(String::new, |n| n.to_string());
            let n = fixed.schedules;
            writeln!(out, "{n} schedules, all with at most {bound} interruptions: clean")?;
            for sampled in &fixed.random {
                writeln!(
                    out,
                    "{} random schedules ({}): clean",
                    sampled.schedules, sampled.strategy
                )?;
            }
        }
        None if room.fixed.is_none() => writeln!(out, "open in every release")?,
        None => {}
    }
    Ok(())
}

/// A violation of the armed room, and its interleaving.
fn write_armed(out: &mut Output, room: &Room, armed: &Armed, numbers: bool) -> Result<(), Error> {
    let (after, s) = (armed.after, if armed.after == 1 { "" } else { "s" });
    writeln!(out, "found after {after} schedule{s}:")?;
    let violation = armed.violation.to_string();
    write_wrapped(out, 0, width_of_stdout(), violation.split(' ').map(|word| (FAULT, word)))?;
    let interruptions = match armed.interruptions {
        0 => "no interruption".to_owned(),
        1 => "1 interruption; with one less it does not come".to_owned(),
        n => format!("{n} interruptions; with one less it does not come"),
    };
    writeln!(out, "{interruptions}")?;
    writeln!(out, "{QUIET}schedule: {}{QUIET:#}", armed.schedule)?;
    if let Ok(trace) = room.trace(armed) {
        writeln!(out)?;
        let columns = Columns { width: width_of_stdout(), numbers };
        write_columns(out, &trace, columns)?;
    }
    Ok(())
}

fn write_exhibit(out: &mut Output, name: &str) -> Result<(), Error> {
    let Some(exhibit) = exhibits::named(name) else { return Ok(()) };
    writeln!(out)?;
    writeln!(out, "{TITLE}the exhibit{TITLE:#}")?;
    for line in exhibit.program.lines() {
        writeln!(out, "    {line}")?;
    }
    writeln!(out, "{FAULT}{}{FAULT:#}", exhibit.error)?;
    Ok(())
}

/// A paragraph that hangs behind a word.
fn write_paragraph(out: &mut Output, word: &str, text: &str) -> Result<(), Error> {
    write!(out, "{TITLE}{word:BEGIN$}{TITLE:#}")?;
    write_wrapped(out, BEGIN, width_of_stdout(), text.split(' ').map(|word| (Style::new(), word)))?;
    Ok(())
}
