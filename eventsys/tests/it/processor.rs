//! Groups of threads, and which thread gets an event.
//!
//! Proves `EventProcessor::register_event_type`, `assign_thread`,
//! `assign_affinity_by_type`, `schedule(Event *, EventType)` and the start of
//! threads (`schedule_spawn`, `initThreadState`, `thread_started`). Threads that
//! are spawned here run for real; a channel, and the join at the shutdown, say
//! when they are done.

use std::sync::{Arc, mpsc};

use eventsys::sync::Mutex;
use eventsys::{
    Clock, ContRef, Continuation, ET_CALL, ET_NET, EThread, EventProcessor, EventType,
    FreeContinuation, MAX_EVENT_THREADS, Outcome, ProxyMutex, StateMachine, ThreadType,
};
use testkit::{Lab, beside, on_foreign_thread, panic_of};

fn processor() -> Arc<EventProcessor> {
    EventProcessor::new(Clock::new_real())
}

/// A continuation that says on which thread it is called.
fn says_where() -> (ContRef, mpsc::Receiver<String>) {
    let (tell, told) = mpsc::channel();
    let cont: ContRef = FreeContinuation::new(move |_, _, _| {
        let thread = EThread::current().expect("on an event thread");
        let _ = tell.send(thread.name().to_owned());
        Outcome::Done
    });
    (cont, told)
}

fn nothing() -> ContRef {
    StateMachine::new(ProxyMutex::new(), (), |(), _, _, _| Outcome::Done)
}

#[test]
fn et_net_is_the_first_group_and_also_et_call() {
    let processor = processor();
    assert_eq!(ET_CALL, ET_NET);
    assert_eq!(processor.register_event_type("ET_NET"), ET_NET);
    assert_eq!(processor.event_type("ET_CALL"), Some(ET_NET));
    assert_eq!(processor.event_type("ET_TASK"), None);
}

#[test]
fn a_name_stands_for_one_group_however_often_it_is_registered() {
    let processor = processor();
    let task = processor.register_event_type("ET_TASK");
    let udp = processor.register_event_type("ET_UDP");
    assert!(task != udp && task != ET_NET && udp != ET_NET);
    assert_eq!(processor.register_event_type("ET_TASK"), task);
    assert_eq!(processor.event_type("ET_UDP"), Some(udp));
}

#[test]
fn there_are_eight_groups_at_most() {
    let processor = processor();
    let groups: Vec<EventType> =
        (1..8).map(|n| processor.register_event_type(&format!("ET_{n}"))).collect();
    let text = panic_of(|| processor.register_event_type("ET_8"));
    assert_eq!(text, "n_thread_groups <= MAX_EVENT_TYPES");
    // The refusal has done no harm.
    assert_eq!(processor.register_event_type("ET_7"), groups[6]);
}

#[test]
fn there_are_512_threads_at_most_and_not_none() {
    let processor = processor();
    assert_eq!(panic_of(|| processor.spawn_event_threads("ET_NET", 0)), "n_threads > 0");
    // Adopted threads count, and a slot is not used again.
    on_foreign_thread(|| {
        (0..MAX_EVENT_THREADS).for_each(|_| drop(processor.adopt_current_thread("ET_NET")));
    });
    let text = panic_of(|| drop(processor.adopt_current_thread("ET_NET")));
    assert_eq!(text, "n_ethreads + n_threads <= MAX_EVENT_THREADS");
}

#[test]
fn only_one_event_thread_runs_on_a_thread_at_a_time() {
    let lab = Lab::new();
    let other = processor();
    let text = panic_of(|| drop(other.adopt_current_thread("ET_NET")));
    assert_eq!(text, "an EThread already runs on this thread");
    let name = lab.thread.name().to_owned();
    assert_eq!(EThread::current().map(|thread| thread.name().to_owned()), Some(name));
    drop(lab);
    assert!(EThread::current().is_none());
    drop(processor().adopt_current_thread("ET_NET"));
}

