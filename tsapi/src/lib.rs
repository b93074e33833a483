//! The C interface of Traffic Server's plugins: compiled plugins (`.so` files) run on the port,
//! unmodified.
//!
//! Mirrors `ts/ts.h` and `ts/remap.h` of 9.2.9, as `src/traffic_server/InkAPI.cc` carries them out.
//! The same file that a real server loads is loaded here; its calls reach the port's state machine,
//! pairs and buffers.
//!
//! ```text
//!  generator.so ──TSVConnRead──► abi: pointers become handles, slices, values    (unsafe)
//!                                 host: handles become connections, buffers, heads (no unsafe)
//!                                 httpsm, pluginvc, iocore, eventsys
//! ```
//!
//! # Where to start
//! [`start`] makes the one host of this process; [`load`] loads a plugin into it, [`remap_plugin`]
//! makes the plugin of a rule. [`report`] tells what was called, and what a plugin did wrong.
//! `atslab plugin run` does all of it in virtual time.
//!
//! # Handles
//! A plugin never looks behind a `TSVConn` or a `TSMLoc`, so a handle is not a pointer here but a
//! number with a kind and a generation. A handle whose object has ended is recognised for certain,
//! and the sentence about it says what ended the object.
//!
//! # What is not modelled
//! All functions of `traffic_server` 9.2.9 are exported, because plugins are linked so that each
//! name must be there. Those that are not written ([`left_out`]) end the run with a sentence: a
//! result is never made up.
//!
//! # Safety
//! A plugin is C. If it writes to a wild pointer, the behaviour of the whole process is undefined,
//! and no rule of Rust helps; run plugins in a process of their own. Whatever a plugin does with
//! handles is safe.
//!
//! Only for Linux on x86-64, because of the variadic functions; [`SUPPORTED`] tells.

#![warn(missing_docs)]

/// True if plugins can be loaded on this system.
pub const SUPPORTED: bool = cfg!(all(target_os = "linux", target_arch = "x86_64"));

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod abi;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod host;

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub use self::{
    abi::{Function, LoadError, Plugin, functions, left_out, load, preload, remap_plugin},
    host::{Finding, HostOptions, Report, event_name, ports_are_ready, report, start},
};
