//! `atslab run --live`: the scenario on the port and in the real servers.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use conformance::ats::live::{Finish, LiveError, PortArm, Probe, RealArm, differ};
use conformance::ats::scenario::Scenario;
use conformance::deviations::Deviations;

use crate::command::run::RunArgs;
use crate::error::Error;
use crate::ui::output::{FAULT, Output, TITLE};

/// The status if a server took other steps.
pub(super) const DIFFERS: u8 = 1;

/// Performs each scenario on both arms and tells where they first differ, if they do.
pub(super) fn run(
    args: &RunArgs,
    scenarios: &[(String, Scenario)],
    out: &mut Output,
) -> Result<ExitCode, Error> {
    for (name, scenario) in scenarios {
        if let Some(why) = RealArm::why_not(&scenario.compile()) {
            return Err(LiveError::Unplayable { name: name.clone(), why }.into());
        }
    }
    let servers = args.servers.chosen(&args.which)?;
    let probe = Arc::new(Probe::build(&args.servers.with_headers(&servers))?);
    let known = Deviations::ats();
    let mut arms: Vec<_> = servers.iter().map(|server| RealArm::new(server, &probe)).collect();
    let mut code = ExitCode::SUCCESS;
    for (name, scenario) in scenarios {
        let program = scenario.compile();
        for (server, arm) in servers.iter().zip(&mut arms) {
            let release = server.release();
            let real = arm.play(&program)?;
            let port = PortArm { epoch: server.epoch() }.play(&program);
            write!(out, "{TITLE}{name} on {release}{TITLE:#}: ")?;
            let Some(divergence) = differ(&real, &port) else {
                writeln!(out, "identical, {} steps{}", real.steps.len(), crash(&real.finish))?;
                write_ends(&real.finish, &port.finish, out)?;
                continue;
            };
            match known.explain_divergence(release, &divergence) {
                Some(known) => writeln!(out, "the registered deviation {}", known.name)?,
                None => {
                    code = ExitCode::from(DIFFERS);
                    writeln!(out, "{FAULT}differs{FAULT:#} after {} steps", divergence.index)?;
                }
            }
            write!(out, "{divergence}")?;
        }
    }
    Ok(code)
}

/// What both arms did at the end, if they died.
fn crash(finish: &Finish) -> &'static str {
    match finish {
        Finish::Crashed(_) => "; then both crash",
        Finish::Hung => "; then both hang",
        _ => "",
    }
}

/// How each arm crashed, if both did: the words of the two are their own.
fn write_ends(real: &Finish, port: &Finish, out: &mut Output) -> std::io::Result<()> {
    let (Finish::Crashed(real), Finish::Crashed(port)) = (real, port) else { return Ok(()) };
    writeln!(out, "  real server: {real}")?;
    writeln!(out, "  port: panic: {port}")
}
