//! Real threads: two event threads and foreign ones, a hundred pairs at once. The
//! schedule is whatever the machine makes of it; what must hold is that every
//! transfer completes, every pair is freed, and no lock stays held.

use std::sync::mpsc::channel;
use std::sync::{Arc, Weak};

use eventsys::{EventProcessor, ProxyMutex};
use pluginvc::PluginVCCore;
use testkit::{
    ACCEPT, Agent, EOS, MAX, READ_READY, WRITE_COMPLETE, WRITE_READY, counting, real_processor,
};

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
    // Who connects holds its mutex: from here on the event threads are at it too.
    a.with(|me| {
        me.take_vc(core.connect());
        me.write_now(&counting(BYTES));
    });
    (Arc::downgrade(&core), [a.mutex().clone(), p.mutex().clone()])
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
    processor.shutdown();
    assert!(a.mutex().try_lock().is_some() && p.mutex().try_lock().is_some());
}