#[test]
fn a_group_without_threads_cannot_be_chosen_from() {
    let processor = processor();
    let task = processor.register_event_type("ET_TASK");
    assert_eq!(panic_of(|| processor.assign_thread(task)), "no thread runs in group ET_TASK");
}

#[test]
fn threads_are_named_and_numbered_by_their_group() {
    let processor = processor();
    let net = processor.spawn_event_threads("ET_NET", 2);
    let task = processor.spawn_event_threads("ET_TASK", 1);
    let look = |et| -> Vec<_> {
        let threads = processor.active_group_threads(et);
        threads.iter().map(|t| (t.name().to_owned(), t.id(), t.index())).collect()
    };
    assert_eq!(look(net), [("[ET_NET 0]".into(), 0, 0), ("[ET_NET 1]".into(), 1, 1)]);
    assert_eq!(look(task), [("[ET_TASK 0]".into(), 0, 2)]);
    for thread in processor.active_group_threads(task) {
        assert!(thread.is_event_type(task) && !thread.is_event_type(net));
        assert_eq!((thread.tt(), thread.is_current()), (ThreadType::Regular, false));
    }
    let (cont, told) = says_where();
    processor.active_group_threads(task)[0].schedule_imm(cont);
    assert_eq!(told.recv().as_deref(), Ok("[ET_TASK 0]"));
    processor.shutdown();
}

#[test]
fn threads_of_a_group_are_assigned_in_turn_beginning_with_the_second() {
    let processor = processor();
    let net = processor.spawn_event_threads("ET_NET", 3);
    // The counter goes up before it is used, as in the original.
    let ids: Vec<_> = (0..7).map(|_| processor.assign_thread(net).id()).collect();
    assert_eq!(ids, [1, 2, 0, 1, 2, 0, 1]);
    processor.shutdown();
}

#[test]
fn a_continuation_keeps_to_the_thread_that_it_was_first_scheduled_on() {
    let processor = processor();
    let net = processor.spawn_event_threads("ET_NET", 3);
    let (cont, told) = says_where();
    let schedule = || {
        assert!(processor.schedule_imm(Arc::clone(&cont), net).is_some());
        told.recv().expect("it runs")
    };
    assert_eq!([schedule(), schedule()], ["[ET_NET 1]", "[ET_NET 1]"]);
    assert_eq!(cont.base().thread_affinity(), Some(1));
    cont.base().clear_thread_affinity();
    assert_eq!([schedule(), schedule()], ["[ET_NET 2]", "[ET_NET 2]"]);
    cont.base().set_thread_affinity(0);
    assert_eq!(schedule(), "[ET_NET 0]");
    processor.shutdown();
}

#[test]
fn a_group_that_the_kept_thread_is_not_of_is_served_without_changing_the_affinity() {
    let processor = processor();
    let net = processor.spawn_event_threads("ET_NET", 1);
    let task = processor.spawn_event_threads("ET_TASK", 1);
    let (cont, told) = says_where();
    let schedule = |et| {
        assert!(processor.schedule_imm(Arc::clone(&cont), et).is_some());
        told.recv().expect("it runs")
    };
    assert_eq!(
        [schedule(net), schedule(task), schedule(net)],
        ["[ET_NET 0]", "[ET_TASK 0]", "[ET_NET 0]"]
    );
    assert_eq!(cont.base().thread_affinity(), Some(0));
    // A thread may be of several groups.
    processor.active_group_threads(net)[0].set_event_type(task);
    assert_eq!(schedule(task), "[ET_NET 0]");
    processor.shutdown();
}

#[test]
fn a_thread_of_the_group_schedules_on_itself() {
    let lab = Lab::with_clock(Clock::new_ticking(1));
    let processor = &lab.processor;
    beside(processor, &["ET_NET", "ET_TASK"], || {
        let task = processor.event_type("ET_TASK").expect("registered just now");
        let cont = lab.noting("here");
        assert!(processor.schedule_imm(cont.clone(), ET_NET).is_some());
        assert_eq!(cont.base().thread_affinity(), Some(0));
        lab.passes(1);
        assert_eq!(lab.take_names(), ["here"]);
        let other = nothing();
        assert!(processor.schedule_imm(Arc::clone(&other), task).is_some());
        assert_eq!(other.base().thread_affinity(), Some(2));
    });
}

