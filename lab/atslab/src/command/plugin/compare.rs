//! `atslab plugin compare`: the same plugin, requests and tracer in the real server and on the port.

use std::io::Write;
use std::process::{Command, ExitCode, Stdio};

use conformance::ats::plugins::{
    Asked, PluginAnswer, PluginRequest, Trace, Tracer, first_difference, real_run, tracer,
};
use conformance::deviations::{Deviation, Deviations};
use conformance::outside::{Child, Folder};
use serde::Serialize;

use super::{PluginCompareArgs, PluginFormat, place, run};
use crate::error::Error;
use crate::ui::output::{FAULT, Output, QUIET, SERVER};

/// The status if they differ.
const DIFFERENT: u8 = 1;

/// So many calls stand before and behind the first difference.
const AROUND: usize = 6;

/// What is told.
#[derive(Serialize, Default)]
struct Told {
    calls: usize,
    identical: bool,
    first_difference: Option<usize>,
    real: Option<String>,
    port: Option<String>,
    answers: usize,
    different_answers: Vec<usize>,
}

/// Runs both and compares.
pub(crate) fn compare(args: &PluginCompareArgs, out: &mut Output) -> Result<ExitCode, Error> {
    let what = &args.what;
    let plugin = place::find(&what.plugin, &what.servers)?;
    let placing = run::placing(what, &plugin)?;
    let requests = run::requests(&what.requests)?;
    let server = place::server(&what.servers)?;
    let tracer = Tracer::build(&server)?;

    let words: Vec<String> = std::iter::once(plugin.path.display().to_string())
        .chain(plugin.arguments.iter().cloned())
        .collect();
    let others: Vec<String> = what
        .with
        .iter()
        .map(|other| {
            let found = place::find(other, &what.servers)?;
            let mut words = vec![found.path.display().to_string()];
            words.extend(found.arguments);
            Ok(words.join(" "))
        })
        .collect::<Result<_, Error>>()?;
    let real = match &args.recording {
        Some(file) => {
            let name = file.display().to_string();
            let text = std::fs::read_to_string(file)
                .map_err(|source| Error::Unreadable { file: name, source })?;
            Asked { trace: Trace::read(&text), ..Asked::default() }
        }
        None => real_run(&server, &tracer, placing, &words.join(" "), &others, &requests)?,
    };
    if let Some(file) = &args.record {
        let name = file.display().to_string();
        std::fs::write(file, real.trace.text())
            .map_err(|source| Error::Unwritable { file: name, source })?;
    }
    let port = port_run(args, &tracer)?;

    let first = first_difference(&real.trace.lines, &port.trace.lines);
    let real = Compared {
        answers: real.answers.iter().map(PluginAnswer::comparable).collect(),
        trace: real.trace,
        died_at: real.died_at,
    };
    tell(args, &requests, &real, &port, first, out)
}

/// One side of the comparison.
struct Compared {
    answers: Vec<Vec<String>>,
    trace: Trace,
    died_at: Option<usize>,
}

