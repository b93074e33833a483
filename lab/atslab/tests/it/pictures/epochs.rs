//! The epochs of PluginVC: the way of the bytes, and what a writer is told whose peer has
//! not read yet, as the scenario `02-peer-reads-late` shows it.

use serde_json::Value;

use super::svg::{At, Svg};
use crate::common::{atslab, stdout};

/// Letter, releases, what is special, in two lines.
const EPOCHS: [(&str, &str, [&str; 2]); 5] = [
    ("A", "up to 6.1", ["reenable and close use try-locks", "and a retry event"]),
    ("B", "6.2 to 8.1", ["locks that wait; a close always", "goes through an event (TS-3235)"]),
    ("C", "9.0 and 9.1", ["the caller takes the other side's", "mutex first (#4746)"]),
    ("D", "9.2 to 10.1", ["no core buffers: straight into the", "peer's read buffer (#8698)"]),
    ("E", "10.2", ["as D; a shutdown takes the core", "mutex (#12982)"]),
];

pub(super) fn draw() -> String {
    let run = ["run", "02-peer-reads-late", "--epoch", "all", "--format", "json"];
    let told: Value = serde_json::from_str(&stdout(atslab().args(run))).expect("JSON");
    let callbacks = |letter: &str| {
        let run = told["runs"].as_array()?.iter().find(|run| run["epoch"] == letter)?;
        let events = run["outcome"]["A"]["callbacks"].as_array()?;
        let events: Vec<&str> = events.iter().filter_map(Value::as_str).collect();
        Some(events.join(", then "))
    };
    let (mut svg, mut said) = (Svg::new(), Vec::new());
    for (n, (letter, releases, special)) in (0..).zip(EPOCHS) {
        let y = 8 + n * 138;
        svg.rect("empty", (8, y), (384, 126));
        svg.boxed("mark", (18, y + 10), (34, 34), &[("strong", letter)]);
        svg.text(62, y + 32, "strong", At::Start, releases);
        svg.text(176, y + 22, "small", At::Start, special[0]);
        svg.text(176, y + 38, "small", At::Start, special[1]);
        svg.boxed("box", (18, y + 56), (92, 30), &[("small", "write buffer")]);
        svg.boxed("box", (290, y + 56), (92, 30), &[("small", "read buffer")]);
        let is_straight = "DE".contains(letter);
        if is_straight {
            svg.arrow("", &[(110, y + 71), (290, y + 71)]);
        } else {
            svg.boxed("box", (154, y + 56), (92, 30), &[("small", "core buffer")]);
            svg.arrow("", &[(110, y + 71), (154, y + 71)]);
            svg.arrow("", &[(246, y + 71), (290, y + 71)]);
        }
        let told = callbacks(letter);
        match &told {
            Some(events) => {
                svg.text(18, y + 110, "small", At::Start, "if the peer reads late:");
                svg.text(382, y + 110, "code", At::End, events);
            }
            None => svg.text(18, y + 110, "small", At::Start, "the port does not have this epoch"),
        }
        let way = if is_straight { "into the peer's read buffer" } else { "through a core buffer" };
        let told = told.map_or(String::new(), |events| {
            format!(", and a writer whose peer reads late gets {events}")
        });
        said.push(format!(
            "Epoch {letter}, releases {releases}: {}. Bytes go from the write buffer {way}{told}",
            special.join(" ")
        ));
    }
    svg.finish("The five epochs of PluginVC", &format!("{}.", said.join(". ")))
}
