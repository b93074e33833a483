//! A timeout that is set, or comes, while another thread is at work on the same end.

use super::*;

/// A sets a timeout of 10 ms, and while the event loop runs another thread one of
/// 30 ms.
fn timeout_set_meanwhile(corrections: Corrections) -> String {
    let lab = warm_lab();
    let (a, p) = lab.agents();
    lab.corrected_pair(&a, &p, corrections);
    a.with(|me| {
        me.read(MAX);
        me.vc().set_active_timeout(mseconds(10));
    });
    let vc = a.vc();
    let other = thread::spawn(move || {
        // After an assertion in the other thread the state is not valid.
        let _ = catch_unwind(AssertUnwindSafe(|| vc.set_active_timeout(mseconds(30))));
    });
    let asserts = settle(&lab);
    other.join().unwrap();
    let asserts = asserts.or_else(|| settle(&lab));
    let timeouts = lab.take().iter().filter(|line| line.contains("TIMEOUT")).count();
    std::mem::forget(lab);
    asserts.unwrap_or_else(|| format!("{timeouts} timeouts"))
}

fn timeouts_set_meanwhile(corrections: Corrections) -> Outcomes<String> {
    outcomes(1, move || timeout_set_meanwhile(corrections))
}

/// The first open defect: `set_active_timeout` takes no lock, so it may come while
/// `main_handler` is under way for the event that it replaces.
#[test]
fn a_timeout_set_by_another_thread_may_be_an_assertion() {
    assert_eq!(
        timeouts_set_meanwhile(Corrections::default()),
        [
            // Replaced in time.
            "1 timeouts",
            // Set again after the first had fired.
            "2 timeouts",
            // The handler meets an event that is not `active_event` any more.
            "asserts: call_event == core_lock_retry_event",
        ]
    );
}

const IGNORE: Corrections = Corrections {
    null_do_io: false,
    shutdown_takes_core_lock: false,
    ignore_unknown_events: true,
    timeouts_take_core_lock: false,
    look_again: false,
    retry_event_exchange: false,
    reenable_tries: false,
};

/// Ignoring the event lets the handler leave. It does not correct the defect: the ninth open one
/// is left.
#[test]
fn a_timeout_that_passes_before_it_is_stored_is_lost_if_unknown_events_are_ignored() {
    assert_eq!(
        timeouts_set_meanwhile(IGNORE),
        [
            // The first is cancelled, the second scheduled and not stored when it comes.
            "0 timeouts",
            // Replaced in time, or while the handler was under way.
            "1 timeouts",
            // Set again after the first had fired.
            "2 timeouts",
        ]
    );
}

/// With the core mutex no event needs to be ignored: the timeout is set before the handler or after
/// it, and stored before it fires.
#[test]
fn a_timeout_that_is_set_under_the_core_mutex_meets_no_handler() {
    let correct = Corrections { timeouts_take_core_lock: true, ..Corrections::default() };
    // Replaced in time, or set again after the first had fired.
    assert_eq!(timeouts_set_meanwhile(correct), ["1 timeouts", "2 timeouts"]);
}

/// #1333: when `main_handler` began, the read had no mutex, so it took none; then
/// another thread issues the read, holding S, and the timeout misses S.
#[test]
fn the_periodic_event_survives_a_read_issued_while_it_fires() {
    let found = outcomes(1, || {
        let lab = warm_lab();
        let (a, p) = lab.agents();
        let core = lab.pair(&a, &p);
        a.on(INACTIVITY, |_| ());
        a.with(|me| me.vc().set_inactivity_timeout(mseconds(500)));
        lab.run_ms(950);
        lab.take();
        let other = thread::spawn({
            let a = a.clone();
            move || {
                a.with(|me| me.read(MAX));
            }
        });
        // Two looks.
        lab.run_ms(2_000);
        other.join().unwrap();
        lab.run_ms(2_000);
        let line = callbacks(&lab);
        close_both(&lab, core, &a, &p);
        line
    });
    assert_eq!(
        found,
        [
            // The timeout found no operation, and its event is gone.
            "",
            // It found the read, at once or, having missed S, a second later.
            "A read: INACTIVITY_TIMEOUT 0/max",
        ]
    );
}
