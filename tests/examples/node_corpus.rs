//! Prints the inputs that the fuzzer of node's HTTP machine has found, as scenarios for
//! node: inputs found by coverage lead into states that no damaged message reaches by
//! chance.
//!
//! ```console
//! $ bash streamlisten/fuzz/run 60 /tmp/finds
//! $ cargo run -p conformance --example node_corpus -- /tmp/finds > finds.jsonl
//! $ atslab node --check finds.jsonl --live
//! ```

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

fn main() -> std::io::Result<()> {
    for folder in std::env::args().skip(1) {
        let mut paths: Vec<PathBuf> =
            fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
        paths.sort();
        for path in paths {
            let id = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if let Some(scenario) = scenario(&id, &fs::read(&path)?) {
                println!("{scenario}");
            }
        }
    }
    Ok(())
}

/// The bytes mean what `streamlisten/tests/it/common/mod.rs` says. Node's parser reads either
/// requests or responses: inputs for a machine that reads both are left out.
fn scenario(id: &str, data: &[u8]) -> Option<Value> {
    let [number, low, high, cuts, input @ ..] = data else {
        return None;
    };
    let kind = ["request", "response"].get(usize::from(number % 3))?;
    let lenient = u16::from_le_bytes([*low, *high]) & 0x3ff;
    let mut edges: Vec<usize> =
        (1..4).map(|i| usize::from(*cuts) * i * 7 % (input.len() + 1)).collect();
    edges.push(input.len());
    edges.sort_unstable();
    edges.dedup();
    let mut actions = vec![json!({"a": "init", "type": kind, "lenient": lenient})];
    let mut from = 0;
    for edge in edges.into_iter().filter(|edge| *edge > 0) {
        let text: String = input[from..edge].iter().map(|byte| char::from(*byte)).collect();
        actions.push(json!({"a": "execute", "d": text}));
        from = edge;
    }
    actions.push(json!({"a": "finish"}));
    Some(json!({"id": id, "layer": "core", "actions": actions}))
}
