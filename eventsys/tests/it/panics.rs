//! What a panic of a handler means (see "Panics" on the crate's page): it belongs to
//! the code that runs the loop. The owner of an adopted thread gets it, and may go on; on
//! a thread of the processor's own it ends the event system, and every caller is told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use eventsys::hrtime::{mseconds, seconds};
use eventsys::sync::Mutex;
use eventsys::{
    Clock, ContRef, ET_NET, EventProcessor, FreeContinuation, HandlerPanic, Outcome, ProxyMutex,
    Request, StateMachine,
};
use testkit::{Lab, OnDrop, must_end, on_drop, on_foreign_thread, panic_of, wait_for};

/// A machine whose handler panics.
fn panicking() -> Arc<StateMachine<()>> {
    StateMachine::new(ProxyMutex::new(), (), |(), _, _, _| panic!("a handler's own"))
}

fn nothing() -> ContRef {
    FreeContinuation::new(|_, _, _| Outcome::Done)
}

/// The name of the thread, and the text.
fn told(processor: &EventProcessor) -> Option<(String, String)> {
    processor.handler_panic().map(|panic| (panic.thread().to_owned(), panic.text().to_owned()))
}

fn by(thread: &str) -> Option<(String, String)> {
    Some((thread.to_owned(), "a handler's own".to_owned()))
}

#[test]
fn on_an_adopted_thread_it_comes_out_of_the_pass_and_a_caller_that_catches_it_may_go_on() {
    let lab = Lab::new();
    let cont = panicking();
    let event = lab.thread.schedule_imm(cont.clone());
    lab.thread.schedule_imm(lab.noting("behind it"));
    lab.thread.schedule_in(lab.noting("timer"), mseconds(20));
    assert_eq!(panic_of(|| lab.thread.run_until_idle()), "a handler's own");
    // The handler's mutex is free, and its event too.
    assert_eq!((cont.mutex().thread_holding(), event.is_live()), (None, false));
    assert_eq!(Arc::strong_count(&cont), 1);
    // The pass is over; nothing that waits is lost, and the clock goes on.
    assert_eq!(lab.take_notes(), []);
    lab.thread.run_until_idle();
    assert_eq!(lab.take_notes(), [(2, "behind it"), (15_004, "timer")]);
    // The processor is not concerned.
    assert!(!lab.processor.is_shut_down() && lab.processor.handler_panic().is_none());
    assert!(lab.processor.schedule_imm(nothing(), ET_NET).is_some());
}

#[test]
fn on_an_adopted_thread_a_panic_that_is_not_caught_frees_the_events_and_other_threads_go_on() {
    must_end(|| {
        let clock = Clock::new_virtual();
        let main = clock.participate().expect("it is virtual");
        let processor = EventProcessor::new(Arc::clone(&clock));
        let net = processor.spawn_event_threads("ET_NET", 1);
        let waits = nothing();
        let text = panic_of(|| {
            on_foreign_thread(|| {
                let thread = processor.adopt_current_thread("ET_NET");
                thread.schedule_imm(panicking());
                thread.schedule_in(Arc::clone(&waits), seconds(1));
                thread.run_pass();
            });
        });
        assert_eq!((text.as_str(), Arc::strong_count(&waits)), ("a handler's own", 1));
        let (tell, told) = mpsc::channel();
        let cont = FreeContinuation::new(move |_, _, _| {
            let _ = tell.send(());
            Outcome::Done
        });
        assert!(processor.schedule_in(cont, seconds(1), net).is_some());
        main.sleep(seconds(2));
        assert_eq!(told.try_recv(), Ok(()));
        processor.shutdown();
        assert_eq!(processor.handler_panic(), None);
    });
}

