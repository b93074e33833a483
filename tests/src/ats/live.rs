//! Real servers: the same program, performed inside a real `traffic_server`.
//!
//! `tests/live/install` unpacks the servers into a folder. A [`Server`] is one of
//! them; a [`RealArm`] runs it with the probe (`tests/probe/probe.cc`), a plugin
//! that performs programs on a raw pair of PluginVCs, and turns the server's
//! debug lines into [`Step`](eventsys::steps::Step)s. A [`PortArm`] performs the
//! same programs on the port, and [`differ()`] compares what the two did.
//!
//! The server's clock is given from outside (`tests/probe/clock.cc`): a pass of
//! its event loop takes a millisecond, as on the port. So the lists are the same
//! to the step and to the millisecond, in every run, and a scenario of a minute
//! is over in a tenth of a second.
//!
//! | module | what it is about |
//! |---|---|
//! | [`release`] | the releases that can be compared with |
//! | [`server`] | a server's folder, its private root, its process |
//! | [`probe`] | building the probe |
//! | [`lines`] | debug lines and what they mean |
//! | [`arm`] | one program in, its steps out; crashes and hangs |
//! | [`mod@differ`] | the comparison |
//! | [`bench`](mod@bench) | jobs of `atslab bench` in, how long they took out |
//! | [`record`] | cases in, recordings of the server's own regression test out |
//! | [`mod@generate`], [`calls`], [`mod@shrink`] | random scenarios, and small ones that still differ |

pub mod arm;
pub mod bench;
pub mod calls;
mod deviations;
pub mod differ;
pub mod error;
pub mod generate;
mod layout;
pub mod lines;
pub mod probe;
pub mod record;
mod records;
pub mod release;
mod root;
pub mod server;
pub mod shrink;
mod symbols;

pub use arm::{Arm, Finish, Played, PortArm, RealArm};
pub use bench::{Answer, BenchArm, Callgrind, HttpArm, Job};
pub use calls::generate_with_calls;
pub use differ::{Divergence, differ};
pub use error::LiveError;
pub use generate::{generate, generate_race};
pub use probe::Probe;
pub use record::Recorder;
pub use release::Release;
pub use server::Server;
pub use shrink::{operations, shrink};
