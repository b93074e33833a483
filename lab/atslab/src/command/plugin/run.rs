//! `atslab plugin run`: a plugin on the port in virtual time, in a process that it may crash.

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use conformance::ats::plugins::{Placing, PluginRequest, Trace, Tracer, tracer};
use conformance::outside::{Child, Folder};
use env_logger::Env;
use serde::Serialize;
use tsapi::Report;

use super::event_names::with_event_name;
use super::laboratory::{Client, Laboratory, Parts, in_ms};
use super::{PluginFormat, PluginRunArgs, WhatToRun, place};
use crate::error::Error;
use crate::ui::output::{FAULT, Output, QUIET, TITLE};

/// The status if the plugin does something wrong.
const WRONG: u8 = 1;

/// The tracer, for the process that runs the plugin.
pub(crate) const TRACER: &str = "ATSLAB_TRACER";

/// The file that the process writes the answers to, for a comparison.
pub(crate) const ANSWERS: &str = "ATSLAB_ANSWERS";

/// What is told about one request.
#[derive(Serialize)]
struct Told {
    request: String,
    status: u16,
    body: usize,
    virtual_ms: i64,
}

/// Runs the plugin in another process, and tells if that crashes.
pub(crate) fn run(args: &PluginRunArgs, out: &mut Output) -> Result<ExitCode, Error> {
    if args.in_this_process {
        return run_here(args, out);
    }
    // Bad input is told before anything is started.
    let plugin = place::find(&args.what.plugin, &args.what.servers)?;
    requests(&args.what.requests)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(std::env::args_os().skip(1)).arg("--in-this-process");
    command.envs(place::libraries(&args.what.servers));
    let traced = args.trace.then(|| Traced::new(args)).transpose()?;
    if let Some(traced) = &traced {
        command.env(TRACER, traced.tracer.path()).env(tracer::TRACE_FILE, traced.file());
    }
    out.flush()?;
    let status = Child::start(&mut command)?.wait()?;
    if let Some(traced) = &traced {
        let text = std::fs::read_to_string(traced.file()).unwrap_or_default();
        writeln!(out, "\n{TITLE}calls of {}{TITLE:#}", plugin.name())?;
        for line in &Trace::read(&text).lines {
            writeln!(out, "{}", with_event_name(line))?;
        }
    }
    match (status.code(), status.signal()) {
        (Some(code), _) => Ok(ExitCode::from(u8::try_from(code).unwrap_or(WRONG))),
        (None, signal) => {
            let name = signal.and_then(signal_hook::low_level::signal_name).unwrap_or("a signal");
            writeln!(out, "{FAULT}the plugin has crashed: {name}{FAULT:#}")?;
            Ok(ExitCode::from(WRONG))
        }
    }
}

/// A tracer, and the file that it writes.
struct Traced {
    tracer: Tracer,
    folder: Folder,
}

impl Traced {
    fn new(args: &PluginRunArgs) -> Result<Traced, Error> {
        let tracer = Tracer::build(&place::server(&args.what.servers)?)?;
        Ok(Traced { tracer, folder: Folder::new("atslab-trace-")? })
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("trace")
    }
}

/// The requests of a file.
pub(crate) fn requests(file: &Path) -> Result<Vec<PluginRequest>, Error> {
    let place = file.display().to_string();
    let read = || match file == Path::new("-") {
        true => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map(|_| text)
        }
        false => std::fs::read_to_string(file),
    };
    let text = read().map_err(|source| Error::Unreadable { file: place.clone(), source })?;
    PluginRequest::parse(&text).map_err(|fault| Error::Line { place, fault })
}

/// What a laboratory is made of, by the arguments.
pub(crate) fn parts(
    what: &WhatToRun,
    tracer: Option<&Path>,
    strict: bool,
    config_dir: &Path,
    at_the_end: Box<dyn Fn(&str) + Send + Sync>,
) -> Result<Parts, Error> {
    let plugin = place::find(&what.plugin, &what.servers)?;
    let mut others: Vec<tsapi::Plugin> = what
        .with
        .iter()
        .map(|other| place::find(other, &what.servers))
        .collect::<Result<_, _>>()?;
    if let Some(path) = tracer {
        let arguments = vec![plugin.name().to_owned()];
        others.push(tsapi::Plugin { path: path.to_owned(), arguments });
    }
    let placing = placing(what, &plugin)?;
    let config_dir = std::path::absolute(config_dir)?;
    let client = Client::Pair;
    Ok(Parts { plugin, placing, others, config_dir, client, strict, at_the_end })
}

/// How a plugin is used: as the user wants, else as it can be.
pub(crate) fn placing(what: &WhatToRun, plugin: &tsapi::Plugin) -> Result<Placing, Error> {
    let file = plugin.path.display().to_string();
    let bytes = std::fs::read(&plugin.path).map_err(|source| Error::Unreadable { file, source })?;
    let has = |name: &[u8]| bytes.split(|&byte| byte == 0).any(|text| text == name);
    Ok(match what.rule || !has(b"TSPluginInit") {
        true => Placing::Rule,
        false => Placing::Global,
    })
}

