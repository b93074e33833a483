//! What a scenario leaves behind: nothing.

use std::fs;
use std::path::Path;

use conformance::node::{Setting, Transport, generate, run_with, shape};
use iocore::buffer::census;
use serde_json::Value;

/// Runs each scenario; gives the names of those that leave buffers or events behind.
fn leaving(scenarios: impl Iterator<Item = Value>, transport: Transport) -> Vec<String> {
    let setting = Setting { transport, ..Setting::default() };
    let mut leaving = Vec::new();
    for scenario in scenarios {
        let before = census();
        let told = run_with(&scenario, setting);
        assert!(!told.is_empty() || scenario["actions"].as_array().is_none_or(Vec::is_empty));
        let after = census();
        if after.live != before.live {
            let (pieces, bytes) = (after.live - before.live, after.live_bytes - before.live_bytes);
            leaving.push(format!("{}: {pieces} pieces, {bytes} bytes", scenario["id"]));
        }
    }
    leaving
}

fn recorded() -> impl Iterator<Item = Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("node");
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("the recordings")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    files.sort();
    files.into_iter().flat_map(|path| {
        let text = fs::read_to_string(path).expect("a recording");
        let lines: Vec<_> = text.lines().map(|line| shape::scenario(line).unwrap()).collect();
        lines
    })
}

#[test]
fn recorded_scenarios_leave_no_memory_behind() {
    assert_eq!(leaving(recorded(), Transport::PluginVc), [""; 0]);
}

#[test]
fn random_scenarios_leave_no_memory_behind() {
    let random = (0..600).map(|number| generate(5, number));
    assert_eq!(leaving(random, Transport::PluginVc), [""; 0]);
}

#[test]
fn over_sockets_nothing_is_left_either() {
    assert_eq!(leaving(recorded().take(100), Transport::Sockets), [""; 0]);
}
