//! A figure: the rows around one step as SVG, for slides and for the book.
//!
//! It looks like the page's strips (`view/page/strip.js`): the same forms, in colours that
//! stand on light and on dark paper.

use std::fmt::Write;

use super::align;
use super::forms::{BAD_ENDS, BAR_HALF, BAR_OVER, DASH, Form};
use super::kinds::Shape;
use super::model::{Buffer, Row, Run, Scene};
use super::page::escaped;

/// How many columns stand before and after the step.
const AROUND: usize = 14;
const WIDE: usize = 24;
const LEFT: usize = 140;
const LANE: usize = 26;
const LOCK: usize = 13;
const CHART: usize = 32;
const CHART_GAP: usize = 14;
const HEAD: usize = 38;

pub(super) const STYLE: &str = "text{font:11px system-ui,'DejaVu Sans',sans-serif;fill:#22231f}\
.d{fill:#6d6d66}.b{font-weight:600}.m{fill:#b5122f;font-size:10px}.s{font-size:14px}\
.A{color:#1766a8}.P{color:#a84c14}.C{color:#5b5b57}.F{color:#b5122f}\
.full{fill:currentColor}.hollow,.padlock{fill:#fff;stroke:currentColor;stroke-width:1.5}\
.line,.stem{fill:none;stroke:currentColor;stroke-width:1.3}.inner{fill:none;stroke:#fff;stroke-width:1.6}\
.thick{stroke-width:3}.dashed{stroke-dasharray:3 2}.warn{fill:#fff;stroke:#b5122f;stroke-width:2}\
.lane{stroke:#dcdcd4}.time{stroke:#a5a59e;stroke-dasharray:2 3}.band{fill:#fde3e6}.gap{fill:#eeeee8}\
.held{fill:currentColor;fill-opacity:.45}.level{fill:currentColor;fill-opacity:.3;stroke:currentColor}\
.mark{fill:none;stroke:#b5122f;stroke-dasharray:4 3}.cur{fill:#ffd54a;fill-opacity:.35;stroke:#d8a800}";

/// The figure of the row with this index in the first run; `None` if there is no such row.
pub(crate) fn svg(scene: &Scene, row: usize) -> Option<String> {
    let columns = align::columns(&scene.runs);
    let middle = *columns.first()?.get(row)? as usize;
    let differs = align::differs(&scene.runs, &columns);
    let total = differs.len();
    let end = (middle + AROUND + 1).max(2 * AROUND + 1).min(total);
    let first = end.saturating_sub(2 * AROUND + 1);
    let at = At { first, end, middle, differs };
    let mut body = String::new();
    let mut y = 8;
    for (run, columns) in scene.runs.iter().zip(&columns) {
        let strip = Strip::new(run, columns, scene, &at, y);
        strip.draw(&mut body);
        y = strip.bottom() + 10;
    }
    let text = &scene.runs[0].rows[row];
    let width = LEFT + (end - first) * WIDE + 8;
    let mut sentence = text.sentence.clone();
    if let Some(letter) = sentence.get(..1) {
        sentence = letter.to_uppercase() + &sentence[1..];
    }
    let said = format!("{}: {sentence}.", text.code);
    for line in wrapped(&said, (width - 16) / 7) {
        y += 18;
        let _ = write!(body, r#"<text class="s" x="8" y="{y}">{}</text>"#, escaped(&line));
    }
    let height = y + 10;
    let title = escaped(&scene.title);
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         role=\"img\"><title>{title}</title><desc>{}</desc>\
         <style>{STYLE}</style>\n<defs><pattern id=\"h\" width=\"6\" height=\"6\" \
         patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
         <path d=\"M1,0v6\" stroke=\"#b5122f\" stroke-width=\"2\"/></pattern></defs>\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"4\" fill=\"#fff\"/>\n{body}</svg>\n",
        escaped(&said)
    ))
}

