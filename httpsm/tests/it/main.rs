//! The tests of the HTTP state machine, in one binary: a binary for each file would be linked
//! one by one, which takes most of the time and the space of a build.

mod affinity;
mod common;
mod errors;
mod faults;
mod fetch;
mod heads;
mod held;
mod hooks;
mod interim;
mod net_common;
mod net_faults;
mod origin_ends;
mod over;
mod own_answers;
mod plugins;
mod probe;
mod proxy;
mod recorded;
mod rule_plugins;
mod rules;
mod threads;
mod tunnel;
