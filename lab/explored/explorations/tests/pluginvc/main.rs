//! What two threads can do to one pair, under the schedule explorer: the main
//! thread is the event thread, the other is one that the event system does not
//! own. Each scene runs under all schedules of a stated number of interruptions;
//! the *set* of its outcomes is asserted, and each outcome is explained.
//!
//! ```text
//! cargo test -p explorations --test pluginvc
//! ```
//!
//! In this build every lock, atomic and thread of the event system is the
//! explorer's (`eventsys::sync`), so a schedule may change threads between any
//! unlocked read and the try-lock after it.

mod canary;
mod cost;
mod moved;
mod timeouts;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use eventsys::hrtime::mseconds;
use explorations::{Outcomes, explore};
use explorer::sync::thread;
use explorer::{Access, Explorer, point};
use iocore::ShutdownHowTo::{Read, ReadWrite, Write};
use iocore::VConnection;
use pluginvc::{Corrections, PluginVCCore};
use testkit::{
    ACCEPT, Agent, EOS, INACTIVITY, Lab, MAX, READ_READY, WRITE_COMPLETE, WRITE_READY, counting,
};

/// The outcomes of `scene` under every schedule with at most so many interruptions. A thread may
/// stall for longer than a timeout.
fn outcomes(bound: u32, scene: impl Fn() -> String + Send + Sync + 'static) -> Outcomes<String> {
    explore(&Explorer::new().bound(bound).stalls(true), scene)
}

/// A lab whose event loop has made its first pass, which sets up the metrics in
/// thousands of steps in which no race is possible.
fn warm_lab() -> Lab {
    let lab = Lab::new();
    lab.thread.run_pass();
    lab
}

/// The callbacks of the agents, in one line.
fn callbacks(lab: &Lab) -> String {
    lab.take_callbacks().join(", ")
}

/// Runs the event loop until nothing waits; an assertion of the port becomes a
/// line.
fn settle(lab: &Lab) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(|| lab.settle())).err()?;
    let text = match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => (*panic.downcast::<&str>().expect("a text")).to_owned(),
    };
    Some(format!("asserts: {text}"))
}

fn close_both(lab: &Lab, core: Arc<PluginVCCore>, a: &Agent, p: &Agent) {
    for agent in [a, p] {
        agent.with(|me| {
            if !me.is_closed() {
                me.close();
            }
        });
    }
    lab.settle();
    lab.expect_nothing_left(core);
}

/// TS-3339, and #4746 in the direction of the read: the event thread processes
/// A's write side and goes on to P's read side; P, holding its own mutex, shuts its
/// read side and frees its buffer.
fn shut_under_the_readers_mutex() -> String {
    let lab = warm_lab();
    let (a, p) = lab.agents();
    p.on(ACCEPT, |me| me.read(MAX));
    let core = lab.pair(&a, &p);
    lab.settle();
    lab.take();
    let freed = Arc::new(AtomicBool::new(false));
    p.on(READ_READY, {
        let freed = Arc::clone(&freed);
        move |_| assert!(!freed.load(Ordering::SeqCst), "READ_READY into a freed buffer")
    });
    a.with(|me| me.write_now(b"x"));
    let other = thread::spawn({
        let p = p.clone();
        move || {
            p.with(|me| {
                me.shutdown(Read);
                freed.store(true, Ordering::SeqCst);
                me.note(&format!("freed with {} bytes", me.waiting()));
            });
        }
    });
    lab.settle();
    other.join().unwrap();
    let before = p.with(|me| me.waiting());
    lab.settle();
    let line = callbacks(&lab);
    assert_eq!(p.with(|me| me.waiting()), before, "bytes into a freed buffer");
    close_both(&lab, core, &a, &p);
    line
}

