//! The tests of the comparison with the real servers, in one binary: a binary for each file would be linked
//! one by one, which takes most of the time and the space of a build.

mod cases;
mod compare;
mod http;
mod net_vc_test;
mod port;
mod record;
mod recordings;
mod scenario_any;
mod scenario_text;
mod scenarios;
mod story;
