//! The machine below node's HTTP parser: llhttp, as a state machine of our own.
//!
//! Mirrors llhttp 9.3.1, the version in node 20.20 (`src/llhttp/http.ts`,
//! `url.ts`, `constants.ts`, `src/native/http.c`, `api.c`): its callbacks in
//! their order, its error codes, reasons and offsets, its lenient flags, and
//! its behaviour on input that is cut anywhere. The generated C and
//! `llhttp_reset`, which node never calls, are left out.
//!
//! # Contract
//! - [`Machine`] is the state between inputs, [`Run`] one walk over one input. Call
//!   `begin`, then `step` until it returns [`Step::Stop`], then [`Run::result`].
//! - `step` calls no callback: it returns an event as [`Step::Event`]. Its caller
//!   calls the callback, with the machine unborrowed, and passes the result to
//!   [`Machine::reply`]. A callback may therefore pause the machine, or even walk
//!   over another input with it.
//! - The machine keeps no bytes of the input: a name that is cut in two
//!   comes as two spans. No step allocates.
//! - No input makes it panic. It takes every byte once, and reads it twice at
//!   most: after a short way that failed.
//!
//! # In which order to read
//! `errno` and `consts`, `machine` (the walk), then the states in the order of a
//! message: `start_line`, `url`, `headers`, `header_value`, `chunks`, `finish`; last
//! `short`, which skips most of them for most messages.

mod chunks;
mod consts;
mod errno;
mod event;
mod finish;
mod header_value;
mod headers;
mod machine;
mod scan;
mod short;
mod start_line;
mod state;
mod tables;
mod url;
mod words;

pub use consts::{Lenient, METHOD_NAMES, MessageType};
pub use errno::Errno;
pub use event::{Event, Notice, Span, Step, Wanted};
pub use machine::{Machine, Run};