#[test]
fn no_read_event_comes_after_a_shutdown_under_the_readers_mutex() {
    let found = outcomes(2, shut_under_the_readers_mutex);
    assert_eq!(
        found,
        [
            // As below, and A's error comes before P's note: A needs no mutex of P to look.
            "A write: ERROR 0/1, P note: freed with 0 bytes",
            // While the byte lay in the core buffer: the event that P would have got is not sent
            // any more.
            "A write: WRITE_COMPLETE 1/1, P note: freed with 0 bytes",
            // After everything.
            "A write: WRITE_COMPLETE 1/1, P read: READ_READY 1/max, P note: freed with 1 bytes",
            // Before A looked: A gets the error that the peer does not read.
            "P note: freed with 0 bytes, A write: ERROR 0/1",
            // After A had looked and before it had P's mutex: TS-3339.
            "P note: freed with 0 bytes, A write: WRITE_COMPLETE 1/1",
        ]
    );
}

/// #4746 in the direction of the write: the event thread processes P's read side
/// and goes on to A's write side; A, holding its own mutex, shuts its write side.
#[test]
fn no_write_event_comes_after_a_shutdown_under_the_writers_mutex() {
    let found = outcomes(1, || {
        let lab = warm_lab();
        let (a, p) = lab.agents();
        let core = lab.pair(&a, &p);
        a.with(|me| me.write_now(&counting(40_000)));
        lab.settle();
        lab.take();
        let freed = Arc::new(AtomicBool::new(false));
        for event in [WRITE_READY, WRITE_COMPLETE] {
            let freed = Arc::clone(&freed);
            a.on(event, move |_| assert!(!freed.load(Ordering::SeqCst), "after the shutdown"));
        }
        p.with(|me| me.read(MAX));
        let other = thread::spawn({
            let a = a.clone();
            move || {
                a.with(|me| {
                    me.shutdown(Write);
                    freed.store(true, Ordering::SeqCst);
                    me.note(&format!("freed at {}", me.write_vio().ndone()));
                });
            }
        });
        lab.settle();
        other.join().unwrap();
        let before = a.write_vio().ndone();
        lab.settle();
        assert_eq!(a.write_vio().ndone(), before, "bytes out of a freed buffer");
        let line = callbacks(&lab);
        close_both(&lab, core, &a, &p);
        line
    });
    assert_eq!(
        found,
        [
            // Before P read anything, or while P looked: #4746.
            "A note: freed at 32768, P read: READ_READY 32768/max",
            // Between P's callback and A's.
            "P read: READ_READY 32768/max, A note: freed at 32768",
            // After everything.
            "P read: READ_READY 32768/max, A write: WRITE_COMPLETE 40000/40000, \
             A note: freed at 40000",
        ]
    );
}

/// TS-3235: a plugin's own thread closes, under no lock, while the event thread
/// is at work on the same end. The pair is freed in every schedule.
#[test]
fn a_close_by_a_foreign_thread_is_never_lost() {
    let found = outcomes(1, || {
        let lab = warm_lab();
        let (a, p) = lab.agents();
        p.on(ACCEPT, |me| me.read(MAX));
        p.on(EOS, |me| me.close());
        let core = lab.pair(&a, &p);
        lab.take();
        let vc = core.active_vc().unwrap();
        a.with(|me| {
            me.fill(b"x");
            me.write(MAX);
        });
        let other = thread::spawn(move || {
            vc.do_io_close(None);
        });
        lab.settle();
        other.join().unwrap();
        a.with(|me| me.forget());
        lab.settle();
        let line = callbacks(&lab);
        lab.expect_nothing_left(core);
        line
    });
    assert_eq!(
        found,
        [
            // After everything.
            "A write: WRITE_READY 1/max, P read: READ_READY 1/max, \
             A write: WRITE_READY 1/max, P read: EOS 1/max",
            // Before A was asked for more.
            "A write: WRITE_READY 1/max, P read: READ_READY 1/max, P read: EOS 1/max",
            // Before A wrote.
            "P read: EOS 0/max",
        ]
    );
}

