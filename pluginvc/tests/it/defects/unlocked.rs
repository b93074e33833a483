//! Open in 9.1.3: calls that take no lock, or the wrong one, and the thread that runs between two
//! of their steps.

use eventsys::sync::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use eventsys::hrtime::mseconds;
use eventsys::{EThread, HrTime, Idle, LoopTailHandler};
use iocore::ShutdownHowTo::ReadWrite;
use pluginvc::Corrections;
use testkit::{ACCEPT, Agent, Lab, MAX, READ_READY, on_foreign_thread, panic_text};

use crate::common::reading;

/// `do_io_shutdown` took no lock. Here it comes when the other thread has tested
/// the flag and holds C and S: the callback comes after the shutdown.
#[test]
fn gh_12982_a_shutdown_without_the_lock_is_followed_by_a_callback() {
    let (lab, a, p, _) = reading();
    let shut = Arc::new(AtomicBool::new(false));
    lab.at_step("P read_act_on 1", {
        let (vc, shut) = (p.vc(), Arc::clone(&shut));
        move || {
            vc.do_io_shutdown(ReadWrite);
            shut.store(true, Ordering::SeqCst);
        }
    });
    p.on(READ_READY, move |me| {
        me.note(&format!("shut down already: {}", shut.load(Ordering::SeqCst)));
    });
    a.with(|me| me.write_now(b"x"));
    lab.settle();
    lab.expect_callbacks(
        "P got: NET_EVENT_ACCEPT
         A write: WRITE_COMPLETE 1/1
         P read: READ_READY 1/max
         P note: shut down already: true",
    );
}

/// Corrected, it waits for C, which is held until the callback is over.
#[test]
fn gh_12982_corrected_the_shutdown_waits_until_the_callback_is_over() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    p.on(ACCEPT, |me| me.read(MAX));
    let correct = Corrections { shutdown_takes_core_lock: true, ..Corrections::default() };
    lab.corrected_pair(&a, &p, correct);
    let shut = Arc::new(AtomicBool::new(false));
    let thread = Arc::new(Mutex::new(None));
    lab.at_step("P read_act_on 1", {
        let (vc, shut, thread) = (p.vc(), Arc::clone(&shut), Arc::clone(&thread));
        move || {
            *thread.lock() = Some(std::thread::spawn(move || {
                vc.do_io_shutdown(ReadWrite);
                shut.store(true, Ordering::SeqCst);
            }));
        }
    });
    p.on(READ_READY, move |me| {
        me.note(&format!("shut down already: {}", shut.load(Ordering::SeqCst)));
    });
    a.with(|me| me.write_now(b"x"));
    lab.settle();
    thread.lock().take().unwrap().join().unwrap();
    lab.expect_callbacks(
        "P got: NET_EVENT_ACCEPT
         A write: WRITE_COMPLETE 1/1
         P read: READ_READY 1/max
         P note: shut down already: false",
    );
}

fn timeout_set_during_dispatch(lab: &Lab, corrections: Corrections) -> Agent {
    let (a, p) = lab.agents();
    lab.corrected_pair(&a, &p, corrections);
    a.with(|me| {
        me.read(MAX);
        me.vc().set_active_timeout(mseconds(20));
    });
    lab.run_ms(5);
    lab.take();
    let vc = a.vc();
    lab.at_step("A event 2", move || vc.set_active_timeout(mseconds(50)));
    a
}

/// Open in every release: `set_active_timeout` takes no lock. While `main_handler`
/// runs for the event, another thread sets a new one, and the handler then meets
/// an event that it does not know.
#[test]
fn open_1_a_timeout_set_while_its_event_is_dispatched_is_an_assertion() {
    let lab = Lab::new();
    let _a = timeout_set_during_dispatch(&lab, Corrections::default());
    assert_eq!(panic_text(|| lab.run_ms(100)), "call_event == core_lock_retry_event");
}

#[test]
fn open_1_corrected_the_new_timeout_counts() {
    let lab = Lab::new();
    let correct = Corrections { ignore_unknown_events: true, ..Corrections::default() };
    let _a = timeout_set_during_dispatch(&lab, correct);
    lab.run_ms(100);
    lab.expect_timed(
        "15003 A event 2
         60006 A event 2
         60006 A read: ACTIVE_TIMEOUT 0/max",
    );
    lab.expect_quiet();
}

/// Stops a foreign thread where it has pushed an event, and its caller has not stored
/// the event yet.
struct Doorman {
    pushed: Mutex<Sender<()>>,
    go_on: Mutex<Receiver<()>>,
}

impl LoopTailHandler for Doorman {
    fn wait_for_activity(&self, idle: Idle<'_, '_>, timeout: HrTime) {
        if timeout > 0 {
            idle.sleep(timeout);
        }
    }

    fn signal_activity(&self, thread: &EThread) {
        self.pushed.lock().send(()).unwrap();
        self.go_on.lock().recv().unwrap();
        thread.wake();
    }
}

