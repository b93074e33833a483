//! `atslab http fuzz`: random clients, on a running server and on the port.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use conformance::ats::Epoch;
use conformance::ats::http::fuzz::{Arms, Finding, RandomClients, Statistics, kind, shrink_all};
use conformance::ats::http::{Case, Origins, PortServers, RealServers, Swarm, Timeouts};
use conformance::ats::live::Release;
use conformance::deviations::Deviations;

use super::{DIFFERS, write_difference};
use crate::command::http::HttpFuzzArgs;
use crate::error::Error;
use crate::ui::output::{FAULT, Output, QUIET, TITLE};
use crate::ui::progress::Progress;

/// So many clients are made and played at a time.
const BATCH: usize = 20_000;

/// So many of each kind are made small; the smallest of them is shown.
const TO_SHRINK: usize = 2;

/// What was found, by its kind.
type Kinds = BTreeMap<String, Vec<Finding>>;

/// Plays random clients, prints what differs, and gives the exit status.
pub(crate) fn fuzz(args: &HttpFuzzArgs, out: &mut Output) -> Result<ExitCode, Error> {
    let random = RandomClients::new();
    let seeds = args.seed..args.seed.saturating_add(args.count);
    if args.print {
        let cases: Vec<Case> = seeds.map(|seed| random.client(seed).0).collect();
        write!(out, "{}", Case::print(&cases))?;
        return Ok(ExitCode::SUCCESS);
    }
    let server = args.servers.find(Release::from(Epoch::D))?;
    let origins = Origins::start().map_err(Error::Origin)?;
    let timeouts = Timeouts::OF_RANDOM_CLIENTS;
    let real = RealServers::start(&server, origins, timeouts)?;
    let port = PortServers::start(origins, timeouts).map_err(Error::Origin)?;
    let arms = Arms { real: &real, port: &port };

    let began = Instant::now();
    let mut statistics = Statistics::default();
    let (mut kinds, mut unsteady, mut registered) = (Kinds::new(), 0, BTreeMap::new());
    let register = Deviations::http();
    let all = usize::try_from(args.count).unwrap_or(usize::MAX);
    let progress = Progress::of_cases(all.saturating_mul(2));
    let mut seeds = seeds.peekable();
    while seeds.peek().is_some() {
        let cases: Vec<Case> = seeds
            .by_ref()
            .take(BATCH)
            .map(|seed| {
                let (case, features) = random.client(seed);
                statistics.count(&features);
                case
            })
            .collect();
        let swarm = Swarm { at_once: usize::from(args.at_once) };
        let done = || progress.done_case("");
        let (findings, once) = arms.differing(&cases, swarm, done)?;
        unsteady += once;
        for finding in findings {
            match register.explain_client(&finding.case, &finding.difference) {
                Some(known) => *registered.entry(known.name.clone()).or_insert(0) += 1,
                None => kinds.entry(kind(&finding.difference)).or_default().push(finding),
            }
        }
    }
    drop(progress);
    let seconds = began.elapsed().as_secs_f64();

    writeln!(out, "9.2.9: {} clients in {seconds:.0} s", statistics.clients)?;
    let shares: Vec<String> = statistics
        .iter()
        .map(|(feature, count)| format!("{feature} {:.1} %", percent(count, statistics.clients)))
        .collect();
    writeln!(out, "{QUIET}{}{QUIET:#}", shares.join(", "))?;
    if unsteady > 0 {
        writeln!(out, "differed once and not again: {unsteady}")?;
    }
    for (name, count) in &registered {
        writeln!(out, "registered deviation {name}: {count}")?;
    }
    let found: usize = kinds.values().map(Vec::len).sum();
    writeln!(out, "differences: {found}, of {} kinds", kinds.len())?;
    if kinds.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    for (name, findings) in &kinds {
        let clients: Vec<&str> = findings.iter().map(|finding| &*finding.case.name).collect();
        writeln!(out, "  {} × {name} {QUIET}{}{QUIET:#}", findings.len(), clients.join(" "))?;
    }
    out.flush()?;
    report(&arms, kinds, out)?;
    Ok(ExitCode::from(DIFFERS))
}

/// Shows each kind, the most frequent first, by the smallest client of it.
fn report(arms: &Arms<'_>, kinds: Kinds, out: &mut Output) -> Result<(), Error> {
    let mut chosen = Vec::new();
    let mut counts = BTreeMap::new();
    for (name, mut findings) in kinds {
        counts.insert(name, findings.len());
        findings.sort_by_key(|finding| Case::print([&finding.case]).len());
        findings.truncate(TO_SHRINK);
        chosen.extend(findings);
    }
    let shrunk = shrink_all(arms, chosen)?;
    let mut smallest: BTreeMap<String, Finding> = BTreeMap::new();
    for finding in shrunk {
        let length = |finding: &Finding| Case::print([&finding.case]).len();
        let name = kind(&finding.difference);
        if smallest.get(&name).is_none_or(|known| length(&finding) < length(known)) {
            smallest.insert(name, finding);
        }
    }
    let mut order: Vec<(&String, &Finding)> = smallest.iter().collect();
    order.sort_by_key(|(name, _)| std::cmp::Reverse(counts.get(*name).copied().unwrap_or(0)));
    for (name, finding) in order {
        let count = counts.get(name).copied().unwrap_or(0);
        writeln!(out, "\n{TITLE}{count} × {FAULT}{name}{FAULT:#}{TITLE:#}")?;
        write!(out, "{}", Case::print([&finding.case]).trim_end())?;
        writeln!(out)?;
        write_difference(&finding.real, &finding.difference, out)?;
    }
    Ok(())
}

fn percent(count: usize, all: usize) -> f64 {
    // Both are far below 2^52.
    count as f64 * 100.0 / all.max(1) as f64
}