/// The panics of threads with this name that the panic hook has seen.
fn reported_by(thread: &'static str, f: impl FnOnce()) -> Vec<String> {
    static SEEN: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());
    static HOOK: std::sync::Once = std::sync::Once::new();
    let seen = || SEEN.lock();
    HOOK.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let name = std::thread::current().name().unwrap_or_default().to_owned();
            let text = info.payload_as_str().unwrap_or_default().to_owned();
            SEEN.lock().push((name, text));
            others(info);
        }));
    });
    f();
    seen().iter().filter(|(name, _)| name == thread).map(|(_, text)| text.clone()).collect()
}

#[test]
fn a_waiting_owner_learns_of_a_panic_and_of_a_shutdown() {
    for panics in [true, false] {
        must_end(move || {
            let processor = EventProcessor::new(Clock::new_real());
            if panics {
                // Without a thread, no end of a thread wakes the owner either.
                processor.spawn_event_threads("ET_NET", 1);
            }
            std::thread::scope(|scope| {
                let waiting = scope.spawn(|| {
                    processor.wait_for_shutdown();
                    told(&processor)
                });
                if panics {
                    processor.schedule_imm(panicking(), ET_NET);
                    assert_eq!(waiting.join().ok(), Some(by("[ET_NET 0]")));
                } else {
                    processor.shutdown();
                    assert_eq!(waiting.join().ok(), Some(None));
                }
            });
            // It has begun already: nothing is waited for.
            processor.wait_for_shutdown();
            processor.shutdown();
        });
    }
}

#[test]
fn on_a_thread_of_the_processor_it_ends_the_event_system_and_every_caller_is_told() {
    for n in [1, 3] {
        must_end(move || {
            let clock = Clock::new_virtual();
            let main = clock.participate().expect("it is virtual");
            let processor = EventProcessor::new(Arc::clone(&clock));
            let net = processor.spawn_event_threads("ET_NET", n);
            let threads = processor.active_group_threads(net);
            // The events that wait on any thread, and a receiver for the values that they hold.
            let (held, waits_for) = mpsc::channel::<()>();
            let waits: ContRef = FreeContinuation::new(move |_, _, _| {
                let _ = &held;
                panic!("it is too late")
            });
            for thread in &threads {
                thread.schedule_in(Arc::clone(&waits), seconds(10));
            }
            let cont = panicking();
            let event = threads[0].schedule_in(cont.clone(), seconds(1));
            // The clock goes on for those that still take part.
            main.sleep(seconds(20));
            assert!(processor.is_shut_down());
            assert_eq!(told(&processor), by("[ET_NET 0]"));
            assert_eq!(
                processor.handler_panic().map(HandlerPanic::to_string).as_deref(),
                Some(
                    "the event system has ended: a handler on [ET_NET 0] has panicked: \
                     a handler's own"
                )
            );
            // `schedule_*` are refused.
            assert_eq!(processor.schedule_imm(nothing(), net), None);
            assert!(threads.iter().all(|thread| !thread.schedule_imm(nothing()).is_live()));
            // `shutdown` works as ever: everything has ended when it returns.
            processor.shutdown();
            assert!(threads.iter().all(|thread| thread.has_ended()));
            assert_eq!((cont.mutex().thread_holding(), event.is_live()), (None, false));
            assert_eq!((Arc::strong_count(&cont), Arc::strong_count(&waits)), (1, 1));
            drop(waits);
            assert!(waits_for.recv().is_err(), "the last sender is gone");
            // Another event system is not concerned.
            drop(Lab::new());
        });
    }
}

#[test]
fn it_is_reported_once_by_the_panic_hook_on_its_own_thread() {
    let reported = reported_by("[ET_REPORTS 0]", || {
        must_end(|| {
            let processor = EventProcessor::new(Clock::new_real());
            let et = processor.spawn_event_threads("ET_REPORTS", 1);
            assert!(processor.schedule_imm(panicking(), et).is_some());
            wait_for(|| processor.is_shut_down());
            processor.shutdown();
        });
    });
    assert_eq!(reported, ["a handler's own"]);
}

