//! [`Continuation`]: what is called back.
//!
//! Mirrors `Continuation` of `iocore/eventsystem/I_Continuation.h` (9.1.3).
//!
//! # Contract
//! - [`call`] is the only way to call a continuation back. Its caller must hold
//!   the continuation's mutex, if it has one; that is checked, as in
//!   `Continuation::handleEvent`, in every build.
//! - The handler runs under that mutex and gets the guard in the
//!   [`Invocation`], as proof for everything that asks for one.
//! - The mutex may be absent. A continuation without one may be called by
//!   several threads at once. Scheduling it on an EThread by name gives it that
//!   thread's own mutex for ever (`EThread::schedule`, TS-4387).
//!
//! # Two ways to make one
//! [`StateMachine`](crate::StateMachine) is what a user wants: state under a
//! mutex and a handler that can be changed. A type that is more than a
//! continuation (PluginVC *is* a NetVConnection) implements the trait itself.

use std::any::Any;
use std::sync::{Arc, OnceLock};

use crate::code::{EventCode, Outcome};
use crate::event::EventRef;
use crate::mutex::{Guard, ProxyMutex};
use crate::sync::atomic::{AtomicUsize, Ordering};

/// A shared continuation, as events and VIOs hold it.
///
/// The example of [`Continuation`] schedules one.
pub type ContRef = Arc<dyn Continuation>;

/// What is called back with events.
///
/// Most state machines need no implementation of their own: [`StateMachine`](crate::StateMachine)
/// and [`FreeContinuation`](crate::FreeContinuation) are made of state and a function. A type
/// that is a continuation itself looks like this:
///
/// ```
/// use eventsys::{
///     Clock, Continuation, ContinuationBase, Data, EventCode, EventProcessor, Invocation, Outcome,
///     ProxyMutex,
/// };
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU32, Ordering};
///
/// struct Counter {
///     base: ContinuationBase,
///     calls: AtomicU32,
/// }
///
/// impl Continuation for Counter {
///     fn base(&self) -> &ContinuationBase {
///         &self.base
///     }
///
///     fn handle_event(&self, call: &Invocation<'_>, _: EventCode, _: Data<'_>) -> Outcome {
///         assert!(call.mutex().is_held(), "the event system has taken it");
///         self.calls.fetch_add(1, Ordering::Relaxed);
///         Outcome::Done
///     }
/// }
///
/// let thread = EventProcessor::new(Clock::new_virtual()).adopt_current_thread("ET_NET");
/// let base = ContinuationBase::new(ProxyMutex::new());
/// let counter = Arc::new(Counter { base, calls: AtomicU32::new(0) });
/// thread.schedule_imm(counter.clone());
/// thread.run_pass();
/// assert_eq!(counter.calls.load(Ordering::Relaxed), 1);
/// ```
pub trait Continuation: Any + Send + Sync {
    /// The part that every continuation has.
    fn base(&self) -> &ContinuationBase;

    /// Handles one event. Not called directly: see [`call`].
    fn handle_event(
        &self,
        invocation: &Invocation<'_>,
        event: EventCode,
        data: Data<'_>,
    ) -> Outcome;
}

/// What comes with an event.
///
/// ```
/// use eventsys::{Clock, Data, EventProcessor, FreeContinuation, Outcome};
///
/// let thread = EventProcessor::new(Clock::new_virtual()).adopt_current_thread("ET_NET");
/// // An event brings itself; a handler can reschedule it.
/// let again = FreeContinuation::new(|_, _, data| {
///     let Data::Event(event) = data else { unreachable!("nothing else calls it") };
///     assert!(event.is_live());
///     Outcome::Done
/// });
/// thread.schedule_imm(again);
/// thread.run_pass();
/// ```
#[derive(Clone, Copy)]
pub enum Data<'a> {
    /// Nothing.
    None,
    /// The event itself, from the event system.
    Event(EventRef),
    /// What a processor made or works on: a VIO, a virtual connection, a
    /// tunnel. `iocore::IoData` gives it its type back.
    Object(&'a dyn Any),
    /// A user's own value.
    Cookie(&'a (dyn Any + Send + Sync)),
}

/// One call of a handler: the continuation that is called, and the proof that its mutex is held.
///
/// The examples of [`Continuation`] and of [`Invocation::mutex`] use one.
pub struct Invocation<'a> {
    this: &'a ContRef,
    guard: Option<&'a Guard<'a>>,
}

