//! Scenes in which a thread stalls for longer than a timer takes. The clock ticks with each pass,
//! whatever the other threads do.

use std::sync::Arc;

use eventsys::hrtime::{mseconds, seconds};
use explorer::{name_task, note, spawn, violation};
use pluginvc::PluginVCCore;
use testkit::{ACCEPT, Agent, EOS, INACTIVITY, Lab, MAX};

use super::pair_options;
use crate::arms::Arms;

/// A pair in time that ticks by `ms` milliseconds with each pass.
fn ticking_pair(arms: &Arms, ms: i64) -> (Lab, Agent, Agent, Arc<PluginVCCore>) {
    name_task("event thread");
    let lab = Lab::ticking(mseconds(ms));
    let (a, p) = lab.agents();
    p.on(ACCEPT, |me| me.read(MAX));
    p.on(EOS, |me| me.close());
    let core = lab.pair_with(&a, &p, pair_options(arms));
    (lab, a, p, core)
}

/// Closes A, and P after it; then the pair must be freed.
fn close_and_look(lab: &Lab, a: &Agent, core: &PluginVCCore) {
    note(|| "A closes".to_owned());
    a.with(|me| {
        if !me.is_closed() {
            me.close();
        }
    });
    lab.passes(15);
    if !core.is_freed() {
        violation("leak", "both ends are closed, and the pair is not freed");
    }
}

/// A has an inactivity timeout, whose event comes once a second. Another thread has A's mutex when
/// it comes. Then A closes.
pub(super) fn a_lock_missed_by_the_periodic_event(arms: &Arms) {
    let (lab, a, _p, core) = ticking_pair(arms, 10);
    a.with(|me| {
        me.read(MAX);
        me.vc().set_inactivity_timeout(seconds(100));
    });
    lab.passes(95);
    let its = a.clone();
    let busy = spawn("busy", move || its.with(|_| note(|| "a thread has S".to_owned())));
    lab.passes(12);
    busy.join().expect("it does not panic");
    lab.passes(5);
    close_and_look(&lab, &a, &core);
}

/// A has an inactivity timeout that is over, and no operation. Another thread issues a read when
/// the event comes. Then A closes.
pub(super) fn a_read_issued_while_the_timeout_comes(arms: &Arms) {
    let (lab, a, _p, core) = ticking_pair(arms, 10);
    a.on(INACTIVITY, |_| ());
    a.with(|me| me.vc().set_inactivity_timeout(mseconds(500)));
    lab.passes(97);
    let its = a.clone();
    let late = spawn("late", move || its.with(|me| me.read(MAX)));
    lab.passes(8);
    late.join().expect("it does not panic");
    lab.passes(5);
    close_and_look(&lab, &a, &core);
}

/// A thread sets an active timeout of 10 ms on A, and may stall for longer. Then A closes.
pub(super) fn a_timeout_set_by_a_slow_thread(arms: &Arms) {
    let (lab, a, _p, core) = ticking_pair(arms, 5);
    a.with(|me| me.read(MAX));
    lab.passes(3);
    let vc = a.vc();
    let setter = spawn("setter", move || vc.set_active_timeout(mseconds(10)));
    lab.passes(6);
    setter.join().expect("it does not panic");
    lab.passes(4);
    close_and_look(&lab, &a, &core);
}
