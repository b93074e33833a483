//! `atslab museum`: historical defects, put back and found, mended and proven absent.

mod page;

use std::io::{self, Write};
use std::num::NonZero;
use std::ops::ControlFlow;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use comfy_table::{CellAlignment, Table, presets};
use conformance::pool;
use eventsys::steps::excerpt;
use museum::{Room, Visit, Wing, Work};
use serde_json::{Value, json};

use crate::error::Error;
use crate::select::close_to;
use crate::ui::output::{FAULT, Output, QUIET, TITLE};
use crate::ui::progress;

/// The exit status if a room is not as it says.
const SURPRISED: u8 = 1;

/// The arguments of `atslab museum`.
#[derive(Debug, Args)]
#[command(after_help = MUSEUM_EXAMPLES)]
pub(crate) struct MuseumArgs {
    /// Open this room only ("atslab list rooms"): its story, the schedule that shows the defect, how it was mended
    #[arg(value_name = "ROOM")]
    pub room: Option<String>,

    /// Prove more: many random schedules, and one interruption more where that is cheap
    #[arg(long)]
    pub verify: bool,

    /// Run a mended room under so many random schedules of each kind [default: 1000, or 100000
    /// with --verify]
    #[arg(long, value_name = "N")]
    pub schedules: Option<u64>,

    /// Open so many rooms at the same time [default: one for each processor]
    #[arg(long, short, value_name = "N", conflicts_with = "room")]
    pub jobs: Option<NonZero<usize>>,

    /// Print for people, or JSON for tools
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,

    /// Name places without line numbers, for a text that outlives a change of the sources
    #[arg(long, requires = "room", conflicts_with = "format")]
    pub no_numbers: bool,
}

/// The ways to print what a visit has shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    // No help for the values: it would say what their names say.
    #[default]
    Text,
    Json,
}

const MUSEUM_EXAMPLES: &str = "\
A room shows one defect. The machine puts it back, and looks for the thread schedule with
the fewest interruptions that leads to what users saw. Then it mends the code, and runs
every schedule with at most two interruptions and random ones: nothing may be found. What
does not come out as the room says is a surprise.

Examples:
  atslab museum
  atslab museum ts-3339
  atslab museum --verify --schedules 1000000
  atslab museum --format json | jq '.rooms[] | select(.surprises != [])'

Exit status: 0 if there is no surprise, 1 if there is one, 2 on errors.";

/// Random schedules of each kind, unless the user says another number.
const FEW: u64 = 1_000;
/// As [`FEW`], with `--verify`.
const MANY: u64 = 100_000;

impl MuseumArgs {
    fn work(&self) -> Work {
        let usual = if self.verify { MANY } else { FEW };
        let random = self.schedules.unwrap_or(usual);
        Work { random, deeper: self.verify, ..Work::default() }
    }
}

/// Opens the rooms that are meant.
pub(crate) fn museum(args: &MuseumArgs, out: &mut Output) -> Result<ExitCode, Error> {
    let rooms: Vec<&'static Room> = match &args.room {
        None => museum::rooms().iter().collect(),
        Some(id) => vec![museum::room(&id.to_lowercase()).ok_or_else(|| unknown(id))?],
    };
    let visits = visit(&rooms, args);
    match (args.format, args.room.is_some()) {
        (Format::Json, _) => write_json(out, &rooms, &visits)?,
        (Format::Text, true) => page::write_page(out, rooms[0], &visits[0], !args.no_numbers)?,
        (Format::Text, false) => write_table(out, &rooms, &visits)?,
    }
    Ok(ExitCode::from(if surprises(&visits) == 0 { 0 } else { SURPRISED }))
}

fn unknown(id: &str) -> Error {
    let names = museum::rooms().iter().map(|room| room.id.as_str());
    let (place, close) = ("museum".to_owned(), close_to(id, names));
    Error::Unknown { place, kind: "room", name: excerpt(id), close }
}

