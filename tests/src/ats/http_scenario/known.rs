//! The register of the differences that are known.

use super::compare::HttpDifference;
use crate::ats::live::Release;
use crate::deviations::Deviations;

/// The name of the registered deviation that explains this difference, if one does.
#[must_use]
pub fn explain_http(release: Release, difference: &HttpDifference) -> Option<String> {
    let program = release.to_string();
    let fits = |entry: &&crate::deviations::Deviation| {
        entry.programs.contains(&program) && entry.fits(&difference.real, &difference.port)
    };
    Deviations::http_scenarios().deviation.iter().find(fits).map(|entry| entry.name.clone())
}