fn tell(
    args: &PluginCompareArgs,
    requests: &[PluginRequest],
    real: &Compared,
    port: &Compared,
    first: Option<usize>,
    out: &mut Output,
) -> Result<ExitCode, Error> {
    let different: Vec<usize> = match args.recording {
        Some(_) => Vec::new(),
        None => {
            (0..requests.len()).filter(|n| real.answers.get(*n) != port.answers.get(*n)).collect()
        }
    };
    let line = |side: &Compared| first.and_then(|at| side.trace.lines.get(at).cloned());
    let told = Told {
        calls: real.trace.lines.len(),
        identical: first.is_none() && different.is_empty(),
        first_difference: first.map(|at| at + 1),
        real: line(real),
        port: line(port),
        answers: requests.len(),
        different_answers: different,
    };
    if args.what.format == Some(PluginFormat::Json) {
        writeln!(out, "{}", serde_json::to_string_pretty(&told).expect("plain data"))?;
    } else {
        if let Some(n) = real.died_at {
            let request = &requests[n];
            writeln!(
                out,
                "{FAULT}the real server has died{FAULT:#} at {} {}",
                request.method, request.target
            )?;
        }
        write_calls(real, port, first, out)?;
        for n in &told.different_answers {
            let request = &requests[*n];
            writeln!(out, "answer to {} {}:", request.method, request.target)?;
            write_lines(real.answers.get(*n), port.answers.get(*n), out)?;
        }
        let same = told.answers - told.different_answers.len();
        let calls = if first.is_none() { "identical" } else { "different" };
        writeln!(out, "calls: {calls}, {} lines in the real server", told.calls)?;
        if args.recording.is_none() {
            writeln!(out, "answers: {same} of {} identical", told.answers)?;
        }
        if args.masks {
            for Deviation { what, reason, .. } in &Deviations::plugins().deviation {
                writeln!(out, "masked: {what} {reason}")?;
            }
        }
    }
    Ok(if told.identical { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENT) })
}

/// The first difference, with the calls around it.
fn write_calls(
    real: &Compared,
    port: &Compared,
    first: Option<usize>,
    out: &mut Output,
) -> Result<(), Error> {
    let Some(at) = first else { return Ok(()) };
    let (real, port) = (&real.trace.lines, &port.trace.lines);
    writeln!(out, "the calls differ from line {}:", at + 1)?;
    for line in &real[at.saturating_sub(AROUND)..at] {
        writeln!(out, "  {QUIET}{line}{QUIET:#}")?;
    }
    for line in real.iter().skip(at).take(AROUND) {
        writeln!(out, "{SERVER}- {line}{SERVER:#}")?;
    }
    for line in port.iter().skip(at).take(AROUND) {
        writeln!(out, "{FAULT}+ {line}{FAULT:#}")?;
    }
    writeln!(out, "  (- the real server, + the port)")?;
    Ok(())
}

fn write_lines(
    real: Option<&Vec<String>>,
    port: Option<&Vec<String>>,
    out: &mut Output,
) -> Result<(), Error> {
    let none = vec!["nothing".to_owned()];
    let (real, port) = (real.unwrap_or(&none), port.unwrap_or(&none));
    for line in real.iter().filter(|line| !port.contains(line)) {
        writeln!(out, "{SERVER}- {line}{SERVER:#}")?;
    }
    for line in port.iter().filter(|line| !real.contains(line)) {
        writeln!(out, "{FAULT}+ {line}{FAULT:#}")?;
    }
    Ok(())
}

/// Runs the plugin on the port, in a process of its own.
fn port_run(args: &PluginCompareArgs, tracer: &Tracer) -> Result<Compared, Error> {
    let what = &args.what;
    let folder = Folder::new("atslab-trace-")?;
    let (trace, answers) = (folder.path().join("trace"), folder.path().join("answers"));
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["plugin", "run", &what.plugin, "--in-this-process", "--requests"]);
    command.arg(&what.requests);
    if let Some(servers) = &what.servers.servers {
        command.arg("--servers").arg(servers);
    }
    if what.rule {
        command.arg("--rule");
    }
    for other in &what.with {
        command.args(["--with", other]);
    }
    command.envs(place::libraries(&what.servers));
    command.env(run::TRACER, tracer.path()).env(tracer::TRACE_FILE, &trace);
    command.env(run::ANSWERS, &answers);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    if std::env::var_os("RUST_LOG").is_none() {
        // The plugin's own messages are no result of a comparison.
        command.env("RUST_LOG", "off");
    }
    let _ = Child::start(&mut command)?.wait()?;
    let text = std::fs::read(&trace).unwrap_or_default();
    let answers = std::fs::read_to_string(&answers).unwrap_or_default();
    Ok(Compared {
        answers: serde_json::from_str(&answers).unwrap_or_default(),
        trace: Trace::read(&String::from_utf8_lossy(&text)),
        died_at: None,
    })
}
