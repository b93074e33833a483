//! The edge: C on one side, values of Rust on the other. The only unsafe code of the crate.
//!
//! | file | what it does |
//! |---|---|
//! | `export` | the macro that makes an exported function out of a line |
//! | `functions` | these lines, one for each function that is written |
//! | `left_out` | the names of the functions that are not written |
//! | `values` | what C passes: strings with a length, places for results |
//! | `structures` | structures that are passed: options, events |
//! | `callbacks` | functions of a plugin, as values that can be called |
//! | `loader` | `dlopen`, and the calls of a plugin's entry points |
//! | `variadic` | `TSDebug`, `TSError` and their kin |
//! | `words` | the strings that plugins compare by their pointer |
//! | `time`, `got` | the time that a plugin gets, and its sleep in virtual time |
//!
//! # What is relied on
//! A function is called as `ts/ts.h` says: a string has the length that is passed with it or ends
//! with a NUL, a place for a result can be written. A plugin that breaks this breaks the real server
//! as well. Handles are not trusted: the host looks each one up.
#![allow(unsafe_code)]

#[macro_use]
mod export;
pub(crate) mod callbacks;
mod functions;
mod got;
mod left_out;
mod loader;
mod structures;
mod time;
mod values;
mod variadic;
pub(crate) mod words;

pub use export::{Function, functions, left_out};
pub use loader::{LoadError, Plugin, load, preload, remap_plugin};
pub(crate) use loader::{call_site, place_of};
