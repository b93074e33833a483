//! Commands inside sentences and tables, such as `atslab run FILE --live`: they are not
//! played, but the command, its options, the example or the tests that they name exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::command::find_tests;
use crate::options::{commands, options};

/// The commands between single backquotes in a page.
pub(super) fn commands_in(text: &str) -> Vec<&str> {
    let is_command = |code: &&str| {
        ["atslab ", "cargo run", "cargo test -p "].iter().any(|word| code.starts_with(word))
    };
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("```"));
    lines.flat_map(|line| line.split('`').skip(1).step_by(2)).filter(is_command).collect()
}

/// What a command may name.
pub(super) struct Known {
    /// The commands of `atslab`, with their options.
    options: BTreeMap<String, BTreeSet<String>>,
}

impl Known {
    pub(super) fn read() -> Known {
        let with_options = |name: String| (name.clone(), options(&name));
        Known { options: commands().into_iter().map(with_options).collect() }
    }

    /// Why a command cannot be what it says.
    pub(super) fn fault(&self, root: &Path, command: &str) -> Option<String> {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words.as_slice() {
            ["cargo", "run", "-p", package, "--example", name] => {
                let file = root.join(package).join("examples").join(format!("{name}.rs"));
                (!file.exists()).then(|| format!("{package} has no example {name}"))
            }
            ["cargo", "test", "-p", package, rest @ ..] => {
                let filter = rest.iter().rfind(|word| !word.starts_with('-'))?;
                find_tests(root, package, filter).err()
            }
            ["cargo", "run", rest @ ..] => {
                let arguments = rest.iter().skip_while(|word| word.starts_with("--"));
                self.atslab(&arguments.copied().collect::<Vec<_>>())
            }
            ["atslab", rest @ ..] => self.atslab(rest),
            _ => None,
        }
    }

    fn atslab(&self, words: &[&str]) -> Option<String> {
        let [first, rest @ ..] = words else { return None };
        // The help of the whole, and the command that only other processes call.
        if matches!(*first, "--help" | "--version" | "__guard") {
            return None;
        }
        let two = format!("{first} {}", rest.first().unwrap_or(&""));
        let name = if self.options.contains_key(&two) { &two } else { *first };
        let Some(known) = self.options.get(name) else {
            return Some(format!("atslab has no command {name}"));
        };
        let unknown = rest.iter().find(|word| word.starts_with("--") && !known.contains(**word))?;
        Some(format!("atslab {name} has no option {unknown}"))
    }
}

#[test]
fn a_command_in_a_sentence_is_found_and_judged() {
    let text = "Run `atslab run FILE --live`, or `cargo run -p eventsys --example hello_event`.";
    let found = commands_in(text);
    assert_eq!(found, ["atslab run FILE --live", "cargo run -p eventsys --example hello_event"]);
    let root = fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).expect("root");
    let known = Known::read();
    for command in found {
        assert_eq!(known.fault(&root, command), None);
    }
    let fault = |command| known.fault(&root, command).expect("a fault");
    assert_eq!(fault("atslab rum FILE"), "atslab has no command rum");
    assert_eq!(fault("cargo run -- run FILE --lively"), "atslab run has no option --lively");
    assert_eq!(fault("cargo run -p eventsys --example none"), "eventsys has no example none");
}
