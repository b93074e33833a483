//! What epochs B, D and E do differently from C, which all other files here test: the mutex
//! that each function of B takes itself, the missing core buffer of D, and the mutex that a
//! shutdown takes in E.

mod b;
mod d;
mod e;

use std::sync::Arc;

use pluginvc::{Epoch, PluginVCCore, PluginVcOptions};
use testkit::{Agent, Lab, MAX, hold};

fn pair(lab: &Lab, epoch: Epoch) -> (Agent, Agent, Arc<PluginVCCore>) {
    let (a, p) = lab.agents();
    let core = lab.pair_with(&a, &p, PluginVcOptions { epoch, ..PluginVcOptions::default() });
    lab.take();
    (a, p, core)
}

/// A pair whose passive end reads, and has nothing to read.
fn reading(lab: &Lab, epoch: Epoch) -> (Agent, Agent) {
    let (a, p, _) = pair(lab, epoch);
    p.with(|me| me.read(MAX));
    lab.settle();
    lab.take();
    (a, p)
}

/// `A` writes a byte for `P`, which reads, while a foreign thread has `P`'s mutex; the thread gives
/// it back before the end tries again.
fn writes_while_the_reader_is_held(lab: &Lab, epoch: Epoch) {
    let (a, p) = reading(lab, epoch);
    let busy = hold(p.mutex());
    a.with(|me| me.write_now(b"x"));
    lab.run_ms(3);
    busy.release();
    lab.settle();
}
