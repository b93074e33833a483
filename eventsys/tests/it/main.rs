//! The tests of the event system, in one binary: a binary for each file would be linked
//! one by one, which takes most of the time and the space of a build.

mod cancel;
mod cells;
mod drops;
mod endings;
mod event_loop;
mod handlers;
mod locks;
mod model;
mod mutexes;
mod panics;
mod processor;
mod refused;
mod releases;
mod rest;
mod saturation;
mod schedule;
mod shutdown;
mod steps;
mod sync;
mod tail;
mod threads;
