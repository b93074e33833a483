//! The page of interleavings: what `--format json` prints, as `atslab view` shows it.

use std::path::Path;

use conformance::input::file_name;

use super::ended::Ended;
use super::json;
use crate::command::view::links;
use crate::error::Error;
use crate::view::interleaving::Interleaving;
use crate::view::page;

/// Writes the page of all violations, or of the one schedule that was run. False if there is
/// neither: a search that finds nothing has no order of steps to show.
pub(super) fn write(file: &Path, ended: &[Ended]) -> Result<bool, Error> {
    let objects = ended.iter().flat_map(json::objects).map(|object| object.to_string());
    let text = objects.collect::<Vec<_>>().join("\n");
    if text.is_empty() {
        return Ok(false);
    }
    let races = Interleaving::read(&text)
        .map_err(|fault| Error::Line { place: "--html".to_owned(), fault })?;
    let page = page::of_interleavings(&races, &links::of(None, None));
    std::fs::write(file, page)
        .map_err(|source| Error::Unwritable { file: file_name(file), source })?;
    Ok(true)
}
