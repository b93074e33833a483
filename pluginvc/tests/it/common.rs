//! The set-ups that most tests begin with.

use std::sync::Arc;

use pluginvc::PluginVCCore;
use testkit::{ACCEPT, Agent, Lab, MAX};

/// A laboratory with a pair: `A`'s end and `P`'s. Neither has issued an operation yet.
pub(crate) fn connected() -> (Lab, Agent, Agent, Arc<PluginVCCore>) {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    let core = lab.pair(&a, &p);
    (lab, a, p, core)
}

/// As [`connected`], and `P` has issued a read when it accepted.
pub(crate) fn reading() -> (Lab, Agent, Agent, Arc<PluginVCCore>) {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    p.on(ACCEPT, |me| me.read(MAX));
    let core = lab.pair(&a, &p);
    (lab, a, p, core)
}
