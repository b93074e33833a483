//! What has been made, counted.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Kind;
use crate::random::Counts;

/// Counts scenarios by their kind, and actions by their name.
#[derive(Debug, Default)]
pub struct Statistics {
    kinds: Counts<Kind>,
    outside: Counts<(Kind, String)>,
    inside: Counts<(Kind, String)>,
}

impl Statistics {
    /// Counts one scenario.
    pub fn count(&mut self, scenario: &Value) {
        let kind = match scenario["layer"] == "server" {
            true => Kind::Server,
            false if scenario["streams"]["S"]["kind"] == "tcp" => Kind::Connection,
            false => Kind::Core,
        };
        self.kinds.add(kind);
        self.count_list(kind, &scenario["actions"], false);
        for hook in scenario["hooks"].as_array().into_iter().flatten() {
            self.count_list(kind, &hook["do"], true);
        }
        for list in ["on_connection", "on_request", "on_upgrade"] {
            self.count_list(kind, &scenario["server"][list], true);
        }
    }

    fn count_list(&mut self, kind: Kind, list: &Value, inside: bool) {
        for action in list.as_array().into_iter().flatten() {
            let name = action["a"].as_str().unwrap_or_default().to_string();
            (if inside { &mut self.inside } else { &mut self.outside }).add((kind, name));
            self.count_list(kind, &action["do"], true);
        }
    }

    /// How many scenarios there are of a kind.
    #[must_use]
    pub fn of(&self, kind: Kind) -> usize {
        self.kinds.of(&kind)
    }

    /// How often an action of a kind occurs, outside of callbacks and inside.
    #[must_use]
    pub fn of_action(&self, kind: Kind, name: &str) -> (usize, usize) {
        let key = (kind, name.to_string());
        (self.outside.of(&key), self.inside.of(&key))
    }

    /// The kinds in a line.
    #[must_use]
    pub fn summary(&self) -> String {
        let of = |kind| self.of(kind);
        let (servers, connections) = (of(Kind::Server), of(Kind::Connection));
        format!("{servers} servers, {connections} connections, {} parsers", of(Kind::Core))
    }

    /// A line for each action of a kind: how often it occurs outside of callbacks, and
    /// how often inside.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        let keys = self.outside.iter().chain(self.inside.iter()).map(|(key, _)| key);
        let keys: BTreeSet<&(Kind, String)> = keys.collect();
        keys.into_iter().map(|(kind, name)| {
            let (outside, inside) = self.of_action(*kind, name);
            format!("{kind:<10?}  {name:<18} {outside:>7} {inside:>7}")
        })
    }
}
