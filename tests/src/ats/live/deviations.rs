//! [`Deviations`]: the known differences between the port and the real servers.
//!
//! `tests/deviations.toml` has one entry each: what differs, on which servers,
//! why it is not mended, and what shows it. An entry that nothing shows any more
//! fails the tests.

use serde::Deserialize;
use wildmatch::WildMatchPattern;

use super::differ::Divergence;
use super::release::Release;

/// The register that comes with the project.
pub const TEXT: &str = include_str!("../../../deviations.toml");

/// The register.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deviations {
    /// The entries.
    #[serde(default)]
    pub deviation: Vec<Deviation>,
}

/// One known difference.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deviation {
    /// A short name.
    pub name: String,
    /// What differs, in a sentence.
    pub what: String,
    /// The releases in which it shows.
    pub servers: Vec<String>,
    /// Why it is as it is.
    pub reason: String,
    /// The test that shows it: `FILE::NAME`, from the root of the project.
    pub test: String,
    /// In a comparison with a running server: what the server does first that
    /// the port does not. `*` stands for anything.
    pub real: Option<String>,
    /// What the port does there.
    pub port: Option<String>,
}

impl Deviations {
    /// The project's register.
    ///
    /// # Panics
    /// If the embedded file is at fault, which the tests of this crate rule out.
    #[must_use]
    pub fn known() -> Deviations {
        toml::from_str(TEXT).unwrap_or_else(|error| panic!("tests/deviations.toml: {error}"))
    }

    /// The entry that `divergence` falls under.
    #[must_use]
    pub fn explain(&self, release: Release, divergence: &Divergence) -> Option<&Deviation> {
        self.deviation.iter().find(|known| {
            known.servers.iter().any(|server| server == release.number())
                && known.real.as_deref().is_some_and(|real| fits(real, &divergence.real))
                && known.port.as_deref().is_some_and(|port| fits(port, &divergence.port))
        })
    }
}

/// True if `text`, without its time and its buffers, fits `pattern`, in which `*` is anything.
fn fits(pattern: &str, text: &str) -> bool {
    let text = text.split_once(" ms  ").map_or(text, |(_, step)| step);
    let text = text.split_once("  (").map_or(text, |(step, _)| step);
    glob(pattern, text)
}

/// True if `text` fits `pattern`, in which `*` is anything and no other character is special.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    WildMatchPattern::<'*', '\0'>::new(pattern).matches(text)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("A moved *", "     5 ms  A moved 127", true),
            ("A moved *", "A event 1", false),
            ("*", "anything", true),
            ("crash: *", "crash: signal 11", true),
            ("A event 1", "A event 1", true),
            ("A event 1", "A event 12", false),
            ("crash: is it?", "crash: is it!", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn every_entry_is_shown_by_a_test_that_exists() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut names = Vec::new();
        for entry in Deviations::known().deviation {
            let (file, test) = entry.test.rsplit_once("::").expect("FILE::NAME");
            let text = fs::read_to_string(root.join(file))
                .unwrap_or_else(|error| panic!("{}: {file}: {error}", entry.name));
            assert!(text.contains(&format!("fn {test}(")), "{}: no test {test}", entry.name);
            for server in &entry.servers {
                server.parse::<Release>().unwrap_or_else(|error| panic!("{}: {error}", entry.name));
            }
            assert!(!names.contains(&entry.name), "{} stands twice", entry.name);
            assert_eq!(entry.real.is_some(), entry.port.is_some(), "{}", entry.name);
            names.push(entry.name);
        }
    }
}
