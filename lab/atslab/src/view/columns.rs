//! A figure of a whole run: a column for each lane, and time goes down.
//!
//! It has the forms of the page's strips, which lie: a line leads from the column where a call or
//! bytes come from to the one where they go. The words stand to the right.

use std::fmt::Write;

use super::figure::{STYLE, seconds_text};
use super::forms::Form;
use super::kinds::Shape;
use super::model::{Row, Run, Scene};
use super::page::escaped;

const LEFT: usize = 64;
const COLUMN: usize = 92;
const ROW: usize = 20;
const HEAD: usize = 44;
/// About how wide a character of the words is.
const CHARACTER: usize = 7;

/// The figure of the first run; `None` if it has no row.
pub(crate) fn svg(scene: &Scene) -> Option<String> {
    let run = scene.runs.first().filter(|run| !run.rows.is_empty())?;
    let words = LEFT + run.lanes.len() * COLUMN + 8;
    let longest = run.rows.iter().map(|row| row.code.chars().count()).max().unwrap_or(0);
    let (width, bottom) = (words + longest * CHARACTER + 8, HEAD + run.rows.len() * ROW);
    let mut body = String::new();
    draw_lanes(&mut body, run, bottom);
    let mut last = None;
    for (at, row) in run.rows.iter().enumerate() {
        let y = HEAD + at * ROW + ROW / 2;
        if last.replace(row.at) != Some(row.at) {
            let (top, time) = (y - ROW / 2, seconds_text(row.at));
            let _ = write!(
                body,
                r#"<path class="time" d="M8,{top}H{}"/><text class="d" x="8" y="{}">{time}</text>"#,
                width - 8,
                y + 4
            );
        }
        draw_row(&mut body, run, row, y);
        let _ = writeln!(body, r#"<text x="{words}" y="{}">{}</text>"#, y + 4, escaped(&row.code));
    }
    for (at, sentence) in run.end.iter().enumerate() {
        let y = bottom + 20 + at * 18;
        let _ = write!(body, r#"<text class="b" x="8" y="{y}">{}</text>"#, escaped(sentence));
    }
    let (height, title) = (bottom + 14 + run.end.len() * 18, escaped(&scene.title));
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         role=\"img\"><title>{title}</title><style>{STYLE}</style>\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"4\" fill=\"#fff\"/>\n{body}</svg>\n"
    ))
}

fn middle(lane: usize) -> usize {
    LEFT + lane * COLUMN + COLUMN / 2
}

fn draw_lanes(out: &mut String, run: &Run, bottom: usize) {
    for (lane, it) in run.lanes.iter().enumerate() {
        let x = middle(lane);
        let _ = write!(
            out,
            r#"<text class="b" text-anchor="middle" x="{x}" y="24">{}</text><path class="lane" d="M{x},{HEAD}V{bottom}"/>"#,
            escaped(&it.name)
        );
    }
}

fn draw_row(out: &mut String, run: &Run, row: &Row, y: usize) {
    let (x, from) = (middle(row.lane), row.from.map(middle));
    let side = |lane: usize| run.lanes[lane].side;
    // As in a strip: the colour is that of the participant, not of what stands between.
    let side = match (side(row.lane), row.from.map(side)) {
        (mine, Some('C') | None) => mine,
        (_, Some(theirs)) => theirs,
    };
    let Form { stem, parts, .. } = row.kind.shape.form();
    let _ = write!(out, r#"<g class="{side}">"#);
    if let Some(from) = from.filter(|_| !stem.is_empty()) {
        let _ = write!(out, r#"<path class="{stem}" d="M{from},{y}H{x}"/>"#);
    }
    let goes_left = from.is_some_and(|from| from > x);
    // An arrow points down in a strip, and the one of bytes to the right.
    let turn = match row.kind.shape {
        Shape::Call if goes_left => " rotate(90)",
        Shape::Call if from.is_some() => " rotate(-90)",
        Shape::Move if goes_left => " rotate(180)",
        _ => "",
    };
    let _ = write!(out, r#"<g transform="translate({x},{y}){turn}">"#);
    for (class, d) in parts {
        let _ = write!(out, r#"<path class="{class}" d="{d}"/>"#);
    }
    out.push_str("</g></g>");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::http::HttpNamed;
    use conformance::ats::http_scenario::http_named;

    #[test]
    fn time_goes_down_and_each_row_has_its_words() {
        let name = "http-15-held-beyond-the-timeout".to_owned();
        let scenario = http_named(&name).expect("in the gallery");
        let scene = HttpNamed { name, scenario, text: String::new() }.on_port();
        let svg = svg(&scene).expect("there are rows");
        let at = |text: &str| svg.find(&format!(">{text}<")).unwrap_or_else(|| panic!("{text}"));
        let order = [
            "client",
            "proxy",
            "plugin’s hooks",
            "client &gt; get /a",
            "txn 1 READ_REQUEST_HDR",
            "client closed",
            "9.000 s",
            "txn 1 reenable",
            "Finding: client has no answer.",
        ];
        assert!(order.map(at).is_sorted(), "{svg}");
        // A request leads from the client to the right, a call of a hook from the proxy.
        assert!(
            svg.contains(r#"<g class="A"><path class="stem dashed" d="M110,74H202"/>"#),
            "{svg}"
        );
        assert!(
            svg.contains(r#"<g class="F"><path class="stem thick" d="M202,114H294"/>"#),
            "{svg}"
        );
    }
}
