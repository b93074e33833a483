//! The page of an interleaving: what `--format json` prints, as `atslab view` shows it.

use std::path::Path;

use conformance::input::file_name;

use super::ended::Ended;
use super::json;
use crate::command::view::links;
use crate::error::Error;
use crate::view::interleaving::Interleaving;
use crate::view::page;

/// Writes the page of the first violation, or of the one schedule that was run. False if there is
/// neither: a search that finds nothing has no order of steps to show.
pub(super) fn write(file: &Path, ended: &Ended) -> Result<bool, Error> {
    let Some(object) = json::first(ended) else { return Ok(false) };
    let interleaving = Interleaving::read(&object.to_string())
        .map_err(|fault| Error::Line { place: "--html".to_owned(), fault })?;
    let page = page::of_interleaving(&interleaving, &links::of(None, None));
    std::fs::write(file, page)
        .map_err(|source| Error::Unwritable { file: file_name(file), source })?;
    Ok(true)
}
