//! A Rust rebuild of the event system of Apache Traffic Server.
//!
//! State machines ([`Continuation`]) are called back by threads ([`EThread`])
//! that take calls-to-be-made ([`EventRef`]) from their queues. Before a thread
//! calls a state machine back it takes that machine's lock ([`ProxyMutex`]), and
//! it does not wait for it: if the try-lock misses, the call is put off. Everything else in this
//! crate serves these two rules.
//!
//! # In which order to read
//! 1. [`mutex`](ProxyMutex): the lock, and the guard that proves it is held;
//! 2. [`guarded`](Guarded): state that can be reached only with the proof;
//! 3. [`Continuation`], [`StateMachine`]: what is called back;
//! 4. [`EventRef`]: a call to be made, and how it is cancelled;
//! 5. [`EThread`]: the queues and the loop;
//! 6. [`EventProcessor`]: the threads and their groups;
//! 7. [`Clock`], [`steps`]: time as a parameter, and the record of what the port did.
//!
//! # Panics
//! A panic of a handler is a bug in it; the real server ends with an assertion there.
//! Here the panic belongs to **the code that runs the loop**.
//!
//! | | on an adopted thread | on a thread that the processor has started |
//! |---|---|---|
//! | reported | by the panic hook, and it comes out of the `run` method | by the panic hook, and by [`EventProcessor::handler_panic`] |
//! | the handler's mutex, and others that it has locked | given back | given back |
//! | its event | as if the handler had returned: freed, or queued again if it is periodic or was rescheduled | freed |
//! | the other events of the thread | run in the next pass; freed when the [`AdoptedThread`] is dropped | freed, no handler is called |
//! | the thread | goes on if its owner catches the panic, else ends | ends |
//! | the other threads of the processor | go on | finish the handler that they are in, free their events, and end |
//! | [`EventProcessor::schedule_imm`] and its sisters | as before | `None` |
//! | [`EThread::schedule_imm`] and its sisters | as before | an [`EventRef`] that is stale |
//! | [`EventProcessor::shutdown`] | as before | ends the threads as ever, and does not panic |
//! | the owner of an adopted thread of the same processor | is not concerned | gets a panic from its `run` methods, with the name of the thread and the text |
//! | a virtual clock | goes on | goes on for all others |
//!
//! So an event system either has all its threads, or has ended. It does not go on with a thread
//! missing, whose connections would wait for ever. The same holds for all other user code that a
//! thread calls: a `drop`, a listener, a tail handler, a callback. When a thread ends, or unwinds,
//! a `drop` that panics does not keep the other ones from being called: the panic hook reports its
//! panic, and the panic comes out afterwards, unless another panic is already unwinding.
//!
//! No user code runs while this crate holds a lock of its own. One lock is an exception:
//! with [`WakePolicy::TryLock`] a thread holds a lock for as long as it is awake, and other
//! threads only try to take it.
//!
//! # Threads
//! Everything here may be called from any thread, whether the event system owns
//! it or not, except where a method says otherwise; then it panics on the wrong
//! thread. Nothing here can cause undefined behaviour, whatever its user does.

#![warn(missing_docs)]

mod clock;
mod code;
mod contain;
mod continuation;
pub mod defects;
mod ethread;
mod event;
mod guarded;
pub mod hrtime;
pub mod mutex;
#[cfg(not(feature = "explore"))]
mod observe;
#[cfg(feature = "explore")]
pub mod observe;
pub mod panics;
mod priority_queue;
mod processor;
mod protected_queue;
mod state_machine;
pub mod steps;
pub mod sync;
mod thread_id;

pub use clock::{Clock, PASS_COST, Participant};
pub use code::{EventCode, Outcome, VC_EVENT_EVENTS_START};
pub use continuation::{ContRef, Continuation, ContinuationBase, Data, Invocation, call};
pub use ethread::{
    AdoptedThread, DELAY_FOR_RETRY, EThread, EventMetrics, Idle, LoopTailHandler, LoopTime, Rest,
    SAMPLE_COUNT, THREAD_MAX_HEARTBEAT, ThreadType, When,
};
pub use event::{
    AtomicEvent, Cookie, Due, EventCensus, EventRef, Request, StaleEvent, event_census,
};
pub use guarded::{Guarded, Lent, Rebindable};
pub use hrtime::HrTime;
pub use mutex::{Guard, OwnedGuard, ProxyMutex};
pub use processor::{
    Assignment, CancelledEvents, ET_CALL, ET_NET, EventProcessor, EventType, HandlerPanic,
    MAX_EVENT_THREADS, Options,
};
pub use protected_queue::{OwnEvents, WakePolicy};
pub use state_machine::{FreeContinuation, Handler, StateMachine};
pub use thread_id::ThreadId;
