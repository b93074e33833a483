//! [`StateMachine`]: state under a mutex, and a handler that can be changed.

use std::cell::Cell;
use std::sync::Arc;

use crate::code::{EventCode, Outcome};
use crate::continuation::{Continuation, ContinuationBase, Data, Invocation};
use crate::guarded::Guarded;
use crate::mutex::{Guard, ProxyMutex};

/// The handler of a state machine with state `S`.
///
/// The example of [`StateMachine`] gives one as a closure that captures nothing.
pub type Handler<S> = fn(&S, &Invocation<'_>, EventCode, Data<'_>) -> Outcome;

/// A continuation made of state and a handler. Mirrors what every class derived
/// from `Continuation` does with `SET_HANDLER`.
///
/// The state is reached by the handler, which runs under the mutex, and by
/// [`StateMachine::state`] with a guard. It is shared even there, because a
/// handler may be entered again while it runs: its fields are `Cell`s.
///
/// ```
/// use std::cell::Cell;
/// use eventsys::{Clock, EventCode, EventProcessor, Outcome, ProxyMutex, StateMachine};
///
/// let processor = EventProcessor::new(Clock::new_virtual());
/// let thread = processor.adopt_current_thread("ET_NET");
/// let count = StateMachine::new(ProxyMutex::new(), Cell::new(0), |count, _, event, _| {
///     assert_eq!(event, EventCode::EVENT_IMMEDIATE);
///     count.set(count.get() + 1);
///     Outcome::Done
/// });
/// thread.schedule_imm(count.clone());
/// thread.run_pass();
/// assert_eq!(count.state(&count.mutex().lock()).get(), 1);
/// ```
pub struct StateMachine<S> {
    base: ContinuationBase,
    inner: Guarded<Inner<S>>,
}

/// What its mutex protects.
struct Inner<S> {
    handler: Cell<Handler<S>>,
    state: S,
}

impl<S: Send + 'static> StateMachine<S> {
    /// A state machine under `mutex`, in `state`, with `handler` as its first handler.
    #[doc(alias = "TSContCreate")]
    pub fn new(mutex: Arc<ProxyMutex>, state: S, handler: Handler<S>) -> Arc<StateMachine<S>> {
        Arc::new(StateMachine {
            base: ContinuationBase::new(Arc::clone(&mutex)),
            inner: Guarded::new(mutex, Inner { handler: Cell::new(handler), state }),
        })
    }

    /// Its mutex.
    pub fn mutex(&self) -> &Arc<ProxyMutex> {
        self.inner.mutex()
    }

    /// Its state.
    ///
    /// # Panics
    /// If `guard` is not of its mutex.
    #[inline]
    #[track_caller]
    #[doc(alias = "TSContDataGet")]
    pub fn state<'a>(&'a self, guard: &'a Guard<'_>) -> &'a S {
        &self.inner.get(guard).state
    }

    /// Changes the handler for the next event. Mirrors `SET_HANDLER`.
    ///
    /// # Panics
    /// If `guard` is not of its mutex.
    #[track_caller]
    pub fn set_handler(&self, guard: &Guard<'_>, handler: Handler<S>) {
        self.inner.get(guard).handler.set(handler);
    }
}

impl<S: Send + 'static> Continuation for StateMachine<S> {
    fn base(&self) -> &ContinuationBase {
        &self.base
    }

    fn handle_event(
        &self,
        invocation: &Invocation<'_>,
        event: EventCode,
        data: Data<'_>,
    ) -> Outcome {
        let inner = self.inner.get(invocation.guard());
        inner.handler.get()(&inner.state, invocation, event, data)
    }
}

/// A continuation without a mutex, made of a closure. Several threads may call
/// it at once, so it must be `Sync`.
///
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use eventsys::{Clock, EventProcessor, FreeContinuation, Outcome};
///
/// static CALLS: AtomicU32 = AtomicU32::new(0);
/// let thread = EventProcessor::new(Clock::new_virtual()).adopt_current_thread("ET_NET");
/// thread.schedule_imm(FreeContinuation::new(|_, _, _| {
///     CALLS.fetch_add(1, Ordering::Relaxed);
///     Outcome::Done
/// }));
/// thread.run_pass();
/// assert_eq!(CALLS.load(Ordering::Relaxed), 1);
/// ```
pub struct FreeContinuation<F> {
    base: ContinuationBase,
    handler: F,
}

impl<F> FreeContinuation<F>
where
    F: Fn(&Invocation<'_>, EventCode, Data<'_>) -> Outcome + Send + Sync + 'static,
{
    /// A continuation that calls `handler`.
    pub fn new(handler: F) -> Arc<FreeContinuation<F>> {
        Arc::new(FreeContinuation { base: ContinuationBase::without_mutex(), handler })
    }
}

impl<F> Continuation for FreeContinuation<F>
where
    F: Fn(&Invocation<'_>, EventCode, Data<'_>) -> Outcome + Send + Sync + 'static,
{
    fn base(&self) -> &ContinuationBase {
        &self.base
    }

    fn handle_event(
        &self,
        invocation: &Invocation<'_>,
        event: EventCode,
        data: Data<'_>,
    ) -> Outcome {
        (self.handler)(invocation, event, data)
    }
}
