//! The event system of the release that stands for an epoch.

use eventsys::{Assignment, Options, OwnEvents};
use pluginvc::Epoch;

/// `options`, with the event system of the release that stands for `epoch`.
#[must_use]
pub fn of_release(epoch: Epoch, options: Options) -> Options {
    let (own_events, assignment) = match epoch {
        Epoch::B => (OwnEvents::ExternalQueue, Assignment::RoundRobin),
        Epoch::C | Epoch::D => (OwnEvents::LocalQueue, Assignment::Affinity),
    };
    Options { own_events, assignment, ..options }
}
