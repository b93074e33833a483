//! Real connections: TCP on this event system.
//!
//! Mirrors `iocore/net` of Traffic Server 9.2.9: `UnixNet.cc`,
//! `UnixNetVConnection.cc`, `UnixNetAccept.cc`, `UnixNetProcessor.cc`,
//! `UnixConnection.cc` and their headers, without TLS, SOCKS, UDP, QUIC, the proxy
//! protocol, transparency, TCP fast open and the migration of a connection to
//! another thread.
//!
//! Each net thread has a [`NetHandler`]: the tail of its event loop, which waits
//! for sockets instead of sleeping. A [`UnixNetVConnection`] belongs to the handler of one
//! thread for life. A socket reports once that it may be read or written (*triggered*, the edge). A
//! user asks for it (*enabled*, by `do_io` or `reenable`). Where both are true the connection is on
//! a ready list:
//!
//! ```text
//!   epoll ──► triggered ─┐
//!                        ├─► read_ready_list ──► read_from_net ──► VC_EVENT_READ_READY
//!   do_io, reenable ──► enabled                       │
//!     (another thread: ─► read_enable_list ─► wakes)  ├─ nothing there: not triggered
//!                                                     └─ no room, all done: not enabled
//! ```
//!
//! # The lock table
//! H is the handler's mutex, S the mutex of a VIO, which is its state machine's.
//!
//! | holding | one may |
//! |---|---|
//! | H | touch the ready lists and the table, free a connection |
//! | S | issue an operation, `reenable` it, set `enabled` |
//! | H and S | move bytes and call the state machine back |
//! | neither | read and set `closed`, `triggered`, the timeouts |
//!
//! H is taken first by the thread that polls, and held while it polls; S is then
//! only tried. A state machine holds S and tries H. So neither waits for the other: the polling
//! thread tries again after a miss of S; a state machine that misses H leaves the connection on the
//! list of the enabled ones and wakes the thread.
//!
//! # Timeouts
//! The inactivity cop checks once a second whether a connection has been inactive for too long or
//! has outlived its active timeout; see `cop.rs`. So a timeout can be late by up to two seconds, as
//! in the original.
//!
//! # Virtual time
//! Under a virtual clock a thread polls its sockets for a moment of real time
//! before it lets the clock jump. Bytes on the loopback arrive at once, so no timeout overtakes
//! bytes that are on their way; and a timeout of a quiet connection comes after as many
//! milliseconds as it would take seconds.
//!
//! # In which order to read
//! [`NetProcessor`] (`processor.rs`: `accept`, `connect_re`) → `vc.rs`,
//! `vc/calls.rs` (what users call) → `handler.rs` (one turn: enabled lists, poll,
//! ready lists) → `vc/io.rs` (how bytes move) → `vc/events.rs` (started, accepted,
//! timed out) → `accept.rs`, `cop.rs`, `active.rs`.

mod accept;
mod action;
mod active;
mod config;
mod connection;
mod cop;
mod errors;
mod handler;
mod options;
mod processor;
mod queue;
mod resolve;
mod shared;
mod stats;
pub mod steps;
mod vc;

pub use accept::NetAcceptAction;
pub use action::{Action, ActionResult};
pub use config::{
    DefaultInactivity, NET_RETRY_DELAY, NET_THROTTLE_DELAY, NetConfig, NetVcRelease, ThrottleType,
    check_net_throttle,
};
pub use errors::{
    AcceptError, ENET_CONNECT_FAILED, ENET_CONNECT_TIMEOUT, ENET_THROTTLING,
    accept_error_seriousness,
};
pub use handler::NetHandler;
pub use options::{AcceptOptions, Target};
pub use processor::NetProcessor;
pub use stats::NetStats;
pub use vc::UnixNetVConnection;
