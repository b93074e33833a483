//! In an ordinary build no observer watches the contract of a pair: these functions do nothing.
//!
//! `monitor.rs`, which stands in its place in the exploration build, says what it is.

use eventsys::EventCode;
use iocore::{NetVcRef, VIO};
use pluginvc::steps::Side;

use super::op::Op;

pub(super) struct Contract;

pub(super) struct Used;

#[allow(clippy::unused_self)] // The monitor's functions need it.
impl Contract {
    pub(super) fn new() -> Contract {
        Contract
    }

    pub(super) fn connected(&self, _: Side, _: &NetVcRef) {}

    pub(super) fn called(&self, _: Side, _: EventCode, _: &VIO) {}

    pub(super) fn uses(&self, _: Side, _: Op) -> Used {
        Used
    }

    pub(super) fn closes(&self, _: Side, close: impl FnOnce()) {
        close();
    }

    pub(super) fn is_freed(&self, _: Side) -> bool {
        false
    }
}
