//! No work is pending when nothing is scheduled that would do it.

use explorer::violation;
use iocore::VioOp;
use pluginvc::observe::pending;
use pluginvc::steps::Side;

use super::super::kind::PENDING;
use super::super::pair::Scenery;
use crate::act::side_name;

pub(super) fn nothing_is(scenery: &Scenery) {
    for side in Side::BOTH {
        let Some(pending) = pending(&scenery.play.core, side) else { continue };
        let name = side_name(side);
        let lost = match pending.op {
            Some(VioOp::Write) => "its write should be processed",
            Some(_) => "its read should be processed",
            None => "its close should be processed",
        };
        violation(PENDING, format!("the {name} end: {lost}, and no event is scheduled for that"));
    }
}
