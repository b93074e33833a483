//! `atslab record`: what a real server does in cases, as a recording.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use conformance::ats::Epoch;
use conformance::ats::Recording;
use conformance::ats::Suite;
use conformance::ats::live::{Probe, Recorder, Release, Server};
use conformance::input::file_name;
use eventsys::steps::Step;

use crate::error::Error;
use crate::select::{Group, close_to, known, select};
use crate::servers::ServersArg;
use crate::ui::output::Output;
use crate::ui::progress::Progress;

/// The arguments of `atslab record`.
#[derive(Debug, Args)]
#[command(after_help = RECORD_EXAMPLES)]
pub(crate) struct RecordArgs {
    /// The release of the real server: 8.1.11 or 9.2.9
    #[arg(
        long,
        value_name = "RELEASE",
        required_unless_present = "server",
        conflicts_with = "server"
    )]
    pub ats: Option<Release>,

    /// Record this suite of the built-in cases; may be repeated [default: both]
    #[arg(long, value_parser = suites(), conflicts_with = "cases")]
    pub suite: Vec<Suite>,

    /// Record only this case; may be repeated
    #[arg(long, value_name = "NAME")]
    pub case: Vec<String>,

    /// Record the cases of this file, and not the built-in ones
    #[arg(long, value_name = "FILE.csv")]
    pub cases: Option<PathBuf>,

    /// Where the recording goes
    #[arg(long, short, value_name = "FILE.steps.gz")]
    pub output: PathBuf,

    /// Overwrite the file if it is there
    #[arg(long)]
    pub force: bool,

    #[command(flatten)]
    pub servers: ServersArg,
}

const RECORD_EXAMPLES: &str = "\
The server performs the cases with its own regression test. Its clock is virtual,
so nothing waits, and two recordings of a case are the same. The real servers come
from tests/live/install; a C++ compiler must be installed.

Examples:
  atslab record --ats 9.2.9 --suite regression --output 9.2.9.steps.gz
  atslab record --ats 8.1.11 --case eos --output eos.steps.gz --force
  atslab record --ats 9.2.9 --cases my.csv --output my.steps.gz

Exit status: 0 if the file has been written, 2 on errors.";

fn suites() -> impl TypedValueParser<Value = Suite> {
    PossibleValuesParser::new(Suite::ALL.iter().map(|suite| suite.name())).map(|name| {
        let named = Suite::ALL.iter().copied().find(|suite| suite.name() == name);
        named.unwrap_or(Suite::Regression)
    })
}

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

/// The epoch of the server that records.
fn epoch(args: &RecordArgs) -> Result<Epoch, Error> {
    match args.ats {
        Some(release) => Ok(release.epoch()),
        // What is asked for with --server does not depend on a release.
        None => Ok(args.servers.find(Release::from(Epoch::default()))?.epoch()),
    }
}

/// The selected cases of the selected suites.
fn groups(args: &RecordArgs) -> Result<Vec<Group>, Error> {
    let mut groups = select(args.cases.as_deref(), &args.case, epoch(args)?)?;
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
            let close = close_to(name, known(&groups));
            Err(Error::UnknownCase { place, name: name.clone(), close })
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
    let asked: Vec<Server> = found.values().cloned().collect();
    let plugin = Arc::new(Probe::of_cases(&servers.with_headers(&asked), &asked)?);
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

/// Writes the file. Without `--force` it also keeps a file that has appeared meanwhile.
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
