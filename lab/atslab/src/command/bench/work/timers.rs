//! Timers and missed locks. In the server: `tests/probe/bench_events.cc`.
//!
//! They run in batches; only the time inside a batch counts.

use std::mem;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use conformance::ats::live::bench::{Answer, Job};
use eventsys::{
    ContRef, Data, EventCode, EventRef, HrTime, Invocation, Outcome, ProxyMutex, StateMachine,
    hrtime,
};

use super::{Begin, Count, SETTLE, Stage, signed};

const BATCH: i64 = 1000;

/// What the workloads of this file have in common.
struct Batches {
    stage: Arc<Stage>,
    job: Job,
    left: Count,
    began: Count,
    time: Count,
    callbacks: Count,
    driver: OnceLock<ContRef>,
}

impl Batches {
    fn new(stage: &Arc<Stage>, job: &Job) -> Batches {
        Batches {
            stage: Arc::clone(stage),
            job: job.clone(),
            left: Count::new(signed(job.ops) / BATCH),
            began: Count::default(),
            time: Count::default(),
            callbacks: Count::default(),
            driver: OnceLock::new(),
        }
    }

    fn call_driver(&self, span: HrTime) {
        if let Some(driver) = self.driver.get() {
            let (thread, driver) = (self.stage.thread(), Arc::clone(driver));
            if span > 0 {
                thread.schedule_in_local(driver, span);
            } else {
                thread.schedule_imm_local(driver);
            }
        }
    }

    /// An event scheduled from a timer waits for the next pass, which comes after a
    /// while; so a batch begins with an event of the queue.
    fn is_to_begin(&self, event: EventCode) -> bool {
        let is_timed = event == EventCode::EVENT_INTERVAL;
        if is_timed {
            self.call_driver(0);
        }
        !is_timed
    }

    fn begin_batch(&self) {
        self.began.set(self.stage.now(&self.job));
    }

    /// The next batch comes after `span`. True if this was the last.
    fn batch_is_over(&self, span: HrTime) -> bool {
        self.time.add(self.stage.now(&self.job) - self.began.get());
        let is_last = self.left.add(-1) == 0;
        if !is_last {
            self.call_driver(span);
        }
        is_last
    }

    fn finish(&self) {
        let (time, callbacks) = (self.time.get(), self.callbacks.get());
        self.stage.finish(Answer { time, callbacks, ..Answer::default() });
    }
}

/// Timers that are cancelled as soon as they are scheduled; the loop frees them.
struct Cancel {
    batches: Batches,
    is_freeing: Count,
    timer: OnceLock<ContRef>,
}

pub(super) fn cancel(stage: &Arc<Stage>, job: &Job) -> Begin {
    let work = Arc::new(Cancel {
        batches: Batches::new(stage, job),
        is_freeing: Count::default(),
        timer: OnceLock::new(),
    });
    let driver = StateMachine::new(ProxyMutex::new(), Arc::clone(&work), |work, _, event, _| {
        if work.batches.is_to_begin(event) {
            work.driven();
        }
        Outcome::Done
    });
    let timer = StateMachine::new(ProxyMutex::new(), Arc::clone(&work), |work, _, _, _| {
        work.batches.callbacks.add(1);
        Outcome::Done
    });
    work.batches.driver.get_or_init(|| driver);
    work.timer.get_or_init(|| timer);
    Box::new(move || work.batches.call_driver(0))
}

impl Cancel {
    fn driven(&self) {
        let batches = &self.batches;
        if self.is_freeing.get() != 0 {
            self.is_freeing.set(0);
            if batches.batch_is_over(0) {
                batches.finish();
            }
            return;
        }
        self.is_freeing.set(1);
        batches.begin_batch();
        if let Some(timer) = self.timer.get() {
            for _ in 0..BATCH {
                let thread = batches.stage.thread();
                thread.schedule_in_local(Arc::clone(timer), hrtime::seconds(30)).cancel();
            }
        }
        // Comes when all of them have been freed.
        batches.call_driver(0);
    }
}

/// Timers that are due at once, beside many that are not.
struct Fire {
    batches: Batches,
    timers: OnceLock<Vec<ContRef>>,
    waiting: Count,
}

