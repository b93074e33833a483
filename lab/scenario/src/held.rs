//! Foreign threads that keep a mutex for a while, at exact moments.
//!
//! Whether a try-lock misses depends only on which thread holds the mutex, and the
//! event loop waits until the foreign thread has it: so a miss is exact, and the
//! same in every run, although the thread is a real one. The thread does not take
//! part in virtual time.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use eventsys::sync::mpsc::{Sender, channel};
use eventsys::sync::thread::{self, JoinHandle};
use eventsys::{
    Clock, Data, EThread, EventCode, HrTime, Invocation, Outcome, ProxyMutex, Request, StateMachine,
};

use super::op::Owner;
use super::record::{HoldChange, Recorder, What};

/// Takes and gives back the mutexes of the two ends, from events of its own:
/// there, the event thread itself holds none of them.
pub(super) type Holder = StateMachine<Holds>;

/// The event that takes a mutex; plus the index of the owner.
const TAKE: i32 = 9000;
/// The event that gives it back.
const GIVE_BACK: i32 = 9010;

/// The mutexes, and which of them foreign threads have.
pub(super) struct Holds {
    /// The active end's, the passive end's, perhaps the same, and the core's.
    mutexes: [Arc<ProxyMutex>; 3],
    /// By the owner of the mutex; if two owners share one, the first counts.
    held: RefCell<[Option<Held>; 3]>,
    /// How many times each must still be given back.
    kept: Cell<[u32; 3]>,
    over: Cell<bool>,
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
        kept: Cell::default(),
        over: Cell::new(false),
        recorder,
    };
    StateMachine::new(ProxyMutex::new(), holds, Holds::handle)
}

/// Has the mutex of `whose` taken by an immediate event of `thread`, for `span`.
pub(super) fn hold(holder: &Arc<Holder>, thread: &EThread, whose: Owner, span: HrTime) {
    let code = EventCode(TAKE + index(whose));
    let request = Request::new(Arc::clone(holder) as eventsys::ContRef);
    let request = request.code(code).cookie(Arc::new(span));
    if is_current(thread) {
        thread.schedule_imm_local(request);
    } else {
        thread.schedule_imm(request);
    }
}

/// Takes the mutex of `whose` now, and has it given back after `span` by an event
/// of `thread`.
pub(super) fn hold_now(holder: &Arc<Holder>, thread: &EThread, whose: Owner, span: HrTime) {
    let index = index(whose);
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

/// Gives the mutex of `whose` back at once: an event thread is about to wait for it,
/// and virtual time does not pass meanwhile.
pub(super) fn give_way(holder: &Holder, whose: Owner) {
    let guard = holder.mutex().lock();
    let holds = holder.state(&guard);
    holds.change_kept(index(whose), |_| 0);
    holds.let_go(index(whose), HoldChange::GivesWay);
}

/// Gives everything back and takes nothing any more.
pub(super) fn release_all(holder: &Holder) {
    let guard = holder.mutex().lock();
    let holds = holder.state(&guard);
    holds.over.set(true);
    holds.kept.set([0; 3]);
    drop(holds.held.take());
}

fn index(whose: Owner) -> i32 {
    whose.index() as i32
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

    /// A thread that has it already keeps it until the last `give_back`.
    fn take(&self, index: i32) {
        self.change_kept(index, |kept| kept + 1);
        let whose = self.whose(index);
        if self.held.borrow()[whose].is_some() {
            return self.note(index, HoldChange::KeepsOn);
        }
        let held = Held::new(&self.mutexes[whose]);
        self.held.borrow_mut()[whose] = Some(held);
        self.note(index, HoldChange::Takes);
    }

    fn give_back(&self, index: i32) {
        // Nothing to do for a mutex that was given back early.
        if self.change_kept(index, |kept| kept.saturating_sub(1)) == 0 {
            self.let_go(index, HoldChange::GivesBack);
        }
    }

    /// Gives the mutex back, if a foreign thread has it.
    fn let_go(&self, index: i32, change: HoldChange) {
        let held = self.held.borrow_mut()[self.whose(index)].take();
        if held.is_some() {
            drop(held);
            self.note(index, change);
        }
    }

    fn change_kept(&self, index: i32, change: impl Fn(u32) -> u32) -> u32 {
        let (mut kept, whose) = (self.kept.get(), self.whose(index));
        kept[whose] = change(kept[whose]);
        self.kept.set(kept);
        kept[whose]
    }

    /// The place of a mutex in the lists: where both ends share one, the active end's.
    fn whose(&self, index: i32) -> usize {
        let is_shared = Arc::ptr_eq(&self.mutexes[0], &self.mutexes[1]);
        if is_shared && index == 1 { 0 } else { index as usize }
    }

    fn note(&self, index: i32, change: HoldChange) {
        let whose = Owner::ALL[index as usize];
        if let Some((recorder, clock)) = &self.recorder {
            recorder.note(clock, What::Hold { whose, change });
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
        let thread = thread::spawn(move || {
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
