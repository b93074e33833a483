//! Where in the source a task is: the calls that led to its operation.

use std::path::{Component, Path, PathBuf};

use crate::trace::Place;

/// The most calls that are kept.
const DEEPEST: usize = 16;

/// The root of the project's sources, as they were when this was built.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The files through which the operations go: they are never the place that is looked for.
const THROUGH: [&str; 3] = ["lab/explorer/src/", "eventsys/src/sync/", "eventsys/src/sync.rs"];

/// The calls that led here, the innermost first.
#[inline(never)]
pub(crate) fn here() -> Vec<Place> {
    let root = plain(Path::new(ROOT));
    let mut places = Vec::new();
    backtrace::trace(|frame| {
        backtrace::resolve_frame(frame, |symbol| {
            let (Some(file), Some(line)) = (symbol.filename(), symbol.lineno()) else { return };
            let Some(file) = in_project(&root, file) else { return };
            let function = symbol.name().map(|name| format!("{name:#}")).unwrap_or_default();
            places.push(Place { file, line, function });
        });
        places.len() < DEEPEST
    });
    places
}

/// The file's path from the root of the project, if it is one of the project's.
fn in_project(root: &Path, file: &Path) -> Option<String> {
    // Those of the C library have paths that begin nowhere.
    let file = Some(file).filter(|file| file.is_absolute()).map(plain)?;
    let file = file.strip_prefix(root).ok()?.to_str()?.to_owned();
    let is_through = THROUGH.iter().any(|through| file.starts_with(through));
    (!is_through && !file.starts_with("target/")).then_some(file)
}

/// The path without `..`: a twin package names its sources from its own folder.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => (),
            part => plain.push(part),
        }
    }
    plain
}

pub(crate) fn source_line(place: &Place) -> Option<String> {
    let text = std::fs::read_to_string(plain(Path::new(ROOT)).join(&place.file)).ok()?;
    let line = usize::try_from(place.line).ok()?.checked_sub(1)?;
    text.lines().nth(line).map(|line| line.trim().to_owned())
}
