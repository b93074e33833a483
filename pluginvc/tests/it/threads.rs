//! Real threads: two event threads and foreign ones, a hundred pairs at once. The schedule depends
//! on the machine; in every schedule every transfer must complete, every pair must be freed, and no
//! lock may stay held.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Weak};

use eventsys::hrtime::seconds;
use eventsys::steps::Steps;
use eventsys::{
    Clock, ContRef, ET_CALL, EThread, EventCode, EventProcessor, FreeContinuation, Options,
    Outcome, ProxyMutex, Request,
};
use iocore::{IoEvents, NetVcRef};
use pluginvc::PluginVCCore;
use testkit::{
    ACCEPT, Agent, EOS, MAX, READ_READY, WRITE_COMPLETE, WRITE_READY, counting, on_foreign_thread,
    panic_text, real_processor, wait_for,
};

use crate::common::reading;

const PAIRS: usize = 100;
const BYTES: usize = 50_000;

/// A pair in which `A` writes and closes, and `P` reads until the end and closes;
/// `P` then gives what it has received to `done`.
fn transfer(
    processor: &Arc<EventProcessor>,
    done: impl Fn(Vec<u8>) + Send + Sync + 'static,
) -> (Weak<PluginVCCore>, [Arc<ProxyMutex>; 2]) {
    let agent = |name| Agent::new(name, ProxyMutex::new(), None);
    let (a, p) = (agent("A"), agent("P"));
    p.on(ACCEPT, |me| me.read(MAX));
    p.on(READ_READY, |me| {
        me.take();
        me.reenable_read();
    });
    p.on(EOS, move |me| {
        done(me.received());
        me.close();
    });
    a.on(WRITE_READY, |me| me.reenable_write());
    a.on(WRITE_COMPLETE, |me| me.close());
    let core = PluginVCCore::alloc(processor, p.cont());
    // This thread holds the mutex of the machine that connects: from here on the event threads use
    // the pair too.
    a.with(|me| {
        me.take_vc(core.connect());
        me.write_now(&counting(BYTES));
    });
    (Arc::downgrade(&core), [a.mutex().clone(), p.mutex().clone()])
}

/// Waits for the event that frees the pair. It comes after the last callback: a shutdown in between
/// drops it, and nothing frees the pair any more.
fn until_freed(core: &PluginVCCore) {
    wait_for(|| core.is_freed());
}

