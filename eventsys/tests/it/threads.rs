//! Several threads: events from everywhere, and the end of an event system.
//!
//! Proves what must hold in every schedule that the system happens to give: each
//! event runs exactly once, in the order of its producer; two threads share a
//! virtual clock; and `shutdown` lets no handler run afterwards and no event leak.
//! The package `explorations` looks at all schedules of smaller programs.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak, mpsc};

use eventsys::hrtime::mseconds;
use eventsys::sync::Mutex;
use eventsys::{
    Clock, ContRef, Data, ET_CALL, EThread, EventProcessor, FreeContinuation, Options, Outcome,
    ProxyMutex, Request, StateMachine, WakePolicy,
};
use testkit::{Lab, actor_under, on_foreign_thread, wait_for};

const PRODUCERS: usize = 4;
const EVENTS: usize = 500;

/// A machine that keeps the numbers which arrive as cookies, and says when it has
/// `all` of them.
type Keeper = StateMachine<(RefCell<Vec<(usize, usize)>>, usize, mpsc::Sender<()>)>;

fn keeper(mutex: Arc<ProxyMutex>, all: usize, full: mpsc::Sender<()>) -> Arc<Keeper> {
    let state = (RefCell::default(), all, full);
    StateMachine::new(mutex, state, |(numbers, all, full), _, _, data| {
        let Data::Event(event) = data else { panic!("called without an event") };
        let cookie = event.cookie().expect("scheduled with one");
        let &number = cookie.downcast_ref::<(usize, usize)>().expect("producer and number");
        numbers.borrow_mut().push(number);
        if numbers.borrow().len() == *all {
            let _ = full.send(());
        }
        Outcome::Done
    })
}

fn produce(schedule: impl Fn(usize, Request) + Sync, keepers: &[Arc<Keeper>]) {
    std::thread::scope(|scope| {
        for producer in 0..PRODUCERS {
            let schedule = &schedule;
            scope.spawn(move || {
                for number in 0..EVENTS {
                    let to = number % keepers.len();
                    let request = Request::new(keepers[to].clone());
                    schedule(to, request.cookie(Arc::new((producer, number))));
                }
            });
        }
    });
}

#[test]
fn events_of_many_threads_run_once_each_and_in_the_order_of_their_producer() {
    for wake in [WakePolicy::Blocking, WakePolicy::TryLock] {
        let options = Options { wake, ..Options::default() };
        let processor = EventProcessor::with_options(Clock::new_real(), options);
        let net = processor.spawn_event_threads("ET_NET", 2);
        let threads = processor.active_group_threads(net);
        let (tell, told) = mpsc::channel();
        // Each thread has its own machine, so that no lock is ever missed: a miss
        // changes the order (`locks.rs`).
        let all = PRODUCERS * EVENTS / 2;
        let keepers = [(); 2].map(|()| keeper(ProxyMutex::new(), all, tell.clone()));
        let schedule = |to: usize, request| {
            threads[to].schedule_imm(request);
        };
        produce(schedule, &keepers);
        assert_eq!([told.recv(), told.recv()], [Ok(()); 2]);
        processor.shutdown();
        for (to, keeper) in keepers.iter().enumerate() {
            let guard = keeper.mutex().lock();
            let numbers = keeper.state(&guard).0.borrow();
            for producer in 0..PRODUCERS {
                let sent = (0..EVENTS).filter(|number| number % 2 == to);
                let ran = numbers.iter().filter(|line| line.0 == producer).map(|line| line.1);
                assert!(ran.eq(sent), "thread {to}, producer {producer}, {wake:?}");
            }
        }
    }
}

#[test]
fn machines_of_one_mutex_on_two_threads_get_every_event_once() {
    let processor = EventProcessor::new(Clock::new_real());
    let net = processor.spawn_event_threads("ET_NET", 2);
    let threads = processor.active_group_threads(net);
    let (tell, told) = mpsc::channel();
    // One machine: an event that misses the lock is put off, and must neither get
    // lost nor come twice.
    let keeper = keeper(ProxyMutex::new(), PRODUCERS * EVENTS, tell);
    let next = AtomicUsize::new(0);
    produce(
        |_, request| {
            let to = next.fetch_add(1, Ordering::Relaxed) % threads.len();
            threads[to].schedule_imm(request);
        },
        std::slice::from_ref(&keeper),
    );
    assert_eq!(told.recv(), Ok(()));
    processor.shutdown();
    let guard = keeper.mutex().lock();
    let mut numbers = keeper.state(&guard).0.borrow().clone();
    numbers.sort_unstable();
    let sent = (0..PRODUCERS).flat_map(|producer| (0..EVENTS).map(move |n| (producer, n)));
    assert!(numbers.into_iter().eq(sent));
}

