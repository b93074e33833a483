//! Making threads, running them, ending them.
//!
//! Mirrors `spawn_event_threads`, `spawn_thread`, `schedule_spawn` and
//! `initThreadState` of `UnixEventProcessor.cc`, and `EThread::execute`. In the
//! original a thread leaves its loop when the system shuts down, with its queues as
//! they are, and nobody waits for it; [`EventProcessor::shutdown`] frees and joins.

use std::sync::Arc;

use super::{
    AdoptedThread, Birth, EThread, EventProcessor, EventType, MAX_EVENT_THREADS, Ordering,
    ThreadId, ThreadType,
};
use crate::code::EventCode;
use crate::continuation::{ContRef, Data, call};
use crate::ethread::EventLoop;
use crate::mutex::weak_lock;
use crate::sync::thread;

impl EventProcessor {
    /// Makes `n` threads that run the event loop, in the group of this name.
    /// Mirrors `spawn_event_threads`.
    ///
    /// # Panics
    /// If `n` is 0, if there would be more than [`MAX_EVENT_THREADS`], or if the
    /// system gives no thread.
    pub fn spawn_event_threads(self: &Arc<Self>, name: &str, n: usize) -> EventType {
        assert!(n > 0, "n_threads > 0");
        let et = self.register_event_type(name);
        // All are made before any runs: what a thread does at its start may look
        // at the whole group.
        let threads: Vec<_> =
            (0..n).map(|_| self.make_thread(et, ThreadType::Regular, ThreadId::fresh())).collect();
        for thread in threads {
            self.start(thread, |processor, thread| {
                processor.init_thread_state(&thread);
                let mut event_loop = EventLoop::of(&thread);
                while !processor.is_shut_down() {
                    event_loop.pass();
                }
            });
        }
        et
    }

    /// Makes a thread that calls `cont` back once, with `EVENT_IMMEDIATE`, and
    /// ends when the handler returns. A continuation without a mutex gets the
    /// thread's own. The handler should look at
    /// [`EventProcessor::is_shut_down`] from time to time. Mirrors `spawn_thread`.
    ///
    /// # Panics
    /// If there would be more than [`MAX_EVENT_THREADS`] threads, or if the
    /// system gives no thread.
    pub fn spawn_thread(self: &Arc<Self>, cont: ContRef, name: &str) {
        let birth = self.birth(0, name.to_owned(), ThreadType::Dedicated, ThreadId::fresh());
        let thread = self.enter(birth);
        cont.base().inherit_mutex(thread.mutex());
        self.start(thread, move |_, _| {
            let lock = weak_lock(cont.base().mutex().map(|mutex| &**mutex));
            call(&cont, lock.as_ref(), EventCode::EVENT_IMMEDIATE, Data::None);
        });
    }

    /// Makes the calling thread an EThread of the group of this name, until the
    /// returned value is dropped.
    ///
    /// # Panics
    /// If an EThread runs on the calling thread already, or if there would be
    /// more than [`MAX_EVENT_THREADS`].
    #[must_use]
    pub fn adopt_current_thread(self: &Arc<Self>, name: &str) -> AdoptedThread {
        let et = self.register_event_type(name);
        let thread = self.make_thread(et, ThreadType::Regular, ThreadId::current());
        let adopted = AdoptedThread::new(Arc::clone(&thread));
        self.init_thread_state(&thread);
        adopted
    }

    /// Has `cont` called back on each thread of the group when it starts, with
    /// `EVENT_IMMEDIATE` and no data, before any other event. Mirrors
    /// `schedule_spawn`, which lets its caller choose a code and a cookie.
    pub fn schedule_spawn(&self, cont: ContRef, et: EventType) {
        self.group(et).spawn_queue.lock().push(cont);
    }

    /// Has `callback` called once, when the last thread of the group has started.
    /// Mirrors `_afterStartCallback`.
    pub fn on_group_started(&self, et: EventType, callback: impl FnOnce() + Send + 'static) {
        self.group(et).on_all_started(Box::new(callback));
    }

