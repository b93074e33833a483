//! The tail of a pass, and the loop's own metrics.
//!
//! Proves `EThread::LoopTailHandler`, the timeout that `execute_regular` asks it
//! to wait for, and `summarize_stats`.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, mpsc};

use eventsys::hrtime::{MSECOND, mseconds, seconds, useconds};
use eventsys::sync::Mutex;
use eventsys::{
    Clock, EThread, EventMetrics, EventProcessor, FreeContinuation, HrTime, Idle, LoopTailHandler,
    Options, Outcome, OwnEvents, ProxyMutex, SAMPLE_COUNT, StateMachine, WakePolicy,
};
use testkit::{Lab, must_end, on_foreign_thread, while_held};

/// Writes down the timeouts, and does the same as the default handler.
#[derive(Default)]
struct Recorder(Mutex<Vec<(HrTime, bool)>>);

impl Recorder {
    /// The timeouts in microseconds, and whether there was nothing to do.
    fn take(&self) -> Vec<(HrTime, bool)> {
        std::mem::take(&mut self.0.lock())
    }
}

impl LoopTailHandler for Recorder {
    fn wait_for_activity(&self, idle: Idle<'_, '_>, timeout: HrTime) {
        let line = (timeout / useconds(1), idle.is_idle());
        self.0.lock().push(line);
        idle.sleep(timeout);
    }

    fn signal_activity(&self, thread: &EThread) {
        thread.wake();
    }
}

#[test]
fn the_loop_asks_for_half_a_bucket_and_the_heartbeat_at_most() {
    let lab = Lab::new();
    let tail = Arc::new(Recorder::default());
    lab.thread.set_tail_handler(tail.clone());
    lab.passes(1);
    let timer = lab.thread.schedule_in(lab.noting("timer"), mseconds(1_000));
    lab.passes(1);
    timer.cancel();
    lab.thread.schedule_in(lab.noting("timer"), mseconds(20));
    lab.passes(2);
    // No timer; one in the bucket of 1,280 ms; one in that of 20 ms, as it is taken
    // from the local queue in the same pass; the same in that of 10 ms.
    assert_eq!(tail.take(), [(60_000, true), (60_000, true), (10_000, true), (5_000, true)]);
}

#[test]
fn the_loop_asks_for_ten_milliseconds_if_the_local_queue_is_not_empty() {
    // #6234: after a missed lock the event is in the local queue, and the thread
    // slept up to the heartbeat before it looked there.
    let lab = Lab::new();
    let tail = Arc::new(Recorder::default());
    lab.thread.set_tail_handler(tail.clone());
    let cont = lab.noting("called");
    lab.thread.schedule_in(cont.clone(), 0);
    while_held(cont.mutex(), || lab.passes(1));
    assert_eq!(tail.take(), [(10_000, false)]);
    // And as of 6a1c5f7397 the default wait does not sleep at all then.
    assert_eq!(lab.now_us(), 1);
}

#[test]
fn a_handler_that_ignores_the_local_queue_may_sleep_for_those_ten_milliseconds() {
    struct Sleepy;
    impl LoopTailHandler for Sleepy {
        fn wait_for_activity(&self, idle: Idle<'_, '_>, timeout: HrTime) {
            // Stands for a handler that blocks in poll(2): no other thread, no
            // signal.
            testkit::let_time_pass(idle.thread().clock(), timeout / useconds(1));
        }
        fn signal_activity(&self, _: &EThread) {}
    }
    let lab = Lab::new();
    lab.thread.set_tail_handler(Arc::new(Sleepy));
    let cont = lab.noting("called");
    lab.thread.schedule_in(cont.clone(), 0);
    while_held(cont.mutex(), || lab.passes(1));
    lab.passes(1);
    assert_eq!(lab.take_notes(), [(10_002, "called")], "10 ms after the miss, not 60");
}

#[test]
fn a_handler_is_called_with_zero_when_the_next_look_is_overdue() {
    let lab = Lab::new();
    let tail = Arc::new(Recorder::default());
    lab.thread.set_tail_handler(tail.clone());
    // The poll handler works for 6 ms; the timer asks for a look after 5 ms.
    let clock = Arc::clone(lab.processor.clock());
    let slow = lab.actor(move |_| testkit::let_time_pass(&clock, 6_000));
    lab.thread.schedule_in(lab.noting("timer"), mseconds(10));
    lab.thread.schedule_every(slow, -1);
    lab.passes(1);
    assert_eq!(tail.take(), [(0, false)]);
}

