//! `atslab fuzz --http` and `--net`: random HTTP scenarios, or those of a NetVC, on the port and in a
//! real server.

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use conformance::ats::http_scenario::{
    BLOCK, HttpArm, HttpDifference, explain_http, generate_http, generate_net, http_differ,
    is_mirrored_in, record_on_port_as, shrink_http,
};
use conformance::ats::live::{LiveError, Probe, Release};
use conformance::ats::scenario::http::{HttpFinish, HttpScenario};
use conformance::input::file_name;
use conformance::pool;

use super::{DIFFERS, FuzzArgs, progress_bar, write};
use crate::error::Error;
use crate::ui::output::{FAULT, Output, TITLE};

/// What has been played.
#[derive(Default)]
struct Tally {
    scenarios: u64,
    /// What the participants have seen in the real server.
    events: u64,
    crashes: u64,
    /// Differences that did not come a second time, as they were or made small, with their seeds.
    once: Vec<(u64, HttpDifference)>,
    known: BTreeMap<String, u64>,
    kinds: BTreeMap<String, Vec<u64>>,
}

/// A difference that nothing explains, and the smallest scenario that shows it.
struct Finding {
    seed: u64,
    scenario: HttpScenario,
    difference: HttpDifference,
}

type Done = (Range<u64>, Tally, Vec<Finding>);

struct Worker {
    arm: HttpArm,
    release: Release,
    generate: fn(u64) -> HttpScenario,
}

/// Plays the random HTTP scenarios of a range of seeds on both arms.
pub(super) fn fuzz(args: &FuzzArgs, out: &mut Output) -> Result<ExitCode, Error> {
    let generate = if args.net { generate_net } else { generate_http };
    let is_played = |release| match is_mirrored_in(release, &generate(args.seed)) {
        true => Ok(()),
        false => Err(Error::NotMirrored(release.to_string())),
    };
    is_played(args.ats)?;
    let server = args.servers.find(args.ats)?;
    let release = server.release();
    is_played(release)?;
    let own = args.servers.with_headers(std::slice::from_ref(&server));
    let probe = Arc::new(Probe::of_http(&own)?);
    let end = args.seed.saturating_add(args.count);
    let starts = (args.seed / BLOCK..).map(|block| block * BLOCK).take_while(|&at| at < end);
    let chunks: Vec<Range<u64>> =
        starts.map(|at| at.max(args.seed)..(at + BLOCK).min(end)).collect();
    let worker = |_| Worker { arm: HttpArm::new(&server, &probe), release, generate };
    let workers = (0..pool::size(args.jobs, chunks.len())).map(worker).collect();
    let bar = progress_bar(args.count, 0);
    let mut total = Tally::default();
    let chunks = chunks.into_iter();
    let played = pool::try_run(chunks, workers, Worker::play, |(chunk, tally, findings): Done| {
        bar.inc(chunk.end - chunk.start);
        for finding in &findings {
            let file = keep(finding, args, release)?;
            if total.add_kind(&finding.difference, finding.seed) {
                bar.suspend(|| show(finding, &file, release, out))?;
            }
        }
        total.add(tally);
        Ok::<(), Error>(())
    });
    bar.finish_and_clear();
    played?;
    write_summary(out, &total, release, kind_of(args))
}

/// What the scenarios are.
fn kind_of(args: &FuzzArgs) -> &'static str {
    if args.net { "NetVC" } else { "HTTP" }
}

impl Worker {
    fn play(&mut self, chunk: Range<u64>) -> Result<Done, LiveError> {
        let (mut tally, mut findings) = (Tally::default(), Vec::new());
        for seed in chunk.clone() {
            let scenario = (self.generate)(seed);
            let real = self.arm.play(&scenario)?;
            tally.scenarios += 1;
            tally.events += real.actors.iter().map(|actor| actor.events.len() as u64).sum::<u64>();
            let port = record_on_port_as(&scenario, self.release).report;
            let Some(difference) = http_differ(&real, &port) else {
                tally.crashes += u64::from(matches!(real.finish, HttpFinish::Crashed(_)));
                continue;
            };
            if let Some(name) = explain_http(self.release, &scenario, &difference) {
                *tally.known.entry(name).or_default() += 1;
                continue;
            }
            let again = self.difference(&scenario)?;
            match again.map(|_| self.shrink(seed, scenario)).transpose()?.flatten() {
                Some(finding) => findings.push(finding),
                None => tally.once.push((seed, difference)),
            }
        }
        Ok((chunk, tally, findings))
    }

