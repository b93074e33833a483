//! Intended differences: each rule removes one from the events of the two.

use serde_json::{Value, json};

use crate::deviations::Deviations;

/// The events of both in a scenario.
#[derive(Clone, PartialEq, Debug)]
pub struct Told {
    /// Node.
    pub node: Vec<Value>,
    /// The port.
    pub port: Vec<Value>,
}

/// Removes what differs by a rule from the events of both in a scenario.
pub type Rule = fn(&Value, &mut Told);

/// All rules, by the names that the register has for them.
pub const RULES: [(&str, Rule); 2] = [
    ("parsing-with-an-exception", parsing_with_an_exception),
    ("place-in-unknown-memory", place_in_unknown_memory),
];

/// Removes all intended differences from `told`, by the rules of the entries in
/// [`Deviations::node`].
#[must_use]
pub fn without(scenario: &Value, mut told: Told) -> Told {
    let entries = &Deviations::node().deviation;
    for (name, rule) in RULES {
        if entries.iter().any(|entry| entry.rule.as_deref() == Some(name)) {
            rule(scenario, &mut told);
        }
    }
    // Whether the client has seen the end depends on its time.
    let all = told.node.iter_mut().chain(&mut told.port);
    for event in all.filter(|event| event["e"] == "client") {
        event["ended"] = Value::Null;
    }
    told
}

/// In its own memory the port would have given a number, too.
fn place_in_unknown_memory(_: &Value, told: &mut Told) {
    for (node, port) in told.node.iter().zip(&mut told.port) {
        let same_kind = node["e"] == port["e"] && node["err"] == port["err"];
        if same_kind && node["n"] == "?" && port.get("n").is_some() {
            port["n"] = json!("?");
        }
    }
}

fn parsing_with_an_exception(scenario: &Value, told: &mut Told) {
    if let Some(at) = thrown_too_early(scenario, &told.node) {
        told.node.truncate(at + 1);
        told.port.truncate(at + 1);
    }
}

/// The event of a callback that throws without stopping the parse.
fn thrown_too_early(scenario: &Value, events: &[Value]) -> Option<usize> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let throwing: Vec<Value> = list(&scenario["hooks"])
        .into_iter()
        .filter(|hook| matches!(hook["on"].as_str(), Some("begin" | "headers")))
        .filter(|hook| list(&hook["do"]).iter().any(|action| action["a"] == "throw"))
        .collect();
    events.iter().enumerate().position(|(at, event)| {
        let same = |other: &&Value| other["e"] == event["e"] && other["p"] == event["p"];
        let nth = events[..=at].iter().filter(same).count();
        throwing.iter().any(|hook| {
            let due = hook.get("nth").is_none_or(|wanted| *wanted == nth);
            hook["p"] == event["p"] && hook["on"] == event["e"] && due
        })
    })
}
