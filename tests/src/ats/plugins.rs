//! Compiled plugins: the same file in a real server and in the port, and each of its calls compared.
//!
//! | module | what it is about |
//! |---|---|
//! | [`requests`] | the requests that both get, from a file |
//! | [`answer`] | what a client gets |
//! | [`tracer`] | a plugin that writes down the calls of another one, in any host |
//! | [`masks`] | what must differ between two hosts, and is replaced |
//! | [`trace`] | what it writes, masked, and the comparison |
//! | [`setups`] | how each plugin of the package is used |
//! | [`real`] | a real server with the plugin and the tracer |
//!
//! The port's side needs the C interface, which only a program can export: `atslab plugin`.

pub mod answer;
pub mod masks;
pub mod real;
pub mod requests;
pub mod setups;
pub mod trace;
pub mod tracer;

pub use answer::PluginAnswer;
pub use real::{Asked, Placing, real_run};
pub use requests::PluginRequest;
pub use setups::{Placed, Setup};
pub use trace::{Trace, first_difference};
pub use tracer::Tracer;
