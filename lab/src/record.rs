//! `atslab record`: what a real server does in cases, as a recording.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use conformance::Recording;
use conformance::input::file_name;
use conformance::live::{Probe, Recorder, Release, Server};
use eventsys::steps::Step;

use crate::cli::RecordArgs;
use crate::error::Error;
use crate::output::Output;
use crate::progress::Progress;
use crate::select::{Group, select};
use crate::servers::ServersArg;

/// Recorded cases, by name.
type Cases = Vec<(String, Vec<Step>)>;

/// Records the cases and writes the file.
pub(crate) fn record(args: &RecordArgs, out: &mut Output) -> Result<ExitCode, Error> {
    if !args.force && args.output.exists() {
        return Err(exists(&args.output));
    }
    let groups = groups(args)?;
    let cases: Cases = record_anew(&groups, &args.servers)?.into_iter().flatten().collect();
    let steps: usize = cases.iter().map(|(_, steps)| steps.len()).sum();
    let file = file_name(&args.output);
    let recording = Recording::new(&file, cases);
    write(&recording, args)?;
    writeln!(out, "{file}: {} cases, {steps} steps", recording.cases().len())?;
    Ok(ExitCode::SUCCESS)
}

/// The cases that are meant, of the suites that are meant.
fn groups(args: &RecordArgs) -> Result<Vec<Group>, Error> {
    let mut groups = select(args.cases.as_deref(), &args.case, args.ats.epoch())?;
    groups.retain(|group| {
        let is_meant = |suite| args.suite.is_empty() || args.suite.contains(&suite);
        group.suite.is_none_or(is_meant)
    });
    let cases = groups.iter().flat_map(|group| &group.cases);
    let names: HashSet<&String> = cases.map(|case| &case.name).collect();
    match args.case.iter().find(|name| !names.contains(name)) {
        None => Ok(groups),
        Some(name) => {
            let suites: Vec<_> = args.suite.iter().map(|suite| suite.name()).collect();
            let place = format!("--suite {}", suites.join(" --suite "));
            Err(Error::UnknownCase { place, name: name.clone(), close: Vec::new() })
        }
    }
}

/// Has the servers perform the cases of each group. The result stands in the order
/// of the groups.
pub(crate) fn record_anew(groups: &[Group], servers: &ServersArg) -> Result<Vec<Cases>, Error> {
    let mut found: BTreeMap<Release, Server> = BTreeMap::new();
    for group in groups {
        let release = Release::from(group.epoch);
        found.insert(release, servers.find(release)?);
    }
    let plugin = Arc::new(Probe::of_cases(&servers.installed())?);
    let mut recorders: BTreeMap<Release, Recorder> =
        found.iter().map(|(&release, server)| (release, Recorder::new(server, &plugin))).collect();

    let progress = Progress::of_cases(groups.iter().map(|group| group.cases.len()).sum());
    let mut recorded = Vec::new();
    for group in groups {
        let Some(recorder) = recorders.get_mut(&Release::from(group.epoch)) else { continue };
        let mut cases = Cases::new();
        for case in &group.cases {
            cases.push((case.name.clone(), recorder.record(case)?));
            progress.done_case(&case.name);
        }
        recorded.push(cases);
    }
    Ok(recorded)
}

/// Writes the file. One that has come to be there in the meantime is kept, too.
fn write(recording: &Recording, args: &RecordArgs) -> Result<(), Error> {
    let create = if args.force { File::create } else { File::create_new };
    let unwritable = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => exists(&args.output),
        _ => Error::Unwritable { file: file_name(&args.output), source },
    };
    let file = create(&args.output).map_err(unwritable)?;
    recording.write_gzip(BufWriter::new(file)).map_err(unwritable)
}

fn exists(path: &Path) -> Error {
    Error::Exists { file: file_name(path) }
}
