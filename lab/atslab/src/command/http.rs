//! `atslab http`: compares the port's answers over TCP with the real server's.

mod fuzz;

use std::collections::{BTreeSet, HashMap};
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgGroup, Args, Subcommand};
use conformance::ats::Epoch;
use conformance::ats::http::{
    Answer, Case, Difference, HttpServer, Origins, PortServers, RealServers, Recording, Timeouts,
    play_all,
};
use conformance::ats::live::Release;
use conformance::deviations::Deviations;
use conformance::input::{MOST_OF_CASES, read_file};
use eventsys::steps::excerpt;

use crate::error::Error;
use crate::select::close_to;
use crate::servers::ServersArg;
use crate::ui::output::{FAULT, Output, QUIET, SERVER, TITLE};
use crate::ui::progress::Progress;

/// The arguments of `atslab http`.
#[derive(Debug, Args)]
#[command(after_help = HTTP_EXAMPLES, args_conflicts_with_subcommands = true)]
#[command(group = ArgGroup::new("real").multiple(true).args(["live", "record", "compiled"]))]
#[command(
    mut_arg("servers", |arg| arg.requires("real")),
    mut_arg("server", |arg| arg.requires("real").conflicts_with("servers"))
)]
pub(crate) struct HttpArgs {
    /// What to do instead
    #[command(subcommand)]
    pub command: Option<HttpCommand>,

    /// Play the clients of this file, and not the built-in ones
    #[arg(long, value_name = "FILE", requires = "asked")]
    pub cases: Option<PathBuf>,

    /// What a real server answered to the clients of --cases
    #[arg(long, value_name = "FILE", requires = "cases", group = "asked")]
    pub recording: Option<PathBuf>,

    /// Compare only the cases with this in their names; may be repeated
    #[arg(long, value_name = "TEXT")]
    pub filter: Vec<String>,

    /// Ask a real server 9.2.9 now, and not its recorded answers
    #[arg(long, group = "asked")]
    pub live: bool,

    /// Only ask a real server, and write its answers to this file
    #[arg(long, value_name = "FILE", group = "asked")]
    pub record: Option<PathBuf>,

    /// Have the real server's compiled generator.so answer on the port, too
    #[arg(long, conflicts_with = "record")]
    pub compiled: bool,

    #[command(flatten)]
    pub servers: ServersArg,

    /// Play so many cases at the same time
    #[arg(long, short, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: u16,
}

/// What `atslab http` does besides comparing.
#[derive(Debug, Subcommand)]
pub(crate) enum HttpCommand {
    /// Compare the port with a real server on random clients
    Fuzz(HttpFuzzArgs),
}

/// The arguments of `atslab http fuzz`.
#[derive(Debug, Args)]
#[command(after_help = HTTP_FUZZ_EXAMPLES)]
pub(crate) struct HttpFuzzArgs {
    /// How many clients
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub count: u64,

    /// Where to begin; the same seed gives the same client
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,

    /// Print the clients, and play none
    #[arg(long, conflicts_with_all = ["at_once", "servers", "server"])]
    pub print: bool,

    /// Play so many clients at the same time
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=4000))]
    pub at_once: u16,

    #[command(flatten)]
    pub servers: ServersArg,
}

const HTTP_EXAMPLES: &str = "\
The same bytes go over TCP to a Traffic Server with its generator plugin and to
the port with its own: sizes, methods, kept connections, malformed heads, limits,
chunks, requests that try to smuggle another, timeouts, tunnels. All bytes that
come back are compared, except the values of dates and ages, and whether the
connection stays open. The cases are in tests/http/cases.txt. Known differences are
registered in tests/deviations/http.toml; the command also reports an entry that
does not show any more. tests/live/install unpacks the server. With --compiled the
port loads the file of the real server's plugin in place of its own generator.

Examples:
  atslab http
  atslab http --live
  atslab http --filter chunked --filter smuggling/
  atslab http --compiled
  atslab http --cases mine.txt --live
  atslab http --cases mine.txt --record mine.answers
  atslab http --cases mine.txt --recording mine.answers
  atslab http fuzz --seed 7 --count 20000

Exit status: 0 if nothing differs but registered deviations, and each of them
shows; 1 if anything else does; 2 on errors.";

const HTTP_FUZZ_EXAMPLES: &str = "\
Makes up clients: heads by the grammar of HTTP and by changes to the built-in
clients, pipelines of good and bad requests, bodies, chunks, bytes cut in several
pieces, ends that are half closes or resets. Each goes to a running 9.2.9 and to
the port. A client whose answers differ is played again, and counts only if they
differ each time. Each kind of difference is shown once, by a small client, in the
form that --cases of \"atslab http\" reads. tests/live/install unpacks the server.

