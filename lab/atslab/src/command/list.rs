//! `atslab list`: what there is, with what it means.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use conformance::ats::http_scenario::{http_named, http_names, net_names};
use conformance::ats::live::Release;
use conformance::ats::{Epoch, Suite, gallery};
use conformance::deviations::Deviations;
use httpsm::plugins::Plugin;
use pluginvc::{Corrections, defects};

use crate::command::explore::BLOCKING_SIGNAL;
use crate::error::Error;
use crate::ui::output::{Output, QUIET, TITLE};

/// The arguments of `atslab list`.
#[derive(Debug, Args)]
#[command(after_help = LIST_EXAMPLES)]
pub(crate) struct ListArgs {
    /// List only these
    #[arg(value_enum, value_name = "WHAT")]
    pub what: Vec<What>,
}

/// What can be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum What {
    /// The epochs of PluginVC, and the releases that they are compared with
    Epochs,
    /// The scenarios of the gallery, which "atslab run" takes by name
    Scenarios,
    /// The HTTP scenarios of the gallery, which "atslab run" takes by name
    Http,
    /// The scenarios of a NetVC in the gallery, which "atslab run" takes by name
    Net,
    /// The races of the gallery, which "atslab explore" takes by name
    Races,
    /// The historical defects that "atslab explore --rearm" puts back
    Defects,
    /// The rooms of "atslab museum"
    Rooms,
    /// The bugs of the releases that "atslab explore --correct" switches off
    Corrections,
    /// The recorded cases, which "atslab compare --case" and "atslab steps --case" take
    Cases,
    /// The plugins of "atslab serve"
    Plugins,
    /// The known differences from the real programs
    Deviations,
}

const LIST_EXAMPLES: &str = "\
Examples:
  atslab list
  atslab list scenarios | grep -i timeout
  atslab list epochs plugins";

/// Prints the lists that are meant, or all of them.
pub(crate) fn list(args: &ListArgs, out: &mut Output) -> Result<ExitCode, Error> {
    let all = What::value_variants();
    let meant = if args.what.is_empty() { all } else { &args.what };
    for (at, what) in meant.iter().enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        match what {
            What::Epochs => write_epochs(out)?,
            What::Scenarios => write_scenarios(out)?,
            What::Http => write_http(out, "HTTP scenarios", http_names())?,
            What::Net => write_http(out, "Scenarios of a NetVC", net_names())?,
            What::Races => write_races(out)?,
            What::Defects => write_defects(out)?,
            What::Rooms => write_rooms(out)?,
            What::Corrections => write_corrections(out)?,
            What::Cases => write_cases(out)?,
            What::Plugins => write_plugins(out)?,
            What::Deviations => write_deviations(out)?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn write_epochs(out: &mut Output) -> io::Result<()> {
    let rows = Epoch::ALL.iter().map(|&epoch| {
        let release = Release::from(epoch);
        let others = Release::KNOWN.into_iter().filter(|other| other.epoch() == epoch);
        let others: Vec<String> =
            others.filter(|other| !other.is_recorded()).map(|other| other.to_string()).collect();
        let others = match &others[..] {
            [] => String::new(),
            some => format!("; {} take the same steps", some.join(" and ")),
        };
        let runs = if Release::RUNNABLE.contains(&release) { ", which --live can run" } else { "" };
        (
            epoch.name().to_owned(),
            format!("{}; compared with {release}{runs}{others}", epoch.what()),
        )
    });
    write_rows(out, "Epochs", rows.collect())
}

fn write_scenarios(out: &mut Output) -> io::Result<()> {
    let rows = gallery::names().filter_map(|name| {
        let scenario = gallery::named(name)?;
        Some((name.to_owned(), scenario.teaches))
    });
    write_rows(out, "Scenarios", rows.collect())
}

fn write_http(
    out: &mut Output,
    title: &str,
    names: impl Iterator<Item = String>,
) -> io::Result<()> {
    let rows = names.filter_map(|name| {
        let teaches = http_named(&name)?.teaches;
        Some((name, teaches))
    });
    write_rows(out, title, rows.collect())
}

fn write_races(out: &mut Output) -> io::Result<()> {
    let rows = gallery::race_names().filter_map(|name| {
        let race = gallery::race(name)?;
        Some((name.to_owned(), race.teaches))
    });
    write_rows(out, "Races", rows.collect())
}

fn write_defects(out: &mut Output) -> io::Result<()> {
    let rows = defects::all().map(|defect| {
        let text =
            format!("{}, {} to {}: {}", defect.id, defect.first, defect.last, defect.symptom);
        (defect.name.to_owned(), text)
    });
    write_rows(out, "Defects", rows.collect())
}

fn write_rooms(out: &mut Output) -> io::Result<()> {
    let rows = museum::rooms().iter().map(|room| (room.id.clone(), room.title.clone()));
    write_rows(out, "Rooms", rows.collect())
}

fn write_corrections(out: &mut Output) -> io::Result<()> {
    let of_pair = Corrections::NAMES.iter().map(|&name| {
        let text = format!("pluginvc::Corrections::{}", name.replace('-', "_"));
        (name.to_owned(), text)
    });
    let signal = (BLOCKING_SIGNAL.to_owned(), "eventsys::WakePolicy::Blocking".to_owned());
    write_rows(out, "Corrections", of_pair.chain([signal]).collect())
}

fn write_cases(out: &mut Output) -> io::Result<()> {
    for &suite in Suite::ALL {
        let rows = suite.cases().iter().map(|case| {
            let text = format!(
                "active writes {} and reads {}; passive writes {} and reads {}",
                case.active.nbytes_write,
                case.active.nbytes_read,
                case.passive.nbytes_write,
                case.passive.nbytes_read
            );
            (case.name.clone(), text)
        });
        write_rows(out, &format!("Cases, {suite}"), rows.collect())?;
    }
    Ok(())
}

fn write_plugins(out: &mut Output) -> io::Result<()> {
    let row = |plugin: &Plugin| {
        (plugin.name().to_owned(), format!("{}: {}", plugin.paths(), plugin.what()))
    };
    write_rows(out, "Plugins", Plugin::ALL.iter().map(row).collect())
}

fn write_deviations(out: &mut Output) -> io::Result<()> {
    let registers = [
        ("in the steps of Traffic Server", Deviations::ats()),
        ("that explorations of random races show", Deviations::races()),
        ("in its answers over TCP", Deviations::http()),
        ("in HTTP scenarios", Deviations::http_scenarios()),
        ("in the calls of compiled plugins, which are masked", Deviations::plugins()),
        ("in node's stream layer", Deviations::node()),
    ];
    for (place, register) in registers {
        let rows = register.deviation.iter();
        let rows = rows.map(|entry| (entry.name.clone(), entry.what.clone()));
        write_rows(out, &format!("Deviations {place}"), rows.collect())?;
    }
    Ok(())
}

fn write_rows(out: &mut Output, title: &str, rows: Vec<(String, String)>) -> io::Result<()> {
    writeln!(out, "{TITLE}{title}{TITLE:#}")?;
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, text) in rows {
        writeln!(out, "  {name:width$}  {QUIET}{text}{QUIET:#}")?;
    }
    Ok(())
}
