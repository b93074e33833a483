//! The tests of real connections, in one binary of their own: each asserts that no
//! event, block or connection is left in the process, so they take turns and run
//! beside no other test.
#![cfg(unix)]
#![forbid(unsafe_code)]

mod common;
mod contract;
mod failures;
mod no_files_left;
mod steps;
mod threads;
mod timeouts;
mod transfer;