#[test]
fn affinity_by_type_prefers_the_calling_thread_then_the_kept_one_then_the_next() {
    let lab = Lab::with_clock(Clock::new_ticking(1)); // thread 0, of ET_NET
    let processor = Arc::clone(&lab.processor);
    let task = processor.register_event_type("ET_TASK");
    let assign = |cont: &ContRef, et| processor.assign_affinity_by_type(cont, et).index();
    let kept = |cont: &ContRef| cont.base().thread_affinity();
    // Threads 1 to 4.
    beside(&processor, &["ET_NET", "ET_NET", "ET_TASK", "ET_TASK"], || {
        // Of the group: the calling thread, even if the continuation keeps to another.
        let cont = nothing();
        cont.base().set_thread_affinity(2);
        assert_eq!((assign(&cont, ET_NET), kept(&cont)), (0, Some(2)));
        // Not of the group, so the next one; and then the one that is kept.
        let cont = nothing();
        assert_eq!((assign(&cont, task), kept(&cont)), (4, Some(4)));
        assert_eq!((assign(&cont, task), kept(&cont)), (4, Some(4)));
        // The kept one is of another group: the next one, and the affinity stays.
        let cont = nothing();
        cont.base().set_thread_affinity(1);
        assert_eq!((assign(&cont, task), kept(&cont)), (3, Some(1)));
        // No event thread calls.
        let cont = nothing();
        cont.base().set_thread_affinity(2);
        assert_eq!(on_foreign_thread(|| assign(&cont, ET_NET)), 2);
        // The continuation cannot keep to a thread that does not exist.
        for nowhere in [99, usize::MAX] {
            let cont = nothing();
            cont.base().set_thread_affinity(nowhere);
            assert!(kept(&cont).is_some());
            let next = on_foreign_thread(|| assign(&cont, ET_NET));
            assert_eq!(next, if nowhere == 99 { 1 } else { 2 });
        }
    });
}

#[test]
fn spawn_continuations_run_first_on_each_thread_in_the_order_of_their_registration() {
    let processor = processor();
    let task = processor.register_event_type("ET_TASK");
    let lines: Arc<Mutex<Vec<(usize, &str)>>> = Arc::default();
    let note = |what: &'static str| -> ContRef {
        let lines = Arc::clone(&lines);
        FreeContinuation::new(move |_, event, _| {
            assert_eq!(event.0, 1, "EVENT_IMMEDIATE");
            let id = EThread::with_current(|thread| thread.expect("on an event thread").id());
            lines.lock().push((id, what));
            Outcome::Done
        })
    };
    processor.schedule_spawn(note("first"), task);
    processor.schedule_spawn(note("second"), task);
    processor.schedule_spawn(note("never: another group"), ET_NET);
    let (started, all_started) = mpsc::channel();
    let calls = Arc::clone(&lines);
    processor.on_group_started(task, move || {
        let calls = calls.lock().len();
        let _ = started.send(calls);
    });
    assert_eq!(processor.spawn_event_threads("ET_TASK", 3), task);
    for thread in processor.active_group_threads(task) {
        thread.schedule_imm(note("event"));
    }
    // Called when the last thread has run both; and once, since the channel ends.
    let calls = all_started.recv().expect("called");
    assert!(calls >= 6, "{calls} of the six spawn continuations had run");
    assert!(processor.has_tg_started(task));
    assert!(all_started.recv().is_err(), "called once");
    processor.shutdown();
    let lines = lines.lock();
    for id in 0..3 {
        let mine: Vec<_> = lines.iter().filter(|line| line.0 == id).map(|line| line.1).collect();
        assert_eq!(mine[..2], ["first", "second"], "thread {id}");
    }
}

