//! The event system of the release that stands for an epoch.

use eventsys::{Assignment, CancelledEvents, LoopTime, Options, OwnEvents};
use pluginvc::Epoch;

/// `options`, with the event system of the release that stands for `epoch`.
#[must_use]
pub fn of_release(epoch: Epoch, options: Options) -> Options {
    let (own_events, assignment) = match epoch {
        Epoch::B => (OwnEvents::ExternalQueue, Assignment::RoundRobin),
        Epoch::C | Epoch::D | Epoch::E => (OwnEvents::LocalQueue, Assignment::Affinity),
    };
    let (loop_time, cancelled) = match epoch {
        Epoch::B | Epoch::C => (LoopTime::Cached, CancelledEvents::FreedUnderLock),
        Epoch::D => (LoopTime::Asked, CancelledEvents::FreedUnderLock),
        Epoch::E => {
            let update_probability = LoopTime::PROBABILITY;
            (LoopTime::Carried { update_probability }, CancelledEvents::FreedAfterUnlock)
        }
    };
    Options { own_events, assignment, loop_time, cancelled, ..options }
}
