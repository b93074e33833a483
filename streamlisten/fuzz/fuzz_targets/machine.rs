//! The machine on any input: no panic, and any cutting tells the same.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/it/common/mod.rs"]
mod common;

fuzz_target!(|data: &[u8]| common::check(data));
