//! Making threads, and running them.
//!
//! Mirrors `spawn_event_threads`, `spawn_thread`, `schedule_spawn` and
//! `initThreadState` of `UnixEventProcessor.cc`, and `EThread::execute`.
//!
//! Either all threads of a call are made, or none. Each waits at a door of its own until the last
//! of them has been made; only then are they entered into their group and the clock. If one cannot
//! be made, the doors are dropped, and the other threads end without taking a step.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use super::{EventProcessor, EventType, MAX_EVENT_THREADS};
use crate::clock::Participant;
use crate::code::EventCode;
use crate::contain::contain;
use crate::continuation::{ContRef, Data, call};
use crate::ethread::{AdoptedThread, Birth, EThread, EventLoop, ThreadType};
use crate::mutex::weak_lock;
use crate::sync::atomic::Ordering;
use crate::sync::{MutexGuard, mpsc, thread};
use crate::thread_id::ThreadId;

/// The work of a thread, from its first step to its last.
type Run = Arc<dyn Fn(&EventProcessor, &Arc<EThread>) + Send + Sync>;

type Handles = Vec<thread::JoinHandle<()>>;

impl EventProcessor {
    /// Makes `n` threads that run the event loop, in the group of this name.
    /// Mirrors `spawn_event_threads`. If the processor has shut down, they end at once.
    ///
    /// # Panics
    /// If `n` is 0, if there would be more than [`MAX_EVENT_THREADS`], or if the system gives no
    /// thread, as for a name with a zero byte. Then no thread has run, and the group is as before.
    pub fn spawn_event_threads(self: &Arc<Self>, name: &str, n: usize) -> EventType {
        assert!(n > 0, "n_threads > 0");
        let et = self.register_event_type(name);
        let run: Run = Arc::new(|processor, thread| {
            processor.init_thread_state(thread);
            let event_loop = EventLoop::of(thread);
            while !processor.is_shut_down() {
                event_loop.pass();
            }
        });
        self.make(n, &run, |n| self.birth_in(et, n)).let_go();
        et
    }

    /// Makes a thread that calls `cont` back once, with `EVENT_IMMEDIATE`, and
    /// ends when the handler returns. A continuation without a mutex gets the
    /// thread's own. The handler should look at
    /// [`EventProcessor::is_shut_down`] from time to time; it is not called if the
    /// processor has shut down by then. Mirrors `spawn_thread`.
    ///
    /// # Panics
    /// As [`EventProcessor::spawn_event_threads`].
    pub fn spawn_thread(self: &Arc<Self>, cont: ContRef, name: &str) {
        // `base` is user code, so it is called before anything is made. `drop` is user code
        // too, so one reference stays here: a thread that cannot be made drops its own
        // under our lock.
        let base = cont.base();
        let its = Arc::clone(&cont);
        let run: Run = Arc::new(move |processor, _| {
            let lock = weak_lock(its.base().mutex().map(|mutex| &**mutex));
            if !processor.is_shut_down() {
                call(&its, lock.as_ref(), EventCode::EVENT_IMMEDIATE, Data::None);
            }
        });
        let birth = || Birth { tt: ThreadType::Dedicated, ..self.birth(0, name.to_owned()) };
        let made = self.make(1, &run, |_| birth());
        for thread in &made.threads {
            base.inherit_mutex(thread.mutex());
        }
        made.let_go();
    }