/// Waits for all transfers, ends the threads, and looks at what is left.
fn complete(foreign_threads: usize, event_threads: usize) {
    let processor = real_processor(event_threads);
    let (done, received) = channel();
    let per_thread = PAIRS / foreign_threads;
    let pairs: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..foreign_threads)
            .map(|_| {
                let (processor, done) = (&processor, done.clone());
                scope.spawn(move || {
                    let start = |_| {
                        let done = done.clone();
                        transfer(processor, move |bytes| done.send(bytes).unwrap())
                    };
                    (0..per_thread).map(start).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    drop(done);
    // Ends when the last sender is gone: every `P` has been freed with its pair.
    let mut n = 0;
    for bytes in received {
        assert!(bytes == counting(BYTES));
        n += 1;
    }
    assert_eq!(n, foreign_threads * per_thread);
    processor.shutdown();
    for (core, mutexes) in pairs {
        assert_eq!(core.strong_count(), 0, "a pair is left");
        for mutex in mutexes {
            assert_eq!((mutex.thread_holding(), mutex.nthread_holding()), (None, 0));
        }
    }
}

#[test]
fn one_event_thread_completes_what_one_foreign_thread_starts() {
    complete(1, 1);
}

#[test]
fn two_event_threads_complete_what_four_foreign_threads_start() {
    complete(4, 2);
}

/// The plugin's own thread feeds and drains both ends itself, holding only their
/// mutexes, while two event threads carry the bytes.
#[test]
fn a_foreign_thread_may_feed_and_drain_both_ends() {
    let processor = real_processor(2);
    let agent = |name| Agent::new(name, ProxyMutex::new(), None);
    let (a, p) = (agent("A"), agent("P"));
    let (told, ready) = channel();
    p.on(ACCEPT, |me| me.read(MAX));
    p.on(READ_READY, move |_| told.send(()).unwrap());
    let core = PluginVCCore::alloc(&processor, p.cont());
    a.with(|me| {
        me.take_vc(core.connect());
        me.write(MAX);
    });
    let stream = counting(20_000);
    for piece in stream.chunks(1_000) {
        a.with(|me| {
            me.fill(piece);
            me.reenable_write();
        });
        ready.recv().unwrap();
        p.with(|me| {
            me.take();
            me.reenable_read();
        });
    }
    while p.with(|me| me.take() > 0) {}
    assert!(p.received() == stream);
    let (closed, ended) = channel();
    p.on(EOS, move |me| {
        me.close();
        closed.send(()).unwrap();
    });
    a.close();
    ended.recv().unwrap();
    until_freed(&core);
    processor.shutdown();
    assert!(a.mutex().try_lock().is_some() && p.mutex().try_lock().is_some());
}

/// Two event systems in one process, on these clocks.
fn two_processors(clocks: [&Arc<Clock>; 2]) -> [Arc<EventProcessor>; 2] {
    clocks.map(|clock| {
        let options = Options { steps: Steps::none(), ..Options::default() };
        EventProcessor::with_options(Arc::clone(clock), options)
    })
}

#[test]
fn a_pair_runs_on_its_own_processor_even_when_a_thread_of_another_one_uses_it() {
    let clocks = [Clock::new_real(), Clock::new_real()];
    // Also where both have one clock.
    for of_other in [0, 1] {
        let [home, other] = two_processors([&clocks[0], &clocks[of_other]]);
        home.spawn_event_threads("ET_NET", 1);
        let here = other.adopt_current_thread("ET_NET");
        let (told, closed) = channel();
        let agent = |name| Agent::new(name, ProxyMutex::new(), None);
        let (a, p) = (agent("A"), agent("P"));
        p.on(ACCEPT, |me| me.read(MAX));
        let at_home = Arc::clone(&home);
        p.on(EOS, move |me| {
            let is_home = EThread::with_current(|thread| thread.is_some_and(|t| t.is_of(&at_home)));
            me.close();
            told.send(is_home).unwrap();
        });
        let core = PluginVCCore::alloc(&home, p.cont());
        a.with(|me| {
            me.take_vc(core.connect());
            me.write_now(b"hello");
            me.close();
        });
        assert!(here.has_no_events(), "nothing of the pair is on this thread");
        assert_eq!(closed.recv(), Ok(true));
        until_freed(&core);
        home.shutdown();
        assert!(here.has_no_events());
    }
}

/// Closes a connection when it is dropped.
struct Closes(NetVcRef);

impl Drop for Closes {
    fn drop(&mut self) {
        self.0.do_io_close(None);
    }
}

fn holding(vc: NetVcRef) -> Request {
    let nothing: ContRef = FreeContinuation::new(|_, _, _| Outcome::Done);
    Request::new(nothing).cookie(Arc::new(Closes(vc)))
}

#[test]
fn a_close_by_the_drop_of_what_ends_with_a_thread_goes_to_another_thread() {
    let (lab, a, p, core) = reading();
    p.on(EOS, |me| me.close());
    let (vc, processor) = (a.vc(), &lab.processor);
    on_foreign_thread(|| {
        let ends = processor.adopt_current_thread("ET_NET");
        ends.schedule_in_local(holding(vc), seconds(3_600));
    });
    lab.settle();
    assert!(core.is_freed());
}

#[test]
fn a_close_by_the_drop_of_what_ends_with_the_last_thread_does_no_harm() {
    let processor = real_processor(1);
    let p = Agent::new("P", ProxyMutex::new(), None);
    let core = PluginVCCore::alloc(&processor, p.cont());
    let (vc, waits): (_, ContRef) =
        (core.connect(), FreeContinuation::new(|_, _, _| Outcome::Done));
    assert!(processor.schedule_in(holding(vc), seconds(3_600), ET_CALL).is_some());
    assert!(processor.schedule_in(Arc::clone(&waits), seconds(3_601), ET_CALL).is_some());
    processor.shutdown();
    assert_eq!(Arc::strong_count(&waits), 1, "what was queued behind it is freed");
    assert_eq!(processor.handler_panic(), None);
    assert!(core.active_vc().expect("not freed: no thread runs").is_closed());
}

#[test]
fn a_pair_that_is_to_connect_after_a_handler_has_panicked_says_so_and_does_not_hang() {
    let processor = real_processor(2);
    let agent = |name| Agent::new(name, ProxyMutex::new(), None);
    let (a, p) = (agent("A"), agent("P"));
    p.on(ACCEPT, |me| me.read(MAX));
    p.on(READ_READY, |_| panic!("the state machine's own"));
    let core = PluginVCCore::alloc(&processor, p.cont());
    a.with(|me| {
        me.take_vc(core.connect());
        me.write_now(b"hello");
    });
    wait_for(|| processor.is_shut_down());
    processor.shutdown();
    let panic = processor.handler_panic().expect("a handler has panicked").to_string();
    assert!(panic.ends_with("has panicked: the state machine's own"), "{panic}");
    let next = PluginVCCore::alloc(&processor, p.cont());
    assert_eq!(panic_text(|| drop(next.connect())), panic);
    let held = [a.mutex(), p.mutex(), core.mutex()].map(|mutex| mutex.thread_holding());
    assert_eq!(held, [None; 3]);
}

/// Tells when it is dropped.
struct TellsItsEnd(Sender<()>);

impl Drop for TellsItsEnd {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

/// The orphan of two retry events fires on a pair that is freed: in the original a release
/// assertion, which ends the server. Here it ends the event system and says why; no later pair
/// waits for an event that does not come.
#[test]
fn an_event_for_a_freed_pair_ends_the_event_system_and_says_why() {
    let processor = real_processor(1);
    let (tell, told) = channel();
    let acceptor = FreeContinuation::new(move |_, event, _| {
        tell.send(event).unwrap();
        Outcome::Done
    });
    let core = PluginVCCore::alloc(&processor, acceptor.clone());
    let vc = core.active_vc().unwrap();
    core.kill_no_connect();
    assert_eq!(told.recv(), Ok(EventCode::NET_EVENT_ACCEPT_FAILED));
    // The thread frees the pair now, before it comes to this event.
    let (dropped, is_dropped) = channel();
    let request = Request::from(vc as ContRef).cookie(Arc::new(TellsItsEnd(dropped)));
    processor.schedule_imm(request, ET_CALL);
    is_dropped.recv().unwrap();
    processor.shutdown();
    assert!(core.is_freed());
    let panic = processor.handler_panic().expect("an assertion has failed");
    assert_eq!(panic.thread(), "[ET_NET 0]");
    assert_eq!(panic.text(), "magic == PLUGIN_VC_MAGIC_ALIVE");
    assert!(processor.schedule_imm(acceptor, ET_CALL).is_none());
}
