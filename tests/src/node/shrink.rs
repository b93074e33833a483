//! [`shrink`]: a small scenario that still differs, by [`Shrinking`].

use serde_json::Value;

use crate::shrink::Shrinking;

/// A node process is given some scenarios at a time, because it takes long to begin.
const SHRINKING: Shrinking = Shrinking { at_once: 24, tries: 1500 };

/// The smallest scenario found for which `differs` still holds; it must hold for
/// `scenario`. `differs` is given some scenarios at a time, and answers for each.
///
/// # Errors
/// Those of `differs`.
pub fn shrink<E>(
    scenario: &Value,
    mut differs: impl FnMut(&[Value]) -> Result<Vec<bool>, E>,
) -> Result<Value, E> {
    SHRINKING.one(scenario.clone(), candidates, |tries| {
        let verdicts = differs(&tries)?;
        Ok(tries.into_iter().zip(verdicts).map(|(one, differs)| differs.then_some(one)).collect())
    })
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

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use serde_json::json;

    use super::*;

    /// A defect that needs a pause in a hook, and a `Q` in what is read.
    #[test]
    fn only_what_a_defect_needs_is_left() {
        let has_defect = |scenario: &Value| {
            let hooks = scenario["hooks"].to_string();
            let actions = scenario["actions"].to_string();
            hooks.contains("pause") && actions.contains('Q')
        };
        let scenario = json!({
            "layer": "server",
            "server": {"tell_bytes": true, "upgrade": true},
            "hooks": [
                {"on": "request", "do": [{"a": "resume"}, {"a": "pause"}]},
                {"on": "upgrade", "do": [{"a": "stat"}]},
            ],
            "actions": [
                {"a": "feed", "d": "GET / HTTP/1.1\r\n\r\n"},
                {"a": "feed", "d": "abcdefghijQklmnopq"},
                {"a": "end"},
            ],
        });
        let small =
            shrink(&scenario, |tries| Ok::<_, Infallible>(tries.iter().map(has_defect).collect()));
        let expected = json!({
            "layer": "server",
            "server": {},
            "hooks": [{"on": "request", "do": [{"a": "pause"}]}],
            "actions": [{"a": "feed", "d": "Q"}],
        });
        assert_eq!(small.unwrap(), expected);
    }
}