fn run_here(args: &PluginRunArgs, out: &mut Output) -> Result<ExitCode, Error> {
    let filter = Env::default().default_filter_or("off,plugin=error");
    env_logger::Builder::from_env(filter).format(crate::ui::log::line).init();
    place::preload(&args.what.servers);
    let requests = requests(&args.what.requests)?;
    let tracer = std::env::var_os(TRACER).map(std::path::PathBuf::from);
    let json = args.what.format == Some(PluginFormat::Json);
    // The process ends where the plugin's frames cannot be left otherwise.
    let at_the_end: Box<dyn Fn(&str) + Send + Sync> = Box::new(move |sentence| {
        let mut out = Output::stdout();
        let told = match json {
            true => write_json(&[], Some(sentence), &mut out),
            false => write_report(Some(sentence), &mut out),
        };
        let written = told.is_ok() && out.flush().is_ok();
        std::process::exit(i32::from(if written { WRONG } else { 2 }));
    });
    let tracer = tracer.as_deref();
    let answers_to = std::env::var_os(ANSWERS);
    let client = if answers_to.is_some() { Client::Socket } else { Client::Pair };
    let parts =
        Parts { client, ..parts(&args.what, tracer, args.strict, &args.config_dir, at_the_end)? };
    let name = parts.plugin.name().to_owned();
    let lab = Laboratory::start(parts).map_err(|what| Error::Plugin { plugin: name, what })?;
    if answers_to.is_some() {
        // As in the real server, the comparison begins behind the start.
        lab.settle();
        tracer::begin_here()?;
    }
    tsapi::watch_answers();
    let (mut all, mut answers) = (Vec::new(), Vec::new());
    for request in &requests {
        let (answer, took) = lab.ask(request);
        let told = Told {
            request: format!("{} {}", request.method, request.target),
            status: answer.status(),
            body: answer.body_length(),
            virtual_ms: took / eventsys::hrtime::MSECOND,
        };
        if !json {
            let Told { request, status, body, .. } = &told;
            let status = if *status == 0 { "none".to_owned() } else { status.to_string() };
            writeln!(out, "{request:40} {status:>4} {body:>9} bytes {:>9}", in_ms(took))?;
            out.flush()?;
        }
        let got = i64::try_from(told.body).unwrap_or(i64::MAX);
        tsapi::answer_has_ended(&told.request, lab.announced(request, &answer), got);
        all.push(told);
        answers.push(answer.comparable());
    }
    if let Some(file) = answers_to {
        std::fs::write(file, serde_json::to_vec(&answers).expect("plain data"))?;
    }
    match json {
        true => write_json(&all, None, out)?,
        false => write_report(None, out)?,
    }
    out.flush()?;
    let report = tsapi::report();
    let wrong = !report.findings.is_empty() || !report.leaks.is_empty();
    // A plugin's threads, and what it holds, go with the process.
    std::process::exit(if wrong { i32::from(WRONG) } else { 0 });
}

fn write_report(ended: Option<&str>, out: &mut Output) -> std::io::Result<()> {
    let Report { calls, left_out, mut findings, held, leaks, callbacks } = tsapi::report();
    // A run that ends early has had no time to give anything back.
    if ended.is_none() {
        findings.extend(leaks);
    }
    let times: u64 = calls.iter().map(|(_, times)| times).sum();
    if let Some(sentence) = ended {
        writeln!(out, "{FAULT}the run ends here:{FAULT:#} {sentence}")?;
    }
    writeln!(out)?;
    writeln!(out, "called: {} functions, {times} times; {callbacks} callbacks", calls.len())?;
    let list = |all: &[(&str, u64)]| {
        let all: Vec<String> = all.iter().map(|(name, n)| format!("{name} ({n})")).collect();
        if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
    };
    writeln!(out, "left out: {}", list(&left_out))?;
    let mut sum: Vec<(&str, u64)> = Vec::new();
    for (kind, n) in held {
        match sum.iter_mut().find(|(other, _)| *other == kind) {
            Some((_, all)) => *all += n as u64,
            None => sum.push((kind, n as u64)),
        }
    }
    writeln!(out, "held at the end: {}", list(&sum))?;
    if findings.is_empty() {
        return writeln!(out, "findings: none");
    }
    writeln!(out, "findings:")?;
    for finding in &findings {
        let times =
            if finding.times > 1 { format!(" ({} times)", finding.times) } else { String::new() };
        let function = finding.function;
        let function = match (function.is_empty(), finding.event.is_empty()) {
            (false, _) => function,
            (true, false) => "the event",
            (true, true) => "the plugin",
        };
        writeln!(out, "  {FAULT}{function}{FAULT:#}: {}{times}", finding.sentence)?;
        let event = &finding.event;
        let event = if event.is_empty() { String::new() } else { format!(", {event}") };
        let call = &finding.call;
        let call = if call.is_empty() { String::new() } else { format!("at {call}, ") };
        writeln!(out, "    {QUIET}{call}in {}{event}{QUIET:#}", finding.place)?;
    }
    Ok(())
}

/// A finding, for tools.
#[derive(Serialize)]
struct FindingJson<'a> {
    sentence: &'a str,
    function: &'a str,
    call: &'a str,
    place: &'a str,
    event: &'a str,
    times: u64,
    is_the_end: bool,
}

fn write_json(requests: &[Told], ended: Option<&str>, out: &mut Output) -> std::io::Result<()> {
    let report = tsapi::report();
    let leaks = report.leaks.iter().filter(|_| ended.is_none());
    let findings: Vec<FindingJson<'_>> = report
        .findings
        .iter()
        .chain(leaks)
        .map(|one| FindingJson {
            sentence: &one.sentence,
            function: one.function,
            call: &one.call,
            place: &one.place,
            event: &one.event,
            times: one.times,
            is_the_end: one.is_the_end,
        })
        .collect();
    let all = serde_json::json!({
        "version": 1,
        "requests": requests,
        "ended": ended,
        "calls": report.calls,
        "callbacks": report.callbacks,
        "left_out": report.left_out,
        "held": report.held,
        "findings": findings,
    });
    writeln!(out, "{all:#}")
}
