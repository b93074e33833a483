//! What a line must look like to be a scenario of the stream layer.

use eventsys::steps::excerpt;
use serde_json::{Map, Value};

use crate::read_error::message;

/// The scenario in `line`.
///
/// # Errors
/// What is wrong with the line, in a sentence.
pub fn scenario(line: &str) -> Result<Value, String> {
    let value: Value = serde_json::from_str(line)
        .map_err(|error| format!("expected a scenario in JSON: {}", message(&error.to_string())))?;
    let fields = object(&value, "a scenario")?;
    match fields.get("layer").and_then(Value::as_str) {
        Some("core" | "server") => {}
        _ => return Err(wrong("core or server for layer", fields.get("layer"))),
    }
    actions(fields, "actions")?;
    for hook in list(fields, "hooks")? {
        actions(object(hook, "only objects in hooks")?, "do")?;
    }
    for event in list(fields, "expected")? {
        object(event, "only objects in expected")?;
    }
    for name in ["streams", "parsers"] {
        for one in fields.get(name).map(|all| object(all, name)).transpose()?.into_iter().flatten()
        {
            object(one.1, &format!("only objects in {name}"))?;
        }
    }
    if let Some(server) = fields.get("server") {
        object(server, "an object for server")?;
    }
    Ok(value)
}

/// The events that node has told in `scenario`.
///
/// # Errors
/// A sentence, if the scenario does not have them.
pub fn expected(scenario: &Value) -> Result<&[Value], String> {
    let events = scenario["expected"].as_array().map(Vec::as_slice);
    let missing = "expected what node has told in the field expected, found no such field; \
                   --live asks node";
    events.ok_or_else(|| missing.to_owned())
}

/// The list under `name` has objects with the word of an action in `a`.
fn actions(fields: &Map<String, Value>, name: &str) -> Result<(), String> {
    for action in list(fields, name)? {
        let action = object(action, &format!("only objects in {name}"))?;
        if !action.get("a").is_some_and(Value::is_string) {
            return Err(wrong("the word of an action in a", action.get("a")));
        }
    }
    Ok(())
}

/// The list under `name`, or none.
fn list<'a>(fields: &'a Map<String, Value>, name: &str) -> Result<&'a [Value], String> {
    match fields.get(name) {
        None => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        other => Err(wrong(&format!("a list for {name}"), other)),
    }
}

fn object<'a>(value: &'a Value, what: &str) -> Result<&'a Map<String, Value>, String> {
    let expected = || match what {
        "streams" | "parsers" => format!("an object for {what}"),
        "a scenario" => "a scenario, which is an object".to_owned(),
        what => what.to_owned(),
    };
    value.as_object().ok_or_else(|| wrong(&expected(), Some(value)))
}

fn wrong(expected: &str, found: Option<&Value>) -> String {
    match found {
        None => format!("expected {expected}, found no such field"),
        Some(value) => format!("expected {expected}, found {}", excerpt(&value.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_another_shape_is_no_scenario_whatever_is_wrong() {
        for (line, fault) in [
            ("[]", "expected a scenario, which is an object, found []"),
            ("null", "expected a scenario, which is an object, found null"),
            ("7", "expected a scenario, which is an object, found 7"),
            ("{}", "expected core or server for layer, found no such field"),
            (r#"{"actions":7}"#, "expected core or server for layer, found no such field"),
            (r#"{"layer":"tls"}"#, "expected core or server for layer, found \"tls\""),
            (r#"{"layer":"core","actions":7}"#, "expected a list for actions, found 7"),
            (r#"{"layer":"core","actions":[7]}"#, "expected only objects in actions, found 7"),
            (
                r#"{"layer":"core","actions":[{"a":1}]}"#,
                "expected the word of an action in a, found 1",
            ),
            (
                r#"{"layer":"core","actions":[{}]}"#,
                "expected the word of an action in a, found no such field",
            ),
            (r#"{"layer":"core","hooks":{}}"#, "expected a list for hooks, found {}"),
            (r#"{"layer":"core","hooks":[1]}"#, "expected only objects in hooks, found 1"),
            (r#"{"layer":"core","hooks":[{"do":1}]}"#, "expected a list for do, found 1"),
            (r#"{"layer":"core","expected":1}"#, "expected a list for expected, found 1"),
            (r#"{"layer":"core","expected":[1]}"#, "expected only objects in expected, found 1"),
            (r#"{"layer":"core","streams":[]}"#, "expected an object for streams, found []"),
            (r#"{"layer":"core","parsers":{"A":1}}"#, "expected only objects in parsers, found 1"),
            (r#"{"layer":"server","server":1}"#, "expected an object for server, found 1"),
        ] {
            assert_eq!(scenario(line).unwrap_err(), fault, "{line}");
        }
        let long = format!(r#"{{"layer":"core","actions":"{}"}}"#, "x".repeat(1000));
        assert!(scenario(&long).unwrap_err().len() < 120);
        assert!(scenario("{").unwrap_err().starts_with("expected a scenario in JSON: EOF"));
    }
}
