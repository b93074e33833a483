//! `atslab compare --http`: HTTP scenarios on the port, beside what the real server did or does.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use conformance::ats::http_scenario::{
    HttpArm, HttpDifference, explain_http, http_differ, play_on_port, recorded_http,
};
use conformance::ats::live::{Probe, Release};
use conformance::ats::scenario::http::{HttpReport, HttpScenario};
use serde_json::{Value, json};

use super::{CompareArgs, DIFFERS};
use crate::command::run::{http_files_or_gallery, mirrored};
use crate::error::Error;
use crate::ui::output::{FAULT, Output, TITLE};
use crate::ui::progress;

/// What came out of a scenario.
struct Compared {
    name: String,
    /// How much the participants have seen in the real server.
    events: usize,
    difference: Option<HttpDifference>,
    /// The registered deviation that explains it.
    known: Option<String>,
}

/// Where the real server's reports are from.
enum Real {
    Recorded(BTreeMap<String, HttpReport>),
    Live(Box<HttpArm>),
}

impl Real {
    fn of(args: &CompareArgs) -> Result<Real, Error> {
        if !args.live {
            return Ok(Real::Recorded(recorded_http()));
        }
        let server = args.servers.find(args.which.ats.unwrap_or_else(mirrored))?;
        Error::unless_mirrored(server.release())?;
        let own = args.servers.with_headers(std::slice::from_ref(&server));
        let probe = Arc::new(Probe::of_http(&own)?);
        Ok(Real::Live(Box::new(HttpArm::new(&server, &probe))))
    }

    fn release(&self) -> Release {
        match self {
            Real::Recorded(_) => mirrored(),
            Real::Live(arm) => arm.server().release(),
        }
    }

    fn report(&mut self, name: &str, scenario: &HttpScenario) -> Result<HttpReport, Error> {
        match self {
            Real::Live(arm) => Ok(arm.play(scenario)?),
            Real::Recorded(all) => all.get(name).cloned().ok_or_else(|| Error::Line {
                place: name.to_owned(),
                fault:
                    "expected a scenario of the gallery, whose run was recorded; --live asks the \
                        real server"
                        .to_owned(),
            }),
        }
    }
}

/// Compares the scenarios of `files`, or the gallery, and gives the exit status.
pub(super) fn compare(
    args: &CompareArgs,
    files: &[PathBuf],
    out: &mut Output,
) -> Result<ExitCode, Error> {
    Error::unless_http(&args.which)?;
    let scenarios = http_files_or_gallery(files)?;
    let mut real = Real::of(args)?;
    let release = real.release();
    let bar = progress::bar(scenarios.len() as u64, "{bar:30} {pos} of {len} scenarios");
    let mut all = Vec::new();
    for (name, scenario) in scenarios {
        let report = real.report(&name, &scenario)?;
        let events = report.actors.iter().map(|actor| actor.events.len()).sum();
        let difference = http_differ(&report, &play_on_port(&scenario));
        let known = difference.as_ref().and_then(|it| explain_http(release, &scenario, it));
        all.push(Compared { name, events, difference, known });
        bar.inc(1);
    }
    bar.finish_and_clear();
    match args.format {
        Some(_) => write_json(out, release, &all)?,
        None => write_text(out, release, &all)?,
    }
    let differs = all.iter().any(|one| one.difference.is_some() && one.known.is_none());
    Ok(if differs { ExitCode::from(DIFFERS) } else { ExitCode::SUCCESS })
}

fn write_text(out: &mut Output, release: Release, all: &[Compared]) -> io::Result<()> {
    writeln!(out, "{TITLE}{release}, HTTP scenarios{TITLE:#}")?;
    let width = all.iter().map(|one| one.name.chars().count()).max().unwrap_or(0);
    for Compared { name, events, difference, known } in all {
        write!(out, "  {name:width$}  {events:5} events  ")?;
        match (difference, known) {
            (None, _) => writeln!(out, "same")?,
            (Some(_), Some(known)) => writeln!(out, "registered: {known}")?,
            (Some(_), None) => writeln!(out, "{FAULT}differs{FAULT:#}")?,
        }
    }
    for Compared { name, difference, known, .. } in all {
        if let Some(difference) = difference.as_ref().filter(|_| known.is_none()) {
            write!(out, "\n{FAULT}{name}{FAULT:#}\n{difference}")?;
        }
    }
    let same = all.iter().filter(|one| one.difference.is_none());
    let (count, events) = same.fold((0, 0), |(n, sum), one| (n + 1, sum + one.events));
    writeln!(out)?;
    let registered = all.iter().filter(|one| one.known.is_some()).count();
    if registered > 0 {
        writeln!(out, "registered deviations: {registered}")?;
    }
    writeln!(out, "same: {count} of {} scenarios, {events} events", all.len())
}

/// The format `atslab-http-compare`, version 1.
fn write_json(out: &mut Output, release: Release, all: &[Compared]) -> io::Result<()> {
    let scenario = |one: &Compared| {
        let verdict = match (&one.difference, &one.known) {
            (None, _) => "same",
            (Some(_), Some(_)) => "registered",
            (Some(_), None) => "differs",
        };
        let difference = one
            .difference
            .as_ref()
            .map(|it| json!({ "participant": it.who, "real": it.real, "port": it.port }));
        json!({
            "name": one.name,
            "verdict": verdict,
            "events": one.events,
            "deviation": one.known,
            "difference": difference,
        })
    };
    let object = json!({
        "format": "atslab-http-compare",
        "version": 1,
        "release": release.to_string(),
        "same": all.iter().filter(|one| one.difference.is_none()).count(),
        "scenarios": all.iter().map(scenario).collect::<Vec<Value>>(),
    });
    writeln!(out, "{object}")
}
