//! What the event loops of the releases do differently: the time of a pass, when a cancelled event
//! is freed, and scheduling on a whole group.
//!
//! Proves `EThread::process_queue` and `process_event` of 9.1.3, 9.2.9 and 10.2.0 against each
//! other, and `EventProcessor::schedule_entire` of 10.2.0.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use eventsys::hrtime::{HrTime, mseconds};
use eventsys::sync::Mutex;
use eventsys::{
    AdoptedThread, CancelledEvents, Clock, Continuation, ContinuationBase, Data, ET_NET, EThread,
    EventCode, EventProcessor, EventRef, FreeContinuation, Invocation, LoopTime, Options, Outcome,
    ProxyMutex, Request, StateMachine,
};
use testkit::{on_foreign_thread, panic_of};

const NEVER_READ: LoopTime = LoopTime::Carried { update_probability: 0 };
const ALWAYS_READ: LoopTime = LoopTime::Carried { update_probability: 100 };

/// A ticking clock whose passes take no time: only handlers do.
fn adopted(loop_time: LoopTime, cancelled: CancelledEvents) -> AdoptedThread {
    let options = Options { loop_time, cancelled, ..Options::default() };
    EventProcessor::with_options(Clock::new_ticking(0), options).adopt_current_thread("ET_NET")
}

fn in_form(loop_time: LoopTime) -> AdoptedThread {
    adopted(loop_time, CancelledEvents::default())
}

/// Schedules a handler that works for 30 ms of virtual time.
fn works(thread: &AdoptedThread) {
    let clock = Arc::clone(thread.clock());
    thread.schedule_imm(FreeContinuation::new(move |_, _, _| {
        clock.work(mseconds(30));
        Outcome::Done
    }));
}

/// Milliseconds of `at` since `start`.
fn since(start: HrTime, at: HrTime) -> HrTime {
    (at - start) / mseconds(1)
}

#[test]
fn a_missed_lock_is_tried_again_ten_ms_after_the_time_that_the_release_goes_by() {
    // For each form, when the event is tried again whose lock was missed after 30 ms of work.
    let forms = [LoopTime::Cached, LoopTime::Asked, NEVER_READ, ALWAYS_READ];
    let due = forms.map(|form| {
        let thread = in_form(form);
        let start = thread.clock().get_hrtime_updated();
        let mutex = ProxyMutex::new();
        let machine = StateMachine::new(mutex.clone(), (), |(), _, _, _| Outcome::Done);
        works(&thread);
        let event = thread.schedule_imm(machine);
        testkit::while_held(&mutex, || thread.run_pass());
        match event.due() {
            eventsys::Due::At(at) => since(start, at),
            due => panic!("the lock was not missed: {due:?}"),
        }
    });
    assert_eq!(due, [10, 40, 10, 40]);
}

#[test]
fn a_period_begins_again_when_the_handler_returns_unless_the_time_is_carried() {
    let forms = [LoopTime::Cached, LoopTime::Asked, NEVER_READ, ALWAYS_READ];
    let due = forms.map(|form| {
        let thread = in_form(form);
        let clock = Arc::clone(thread.clock());
        let start = clock.get_hrtime_updated();
        let work = Arc::clone(&clock);
        let event = thread.schedule_every(
            FreeContinuation::new(move |_, _, _| {
                work.work(mseconds(30));
                Outcome::Done
            }),
            mseconds(1),
        );
        thread.run_pass();
        match event.due() {
            eventsys::Due::At(at) => since(start, at),
            due => panic!("{due:?}"),
        }
    });
    // 9.1.3 reads the clock anew for a period; 10.2.0 counts from the beginning of the pass.
    assert_eq!(due, [31, 31, 1, 31]);
}

#[test]
fn schedule_in_counts_from_the_time_read_last_up_to_9_2_2_and_from_now_later() {
    let due = [LoopTime::Cached, LoopTime::Asked, NEVER_READ].map(|form| {
        let thread = in_form(form);
        let clock = Arc::clone(thread.clock());
        let start = clock.get_hrtime_updated();
        let (tell, told) = mpsc::channel();
        thread.schedule_imm(FreeContinuation::new(move |_, _, _| {
            clock.work(mseconds(30));
            EThread::with_current(|current| {
                let never = FreeContinuation::new(|_, _, _| Outcome::Done);
                let event =
                    current.expect("the thread's own handler").schedule_in(never, mseconds(5));
                tell.send(event.due()).unwrap();
            });
            Outcome::Done
        }));
        thread.run_pass();
        match told.recv().unwrap() {
            eventsys::Due::At(at) => since(start, at),
            due => panic!("{due:?}"),
        }
    });
    assert_eq!(due, [5, 35, 35]);
}

/// A continuation that is asked for its mutex by the dispatch, and cancels its event just before
/// the answer: the event loop finds the event cancelled under the lock.
struct CancelledOnTheWay {
    base: ContinuationBase,
    event: Mutex<Option<EventRef>>,
}

impl Continuation for CancelledOnTheWay {
    fn base(&self) -> &ContinuationBase {
        let event = self.event.lock().take();
        if let (Some(event), Some(mutex)) = (event, self.base.mutex()) {
            let _held = mutex.lock();
            event.cancel();
        }
        &self.base
    }

    fn handle_event(&self, _: &Invocation<'_>, _: EventCode, _: Data<'_>) -> Outcome {
        panic!("the event is cancelled");
    }
}

