//! The interleaving of TS-3339, drawn from what an exploration finds.

use std::process::Command;

use serde_json::Value;

use super::svg::{At, Svg};

pub(super) fn draw() -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_atslab"));
    command.args(["explore", "reader-shuts-read", "--rearm", "ts-3339", "--format", "json"]);
    let output = command.output().expect("the command runs");
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let mut svg = Svg::new();
    svg.text(100, 20, "strong", At::Middle, "event thread");
    svg.text(300, 20, "strong", At::Middle, "reader");
    let (mut y, mut last, mut said) = (32, 0, Vec::new());
    for row in found["rows"].as_array().expect("rows") {
        let Some((class, head, detail)) = told(row) else { continue };
        let task = i32::try_from(row["task"].as_u64().expect("a thread")).expect("two threads");
        if task != last {
            // The thread is interrupted, or the other one has ended.
            let [from, to] = [last, task].map(|task| 100 + task * 200);
            svg.arrow("dashed", &[(from, y - 8), (from, y), (to, y), (to, y + 14)]);
            y += 16;
            last = task;
        }
        let lines: &[(&str, &str)] = match detail.is_empty() {
            true => &[("small", &head)],
            false => &[("small", &head), ("small", &detail)],
        };
        let high = if detail.is_empty() { 24 } else { 40 };
        svg.boxed(class, (10 + task * 200, y), (180, high), lines);
        y += high + 8;
        let thread = found["threads"][usize::try_from(task).expect("two")].as_str();
        said.push(format!("{}: {head} {detail}", thread.expect("a name")).trim_end().to_owned());
    }
    let [first, second] = [
        "The event thread acts on what it saw in its first box.",
        "It looked before it had the mutex.",
    ];
    svg.text(10, y + 10, "small", At::Start, first);
    svg.text(10, y + 27, "small", At::Start, second);
    svg.finish("A look, then a lock, and what came between", &format!("{}.", said.join(". ")))
}

/// The class and the lines of the box, of a row that matters.
fn told(row: &Value) -> Option<(&'static str, String, String)> {
    let text = |name: &str| row[name].as_str().unwrap_or_default();
    let object = text("object");
    match text("op") {
        "load" if text("src").contains("epoch/c.rs") => {
            let value = text("after");
            return Some(("mark", format!("looks: {object}"), format!("is {value}")));
        }
        "store" => return Some(("box", format!("{object} = {}", text("after")), String::new())),
        "try_lock" => return Some(("box", format!("takes {object}"), String::new())),
        _ => {}
    }
    if !row["violation"].is_null() {
        return Some(("gone", "a user that is gone".to_owned(), "is called back".to_owned()));
    }
    let note = text("note");
    let is_of_the_thread = row["task"] == 1 && !note.contains('>') && !note.contains("returned");
    let note = note.replace("passive", "P.mutex").replace("the user of P is", "its user is");
    is_of_the_thread.then(|| ("box", note, String::new()))
}
