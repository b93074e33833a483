//! What has been played, as lines of JSON: the first names the server, each
//! further one is a chunk of seeds. Lines may stand in any order and come from
//! several machines, as long as no seed is in two of them.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use conformance::ats::live::Release;
use conformance::input::file_name;
use eventsys::steps::excerpt;
use serde::{Deserialize, Serialize};

use super::CHUNK;
use crate::error::{Error, message};
use crate::files::lines_of;

/// What became of some scenarios.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// How many were played.
    pub(crate) scenarios: u64,
    /// How many steps the real server took in them.
    pub(crate) steps: u64,
    /// In how many both arms crashed, at the same place.
    pub(crate) crashes: u64,
    /// In how many both hung.
    pub(crate) hangs: u64,
    /// In how many a reaction went on without end.
    pub(crate) runaways: u64,
    /// How often each registered deviation showed.
    #[serde(default)]
    pub(crate) deviations: BTreeMap<String, u64>,
    /// The seeds in which the arms differ, and nothing explains it.
    #[serde(default)]
    pub(crate) divergences: Vec<u64>,
    /// The same seeds by the kind of their divergence.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) kinds: BTreeMap<String, Vec<u64>>,
}

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    ats: String,
    threads: u8,
}

/// A further line.
#[derive(Serialize, Deserialize)]
struct Line {
    from: u64,
    to: u64,
    #[serde(flatten)]
    tally: Tally,
}

/// The report of one server.
pub(crate) struct Report {
    release: Release,
    threads: u8,
    /// The chunks that have been played: where each begins, and its end.
    played: BTreeMap<u64, u64>,
    total: Tally,
    /// Where further chunks are written to.
    file: Option<(PathBuf, File)>,
}

