//! Traffic Server: cases, recordings, scenarios, running servers, HTTP.
//!
//! The real server has been recorded while the state machine of its own
//! regression suite (`NetVCTest`) drove both ends of a PluginVC. The same cases
//! run on the port, and the two lists of steps are compared.
//!
//! | module | what it is for |
//! |---|---|
//! | [`case`] | what a case is, and how cases are read from CSV |
//! | [`recording`] | what the real server did, read from gzip'd text |
//! | [`epoch`] | the epochs of the server |
//! | [`embedded`] | the cases and recordings that come with the project |
//! | [`netvctest`] | the state machine that drives one end |
//! | [`runner`] | runs one case on the port |
//! | [`compare`](mod@compare) | the recorded steps against the port's |
//! | [`scenario`] | two ends told in TOML what to do, and their run |
//! | [`gallery`] | the scenarios that come with the project |
//! | [`live`] | the same scenario in a running server, beside the port |
//! | [`http`] | the same bytes of HTTP clients to a running server and to the port |
//! | [`http_scenario`] | clients, hooks and an origin server told in TOML, in a running server and on the port |
//! | [`vocabulary`] | every step that a recording may name |
//!
//! ```
//! use conformance::ats::{Epoch, Suite, Verdict, compare, run_case};
//! use eventsys::steps::Collector;
//!
//! let case = Suite::Regression.cases().iter().find(|case| case.name == "basic").unwrap();
//! let recorded = Suite::Regression.recording(Epoch::C).unwrap().case("basic").unwrap();
//! let port = Collector::new();
//! run_case(case, Epoch::C, port.clone());
//! assert!(matches!(compare(recorded, &port.take()), Verdict::Identical { .. }));
//! ```

pub mod case;
pub mod compare;
pub mod embedded;
pub mod epoch;
pub mod gallery;
pub mod http;
pub mod http_scenario;
pub mod live;
pub mod netvctest;
pub mod plugins;
pub mod recording;
pub mod runner;
pub mod vocabulary;

pub use ::scenario;
pub use case::{Case, EndDef};
pub use compare::{Verdict, compare, compare_exactly};
pub use embedded::Suite;
pub use epoch::Epoch;
pub use recording::{RecordedCase, Recording};
pub use runner::{CaseEnd, run_case, run_case_with};
pub use scenario::{Scenario, ScenarioFault};
