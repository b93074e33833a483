//! Which cases the user selects: the built-in ones or a file's, all of them or some.

use std::collections::HashSet;
use std::path::Path;

use conformance::ats::case::cases_from_file;
use conformance::ats::{Case, Epoch, Suite};
use conformance::input::file_name;
use eventsys::steps::excerpt;

use crate::error::Error;

/// Cases that belong together.
#[derive(Debug)]
pub(crate) struct Group {
    /// The suite they belong to, unless they are from a file.
    pub suite: Option<Suite>,
    /// The epoch of the server that they are run for.
    pub epoch: Epoch,
    /// The name of the suite or the file.
    pub name: String,
    /// The cases, in the order of the suite or file.
    pub cases: Vec<Case>,
}

impl Group {
    /// What stands above its cases: for a suite also the release it was recorded from.
    pub(crate) fn title(&self) -> String {
        match self.suite {
            Some(suite) => format!("{} {suite}", self.epoch.release()),
            None => self.name.clone(),
        }
    }
}

/// The cases of `file`, or else the built-in ones, reduced to `names` unless
/// that is empty. Groups without a case are left out.
pub(crate) fn select(
    file: Option<&Path>,
    names: &[String],
    epoch: Epoch,
) -> Result<Vec<Group>, Error> {
    let mut groups = match file {
        Some(path) => {
            vec![Group { suite: None, epoch, name: file_name(path), cases: cases_from_file(path)? }]
        }
        None => Suite::ALL.iter().map(|&suite| built_in(suite, epoch)).collect(),
    };
    if names.is_empty() {
        return Ok(groups);
    }

    let all: HashSet<&str> = known(&groups).collect();
    if let Some(name) = names.iter().find(|name| !all.contains(&***name)) {
        return Err(Error::UnknownCase {
            place: file.map_or_else(|| "--case".to_owned(), file_name),
            name: excerpt(name),
            close: close_to(name, known(&groups)),
        });
    }
    let names: HashSet<&String> = names.iter().collect();
    for group in &mut groups {
        group.cases.retain(|case| names.contains(&case.name));
    }
    groups.retain(|group| !group.cases.is_empty());
    Ok(groups)
}

fn built_in(suite: Suite, epoch: Epoch) -> Group {
    Group { suite: Some(suite), epoch, name: suite.to_string(), cases: suite.cases().to_vec() }
}

pub(crate) fn known(groups: &[Group]) -> impl Iterator<Item = &str> {
    groups.iter().flat_map(|group| &group.cases).map(|case| case.name.as_str())
}

/// The names that the user may have meant by `name`, the closest first, three at most.
pub(crate) fn close_to<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<String> {
    const MOST: usize = 3;

    let slips = 1 + name.chars().count() / 4;
    let mut close: Vec<(usize, &str)> = known
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .filter(|&(distance, known)| distance <= slips || has_part(known, name))
        .collect();
    close.sort_by_key(|&(distance, _)| distance);
    close.into_iter().take(MOST).map(|(_, known)| known.to_owned()).collect()
}

/// True if `name` is a part of `known` and long enough to mean something.
fn has_part(known: &str, name: &str) -> bool {
    name.chars().count() >= 3 && known.contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_and_abbreviations_are_close() {
        let close =
            |name| close_to(name, ["basic", "basic2", "large", "larget", "eos"].into_iter());
        assert_eq!(close("bsaic"), ["basic", "basic2"]);
        assert_eq!(close("lar"), ["large", "larget"]);
        assert_eq!(close("overflow"), [""; 0]);
    }
}
