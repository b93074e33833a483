//! Prints the result of `atslab bench`: as a table, in Markdown, or in JSON.

use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use super::figures::{Beside, Figures, Measured};
use super::others::Other;
use super::workloads::Unit;
use crate::ui::output::QUIET;

/// Figures with this spread or a larger one are marked.
const WIDE: f64 = 0.15;

/// Writes the table.
pub(super) fn write_table(out: &mut impl Write, all: &[Measured]) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header(all));
    let columns = header(all).len();
    for measured in all {
        table.add_row(row(measured));
    }
    if let Some(names) = table.column_mut(0) {
        names.set_padding((0, 1));
    }
    for column in 2..columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for (number, line) in table.lines().enumerate() {
        let style = if number == 0 { QUIET } else { Default::default() };
        writeln!(out, "{style}{}{style:#}", line.trim_end())?;
    }
    write_notes(out, all)
}

/// Writes the table in Markdown.
pub(super) fn write_markdown(
    out: &mut impl Write,
    machine: &str,
    all: &[Measured],
) -> io::Result<()> {
    writeln!(out, "Measured on {machine}.\n")?;
    let header = header(all);
    writeln!(out, "| {} |", header.join(" | "))?;
    let rule = header.iter().enumerate().map(|(i, _)| if i < 2 { "---" } else { "---:" });
    writeln!(out, "| {} |", rule.collect::<Vec<_>>().join(" | "))?;
    for measured in all {
        writeln!(out, "| {} |", row(measured).join(" | "))?;
    }
    write_notes(out, all)
}

fn header(all: &[Measured]) -> Vec<String> {
    let mut header = vec!["workload".to_owned(), "of one".to_owned()];
    for beside in all.first().into_iter().flat_map(|measured| &measured.releases) {
        let release = beside.release;
        header.push(format!("port {}", short(&release.to_string())));
        if beside.server.is_some() {
            header.push(format!("real {release}"));
            header.push("ratio".to_owned());
        }
    }
    if has_ratios(all) {
        header.extend(["reach", "met"].map(str::to_owned));
    }
    let others = all.first().into_iter().flat_map(|measured| &measured.others);
    header.extend(others.map(|(other, _)| other.name().to_owned()));
    header
}

/// Whether there is something to compare with.
fn has_ratios(all: &[Measured]) -> bool {
    let mut releases = all.first().into_iter().flat_map(|measured| &measured.releases);
    releases.any(|beside| beside.server.is_some())
}

/// The greatest ratio that this project wants, and the releases beside which the port keeps to it.
fn reach(measured: &Measured) -> [String; 2] {
    let Some(reach) = measured.workload.reach() else { return Default::default() };
    let meets = |beside: &&Beside| beside.ratio().is_some_and(|ratio| round(ratio) <= reach);
    let met = measured.releases.iter().filter(meets);
    let met: Vec<_> = met.map(|beside| short(&beside.release.to_string()).to_owned()).collect();
    let met = if met.is_empty() { "no".to_owned() } else { met.join(", ") };
    [format!("≤ {reach:.1}"), met]
}

/// As the table shows a ratio: to two digits.
fn round(ratio: f64) -> f64 {
    (ratio * 100.0).round() / 100.0
}

/// The first two numbers of a release.
fn short(release: &str) -> &str {
    release.rsplit_once('.').map_or(release, |(short, _)| short)
}

fn row(measured: &Measured) -> Vec<String> {
    let workload = &measured.workload;
    let mut row = vec![workload.name.clone(), workload.operation.to_owned()];
    for beside in &measured.releases {
        row.push(told(&beside.port, workload.unit));
        if let Some(server) = &beside.server {
            row.push(told(server, workload.unit));
            row.push(match beside.ratio() {
                Some(ratio) => format!("{ratio:.2}"),
                None => "refused".to_owned(),
            });
        }
    }
    if measured.releases.iter().any(|beside| beside.server.is_some()) {
        row.extend(reach(measured));
    }
    for (_, figures) in &measured.others {
        row.push(figures.as_ref().map_or(String::new(), |figures| told(figures, workload.unit)));
    }
    row
}

