//! Makes a scenario smaller for as long as it still differs.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::fuzz::differs;
use super::live::{self, NodeError};

/// No scenario is given longer than this to become small.
const PATIENCE: Duration = Duration::from_secs(20);

/// So many candidates are given to one node process.
const BATCH: usize = 24;

/// A small scenario for which node and the port differ, too; or this one.
///
/// # Errors
/// If node cannot be run.
pub fn shrink(scenario: &Value) -> Result<Value, NodeError> {
    let began = Instant::now();
    let mut best = scenario.clone();
    'smaller: while began.elapsed() < PATIENCE {
        for batch in candidates(&best).chunks(BATCH) {
            let told = live::run(batch, |_| {})?;
            let mut each = batch.iter().zip(told);
            if let Some((found, _)) = each.find(|(one, told)| differs(one, told).is_some()) {
                best = found.clone();
                continue 'smaller;
            }
        }
        break;
    }
    Ok(best)
}

/// Every scenario that is this one with one thing left out.
fn candidates(scenario: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    for list in ["actions", "hooks"] {
        for i in 0..scenario[list].as_array().map_or(0, Vec::len) {
            let mut smaller = scenario.clone();
            if let Some(list) = smaller[list].as_array_mut() {
                list.remove(i);
            }
            all.push(smaller);
        }
    }
    for i in 0..scenario["hooks"].as_array().map_or(0, Vec::len) {
        for j in 0..scenario["hooks"][i]["do"].as_array().map_or(0, Vec::len) {
            let mut smaller = scenario.clone();
            if let Some(list) = smaller["hooks"][i]["do"].as_array_mut() {
                list.remove(j);
            }
            all.push(smaller);
        }
    }
    for (name, _) in scenario["server"].as_object().into_iter().flatten() {
        let mut smaller = scenario.clone();
        if let Some(options) = smaller["server"].as_object_mut() {
            options.remove(name);
        }
        all.push(smaller);
    }
    for i in 0..scenario["actions"].as_array().map_or(0, Vec::len) {
        let Some(data) = scenario["actions"][i]["d"].as_str() else { continue };
        for shorter in shortened(data) {
            let mut smaller = scenario.clone();
            smaller["actions"][i]["d"] = Value::String(shorter);
            all.push(smaller);
        }
    }
    all
}

/// A text without one of its parts: halves, quarters, … single characters of
/// short ones.
fn shortened(data: &str) -> Vec<String> {
    let chars: Vec<char> = data.chars().collect();
    let mut all = Vec::new();
    let mut size = chars.len() / 2;
    while size > 0 {
        if chars.len() / size <= 16 || chars.len() <= 48 {
            for from in (0..chars.len()).step_by(size) {
                let to = (from + size).min(chars.len());
                all.push(chars[..from].iter().chain(&chars[to..]).collect());
            }
        }
        size /= 2;
    }
    all
}