pub(super) fn fire(stage: &Arc<Stage>, job: &Job) -> Begin {
    let work = Arc::new(Fire {
        batches: Batches::new(stage, job),
        timers: OnceLock::new(),
        waiting: Count::default(),
    });
    let driver = StateMachine::new(ProxyMutex::new(), Arc::clone(&work), |work, _, event, _| {
        if work.batches.is_to_begin(event) {
            work.driven();
        }
        Outcome::Done
    });
    let timer =
        |_| -> ContRef { StateMachine::new(ProxyMutex::new(), Arc::clone(&work), Fire::handle) };
    work.timers.get_or_init(|| (0..BATCH).map(timer).collect());
    work.batches.driver.get_or_init(|| driver);
    let pending = signed(job.many);
    Box::new(move || {
        let never = StateMachine::new(ProxyMutex::new(), (), |_, _, _, _| Outcome::Done);
        let stage = &work.batches.stage;
        // They stay for the rest of the process's life.
        while stage.pending.get() < pending {
            stage.thread().schedule_in_local(Arc::clone(&never), hrtime::seconds(3600));
            stage.pending.add(1);
        }
        work.batches.call_driver(SETTLE);
    })
}

impl Fire {
    fn driven(&self) {
        let batches = &self.batches;
        self.waiting.set(BATCH);
        batches.begin_batch();
        for timer in self.timers.get().into_iter().flatten() {
            batches.stage.thread().schedule_in_local(Arc::clone(timer), hrtime::mseconds(1));
        }
    }

    fn handle(self: &Arc<Fire>, _: &Invocation<'_>, _: EventCode, _: Data<'_>) -> Outcome {
        self.batches.callbacks.add(1);
        if self.waiting.add(-1) == 0 && self.batches.batch_is_over(0) {
            self.batches.finish();
        }
        Outcome::Done
    }
}

/// Events whose mutex another thread has: each misses it once, goes into the queue
/// of timers, and is cancelled.
struct LockMiss {
    batches: Batches,
    /// How often the driver has been called in this batch: at its beginning, when
    /// all have missed, and when all are in the queue of timers.
    stage: Count,
    target: OnceLock<ContRef>,
    events: Mutex<Vec<EventRef>>,
    /// Makes the other thread give the mutex back.
    let_go: OnceLock<std::sync::mpsc::Sender<()>>,
}

pub(super) fn lock_miss(stage: &Arc<Stage>, job: &Job) -> Begin {
    let work = Arc::new(LockMiss {
        batches: Batches::new(stage, job),
        stage: Count::default(),
        target: OnceLock::new(),
        events: Mutex::default(),
        let_go: OnceLock::new(),
    });
    let driver = StateMachine::new(ProxyMutex::new(), Arc::clone(&work), |work, _, event, _| {
        if work.batches.is_to_begin(event) {
            work.driven();
        }
        Outcome::Done
    });
    let target = StateMachine::new(ProxyMutex::new(), Arc::clone(&work), |work, _, _, _| {
        work.batches.callbacks.add(1);
        Outcome::Done
    });
    let mutex = Arc::clone(target.mutex());
    work.batches.driver.get_or_init(|| driver);
    work.target.get_or_init(|| target);
    Box::new(move || {
        let (let_go, over) = channel();
        let (held, is_held) = channel();
        work.let_go.get_or_init(|| let_go);
        let for_holder = Arc::clone(&work);
        work.batches.stage.produce(0, move || {
            let guard = mutex.lock();
            // An error means that the receiver has gone.
            let _ = held.send(());
            let _ = over.recv();
            drop(guard);
            for_holder.batches.finish();
        });
        let _ = is_held.recv();
        work.batches.call_driver(0);
    })
}

impl LockMiss {
    fn driven(&self) {
        let batches = &self.batches;
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let stage = self.stage.get();
        self.stage.set((stage + 1) % 3);
        match stage {
            0 => {
                batches.begin_batch();
                if let Some(target) = self.target.get() {
                    for _ in 0..BATCH {
                        let thread = batches.stage.thread();
                        events.push(thread.schedule_imm_local(Arc::clone(target)));
                    }
                }
                batches.call_driver(0);
            }
            1 => batches.call_driver(0),
            _ => {
                let is_last = batches.batch_is_over(SETTLE);
                for event in mem::take(&mut *events) {
                    event.cancel();
                }
                if let (true, Some(let_go)) = (is_last, self.let_go.get()) {
                    let _ = let_go.send(());
                }
            }
        }
    }
}
