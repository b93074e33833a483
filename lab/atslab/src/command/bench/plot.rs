//! Drawings of the result, as SVG.
//!
//! Written by hand: the plotting crates have no bars with the value behind each, and an
//! axis is a few lines.

use std::fmt::Write;

use super::figures::{Beside, Figures, Measured};
use super::workloads::Unit;

const WIDTH: f64 = 860.0;
const COLOURS: [&str; 4] = ["#4477aa", "#cc6677", "#117733", "#ddaa33"];

/// Bars of the ratio, port to original; a bar left of the black line is a better port. A grey mark is
/// the ratio that is wanted. Instructions stand in a panel of their own, beside time and memory.
pub(super) fn ratios(machine: &str, all: &[Measured]) -> String {
    const LEFT: f64 = 150.0;
    let mut names: Vec<&str> = Vec::new();
    for measured in all {
        if !names.contains(&&*measured.workload.name) {
            names.push(&measured.workload.name);
        }
    }
    let is_counted = |one: &&Measured| one.workload.unit == Unit::Instructions;
    let (counted, timed): (Vec<_>, Vec<_>) = all.iter().partition(is_counted);
    let panels = [("Time and memory", timed), ("Instructions", counted)];
    let panels: Vec<_> = panels.into_iter().filter(|(_, rows)| !rows.is_empty()).collect();
    let height = 74.0 + ROW * names.len() as f64;
    let mut svg = Svg::new(height, &format!("The port by the original. {machine}"));
    for (row, name) in names.iter().enumerate() {
        svg.text(LEFT - 8.0, FIRST + ROW * row as f64 + 18.0, "end", name);
    }
    let width = (WIDTH - LEFT) / panels.len().max(1) as f64;
    for (number, (title, rows)) in panels.iter().enumerate() {
        let left = LEFT + width * number as f64;
        svg.text(left, 40.0, "start", title);
        let place = |measured: &Measured| {
            names.iter().position(|name| *name == measured.workload.name).unwrap_or_default()
        };
        let rows = rows.iter().map(|measured| (place(measured), *measured));
        panel(&mut svg, (left, width - 50.0), height, rows);
    }
    let releases = all.first().map_or(&[][..], |one| &one.releases);
    for (number, beside) in releases.iter().enumerate() {
        let x = WIDTH - 130.0 * (releases.len() - number) as f64;
        svg.bar(x, 10.0, 12.0, 12.0, COLOURS[number % 4]);
        svg.text(x + 18.0, 20.0, "start", &format!("beside {}", beside.release));
    }
    svg.finish()
}

/// Where the first row of bars begins, and how high a row is.
const FIRST: f64 = 64.0;
const ROW: f64 = 34.0;

/// The bars of one kind of measurement: where they begin and how wide they may be.
fn panel<'a>(
    svg: &mut Svg,
    (left, width): (f64, f64),
    height: f64,
    rows: impl Iterator<Item = (usize, &'a Measured)> + Clone,
) {
    let ratio = |beside: &Beside| beside.ratio().unwrap_or_default();
    let ratios = rows.clone().flat_map(|(_, one)| &one.releases).map(ratio);
    let greatest = ratios.fold(1.2, f64::max).min(3.0);
    let scale = width / greatest;
    for (row, measured) in rows {
        let top = FIRST + ROW * row as f64;
        for (number, beside) in measured.releases.iter().enumerate() {
            let Some(ratio) = beside.ratio() else { continue };
            let (y, colour) = (top + 3.0 + 13.0 * number as f64, COLOURS[number % 4]);
            let length = ratio.min(greatest) * scale;
            svg.bar(left, y, length, 12.0, colour);
            svg.text(left + length + 4.0, y + 10.0, "start", &format!("{ratio:.2}"));
        }
        if let Some(reach) = measured.workload.reach() {
            let (x, bottom) =
                (left + reach * scale, top + 4.0 + 13.0 * measured.releases.len() as f64);
            svg.bar(x - 1.5, top + 1.0, 3.0, bottom - top, "#999");
        }
    }
    svg.line((left + scale, 50.0), (left + scale, height - 10.0), "#222");
}