/// Visits each room once, several at a time, and gives the visits in the order of the rooms.
fn visit(rooms: &[&'static Room], args: &MuseumArgs) -> Vec<Visit> {
    let work = args.work();
    let bar = progress::bar(rooms.len() as u64, "{bar:30} {pos} of {len} rooms  {wide_msg}");
    let mut visits: Vec<(usize, Visit)> = Vec::new();
    let workers = vec![(); pool::size(args.jobs, rooms.len())];
    let open = |_: &mut (), at: usize| (at, rooms[at].visit(&work));
    pool::run(0..rooms.len(), workers, open, |(at, visit)| {
        bar.set_message(visit.room.clone());
        bar.inc(1);
        visits.push((at, visit));
        ControlFlow::Continue(())
    });
    bar.finish_and_clear();
    visits.sort_by_key(|(at, _)| *at);
    visits.into_iter().map(|(_, visit)| visit).collect()
}

/// The result for tools: `atslab-museum`, version 1; see `docs/schema`.
fn write_json(out: &mut Output, rooms: &[&Room], visits: &[Visit]) -> Result<(), Error> {
    let all = rooms.iter().zip(visits).map(|(room, visit)| {
        json!({
            "room": room.id,
            "title": room.title,
            "wing": room.wing,
            "releases": room.releases,
            "links": room.links,
            "explored": room.is_explored(),
            "armed": visit.armed,
            "also": visit.also,
            "holds_in": visit.holds_in,
            "fixed": visit.fixed,
            "surprises": visit.surprises,
        })
    });
    let all: Vec<Value> = all.collect();
    let object = json!({
        "format": "atslab-museum",
        "version": 1,
        "rooms": all,
        "surprises": surprises(visits),
    });
    writeln!(out, "{object}")?;
    Ok(())
}

fn surprises(visits: &[Visit]) -> usize {
    visits.iter().map(|visit| visit.surprises.len()).sum()
}

fn write_table(out: &mut impl Write, rooms: &[&Room], visits: &[Visit]) -> io::Result<()> {
    let mut table = Table::new();
    let header = ["room", "what", "armed: found after", "time", "mended: all up to", "random"];
    table.load_style(presets::NOTHING).set_header(header);
    let mut styles = vec![QUIET];
    let mut wing = None;
    for (room, visit) in rooms.iter().zip(visits) {
        if wing.replace(room.wing) != Some(room.wing) {
            table.add_row([wing_title(room.wing)]);
            styles.push(TITLE);
        }
        table.add_row(row(room, visit));
        let is_fault = !visit.surprises.is_empty();
        styles.push(if is_fault { FAULT } else { Default::default() });
    }
    for column in [2, 3, 4, 5] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    if let Some(names) = table.column_mut(0) {
        names.set_padding((0, 1));
    }
    // The table counts styles as width, so each line gets its style from outside.
    for (line, style) in table.lines().zip(styles) {
        writeln!(out, "{style}{}{style:#}", line.trim_end())?;
    }
    writeln!(out)?;
    for visit in visits {
        for surprise in &visit.surprises {
            writeln!(out, "{FAULT}{}: {surprise}{FAULT:#}", visit.room)?;
        }
    }
    let explored = rooms.iter().filter(|room| room.is_explored()).count();
    let (all, exhibits) = (rooms.len(), rooms.len() - explored);
    let (surprises, s) = match surprises(visits) {
        1 => (1, ""),
        n => (n, "s"),
    };
    writeln!(
        out,
        "{all} rooms: {explored} explored, {exhibits} with the compiler's error; \
         {surprises} surprise{s}"
    )
}

fn row(room: &Room, visit: &Visit) -> [String; 6] {
    let (mut found, mut time) = (String::from("–"), String::new());
    if let Some(armed) = &visit.armed {
        (found, time) = (armed.after.to_string(), format!("{:.2} s", armed.seconds));
    }
    let (mut all, mut random) = (String::from("–"), String::new());
    if let Some(fixed) = &visit.fixed {
        let bound = fixed.bound.map_or_else(String::new, |bound| format!(" (≤{bound})"));
        all = format!("{}{bound}", fixed.schedules);
        let n: u64 = fixed.random.iter().map(|sampled| sampled.schedules).sum();
        random = format!("{n} clean");
    } else if !room.is_explored() {
        found = "does not compile".to_owned();
    }
    let title = if visit.holds_in.is_empty() {
        room.title.clone()
    } else {
        format!("{} ({})", room.title, visit.holds_in.join(" "))
    };
    [format!("  {}", room.id), title, found, time, all, random]
}

fn wing_title(wing: Wing) -> &'static str {
    match wing {
        Wing::Pair => "PluginVC",
        Wing::Events => "The event system and buffers",
        Wing::Http => "The HTTP state machine",
        Wing::Open => "Open in today's server",
        Wing::Remarks => "Remarks in the original's text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(surprises: &[&str]) -> String {
        let rooms = ["ts-3404", "ts-3522"].map(|id| museum::room(id).expect("a room"));
        let work = Work { random: 10, ..Work::default() };
        let mut visits = rooms.map(|room| room.visit(&work));
        visits[1].surprises.extend(surprises.iter().map(|&surprise| surprise.to_owned()));
        let mut out = Vec::new();
        write_table(&mut out, &rooms, &visits).expect("written");
        anstream::adapter::strip_str(&String::from_utf8(out).expect("text")).to_string()
    }

    #[test]
    fn a_surprise_stands_under_the_table_and_is_counted() {
        let end = "2 rooms: 2 explored, 0 with the compiler's error; ";
        assert!(table(&[]).ends_with(&format!("20 clean\n\n{end}0 surprises\n")));
        let table = table(&["it is gone"]);
        let end = format!("\n\nts-3522: it is gone\n{end}1 surprise\n");
        assert!(table.ends_with(&end), "{table}");
    }
}
