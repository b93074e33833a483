//! The HTTP scenarios and the NetVC scenarios that come with the project, each with what it teaches.

use include_dir::{Dir, include_dir};
use scenario::http::{HttpScenario, http_scenario_from_bytes};

static HTTP: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/http_scenarios");
static NET: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/net_scenarios");

/// What the names of HTTP scenarios and of NetVC scenarios begin with, so that they differ from those
/// of pairs.
const PREFIXES: [(&str, &Dir<'_>); 2] = [("http-", &HTTP), ("net-", &NET)];

/// Their names, in order: `http-` and the name of the file without `.toml`.
///
/// ```
/// use conformance::ats::http_scenario::{http_names, http_named};
///
/// assert!(http_names().count() >= 30);
/// assert_eq!(http_named("http-01-one-get").unwrap().title, "One request");
/// ```
pub fn http_names() -> impl Iterator<Item = String> {
    names(PREFIXES[0])
}

/// The names of the NetVC scenarios, in order: `net-` and the name of the file without `.toml`.
pub fn net_names() -> impl Iterator<Item = String> {
    names(PREFIXES[1])
}

fn names((prefix, folder): (&str, &Dir<'_>)) -> std::vec::IntoIter<String> {
    let files = folder.files().filter_map(|file| file.path().to_str()?.strip_suffix(".toml"));
    let mut names: Vec<String> = files.map(|name| format!("{prefix}{name}")).collect();
    names.sort_unstable();
    names.into_iter()
}

/// True if a name is one of an HTTP scenario or of a NetVC scenario, or would be.
#[must_use]
pub fn is_http_name(name: &str) -> bool {
    PREFIXES.iter().any(|(prefix, _)| name.starts_with(prefix))
}

/// The text of the scenario of this name, as it stands in its file; `None` if none has the name.
#[must_use]
pub fn http_text(name: &str) -> Option<&'static str> {
    let (name, folder) =
        PREFIXES.iter().find_map(|(prefix, folder)| Some((name.strip_prefix(prefix)?, folder)))?;
    folder.get_file(format!("{name}.toml"))?.contents_utf8()
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
