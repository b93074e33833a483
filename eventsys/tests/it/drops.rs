//! No user code runs under a lock of the library, and the library calls every `drop`. Wherever the
//! library drops a value of the user's, that `drop` may schedule, reschedule, lock, register,
//! adopt, shut down, and panic.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use eventsys::hrtime::mseconds;
use eventsys::mutex::census;
use eventsys::sync::Mutex;
use eventsys::{
    AdoptedThread, Clock, ET_NET, EThread, EventProcessor, EventRef, FreeContinuation, HrTime,
    Idle, LoopTailHandler, ProxyMutex, Request,
};
use testkit::{Lab, OnDrop, must_end, on_drop, on_foreign_thread, panic_of};

/// A request that lets go of this when it is freed.
fn holding(lab: &Lab, cookie: OnDrop) -> Request {
    Request::from(lab.noting("called")).cookie(Arc::new(cookie))
}

/// The default, and something to be dropped.
struct Tail(Option<OnDrop>);

impl LoopTailHandler for Tail {
    fn wait_for_activity(&self, idle: Idle<'_, '_>, timeout: HrTime) {
        idle.sleep(timeout);
    }

    fn signal_activity(&self, thread: &EThread) {
        let Tail(_kept) = self;
        thread.wake();
    }
}

#[test]
fn a_tail_handler_that_is_replaced_may_signal_and_schedule_on_its_thread() {
    let names = must_end(|| {
        let lab = Lab::new();
        let (thread, cont) = (Arc::clone(lab.thread.thread()), lab.noting("by the drop"));
        let tail = on_drop(move || {
            thread.signal_activity();
            on_foreign_thread(|| thread.schedule_imm(cont));
        });
        lab.thread.set_tail_handler(Arc::new(Tail(Some(tail))));
        lab.thread.set_tail_handler(Arc::new(Tail(None)));
        lab.passes(1);
        lab.take_names()
    });
    assert_eq!(names, ["by the drop"]);
}

#[test]
fn an_ended_thread_keeps_no_tail_handler() {
    let processor = EventProcessor::new(Clock::new_virtual());
    let adopted = processor.adopt_current_thread("ET_NET");
    let thread = Arc::clone(adopted.thread());
    drop(adopted);
    let tail = Arc::new(Tail(None));
    thread.set_tail_handler(tail.clone());
    assert_eq!(Arc::strong_count(&tail), 1);
}

#[test]
fn a_group_callback_that_is_replaced_may_register_another_one() {
    let called = must_end(|| {
        let processor = EventProcessor::new(Clock::new_virtual());
        let called = Arc::new(AtomicUsize::new(0));
        let (on, count) = (Arc::clone(&processor), Arc::clone(&called));
        let old = on_drop(move || {
            on.on_group_started(ET_NET, move || {
                count.fetch_add(1, Ordering::Relaxed);
            });
        });
        processor.on_group_started(ET_NET, move || drop(old));
        processor.on_group_started(ET_NET, || panic!("replaced by the drop of the first"));
        drop(processor.adopt_current_thread("ET_NET"));
        called.load(Ordering::Relaxed)
    });
    assert_eq!(called, 1);
}

thread_local! {
    static LATE: RefCell<Option<OnDrop>> = const { RefCell::new(None) };
    static ADOPTED: RefCell<Option<AdoptedThread>> = const { RefCell::new(None) };
}

/// Calls `f` on a thread whose own thread-locals of this crate are gone already: those
/// that are used first go last.
fn past_the_thread_locals(touch: impl FnOnce() + Send, f: impl FnOnce() + Send + 'static) {
    on_foreign_thread(|| {
        LATE.with(|late| *late.borrow_mut() = Some(on_drop(f)));
        touch();
    });
}

#[test]
fn the_destructor_of_a_thread_local_may_schedule() {
    let lab = Lab::new();
    let (thread, processor) = (Arc::clone(lab.thread.thread()), Arc::clone(&lab.processor));
    let conts = ["on the thread", "on the group"].map(|name| lab.noting(name));
    let touch = || assert!(EThread::current().is_none());
    past_the_thread_locals(touch, move || {
        assert!(EThread::current().is_none());
        let [one, other] = conts;
        thread.schedule_imm(one);
        assert!(processor.schedule_imm(other, ET_NET).is_some());
    });
    lab.passes(1);
    assert_eq!(lab.take_names(), ["on the thread", "on the group"]);
}

