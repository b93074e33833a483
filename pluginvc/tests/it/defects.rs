//! One test for each defect that PluginVC had in the field: the fixed ones must
//! not come back, and those that are open in 9.1.3 must be here as they are
//! there, unless they are switched off (`Corrections`).
//!
//! The numbers are those of the issues and pull requests of Apache Traffic
//! Server. Where the defect is a race, a foreign thread acts at an exact step
//! ([`Lab::at_step`](testkit::Lab::at_step)) or while it holds a lock; `explore.rs`
//! goes through all schedules of the same scenes.
//!
//! Of the open deadlock of a write callback that moves its VIO to another mutex M2, only
//! the correction is here: `process_write_side` ends in `vio.reenable()`, which waits
//! for M2 with C held, and a thread that holds M2 and closes waits for C. The port
//! has it too (`Half::reenable_caller`), and a test of it would not end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use eventsys::hrtime::{mseconds, seconds};
use eventsys::{EThread, HrTime, Idle, LoopTailHandler};
use iocore::ShutdownHowTo::{Read, ReadWrite, Write};
use iocore::VConnection;
use iocore::buffer::{BUFFER_SIZE_INDEX_32K, MIOBuffer};
use pluginvc::{Corrections, PluginVCCore};
use testkit::{
    ACCEPT, ACTIVE, Agent, INACTIVITY, Lab, MAX, READ_READY, WRITE_COMPLETE, counting, hold,
    on_foreign_thread, panic_text,
};

/// `setup_event_cb` did not store the event that it scheduled, so a second `do_io` scheduled a
/// second one; the first matched no pointer, and the handler asserted.
#[test]
fn ts_867_the_event_is_stored_so_two_do_io_share_one() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    lab.pair(&a, &p);
    a.with(|me| {
        me.read(MAX);
        me.write(MAX);
    });
    lab.settle();
    lab.expect(
        "- create
         P got: NET_EVENT_ACCEPT
         A do_io_read 9223372036854775807
         A do_io_write 9223372036854775807
         A event 1
         A read_side
         A read_act_on 0
         A write_side
         A write_act_on 0
         A write: WRITE_READY 0/max",
    );
}

/// Every transfer cancelled the inactivity event and made a new one. Now one periodic event looks
/// at a time, and moving bytes only moves the time.
#[test]
fn ts_1427_moving_bytes_makes_no_timer_events() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    p.on(ACCEPT, |me| me.read(MAX));
    p.on(READ_READY, |me| {
        me.take();
    });
    lab.pair(&a, &p);
    a.with(|me| {
        me.write(MAX);
        me.vc().set_inactivity_timeout(seconds(5));
    });
    // A pass waits for 60 ms at most.
    for _ in 0..55 {
        lab.run_ms(60);
        a.with(|me| {
            me.fill(b"x");
            me.reenable_write();
        });
    }
    let looks = lab.take().iter().filter(|line| *line == "A event 2").count();
    assert_eq!(p.read_vio().ndone(), 54, "the last one is on its way");
    assert_eq!(looks, 3, "one a second in three seconds");
}

/// `main_handler` returned early on a closed connection and gave neither mutex
/// back: the state machine's next try-lock missed for ever.
#[test]
fn ts_2317_the_mutex_is_free_after_a_close_that_was_put_off() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    let core = lab.pair(&a, &p);
    a.with(|me| {
        me.read(MAX);
        me.write(MAX);
    });
    lab.settle();
    let busy = hold(a.mutex());
    core.active_vc().unwrap().do_io_close(None);
    lab.run_ms(3);
    busy.release();
    lab.run_ms(10);
    assert!(lab.take().contains(&"A process_close".to_owned()));
    for mutex in [a.mutex(), p.mutex(), core.mutex()] {
        assert_eq!((mutex.thread_holding(), mutex.nthread_holding()), (None, 0));
    }
    assert!(on_foreign_thread(|| a.mutex().try_lock().is_some()));
}