    /// Makes the calling thread an EThread of the group of this name, until the
    /// returned value is dropped.
    ///
    /// # Panics
    /// If an EThread runs on the calling thread already, or if there would be
    /// more than [`MAX_EVENT_THREADS`]. Then nothing has changed. (Also refused in the destructor
    /// of a thread-local, where the thread can no longer hold an EThread.)
    #[must_use]
    pub fn adopt_current_thread(self: &Arc<Self>, name: &str) -> AdoptedThread {
        EThread::check_that_none_runs_here();
        let et = self.register_event_type(name);
        let thread_id = ThreadId::current();
        let entered = {
            let mut making = self.handles.lock();
            let birth = || Birth { thread_id, works: false, ..self.birth_in(et, 0) };
            self.room_for(&making, 1).map(|first| {
                let thread = EThread::new(Birth { index: first, ..birth() });
                self.enter(&mut making, &thread, None);
                thread
            })
        };
        let thread = entered.unwrap_or_else(|refusal| panic!("{refusal}"));
        let adopted = AdoptedThread::new(Arc::clone(&thread));
        let _working = thread.work();
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

    /// Runs the continuations that wait for a thread of these groups to start, unless
    /// the processor has shut down. Mirrors `initThreadState` and `thread_started`.
    fn init_thread_state(&self, thread: &Arc<EThread>) {
        for (number, group) in self.groups.iter().enumerate() {
            let et = super::group::EventType(u8::try_from(number).expect("eight groups"));
            if !thread.is_event_type(et) {
                continue;
            }
            let spawn_queue = group.spawn_queue.lock().clone();
            for cont in spawn_queue {
                if self.is_shut_down() {
                    return;
                }
                let lock = weak_lock(cont.base().mutex().map(|mutex| &**mutex));
                call(&cont, lock.as_ref(), EventCode::EVENT_IMMEDIATE, Data::None);
            }
            group.thread_started();
        }
    }

    /// A new thread for group `et`, numbered after those of the group and `n` more.
    fn birth_in(self: &Arc<Self>, et: EventType, n: usize) -> Birth {
        let group = self.group(et);
        let id = group.len() + n;
        Birth { group: Some(et), ..self.birth(id, format!("[{} {id}]", group.name())) }
    }

    fn birth(self: &Arc<Self>, id: usize, name: String) -> Birth {
        Birth {
            processor: Arc::downgrade(self),
            index: usize::MAX,
            id,
            name,
            group: None,
            thread_id: ThreadId::fresh(),
            tt: ThreadType::Regular,
            clock: Arc::clone(&self.clock),
            steps: self.steps.clone(),
            trace: self.trace.clone(),
            policy: self.policy,
            loop_time: self.loop_time,
            cancelled: self.cancelled,
            own_events: self.own_events,
            shutdown: Arc::clone(&self.shutdown),
            works: true,
        }
    }

    /// Makes `n` system threads that will call `run`, and enters them.
    ///
    /// # Panics
    /// If that is not possible.
    fn make(self: &Arc<Self>, n: usize, run: &Run, birth: impl Fn(usize) -> Birth) -> Made {
        // Not under the lock of `try_make`: a panic hook is user code.
        self.try_make(n, run, birth).unwrap_or_else(|refusal| panic!("{refusal}"))
    }

    fn try_make(
        self: &Arc<Self>,
        n: usize,
        run: &Run,
        birth: impl Fn(usize) -> Birth,
    ) -> Result<Made, String> {
        let mut making = self.handles.lock();
        let first = self.room_for(&making, n)?;
        let mut waiting = Vec::new();
        for n in 0..n {
            let thread = EThread::new(Birth { index: first + n, ..birth(n) });
            let (door, opened) = mpsc::channel();
            let its = Started { processor: Arc::clone(self), thread: Arc::clone(&thread), opened };
            let handle = its.spawn(Arc::clone(run))?;
            waiting.push((thread, door, handle));
        }
        // All are there, and from here on nothing fails.
        let mut made = Made::default();
        for (thread, door, handle) in waiting {
            self.enter(&mut making, &thread, Some(handle));
            // Counted here and not by the thread itself: the clock must not move on
            // between the making of a thread and its first step.
            made.doors.push((door, self.clock.participate()));
            made.threads.push(thread);
        }
        Ok(made)
    }

    /// The index of the first of `n` more threads.
    fn room_for(&self, _making: &MutexGuard<'_, Handles>, n: usize) -> Result<usize, String> {
        let made = self.n_threads.load(Ordering::Relaxed);
        if n > MAX_EVENT_THREADS - made {
            return Err("n_ethreads + n_threads <= MAX_EVENT_THREADS".to_owned());
        }
        Ok(made)
    }

    /// Enters a new thread into the table and its group. The slot is filled before the
    /// length grows, for threads that read the table at the same time.
    fn enter(
        &self,
        making: &mut MutexGuard<'_, Handles>,
        thread: &Arc<EThread>,
        handle: Option<thread::JoinHandle<()>>,
    ) {
        let entered = self.threads[thread.index()].set(Arc::clone(thread));
        debug_assert!(entered.is_ok());
        self.n_threads.store(thread.index() + 1, Ordering::Release);
        if let Some(et) = thread.group() {
            self.group(et).add(Arc::clone(thread));
        }
        making.extend(handle);
    }
}

/// Threads that have been entered, and wait at their doors.
#[derive(Default)]
struct Made {
    threads: Vec<Arc<EThread>>,
    doors: Vec<(mpsc::Sender<Option<Participant>>, Option<Participant>)>,
}

impl Made {
    /// Opens the doors: the threads take their first step.
    fn let_go(self) {
        for (door, takes_part) in self.doors {
            let _ = door.send(takes_part);
        }
    }
}

/// A thread that the processor has started, on its side of the door.
struct Started {
    processor: Arc<EventProcessor>,
    thread: Arc<EThread>,
    opened: mpsc::Receiver<Option<Participant>>,
}

impl Started {
    fn spawn(self, run: Run) -> Result<thread::JoinHandle<()>, String> {
        let name = self.thread.name().to_owned();
        if name.contains('\0') {
            return Err(format!("the name of a thread has no zero byte: {name:?}"));
        }
        let spawned = thread::Builder::new().name(name).spawn(move || self.wait_and_live(run));
        spawned.map_err(|error| format!("the system gives no thread: {error}"))
    }

    fn wait_and_live(self, run: Run) {
        let Started { processor, thread, opened } = self;
        // If another thread could not be made, this thread ends without a step.
        if let Ok(takes_part) = opened.recv() {
            thread.adopt_os_thread();
            Alive { processor, thread, takes_part }.live(run);
        }
    }
}

/// A thread of the processor's own, from its first step to its last. When it is
/// dropped, even by a panic, the thread ends, the clock goes on, and `shutdown` waits
/// for it no longer.
struct Alive {
    processor: Arc<EventProcessor>,
    thread: Arc<EThread>,
    takes_part: Option<Participant>,
}

impl Alive {
    /// Mirrors `EThread::execute`.
    fn live(self, run: Run) {
        let live = || {
            run(&self.processor, &self.thread);
            drop(run);
        };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(live)) {
            self.tell_of(&*panic);
            resume_unwind(panic);
        }
    }

    /// Ends the event system because of a panic on this thread.
    fn tell_of(&self, panic: &(dyn Any + Send)) {
        self.processor.shutdown.note(self.thread.name(), panic);
        // A tail handler's signal is user code, and may panic.
        let _ = contain(|| self.processor.begin_to_shut_down());
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        if let Err(panic) = self.thread.end() {
            self.tell_of(&*panic);
        }
        drop(self.takes_part.take());
        // Last: `shutdown` returns when all this is done.
        self.thread.rest();
    }
}