#[test]
fn the_owner_of_an_adopted_thread_beside_it_is_told_by_a_panic() {
    must_end(|| {
        let lab = Lab::new();
        let task = lab.processor.spawn_event_threads("ET_TASK", 1);
        assert!(lab.processor.schedule_in(panicking(), mseconds(100), task).is_some());
        lab.thread.schedule_every(lab.noting("tick"), mseconds(500));
        let text = "the event system has ended: a handler on [ET_TASK 0] has panicked: \
                    a handler's own";
        // Whatever it waits for, it would wait for ever.
        assert_eq!(panic_of(|| lab.thread.run_until(|| false)), text);
        assert_eq!(panic_of(|| lab.thread.run_until_idle()), text);
        assert_eq!(panic_of(|| lab.thread.run_for(seconds(1))), text);
        assert_eq!(panic_of(|| lab.passes(1)), text);
        assert_eq!(lab.take_notes(), []);
    });
}

#[test]
fn it_is_the_same_for_whatever_a_thread_of_the_processor_calls() {
    type Begin = fn(&Arc<EventProcessor>);
    let cases: [(&str, Begin); 5] = [
        ("[ET_NET 0]", |processor| {
            processor.schedule_spawn(panicking(), ET_NET);
            processor.spawn_event_threads("ET_NET", 1);
        }),
        ("[ET_NET 0]", |processor| {
            processor.on_group_started(ET_NET, || panic!("a handler's own"));
            processor.spawn_event_threads("ET_NET", 1);
        }),
        ("[DEDICATED]", |processor| processor.spawn_thread(panicking(), "[DEDICATED]")),
        // The drop of a cookie, in a pass; and at the end of the thread.
        ("[ET_NET 0]", |processor| {
            processor.spawn_event_threads("ET_NET", 1);
            let cookie: OnDrop = on_drop(|| panic!("a handler's own"));
            let request = Request::from(nothing()).cookie(Arc::new(cookie));
            assert!(processor.schedule_imm(request, ET_NET).is_some());
        }),
        ("[ET_NET 0]", |processor| {
            processor.spawn_event_threads("ET_NET", 1);
            let cookie: OnDrop = on_drop(|| panic!("a handler's own"));
            let request = Request::from(nothing()).cookie(Arc::new(cookie));
            assert!(processor.schedule_in(request, seconds(3_600), ET_NET).is_some());
            processor.shutdown();
        }),
    ];
    for (n, (thread, begin)) in cases.into_iter().enumerate() {
        must_end(move || {
            let processor = EventProcessor::new(Clock::new_real());
            begin(&processor);
            wait_for(|| processor.is_shut_down());
            processor.shutdown();
            assert_eq!(told(&processor), by(thread), "case {n}");
        });
    }
}

#[test]
fn of_several_panics_the_first_is_told_and_no_drop_is_left_out() {
    must_end(|| {
        let processor = EventProcessor::new(Clock::new_real());
        let net = processor.spawn_event_threads("ET_NET", 1);
        let thread = processor.assign_thread(net);
        let dropped = Arc::new(AtomicUsize::new(0));
        let (let_go, may_go) = mpsc::channel::<()>();
        let may_go = Mutex::new(may_go);
        let (begin, begun) = mpsc::channel();
        let waits: ContRef = FreeContinuation::new(move |_, _, _| {
            let _ = begin.send(());
            let _ = may_go.lock().recv();
            panic!("a handler's own")
        });
        assert!(processor.schedule_imm(waits, net).is_some());
        assert_eq!(begun.recv(), Ok(()));
        for _ in 0..3 {
            let dropped = Arc::clone(&dropped);
            let cookie = on_drop(move || {
                dropped.fetch_add(1, Ordering::Relaxed);
                panic!("a cookie's");
            });
            thread.schedule_imm(Request::from(nothing()).cookie(Arc::new(cookie)));
        }
        drop(let_go);
        processor.shutdown();
        assert_eq!((told(&processor), dropped.load(Ordering::Relaxed)), (by("[ET_NET 0]"), 3));
    });
}
