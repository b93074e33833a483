//! `atslab http`: what the port answers over TCP, against what the real server
//! does.

mod fuzz;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use conformance::Epoch;
use conformance::http::{
    Answer, Case, Difference, EchoOrigin, HttpDeviations, HttpServer, PortServers, RealServers,
    Recording, Timeouts, play_all,
};
use conformance::input::{MOST_OF_CASES, read_file};
use conformance::live::Release;

use crate::cli::{HttpArgs, HttpCommand};
use crate::error::Error;
use crate::output::{FAULT, Output, QUIET, SERVER, TITLE};
use crate::progress::Progress;

/// The status if a case differs.
const DIFFERS: u8 = 1;

/// How many lines are shown before the first difference.
const CONTEXT: usize = 3;

/// Plays the cases, prints what was found, and gives the exit status.
pub(crate) fn http(args: &HttpArgs, out: &mut Output) -> Result<ExitCode, Error> {
    if let Some(HttpCommand::Fuzz(args)) = &args.command {
        return fuzz::fuzz(args, out);
    }
    let place = args.cases.as_deref().unwrap_or(Path::new("tests/http/cases.txt"));
    let recording_place = args.recording.as_deref().unwrap_or(Path::new("tests/http/9.2.9.txt"));
    let mut cases = match &args.cases {
        Some(file) => read(file, Case::parse)?,
        None => Case::all(),
    };
    cases.retain(|case| {
        args.filter.is_empty() || args.filter.iter().any(|text| case.name.contains(text))
    });
    if cases.is_empty() {
        let (place, name) = (place.display().to_string(), args.filter.join(" "));
        return Err(match args.filter.is_empty() {
            true => Error::HttpFile { place, fault: "there is no case in this file".to_owned() },
            false => Error::UnknownCase { place, name, close: Vec::new() },
        });
    }
    let recording = match (&args.recording, &args.cases) {
        (Some(file), _) => read(file, Recording::parse)?,
        (None, Some(_)) => Recording::default(),
        (None, None) => Recording::known(),
    };
    let origin = EchoOrigin::start().map_err(Error::Origin)?;
    let real = match args.live || args.record.is_some() {
        true => Some(ask_real_servers(args, &cases, origin, &recording)?),
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

    let port = PortServers::start(origin, Timeouts::OF_CASES).map_err(Error::Origin)?;
    let expected = |case: &Case| {
        let at = cases.iter().position(|other| other.name == case.name)?;
        real.get(at)
    };
    let answers = play(&cases, args, &port, expected);
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

/// Reads a file of the user's.
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
    origin: EchoOrigin,
    recording: &Recording,
) -> Result<Vec<Answer>, Error> {
    let server = args.servers.find(Release::from(Epoch::D))?;
    let servers = RealServers::start(&server, origin, Timeouts::OF_CASES)?;
    // What was recorded says how long to wait, but not if it is made anew.
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
    let register = HttpDeviations::known();
    let width = compared.iter().map(|one| one.case.name.len()).max().unwrap_or(0);
    let (mut identical, mut explained, mut differ) = (0, Vec::new(), 0);
    for Compared { case, real, difference } in compared {
        let name = &case.name;
        match difference {
            None => {
                identical += 1;
                writeln!(out, "{name:width$}  same")?;
            }
            Some(difference) => match register.explain(name, difference) {
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
        // Two runs of one server should be alike; else the case is no good.
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
    let before = &real.lines[..difference.index];
    for line in &before[before.len().saturating_sub(CONTEXT)..] {
        writeln!(out, "       {line}")?;
    }
    writeln!(out, "  {TITLE}real{TITLE:#} {SERVER}{}{SERVER:#}", difference.real)?;
    writeln!(out, "  {TITLE}port{TITLE:#} {FAULT}{}{FAULT:#}", difference.port)?;
    Ok(())
}
