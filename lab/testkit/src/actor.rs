//! [`Actor`]: a continuation made of a closure, for tests of events.

use std::sync::Arc;

use eventsys::{
    ContRef, Data, EThread, EventCode, EventRef, Guard, Invocation, Outcome, ProxyMutex,
    StateMachine,
};

use crate::trace::Trace;

/// What an actor does when it is called.
pub(crate) type Act = Box<dyn Fn(&Call<'_>) + Send>;

/// A continuation under a mutex, made of a closure. Made by
/// [`Lab::actor`](crate::Lab::actor).
pub type Actor = StateMachine<(Arc<Trace>, Act)>;

/// An actor under `mutex` that writes its notes into `trace`.
pub fn actor_under(
    mutex: &Arc<ProxyMutex>,
    trace: &Arc<Trace>,
    act: impl Fn(&Call<'_>) + Send + 'static,
) -> Arc<Actor> {
    of_act(mutex, trace, Box::new(act))
}

// Not generic: the compiler makes it once, not for each actor of a test.
fn of_act(mutex: &Arc<ProxyMutex>, trace: &Arc<Trace>, act: Act) -> Arc<Actor> {
    let state = (Arc::clone(trace), act);
    StateMachine::new(Arc::clone(mutex), state, |(trace, act), invocation, code, data| {
        act(&Call { invocation, code, data, trace });
        Outcome::Done
    })
}

/// One call of an actor.
pub struct Call<'a> {
    /// The call, as the event system makes it.
    pub invocation: &'a Invocation<'a>,
    /// The event's code.
    pub code: EventCode,
    pub(crate) data: Data<'a>,
    pub(crate) trace: &'a Trace,
}

impl Call<'_> {
    /// Adds a note to the trace.
    pub fn note(&self, what: &'static str) {
        self.trace.note(what);
    }

    /// The actor itself, for scheduling it again.
    #[must_use]
    pub fn this(&self) -> ContRef {
        Arc::clone(self.invocation.this())
    }

    /// The guard of the actor's mutex.
    ///
    /// # Panics
    /// If the actor has no mutex.
    #[track_caller]
    pub fn guard(&self) -> &Guard<'_> {
        self.invocation.guard()
    }

    /// The event that is being dispatched.
    ///
    /// # Panics
    /// If the actor was not called with an event of the event system.
    #[must_use]
    #[track_caller]
    pub fn event(&self) -> EventRef {
        match self.data {
            Data::Event(event) => event,
            _ => panic!("called without an event"),
        }
    }

    /// The event thread that calls.
    ///
    /// # Panics
    /// If the calling thread is no event thread.
    #[must_use]
    #[track_caller]
    pub fn thread(&self) -> Arc<EThread> {
        EThread::current().expect("actors are called on event threads")
    }
}
