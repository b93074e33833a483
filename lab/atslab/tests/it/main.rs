//! The tests of the command, in one binary: a binary for each file would be linked
//! one by one, which takes most of the time and the space of a build.

mod bench;
mod book;
mod common;
mod compare;
mod course;
mod diff;
mod errors;
mod explore;
mod help;
mod http;
mod http_scenario;
mod left_behind;
mod list;
mod museum;
mod node;
mod options;
mod pictures;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod plugin;
mod record;
mod run_scenario;
mod schema;
mod serve;
mod soak;
mod steps;
mod view;
mod words;