/// Lines of at most so many characters.
fn wrapped(text: &str, most: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().expect("there is a line");
        if last.is_empty() {
            *last = word.to_owned();
        } else if last.chars().count() + 1 + word.chars().count() <= most {
            *last += " ";
            *last += word;
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// The columns that are shown.
struct At {
    first: usize,
    end: usize,
    middle: usize,
    /// For each column of the axis.
    differs: Vec<bool>,
}

impl At {
    /// The left edge of a column.
    fn edge(&self, column: usize) -> usize {
        LEFT + (column - self.first) * WIDE
    }
}

/// One run in the figure.
struct Strip<'a> {
    run: &'a Run,
    scene: &'a Scene,
    at: &'a At,
    top: usize,
    /// The row in each shown column.
    rows: Vec<Option<usize>>,
    /// The last row in or before it.
    last: Vec<Option<usize>>,
}

impl<'a> Strip<'a> {
    fn new(run: &'a Run, columns: &[u32], scene: &'a Scene, at: &'a At, top: usize) -> Strip<'a> {
        let (mut rows, mut last) = (Vec::new(), Vec::new());
        for column in at.first..at.end {
            let next = columns.partition_point(|&known| known as usize <= column);
            let row = next.checked_sub(1);
            last.push(row);
            rows.push(row.filter(|&row| columns[row] as usize == column));
        }
        Strip { run, scene, at, top, rows, last }
    }

    fn lane(&self, lane: usize) -> usize {
        self.top + HEAD + lane * LANE + LANE / 2
    }

    fn locks(&self) -> usize {
        self.top + HEAD + self.run.lanes.len() * LANE + 4
    }

    fn charts(&self) -> usize {
        self.locks() + self.run.locks.len() * LOCK + 10
    }

    fn bottom(&self) -> usize {
        self.charts() + self.run.buffers.len() * (CHART + CHART_GAP)
    }

    fn draw(&self, out: &mut String) {
        let run = self.run;
        let name = match (&*run.epoch, &*run.release) {
            ("", _) => run.arm.clone(),
            (epoch, release) => format!("{}, epoch {epoch} ({release})", run.arm),
        };
        let _ =
            write!(out, r#"<text class="b" x="8" y="{}">{}</text>"#, self.top + 12, escaped(&name));
        self.draw_bands(out);
        let right = self.at.edge(self.at.end);
        for (lane, it) in run.lanes.iter().enumerate() {
            let y = self.lane(lane);
            let _ = write!(
                out,
                r#"<text class="{}" x="8" y="{}">{}</text><path class="lane" d="M{LEFT},{y}H{right}"/>"#,
                if it.side == 'F' { "d" } else { "" },
                y + 4,
                escaped(&it.name)
            );
        }
        self.draw_times(out);
        self.draw_locks(out);
        for (index, buffer) in run.buffers.iter().enumerate() {
            self.draw_chart(out, buffer, self.charts() + index * (CHART + CHART_GAP));
        }
        for (column, row) in (self.at.first..).zip(&self.rows) {
            if let Some(row) = row {
                self.draw_row(out, &run.rows[*row], self.at.edge(column) + WIDE / 2);
            }
        }
        let (x, y, height) =
            (self.at.edge(self.at.middle), self.top + 18, self.bottom() - self.top - 20);
        let _ = writeln!(
            out,
            r#"<rect class="cur" x="{x}" y="{y}" width="{WIDE}" height="{height}"/>"#
        );
    }

    /// Where the runs differ.
    fn draw_bands(&self, out: &mut String) {
        let (y, height) = (self.top + HEAD, self.run.lanes.len() * LANE);
        for (column, row) in (self.at.first..).zip(&self.rows) {
            if self.at.differs[column] {
                let class = if row.is_some() { "band" } else { "gap" };
                let x = self.at.edge(column);
                let _ = write!(
                    out,
                    r#"<rect class="{class}" x="{x}" y="{y}" width="{WIDE}" height="{height}"/>"#
                );
            }
        }
    }

    fn draw_times(&self, out: &mut String) {
        let mut free = 0;
        for (column, row) in (self.at.first..).zip(&self.rows) {
            let Some(row) = *row else { continue };
            let now = self.run.rows[row].at;
            let is_new = row == 0 || self.run.rows[row - 1].at != now;
            let x = self.at.edge(column);
            if is_new {
                let (top, end) = (self.top + 20, self.bottom() - 4);
                let _ = write!(out, r#"<path class="time" d="M{x},{top}V{end}"/>"#);
            }
            if x >= free && (is_new || free == 0) {
                let text = seconds_text(now);
                let _ = write!(
                    out,
                    r#"<text class="d" x="{}" y="{}">{text}</text>"#,
                    x + 3,
                    self.top + 28
                );
                free = x + 60;
            }
        }
    }

    fn draw_locks(&self, out: &mut String) {
        for (lock, name) in self.run.locks.iter().enumerate() {
            let y = self.locks() + lock * LOCK;
            let class = match name.chars().next() {
                Some('a') => "A",
                Some('p') => "P",
                _ => "C",
            };
            let _ = write!(
                out,
                r#"<text class="d" x="8" y="{}">{}</text>"#,
                y + 9,
                escaped(&super::model::lock_words(name))
            );
            let bit = 1 << lock;
            let mut begin: Option<(usize, bool)> = None;
            let mut close = |begin: Option<(usize, bool)>, column: usize| {
                let Some((first, foreign)) = begin else { return };
                let (x, width) = (self.at.edge(first), (column - first) * WIDE);
                let _ = if foreign {
                    write!(
                        out,
                        r##"<rect x="{x}" y="{y}" width="{width}" height="9" fill="url(#h)" stroke="#b5122f"/>"##
                    )
                } else {
                    let (x, width) = (x + 2, width.saturating_sub(4));
                    write!(
                        out,
                        r#"<rect class="held {class}" x="{x}" y="{y}" width="{width}" height="9" rx="2"/>"#
                    )
                };
            };
            for (offset, last) in self.last.iter().enumerate() {
                let column = self.at.first + offset;
                let here = last.and_then(|row| {
                    let Row { held, foreign, .. } = &self.run.rows[row];
                    let is_held = held & bit != 0 && self.rows[offset].is_some();
                    (foreign & bit != 0 || is_held).then_some(foreign & bit != 0)
                });
                // A hold ends with the dispatch that took it.
                let begins = self.rows[offset].is_some_and(|row| {
                    let Row { kind, at, .. } = &self.run.rows[row];
                    row > 0 && (kind.shape == Shape::Event || *at != self.run.rows[row - 1].at)
                });
                let goes_on = match begin {
                    Some((_, false)) => {
                        (here == Some(false) || self.rows[offset].is_none()) && !begins
                    }
                    Some((_, true)) => here == Some(true),
                    None => false,
                };
                if !goes_on {
                    close(begin, column);
                    begin = here.map(|foreign| (column, foreign));
                }
            }
            close(begin, self.at.end);
        }
    }

    fn draw_chart(&self, out: &mut String, buffer: &Buffer, top: usize) {
        let most = self.scene.most(buffer.way);
        let bottom = top + CHART;
        let height = |bytes: i64| {
            let part = usize::try_from(bytes.clamp(0, most)).unwrap_or(0) * (CHART - 4);
            bottom - part / usize::try_from(most).unwrap_or(1)
        };
        let mut fill = format!("M{LEFT},{bottom}");
        let (mut mark, mut named) = (String::new(), None);
        for (offset, last) in self.last.iter().enumerate() {
            let level = last.map(|row| buffer.at(row));
            let (x, end) =
                (self.at.edge(self.at.first + offset), self.at.edge(self.at.first + offset + 1));
            let y = height(level.map_or(0, |level| level.bytes));
            let _ = write!(fill, "V{y}H{end}");
            if let Some(level) = level.filter(|level| level.mark > 0 && level.mark <= most) {
                let y = height(level.mark);
                let _ = write!(mark, "M{x},{y}H{end}");
                named.get_or_insert((x, y, level.mark));
            }
        }
        let side = buffer.side;
        let _ = write!(
            out,
            r#"<text x="8" y="{}">{}</text><text class="d" x="8" y="{}">0 … {}</text><path class="level {side}" d="{fill}V{bottom}Z"/>"#,
            top + 13,
            escaped(&buffer.name),
            top + 26,
            bytes_text(most)
        );
        if let Some((x, y, bytes)) = named {
            let (name, bytes) = (buffer.mark_name, bytes_text(bytes));
            let words = match buffer.way[1] {
                1 => format!("{bytes}: {name}"),
                _ => format!("{name} {bytes}"),
            };
            let (x, y) = (x + 4, y + 11);
            let _ = write!(
                out,
                r#"<path class="mark" d="{mark}"/><text class="m" x="{x}" y="{y}">{words}</text>"#
            );
        }
    }

    fn draw_row(&self, out: &mut String, row: &Row, x: usize) {
        let (y, from) = (self.lane(row.lane), row.from.map(|lane| self.lane(lane)));
        let sides = (self.run.lanes[row.lane].side, row.from.map(|lane| self.run.lanes[lane].side));
        let side = match sides {
            (mine, Some(theirs)) if row.kind.shape == Shape::Bar && mine != theirs => 'C',
            (mine, Some('C') | None) => mine,
            (_, Some(theirs)) => theirs,
        };
        let _ = write!(out, r#"<g class="{side}"><title>{}</title>"#, escaped(&row.code));
        draw_form(out, row, x, y, from);
        out.push_str("</g>");
    }
}

/// The form of a row with its middle at (x, y); `from` is the height where a call comes from. As in
/// `page/draw.js`.
fn draw_form(out: &mut String, row: &Row, x: usize, y: usize, from: Option<usize>) {
    let shape = row.kind.shape;
    let Form { stem, is_turned, parts } = shape.form();
    let mut path = |class: &str, d: &str| {
        let _ = write!(out, r#"<path class="{class}" d="{d}"/>"#);
    };
    if let Some(from) = from.filter(|_| !stem.is_empty()) {
        path(stem, &format!("M{x},{from}V{y}"));
    }
    if let (Some(from), Shape::Bar) = (from, shape) {
        let (left, wide) = (x - BAR_HALF, 2 * BAR_HALF);
        let (top, end) = (from.min(y) - BAR_OVER, from.max(y) + BAR_OVER);
        return path("full", &format!("M{left},{top}h{wide}V{end}h-{wide}z"));
    }
    let turn = if is_turned && from.is_some_and(|from| from > y) { " scale(1,-1)" } else { "" };
    let _ = write!(out, r#"<g transform="translate({x},{y}){turn}">"#);
    let event = row.code.rsplit_once(' ').map_or("", |(_, event)| event);
    let is_bad = shape == Shape::Callback && BAD_ENDS.contains(&event);
    for (class, d) in parts.iter().chain(is_bad.then_some(&DASH)) {
        let _ = write!(out, r#"<path class="{class}" d="{d}"/>"#);
    }
    out.push_str("</g>");
}

/// Seconds: a run in virtual time has whole milliseconds, a trace of a server has not.
pub(super) fn seconds_text(at: i64) -> String {
    let digits = if at % 1_000_000 == 0 { 3 } else { 6 };
    #[allow(clippy::cast_precision_loss)] // It is shown to the microsecond.
    let seconds = at as f64 / 1e9;
    format!("{seconds:.digits$} s")
}

/// Bytes in the largest unit in which they are a whole number.
fn bytes_text(bytes: i64) -> String {
    match bytes {
        n if n >= 1 << 20 && n % (1 << 20) == 0 => format!("{} MiB", n >> 20),
        n if n >= 1 << 10 && n % (1 << 10) == 0 => format!("{} KiB", n >> 10),
        n => format!("{n} B"),
    }
}
