//! `atslab run` with HTTP scenarios: on the port, and in a real server.

mod json;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use conformance::ats::http_scenario::{
    HttpArm, explain_http, http_differ, http_named, http_names, is_mirrored_in, net_names,
    record_on_port_as,
};
use conformance::ats::live::{Probe, Release};
use conformance::ats::scenario::http::{
    HttpRecorded, HttpScenario, http_findings, http_scenario_from_bytes, http_story,
};
use conformance::input::file_name;

use super::live::DIFFERS;
use super::{RunArgs, RunFormat, Text, UNMET, name_of, unknown, write_head, write_story};
use crate::error::Error;
use crate::ui::output::{FAULT, Output, TITLE};

/// The scenario of this name, or the one that has been read, with a name without spaces.
pub(super) fn named_or_read(text: Text<'_>) -> Result<(String, HttpScenario), Error> {
    let (file, bytes) = match text {
        Text::Name(name) => {
            let names: Vec<String> = http_names().chain(net_names()).collect();
            let names = names.iter().map(String::as_str);
            let unknown = || unknown("file and no HTTP scenario of the gallery", name, names);
            return http_named(name)
                .map(|scenario| (name.to_owned(), scenario))
                .ok_or_else(unknown);
        }
        Text::Read(file, bytes) => (file, bytes),
    };
    Ok((name_of(file), http_scenario_from_bytes(&file_name(file), &bytes)?))
}

/// Performs each scenario, in a real server too if that is asked for.
pub(super) fn run(
    args: &RunArgs,
    scenarios: &[(String, HttpScenario)],
    out: &mut Output,
) -> Result<ExitCode, Error> {
    if args.format == Some(RunFormat::Steps) {
        return Err(Error::NoSteps);
    }
    let release = Error::release_for(&args.which, scenarios.iter().map(|(_, scenario)| scenario))?;
    if args.live {
        return live(args, release, scenarios, out);
    }
    let mut code = ExitCode::SUCCESS;
    for (name, scenario) in scenarios {
        let recorded = record_on_port_as(scenario, release);
        let unmet = scenario.unmet(&recorded.report);
        if !unmet.is_empty() {
            code = ExitCode::from(UNMET);
        }
        if args.format.is_some() {
            json::write(out, name, scenario, &recorded, release)?;
            continue;
        }
        match args.story_width() {
            Some(width) => write_told(out, scenario, (&recorded, release), width)?,
            None => {
                writeln!(out, "{TITLE}{name}{TITLE:#}")?;
                write!(out, "{}", recorded.report)?;
            }
        }
        for finding in http_findings(scenario, &recorded.report) {
            writeln!(out, "finding: {finding}")?;
        }
        for text in unmet {
            writeln!(out, "{FAULT}{name}:{FAULT:#} {text}")?;
        }
    }
    Ok(code)
}

/// What happens, line by line.
fn write_told(
    out: &mut Output,
    scenario: &HttpScenario,
    (recorded, release): (&HttpRecorded, Release),
    width: usize,
) -> io::Result<()> {
    write_head(out, &scenario.title, &scenario.teaches, width)?;
    writeln!(out, "\n{TITLE}the port, as {release}{TITLE:#}")?;
    write_story(out, &http_story(scenario, recorded), width)?;
    writeln!(out, "\n{}", recorded.report.finish)
}

/// The release whose HTTP state machine the port mirrors.
pub(crate) fn mirrored() -> Release {
    conformance::ats::Epoch::D.into()
}

fn live(
    args: &RunArgs,
    release: Release,
    scenarios: &[(String, HttpScenario)],
    out: &mut Output,
) -> Result<ExitCode, Error> {
    let server = args.servers.find(release)?;
    if !scenarios.iter().all(|(_, scenario)| is_mirrored_in(server.release(), scenario)) {
        return Err(Error::NotMirrored(server.release().to_string()));
    }
    let own = args.servers.with_headers(std::slice::from_ref(&server));
    let probe = Arc::new(Probe::of_http(&own)?);
    let mut arm = HttpArm::new(&server, &probe);
    let mut code = ExitCode::SUCCESS;
    for (name, scenario) in scenarios {
        let real = arm.play(scenario)?;
        let port = record_on_port_as(scenario, server.release()).report;
        write!(out, "{TITLE}{name} on {}{TITLE:#}: ", server.release())?;
        let Some(difference) = http_differ(&real, &port) else {
            let events: usize = real.actors.iter().map(|actor| actor.events.len()).sum();
            writeln!(out, "the same, {events} events")?;
            continue;
        };
        match explain_http(server.release(), scenario, &difference) {
            Some(known) => writeln!(out, "the registered deviation {known}")?,
            None => {
                code = ExitCode::from(DIFFERS);
                writeln!(out, "{FAULT}differs{FAULT:#}")?;
            }
        }
        write!(out, "{difference}")?;
    }
    Ok(code)
}