    fn shrink(&mut self, seed: u64, scenario: HttpScenario) -> Result<Option<Finding>, LiveError> {
        let small = shrink_http(scenario, |one| Ok(self.difference(one)?.is_some()))?;
        let found = self.difference(&small)?;
        Ok(found.map(|difference| Finding {
            seed,
            scenario: HttpScenario {
                title: format!("What is left of seed {seed}"),
                teaches: format!("Where the port differs from {}.", self.release),
                ..small
            },
            difference,
        }))
    }

    /// A difference that nothing explains.
    fn difference(&mut self, scenario: &HttpScenario) -> Result<Option<HttpDifference>, LiveError> {
        let port = record_on_port_as(scenario, self.release).report;
        let found = http_differ(&self.arm.play(scenario)?, &port);
        Ok(found.filter(|found| explain_http(self.release, scenario, found).is_none()))
    }
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.scenarios += other.scenarios;
        self.events += other.events;
        self.crashes += other.crashes;
        self.once.extend(other.once);
        for (name, count) in other.known {
            *self.known.entry(name).or_default() += count;
        }
    }

    /// Notes a difference; true if it is the first of its kind.
    fn add_kind(&mut self, difference: &HttpDifference, seed: u64) -> bool {
        let seeds = self.kinds.entry(difference.kind()).or_default();
        seeds.push(seed);
        seeds.len() == 1
    }
}

/// Writes a finding to a file of its own.
fn keep(finding: &Finding, args: &FuzzArgs, release: Release) -> Result<PathBuf, Error> {
    let kind = kind_of(args).to_lowercase();
    let file = args.findings.join(format!("{release}-{kind}-seed-{}.toml", finding.seed));
    let text = format!("# Found with seed {} on {release}.\n{}", finding.seed, finding.scenario);
    write(&file, &text)?;
    Ok(file)
}

/// Shows a finding, the first of its kind, and tells how to see it again.
fn show(
    finding: &Finding,
    file: &std::path::Path,
    release: Release,
    out: &mut Output,
) -> Result<(), Error> {
    let seed = finding.seed;
    writeln!(out, "\n{FAULT}seed {seed}:{FAULT:#} the port differs from {release}")?;
    write!(out, "{}", finding.difference)?;
    writeln!(out, "  what is left of the scenario; to see it again:")?;
    writeln!(out, "  atslab run {} --ats {release} --live", file_name(file))?;
    Ok(out.flush()?)
}

fn write_summary(
    out: &mut Output,
    total: &Tally,
    release: Release,
    kind: &str,
) -> Result<ExitCode, Error> {
    let Tally { scenarios, events, crashes, .. } = total;
    writeln!(
        out,
        "{TITLE}{release}, {kind}{TITLE:#}: {scenarios} scenarios, {events} events of the real server"
    )?;
    writeln!(out, "in both arms alike: {crashes} aborts")?;
    for (name, count) in &total.known {
        writeln!(out, "registered deviation {name}: {count}")?;
    }
    for (seed, difference) in &total.once {
        writeln!(out, "{FAULT}seed {seed}:{FAULT:#} a difference that did not come again")?;
        write!(out, "{difference}")?;
    }
    let count: usize = total.kinds.values().map(Vec::len).sum();
    match total.kinds.len() {
        0 => writeln!(out, "differences: 0")?,
        1 => writeln!(out, "differences: {count}, of 1 kind")?,
        of => writeln!(out, "differences: {count}, of {of} kinds")?,
    }
    for (kind, seeds) in &total.kinds {
        let shown: Vec<_> = seeds.iter().map(u64::to_string).collect();
        writeln!(out, "  {} × {kind}; seeds {}", seeds.len(), shown.join(", "))?;
    }
    let is_alike = total.kinds.is_empty() && total.once.is_empty();
    Ok(if is_alike { ExitCode::SUCCESS } else { ExitCode::from(DIFFERS) })
}
