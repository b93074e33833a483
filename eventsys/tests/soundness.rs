//! What a user may try that would be undefined behaviour in the original, and was
//! in an earlier state of this crate: each ends in a panic, or in nothing.

use eventsys::steps::events;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use eventsys::hrtime::mseconds;
use eventsys::steps::{Step, StepSink, Steps};
use eventsys::{
    AdoptedThread, Clock, Data, EThread, EventProcessor, EventRef, Options, Outcome, ProxyMutex,
    Request, StateMachine,
};
use testkit::panic_text;

type Counter = Arc<StateMachine<Cell<usize>>>;

fn counter() -> Counter {
    StateMachine::new(ProxyMutex::new(), Cell::new(0), |count, _, _, _| {
        count.set(count.get() + 1);
        Outcome::Done
    })
}

fn count(counter: &Counter) -> usize {
    counter.state(&counter.mutex().lock()).get()
}

fn adopt() -> AdoptedThread {
    EventProcessor::new(Clock::new_virtual()).adopt_current_thread("ET_NET")
}

thread_local! {
    static EVENT: Cell<Option<EventRef>> = const { Cell::new(None) };
    static THREAD: RefCell<Option<Rc<AdoptedThread>>> = const { RefCell::new(None) };
}

/// The event that it reschedules waits in the bucket that is being sorted.
#[test]
fn the_drop_of_a_cancelled_timer_may_reschedule_its_neighbour() {
    struct Reschedules;
    impl Drop for Reschedules {
        fn drop(&mut self) {
            if let Some(event) = EVENT.take() {
                event.schedule_in(mseconds(1));
            }
        }
    }
    let (thread, neighbour) = (adopt(), counter());
    let request = Request::from(counter()).cookie(Arc::new(Reschedules));
    let first = thread.schedule_in_local(request, mseconds(30));
    let second = thread.schedule_in_local(neighbour.clone(), mseconds(30));
    thread.run_pass();
    EVENT.set(Some(second));
    first.cancel();
    thread.run_for(mseconds(200));
    assert_eq!((count(&neighbour), second.is_live()), (1, false));
}

/// Both wait among the cancelled events that were taken out of their bucket.
#[test]
fn the_drop_of_a_cancelled_timer_may_reschedule_a_cancelled_neighbour() {
    struct Reschedules;
    impl Drop for Reschedules {
        fn drop(&mut self) {
            if let Some(event) = EVENT.take() {
                event.schedule_in(mseconds(1));
            }
        }
    }
    let (thread, cont) = (adopt(), counter());
    let request = Request::from(counter()).cookie(Arc::new(Reschedules));
    let first = thread.schedule_in_local(request, mseconds(30));
    let [second, third] = [(); 2].map(|()| thread.schedule_in_local(cont.clone(), mseconds(30)));
    thread.run_pass();
    EVENT.set(Some(second));
    for event in [first, second, third] {
        event.cancel();
    }
    thread.run_for(mseconds(200));
    // Each is freed once: the next ten events are ten different ones.
    for _ in 0..10 {
        thread.schedule_imm_local(cont.clone());
    }
    thread.run_pass();
    assert!(![second, third].iter().any(|event| event.is_live() || event.is_cancelled()));
    assert_eq!((count(&cont), Arc::strong_count(&cont)), (10, 1));
    assert!(thread.has_no_events());
}