#[test]
fn a_continuation_can_go_round_between_two_threads() {
    let processor = EventProcessor::new(Clock::new_real());
    let net = processor.spawn_event_threads("ET_NET", 2);
    let (tell, told) = mpsc::channel();
    let threads = processor.active_group_threads(net);
    let left = AtomicUsize::new(10_000);
    // Each call wakes the other thread, which is about to sleep: were one wake-up
    // lost, the round would go on after the heartbeat only.
    let cont: ContRef = FreeContinuation::new(move |invocation, _, data| {
        let Data::Event(_) = data else { panic!("called without an event") };
        let here = EThread::with_current(|thread| thread.expect("on an event thread").id());
        if left.fetch_sub(1, Ordering::Relaxed) == 1 {
            let _ = tell.send(here);
        } else {
            let cont = invocation.this();
            cont.base().set_thread_affinity(1 - here);
            let processor = threads[here].processor().expect("it is alive");
            assert!(processor.schedule_imm(Arc::clone(cont), ET_CALL).is_some());
        }
        Outcome::Done
    });
    cont.base().set_thread_affinity(0);
    assert!(processor.schedule_imm(cont, net).is_some());
    assert_eq!(told.recv(), Ok(1), "the last of an even number of calls");
    processor.shutdown();
}

#[test]
fn two_threads_share_a_virtual_clock_that_stops_at_every_deadline() {
    let run = || {
        let clock = Clock::new_virtual();
        let main = clock.participate().expect("the clock is virtual");
        let processor = EventProcessor::new(Arc::clone(&clock));
        let net = processor.spawn_event_threads("ET_NET", 2);
        let threads = processor.active_group_threads(net);
        let trace = testkit::Trace::new(&clock);
        let (a, b) = (ProxyMutex::new(), ProxyMutex::new());
        let timer = |mutex: &_, name| actor_under(mutex, &trace, move |call| call.note(name));
        threads[0].schedule_in(timer(&a, "a: 40 ms"), mseconds(40));
        threads[1].schedule_in(timer(&b, "b: 300 ms"), mseconds(300));
        threads[1].schedule_in(timer(&b, "b: 30 ms"), mseconds(30));
        let (a, b) = (timer(&a, "from b to a"), threads[0].clone());
        let hand_over = actor_under(&ProxyMutex::new(), &trace, move |call| {
            call.note("on b");
            b.schedule_imm(a.clone());
        });
        threads[1].schedule_in(hand_over, mseconds(100));
        main.sleep(mseconds(1_000));
        processor.shutdown();
        trace.take_notes()
    };
    // In milliseconds: within one, the threads' passes come in any order, and each
    // moves the clock by 1 us.
    let lines: Vec<_> = run().into_iter().map(|(us, what)| (us / 1000, what)).collect();
    assert_eq!(
        lines,
        [(25, "b: 30 ms"), (35, "a: 40 ms"), (95, "on b"), (95, "from b to a"), (295, "b: 300 ms")]
    );
}

#[test]
fn no_handler_runs_after_a_shutdown_and_what_waits_is_dropped() {
    let processor = EventProcessor::new(Clock::new_real());
    let net = processor.spawn_event_threads("ET_NET", 1);
    let thread = processor.assign_thread(net);
    let (begin, begun) = mpsc::channel();
    let busy: ContRef = FreeContinuation::new(move |_, _, _| {
        let processor = EThread::current().and_then(|thread| thread.processor());
        let processor = processor.expect("it is alive");
        let _ = begin.send(());
        wait_for(|| processor.is_shut_down());
        Outcome::Done
    });
    assert!(processor.schedule_imm(busy, net).is_some());
    assert_eq!(begun.recv(), Ok(()));
    // The thread works until the shutdown begins, so these wait in its queue.
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let waits: ContRef = FreeContinuation::new(move |_, _, _| {
        counted.fetch_add(1, Ordering::Relaxed);
        Outcome::Done
    });
    let events = [
        thread.schedule_imm(Arc::clone(&waits)),
        thread.schedule_in(Arc::clone(&waits), mseconds(1)),
        thread.schedule_every(Arc::clone(&waits), mseconds(1)),
        thread.schedule_every(Arc::clone(&waits), -1),
    ];
    assert_eq!(Arc::strong_count(&waits), 5);
    processor.shutdown();
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    assert_eq!(Arc::strong_count(&waits), 1);
    assert!(events.iter().all(|event| !event.is_live() && !event.is_cancelled()), "all freed");
}

