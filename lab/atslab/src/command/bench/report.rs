//! Prints the result of `atslab bench`: as tables, or in Markdown.

use std::io::{self, Write};
use std::iter;

use comfy_table::{CellAlignment, Table, presets};

use super::figures::{Beside, Figures, Measured};
use super::workloads::Unit;
use crate::ui::output::{QUIET, TITLE};

/// Figures with this spread or a larger one are marked.
const WIDE: f64 = 0.15;

/// What one kind of measurement has brought.
pub(super) struct Section<'a> {
    /// Stands above its table, if there are several.
    pub(super) title: &'static str,
    pub(super) all: &'a [Measured],
}

/// Rows of cells, of which the first `words` of each row are words and the others figures.
struct Cells {
    words: usize,
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// Writes the tables.
pub(super) fn write_tables(out: &mut impl Write, sections: &[Section<'_>]) -> io::Result<()> {
    for (number, Section { title, all }) in sections.iter().enumerate() {
        if sections.len() > 1 {
            writeln!(out, "{}{TITLE}{title}{TITLE:#}", if number > 0 { "\n" } else { "" })?;
        }
        write_cells(out, measured(all))?;
        if let Some(bare) = beside_a_bare_loop(all) {
            writeln!(out)?;
            write_cells(out, bare)?;
        }
        write_notes(out, all)?;
    }
    Ok(())
}

fn write_cells(out: &mut impl Write, cells: Cells) -> io::Result<()> {
    let mut table = Table::new();
    let columns = cells.header.len();
    table.load_style(presets::NOTHING).set_header(cells.header);
    table.add_rows(cells.rows);
    if let Some(names) = table.column_mut(0) {
        names.set_padding((0, 1));
    }
    for column in cells.words..columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for (number, line) in table.lines().enumerate() {
        let style = if number == 0 { QUIET } else { Default::default() };
        writeln!(out, "{style}{}{style:#}", line.trim_end())?;
    }
    Ok(())
}

/// Writes the tables in Markdown.
pub(super) fn write_markdown(
    out: &mut impl Write,
    machine: &str,
    sections: &[Section<'_>],
) -> io::Result<()> {
    writeln!(out, "Measured on {machine}.")?;
    for Section { title, all } in sections {
        if sections.len() > 1 {
            writeln!(out, "\n**{title}**")?;
        }
        for cells in iter::once(measured(all)).chain(beside_a_bare_loop(all)) {
            writeln!(out, "\n| {} |", cells.header.join(" | "))?;
            let rule = |column| if column < cells.words { "---" } else { "---:" };
            let rule: Vec<_> = (0..cells.header.len()).map(rule).collect();
            writeln!(out, "| {} |", rule.join(" | "))?;
            for row in cells.rows {
                writeln!(out, "| {} |", row.join(" | "))?;
            }
        }
        write_notes(out, all)?;
    }
    Ok(())
}

fn measured(all: &[Measured]) -> Cells {
    Cells { words: 2, header: header(all), rows: all.iter().map(row).collect() }
}

/// How far each arm is from a bare loop of `writev`; `None` if there was no such loop.
fn beside_a_bare_loop(all: &[Measured]) -> Option<Cells> {
    let with_loop: Vec<(&Measured, &Figures)> =
        all.iter().filter_map(|one| Some((one, one.bare.as_ref()?))).collect();
    let (first, _) = with_loop.first()?;
    let mut header = vec!["beside a bare loop".to_owned(), "writev".to_owned()];
    for beside in &first.releases {
        header.push(format!("port {}", short(&beside.release.to_string())));
        if beside.server.is_some() {
            header.push(format!("real {}", beside.release));
        }
    }
    let row = |&(measured, bare): &(&Measured, &Figures)| {
        let mut row = vec![measured.workload.name.clone(), told(bare, measured.workload.unit)];
        for beside in &measured.releases {
            let arms = iter::once(&beside.port).chain(&beside.server);
            row.extend(arms.map(|arm| format!("× {:.2}", arm.median() / bare.median())));
        }
        row
    };
    Some(Cells { words: 1, header, rows: with_loop.iter().map(row).collect() })
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
    let met = measured.releases.iter().filter(|beside| beside.is_within(reach) == Some(true));
    let met: Vec<_> = met.map(|beside| short(&beside.release.to_string()).to_owned()).collect();
    let met = if met.is_empty() { "no".to_owned() } else { met.join(", ") };
    [format!("≤ {reach:.1}"), met]
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
    let (median, name) = match unit {
        Unit::Time if median >= 10_000.0 => (median / 1000.0, "µs"),
        _ => (median, unit.name()),
    };
    let digits = if median < 100.0 && unit == Unit::Time { 1 } else { 0 };
    let half = figures.spread() * 50.0;
    let mark = if figures.spread() > WIDE { "!" } else { "" };
    format!("{median:.digits$} {name} ±{half:.0}%{mark}")
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
    match summary(all) {
        Some(summary) => writeln!(out, "\n{summary}"),
        None => Ok(()),
    }
}

/// How many rows keep to what is wanted of them; `None` if there is nothing to compare with.
fn summary(all: &[Measured]) -> Option<String> {
    let wanted = || all.iter().filter_map(|one| Some((one, one.workload.reach()?)));
    let mut parts = Vec::new();
    for (place, beside) in all.first()?.releases.iter().enumerate() {
        let all = wanted().filter_map(|(one, reach)| one.releases.get(place)?.is_within(reach));
        let (met, count) = all.fold((0, 0), |(met, count), is| (met + usize::from(is), count + 1));
        if count > 0 {
            parts.push(format!("beside {} {met} of {count}", beside.release));
        }
    }
    (!parts.is_empty()).then(|| format!("Rows whose ratio is within reach: {}.", parts.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::super::workloads::{Workload, counted, workloads};
    use super::*;

    fn of(workload: Workload, [old, new]: [f64; 2], bare: Option<f64>) -> Measured {
        let figures = |figure| Figures { sorted: vec![figure] };
        let beside = |release: &str, port| Beside {
            release: release.parse().expect("a release"),
            port: figures(port),
            server: Some(figures(100.0)),
            difference: None,
        };
        let releases = vec![beside("8.1.11", old), beside("9.2.9", new)];
        Measured { workload, releases, others: Vec::new(), bare: bare.map(figures) }
    }

    fn named(all: Vec<Workload>, name: &str) -> Workload {
        all.into_iter().find(|workload| workload.name == name).expect("a workload")
    }

    #[test]
    fn a_row_tells_which_ratios_are_within_reach() {
        let row_of = |name, ports| of(named(counted(), name), ports, None);
        let told = |name, ports| reach(&row_of(name, ports));
        assert_eq!(told("event_chain", [80.0, 80.4]), ["≤ 0.8", "8.1, 9.2"]);
        assert_eq!(told("event_chain", [81.0, 79.0]), ["≤ 0.8", "9.2"]);
        assert_eq!(told("pair_50_shared", [101.0, 200.0]), ["≤ 1.0", "no"]);
        assert_eq!(told("pair_32k", [50.0, 50.0]), ["", ""], "nothing is wanted of it");
        let all = [row_of("connect", [99.0, 101.0]), row_of("pair_32k", [1.0, 1.0])];
        assert_eq!(header(&all).len(), row(&all[0]).len());
        let expected =
            "Rows whose ratio is within reach: beside 8.1.11 1 of 1, beside 9.2.9 0 of 1.";
        assert_eq!(summary(&all).as_deref(), Some(expected));
        assert_eq!(summary(&all[1..]), None);
    }

    #[test]
    fn answers_stand_beside_a_bare_loop() {
        let all = workloads(false);
        let large = of(named(all.clone(), "http_10m"), [70.0, 71.0], Some(40.0));
        let small = of(named(all, "http_1k_two"), [50.0, 51.0], None);
        assert_eq!(reach(&large), ["≤ 0.7", "8.1"]);
        assert_eq!(reach(&small), ["≤ 0.5", "8.1"]);
        let mut out = Vec::new();
        let sections = [Section { title: "Time", all: &[small, large] }];
        write_markdown(&mut out, "a machine", &sections).unwrap();
        let text = String::from_utf8(out).unwrap();
        let expected = "| beside a bare loop | writev | port 8.1 | real 8.1.11 | port 9.2 | real 9.2.9 |\n\
                        | --- | ---: | ---: | ---: | ---: | ---: |\n\
                        | http_10m | 40.0 ns ±0% | × 1.75 | × 2.50 | × 1.77 | × 2.50 |\n";
        assert!(text.contains(expected), "{text}");
        assert!(!text.contains("**Time**"), "one table needs no title: {text}");
    }

    #[test]
    fn long_times_are_told_in_microseconds() {
        let told = |median| told(&Figures { sorted: vec![median] }, Unit::Time);
        assert_eq!(told(99.96), "100.0 ns ±0%");
        assert_eq!(told(9_999.0), "9999 ns ±0%");
        assert_eq!(told(14_250.0), "14.2 µs ±0%");
        assert_eq!(told(2_565_100.0), "2565 µs ±0%");
    }
}