#[test]
fn the_destructor_of_a_thread_local_may_lock_while_a_census_runs() {
    let _census = census::start();
    let mutex = ProxyMutex::new();
    let late = Arc::clone(&mutex);
    let touch = || drop(mutex.lock());
    past_the_thread_locals(touch, move || {
        let _guard = late.lock();
        assert_eq!(census::held(), [], "the list is gone");
    });
    assert_eq!(mutex.thread_holding(), None);
}

#[test]
fn an_adopted_thread_may_end_with_the_thread_locals_of_its_thread() {
    let event = on_foreign_thread(|| {
        ADOPTED.with(|_| ());
        let adopted = EventProcessor::new(Clock::new_virtual()).adopt_current_thread("ET_NET");
        let never = FreeContinuation::new(|_, _, _| unreachable!("the thread ends first"));
        let event = adopted.schedule_imm(never);
        ADOPTED.set(Some(adopted));
        event
    });
    assert!(!event.is_live() && !event.is_cancelled(), "freed");
}

/// Schedules on its own thread in every way.
fn schedules_locally(lab: &Lab, events: &Arc<Mutex<Vec<EventRef>>>) -> OnDrop {
    let (thread, cont) = (Arc::clone(lab.thread.thread()), lab.noting("never"));
    let events = Arc::clone(events);
    on_drop(move || {
        let got = [
            thread.schedule_imm_local(cont.clone()),
            thread.schedule_at_local(cont.clone(), 1),
            thread.schedule_in_local(cont.clone(), 1),
            thread.schedule_every_local(cont.clone(), 1),
            thread.schedule_imm(cont),
        ];
        events.lock().extend(got);
    })
}

#[test]
fn what_ends_with_a_thread_may_schedule_on_it_and_gets_a_stale_event() {
    on_foreign_thread(|| {
        let lab = Lab::new();
        let events = Arc::default();
        lab.thread.schedule_in(holding(&lab, schedules_locally(&lab, &events)), mseconds(5));
        let tail = Tail(Some(schedules_locally(&lab, &events)));
        lab.thread.set_tail_handler(Arc::new(tail));
        let waits = lab.noting("never");
        let waiting = lab.thread.schedule_in(waits.clone(), mseconds(50));
        let (trace, thread) = (Arc::clone(lab.trace()), Arc::clone(lab.thread.thread()));
        drop(lab);
        let got = std::mem::take(&mut *events.lock());
        assert_eq!(got.iter().map(EventRef::is_live).collect::<Vec<_>>(), [false; 10]);
        assert!(!waiting.is_live());
        assert!(!thread.schedule_imm_local(waits.clone()).is_live(), "nor afterwards");
        assert_eq!((Arc::strong_count(&waits), trace.take_notes()), (1, vec![]));
        // It is an ordinary thread again.
        assert!(EThread::current().is_none());
        drop(Lab::new());
    });
}

#[test]
fn a_thread_may_end_so_while_it_unwinds() {
    let events = Arc::default();
    let text = panic_of(|| {
        let lab = Lab::new();
        lab.thread.schedule_imm(holding(&lab, schedules_locally(&lab, &events)));
        let panics = on_drop(|| panic!("a drop's, behind the user's"));
        lab.thread.schedule_imm(holding(&lab, panics));
        panic!("the user's");
    });
    assert_eq!(text, "the user's");
    assert_eq!(events.lock().len(), 5);
    drop(Lab::new());
}

#[test]
fn what_ends_with_a_thread_may_reschedule_what_ends_behind_it() {
    let lab = Lab::new();
    let behind: Arc<OnceLock<EventRef>> = Arc::default();
    let its = Arc::clone(&behind);
    let cookie = on_drop(move || its.get().expect("set before the end").schedule_imm());
    lab.thread.schedule_in(holding(&lab, cookie), mseconds(5));
    let waits = lab.noting("never");
    let _ = behind.set(lab.thread.schedule_in(waits.clone(), mseconds(500)));
    drop(lab);
    assert_eq!(Arc::strong_count(&waits), 1);
    assert!(!behind.get().expect("set above").is_live());
}

