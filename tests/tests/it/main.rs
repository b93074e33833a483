//! The tests of the comparison with the real programs, in one binary: a binary for each file would be linked
//! one by one, which takes most of the time and the space of a build.

mod ats;
mod deviations;
mod node;