/// A foreign thread sets an active timeout of 20 ms and stops right after the push. `meanwhile`
/// runs the event thread. Then the foreign thread goes on.
fn timeout_is_pushed_and_not_stored(
    lab: &Lab,
    corrections: Corrections,
    meanwhile: impl FnOnce(),
) -> Agent {
    let (a, p) = lab.agents();
    lab.corrected_pair(&a, &p, corrections);
    a.with(|me| me.read(MAX));
    lab.settle();
    lab.take();
    let vc = a.vc();
    stops_after_the_push(lab, move || vc.set_active_timeout(mseconds(20)), meanwhile);
    a
}

/// A foreign thread runs `schedules`, which stops when it has pushed an event. `meanwhile` runs
/// on this thread. Then the foreign thread goes on.
fn stops_after_the_push(
    lab: &Lab,
    schedules: impl FnOnce() + Send + 'static,
    meanwhile: impl FnOnce(),
) {
    let (pushed, is_pushed) = channel();
    let (go_on, goes_on) = channel();
    let doorman = Doorman { pushed: Mutex::new(pushed), go_on: Mutex::new(goes_on) };
    lab.thread.set_tail_handler(Arc::new(doorman));
    let setter = std::thread::spawn(schedules);
    is_pushed.recv().unwrap();
    meanwhile();
    go_on.send(()).unwrap();
    setter.join().unwrap();
}

/// A foreign thread reenables A's write under A's mutex and stops after the push of the retry
/// event; meanwhile another thread closes A under the core mutex, which schedules a retry event, too.
/// Returns how many of the two events A's handler sees.
fn reenabled_and_closed_at_once(lab: &Lab, corrections: Corrections) -> usize {
    let (a, p) = lab.agents();
    lab.corrected_pair(&a, &p, corrections);
    a.with(|me| me.write(MAX));
    lab.settle();
    lab.take();
    let (agent, vio, vc) = (a.clone(), a.write_vio(), a.vc());
    stops_after_the_push(
        lab,
        move || agent.with(|me| vio.reenable(me.guard)),
        || on_foreign_thread(|| vc.do_io_close(None)),
    );
    lab.settle();
    lab.take().iter().filter(|line| line.starts_with("A event")).count()
}

/// Open in every release: the test and the store of `sm_lock_retry_event` are under two different
/// locks. One of the two events is stored nowhere, and comes to an end that has processed its close.
#[test]
#[cfg(debug_assertions)]
fn open_2_two_threads_set_up_two_retry_events() {
    let lab = Lab::new();
    let text = panic_text(|| {
        reenabled_and_closed_at_once(&lab, Corrections::default());
    });
    assert_eq!(text, "!deletable");
}

/// The thread that comes second finds the other one's event, and cancels its own.
#[test]
fn open_2_corrected_one_of_the_two_events_comes() {
    let lab = Lab::new();
    let correct = Corrections { retry_event_exchange: true, ..Corrections::default() };
    assert_eq!(reenabled_and_closed_at_once(&lab, correct), 1);
}

/// Open in every release: `set_active_timeout` schedules, and then stores. If the timeout fires in
/// between, `main_handler` meets an event that is stored nowhere.
#[test]
fn open_9_a_timeout_that_passes_before_it_is_stored_is_an_assertion() {
    let lab = Lab::new();
    timeout_is_pushed_and_not_stored(&lab, Corrections::default(), || {
        assert_eq!(panic_text(|| lab.run_ms(50)), "call_event == core_lock_retry_event");
    });
}

/// It does not help that the handler ignores the event: the stored event is then one that has run,
/// the timeout does not come, and the original cancels a freed event at the close.
#[test]
fn open_9_if_the_event_is_ignored_the_timeout_is_lost() {
    let lab = Lab::new();
    let ignore = Corrections { ignore_unknown_events: true, ..Corrections::default() };
    let a = timeout_is_pushed_and_not_stored(&lab, ignore, || lab.run_ms(50));
    assert_eq!(a.vc().get_active_timeout(), mseconds(20), "it is set");
    lab.run_ms(1_000);
    lab.expect_timed("75004 A event 2");
    lab.expect_quiet();
}

/// With the core mutex held for the whole call, the event misses it until it is stored.
#[test]
fn open_9_corrected_the_timeout_comes_once_it_is_stored() {
    let lab = Lab::new();
    let correct = Corrections { timeouts_take_core_lock: true, ..Corrections::default() };
    let a = timeout_is_pushed_and_not_stored(&lab, correct, || {
        lab.run_ms(50);
        lab.expect("");
    });
    lab.run_ms(1_000);
    lab.expect_timed(
        "110018 A event 2
         110018 A read: ACTIVE_TIMEOUT 0/max",
    );
    lab.expect_quiet();
    assert_eq!(a.calls(), 1);
}
