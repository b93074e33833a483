//! The tests of the I/O core, in one binary: a binary for each file would be linked
//! one by one, which takes most of the time and the space of a build.

mod buffer_original;
mod refused;
mod vio;
