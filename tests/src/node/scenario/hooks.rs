//! Actions inside callbacks.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::Value;

/// The `hooks` of a scenario, and which callbacks have come so far.
#[derive(Default)]
pub(super) struct Hooks {
    hooks: Vec<Value>,
    counts: RefCell<BTreeMap<String, u64>>,
}

impl Hooks {
    pub(super) fn new(scenario: &Value) -> Hooks {
        let hooks = scenario["hooks"].as_array().cloned().unwrap_or_default();
        Hooks { hooks, counts: RefCell::default() }
    }

    /// A callback `on` of `who` has come: the actions to carry out in it. `who` is a
    /// parser, a stream, a request's name or, in the server layer, "server".
    pub(super) fn actions(&self, who: &str, on: &str) -> Vec<Value> {
        if self.hooks.is_empty() {
            return Vec::new();
        }
        let nth = {
            let mut counts = self.counts.borrow_mut();
            let count = counts.entry(format!("{who}:{on}")).or_default();
            *count += 1;
            *count
        };
        let due = |hook: &&Value| {
            let owner = hook["p"].as_str().or(hook["s"].as_str()).unwrap_or("server");
            owner == who && hook["on"] == on && hook.get("nth").is_none_or(|wanted| *wanted == nth)
        };
        let due = self.hooks.iter().filter(due);
        due.flat_map(|hook| hook["do"].as_array().into_iter().flatten()).cloned().collect()
    }
}
