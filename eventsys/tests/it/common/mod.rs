//! What the suites share: a stage, actors, and a diary.
//!
//! A *stage* is one adopted thread in virtual time. An *actor* is a continuation
//! made of a closure. What actors do they note in the *diary*, each line with its
//! time in microseconds since the stage was made, so that a test can state the
//! whole run as one list: nothing sleeps, nothing has a tolerance.
//!
//! The numbers can be worked out by hand. The stage begins on a boundary of all
//! buckets; a pass takes 1 us ([`eventsys::PASS_COST`]) and then sleeps; so the
//! first pass of a stage works at 1, and after a sleep of `s` the next one works
//! at `1 + s + 1`.
#![allow(dead_code, unreachable_pub)] // Shared by suites none of which needs everything.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use eventsys::{
    AdoptedThread, Clock, ContRef, Data, EThread, EventCode, EventProcessor, EventRef,
    FreeContinuation, Guard, HrTime, Invocation, Outcome, ProxyMutex, StateMachine, hrtime,
};

/// One line: when (us), what.
pub type Line = (i64, &'static str);

/// What happened, and when.
pub struct Diary {
    clock: Arc<Clock>,
    start: HrTime,
    lines: Mutex<Vec<Line>>,
}

impl Diary {
    pub fn new(clock: &Arc<Clock>) -> Arc<Diary> {
        let (clock, start) = (Arc::clone(clock), clock.get_hrtime_updated());
        Arc::new(Diary { clock, start, lines: Mutex::default() })
    }

    /// Microseconds since the diary was begun.
    pub fn now(&self) -> i64 {
        (self.clock.get_hrtime_updated() - self.start) / hrtime::useconds(1)
    }

    pub fn note(&self, what: &'static str) {
        let line = (self.now(), what);
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    /// Takes out every line noted so far.
    pub fn take(&self) -> Vec<Line> {
        std::mem::take(&mut self.lines.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes out every line noted so far, without the times.
    pub fn take_names(&self) -> Vec<&'static str> {
        self.take().into_iter().map(|(_, what)| what).collect()
    }
}

/// One call of an actor.
pub struct Call<'a> {
    pub invocation: &'a Invocation<'a>,
    pub code: EventCode,
    data: Data<'a>,
    diary: &'a Diary,
}

impl Call<'_> {
    pub fn note(&self, what: &'static str) {
        self.diary.note(what);
    }

    /// The actor itself, to be scheduled again.
    pub fn this(&self) -> ContRef {
        Arc::clone(self.invocation.this())
    }

    pub fn guard(&self) -> &Guard<'_> {
        self.invocation.guard()
    }

    /// The event that is being dispatched.
    pub fn event(&self) -> EventRef {
        match self.data {
            Data::Event(event) => event,
            _ => panic!("called without an event"),
        }
    }

    pub fn thread(&self) -> Arc<EThread> {
        EThread::current().expect("actors are called on event threads")
    }
}

