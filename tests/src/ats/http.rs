//! HTTP over TCP, compared with a real server.
//!
//! The same bytes go to a Traffic Server 9.2.9 with its generator plugin
//! (`map / http://127.0.0.1/ @plugin=generator.so`) and to the port with its own.
//! All bytes that come back are compared (statuses, fields in their order, bodies,
//! answers behind answers), and whether the connection stays open, except the
//! values of dates, of `Age`, and the version that a server gives for itself.
//!
//! | file | what |
//! |---|---|
//! | `case.rs` | the cases, from `tests/http/cases.txt` |
//! | `answer.rs` | what comes back, and the recordings of it |
//! | `text.rs` | bytes as text |
//! | `ask.rs` | how a case is played |
//! | `servers.rs` | the two servers |
//! | `origins.rs` | the origin servers that they ask |
//! | `swarm.rs` | plays very many cases at once |
//! | `fuzz.rs` | random clients |
//! | `sends.rs` | the inputs of a client that lead to known differences |
//! | `compare.rs` | differences, and the register of those that are known |

mod answer;
mod ask;
mod case;
mod compare;
pub mod fuzz;
mod origins;
mod sends;
mod servers;
mod swarm;
mod text;

pub(crate) use servers::wait_for;
pub(crate) use text::{normal, unescape};

pub use answer::{Answer, Finish, Recording};
pub use ask::{Asker, play_all};
pub use case::{Action, Case, Setup};
pub use compare::Difference;
pub use origins::Origins;
pub use sends::Sends;
pub use servers::{HttpServer, PortServers, RealServers, Timeouts};
pub use swarm::Swarm;
