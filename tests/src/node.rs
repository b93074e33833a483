//! Node's stream layer: scenarios, on the port (`streamlisten`) and on the real node.
//!
//! A scenario is a JSON object. The port and the machine's `node` run the same ones, each
//! tells events, and the two lists are compared. The events of node 20.20.2 in hundreds
//! of scenarios are recorded in `tests/node`, so the proof needs no node.
//!
//! | module | what it is for |
//! |---|---|
//! | [`scenario`] | what a scenario is, its run on the port, the comparison |
//! | [`shape`] | a line of a file as a scenario, or what is wrong with it |
//! | [`live`] | the same scenarios on the machine's node |
//! | [`mod@generate`] | random scenarios of a seed |
//! | [`fuzz`] | random scenarios on both, and the differences put together by kind |
//! | [`mod@shrink`] | a small scenario that still differs |
//! | [`deviations`] | the rules by which known differences are left out |
//!
//! ```
//! use conformance::node::{compare, run, shape};
//!
//! let line = r#"{"layer": "core",
//!     "hooks": [{"p": "A", "on": "begin", "do": [{"a": "mark", "m": "a message"}]}],
//!     "actions": [{"a": "consume"}, {"a": "read", "d": "GET"}],
//!     "expected": [{"e": "begin", "p": "A"}, {"e": "mark", "m": "a message"},
//!                  {"e": "execute", "p": "A", "n": 3}]}"#;
//! let scenario = shape::scenario(line).unwrap();
//! let node = shape::expected(&scenario).unwrap();
//! assert_eq!(compare(node, &run(&scenario), &[]), None);
//! ```

pub mod deviations;
pub mod fuzz;
pub mod generate;
pub mod live;
pub mod scenario;
pub mod shape;
pub mod shrink;

pub use generate::generate;
pub use live::NodeError;
pub use scenario::{Difference, Fault, Setting, Transport, compare, run, run_with};
pub use shrink::shrink;