Examples:
  atslab http fuzz
  atslab http fuzz --seed 100000 --count 20000
  atslab http fuzz --seed 4711 --count 1 --print

Exit status: 0 if nothing differs but registered deviations, 1 if anything else
does, 2 on errors.";

/// The status if a case differs.
const DIFFERS: u8 = 1;

/// How many lines are shown before the first difference.
const CONTEXT: usize = 3;

/// Plays the cases, prints what was found, and gives the exit status.
pub(crate) fn http(args: &HttpArgs, out: &mut Output) -> Result<ExitCode, Error> {
    if let Some(HttpCommand::Fuzz(args)) = &args.command {
        return fuzz::fuzz(args, out);
    }
    if args.compiled {
        with_libraries(args)?;
    }
    let place = args.cases.as_deref().unwrap_or(Path::new("tests/http/cases.txt"));
    let recording_place = args.recording.as_deref().unwrap_or(Path::new("tests/http/9.2.9.txt"));
    let mut cases = match &args.cases {
        Some(file) => read(file, Case::parse)?,
        None => Case::all(),
    };
    for text in &args.filter {
        if !cases.iter().any(|case| case.name.contains(text)) {
            // A filter may be a part of a name, and is mostly what stands before the slash.
            let parts =
                |case: &'_ Case| case.name.split('/').map(str::to_owned).collect::<Vec<_>>();
            let known: BTreeSet<String> = cases
                .iter()
                .flat_map(|case| [parts(case), vec![case.name.clone()]].concat())
                .collect();
            let close = close_to(text, known.iter().map(String::as_str));
            let place = place.display().to_string();
            return Err(Error::UnknownCase { place, name: excerpt(text), close });
        }
    }
    cases.retain(|case| {
        args.filter.is_empty() || args.filter.iter().any(|text| case.name.contains(text))
    });
    if cases.is_empty() {
        let (place, fault) = (place.display().to_string(), "there is no case in this file");
        return Err(Error::HttpFile { place, fault: fault.to_owned() });
    }
    let recording = match (&args.recording, &args.cases) {
        (Some(file), _) => read(file, Recording::parse)?,
        (None, Some(_)) => Recording::default(),
        (None, None) => Recording::known(),
    };
    let origins = Origins::start().map_err(Error::Origin)?;
    let real = match args.live || args.record.is_some() {
        true => Some(ask_real_servers(args, &cases, origins, &recording)?),
        false => None,
    };
    if let (Some(file), Some(real)) = (&args.record, &real) {
        let named = cases.iter().map(|case| &*case.name).zip(real);
        std::fs::write(file, Recording::print(named))
            .map_err(|source| Error::Unwritable { file: file.display().to_string(), source })?;
        writeln!(out, "recorded: {} cases", cases.len())?;
        return Ok(ExitCode::SUCCESS);
    }
    let recorded = |case: &Case| {
        recording.get(&case.name).cloned().ok_or_else(|| Error::NotRecorded {
            recording: recording_place.display().to_string(),
            name: case.name.clone(),
            cases: place.display().to_string(),
        })
    };
    let real = match real {
        Some(real) => real,
        None => cases.iter().map(recorded).collect::<Result<_, _>>()?,
    };

    let port = match args.compiled {
        true => compiled_generator(args, origins)?,
        false => PortServers::start(origins, Timeouts::OF_CASES).map_err(Error::Origin)?,
    };
    let expected: HashMap<&str, &Answer> =
        cases.iter().map(|case| &*case.name).zip(&real).collect();
    let answers = play(&cases, args, &port, |case| expected.get(&*case.name).copied());
    let compared: Vec<Compared<'_>> = cases
        .iter()
        .zip(real.iter().zip(&answers))
        .map(|(case, (real, port))| Compared {
            case,
            real,
            difference: Difference::between(real, port),
        })
        .collect();
    report(&compared, args.live.then_some(&recording), out)
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn with_libraries(args: &HttpArgs) -> Result<(), Error> {
    crate::command::plugin::serving::with_libraries(&args.servers.folder)
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn with_libraries(_: &HttpArgs) -> Result<(), Error> {
    Err(Error::NoPlugins)
}

/// The port with the plugin that the real server has, used in the same way: by its rule.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn compiled_generator(args: &HttpArgs, origins: Origins) -> Result<PortServers, Error> {
    use crate::command::plugin::{place, serving};

    let generator = place::find("generator.so", &args.servers.folder)?;
    let refused = std::cell::Cell::new(None);
    let load = |proxy: &std::sync::Arc<httpsm::HttpProxy>| {
        serving::start_host(proxy, Path::new("."))?;
        let rule = serving::rule("/", "http://127.0.0.1/", std::slice::from_ref(&generator))?;
        proxy.set_remap(httpsm::UrlRewrite::new(vec![rule]));
        tsapi::ports_are_ready();
        Ok::<(), Error>(())
    };
    let started = PortServers::start_with(origins, Timeouts::OF_CASES, |proxy| {
        load(proxy).map_err(|error| {
            refused.set(Some(error));
            std::io::Error::other("the plugin refuses")
        })
    });
    match refused.take() {
        Some(error) => Err(error),
        None => started.map_err(Error::Origin),
    }
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn compiled_generator(_: &HttpArgs, _: Origins) -> Result<PortServers, Error> {
    Err(Error::NoPlugins)
}

/// Reads a file of the user.
fn read<T>(file: &Path, parse: impl Fn(&str) -> Result<T, String>) -> Result<T, Error> {
    let bytes = read_file(file, MOST_OF_CASES).map_err(Error::Lines)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| "expected UTF-8".to_owned());
    text.and_then(parse)
        .map_err(|fault| Error::HttpFile { place: file.display().to_string(), fault })
}

/// A case, and what has been found.
struct Compared<'a> {
    case: &'a Case,
    real: &'a Answer,
    difference: Option<Difference>,
}