impl<'a> Invocation<'a> {
    /// The continuation that is being called.
    #[must_use]
    pub fn this(&self) -> &'a ContRef {
        self.this
    }

    /// The guard of its mutex.
    ///
    /// # Panics
    /// If the continuation has no mutex.
    #[inline]
    #[track_caller]
    pub fn guard(&self) -> &'a Guard<'a> {
        self.guard.expect("this continuation has no mutex")
    }

    /// The mutex of the continuation, which this call holds: a handler binds its
    /// buffers to it.
    ///
    /// ```
    /// use eventsys::{Clock, EventProcessor, Outcome, ProxyMutex, StateMachine};
    ///
    /// let thread = EventProcessor::new(Clock::new_virtual()).adopt_current_thread("ET_NET");
    /// let machine = StateMachine::new(ProxyMutex::new(), (), |(), call, _, _| {
    ///     assert!(call.guard().is_of(call.mutex()));
    ///     Outcome::Done
    /// });
    /// thread.schedule_imm(machine);
    /// thread.run_pass();
    /// ```
    ///
    /// # Panics
    /// If the continuation has no mutex.
    #[inline]
    #[must_use]
    #[track_caller]
    pub fn mutex(&self) -> &'a Arc<ProxyMutex> {
        self.this.base().mutex().expect("this continuation has no mutex")
    }

    /// The guard of its mutex, if it has one.
    #[must_use]
    pub fn try_guard(&self) -> Option<&'a Guard<'a>> {
        self.guard
    }
}

/// Calls `cont` back. Mirrors `Continuation::handleEvent`.
///
/// `guard` is a proof that the caller has at hand; if it is of another mutex, or absent, the
/// function checks the continuation's own mutex.
///
/// # Panics
/// If the continuation has a mutex and the calling thread does not hold it:
/// `ink_release_assert(!mutex || mutex->thread_holding == this_ethread())`.
#[inline(always)]
#[doc(alias = "TSContCall")]
pub fn call(
    cont: &ContRef,
    guard: Option<&Guard<'_>>,
    event: EventCode,
    data: Data<'_>,
) -> Outcome {
    let again;
    let guard = match (cont.base().mutex(), guard) {
        (None, _) => None,
        (Some(mutex), Some(guard)) if guard.is_of(mutex) => Some(guard),
        (Some(mutex), _) => {
            again = mutex.reenter().expect("!mutex || mutex->thread_holding == this_ethread()");
            Some(&again)
        }
    };
    cont.handle_event(&Invocation { this: cont, guard }, event, data)
}

/// As [`call`], for a caller that has just taken the continuation's mutex for this very call.
#[inline]
pub(crate) fn call_under(
    cont: &ContRef,
    guard: &Guard<'_>,
    event: EventCode,
    data: Data<'_>,
) -> Outcome {
    cont.handle_event(&Invocation { this: cont, guard: Some(guard) }, event, data)
}

/// The part that every continuation has: its mutex and its thread affinity.
///
/// ```
/// use eventsys::{ContinuationBase, ProxyMutex};
///
/// let base = ContinuationBase::new(ProxyMutex::new());
/// assert!(base.mutex().is_some());
/// assert!(ContinuationBase::without_mutex().mutex().is_none());
/// assert_eq!(base.thread_affinity(), None, "until it is scheduled on a group");
/// ```
pub struct ContinuationBase {
    /// The mutex that it was made with. Never changed, so a guard of it is a proof
    /// for life.
    own: Option<Arc<ProxyMutex>>,
    /// The mutex that a continuation made without one got when it was first
    /// scheduled on a thread. Set once.
    inherited: OnceLock<Arc<ProxyMutex>>,
    /// The index of the EThread plus one, 0 for none. Read and set without a
    /// lock by every `schedule`, as in the original.
    affinity: AtomicUsize,
}

impl ContinuationBase {
    /// A continuation under `mutex`.
    #[must_use]
    pub fn new(mutex: Arc<ProxyMutex>) -> ContinuationBase {
        ContinuationBase { own: Some(mutex), ..ContinuationBase::without_mutex() }
    }

    /// A continuation without a mutex.
    #[must_use]
    pub fn without_mutex() -> ContinuationBase {
        ContinuationBase { own: None, inherited: OnceLock::new(), affinity: AtomicUsize::new(0) }
    }

    /// Its mutex. Mirrors `Continuation::getMutex`.
    #[inline]
    #[must_use]
    #[doc(alias = "TSContMutexGet")]
    pub fn mutex(&self) -> Option<&Arc<ProxyMutex>> {
        self.own.as_ref().or_else(|| self.inherited.get())
    }

    /// Gives a continuation without a mutex this one; the mutex that it has
    /// afterwards is returned.
    pub(crate) fn inherit_mutex(&self, mutex: &Arc<ProxyMutex>) -> &Arc<ProxyMutex> {
        match &self.own {
            Some(own) => own,
            None => self.inherited.get_or_init(|| Arc::clone(mutex)),
        }
    }

    /// The index, in its processor, of the EThread that this continuation keeps
    /// to. Mirrors `getThreadAffinity`.
    #[must_use]
    pub fn thread_affinity(&self) -> Option<usize> {
        self.affinity.load(Ordering::Relaxed).checked_sub(1)
    }

    /// Keeps the continuation to one EThread. If no thread has this number, the continuation goes
    /// to any thread. Mirrors `setThreadAffinity`.
    pub fn set_thread_affinity(&self, ethread: usize) {
        self.affinity.store(ethread.saturating_add(1), Ordering::Relaxed);
    }

    /// Lets the continuation go to any EThread again. Mirrors `clearThreadAffinity`.
    pub fn clear_thread_affinity(&self) {
        self.affinity.store(0, Ordering::Relaxed);
    }
}
