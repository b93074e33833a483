//! `atslab run` with HTTP scenarios: on the port, and in a real server.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use conformance::ats::http_scenario::{
    HttpArm, explain_http, http_differ, http_named, http_names, play_on_port,
};
use conformance::ats::live::{Probe, Release};
use conformance::ats::scenario::http::{HttpScenario, http_scenario_from_bytes, is_http_scenario};
use conformance::ats::scenario::input::{MOST_OF_A_SCENARIO, read_file};
use conformance::ats::scenario::{ReadError, ScenarioFault};
use conformance::input::file_name;

use eventsys::steps::excerpt;

use crate::command::run::RunArgs;
use crate::error::Error;
use crate::select::close_to;
use crate::ui::output::{FAULT, Output, TITLE};

/// The status if a server did something else.
const DIFFERS: u8 = 1;

/// The scenarios, if the first one that is named is an HTTP scenario. Then all must be.
pub(super) fn scenarios(args: &RunArgs) -> Result<Option<Vec<(String, HttpScenario)>>, Error> {
    let Some(first) = args.file.first() else { return Ok(None) };
    let is_http = is_name(first) || bytes_of(first).is_ok_and(|bytes| is_http_scenario(&bytes));
    if !is_http {
        return Ok(None);
    }
    args.file.iter().map(|file| named_or_file(file)).collect::<Result<_, _>>().map(Some)
}

fn bytes_of(file: &Path) -> Result<Vec<u8>, ReadError<ScenarioFault>> {
    read_file(file, MOST_OF_A_SCENARIO)
}

/// True if this is written as a name of the gallery, and no file.
fn is_name(file: &Path) -> bool {
    let is_name = |name: &str| {
        name.starts_with("http-")
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    file.to_str().is_some_and(is_name) && !file.exists()
}

fn named_or_file(file: &Path) -> Result<(String, HttpScenario), Error> {
    if is_name(file) {
        let name = file.display().to_string();
        let names: Vec<String> = http_names().collect();
        let scenario = http_named(&name).ok_or_else(|| Error::Unknown {
            place: "run".to_owned(),
            kind: "file and no HTTP scenario of the gallery",
            name: excerpt(&name),
            close: close_to(&name, names.iter().map(String::as_str)),
        })?;
        return Ok((name, scenario));
    }
    let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok((name, http_scenario_from_bytes(&file_name(file), &bytes_of(file)?)?))
}

/// Performs each scenario, in a real server too if that is asked for.
pub(super) fn run(
    args: &RunArgs,
    scenarios: &[(String, HttpScenario)],
    out: &mut Output,
) -> Result<ExitCode, Error> {
    if args.explain || args.format.is_some() || args.which.epoch.is_some() {
        return Err(Error::OnlyOfPairs);
    }
    if args.live {
        return live(args, scenarios, out);
    }
    for (name, scenario) in scenarios {
        writeln!(out, "{TITLE}{name}{TITLE:#}")?;
        write!(out, "{}", play_on_port(scenario))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The release whose HTTP state machine the port mirrors.
fn mirrored() -> Release {
    conformance::ats::Epoch::D.into()
}

fn live(
    args: &RunArgs,
    scenarios: &[(String, HttpScenario)],
    out: &mut Output,
) -> Result<ExitCode, Error> {
    let server = args.servers.find(args.which.ats.unwrap_or_else(mirrored))?;
    let own = args.servers.with_headers(std::slice::from_ref(&server));
    let probe = Arc::new(Probe::of_http(&own)?);
    let mut arm = HttpArm::new(&server, &probe);
    let mut code = ExitCode::SUCCESS;
    for (name, scenario) in scenarios {
        let (real, port) = (arm.play(scenario)?, play_on_port(scenario));
        write!(out, "{TITLE}{name} on {}{TITLE:#}: ", server.release())?;
        let Some(difference) = http_differ(&real, &port) else {
            let events: usize = real.actors.iter().map(|actor| actor.events.len()).sum();
            writeln!(out, "the same, {events} events")?;
            continue;
        };
        match explain_http(server.release(), &difference) {
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
