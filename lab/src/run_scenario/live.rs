//! `atslab run --live`: the scenario on the port and in the real servers.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use conformance::live::{Deviations, End, PortArm, Probe, RealArm, differ};
use conformance::scenario::Scenario;

use super::quietly;
use crate::cli::RunArgs;
use crate::error::Error;
use crate::output::{FAULT, Output, TITLE};

/// The status if a server took other steps.
const DIFFERS: u8 = 1;

/// Performs the scenario on both arms and tells where they part, if they do.
pub(super) fn run(
    args: &RunArgs,
    name: &str,
    scenario: &Scenario,
    out: &mut Output,
) -> Result<ExitCode, Error> {
    let releases = args.which.releases().into_iter();
    let servers = releases.map(|release| args.servers.find(release));
    let servers = servers.collect::<Result<Vec<_>, _>>()?;
    let probe = Arc::new(Probe::build(&args.servers.installed())?);
    let (program, known) = (scenario.compile(), Deviations::known());
    let mut code = ExitCode::SUCCESS;
    for server in &servers {
        let release = server.release();
        let real = RealArm::new(server, &probe).play(&program)?;
        let port = quietly(|| PortArm { epoch: release.epoch() }.play(&program));
        write!(out, "{TITLE}{name} on {release}{TITLE:#}: ")?;
        match differ(&real, &port) {
            None => writeln!(out, "identical, {} steps{}", real.steps.len(), crash(&real.end))?,
            Some(divergence) => {
                match known.explain(release, &divergence) {
                    Some(known) => writeln!(out, "the registered deviation {}", known.name)?,
                    None => {
                        code = ExitCode::from(DIFFERS);
                        writeln!(out, "{FAULT}differs{FAULT:#} after {} steps", divergence.index)?;
                    }
                }
                write!(out, "{divergence}")?;
            }
        }
    }
    Ok(code)
}

/// How both arms died, if they did.
fn crash(end: &End) -> String {
    match end {
        End::Crashed(text) => format!("; then both crash, the real server with {text}"),
        End::Hung => "; then both hang".to_owned(),
        _ => String::new(),
    }
}