/// A cookie that notes whether the mutex is held when it is dropped.
struct Cookie {
    mutex: Arc<ProxyMutex>,
    was_held: Arc<Mutex<Vec<bool>>>,
}

impl Drop for Cookie {
    fn drop(&mut self) {
        self.was_held.lock().push(self.mutex.is_held());
    }
}

#[test]
fn an_event_that_is_found_cancelled_is_freed_under_the_lock_up_to_9_2_and_after_it_later() {
    let held = [CancelledEvents::FreedUnderLock, CancelledEvents::FreedAfterUnlock].map(|form| {
        let thread = adopted(LoopTime::default(), form);
        let (mutex, was_held) = (ProxyMutex::new(), Arc::new(Mutex::new(Vec::new())));
        let base = ContinuationBase::new(mutex.clone());
        let cont = Arc::new(CancelledOnTheWay { base, event: Mutex::new(None) });
        let cookie = Cookie { mutex: mutex.clone(), was_held: Arc::clone(&was_held) };
        let event = thread.schedule_imm(Request::from(cont.clone()).cookie(Arc::new(cookie)));
        *cont.event.lock() = Some(event);
        thread.run_pass();
        assert!(!event.is_live() && !event.is_cancelled(), "stale");
        assert!(mutex.try_lock().is_some(), "unlocked");
        assert_eq!(Arc::strong_count(&cont), 1, "freed, so the event holds it no longer");
        std::mem::take(&mut *was_held.lock())
    });
    assert_eq!(held, [vec![true], vec![false]]);
}

#[test]
fn an_event_on_the_entire_group_runs_once_on_each_thread_under_a_mutex_of_its_own() {
    let processor = EventProcessor::new(Clock::new_virtual());
    processor.spawn_event_threads("ET_NET", 3);
    let (tell, told) = mpsc::channel();
    let inside = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&inside);
    let cont = FreeContinuation::new(move |_, code, _| {
        // No two could meet here if they shared a mutex.
        count.fetch_add(1, Ordering::SeqCst);
        while count.load(Ordering::SeqCst) < 3 {
            std::thread::yield_now();
        }
        tell.send((EThread::current().map(|thread| thread.id()), code)).unwrap();
        Outcome::Done
    });
    let events = processor.schedule_entire(cont.clone(), 0, 0, ET_NET);
    assert_eq!(events.len(), 3);
    let mut seen: Vec<_> = (0..3).map(|_| told.recv().unwrap()).collect();
    seen.sort();
    assert_eq!(seen, [0, 1, 2].map(|id| (Some(id), EventCode::EVENT_IMMEDIATE)));
    assert!(cont.base().mutex().is_none(), "it has inherited no thread's mutex");
    processor.shutdown();
    assert!(processor.schedule_entire(cont, 0, 0, ET_NET).is_empty(), "no event comes any more");
}

#[test]
fn cancelling_one_event_of_an_entire_group_leaves_the_others() {
    let processor = EventProcessor::new(Clock::new_virtual());
    let thread = processor.adopt_current_thread("ET_NET");
    let ran = Arc::new(AtomicBool::new(false));
    let its = Arc::clone(&ran);
    let cont = FreeContinuation::new(move |_, code, data| {
        assert_eq!(code, EventCode::EVENT_POLL, "as each event of the negative queue");
        let Data::Event(event) = data else { panic!("an event") };
        event.cancel();
        assert!(!its.swap(true, Ordering::SeqCst), "cancelled by its first callback");
        Outcome::Done
    });
    let [event] = processor.schedule_entire(cont.clone(), 0, -1, ET_NET)[..] else {
        panic!("one thread, one event")
    };
    thread.run_pass();
    thread.run_pass();
    assert!(ran.load(Ordering::SeqCst) && !event.is_live() && thread.has_no_events());
    let [late] = processor.schedule_entire(cont, mseconds(5), 0, ET_NET)[..] else {
        panic!("one thread, one event")
    };
    late.cancel();
    thread.run_until_idle();
}

#[test]
fn an_entire_group_takes_no_continuation_with_a_mutex_and_not_a_timeout_and_a_period() {
    let processor = EventProcessor::new(Clock::new_virtual());
    let thread = processor.adopt_current_thread("ET_NET");
    let machine = StateMachine::new(ProxyMutex::new(), (), |(), _, _, _| Outcome::Done);
    let panic = panic_of(|| processor.schedule_entire(machine, 0, 0, ET_NET));
    assert_eq!(panic, "i->mutex == nullptr");
    let free = || FreeContinuation::new(|_, _, _| Outcome::Done);
    let panic = panic_of(|| processor.schedule_entire(free(), 5, 7, ET_NET));
    assert_eq!(panic, "not reached: a timeout of 5 ns and a period of 7 ns");
    assert!(thread.has_no_events());
    let event = on_foreign_thread(|| processor.schedule_entire(free(), 0, 0, ET_NET));
    assert_eq!(event.len(), 1, "from any thread");
    thread.run_pass();
}

#[test]
fn work_moves_a_virtual_clock_and_only_forwards() {
    let clock = Clock::new_virtual();
    assert_eq!(panic_of(|| clock.work(-1)), "a clock does not go back: the work takes -1 ns");
    let real = Clock::new_real();
    let before = real.get_hrtime_updated();
    real.work(mseconds(3_600_000));
    assert!(real.get_hrtime_updated() - before < mseconds(3_600_000), "a real one goes by itself");
}
