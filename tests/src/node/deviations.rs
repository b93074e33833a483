//! Differences that are meant, with their reasons.

use serde::Deserialize;
use serde_json::{Value, json};

/// The register.
#[derive(Debug, Deserialize)]
pub struct Register {
    /// Its entries.
    pub deviation: Vec<Deviation>,
}

/// One entry.
#[derive(Debug, Deserialize)]
pub struct Deviation {
    /// The name of the rule that leaves it out.
    pub rule: String,
    /// Why it is meant.
    pub reason: String,
    /// A scenario in which it shows, a JSON object with what node told; for the
    /// test that finds stale entries.
    pub example: String,
}

/// The register as it is built in.
///
/// # Panics
/// If it cannot be read, which a test rules out.
#[must_use]
pub fn register() -> Register {
    toml::from_str(include_str!("deviations.toml"))
        .unwrap_or_else(|error| panic!("tests/src/node/deviations.toml: {error}"))
}

/// What node and the port have told, with everything taken out that is meant to
/// differ.
#[must_use]
pub fn without(scenario: &Value, expected: &[Value], actual: &[Value]) -> (Vec<Value>, Vec<Value>) {
    let (mut expected, mut actual) = (expected.to_vec(), actual.to_vec());
    // The rule `parsing-with-an-exception`.
    if let Some(at) = thrown_too_early(scenario, &expected) {
        expected.truncate(at + 1);
        actual.truncate(at + 1);
    }
    // Whether the client has seen the end depends on the time that it was given.
    for event in expected.iter_mut().chain(&mut actual).filter(|event| event["e"] == "client") {
        event["ended"] = Value::Null;
    }
    for (node, port) in expected.iter_mut().zip(&mut actual) {
        // The rule `place-in-unknown-memory`. In its own memory the port would have
        // said a number, too.
        let same_kind = node["e"] == port["e"] && node["err"] == port["err"];
        if same_kind && node["n"] == "?" && port.get("n").is_some() {
            port["n"] = json!("?");
        }
    }
    (expected, actual)
}

/// The event in which a callback throws whose exception does not stop the parse.
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

#[cfg(test)]
mod tests {
    use crate::node::{compare, run};
    use serde_json::Value;

    use super::{register, without};

    #[test]
    fn no_entry_is_stale() {
        for entry in register().deviation {
            let rules = ["place-in-unknown-memory", "parsing-with-an-exception"];
            assert!(rules.contains(&&*entry.rule), "there is a rule of this name");
            assert!(!entry.reason.is_empty());
            let scenario: Value = serde_json::from_str(&entry.example).expect("a scenario");
            let expected = scenario["expected"].as_array().expect("what node told");
            let actual = run(&scenario);
            assert!(compare(expected, &actual, &[]).is_some(), "{}: no longer differs", entry.rule);
            let (expected, actual) = without(&scenario, expected, &actual);
            let difference = compare(&expected, &actual, &[]);
            assert_eq!(difference, None, "{}: the rule does not cover it", entry.rule);
        }
    }
}
