//! The gallery: scenarios that come with the project, each with what it teaches, and races, which
//! are explored.
//!
//! ```
//! use conformance::ats::gallery;
//!
//! let scenario = gallery::named("02-peer-reads-late").unwrap();
//! assert_eq!(scenario.title, "The peer reads late");
//! assert!(gallery::names().all(|name| gallery::named(name).is_some()));
//! ```

use include_dir::{Dir, File, include_dir};

use super::scenario::{Scenario, scenario_from_bytes};

static FOLDER: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/scenarios");
static RACES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/races");

/// The names of the scenarios, which are those of their files without `.toml`, in order.
pub fn names() -> impl Iterator<Item = &'static str> {
    names_in(&FOLDER)
}

/// The names of the races: scenarios that are explored and not run.
pub fn race_names() -> impl Iterator<Item = &'static str> {
    names_in(&RACES)
}

/// The text of the race of this name; `None` if no race has it.
#[must_use]
pub fn race_text(name: &str) -> Option<&'static str> {
    RACES.get_file(format!("{name}.toml"))?.contents_utf8()
}

fn names_in(folder: &'static Dir<'_>) -> impl Iterator<Item = &'static str> {
    let mut names: Vec<&str> =
        folder.files().filter_map(|file| file.path().to_str()?.strip_suffix(".toml")).collect();
    names.sort_unstable();
    names.into_iter()
}

/// The scenario of this name; `None` if no scenario has it.
///
/// # Panics
/// If a file of the gallery is at fault; a test reads all of them.
#[must_use]
pub fn named(name: &str) -> Option<Scenario> {
    read(name, text(name)?)
}

/// The race of this name; `None` if no race has it.
///
/// # Panics
/// As [`named`].
#[must_use]
pub fn race(name: &str) -> Option<Scenario> {
    read(name, race_text(name)?)
}

fn read(name: &str, text: &str) -> Option<Scenario> {
    let scenario = scenario_from_bytes(name, text.as_bytes());
    Some(scenario.unwrap_or_else(|error| panic!("{error}")))
}

/// The text of the scenario of this name, as it stands in its file; `None` if no scenario has
/// the name.
#[must_use]
pub fn text(name: &str) -> Option<&'static str> {
    file(name)?.contents_utf8()
}

fn file(name: &str) -> Option<&'static File<'static>> {
    FOLDER.get_file(format!("{name}.toml"))
}
