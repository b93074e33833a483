//! Foreign threads that keep a mutex for a while, at exact moments.
//!
//! Whether a try-lock misses depends only on who holds the mutex, and the
//! event loop waits until the foreign thread has it: so it is exact, and the
//! same in every run, although the thread is a real one. It does not take part
//! in virtual time.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use eventsys::steps::Side;
use eventsys::{
    Clock, Data, EThread, EventCode, HrTime, Invocation, Outcome, ProxyMutex, Request, StateMachine,
};

use super::record::{HoldChange, Recorder, What};

/// Takes and gives back the mutexes of the two ends, from events of its own:
/// there, the event thread itself holds none of them.
pub(super) type Holder = StateMachine<Holds>;

/// The event that takes a mutex; plus the index of whose.
const TAKE: i32 = 9000;
/// The event that gives it back.
const GIVE_BACK: i32 = 9010;

/// The mutexes, and who has them.
pub(super) struct Holds {
    /// The active end's, the passive end's, perhaps the same, and the core's.
    mutexes: [Arc<ProxyMutex>; 3],
    held: RefCell<Vec<(Arc<ProxyMutex>, Held)>>,
    /// How often each is to be given back yet.
    kept: RefCell<Vec<Arc<ProxyMutex>>>,
    over: std::cell::Cell<bool>,
    /// Takes the records of the run, if anyone wants them.
    recorder: Option<(Arc<Recorder>, Arc<Clock>)>,
}

/// A holder for the mutexes of the two ends and the core.
pub(super) fn new_holder(
    mutexes: [&Arc<ProxyMutex>; 3],
    recorder: Option<(Arc<Recorder>, Arc<Clock>)>,
) -> Arc<Holder> {
    let holds = Holds {
        mutexes: mutexes.map(Arc::clone),
        held: RefCell::default(),
        kept: RefCell::default(),
        over: std::cell::Cell::new(false),
        recorder,
    };
    StateMachine::new(ProxyMutex::new(), holds, Holds::handle)
}

/// Has the mutex of `side` taken by an immediate event of `thread`, for `span`.
pub(super) fn hold(holder: &Arc<Holder>, thread: &EThread, side: Side, span: HrTime) {
    let code = EventCode(TAKE + index(side));
    let request = Request::new(Arc::clone(holder) as eventsys::ContRef);
    let request = request.code(code).cookie(Arc::new(span));
    if is_current(thread) {
        thread.schedule_imm_local(request);
    } else {
        thread.schedule_imm(request);
    }
}

/// Takes the mutex of `side` now, and has it given back after `span` by an event
/// of `thread`.
pub(super) fn hold_now(holder: &Arc<Holder>, thread: &EThread, side: Side, span: HrTime) {
    let index = index(side);
    let guard = holder.mutex().lock();
    let holds = holder.state(&guard);
    holds.take(index);
    let request = Request::new(Arc::clone(holder) as eventsys::ContRef);
    call_in(thread, request.code(EventCode(GIVE_BACK + index)), span);
}

/// Schedules on `thread`; on the current one by its local queue, as PluginVC does.
pub(super) fn call_in(thread: &EThread, request: Request, span: HrTime) {
    if is_current(thread) {
        thread.schedule_in_local(request, span);
    } else {
        thread.schedule_in(request, span);
    }
}

fn is_current(thread: &EThread) -> bool {
    EThread::with_current(|current| current.is_some_and(|current| std::ptr::eq(&**current, thread)))
}

/// Gives the mutex of `side` back at once: somebody is going to wait for it, and
/// virtual time does not pass meanwhile.
pub(super) fn give_way(holder: &Holder, side: Side) {
    let guard = holder.mutex().lock();
    let holds = holder.state(&guard);
    let mutex = &holds.mutexes[index(side) as usize];
    holds.kept.borrow_mut().retain(|kept| !Arc::ptr_eq(kept, mutex));
    if holds.is_held(mutex) {
        holds.held.borrow_mut().retain(|(held, _)| !Arc::ptr_eq(held, mutex));
        holds.note(index(side), HoldChange::GivesWay);
    }
}

/// Gives everything back and takes nothing any more.
pub(super) fn release_all(holder: &Holder) {
    let guard = holder.mutex().lock();
    let holds = holder.state(&guard);
    holds.over.set(true);
    holds.kept.borrow_mut().clear();
    holds.held.borrow_mut().clear();
}

/// Whose mutex: 0 the active end's, 1 the passive end's, 2 the core's.
fn index(side: Side) -> i32 {
    match side {
        Side::Active => 0,
        Side::Passive => 1,
        Side::Pair => 2,
    }
}

impl Holds {
    fn handle(&self, call: &Invocation<'_>, code: EventCode, data: Data<'_>) -> Outcome {
        if self.over.get() {
            return Outcome::Done;
        }
        let Data::Event(event) = data else { return Outcome::Done };
        if code.0 >= GIVE_BACK {
            self.give_back(code.0 - GIVE_BACK);
        } else {
            let index = code.0 - TAKE;
            let cookie = event.cookie().expect("the span comes along");
            let span = *cookie.downcast_ref::<HrTime>().expect("a span");
            let thread = EThread::current().expect("an event has a thread");
            self.take(index);
            let request = Request::new(Arc::clone(call.this()));
            thread.schedule_in_local(request.code(EventCode(GIVE_BACK + index)), span);
        }
        Outcome::Done
    }

    /// One who has it already keeps it until the last `give_back`.
    fn take(&self, index: i32) {
        let mutex = &self.mutexes[index as usize];
        self.kept.borrow_mut().push(Arc::clone(mutex));
        if self.is_held(mutex) {
            return self.note(index, HoldChange::KeepsOn);
        }
        self.held.borrow_mut().push((Arc::clone(mutex), Held::new(mutex)));
        self.note(index, HoldChange::Takes);
    }

    fn is_held(&self, mutex: &Arc<ProxyMutex>) -> bool {
        self.held.borrow().iter().any(|(known, _)| Arc::ptr_eq(known, mutex))
    }

    fn note(&self, index: i32, change: HoldChange) {
        let whose = [Side::Active, Side::Passive, Side::Pair][index as usize];
        if let Some((recorder, clock)) = &self.recorder {
            recorder.note(clock, What::Hold { whose, change });
        }
    }

    fn give_back(&self, index: i32) {
        let mutex = &self.mutexes[index as usize];
        let mut kept = self.kept.borrow_mut();
        if let Some(at) = kept.iter().position(|known| Arc::ptr_eq(known, mutex)) {
            kept.remove(at);
        }
        let is_kept = kept.iter().any(|known| Arc::ptr_eq(known, mutex));
        drop(kept);
        if !is_kept && self.is_held(mutex) {
            self.held.borrow_mut().retain(|(known, _)| !Arc::ptr_eq(known, mutex));
            self.note(index, HoldChange::GivesBack);
        }
    }
}

/// A mutex that a foreign thread has, until this is dropped.
struct Held {
    release: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Held {
    /// Returns when the thread has it.
    fn new(mutex: &Arc<ProxyMutex>) -> Held {
        let (has_it, wait) = channel();
        let (release, released) = channel();
        let mutex = Arc::clone(mutex);
        let thread = std::thread::spawn(move || {
            let _guard = mutex.lock();
            // An error in either means that the other end is gone.
            let _ = has_it.send(());
            let _: Result<(), _> = released.recv();
        });
        let _ = wait.recv();
        Held { release: Some(release), thread: Some(thread) }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.release.take());
        // It cannot panic; if it did, the mutex would be free all the same.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
