//! Groups the scenarios in which the port and node differ. Two scenarios are in one group
//! if their first differing events are of the same kinds and differ in the same fields: then
//! the cause is probably the same, and one of them is enough to look at.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::node::Difference;

/// Scenarios that differ in the same way.
pub struct Group {
    /// The shortest.
    pub scenario: Value,
    /// The events of both where they first differ.
    pub key: String,
    /// How many there are.
    pub count: usize,
}

/// Puts together what differs in the same way, the most frequent first. The shortest
/// scenarios come first in `differing`.
#[must_use]
pub fn groups(differing: Vec<(Value, Difference)>) -> Vec<Group> {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for (scenario, difference) in differing {
        let key = key(&difference);
        let group = groups.entry(key.clone()).or_insert(Group { scenario, key, count: 0 });
        group.count += 1;
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    groups
}

/// The events of both where they first differ: the two kinds, and, if they are
/// of one kind, the fields that differ.
fn key(difference: &Difference) -> String {
    let (Some(node), Some(port)) = (&difference.expected, &difference.actual) else {
        return format!("{}|{}", kind(&difference.expected), kind(&difference.actual));
    };
    let (left, right) = (kind(&difference.expected), kind(&difference.actual));
    if left != right {
        return format!("{left}|{right}");
    }
    let fields = |event: &Value| event.as_object().cloned().unwrap_or_default();
    let (node, port) = (fields(node), fields(port));
    let names = node.keys().chain(port.keys().filter(|name| !node.contains_key(*name)));
    let differing: Vec<&str> =
        names.filter(|name| node.get(*name) != port.get(*name)).map(String::as_str).collect();
    format!("{left}:{}", differing.join(","))
}

fn kind(event: &Option<Value>) -> String {
    let Some(event) = event else { return "nothing".into() };
    let word = |name: &str| event[name].as_str().unwrap_or_default().to_string();
    format!("{} {} {} {}", word("e"), word("ev"), word("a"), word("code"))
}
