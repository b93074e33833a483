//! The result of `atslab bench` for tools.

use serde::Serialize;

use super::figures::{Beside, Figures, Measured};
use super::others::Other;

/// The name of the form, and its number: `docs/schema/atslab-bench-1.json`.
const FORMAT: (&str, u32) = ("atslab-bench", 1);

/// All results, for tools.
#[derive(Serialize)]
struct Report<'a> {
    format: &'static str,
    version: u32,
    machine: &'a str,
    workloads: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    operation: &'a str,
    unit: &'static str,
    operations: u64,
    pairs: u64,
    threads: u8,
    releases: Vec<ReleaseEntry<'a>>,
    /// The greatest ratio that this project wants.
    reach: Option<f64>,
    others: Vec<OtherEntry<'a>>,
    /// A bare loop of `writev`: each run's figure, sorted.
    bare: Option<&'a [f64]>,
}

#[derive(Serialize)]
struct OtherEntry<'a> {
    name: &'static str,
    /// Each run's figure, sorted.
    figures: &'a [f64],
}

#[derive(Serialize)]
struct ReleaseEntry<'a> {
    release: String,
    /// Each run's figure, sorted.
    port: &'a [f64],
    server: Option<&'a [f64]>,
    ratio: Option<f64>,
    /// Whether the ratio is within reach.
    met: Option<bool>,
    difference: Option<&'a str>,
}

/// The result in JSON.
pub(super) fn json(machine: &str, all: &[Measured]) -> serde_json::Result<String> {
    let workloads = all.iter().map(|measured| Entry {
        name: &measured.workload.name,
        operation: measured.workload.operation,
        unit: measured.workload.unit.name(),
        operations: measured.workload.job.ops,
        pairs: measured.workload.job.many,
        threads: measured.workload.job.threads,
        reach: measured.workload.reach(),
        releases: measured.releases.iter().map(|one| ReleaseEntry::of(one, measured)).collect(),
        others: measured.others.iter().filter_map(OtherEntry::of).collect(),
        bare: measured.bare.as_ref().map(|figures| &*figures.sorted),
    });
    let (format, version) = FORMAT;
    let workloads = workloads.collect();
    serde_json::to_string_pretty(&Report { format, version, machine, workloads })
}

impl<'a> OtherEntry<'a> {
    fn of((other, figures): &'a (Other, Option<Figures>)) -> Option<OtherEntry<'a>> {
        Some(OtherEntry { name: other.name(), figures: &figures.as_ref()?.sorted })
    }
}

impl<'a> ReleaseEntry<'a> {
    fn of(beside: &'a Beside, measured: &Measured) -> ReleaseEntry<'a> {
        ReleaseEntry {
            release: beside.release.to_string(),
            port: &beside.port.sorted,
            server: beside.server.as_ref().map(|figures| &*figures.sorted),
            ratio: beside.ratio(),
            met: measured.workload.reach().and_then(|reach| beside.is_within(reach)),
            difference: beside.difference.as_deref(),
        }
    }
}
