//! `atslab http`: what the port answers over TCP, against what the real server
//! does.

use std::io::Write;
use std::process::ExitCode;

use conformance::Epoch;
use conformance::http::{
    Answer, Case, Difference, EchoOrigin, HttpDeviations, HttpServer, PortServers, RealServers,
    Recording, play_all,
};
use conformance::live::Release;

use crate::cli::HttpArgs;
use crate::error::Error;
use crate::output::{FAULT, Output, QUIET, SERVER, TITLE};
use crate::progress::Progress;

/// The status if a case differs.
const DIFFERS: u8 = 1;

/// How many lines are shown before the first difference.
const CONTEXT: usize = 3;

/// Plays the cases, prints what was found, and gives the exit status.
pub(crate) fn http(args: &HttpArgs, out: &mut Output) -> Result<ExitCode, Error> {
    let mut cases = Case::all();
    cases.retain(|case| {
        args.filter.is_empty() || args.filter.iter().any(|text| case.name.contains(text))
    });
    if cases.is_empty() {
        let place = "tests/http/cases.txt".to_owned();
        return Err(Error::UnknownCase { place, name: args.filter.join(" "), close: Vec::new() });
    }
    let recording = Recording::known();
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
            recording: "tests/http/9.2.9.txt".to_owned(),
            name: case.name.clone(),
            cases: "tests/http/cases.txt".to_owned(),
        })
    };
    let real = match real {
        Some(real) => real,
        None => cases.iter().map(recorded).collect::<Result<_, _>>()?,
    };

    let port = PortServers::start(origin).map_err(Error::Origin)?;
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
    let servers = RealServers::start(&server, origin)?;
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