/// The cost of a piece over the number of pairs, on two logarithmic axes.
pub(super) fn growth(machine: &str, all: &[Measured]) -> String {
    const HEIGHT: f64 = 460.0;
    let (left, right, top, bottom) = (70.0, WIDTH - 150.0, 50.0, HEIGHT - 50.0);
    let lines = growth_lines(all);
    let points = || lines.iter().flat_map(|line| &line.points);
    let x = |pairs: f64| left + (right - left) * (pairs.log10() - 1.0) / 5.0;
    let least = points().map(|point| point.1).fold(f64::INFINITY, f64::min).log10().floor();
    let most = points().map(|point| point.1).fold(0.0, f64::max).log10().ceil();
    let y = |cost: f64| bottom - (bottom - top) * (cost.log10() - least) / (most - least).max(1.0);

    let mut svg = Svg::new(HEIGHT, &format!("Nanoseconds for a piece of 1 KiB. {machine}"));
    for power in 1..=6 {
        let at = x(10_f64.powi(power));
        svg.line((at, top), (at, bottom), "#ddd");
        svg.text(at, bottom + 18.0, "middle", &format!("{} pairs", 10_u64.pow(power as u32)));
    }
    let mut power = least;
    while power <= most && points().next().is_some() {
        let at = y(10_f64.powf(power));
        svg.line((left, at), (right, at), "#ddd");
        svg.text(left - 6.0, at + 4.0, "end", &format!("{} ns", 10_f64.powf(power)));
        power += 1.0;
    }
    for (number, line) in lines.iter().enumerate() {
        let colour = COLOURS[number / 2 % 4];
        let places: Vec<_> = line.points.iter().map(|&(pairs, cost)| (x(pairs), y(cost))).collect();
        svg.path(&places, colour, number % 2 == 1);
        if let Some(last) = places.last() {
            let label = (last.1 + 4.0 + 2.0 * number as f64).min(bottom);
            svg.text(last.0 + 6.0, label, "start", &line.name);
        }
    }
    svg.finish()
}

/// One arm with one or two event threads.
struct Line {
    name: String,
    /// Pairs and nanoseconds.
    points: Vec<(f64, f64)>,
}

fn growth_lines(all: &[Measured]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for measured in all {
        let job = &measured.workload.job;
        let threads = if job.threads == 1 { 1 } else { 2 };
        let mut add = |program: String, figures: &Figures| {
            let name = format!("{program}, {threads} thr.");
            let point = (job.many as f64, figures.median());
            match lines.iter_mut().find(|line| line.name == name) {
                Some(line) => line.points.push(point),
                None => lines.push(Line { name, points: vec![point] }),
            }
        };
        for beside in &measured.releases {
            add(format!("port {}", beside.release), &beside.port);
            if let Some(server) = &beside.server {
                add(format!("real {}", beside.release), server);
            }
        }
    }
    // One and two threads of an arm beside each other: they share a colour.
    lines.sort_by(|a, b| a.name.cmp(&b.name));
    lines
}

/// A drawing that is being made.
struct Svg(String);

impl Svg {
    fn new(height: f64, title: &str) -> Svg {
        let mut svg = Svg(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
             font-family=\"sans-serif\" font-size=\"11\">\n\
             <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>\n"
        ));
        svg.text(12.0, 20.0, "start", title);
        svg
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.0.write_fmt(element);
        self.0.push('\n');
    }

    fn text(&mut self, x: f64, y: f64, anchor: &str, text: &str) {
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        self.add(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
        ));
    }

    fn bar(&mut self, x: f64, y: f64, width: f64, height: f64, colour: &str) {
        self.add(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
             fill=\"{colour}\"/>"
        ));
    }

    fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: &str) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.add(format_args!(
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" \
             stroke=\"{colour}\"/>"
        ));
    }

    fn path(&mut self, points: &[(f64, f64)], colour: &str, is_dashed: bool) {
        let points: String = points.iter().map(|(x, y)| format!("{x:.1},{y:.1} ")).collect();
        let dash = if is_dashed { " stroke-dasharray=\"5 3\"" } else { "" };
        self.add(format_args!(
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" \
             stroke-width=\"2\"{dash}/>"
        ));
    }

    fn finish(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }
}
