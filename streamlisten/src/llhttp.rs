//! The machine below node's HTTP parser: llhttp, as a state machine of our own.
//!
//! Mirrors llhttp 9.3.1, the version in node 20.20 (`src/llhttp/http.ts`,
//! `url.ts`, `constants.ts`, `src/native/http.c`, `api.c`): its callbacks in
//! their order, its error codes, reasons and offsets, its lenient flags, and
//! what it does with input that is cut anywhere. Left out: the generated C and
//! its `llhttp_reset`, which node never calls.
//!
//! # Contract
//! - [`Machine`] is what lasts between inputs, [`Run`] one walk over one input.
//!   `begin`, then `step` until it says [`Step::Stop`], then [`Run::result`].
//! - `step` never calls anyone: an event comes back as [`Step::Event`], and who
//!   drives the machine calls whom he likes, with the machine unborrowed, and
//!   then says with [`Machine::reply`] what the callback returned. A callback may
//!   therefore pause the machine, or even walk over another input with it.
//! - The machine remembers nothing of the input: a name that is cut in two
//!   comes as two spans. No step allocates.
//! - No input makes it panic. It takes every byte once, and looks at it twice at
//!   most: where a short way was tried in vain.
//!
//! # In which order to read
//! `errno` and `consts`, `machine` (the walk), then the states in the order of a
//! message: `start_line`, `url`, `headers`, `header_value`, `chunks`, `finish`; last
//! `short`, what passes over most of them most of the time.

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
