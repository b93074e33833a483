//! Scenes for which the language of scenarios has no words: queues, timers, groups of threads,
//! and locks, without a pair.
//!
//! A scene makes an event system, lets its threads race, and tells
//! [`violation`](explorer::violation) what must not be. It is the same scene whether its room is
//! armed or mended; only [`Arms::mistake`](crate::Arms::mistake) may change what a *user* in
//! it does.

mod buffers;
mod groups;
mod http;
mod locks;
mod pairs;
mod queues;
mod remarks;
mod sleep;
mod timers;

use std::sync::Arc;

use eventsys::{ContRef, FreeContinuation, Outcome, ProxyMutex, StateMachine};

use pluginvc::PluginVcOptions;

use crate::arms::Arms;

/// A scene.
pub type Play = fn(&Arms);

/// Every scene, by its name in a room's file.
pub const ALL: &[(&str, Play)] = &[
    ("a cancelled event", queues::a_cancelled_event),
    ("an event that is rescheduled while it waits", queues::an_event_that_is_rescheduled),
    ("the next thread of a group", groups::the_next_thread),
    ("two threads start", groups::two_threads_start),
    ("an event whose lock was missed", sleep::an_event_whose_lock_was_missed),
    ("an event scheduled by a timer", sleep::an_event_scheduled_by_a_timer),
    ("a thread that goes to sleep", sleep::a_thread_that_goes_to_sleep),
    ("a mutex inherited from a thread", locks::a_mutex_inherited_from_a_thread),
    ("a handler called without its lock", locks::a_handler_called_without_its_lock),
    ("two foreign threads and one mutex", locks::two_foreign_threads_and_one_mutex),
    ("another thread's local queue", locks::another_threads_local_queue),
    ("a new buffer in old memory", buffers::a_new_buffer_in_old_memory),
    ("pieces through a pair with a timeout", pairs::pieces_through_a_pair_with_a_timeout),
    (
        "a callback moves the peer to another mutex",
        pairs::a_callback_moves_the_peer_to_another_mutex,
    ),
    ("a reply after a half close", pairs::a_reply_after_a_half_close),
    ("a lock missed by the periodic event", timers::a_lock_missed_by_the_periodic_event),
    ("a read issued while the timeout comes", timers::a_read_issued_while_the_timeout_comes),
    ("a timeout set by a slow thread", timers::a_timeout_set_by_a_slow_thread),
    ("a peer that reads later", pairs::a_peer_that_reads_later),
    (
        "a transaction given back by a plugin's thread",
        http::a_transaction_given_back_by_a_plugins_thread,
    ),
    (
        "a transaction given back by a thread for tasks",
        http::a_transaction_given_back_by_a_thread_for_tasks,
    ),
    (
        "a transaction given back while its client goes",
        http::a_transaction_given_back_while_its_client_goes,
    ),
    ("an operation without a buffer", remarks::an_operation_without_a_buffer),
    (
        "a side that is shut while its mutex is held",
        remarks::a_side_that_is_shut_while_its_mutex_is_held,
    ),
    ("a reenable while the peer writes", remarks::a_reenable_while_the_peer_writes),
    (
        "a writer that fills its buffer when it is asked",
        remarks::a_writer_that_fills_its_buffer_when_it_is_asked,
    ),
];

/// The options of a pair under these arms.
fn pair_options(arms: &Arms) -> PluginVcOptions {
    let Arms { epoch, corrections, .. } = *arms;
    PluginVcOptions { epoch, corrections, ..PluginVcOptions::default() }
}

/// A state machine under `mutex` that calls `f` at each event.
fn state_machine(mutex: &Arc<ProxyMutex>, f: impl Fn() + Send + 'static) -> ContRef {
    let state: Box<dyn Fn() + Send> = Box::new(f);
    StateMachine::new(Arc::clone(mutex), state, |f, _, _, _| {
        f();
        Outcome::Done
    })
}

/// A continuation without a mutex that calls `f` at each event.
fn free(f: impl Fn() + Send + Sync + 'static) -> ContRef {
    FreeContinuation::new(move |_, _, _| {
        f();
        Outcome::Done
    })
}

/// The scene of this name.
#[must_use]
pub fn named(name: &str) -> Option<Play> {
    ALL.iter().find(|(of, _)| *of == name).map(|(_, play)| *play)
}
