//! Proof that the port takes the steps of the real server.
//!
//! The real server has been recorded while the state machine of its own
//! regression suite (`NetVCTest`) drove both ends of a PluginVC. This crate
//! holds the cases and the recordings, runs the same cases on the port, and
//! compares the two lists of steps:
//!
//! | module | what it is for |
//! |---|---|
//! | [`case`] | what a case is, and how cases are read from CSV |
//! | [`recording`] | what the real server did, read from gzip'd text |
//! | [`epoch`] | which generation of the server is meant |
//! | [`embedded`] | the cases and recordings that come with the project |
//! | [`netvctest`] | the state machine that drives one end |
//! | [`runner`] | runs one case on the port |
//! | [`compare`](mod@compare) | the recorded steps against the port's |
//! | [`scenario`] | two ends told in TOML what to do, and their run |
//! | [`input`], [`read_error`] | how a file is read, and a fault in it told |
//!
//! ```
//! use conformance::{Epoch, Suite, Verdict, compare, run_case};
//! use eventsys::steps::Collector;
//!
//! let case = Suite::Regression.cases().iter().find(|case| case.name == "basic").unwrap();
//! let recorded = Suite::Regression.recording(Epoch::C).unwrap().case("basic").unwrap();
//! let port = Collector::new();
//! run_case(case, Epoch::C, port.clone());
//! assert!(matches!(compare(recorded, &port.take()), Verdict::Identical { .. }));
//! ```

#![forbid(unsafe_code)]

pub mod case;
pub mod compare;
pub mod embedded;
pub mod epoch;
pub mod http;
pub mod input;
pub mod live;
pub mod netvctest;
pub mod read_error;
pub mod recording;
pub mod runner;
pub mod scenario;
pub mod vocabulary;

pub use case::{Case, EndDef};
pub use compare::{Verdict, compare, compare_exactly};
pub use embedded::Suite;
pub use epoch::Epoch;
pub use read_error::ReadError;
pub use recording::{RecordedCase, Recording};
pub use runner::{CaseEnd, run_case, run_case_with};
pub use scenario::{Scenario, ScenarioFault};