impl Report {
    /// The report in `path`, or a new one; without a path nothing is written.
    pub(crate) fn open(
        path: Option<&Path>,
        release: Release,
        threads: u8,
    ) -> Result<Report, Error> {
        let Some(path) = path else { return Ok(Report::new(release, threads)) };
        let mut report = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Report::new(release, threads),
            Err(source) => return Err(unreadable(path, source)),
            Ok(_) => Report::read(path)?,
        };
        if (report.release, report.threads) != (release, threads) {
            let expected = subject(release, threads);
            let fault =
                format!("expected a report on {expected}, found one on {}", report.subject());
            return Err(Error::Line { place: format!("{}:1", file_name(path)), fault });
        }
        let is_new = report.played.is_empty();
        let file = OpenOptions::new().create(true).append(true).open(path);
        let mut file = file.map_err(|source| unwritable(path, source))?;
        if is_new && file.metadata().map_err(|source| unwritable(path, source))?.len() == 0 {
            write_line(&mut file, &Head { ats: release.to_string(), threads }, path)?;
        }
        report.file = Some((path.to_owned(), file));
        Ok(report)
    }

    /// The sum of several reports.
    pub(crate) fn merge(paths: &[PathBuf]) -> Result<Report, Error> {
        let mut merged: Option<Report> = None;
        for path in paths {
            let report = Report::read(path)?;
            let Some(whole) = merged.as_mut() else {
                merged = Some(report);
                continue;
            };
            let place = file_name(path);
            if report.release != whole.release {
                let fault = format!(
                    "expected a report on {}, found one on {}",
                    whole.release, report.release
                );
                return Err(Error::Line { place, fault });
            }
            for (from, to) in report.played {
                whole
                    .count(from..to)
                    .map_err(|fault| Error::Line { place: place.clone(), fault })?;
            }
            whole.total.add(report.total);
        }
        merged.ok_or_else(|| Error::Line { place: "--merge".into(), fault: "no report".into() })
    }

    /// The server of the report.
    pub(crate) fn subject(&self) -> String {
        subject(self.release, self.threads)
    }

    /// What became of all scenarios.
    pub(crate) fn total(&self) -> &Tally {
        &self.total
    }

    /// The chunks of `seeds` that have not been played.
    pub(crate) fn missing(&self, seeds: Range<u64>) -> impl Iterator<Item = Range<u64>> + use<> {
        let (mut from, played) = (seeds.start, self.played.clone());
        std::iter::from_fn(move || {
            while let Some((_, &end)) = played.range(..=from).next_back().filter(|at| *at.1 > from)
            {
                from = end;
            }
            if from >= seeds.end {
                return None;
            }
            let next = played.range(from..).next().map(|(&start, _)| start);
            let to = seeds.end.min((from / CHUNK + 1).saturating_mul(CHUNK));
            let chunk = from..next.map_or(to, |next| to.min(next));
            from = chunk.end;
            Some(chunk)
        })
    }

    /// How many of `seeds` have been played.
    pub(crate) fn played_of(&self, seeds: &Range<u64>) -> u64 {
        let both =
            |(&from, &to): (&u64, &u64)| to.min(seeds.end).saturating_sub(from.max(seeds.start));
        self.played.iter().map(both).sum()
    }

    /// Enters a chunk that has been played.
    pub(crate) fn add(&mut self, chunk: Range<u64>, tally: Tally) -> Result<(), Error> {
        if let Some((path, file)) = &mut self.file {
            let line = Line { from: chunk.start, to: chunk.end, tally: tally.clone() };
            write_line(file, &line, path)?;
        }
        self.played.insert(chunk.start, chunk.end);
        self.total.add(tally);
        Ok(())
    }

    fn new(release: Release, threads: u8) -> Report {
        Report { release, threads, played: BTreeMap::new(), total: Tally::default(), file: None }
    }

    fn read(path: &Path) -> Result<Report, Error> {
        let text = lines_of(path)?;
        let at = |line: usize| format!("{}:{}", file_name(path), line + 1);
        let mut lines = text.lines().enumerate();
        let fault = |line, fault: String| Error::Line { place: at(line), fault };
        let (_, first) = lines
            .next()
            .ok_or_else(|| fault(0, "expected a report, found an empty file".to_owned()))?;
        let head: Head = serde_json::from_str(first).map_err(|_| {
            fault(0, format!("expected {{\"ats\":…,\"threads\":…}}, found {:?}", excerpt(first)))
        })?;
        let release = head.ats.parse().map_err(|error| fault(0, format!("{error}")))?;
        let mut report = Report::new(release, head.threads);
        for (index, text) in lines {
            let line: Line = serde_json::from_str(text).map_err(|error| {
                fault(index, format!("expected a chunk of seeds: {}", message(&error)))
            })?;
            report.count(line.from..line.to).map_err(|text| fault(index, text))?;
            report.total.add(line.tally);
        }
        Ok(report)
    }

    /// Notes that `chunk` has been played; a fault if any of it has been before.
    fn count(&mut self, chunk: Range<u64>) -> Result<(), String> {
        // Chunks do not overlap, so only the last one before the end can contain a seed.
        let before = self.played.range(..chunk.end).next_back();
        if let Some((start, end)) = before.filter(|&(_, &end)| chunk.start < end) {
            return Err(format!("the seeds from {start} to {end} are in the report twice"));
        }
        if chunk.start < chunk.end {
            self.played.insert(chunk.start, chunk.end);
        }
        Ok(())
    }
}

impl Tally {
    /// Enters a divergence of this kind.
    pub(crate) fn differs(&mut self, seed: u64, kind: &str) {
        self.divergences.push(seed);
        self.kinds.entry(kind.to_owned()).or_default().push(seed);
    }

    /// The kinds of divergences with their seeds, the most frequent first. Reports that
    /// were written before there were kinds have seeds without one.
    pub(crate) fn kinds(&self) -> Vec<(&str, Vec<u64>)> {
        let mut kinds: Vec<(&str, Vec<u64>)> =
            self.kinds.iter().map(|(kind, seeds)| (&**kind, seeds.clone())).collect();
        let mut others = self.divergences.clone();
        others.retain(|seed| !self.kinds.values().any(|seeds| seeds.contains(seed)));
        if !others.is_empty() {
            kinds.push(("kind not in the report", others));
        }
        kinds.sort_by_key(|(_, seeds)| std::cmp::Reverse(seeds.len()));
        kinds
    }

    fn add(&mut self, other: Tally) {
        self.scenarios += other.scenarios;
        self.steps += other.steps;
        self.crashes += other.crashes;
        self.hangs += other.hangs;
        self.runaways += other.runaways;
        for (name, count) in other.deviations {
            *self.deviations.entry(name).or_default() += count;
        }
        if !other.divergences.is_empty() {
            self.divergences.extend(other.divergences);
            self.divergences.sort_unstable();
        }
        for (kind, seeds) in other.kinds {
            let all = self.kinds.entry(kind).or_default();
            all.extend(seeds);
            all.sort_unstable();
        }
    }
}