#[test]
fn after_a_shutdown_the_processor_takes_nothing_and_its_threads_drop_what_they_get() {
    let processor = EventProcessor::new(Clock::new_real());
    let net = processor.spawn_event_threads("ET_NET", 1);
    let thread = processor.assign_thread(net);
    assert!(!processor.is_shut_down());
    processor.shutdown();
    assert!(processor.is_shut_down());
    let cont: ContRef = FreeContinuation::new(|_, _, _| panic!("no thread runs any more"));
    let get = || Arc::clone(&cont);
    assert_eq!(processor.schedule_imm(get(), net), None);
    assert_eq!(processor.schedule_at(get(), 1, net), None);
    assert_eq!(processor.schedule_in(get(), 1, net), None);
    assert_eq!(processor.schedule_every(get(), 1, net), None);
    let events = [thread.schedule_imm(get()), thread.schedule_in(get(), 1)];
    assert!(events.iter().all(|event| !event.is_live()), "freed");
    assert_eq!(Arc::strong_count(&cont), 1);
    processor.shutdown(); // once more does no harm
}

#[test]
fn an_adopted_thread_that_is_dropped_drops_its_events_wherever_they_wait() {
    let lab = Lab::new();
    let trace = Arc::clone(lab.trace());
    let (waits, foreign) = (lab.noting("never"), lab.noting("never"));
    let thread = Arc::clone(lab.thread.thread());
    thread.schedule_imm(waits.clone());
    for span in [1, 30, 3_000] {
        thread.schedule_in(waits.clone(), mseconds(span));
    }
    thread.schedule_every(waits.clone(), -1);
    on_foreign_thread(|| thread.schedule_imm(foreign.clone()));
    let weak: Vec<Weak<_>> = [waits, foreign].iter().map(Arc::downgrade).collect();
    drop(lab);
    assert!(weak.iter().all(|cont| cont.upgrade().is_none()));
    assert_eq!(trace.take_notes(), []);
}

#[test]
fn what_the_drop_of_a_dropped_event_schedules_is_dropped_too() {
    struct Schedules(Arc<EThread>, ContRef);
    impl Drop for Schedules {
        fn drop(&mut self) {
            self.0.schedule_imm(Arc::clone(&self.1));
        }
    }
    let lab = Lab::new();
    let last: ContRef = lab.noting("never");
    let waits = Schedules(Arc::clone(lab.thread.thread()), Arc::clone(&last));
    let waits =
        StateMachine::new(ProxyMutex::new(), waits, |_, _, _, _| panic!("the thread is to end"));
    lab.thread.schedule_imm(waits);
    assert_eq!(Arc::strong_count(&last), 2);
    drop(lab);
    assert_eq!(Arc::strong_count(&last), 1);
}

#[test]
fn a_handler_can_shut_its_own_processor_down() {
    let processor = EventProcessor::new(Clock::new_real());
    let net = processor.spawn_event_threads("ET_NET", 2);
    let (tell, told) = mpsc::channel();
    let cont: ContRef = FreeContinuation::new(move |_, _, _| {
        let processor = EThread::current().and_then(|thread| thread.processor());
        processor.expect("it is alive").shutdown();
        let _ = tell.send(());
        Outcome::Done
    });
    assert!(processor.schedule_imm(cont, net).is_some());
    assert_eq!(told.recv(), Ok(()), "it has joined the other thread, and not itself");
}

#[test]
fn a_thread_whose_handler_panics_ends_and_drops_its_events() {
    let processor = EventProcessor::new(Clock::new_real());
    let net = processor.spawn_event_threads("ET_NET", 1);
    let thread = processor.assign_thread(net);
    let (let_go, may_go) = mpsc::channel::<()>();
    let may_go = Mutex::new(may_go);
    let panics: ContRef = FreeContinuation::new(move |_, _, _| {
        let _ = may_go.lock().recv();
        panic!("on purpose, by a test");
    });
    let waits: ContRef = FreeContinuation::new(|_, _, _| Outcome::Done);
    assert!(processor.schedule_imm(panics, net).is_some());
    thread.schedule_in(Arc::clone(&waits), mseconds(1));
    drop(let_go);
    processor.shutdown(); // joins it, and does not panic itself
    assert_eq!(Arc::strong_count(&waits), 1);
    assert!(!thread.schedule_imm(Arc::clone(&waits)).is_live());
    assert_eq!(Arc::strong_count(&waits), 1);
}