/// A lock miss rescheduled the periodic event; this made it one-shot, and it was freed after it had
/// fired; the close then cancelled a freed event.
#[test]
fn ts_2253_a_missed_lock_leaves_the_periodic_event_periodic() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    let core = lab.pair(&a, &p);
    a.with(|me| {
        me.read(MAX);
        me.vc().set_inactivity_timeout(seconds(100));
    });
    lab.run_ms(100);
    let busy = hold(a.mutex());
    lab.run_ms(1_200);
    busy.release();
    lab.take();
    lab.run_ms(3_000);
    assert_eq!(lab.take(), ["A event 2", "A event 2", "A event 2"]);
    a.close();
    p.close();
    lab.settle();
    lab.expect_nothing_left(core);
}

/// The peer tested `shutdown` before it had the reader's lock. The reader, holding
/// it, shut its read side and freed its buffer; the peer then wrote into that.
#[test]
fn ts_3339_no_read_event_comes_after_a_shutdown_under_the_readers_lock() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    p.on(ACCEPT, |me| me.read(MAX));
    let core = lab.pair(&a, &p);
    lab.settle();
    lab.take();
    let busy = hold(p.mutex());
    a.with(|me| me.write_now(b"x"));
    lab.run_ms(3);
    core.passive_vc().unwrap().do_io_shutdown(Read);
    busy.release();
    lab.run_ms(20);
    lab.expect(
        "A do_io_write 1
         A event 1
         A write_side
         A write_act_on 1
         A write_added 1
         A write: WRITE_COMPLETE 1/1
         P read_lock_miss
         P event 2
         P read_side",
    );
}

/// A wrong fix, taken back the same day, sent EOS to an end whose *own* write side
/// was shut: a client that had sent its request never saw the reply.
#[test]
fn ts_3404_shutting_ones_own_write_side_is_no_end_of_the_stream() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    p.on(ACCEPT, |me| me.read(MAX));
    lab.pair(&a, &p);
    a.on(WRITE_COMPLETE, |me| me.shutdown(Write));
    a.with(|me| {
        me.read(MAX);
        me.write_now(b"request");
    });
    lab.settle();
    // An empty pass of the read side.
    a.with(|me| me.reenable_read());
    lab.settle();
    lab.expect_callbacks(
        "P got: NET_EVENT_ACCEPT
         A write: WRITE_COMPLETE 7/7
         P read: READ_READY 7/max",
    );
    p.with(|me| me.write_now(b"reply"));
    lab.settle();
    lab.expect_callbacks(
        "P write: WRITE_COMPLETE 5/5
         A read: READ_READY 5/max",
    );
}

/// `do_io_read(NULL, …)` and `do_io_write(NULL, …)` took the mutex from the
/// missing continuation. They fall back to the connection's own.
#[test]
fn ts_3522_do_io_without_a_continuation_uses_the_core_mutex() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    let core = lab.pair(&a, &p);
    let vc = core.active_vc().unwrap();
    let guard = core.mutex().lock();
    let read = vc.do_io_read(&guard, None, 0, None);
    let write = vc.do_io_write(&guard, None, 0, None);
    assert!(read.is_bound_to(core.mutex()) && write.is_bound_to(core.mutex()));
    drop((guard, read, write));
    lab.settle();
    lab.expect(
        "- create
         P got: NET_EVENT_ACCEPT
         A do_io_read 0
         A do_io_write 0
         A event 1
         A read_side
         A write_side",
    );
}

/// `closed` was set between `main_handler`'s test and the timeout, whose callback
/// then went into a state machine that was gone.
#[test]
fn ts_3949_no_timeout_comes_to_a_closed_connection() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    let core = lab.pair(&a, &p);
    a.with(|me| {
        me.read(MAX);
        me.vc().set_active_timeout(mseconds(20));
        me.vc().set_inactivity_timeout(mseconds(20));
    });
    lab.run_ms(10);
    // Both timeouts become due while another thread holds the lock.
    let busy = hold(a.mutex());
    lab.run_ms(1_500);
    core.active_vc().unwrap().do_io_close(None);
    busy.release();
    lab.run_ms(3_000);
    lab.expect_callbacks("P got: NET_EVENT_ACCEPT");
    p.close();
    a.with(|me| me.forget());
    lab.settle();
    lab.expect_nothing_left(core);
}