    /// Ends the threads: each finishes the pass of its loop that is under way,
    /// what is still queued then is dropped, and the threads are joined: no
    /// handler is called after this returns. Called from a handler, on one of the
    /// processor's own threads, it does everything but join that one, whose pass
    /// goes on to its end.
    pub fn shutdown(&self) {
        self.shut_down.store(true, Ordering::SeqCst);
        for thread in self.threads.iter().map_while(|slot| slot.get()) {
            thread.signal_activity();
        }
        let me = thread::current().id();
        let handles = std::mem::take(&mut *self.handles.lock());
        for handle in handles {
            if handle.thread().id() != me {
                // A panic of the thread has been reported by the panic hook.
                let _ = handle.join();
            }
        }
    }

    /// Runs the continuations that wait for a thread of these groups to start.
    /// Mirrors `initThreadState` and `thread_started`.
    fn init_thread_state(&self, thread: &Arc<EThread>) {
        for (number, group) in self.groups.iter().enumerate() {
            let et = super::group::EventType(u8::try_from(number).expect("eight groups"));
            if !thread.is_event_type(et) {
                continue;
            }
            let spawn_queue = group.spawn_queue.lock().clone();
            for cont in spawn_queue {
                let lock = weak_lock(cont.base().mutex().map(|mutex| &**mutex));
                call(&cont, lock.as_ref(), EventCode::EVENT_IMMEDIATE, Data::None);
            }
            group.thread_started();
        }
    }

    fn make_thread(
        self: &Arc<Self>,
        et: EventType,
        tt: ThreadType,
        thread_id: ThreadId,
    ) -> Arc<EThread> {
        let group = self.group(et);
        let id = group.len();
        let thread = self.enter(self.birth(id, format!("[{} {id}]", group.name()), tt, thread_id));
        thread.set_event_type(et);
        group.add(Arc::clone(&thread));
        thread
    }

    fn birth(
        self: &Arc<Self>,
        id: usize,
        name: String,
        tt: ThreadType,
        thread_id: ThreadId,
    ) -> Birth {
        Birth {
            processor: Arc::downgrade(self),
            index: usize::MAX,
            id,
            name,
            thread_id,
            tt,
            clock: Arc::clone(&self.clock),
            steps: self.steps.clone(),
            trace: self.trace.clone(),
            policy: self.policy,
            own_events: self.own_events,
        }
    }

    /// Enters a new thread into the table. The slot is filled before the length
    /// grows, for those who read the table at the same time.
    fn enter(&self, birth: Birth) -> Arc<EThread> {
        let _making = self.handles.lock();
        let index = self.n_threads.load(Ordering::Relaxed);
        assert!(index < MAX_EVENT_THREADS, "n_ethreads + n_threads <= MAX_EVENT_THREADS");
        let thread = EThread::new(Birth { index, ..birth });
        let entered = self.threads[index].set(Arc::clone(&thread));
        debug_assert!(entered.is_ok());
        self.n_threads.store(index + 1, Ordering::Release);
        thread
    }

    /// Starts the thread. Mirrors `Thread::start` and `EThread::execute`.
    fn start(
        self: &Arc<Self>,
        thread: Arc<EThread>,
        run: impl FnOnce(&EventProcessor, Arc<EThread>) + Send + 'static,
    ) {
        // Counted here and not by the thread itself: the clock must not move on
        // between the making of a thread and its first step.
        if let Some(time) = self.clock.virtual_time() {
            time.join();
        }
        let processor = Arc::clone(self);
        let name = thread.name().to_owned();
        let spawned = thread::Builder::new().name(name).spawn(move || {
            thread.adopt_os_thread();
            let _alive = Alive(Arc::clone(&thread));
            run(&processor, thread);
        });
        self.handles.lock().push(spawned.expect("the system gives a thread"));
    }
}

/// Ends an EThread when its run is over, even by a panic.
struct Alive(Arc<EThread>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.end();
        if let Some(time) = self.0.clock().virtual_time() {
            time.leave();
        }
    }
}
