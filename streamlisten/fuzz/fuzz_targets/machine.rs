//! The machine on any input: it does not panic, and the cuts do not change the events.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/it/common/mod.rs"]
mod common;

fuzz_target!(|data: &[u8]| common::check(data));