#[test]
fn every_drop_is_called_when_a_thread_ends_and_the_first_panic_comes_out_then() {
    on_foreign_thread(|| {
        let clock = Clock::new_virtual();
        let other = clock.participate().expect("it is virtual");
        let lab = Lab::with_clock(Arc::clone(&clock));
        let dropped = Arc::new(AtomicUsize::new(0));
        let cookie = |text: &'static str| {
            let dropped = Arc::clone(&dropped);
            on_drop(move || {
                dropped.fetch_add(1, Ordering::Relaxed);
                panic!("{text}");
            })
        };
        lab.thread.schedule_in(holding(&lab, cookie("a timer's")), mseconds(50));
        lab.thread.schedule_every(holding(&lab, cookie("a poll event's")), -1);
        lab.thread.schedule_imm(holding(&lab, cookie("an event's")));
        lab.thread.set_tail_handler(Arc::new(Tail(Some(cookie("a tail handler's")))));
        let foreign = holding(&lab, cookie("a foreign event's"));
        let thread = Arc::clone(lab.thread.thread());
        on_foreign_thread(|| thread.schedule_imm(foreign));
        drop(thread);
        // In the order of the queues: the external one joins the local one.
        assert_eq!(panic_of(|| drop(lab)), "a timer's");
        assert_eq!(dropped.load(Ordering::Relaxed), 5);
        // The clock goes on for the others, and the thread is an ordinary one.
        let before = clock.get_hrtime_updated();
        other.sleep(mseconds(100));
        assert_eq!(clock.get_hrtime_updated() - before, mseconds(100));
        drop(Lab::new());
    });
}

#[test]
fn a_drop_that_panics_in_a_pass_loses_no_event_behind_it() {
    let lab = Lab::new();
    let cookie = || on_drop(|| panic!("a cookie's"));
    let thread = Arc::clone(lab.thread.thread());
    // In the external queue, and in the bucket of a timer: two that are cancelled, whose
    // drop panics, and one that lives.
    let requests = [(); 2].map(|()| holding(&lab, cookie()));
    let living = lab.noting("lives");
    let (dead, lives) = on_foreign_thread(|| {
        (requests.map(|request| thread.schedule_imm(request)), thread.schedule_imm(living))
    });
    let timers = [(); 2].map(|()| thread.schedule_in(holding(&lab, cookie()), mseconds(30)));
    thread.schedule_in(lab.noting("timer"), mseconds(30));
    dead.iter().for_each(EventRef::cancel);
    let texts: Vec<String> = (0..3).map(|_| panic_of(|| lab.passes(1))).collect();
    assert_eq!(texts, ["a cookie's", "a cookie's", "no panic"]);
    assert_eq!(lab.take_names(), ["lives"]);
    assert!(!lives.is_live());
    timers.iter().for_each(EventRef::cancel);
    let panics = std::iter::repeat_with(|| catch_unwind(AssertUnwindSafe(|| lab.passes(1))))
        .take(9)
        .filter(Result::is_err);
    assert_eq!(panics.count(), 2);
    assert_eq!(lab.take_names(), ["timer"]);
    assert!(lab.thread.has_no_events());
    assert!(dead.iter().chain(&timers).all(|event| !event.is_cancelled()), "freed");
}

#[test]
fn a_handler_and_the_drop_of_its_state_may_both_panic() {
    let lab = Lab::new();
    let state = on_drop(|| panic!("the drop's"));
    let cont = lab.actor(move |_| {
        let _kept: &OnDrop = &state;
        panic!("the handler's")
    });
    let weak: Weak<_> = Arc::downgrade(&cont);
    lab.thread.schedule_imm(cont);
    lab.thread.schedule_imm(lab.noting("next"));
    assert_eq!(panic_of(|| lab.passes(1)), "the handler's");
    assert!(weak.upgrade().is_none());
    lab.passes(1);
    assert_eq!(lab.take_names(), ["next"]);
}

#[test]
fn a_thread_may_be_adopted_and_end_while_it_is_looked_at() {
    on_foreign_thread(|| {
        let lab = EThread::with_current(|none| {
            assert!(none.is_none());
            Lab::new()
        });
        let name = EThread::with_current(|current| {
            drop(lab);
            assert!(EThread::current().is_none());
            current.expect("kept for the closure").name().to_owned()
        });
        assert_eq!(name, "[ET_NET 0]");
    });
}

#[test]
fn what_ends_with_a_thread_may_shut_its_processor_down() {
    must_end(|| {
        let lab = Lab::new();
        let processor = Arc::clone(&lab.processor);
        lab.thread.schedule_imm(holding(&lab, on_drop(move || processor.shutdown())));
        let processor = Arc::clone(&lab.processor);
        drop(lab);
        assert!(processor.is_shut_down());
        // And on a thread of the processor's own.
        let processor = EventProcessor::new(Clock::new_real());
        processor.spawn_event_threads("ET_NET", 2);
        let lab = Lab::new();
        let again = Arc::clone(&processor);
        let request = holding(&lab, on_drop(move || again.shutdown()));
        assert!(processor.schedule_in(request, mseconds(3_600_000), ET_NET).is_some());
        processor.shutdown();
    });
}
