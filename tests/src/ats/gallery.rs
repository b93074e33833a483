//! The gallery: scenarios that come with the project, each with what it teaches.
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

/// The names of the scenarios, which are those of their files without `.toml`, in order.
pub fn names() -> impl Iterator<Item = &'static str> {
    let mut names: Vec<&str> =
        FOLDER.files().filter_map(|file| file.path().to_str()?.strip_suffix(".toml")).collect();
    names.sort_unstable();
    names.into_iter()
}

/// The scenario of this name; `None` if no scenario has it.
///
/// # Panics
/// If a file of the gallery is at fault; a test reads all of them.
#[must_use]
pub fn named(name: &str) -> Option<Scenario> {
    let file = file(name)?;
    Some(scenario_from_bytes(name, file.contents()).unwrap_or_else(|error| panic!("{error}")))
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