/// The median, and how far the quarters are apart.
fn told(figures: &Figures, unit: Unit) -> String {
    let median = figures.median();
    if unit == Unit::Instructions {
        return format!("{median:.0}");
    }
    let digits = if median < 100.0 && unit == Unit::Time { 1 } else { 0 };
    let half = figures.spread() * 50.0;
    let mark = if figures.spread() > WIDE { "!" } else { "" };
    format!("{median:.digits$} {} ±{half:.0}%{mark}", unit.name())
}

fn write_notes(out: &mut impl Write, all: &[Measured]) -> io::Result<()> {
    let wide = |beside: &Beside| {
        [Some(&beside.port), beside.server.as_ref()]
            .into_iter()
            .flatten()
            .any(|figures| figures.spread() > WIDE)
    };
    let mut notes = Vec::new();
    if all.iter().flat_map(|measured| &measured.releases).any(wide) {
        let percent = WIDE * 50.0;
        notes.push(format!(
            "! the quarters around the median are more than ±{percent}% away from it"
        ));
    }
    for measured in all {
        for beside in &measured.releases {
            if let Some(difference) = &beside.difference {
                let (name, release) = (&measured.workload.name, beside.release);
                notes.push(format!("{name}, {release}: not the same work: {difference}"));
            }
        }
    }
    for note in notes {
        writeln!(out, "\n{note}")?;
    }
    Ok(())
}

/// All results, for tools.
#[derive(Serialize)]
struct Report<'a> {
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
    others: Vec<OtherEntry<'a>>,
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
        releases: measured.releases.iter().map(ReleaseEntry::of).collect(),
        others: measured.others.iter().filter_map(OtherEntry::of).collect(),
    });
    serde_json::to_string_pretty(&Report { machine, workloads: workloads.collect() })
}

impl<'a> OtherEntry<'a> {
    fn of((other, figures): &'a (Other, Option<Figures>)) -> Option<OtherEntry<'a>> {
        Some(OtherEntry { name: other.name(), figures: &figures.as_ref()?.sorted })
    }
}

impl<'a> ReleaseEntry<'a> {
    fn of(beside: &'a Beside) -> ReleaseEntry<'a> {
        ReleaseEntry {
            release: beside.release.to_string(),
            port: &beside.port.sorted,
            server: beside.server.as_ref().map(|figures| &*figures.sorted),
            ratio: beside.ratio(),
            difference: beside.difference.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::workloads::counted;
    use super::*;

    fn measured(name: &str, [old, new]: [f64; 2]) -> Measured {
        let workload = counted().into_iter().find(|workload| workload.name == name);
        let beside = |release: &str, port| Beside {
            release: release.parse().expect("a release"),
            port: Figures { sorted: vec![port] },
            server: Some(Figures { sorted: vec![100.0] }),
            difference: None,
        };
        let releases = vec![beside("8.1.11", old), beside("9.2.9", new)];
        Measured { workload: workload.expect("a workload"), releases, others: Vec::new() }
    }

    #[test]
    fn a_row_tells_which_ratios_are_within_reach() {
        let told = |name, ports| reach(&measured(name, ports));
        assert_eq!(told("event_chain", [80.0, 80.4]), ["≤ 0.8", "8.1, 9.2"]);
        assert_eq!(told("event_chain", [81.0, 79.0]), ["≤ 0.8", "9.2"]);
        assert_eq!(told("pair_50_shared", [101.0, 200.0]), ["≤ 1.0", "no"]);
        assert_eq!(told("pair_32k", [50.0, 50.0]), ["", ""], "nothing is wanted of it");
        let all = [measured("connect", [99.0, 101.0])];
        assert_eq!(header(&all).len(), row(&all[0]).len());
    }
}