/// A plugin's own thread closed without a lock: the event that was just firing passed for one still
/// to come, and no event ever processed the close.
#[test]
fn ts_3235_a_foreign_thread_that_closes_at_any_step_gets_the_pair_freed() {
    // C is held at each of these steps, so the closer waits for the handler to
    // leave, in a thread of its own.
    for step in ["A event 1", "A write_side", "A write_act_on 1", "A write_added 1"] {
        let lab = Lab::new();
        let (a, p) = lab.agents();
        p.on(ACCEPT, |me| me.read(MAX));
        p.on(testkit::EOS, |me| me.close());
        let core = lab.pair(&a, &p);
        let closer = Arc::new(Mutex::new(None));
        lab.at_step(step, {
            let (vc, closer) = (a.vc(), Arc::clone(&closer));
            move || {
                let thread = std::thread::spawn(move || vc.do_io_close(None));
                *closer.lock().unwrap() = Some(thread);
            }
        });
        a.with(|me| {
            me.fill(b"x");
            me.write(MAX);
        });
        lab.thread.run_pass();
        closer.lock().unwrap().take().expect("the step was taken").join().unwrap();
        a.with(|me| me.forget());
        lab.settle();
        lab.expect_nothing_left(core);
    }
}

/// A reenable by a foreign thread that held neither lock was lost in the same way; a thread that
/// holds its state machine's mutex cannot lose it.
#[test]
fn ts_3235_what_a_foreign_thread_reenables_is_not_lost() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    p.on(ACCEPT, |me| me.read(MAX));
    lab.pair(&a, &p);
    a.with(|me| me.write(MAX));
    lab.settle();
    for round in 1..=3 {
        on_foreign_thread(|| {
            a.with(|me| {
                me.fill(b"x");
                me.reenable_write();
            });
        });
        lab.settle();
        assert_eq!(p.read_vio().ndone(), round);
    }
}

/// The timeout's own lock miss rescheduled the periodic event and its caller then
/// cancelled it: the pointer to it dangled, and a later event at the same address was taken for it.
/// Here the event outlives any number of misses and ends at the close.
#[test]
fn gh_1333_the_periodic_event_survives_misses_and_ends_with_the_connection() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    let core = lab.pair(&a, &p);
    a.with(|me| {
        me.read(MAX);
        me.vc().set_inactivity_timeout(mseconds(100));
    });
    let busy = hold(a.mutex());
    lab.run_ms(3_500);
    busy.release();
    lab.take();
    // The address of a freed event is used again by the next one scheduled: this reenable would be
    // lost if its event were taken for the timeout's.
    a.with(|me| me.write_now(b"x"));
    lab.run_ms(1_000);
    lab.expect_callbacks(
        "A write: WRITE_COMPLETE 1/1
         A read: INACTIVITY_TIMEOUT 0/max",
    );
    a.close();
    p.close();
    lab.settle();
    lab.expect_nothing_left(core);
}

/// The timeout's callback set the timeout again; because of a null test the old periodic event
/// stayed. It fired a second later and was stored nowhere.
#[test]
fn gh_4074_a_timeout_set_anew_in_its_own_callback_leaves_one_event() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    let core = lab.pair(&a, &p);
    a.on(INACTIVITY, |me| me.vc().set_inactivity_timeout(seconds(10)));
    a.on(ACTIVE, |me| me.vc().set_active_timeout(seconds(10)));
    a.with(|me| {
        me.read(MAX);
        me.vc().set_inactivity_timeout(mseconds(500));
        me.vc().set_active_timeout(mseconds(500));
    });
    lab.run_ms(1_100);
    lab.take();
    lab.run_ms(3_000);
    assert_eq!(lab.take(), ["A event 2", "A event 2", "A event 2"], "one look a second");
    a.close();
    p.close();
    lab.settle();
    lab.expect_nothing_left(core);
}