fn shut_without_the_mutex(corrections: Corrections) -> Outcomes<String> {
    outcomes(1, move || {
        let lab = warm_lab();
        let (a, p) = lab.agents();
        p.on(ACCEPT, |me| me.read(MAX));
        let core = lab.corrected_pair(&a, &p, corrections);
        lab.settle();
        lab.take();
        let shut = Arc::new(AtomicBool::new(false));
        p.on(READ_READY, {
            let shut = Arc::clone(&shut);
            move |me| {
                point("the shutdown", Access::Read);
                me.note(if shut.load(Ordering::SeqCst) { "late" } else { "in time" });
            }
        });
        a.with(|me| me.write_now(b"x"));
        let vc = core.passive_vc().unwrap();
        let other = thread::spawn(move || {
            vc.do_io_shutdown(ReadWrite);
            // What the callback sees of it is a step of its own.
            point("the shutdown", Access::Write);
            shut.store(true, Ordering::SeqCst);
        });
        lab.settle();
        other.join().unwrap();
        lab.settle();
        let line = lab.take_callbacks().into_iter().find(|line| line.contains("note"));
        close_both(&lab, core, &a, &p);
        line.unwrap_or_else(|| "no callback".to_owned())
    })
}

/// #12982, open in 9.1.3: `do_io_shutdown` takes no lock.
#[test]
fn a_shutdown_without_the_mutex_may_be_followed_by_a_callback() {
    assert_eq!(
        shut_without_the_mutex(Corrections::default()),
        [
            // Both ends' flags are looked at before the shutdown.
            "P note: in time",
            // The flags are looked at, the shutdown is done, the callback begins.
            "P note: late",
            "no callback",
        ]
    );
}

/// #12982, corrected: it takes the core mutex, so it comes before or after.
#[test]
fn a_shutdown_that_takes_the_core_mutex_is_followed_by_none() {
    let correct = Corrections { shutdown_takes_core_lock: true, ..Corrections::default() };
    assert_eq!(shut_without_the_mutex(correct), ["P note: in time", "no callback"]);
}

/// One thread reenables A's write under A's mutex, and another closes A.
fn reenabled_and_closed_at_once(corrections: Corrections) -> Outcomes<String> {
    outcomes(1, move || {
        let lab = warm_lab();
        let (a, p) = lab.agents();
        let core = lab.corrected_pair(&a, &p, corrections);
        a.with(|me| me.write(MAX));
        lab.settle();
        lab.take();
        let vc = core.active_vc().unwrap();
        let vio = a.write_vio();
        let reenabler = thread::spawn({
            let a = a.clone();
            move || a.with(|me| catch_unwind(AssertUnwindSafe(|| vio.reenable(me.guard))).is_ok())
        });
        let closer = thread::spawn(move || vc.do_io_close(None));
        let reenabled = reenabler.join().unwrap();
        closer.join().unwrap();
        let asserts = settle(&lab);
        let events = lab.take().iter().filter(|line| line.starts_with("A event")).count();
        format!("reenabled: {reenabled}, events: {events}, {asserts:?}")
    })
}

/// The second open defect: `sm_lock_retry_event` is set under S by `reenable` and
/// under C by `do_io_close`. Two threads find it empty at the same time and each
/// schedules an event; the second store forgets the first event.
#[test]
fn two_threads_may_set_up_two_retry_events() {
    let found = reenabled_and_closed_at_once(Corrections::default());
    assert_eq!(
        found,
        [
            // The close came first; to reenable then fails an assertion.
            "reenabled: false, events: 1, None",
            // One thread found the other's event and scheduled no second one.
            "reenabled: true, events: 1, None",
            // Two events: the first processes the close and cancels the one that is
            // known; the orphan fires on an end that has already processed its close. A debug
            // assertion; a release build of the original processes the close twice, and if the
            // other end has closed meanwhile, the memory is gone.
            "reenabled: true, events: 2, Some(\"asserts: !deletable\")",
        ]
    );
}

/// The thread that comes second cancels its own event.
#[test]
fn two_threads_that_agree_set_up_one_retry_event() {
    let correct = Corrections { retry_event_exchange: true, ..Corrections::default() };
    assert_eq!(
        reenabled_and_closed_at_once(correct),
        [
            // The close came first.
            "reenabled: false, events: 1, None",
            // One of the two events was stored, and came.
            "reenabled: true, events: 1, None",
        ]
    );
}
