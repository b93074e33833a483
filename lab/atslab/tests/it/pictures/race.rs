//! A race for the reader's mutex, drawn from runs of the scenario of the first chapter.

use std::fs;

use serde_json::Value;

use super::root;
use super::svg::{At, Svg};
use crate::common::{atslab, stdout};

/// What stands in the rows of a run: a side, and words.
struct Row {
    at: i64,
    side: char,
    text: String,
}

/// The moments at which the foreign thread takes the mutex and gives it back, as numbers of
/// rows.
type Held = (usize, usize);

pub(super) fn draw() -> String {
    let page = fs::read_to_string(root().join("docs/src/first-race.md")).expect("the chapter");
    let block = page.split("<!-- file: race.toml -->\n```toml\n").nth(1).expect("the scenario");
    let scenario = block.split("```").next().expect("its end");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("race.toml");
    fs::write(&file, scenario).expect("a file");

    let (mut svg, mut said, mut y) = (Svg::new(), Vec::new(), 20);
    for (epoch, title) in [
        ("C", "Epoch C (9.1): a buffer between the ends"),
        ("D", "Epoch D (9.2): no buffer, two mutexes at once"),
    ] {
        let run = ["run", "--format", "json", "--epoch", epoch];
        let told: Value =
            serde_json::from_str(&stdout(atslab().args(run).arg(&file))).expect("JSON");
        let (rows, held) = rows(told["runs"][0]["records"].as_array().expect("a list"));
        svg.text(10, y, "strong", At::Start, title);
        for (x, text) in [(70, "mutex"), (122, "writer, A"), (256, "reader, P")] {
            svg.text(x, y + 22, "small", At::Start, text);
        }
        let top = y + 30;
        let begin = top + 20 * i32::try_from(held.0).expect("few");
        let high = 20 * i32::try_from(held.1 - held.0).expect("few");
        svg.boxed("mark", (70, begin), (44, high), &[("small", "held")]);
        let mut last = None;
        for (n, Row { at, side, text }) in (0..).zip(&rows) {
            let line = top + 20 * n + 14;
            let now = format!("{} ms", at / 1_000_000);
            if last.as_ref() != Some(&now) {
                svg.text(10, line, "small", At::Start, &now);
            }
            last = Some(now);
            svg.text(if *side == 'A' { 122 } else { 256 }, line, "small", At::Start, text);
        }
        let lines =
            rows.iter().map(|row| format!("{} ms, {}: {}", row.at / 1_000_000, row.side, row.text));
        said.push(format!("{title}. {}", lines.collect::<Vec<_>>().join("; ")));
        y = top + 20 * i32::try_from(rows.len()).expect("few") + 34;
    }
    svg.finish("A race for the reader's mutex, in two releases", &format!("{}.", said.join(". ")))
}

/// The rows of a run, from when the mutex is taken on.
fn rows(records: &[Value]) -> (Vec<Row>, Held) {
    let (mut rows, mut held) = (Vec::<Row>::new(), (0, 0));
    let mut is_held = false;
    for record in records {
        let word = |key: &str| record[key].as_str().unwrap_or_default();
        let value = record["value"].as_i64().unwrap_or_default();
        let at = record["t"].as_i64().expect("a time");
        let text = match (word("record"), word("kind"), word("op")) {
            ("hold", ..) if word("change") == "takes" => {
                (is_held, held.0) = (true, rows.len());
                continue;
            }
            ("hold", ..) => {
                (is_held, held.1) = (false, rows.len());
                continue;
            }
            ("op", _, op) if !op.starts_with("hold") && (is_held || held.1 > 0) => op.to_owned(),
            ("step", "write_added", _) => "10 bytes to the pair".to_owned(),
            ("step", "read_added", _) => "10 bytes off the pair".to_owned(),
            ("step", "read_lock_miss", _) => "mutex missed".to_owned(),
            ("step", "event", _) if is_held && value == 2 && word("side") == "P" => {
                let again = "missed again";
                match rows.last_mut() {
                    Some(last) if last.text.starts_with(again) => {
                        let count =
                            last.text.split(' ').nth(2).map_or(1, |n| n.parse().unwrap_or(1));
                        last.text = format!("{again} {} times", count + 1);
                        continue;
                    }
                    _ => again.to_owned(),
                }
            }
            ("step", "sm_write", _) if value == 103 => "WRITE_COMPLETE".to_owned(),
            ("step", "sm_read", _) if value == 102 => "READ_COMPLETE".to_owned(),
            ("step", "sm_read", _) if value == 104 => "EOS: no bytes".to_owned(),
            _ => continue,
        };
        rows.push(Row { at, side: word("side").chars().next().expect("a side"), text });
    }
    (rows, held)
}
