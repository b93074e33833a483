//! The tests of the stream layer, in one binary: a binary for each file would be linked
//! one by one, which takes most of the time and the space of a build.

mod answers;
mod callbacks;
mod chain;
mod common;
mod corpus;
mod ends;
mod machine;
mod names;
mod short_ways;
mod wire;
