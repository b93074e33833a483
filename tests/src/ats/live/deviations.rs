//! Which known difference a divergence falls under.

use super::differ::Divergence;
use super::release::Release;
use crate::deviations::{Deviation, Deviations};

impl Deviations {
    /// The entry that `divergence` falls under, in a comparison with a running server.
    #[must_use]
    pub fn explain_divergence(
        &self,
        release: Release,
        divergence: &Divergence,
    ) -> Option<&Deviation> {
        let (real, port) = (step(&divergence.real), step(&divergence.port));
        // What is known of the release that has been recorded holds for its epoch.
        let recorded = release.epoch().release();
        self.deviation.iter().find(|known| {
            known.programs.iter().any(|program| program == recorded) && known.fits(real, port)
        })
    }
}

/// A step without its time and its buffers.
fn step(text: &str) -> &str {
    let text = text.split_once(" ms  ").map_or(text, |(_, step)| step);
    text.split_once("  (").map_or(text, |(step, _)| step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_and_buffers_do_not_count() {
        assert_eq!(step("     5 ms  A moved 127"), "A moved 127");
        assert_eq!(step("     5 ms  A event 1  (in 3)"), "A event 1");
        assert_eq!(step("crash: signal 11"), "crash: signal 11");
    }
}