#[test]
fn a_group_has_started_when_its_last_thread_has_and_says_so_once() {
    // db5f9232d0: a count and a separate compare ran the callback twice.
    let processor = processor();
    let (begun, has_begun) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    let may_go_on = Mutex::new(may_go_on);
    let gate: ContRef = FreeContinuation::new(move |_, _, _| {
        let _ = begun.send(());
        may_go_on.lock().recv().expect("is let through");
        Outcome::Done
    });
    processor.schedule_spawn(gate, ET_NET);
    let (start, started) = mpsc::channel();
    processor.on_group_started(ET_NET, move || {
        let _ = start.send(());
    });
    processor.spawn_event_threads("ET_NET", 2);
    assert_eq!([has_begun.recv(), has_begun.recv()], [Ok(()); 2]);
    go_on.send(()).expect("the gate stands");
    // One may be through, the other is not: it waits at the gate.
    assert!(!processor.has_tg_started(ET_NET) && started.try_recv().is_err());
    go_on.send(()).expect("the gate stands");
    assert_eq!(started.recv(), Ok(()));
    assert!(processor.has_tg_started(ET_NET));
    assert!(started.recv().is_err(), "the callback is gone, so it cannot come again");
    processor.shutdown();
}

#[test]
fn a_dedicated_thread_runs_its_continuation_once_under_the_mutex_that_it_gives_it() {
    let processor = processor();
    let (tell, told) = mpsc::channel();
    let cont: ContRef = FreeContinuation::new(move |invocation, event, _| {
        let thread = EThread::current().expect("a dedicated thread is an EThread");
        assert!(invocation.guard().is_of(thread.mutex()));
        let os_name = std::thread::current().name().map(str::to_owned);
        let _ = tell.send((thread.name().to_owned(), os_name, thread.tt(), event.0));
        Outcome::Done
    });
    processor.spawn_thread(Arc::clone(&cont), "[LOGGER]");
    let name = String::from("[LOGGER]");
    assert_eq!(told.recv(), Ok((name.clone(), Some(name), ThreadType::Dedicated, 1)));
    processor.shutdown();
    assert!(told.try_recv().is_err(), "once");
    assert!(cont.base().mutex().is_some());
    assert_eq!(Arc::strong_count(&cont), 1, "the thread has ended and let go of it");
}

#[test]
fn what_is_scheduled_on_a_dedicated_thread_goes_to_et_call() {
    let processor = processor();
    processor.spawn_event_threads("ET_NET", 1);
    let (first, told_first) = says_where();
    let (second, told_second) = says_where();
    let dedicated: ContRef = FreeContinuation::new(move |_, _, _| {
        let thread = EThread::current().expect("a dedicated thread is an EThread");
        thread.schedule_imm(Arc::clone(&first));
        thread.schedule_in_local(Arc::clone(&second), 1);
        Outcome::Done
    });
    processor.spawn_thread(dedicated, "[DEDICATED]");
    assert_eq!(told_first.recv().as_deref(), Ok("[ET_NET 0]"));
    assert_eq!(told_second.recv().as_deref(), Ok("[ET_NET 0]"));
    processor.shutdown();
}

#[test]
fn what_a_thread_of_another_processor_schedules_goes_to_a_thread_of_this_one() {
    // Groups have the same numbers in each, and the calling thread is of one: but not of
    // this processor's.
    let lab = Lab::new();
    for clock in [Clock::new_virtual(), Arc::clone(lab.processor.clock())] {
        let (cont, other_cont) = (lab.noting("here"), nothing());
        let (processor, thread) = (&lab.processor, lab.thread.thread());
        on_foreign_thread(|| {
            let other = EventProcessor::new(clock).adopt_current_thread("ET_NET");
            processor.schedule_imm(cont.clone(), ET_CALL);
            assert!(other.has_no_events());
            let chosen = processor.assign_affinity_by_type(&other_cont, ET_CALL);
            assert!(Arc::ptr_eq(&chosen, thread));
        });
        lab.passes(1);
        assert_eq!(lab.take_names(), ["here"]);
        let kept = [&(cont as ContRef), &other_cont].map(|cont| cont.base().thread_affinity());
        assert_eq!(kept, [Some(lab.thread.index()); 2]);
    }
}