/// TS-3339's race on the write side: the reader's end tested the writer's state without the
/// writer's lock, and called WRITE_READY after the shutdown.
#[test]
fn gh_4746_no_write_event_comes_after_a_shutdown_under_the_writers_lock() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    let core = lab.pair(&a, &p);
    a.with(|me| me.write_now(&counting(40_000)));
    lab.settle();
    lab.take();
    let busy = hold(a.mutex());
    p.with(|me| me.read(MAX));
    lab.run_ms(3);
    core.active_vc().unwrap().do_io_shutdown(Write);
    busy.release();
    lab.run_ms(20);
    lab.expect(
        "P do_io_read 9223372036854775807
         P event 1
         P read_side
         P read_act_on 32768
         P read_added 32768
         P read: READ_READY 32768/max
         A write_lock_miss
         A event 2
         A write_side",
    );
}

/// And `need_*` was cleared without the lock: a request of the other side during a lock miss must
/// still be there when the lock is taken.
#[test]
fn gh_4746_what_was_asked_for_during_a_miss_is_not_forgotten() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    p.on(ACCEPT, |me| me.read(MAX));
    lab.pair(&a, &p);
    a.with(|me| me.write(MAX));
    lab.settle();
    let busy = hold(p.mutex());
    for _ in 0..3 {
        a.with(|me| {
            me.fill(b"x");
            me.reenable_write();
        });
        lab.run_ms(3);
    }
    busy.release();
    lab.run_ms(20);
    assert_eq!(p.read_vio().ndone(), 3);
}

fn null_write(lab: &Lab, corrections: Corrections) -> Arc<PluginVCCore> {
    let (a, p) = lab.agents();
    let core = lab.corrected_pair(&a, &p, corrections);
    let guard = core.mutex().lock();
    core.active_vc().unwrap().do_io_write(&guard, None, MAX, None);
    drop(guard);
    core
}

/// `do_io_write()` with its defaults has no continuation, no buffer and INT64_MAX
/// bytes to write; the first pass of the write side crashed.
#[test]
fn gh_11961_a_write_of_everything_from_nothing_is_a_null_pointer() {
    let lab = Lab::new();
    let _core = null_write(&lab, Corrections::default());
    let text = panic_text(|| lab.settle());
    assert!(text.starts_with("do_io_write without a reader: "), "{text}");
}

#[test]
fn gh_11961_corrected_it_does_nothing() {
    let lab = Lab::new();
    let core = null_write(&lab, Corrections { null_do_io: true, ..Corrections::default() });
    lab.settle();
    lab.expect(
        "- create
         P got: NET_EVENT_ACCEPT
         A do_io_write 9223372036854775807
         A event 1
         A write_side",
    );
    drop(core);
}

/// Corrected, an operation wants both: a continuation and a buffer.
#[test]
fn gh_11961_corrected_a_write_with_only_one_of_the_two_does_nothing_either() {
    for has_cont in [true, false] {
        let lab = Lab::new();
        let (a, p) = lab.agents();
        let correct = Corrections { null_do_io: true, ..Corrections::default() };
        let core = lab.corrected_pair(&a, &p, correct);
        let mutex = if has_cont { a.mutex() } else { core.mutex() };
        let guard = mutex.lock();
        let buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_32K).bind(mutex);
        let reader = buffer.alloc_reader(&guard).unwrap();
        buffer.write(&guard, b"x");
        let (cont, reader) = if has_cont { (Some(a.cont()), None) } else { (None, Some(&reader)) };
        core.active_vc().unwrap().do_io_write(&guard, cont, MAX, reader);
        drop(guard);
        lab.settle();
        lab.expect(
            "- create
             P got: NET_EVENT_ACCEPT
             A do_io_write 9223372036854775807
             A event 1
             A write_side",
        );
    }
}

fn null_read(lab: &Lab, corrections: Corrections) -> (Agent, Arc<PluginVCCore>) {
    let (a, p) = lab.agents();
    let core = lab.corrected_pair(&a, &p, corrections);
    let guard = core.mutex().lock();
    core.active_vc().unwrap().do_io_read(&guard, None, MAX, None);
    drop(guard);
    (p, core)
}