/// Counts how often its thread is signalled.
#[derive(Default)]
struct Signals(AtomicU32);

impl Signals {
    fn of(lab: &Lab) -> Arc<Signals> {
        let signals = Arc::new(Signals::default());
        lab.thread.set_tail_handler(signals.clone());
        signals
    }

    fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

impl LoopTailHandler for Signals {
    fn wait_for_activity(&self, _: Idle<'_, '_>, _: HrTime) {}
    fn signal_activity(&self, _: &EThread) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_push_onto_an_empty_queue_signals_once_and_further_pushes_do_not() {
    let lab = Lab::new();
    let signals = Signals::of(&lab);
    let (thread, cont) = (Arc::clone(lab.thread.thread()), lab.noting("called"));
    let push = || on_foreign_thread(|| thread.schedule_imm(cont.clone()));
    for _ in 0..3 {
        push();
    }
    assert_eq!(signals.count(), 1);
    thread.schedule_imm(cont.clone());
    assert_eq!(signals.count(), 1, "its own thread does not signal itself");
    lab.passes(1);
    push();
    assert_eq!(signals.count(), 2, "the queue was empty again");
    lab.passes(1);
    assert_eq!(lab.take_names(), ["called"; 5]);
}

#[test]
fn a_thread_does_not_signal_itself_whichever_queue_its_own_events_go_to() {
    for own_events in [OwnEvents::LocalQueue, OwnEvents::ExternalQueue] {
        let options = Options { own_events, ..Options::default() };
        let lab = Lab::of(EventProcessor::with_options(Clock::new_virtual(), options));
        let signals = Signals::of(&lab);
        lab.thread.schedule_imm(lab.noting("called"));
        lab.passes(1);
        assert_eq!((signals.count(), lab.take_names()), (0, vec!["called"]), "{own_events:?}");
    }
}

#[test]
fn a_handler_that_is_put_in_while_the_thread_runs_takes_over() {
    struct Telling(Mutex<Option<mpsc::Sender<String>>>);
    impl LoopTailHandler for Telling {
        fn wait_for_activity(&self, idle: Idle<'_, '_>, timeout: HrTime) {
            if let Some(tell) = self.0.lock().take() {
                let _ = tell.send(idle.thread().name().to_owned());
            }
            idle.sleep(timeout);
        }
        fn signal_activity(&self, thread: &EThread) {
            thread.wake();
        }
    }
    let processor = EventProcessor::new(Clock::new_real());
    let net = processor.spawn_event_threads("ET_NET", 1);
    let (tell, told) = mpsc::channel();
    let thread = processor.assign_thread(net);
    thread.set_tail_handler(Arc::new(Telling(Mutex::new(Some(tell)))));
    assert_eq!(told.recv().as_deref(), Ok("[ET_NET 0]"));
    processor.shutdown();
}

#[test]
fn a_sleeping_thread_is_woken_by_a_signal_whatever_the_wake_policy() {
    /// Sleeps for an hour at a time, until it must stop.
    struct Deep(AtomicBool);
    impl LoopTailHandler for Deep {
        fn wait_for_activity(&self, idle: Idle<'_, '_>, timeout: HrTime) {
            let deep = self.0.load(Ordering::Relaxed);
            idle.sleep(if deep { seconds(3_600) } else { timeout });
        }
        fn signal_activity(&self, thread: &EThread) {
            thread.wake();
        }
    }
    for wake in [WakePolicy::Blocking, WakePolicy::TryLock] {
        must_end(move || {
            let options = Options { wake, ..Options::default() };
            let processor = EventProcessor::with_options(Clock::new_real(), options);
            let net = processor.spawn_event_threads("ET_NET", 1);
            let thread = processor.assign_thread(net);
            let tail = Arc::new(Deep(AtomicBool::new(true)));
            thread.set_tail_handler(tail.clone());
            for round in 0..20 {
                let (tell, told) = mpsc::channel();
                let (its, last) = (Arc::clone(&tail), round == 19);
                thread.schedule_imm(FreeContinuation::new(move |_, _, _| {
                    its.0.store(!last, Ordering::Relaxed);
                    let _ = tell.send(());
                    Outcome::Done
                }));
                match wake {
                    WakePolicy::Blocking => assert_eq!(told.recv(), Ok(())),
                    // A signal that finds the thread about to sleep may be lost, but not
                    // each of them.
                    WakePolicy::TryLock => {
                        while told.try_recv().is_err() {
                            thread.signal_activity();
                        }
                    }
                }
            }
            processor.shutdown();
        });
    }
}

#[test]
fn a_thread_lets_go_of_its_handler_when_it_has_run_its_last_event() {
    let processor = EventProcessor::new(Clock::new_virtual());
    let thread = processor.adopt_current_thread("ET_NET");
    let tail = Arc::new(Recorder::default());
    let kept = Arc::downgrade(&tail);
    thread.set_tail_handler(tail);
    thread.run_pass();
    assert!(kept.upgrade().is_some());
    // The processor, which knows its threads for ever, is still there.
    drop(thread);
    assert!(kept.upgrade().is_none());
    drop(processor);
}

/// The report of a lab that has run `passes` and then a second more.
fn summary(run: impl FnOnce(&Lab)) -> EventMetrics {
    let lab = Lab::new();
    run(&lab);
    // The present second is left out, so it must be a later one.
    let next = lab.thread.clock().get_hrtime() / seconds(1) * seconds(1) + seconds(1);
    lab.thread.run_until(|| lab.thread.clock().get_hrtime() >= next);
    lab.passes(1);
    lab.thread.summarize_stats()[0]
}

#[test]
fn an_idle_second_is_counted_pass_by_pass() {
    let metrics = summary(|lab| lab.passes(1));
    // 17 passes of 1 us each, after each of which it sleeps for 60 ms: the last one
    // begins at 960,017 us and its time counts for this second too.
    let span = 60 * MSECOND;
    assert_eq!(
        metrics,
        EventMetrics {
            count: 17,
            wait: 17,
            events: 0,
            events_min: 0,
            events_max: 0,
            time_min: span,
            time_max: span,
        }
    );
}

#[test]
fn events_are_counted_as_often_as_they_leave_the_local_queue() {
    let metrics = summary(|lab| {
        let cont = lab.noting("");
        for _ in 0..5 {
            lab.thread.schedule_imm(cont.clone());
        }
        // A timer leaves it once, to wait in the priority queue; a cancelled event
        // is counted too.
        lab.thread.schedule_in(cont.clone(), mseconds(30));
        lab.thread.schedule_imm(cont).cancel();
        lab.passes(1);
    });
    assert_eq!((metrics.events, metrics.events_min, metrics.events_max), (7, 0, 7));
}

/// The timer makes the thread look again 5 ms after its last look.
#[test]
fn a_pass_whose_next_look_is_due_or_overdue_does_not_count_as_a_wait() {
    for (us, without_a_wait) in [(4_999, 0), (5_000, 1), (6_000, 1)] {
        let metrics = summary(|lab| {
            let clock = Arc::clone(lab.processor.clock());
            let poll = lab.actor(move |call| {
                testkit::let_time_pass(&clock, us);
                call.event().cancel();
            });
            lab.thread.schedule_in(lab.noting("timer"), mseconds(10));
            lab.thread.schedule_every(poll, -1);
            lab.passes(1);
        });
        assert_eq!(metrics.count - metrics.wait, without_a_wait, "after {us} us");
        assert_eq!(metrics.time_min, useconds(us), "after {us} us");
    }
}

#[test]
fn the_three_summaries_reach_back_ten_a_hundred_and_a_thousand_seconds() {
    assert_eq!(SAMPLE_COUNT, [10, 100, 1000]);
    let lab = Lab::new();
    let tick: Arc<StateMachine<()>> =
        StateMachine::new(ProxyMutex::new(), (), |(), _, _, _| Outcome::Done);
    // One immediate event in each of 1,100 seconds.
    for second in 1..=1_100 {
        lab.thread.schedule_imm(tick.clone());
        let next = lab.at(0) + seconds(second);
        lab.thread.run_until(|| lab.thread.clock().get_hrtime() >= next);
    }
    lab.passes(1);
    assert_eq!(lab.thread.summarize_stats().map(|m| m.events), [10, 100, 1000]);
}