fn subject(release: Release, threads: u8) -> String {
    match threads {
        1 => release.to_string(),
        threads => format!("{release} with {threads} event threads"),
    }
}

fn write_line(file: &mut File, line: &impl Serialize, path: &Path) -> Result<(), Error> {
    let text = serde_json::to_string(line).map_err(|error| unwritable(path, error.into()))?;
    // In one piece: the command may be interrupted.
    file.write_all(format!("{text}\n").as_bytes()).map_err(|source| unwritable(path, source))
}

fn unreadable(path: &Path, source: io::Error) -> Error {
    Error::Unreadable { file: file_name(path), source }
}

fn unwritable(path: &Path, source: io::Error) -> Error {
    Error::Unwritable { file: file_name(path), source }
}

#[cfg(test)]
mod tests {
    use conformance::ats::Epoch;

    use super::*;

    fn missing(report: &Report, seeds: Range<u64>) -> Vec<Range<u64>> {
        let missing: Vec<_> = report.missing(seeds.clone()).collect();
        let count: u64 = missing.iter().map(|chunk| chunk.end - chunk.start).sum();
        assert_eq!(count + report.played_of(&seeds), seeds.end - seeds.start);
        missing
    }

    fn tally(scenarios: u64, divergences: &[u64]) -> Tally {
        let mut tally = Tally { scenarios, ..Tally::default() };
        divergences.iter().for_each(|&seed| tally.differs(seed, "moved: another value"));
        tally
    }

    #[test]
    fn a_report_is_read_back_and_the_rest_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.jsonl");
        let release = Release::from(Epoch::D);
        let mut report = Report::open(Some(&path), release, 1).unwrap();
        assert_eq!(missing(&report, 50..250), [50..100, 100..200, 200..250]);
        report.add(100..200, tally(100, &[150])).unwrap();
        drop(report);

        let report = Report::open(Some(&path), release, 1).unwrap();
        assert_eq!(missing(&report, 50..250), [50..100, 200..250]);
        assert_eq!(*report.total(), tally(100, &[150]));
        let other =
            Report::open(Some(&path), Release::from(Epoch::B), 2).err().unwrap().to_string();
        assert!(
            other.ends_with(
                ":1: expected a report on 8.1.11 with 2 event threads, found one on 9.2.9"
            ),
            "{other}"
        );
    }

    #[test]
    fn reports_are_merged_if_no_seed_is_in_two_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
        for (path, chunk) in [(&one, 0..100), (&two, 100..150)] {
            let mut report = Report::open(Some(path), Release::from(Epoch::D), 1).unwrap();
            let count = chunk.end - chunk.start;
            report.add(chunk.clone(), tally(count, &[chunk.start])).unwrap();
        }
        let merged = Report::merge(&[one.clone(), two]).unwrap();
        assert_eq!(*merged.total(), tally(150, &[0, 100]));
        let twice = Report::merge(&[one.clone(), one]).err().unwrap().to_string();
        assert!(twice.ends_with("the seeds from 0 to 100 are in the report twice"), "{twice}");
    }

    #[test]
    fn divergences_are_grouped_by_kind_the_most_frequent_first() {
        let old = Tally { divergences: vec![4], ..Tally::default() };
        let mut all = tally(10, &[7, 2]);
        all.differs(9, "crash | the end");
        all.add(tally(10, &[1]));
        all.add(old);
        let value = ("moved: another value", vec![1, 2, 7]);
        let expected = [value, ("crash | the end", vec![9]), ("kind not in the report", vec![4])];
        assert_eq!(all.kinds(), expected);
        assert_eq!(all.divergences, [1, 2, 4, 7, 9]);
        let again: Tally = serde_json::from_str(&serde_json::to_string(&all).unwrap()).unwrap();
        assert_eq!(again, all);
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report");
        std::fs::write(&path, "{\"ats\":\"9.2.9\",\"threads\":1}\nnonsense\n").unwrap();
        let error = Report::merge(&[path]).err().unwrap().to_string();
        assert!(error.contains("report:2: expected a chunk of seeds"), "{error}");
    }
}