/// The same for a read: it says nothing until bytes or a timeout come.
#[test]
fn gh_12561_a_timeout_of_a_read_without_a_continuation_is_a_null_pointer() {
    let lab = Lab::new();
    let (_p, core) = null_read(&lab, Corrections::default());
    lab.settle();
    use iocore::NetVConnection;
    core.active_vc().unwrap().set_active_timeout(mseconds(20));
    let text = panic_text(|| lab.settle());
    assert!(text.starts_with("do_io without a continuation: "), "{text}");
}

#[test]
fn gh_12561_bytes_for_a_read_without_a_buffer_are_a_null_pointer() {
    let lab = Lab::new();
    let (p, _core) = null_read(&lab, Corrections::default());
    p.with(|me| me.write_now(b"x"));
    let text = panic_text(|| lab.settle());
    assert!(text.starts_with("do_io_read without a buffer: "), "{text}");
}

#[test]
fn gh_12561_corrected_bytes_wait_and_the_timeout_is_dropped() {
    let lab = Lab::new();
    let (p, core) = null_read(&lab, Corrections { null_do_io: true, ..Corrections::default() });
    use iocore::NetVConnection;
    core.active_vc().unwrap().set_active_timeout(mseconds(20));
    p.with(|me| me.write_now(b"x"));
    lab.settle();
    lab.expect(
        "- create
         P got: NET_EVENT_ACCEPT
         A do_io_read 9223372036854775807
         P do_io_write 1
         A event 1
         A read_side
         A read_act_on 0
         P event 1
         P write_side
         P write_act_on 1
         P write_added 1
         P write: WRITE_COMPLETE 1/1
         A read_side
         A read_act_on 1
         A event 2",
    );
    lab.expect_quiet();
}

