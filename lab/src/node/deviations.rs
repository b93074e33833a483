//! Differences that are meant, with their reasons.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::Error;

/// The register.
#[derive(Debug, Deserialize)]
pub(super) struct Register {
    /// Its entries.
    pub deviation: Vec<Deviation>,
}

/// One entry.
#[derive(Debug, Deserialize)]
pub(super) struct Deviation {
    /// The name of the rule that leaves it out.
    pub rule: String,
    /// Why it is meant.
    pub reason: String,
    /// A scenario in which it shows, a JSON object with what node told; for the
    /// test that finds stale entries.
    #[cfg_attr(not(test), expect(dead_code))]
    pub example: String,
}

/// The register as it is built in.
pub(super) fn register() -> Result<Register, Error> {
    toml::from_str(include_str!("deviations.toml"))
        .map_err(|error| Error::Node { file: "deviations.toml".into(), fault: error.to_string() })
}

/// The events of a scenario with everything taken out that is meant to differ.
pub(super) fn without(scenario: &Value, events: &[Value]) -> Vec<Value> {
    let mut events = events.to_vec();
    old_offsets(scenario, &mut events);
    events
}

/// The rule `offset-of-an-old-error`.
fn old_offsets(scenario: &Value, events: &mut [Value]) {
    let mut failed: BTreeSet<String> = BTreeSet::new();
    // After an upgrade, errors come back as plain numbers.
    let mut upgraded: BTreeSet<String> = BTreeSet::new();
    let mut last_was_old = false;
    // Parsers that were given input by hand, which is in other memory than reads.
    let mut fed: BTreeSet<String> = BTreeSet::new();
    // A read inside a read is in memory of its own.
    let mut inside = scenario["hooks"].as_array().into_iter().flatten().flat_map(|hook| {
        let actions = hook["do"].as_array();
        actions.into_iter().flatten()
    });
    let nested = inside.any(|action| action["a"] == "read");
    for event in events {
        if event["e"] == "headers_complete" {
            let name = event["p"].as_str().unwrap_or_default();
            let returns = scenario["parsers"][name]["hc_return"].as_array();
            let returned = returns.is_some_and(|returns| returns.iter().any(|n| *n == 2));
            if event["upgrade"] == true || returned {
                upgraded.insert(name.to_string());
            }
        }
        let by_hand = event["e"] == "ret" && event["a"] == "execute";
        if by_hand {
            fed.insert(event["p"].as_str().unwrap_or_default().to_string());
        }
        let elsewhere = nested || event["p"].as_str().is_some_and(|name| fed.contains(name));
        if (by_hand || elsewhere && event["e"] == "execute")
            && event["n"].is_number()
            && event["p"].as_str().is_some_and(|name| upgraded.contains(name))
        {
            event["n"] = json!("*");
        }
        // After an exception, every parser may be in an error that no one was told.
        if event["e"] == "exception" {
            failed.insert("*".into());
        }
        // What clientError is told is what execute said before it.
        if event["e"] == "clientError" && last_was_old {
            event["n"] = json!("*");
        }
        let Some(code) = event["err"].as_str() else { continue };
        // The one parser of a server is P, and some of its events do not say so.
        let parser = event["p"].as_str().unwrap_or("P").to_string();
        let old = failed.contains("*")
            || matches!(code, "HPE_PAUSED" | "HPE_INVALID_EOF_STATE")
            || !failed.insert(parser);
        last_was_old = old;
        if old && event.get("n").is_some() && event.get("reason").is_some() {
            event["n"] = json!("*");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use streamlisten::scenario::{compare, run};

    use super::{register, without};

    #[test]
    fn no_entry_is_stale() {
        for entry in register().expect("the register can be read").deviation {
            assert_eq!(entry.rule, "offset-of-an-old-error", "there is a rule of this name");
            assert!(!entry.reason.is_empty());
            let scenario: Value = serde_json::from_str(&entry.example).expect("a scenario");
            let expected = scenario["expected"].as_array().expect("what node told");
            let actual = run(&scenario);
            assert!(compare(expected, &actual, &[]).is_some(), "{}: no longer differs", entry.rule);
            let difference =
                compare(&without(&scenario, expected), &without(&scenario, &actual), &[]);
            assert_eq!(difference, None, "{}: the rule does not cover it", entry.rule);
        }
    }
}
