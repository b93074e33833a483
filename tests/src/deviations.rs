//! [`Deviations`]: the known differences between the port and the real programs.
//!
//! The folder `tests/deviations` has a register for each comparison: [`ats.toml`] for the
//! steps of Traffic Server, [`races.toml`] for what an exploration finds in random races,
//! [`http.toml`] for its answers over TCP, [`http_scenarios.toml`] for HTTP scenarios, [`plugins.toml`] for the calls of a compiled plugin,
//! [`node.toml`] for node's stream layer. All have one format, [`Deviation`]. A difference that
//! fits no entry fails its comparison. `cargo test -p conformance deviations` checks all entries: each is
//! shown by a test, a case or an example that exists and in which the difference still
//! shows; each names a rule that exists; and every rule has an entry.
//!
//! [`ats.toml`]: Deviations::ats
//! [`races.toml`]: Deviations::races
//! [`http.toml`]: Deviations::http
//! [`http_scenarios.toml`]: Deviations::http_scenarios
//! [`plugins.toml`]: Deviations::plugins
//! [`node.toml`]: Deviations::node
//!
//! ```
//! use conformance::deviations::Deviations;
//!
//! let entry = Deviations::http().named("websocket").unwrap();
//! assert_eq!(entry.programs, ["9.2.9"]);
//! assert!(entry.fits("| HTTP/1.1 101 Switching", "| HTTP/1.1 400 Invalid Upgrade Request"));
//! assert!(!entry.fits("(the connection is closed)", "(the connection is open)"));
//! ```

use std::sync::LazyLock;

use serde::Deserialize;
use wildmatch::WildMatchPattern;

/// A register.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deviations {
    /// The entries.
    #[serde(default)]
    pub deviation: Vec<Deviation>,
}

/// One known difference.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deviation {
    /// A short name.
    pub name: String,
    /// What differs, in a sentence.
    pub what: String,
    /// The real programs that differ: the number of a server's release, or `node 20`.
    pub programs: Vec<String>,
    /// Why the port is as it is.
    pub reason: String,
    /// The name of the predicate that must hold for the input, or that leaves the
    /// difference out of the comparison.
    pub rule: Option<String>,
    /// What the real program has first that the port does not have. `*` stands for
    /// anything.
    pub real: Option<String>,
    /// What the port has there.
    pub port: Option<String>,
    /// The test that shows it: `FILE::NAME`, from the root of the project.
    pub test: Option<String>,
    /// The recorded cases that show it.
    #[serde(default)]
    pub cases: Vec<String>,
    /// A scenario that shows it: a JSON object with what the real program told.
    pub example: Option<String>,
}

static ATS: LazyLock<Deviations> =
    LazyLock::new(|| Deviations::parse("ats", include_str!("../deviations/ats.toml")));
static RACES: LazyLock<Deviations> =
    LazyLock::new(|| Deviations::parse("races", include_str!("../deviations/races.toml")));
static HTTP: LazyLock<Deviations> =
    LazyLock::new(|| Deviations::parse("http", include_str!("../deviations/http.toml")));
static HTTP_SCENARIOS: LazyLock<Deviations> = LazyLock::new(|| {
    Deviations::parse("http_scenarios", include_str!("../deviations/http_scenarios.toml"))
});
static PLUGINS: LazyLock<Deviations> =
    LazyLock::new(|| Deviations::parse("plugins", include_str!("../deviations/plugins.toml")));
static NODE: LazyLock<Deviations> =
    LazyLock::new(|| Deviations::parse("node", include_str!("../deviations/node.toml")));

impl Deviations {
    /// The differences in the steps of Traffic Server.
    #[must_use]
    pub fn ats() -> &'static Deviations {
        &ATS
    }

    /// What an exploration of random races finds, because the original has it. `port` is the
    /// violation; there is no real arm.
    #[must_use]
    pub fn races() -> &'static Deviations {
        &RACES
    }

    /// The differences in its answers over TCP.
    #[must_use]
    pub fn http() -> &'static Deviations {
        &HTTP
    }

    /// The differences in HTTP scenarios.
    #[must_use]
    pub fn http_scenarios() -> &'static Deviations {
        &HTTP_SCENARIOS
    }

    /// What is masked before the calls of a plugin, and its answers, are compared. `real` and
    /// `port` are one line of each, not patterns.
    #[must_use]
    pub fn plugins() -> &'static Deviations {
        &PLUGINS
    }

    /// The differences from node's stream layer.
    #[must_use]
    pub fn node() -> &'static Deviations {
        &NODE
    }

    /// All registers, by their names.
    #[must_use]
    pub fn all() -> [(&'static str, &'static Deviations); 6] {
        [
            ("ats", &ATS),
            ("races", &RACES),
            ("http", &HTTP),
            ("http_scenarios", &HTTP_SCENARIOS),
            ("plugins", &PLUGINS),
            ("node", &NODE),
        ]
    }

    /// The files are built in, and the tests read each of them.
    fn parse(name: &str, text: &str) -> Deviations {
        toml::from_str(text).unwrap_or_else(|error| panic!("tests/deviations/{name}.toml: {error}"))
    }

    /// The entry of this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Deviation> {
        self.deviation.iter().find(|entry| entry.name == name)
    }
}

impl Deviation {
    /// True if the entry has patterns and they fit what the two did.
    #[must_use]
    pub fn fits(&self, real: &str, port: &str) -> bool {
        let fits = |pattern: &Option<String>, text| pattern.as_ref().is_some_and(|p| glob(p, text));
        fits(&self.real, real) && fits(&self.port, port)
    }
}

/// True if `text` fits `pattern`, in which `*` is anything and no other character is special.
fn glob(pattern: &str, text: &str) -> bool {
    WildMatchPattern::<'*', '\0'>::new(pattern).matches(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("A moved *", "A moved 127", true),
            ("A moved *", "A event 1", false),
            ("*", "anything", true),
            ("A event 1", "A event 1", true),
            ("A event 1", "A event 12", false),
            ("crash: is it?", "crash: is it!", false),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn without_patterns_nothing_fits() {
        assert!(!Deviation::default().fits("a", "b"));
        let half = Deviation { real: Some("*".into()), ..Deviation::default() };
        assert!(!half.fits("a", "b"));
    }
}