/// `do_io_shutdown` took no lock. Here it comes when the other thread has tested
/// the flag and holds C and S: the callback comes after the shutdown.
#[test]
fn gh_12982_a_shutdown_without_the_lock_is_followed_by_a_callback() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    p.on(ACCEPT, |me| me.read(MAX));
    lab.pair(&a, &p);
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
            *thread.lock().unwrap() = Some(std::thread::spawn(move || {
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
    thread.lock().unwrap().take().unwrap().join().unwrap();
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
        self.pushed.lock().unwrap().send(()).unwrap();
        self.go_on.lock().unwrap().recv().unwrap();
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

/// The reader's callback moves A's write to O, whose mutex another thread takes at once. The
/// original waits for it with the core mutex held; a thread that has O's mutex and closes would
/// wait for the core mutex. With the try-lock the write goes on 10 ms later.
#[test]
fn open_5_corrected_a_write_that_the_peers_callback_moves_is_tried_again_later() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    let o = lab.agent("O");
    p.on(ACCEPT, |me| me.read(MAX));
    let correct = Corrections { reenable_tries: true, ..Corrections::default() };
    lab.corrected_pair(&a, &p, correct);
    lab.settle();
    let held = Arc::new(Mutex::new(None));
    let (vc, new, busy) = (a.vc(), o.clone(), Arc::clone(&held));
    p.once(READ_READY, move |_| {
        new.with(|me| {
            me.take_vc(vc.clone());
            me.write_now(b"yz");
        });
        *busy.lock().unwrap() = Some(testkit::hold(new.mutex()));
    });
    lab.take();
    a.with(|me| me.write_now(b"x"));
    lab.run_ms(5);
    lab.expect_callbacks("A write: WRITE_COMPLETE 1/1\nP read: READ_READY 1/max");
    drop(held.lock().unwrap().take());
    lab.settle();
    lab.expect_callbacks("O write: WRITE_COMPLETE 2/2\nP read: READ_READY 3/max");
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

/// The passive end reads, and its callback issues a write for another state machine, under another
/// mutex than the one that the handler has taken for the write side.
fn write_side_changes_hands(lab: &Lab, corrections: Corrections) -> Arc<PluginVCCore> {
    let (a, p) = lab.agents();
    let other = lab.agent("O");
    let core = lab.corrected_pair(&a, &p, corrections);
    a.with(|me| me.write_now(b"x"));
    lab.settle();
    p.once(READ_READY, move |me| {
        let guard = other.mutex().lock();
        let empty = MIOBuffer::new(BUFFER_SIZE_INDEX_32K).bind(other.mutex());
        let reader = empty.alloc_reader(&guard).unwrap();
        me.vc().do_io_write(&guard, Some(other.cont()), 1, Some(&reader));
    });
    p.with(|me| me.read(MAX));
    core
}

/// Open in every release since PR #4746: the handler does not look again at the
/// mutex of the write side, and calls back without it.
#[test]
fn open_4_a_callback_that_moves_the_write_side_to_another_mutex_is_an_assertion() {
    let lab = Lab::new();
    let _core = write_side_changes_hands(&lab, Corrections::default());
    let text = panic_text(|| lab.settle());
    assert_eq!(text, "!mutex || mutex->thread_holding == this_ethread()");
}

#[test]
fn open_4_corrected_the_new_mutex_is_taken() {
    let lab = Lab::new();
    let correct = Corrections { look_again: true, ..Corrections::default() };
    let _core = write_side_changes_hands(&lab, correct);
    lab.settle();
    lab.expect_callbacks(
        "P got: NET_EVENT_ACCEPT
         A write: WRITE_COMPLETE 1/1
         P read: READ_READY 1/max
         O write: WRITE_READY 0/1",
    );
}

/// The same where the write side was the reader's own before: the guard that the handler
/// has taken for it is not the operation's any more.
#[test]
fn open_4_corrected_the_mutex_that_the_write_side_had_is_not_used_any_more() {
    for look_again in [false, true] {
        let lab = Lab::new();
        let (a, p) = lab.agents();
        let other = lab.agent("O");
        let corrections = Corrections { look_again, ..Corrections::default() };
        lab.corrected_pair(&a, &p, corrections);
        a.with(|me| me.write_now(b"x"));
        p.with(|me| me.write(MAX));
        lab.settle();
        lab.take();
        p.once(READ_READY, move |me| {
            let vc = me.vc();
            other.with(|me| {
                me.take_vc(vc);
                me.write(1);
            });
        });
        p.with(|me| {
            me.read(MAX);
            me.reenable_write();
        });
        if look_again {
            lab.settle();
            lab.expect_callbacks(
                "P read: READ_READY 1/max
                 O write: WRITE_READY 0/1",
            );
        } else {
            let text = panic_text(|| lab.settle());
            assert_eq!(text, "!mutex || mutex->thread_holding == this_ethread()");
        }
    }
}

/// Open in epoch D, right in this one (measured on 9.1.3): a peer that has not
/// begun to read is no error; the bytes are taken and wait for it.
#[test]
fn open_3_bytes_are_taken_before_the_peer_begins_to_read() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    lab.pair(&a, &p);
    a.with(|me| me.write_now(&counting(100)));
    lab.settle();
    lab.expect_callbacks(
        "P got: NET_EVENT_ACCEPT
         A write: WRITE_COMPLETE 100/100",
    );
    p.with(|me| me.read(MAX));
    lab.settle();
    lab.expect_callbacks("P read: READ_READY 100/max");
    p.with(|me| me.take());
    assert_eq!(p.received(), counting(100));
}

/// The switches are independent, and `all` is all of them.
#[test]
fn corrections_are_off_unless_asked_for() {
    let each = |corrections: Corrections| {
        let Corrections {
            null_do_io,
            shutdown_takes_core_lock,
            ignore_unknown_events,
            timeouts_take_core_lock,
            look_again,
            retry_event_exchange,
            reenable_tries,
        } = corrections;
        [
            null_do_io,
            shutdown_takes_core_lock,
            ignore_unknown_events,
            timeouts_take_core_lock,
            look_again,
            retry_event_exchange,
            reenable_tries,
        ]
    };
    assert_eq!(each(Corrections::default()), [false; 7]);
    assert_eq!(each(Corrections::all()), [true; 7]);
    for (nth, name) in Corrections::NAMES.iter().enumerate() {
        let mut one = Corrections::default();
        assert!(one.correct(name), "{name}");
        let expected: [bool; 7] = std::array::from_fn(|other| other == nth);
        assert_eq!(each(one), expected, "{name}");
    }
}
