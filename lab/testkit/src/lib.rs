//! A laboratory for the event system, its buffers and PluginVC.
//!
//! Eight lines move five bytes from one end of a pair to the other:
//!
//! ```
//! use testkit::prelude::*;
//!
//! let lab = Lab::new();
//! let (a, p) = lab.agents();
//! p.on(ACCEPT, |me| me.read(MAX));
//! p.on(READ_READY, |me| { me.take(); me.reenable_read(); });
//! lab.pair(&a, &p);
//! a.with(|me| me.write_now(b"hello"));
//! lab.settle();
//! assert_eq!(p.received(), b"hello");
//! ```
//!
//! # The words
//!
//! | word | meaning |
//! |---|---|
//! | [`Lab`] | one event thread, which is the calling thread, in virtual time |
//! | [`Agent`] | a state machine that does I/O; rules say how it reacts to events |
//! | [`Me`] | an agent while its mutex is held: what it can do |
//! | [`Actor`] | a continuation made of a closure, for events without I/O |
//! | [`Peer`] | one end of a connection that reads everything and writes what it is told to |
//! | [`net::NetLab`] | a laboratory whose thread is a net thread, for real sockets |
//! | [`Alone`] | a test that counts what it has left in the process |
//! | *trace* | the steps of the port, the callbacks and the notes, in order, with their times |
//! | *settle* | run until no event waits |
//! | *hold* | a foreign thread has a mutex |
//!
//! # Four questions
//!
//! 1. *Is anything pending?* [`Lab::settle`] runs until nothing is, [`Lab::run_ms`]
//!    runs for a span, [`Lab::expect_quiet`] asserts it.
//! 2. *Which callbacks came, with which event?* [`Lab::expect_callbacks`].
//! 3. *Which steps did the port take, and when?* [`Lab::expect`], [`Lab::expect_timed`].
//! 4. *Which locks are held?* [`Lab::expect_quiet`] asserts that this thread holds none;
//!    [`eventsys::mutex::census`] names them at any moment.
//!
//! Nothing sleeps and nothing has a tolerance: the same program gives the same trace
//! every time, so a test states a whole run as one text.
//!
//! # Steps and callbacks in one trace
//!
//! ```
//! use testkit::prelude::*;
//!
//! let lab = Lab::new();
//! let (a, p) = lab.agents();
//! p.on(ACCEPT, |me| me.read(5));
//! p.on(READ_COMPLETE, |me| { me.take(); me.close(); });
//! a.on(WRITE_COMPLETE, |me| me.close());
//! let core = lab.pair(&a, &p);
//! a.with(|me| me.write_now(b"hello"));
//! lab.settle();
//! lab.expect_callbacks(
//!     "P got: NET_EVENT_ACCEPT
//!      A write: WRITE_COMPLETE 5/5
//!      P read: READ_COMPLETE 5/5",
//! );
//! lab.expect_nothing_left(core);
//! ```

#![forbid(unsafe_code)]

mod actor;
mod agent;
mod alone;
mod bytes;
mod events;
mod lab;
mod me;
pub mod net;
mod on_drop;
mod panics;
mod peer;
mod threads;
mod trace;

pub use actor::{Actor, Call, actor_under};
pub use agent::{Agent, WeakAgent};
pub use alone::Alone;
pub use bytes::counting;
pub use events::{
    ACCEPT, ACTIVE, EOS, ERROR, INACTIVITY, MAX, OPEN, READ_COMPLETE, READ_READY, WRITE_COMPLETE,
    WRITE_READY,
};
pub use lab::Lab;
pub use me::Me;
pub use on_drop::{OnDrop, on_drop};
pub use panics::{panic_of, panic_text};
pub use peer::Peer;
pub use threads::{
    Held, beside, hold, let_time_pass, must_end, on_foreign_thread, real_processor, wait_for,
    while_held,
};
pub use trace::{Trace, same_lines};

/// Everything that a test of a pair needs.
pub mod prelude {
    pub use crate::events::*;
    pub use crate::{
        Agent, Call, Lab, Me, Peer, counting, hold, on_foreign_thread, panic_text, real_processor,
    };
    pub use eventsys::{EventCode, HrTime, ProxyMutex, hrtime};
    pub use iocore::{IoEvents, NetVConnection, ShutdownHowTo, VConnection};
    pub use pluginvc::{Corrections, Epoch, PluginVCCore, PluginVcOptions};
}