/// What an actor does.
pub type Act = Box<dyn Fn(&Call<'_>) + Send>;

/// A continuation under a mutex, made of a closure.
pub type Actor = StateMachine<(Arc<Diary>, Act)>;

/// An actor under this mutex.
pub fn actor_under(
    mutex: &Arc<ProxyMutex>,
    diary: &Arc<Diary>,
    act: impl Fn(&Call<'_>) + Send + 'static,
) -> Arc<Actor> {
    let state: (_, Act) = (Arc::clone(diary), Box::new(act));
    StateMachine::new(Arc::clone(mutex), state, |(diary, act), invocation, code, data| {
        act(&Call { invocation, code, data, diary });
        Outcome::Done
    })
}

/// One adopted thread in virtual time.
pub struct Stage {
    pub thread: AdoptedThread,
    pub processor: Arc<EventProcessor>,
    pub diary: Arc<Diary>,
}

impl Stage {
    pub fn new() -> Stage {
        Stage::on(Clock::new_virtual())
    }

    pub fn on(clock: Arc<Clock>) -> Stage {
        let processor = EventProcessor::new(clock);
        let diary = Diary::new(processor.clock());
        Stage { thread: processor.adopt_current_thread("ET_NET"), processor, diary }
    }

    /// An actor under a mutex of its own.
    pub fn actor(&self, act: impl Fn(&Call<'_>) + Send + 'static) -> Arc<Actor> {
        actor_under(&ProxyMutex::new(), &self.diary, act)
    }

    /// An actor that notes its name each time it is called.
    pub fn noting(&self, name: &'static str) -> Arc<Actor> {
        self.actor(move |call| call.note(name))
    }

    /// An actor without a mutex.
    pub fn free_actor(&self, act: impl Fn(&Call<'_>) + Send + Sync + 'static) -> ContRef {
        let diary = Arc::clone(&self.diary);
        FreeContinuation::new(move |invocation, code, data| {
            act(&Call { invocation, code, data, diary: &diary });
            Outcome::Done
        })
    }

    pub fn passes(&self, n: usize) {
        (0..n).for_each(|_| self.thread.run_pass());
    }

    /// The time (ns) that is `us` microseconds after the stage was made.
    pub fn at(&self, us: i64) -> HrTime {
        self.diary.start + hrtime::useconds(us)
    }
}

/// Runs `f` on a thread that is no EThread, and waits for its end.
pub fn on_foreign_thread<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| match scope.spawn(f).join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

/// What `f` says when it panics.
pub fn panic_of<R>(f: impl FnOnce() -> R) -> String {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => String::from("no panic"),
        Err(panic) => panic
            .downcast::<String>()
            .map(|text| *text)
            .or_else(|panic| panic.downcast::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_default(),
    }
}

/// Lets `us` microseconds of virtual time go by while the caller's thread works:
/// another thread runs that many passes, none of which sleeps, since a poll event
/// keeps its local queue from being empty.
pub fn let_time_pass(clock: &Arc<Clock>, us: i64) {
    on_foreign_thread(|| {
        let other = EventProcessor::new(Arc::clone(clock)).adopt_current_thread("ET_NET");
        let poll = FreeContinuation::new(|_, _, _| Outcome::Cont);
        other.schedule_every_local(poll, -1);
        (0..us).for_each(|_| other.run_pass());
    });
}

/// Calls `f` while a thread that is no EThread holds `mutex`.
pub fn while_held_elsewhere<R>(mutex: &Arc<ProxyMutex>, f: impl FnOnce() -> R) -> R {
    let (is_held, held) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let _guard = mutex.lock();
            let _ = is_held.send(());
            // Ends when `release` is dropped, even by a panic of `f`.
            let _ = released.recv();
        });
        held.recv().expect("the holder lives");
        let result = f();
        drop(release);
        result
    })
}

/// Calls a closure when it is dropped: a cookie, or a part of a state machine.
pub struct OnDrop(Mutex<Option<Box<dyn FnOnce() + Send>>>);

pub fn on_drop(f: impl FnOnce() + Send + 'static) -> OnDrop {
    OnDrop(Mutex::new(Some(Box::new(f))))
}

impl Drop for OnDrop {
    fn drop(&mut self) {
        let f = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        f.into_iter().for_each(|f| f());
    }
}

/// Runs `f`, which could wait for ever where the code is broken, and says so then.
/// The time is only the patience of who waits for a failure.
pub fn must_end<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> R {
    let (end, ended) = mpsc::channel();
    let runs = std::thread::spawn(move || {
        let result = f();
        let _ = end.send(());
        result
    });
    let waited = ended.recv_timeout(std::time::Duration::from_secs(30));
    assert_ne!(waited, Err(mpsc::RecvTimeoutError::Timeout), "it does not end");
    match runs.join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Calls `f` while other threads are EThreads of these groups, made in this order.
/// Their clock must not be one that waits for them.
pub fn beside<R>(processor: &Arc<EventProcessor>, groups: &[&str], f: impl FnOnce() -> R) -> R {
    std::thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        let stay: Vec<_> = groups
            .iter()
            .map(|group| {
                let (leave, left) = mpsc::channel::<()>();
                let tell = tell.clone();
                scope.spawn(move || {
                    let _thread = processor.adopt_current_thread(group);
                    let _ = tell.send(());
                    // Ends when `stay` is dropped, even by a panic of `f`.
                    let _ = left.recv();
                });
                told.recv().expect("it is adopted");
                leave
            })
            .collect();
        let result = f();
        drop(stay);
        result
    })
}