fn ask_real_servers(
    args: &HttpArgs,
    cases: &[Case],
    origins: Origins,
    recording: &Recording,
) -> Result<Vec<Answer>, Error> {
    let server = args.servers.find(Release::from(Epoch::D))?;
    let servers = RealServers::start(&server, origins, Timeouts::OF_CASES)?;
    // The recorded answer says how long to wait, unless a new recording is made.
    Ok(play(cases, args, &servers, |case| match args.live {
        true => recording.get(&case.name),
        false => None,
    }))
}

fn play<'a>(
    cases: &[Case],
    args: &HttpArgs,
    servers: &(impl HttpServer + Sync),
    expected: impl Fn(&Case) -> Option<&'a Answer> + Sync,
) -> Vec<Answer> {
    let progress = Progress::of_cases(cases.len());
    play_all(cases, usize::from(args.jobs), |case| {
        let answer = servers.asker(case.setup).play(case, expected(case));
        progress.done_case(&case.name);
        answer
    })
}

fn report(
    compared: &[Compared<'_>],
    recording: Option<&Recording>,
    out: &mut Output,
) -> Result<ExitCode, Error> {
    let register = Deviations::http();
    let width = compared.iter().map(|one| one.case.name.len()).max().unwrap_or(0);
    let (mut identical, mut explained, mut differ) = (0, Vec::new(), 0);
    for Compared { case, real, difference } in compared {
        let name = &case.name;
        match difference {
            None => {
                identical += 1;
                writeln!(out, "{name:width$}  same")?;
            }
            Some(difference) => match register.explain_case(name, difference) {
                Some(known) => {
                    explained.push(&**name);
                    writeln!(out, "{name:width$}  {QUIET}registered: {}{QUIET:#}", known.name)?;
                }
                None => {
                    differ += 1;
                    writeln!(out, "{name:width$}  {FAULT}differs{FAULT:#}")?;
                    write_difference(real, difference, out)?;
                }
            },
        }
        // Two runs of one server must be the same; otherwise the case is useless.
        if let Some(recorded) = recording.and_then(|recording| recording.get(name))
            && let Some(difference) = Difference::between(recorded, real)
        {
            writeln!(out, "  the real server answered otherwise when it was recorded:")?;
            write_difference(recorded, &difference, out)?;
        }
    }
    let played: Vec<&str> = compared.iter().map(|one| &*one.case.name).collect();
    let unused: Vec<_> = register.unused(&played, &explained).collect();
    writeln!(out)?;
    for (entry, case) in &unused {
        writeln!(out, "{FAULT}no deviation any more{FAULT:#}: {entry} in {case}")?;
    }
    if !explained.is_empty() {
        writeln!(out, "registered deviations: {}", explained.len())?;
    }
    writeln!(out, "identical: {identical} of {}", compared.len())?;
    Ok(match differ == 0 && unused.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(DIFFERS),
    })
}

/// Shows the first difference behind the lines before it.
fn write_difference(real: &Answer, difference: &Difference, out: &mut Output) -> Result<(), Error> {
    let before = real.parts();
    let before = &before[..difference.index];
    for line in &before[before.len().saturating_sub(CONTEXT)..] {
        writeln!(out, "       {line}")?;
    }
    writeln!(out, "  {TITLE}real{TITLE:#} {SERVER}{}{SERVER:#}", difference.real)?;
    writeln!(out, "  {TITLE}port{TITLE:#} {FAULT}{}{FAULT:#}", difference.port)?;
    Ok(())
}
