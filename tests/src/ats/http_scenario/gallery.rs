//! The HTTP scenarios that come with the project, each with what it teaches.

use include_dir::{Dir, include_dir};
use scenario::http::{HttpScenario, http_scenario_from_bytes};

static FOLDER: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/http_scenarios");

/// What the names of HTTP scenarios begin with, so that they differ from those of pairs.
const PREFIX: &str = "http-";

/// Their names, in order: `http-` and the name of the file without `.toml`.
///
/// ```
/// use conformance::ats::http_scenario::{http_names, http_named};
///
/// assert!(http_names().count() >= 30);
/// assert_eq!(http_named("http-01-one-get").unwrap().title, "One request");
/// ```
pub fn http_names() -> impl Iterator<Item = String> {
    let files = FOLDER.files().filter_map(|file| file.path().to_str()?.strip_suffix(".toml"));
    let mut names: Vec<String> = files.map(|name| format!("{PREFIX}{name}")).collect();
    names.sort_unstable();
    names.into_iter()
}

/// The text of the scenario of this name, as it stands in its file; `None` if none has the name.
#[must_use]
pub fn http_text(name: &str) -> Option<&'static str> {
    let name = name.strip_prefix(PREFIX)?;
    FOLDER.get_file(format!("{name}.toml"))?.contents_utf8()
}

/// The scenario of this name; `None` if none has it.
///
/// # Panics
/// If a file of the gallery is at fault; a test reads all of them.
#[must_use]
pub fn http_named(name: &str) -> Option<HttpScenario> {
    let scenario = http_scenario_from_bytes(name, http_text(name)?.as_bytes());
    Some(scenario.unwrap_or_else(|error| panic!("{error}")))
}
