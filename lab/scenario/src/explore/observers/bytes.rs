//! Each byte that a user has written is in one place, and is the byte that was written.

use explorer::violation;
use pluginvc::steps::Side;

use super::super::kind::BYTES;
use super::super::pair::Scenery;
use crate::act::side_name;

pub(super) fn are_all_there(scenery: &Scenery) {
    if !scenery.scene.watches_bytes {
        return;
    }
    let core = &scenery.play.core;
    for side in Side::BOTH {
        let (from, to) = (scenery.flow(side), scenery.flow(side.other()));
        let (name, written) = (side_name(side), from.written);
        let sent = written - from.unsent;
        let in_core = pluginvc::observe::bytes_in_core(core, side);
        let arrived = to.received;
        let lost = match in_core {
            Some(in_core) => sent - arrived - in_core,
            // The core buffer went with the pair, and what was in it.
            None => (sent - arrived).min(0),
        };
        if lost > 0 {
            violation(BYTES, format!("{lost} of {sent} bytes of the {name} end are lost"));
        }
        if lost < 0 {
            let more = -lost;
            violation(BYTES, format!("{more} bytes came that the {name} end had not sent"));
        }
        if scenery.scene.counts_up
            && let Some(at) = to.wrong_at
        {
            let text = format!("byte {at} of the {name} end came as another byte");
            violation(BYTES, text);
        }
    }
}
