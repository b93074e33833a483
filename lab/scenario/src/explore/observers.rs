//! The observers that look at a pair when all is quiet, and after its end.
//!
//! The other ones are elsewhere: the explorer sees panics, deadlocks and sleepers that are never
//! woken; the event system sees late events and the use of freed ones ([`eventsys::observe`]); the
//! contract is watched at each callback.

mod bytes;
mod leak;
pub(super) mod locks;
mod pending;

use super::pair::Scenery;

/// Nothing happens any more, and what is open is open still.
pub(super) fn at_rest(scenery: &Scenery) {
    locks::none_is_held(scenery);
    pending::nothing_is(scenery);
    bytes::are_all_there(scenery);
}

/// Both ends are closed, and the clock has run on.
pub(super) fn after_the_end(scenery: &Scenery, nothing_waits: bool) {
    locks::none_is_held(scenery);
    leak::nothing_is_left(scenery, nothing_waits);
}
