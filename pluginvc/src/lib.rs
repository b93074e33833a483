//! PluginVC: two ends that act as network connections.
//!
//! Mirrors `proxy/PluginVC.h` and `PluginVC.cc` of Traffic Server 9.1.3, and where
//! they differ those of 8.1.11 and 9.2.9 ([`Epoch`]).
//!
//! Inside Traffic Server a plugin sometimes plays the client or the origin
//! server. The HTTP state machine on the other side must not notice, so it is
//! given a [`PluginVC`], which is a [`NetVConnection`](iocore::NetVConnection)
//! like a socket's. A [`PluginVCCore`] holds two of them back to back:
//!
//! ```text
//!  connecting side     PluginVCCore                  accepting side
//!  ┌────────────┐   ┌────────────────────────────┐   ┌────────────┐
//!  │ state      │   │ active_vc      passive_vc  │   │ state      │
//!  │ machine  S₁│◄─►│  read ◄── p_to_a ◄── write │◄─►│ machine  S₂│
//!  │            │   │ write ──► a_to_p ──► read  │   │            │
//!  └────────────┘   └─────────── core mutex C ───┘   └────────────┘
//! ```
//!
//! # The lock table
//! | holding | one may |
//! |---|---|
//! | S of a side | set its `sm_lock_retry_event`; set its `need_*_process` |
//! | C | touch the core buffers, both `core_lock_retry_event`s, `reentrancy_count`, `deletable` |
//! | C and S | clear `need_*_process`, move bytes, call the state machine back |
//! | neither | *read* `closed`, the shutdown flags, `op`, and which mutex a VIO has |
//!
//! The last line is where the bugs of twenty years come from. Each of these values is an atomic
//! here, so a race shows the same wrong step as in the original, and never undefined behaviour; see
//! [`Corrections`].
//!
//! # Four events
//! Work is put off to one of four events, and
//! [`main_handler`](crate::PluginVC#impl-Continuation-for-PluginVC) sees from the event why it was
//! called: `sm_lock_retry_event` (a user called `do_io_*` or `reenable`), `core_lock_retry_event`
//! (the other side asks this side to look), `active_event` (one-shot), `inactive_event` (every
//! second).
//!
//! # In which order to read
//! `core.rs` (the pair: made, connected, accepted, freed) → `end.rs` (the state of one end) →
//! `vc.rs` (what users call) → `locks.rs` (which lock is taken how) → `main_handler.rs` (the four
//! events) → `epoch.rs` and `epoch/c.rs` (how bytes move) → `transfer.rs`, `timeout.rs`,
//! `close.rs`.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod accept;
mod census;
mod close;
mod core;
pub mod defects;
mod end;
mod epoch;
mod half;
mod locks;
mod main_handler;
#[cfg(feature = "explore")]
mod names;
#[cfg(feature = "explore")]
pub mod observe;
mod options;
mod rearmed;
pub mod steps;
mod timeout;
mod transfer;
mod vc;

pub use census::PairCensus;
pub use core::PluginVCCore;
pub use epoch::{Epoch, ParseEpochError};
pub use options::{Corrections, PluginVcOptions};
pub use steps::Side;
pub use vc::{Active, Passive, PluginVC, WhichEnd};

/// How long a PluginVC waits after a lock was missed, in nanoseconds. Mirrors
/// `PVC_LOCK_RETRY_TIME`.
pub const PVC_LOCK_RETRY_TIME: eventsys::HrTime = eventsys::hrtime::mseconds(10);

/// How many bytes may wait in a buffer, unless its water mark is higher. Mirrors
/// `PVC_DEFAULT_MAX_BYTES`.
pub const PVC_DEFAULT_MAX_BYTES: i64 = 32768;

/// Pieces smaller than this are copied, so that a stream of tiny writes does not
/// become a chain of tiny blocks. Mirrors `MIN_BLOCK_TRANSFER_BYTES`.
pub const MIN_BLOCK_TRANSFER_BYTES: i64 = 128;
