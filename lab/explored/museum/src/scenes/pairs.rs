//! Scenes with a pair that the language of scenarios cannot tell: a callback of one end that acts
//! on the other end, and the number of events.

use eventsys::hrtime::seconds;
use eventsys::steps::{Collector, Steps, events};
use eventsys::sync::mpsc;
use eventsys::{Clock, EventProcessor, Options};
use explorer::{name_task, note, spawn, violation};
use iocore::{ShutdownHowTo, VConnection};
use testkit::{ACCEPT, EOS, ERROR, Lab, MAX, READ_READY, WRITE_COMPLETE};

use super::pair_options;
use crate::arms::Arms;

/// Ten pieces of a byte each go through a pair that has an inactivity timeout. Each needs one event,
/// and some more for the timeout that looks once a second.
pub(super) fn pieces_through_a_pair_with_a_timeout(arms: &Arms) {
    const MOST_EVENTS: usize = 25;
    name_task("event thread");
    let collector = Collector::new();
    let steps = Steps::to(collector.clone());
    let options = Options { steps, trace_events: true, ..Options::default() };
    let lab = Lab::of(EventProcessor::with_options(Clock::new_virtual(), options));
    let (a, p) = lab.agents();
    p.on(ACCEPT, |me| me.read(MAX));
    let _core = lab.pair_with(&a, &p, pair_options(arms));
    a.with(|me| me.vc().set_inactivity_timeout(seconds(100)));
    lab.passes(3);
    drop(collector.take());
    for _ in 0..10 {
        a.with(|me| me.write_now(b"x"));
        lab.passes(2);
    }
    let is_scheduled = |step: &eventsys::steps::Step| step.kind == events::SCHEDULE;
    let n = collector.take().iter().filter(|step| is_scheduled(step)).count();
    if n > MOST_EVENTS {
        violation("work for nothing", format!("{n} events for ten pieces of a byte"));
    }
}

/// A writes a request, shuts its write side, and waits for the reply, which comes later.
pub(super) fn a_reply_after_a_half_close(arms: &Arms) {
    name_task("event thread");
    let lab = Lab::new();
    let (a, p) = lab.agents();
    p.on(ACCEPT, |me| me.read(MAX));
    let _core = lab.pair_with(&a, &p, pair_options(arms));
    a.once(WRITE_COMPLETE, |me| {
        me.shutdown(ShutdownHowTo::Write);
        me.reenable_read();
    });
    a.on(EOS, |me| {
        if me.take() == 0 {
            violation("end of stream", "EOS comes before the reply");
        }
    });
    a.with(|me| {
        me.read(MAX);
        me.write_now(b"x");
    });
    lab.passes(5);
    p.with(|me| me.write_now(b"reply"));
    lab.settle();
}

/// A writes before its peer has begun to read.
pub(super) fn a_peer_that_reads_later(arms: &Arms) {
    name_task("event thread");
    let lab = Lab::new();
    let (a, p) = lab.agents();
    let _core = lab.pair_with(&a, &p, pair_options(arms));
    a.on(ERROR, |_| violation("error", "VC_EVENT_ERROR to a writer whose peer is open"));
    a.with(|me| me.write_now(b"x"));
    lab.settle();
    p.with(|me| me.read(1));
    lab.settle();
}

/// A writes a byte. The callback of P, on whose stack A's write side is, binds A's write to the
/// mutex M2. When it has done so, another thread takes M2 and closes A.
pub(super) fn a_callback_moves_the_peer_to_another_mutex(arms: &Arms) {
    name_task("event thread");
    let lab = Lab::new();
    let (a, p) = lab.agents();
    let m2 = lab.agent("M2");
    p.on(ACCEPT, |me| me.read(MAX));
    let core = lab.pair_with(&a, &p, pair_options(arms));
    lab.settle();
    let (tell, told) = mpsc::channel();
    let (vc, new) = (a.vc(), m2.clone());
    p.once(READ_READY, move |_| {
        new.with(|me| {
            me.take_vc(vc.clone());
            me.write_now(b"yz");
        });
        note(|| "the callback of P has bound A's write to M2".to_owned());
        let _ = tell.send(());
    });
    let vc = core.active_vc().expect("not freed");
    let closer = spawn("closer", move || {
        if told.recv().is_ok() {
            m2.with(|_| {
                note(|| "has M2, and closes A".to_owned());
                vc.do_io_close(None);
            });
        }
    });
    a.with(|me| me.write_now(b"x"));
    lab.settle();
    closer.join().expect("it does not panic");
    lab.settle();
}
