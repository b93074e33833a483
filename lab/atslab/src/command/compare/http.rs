//! `atslab compare --http` and `--net`: HTTP scenarios and those of a NetVC on the port, beside what
//! the real server did or does.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use conformance::ats::http_scenario::{
    HttpArm, HttpDifference, explain_http, http_differ, http_named, is_mirrored_in, net_names,
    record_on_port_as, recorded_http, recorded_net,
};
use conformance::ats::live::{Probe, Release};
use conformance::ats::scenario::http::{HttpReport, HttpScenario};
use serde_json::{Value, json};

use super::{CompareArgs, DIFFERS};
use crate::command::run::http_files_or_gallery;
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
    Recorded(Release, BTreeMap<String, HttpReport>),
    Live(Box<HttpArm>),
}

impl Real {
    fn of(args: &CompareArgs, release: Release) -> Result<Real, Error> {
        if !args.live {
            let of_netvc = args.net.as_ref().and_then(|_| recorded_net(release));
            return Ok(Real::Recorded(release, of_netvc.unwrap_or_else(recorded_http)));
        }
        let server = args.servers.find(release)?;
        let own = args.servers.with_headers(std::slice::from_ref(&server));
        let probe = Arc::new(Probe::of_http(&own)?);
        Ok(Real::Live(Box::new(HttpArm::new(&server, &probe))))
    }

    fn release(&self) -> Release {
        match self {
            Real::Recorded(release, _) => *release,
            Real::Live(arm) => arm.server().release(),
        }
    }

    fn report(&mut self, name: &str, scenario: &HttpScenario) -> Result<HttpReport, Error> {
        match self {
            Real::Live(arm) => Ok(arm.play(scenario)?),
            Real::Recorded(_, all) => all.get(name).cloned().ok_or_else(|| Error::Line {
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
    let scenarios = match args.net {
        Some(_) if files.is_empty() => net_gallery(),
        _ => http_files_or_gallery(files)?,
    };
    let asked = Error::release_for(&args.which, scenarios.iter().map(|(_, scenario)| scenario))?;
    let mut real = Real::of(args, asked)?;
    let release = real.release();
    if !scenarios.iter().all(|(_, scenario)| is_mirrored_in(release, scenario)) {
        return Err(Error::NotMirrored(release.to_string()));
    }
    let bar = progress::bar(scenarios.len() as u64, "{bar:30} {pos} of {len} scenarios");
    let mut all = Vec::new();
    for (name, scenario) in scenarios {
        let report = real.report(&name, &scenario)?;
        let events = report.actors.iter().map(|actor| actor.events.len()).sum();
        let port = record_on_port_as(&scenario, release).report;
        let difference = http_differ(&report, &port);
        let known = difference.as_ref().and_then(|it| explain_http(release, &scenario, it));
        all.push(Compared { name, events, difference, known });
        bar.inc(1);
    }
    bar.finish_and_clear();
    match args.format {
        Some(_) => write_json(out, release, &all)?,
        None => write_text(out, release, args.net.is_some(), &all)?,
    }
    let differs = all.iter().any(|one| one.difference.is_some() && one.known.is_none());
    Ok(if differs { ExitCode::from(DIFFERS) } else { ExitCode::SUCCESS })
}

/// The scenarios of a NetVC in the gallery.
fn net_gallery() -> Vec<(String, HttpScenario)> {
    net_names().filter_map(|name| Some((name.clone(), http_named(&name)?))).collect()
}

fn write_text(
    out: &mut Output,
    release: Release,
    of_netvc: bool,
    all: &[Compared],
) -> io::Result<()> {
    let kind = if of_netvc { "scenarios of a NetVC" } else { "HTTP scenarios" };
    writeln!(out, "{TITLE}{release}, {kind}{TITLE:#}")?;
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