/// It would be in the local queue twice.
#[test]
fn a_listener_may_reschedule_an_event_at_its_lock_miss() {
    struct Reschedules;
    impl StepSink for Reschedules {
        fn step(&self, step: Step) {
            if step.kind == events::DISPATCH_LOCK_MISS
                && let Some(event) = EVENT.take()
            {
                event.schedule_imm();
            }
        }
    }
    let steps = Steps::to(Arc::new(Reschedules));
    let options = Options { steps, trace_events: true, ..Options::default() };
    let processor = EventProcessor::with_options(Clock::new_virtual(), options);
    let thread = processor.adopt_current_thread("ET_NET");
    let (missed, next) = (counter(), counter());
    std::thread::scope(|scope| {
        let (is_held, held) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let mutex = Arc::clone(missed.mutex());
        scope.spawn(move || {
            let _guard = mutex.lock();
            let _ = is_held.send(());
            let _ = released.recv();
        });
        assert_eq!(held.recv(), Ok(()));
        EVENT.set(Some(thread.schedule_imm_local(missed.clone())));
        thread.schedule_imm_local(next.clone());
        thread.run_pass();
        assert_eq!(EVENT.take(), None, "it was missed and rescheduled");
        drop(release);
    });
    thread.run_until_idle();
    assert_eq!((count(&missed), count(&next)), (1, 1));
    assert_eq!((Arc::strong_count(&missed), Arc::strong_count(&next)), (1, 1));
}

/// The inner pass would free the event that the outer one dispatches.
#[test]
fn a_handler_cannot_run_the_loop_that_has_called_it() {
    let thread = Rc::new(adopt());
    THREAD.set(Some(Rc::clone(&thread)));
    let nested = StateMachine::new(ProxyMutex::new(), (), |(), _, _, data| {
        let Data::Event(event) = data else { panic!("an event comes with itself") };
        event.schedule_imm();
        event.cancel();
        THREAD.with_borrow(|thread| thread.as_ref().expect("just set").run_pass());
        Outcome::Done
    });
    thread.schedule_imm(nested);
    let text = panic_text(|| thread.run_pass());
    assert_eq!(text, "a pass of this event loop is under way");
    THREAD.set(None);
    let later = counter();
    thread.schedule_imm(later.clone());
    thread.run_pass();
    assert_eq!(count(&later), 1, "the loop goes on");
}

/// Queued twice, the event would be in two places of the same list.
#[test]
fn a_listener_may_reschedule_the_event_that_is_being_queued() {
    #[derive(Default)]
    struct Reschedules(AtomicUsize);
    impl StepSink for Reschedules {
        fn step(&self, step: Step) {
            if step.kind == events::SCHEDULE
                && let Some(event) = EVENT.take()
            {
                self.0.fetch_add(1, Ordering::Relaxed);
                event.schedule_imm();
            }
        }
    }
    let sink = Arc::new(Reschedules::default());
    let steps = Steps::to(sink.clone());
    let options = Options { steps, trace_events: true, ..Options::default() };
    let processor = EventProcessor::with_options(Clock::new_virtual(), options);
    let thread = processor.adopt_current_thread("ET_NET");
    let counter = StateMachine::new(ProxyMutex::new(), Cell::new(0), |count, _, _, data| {
        count.set(count.get() + 1);
        if let (1, Data::Event(event)) = (count.get(), data) {
            EVENT.set(Some(event));
            event.schedule_in(mseconds(5));
        }
        Outcome::Done
    });
    thread.schedule_imm(counter.clone());
    thread.run_for(mseconds(100));
    assert_eq!((count(&counter), sink.0.load(Ordering::Relaxed)), (2, 1));
    assert!(thread.has_no_events());
}

/// At the 2^20th guard the next unlock would give the mutex away for good.
#[test]
fn a_threads_own_mutex_cannot_be_given_away_by_counting() {
    let thread = adopt();
    let mutex = Arc::clone(thread.mutex());
    let text = panic_text(|| {
        for _ in 0..1 << 20 {
            std::mem::forget(mutex.lock());
        }
    });
    assert_eq!(text, "too many guards of one mutex");
    assert!(mutex.is_held());
}

/// The owners of the events still live: no other thread may take them over.
#[test]
fn what_is_scheduled_on_an_ended_thread_is_freed_by_who_scheduled_it() {
    let ended: Arc<EThread> = Arc::clone(adopt().thread());
    let never = counter();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100 {
                    let event = ended.schedule_imm(never.clone());
                    assert!(!event.is_live());
                }
            });
        }
    });
    assert!(!ended.schedule_imm(never.clone()).is_live(), "from its own thread too");
    assert_eq!((count(&never), Arc::strong_count(&never)), (0, 1));
}
