//! Scenarios: scripts that are run on the port and on the real node, and the
//! events that each of them tells.
//!
//! A scenario is a JSON object a line; `layer` says what it is about:
//! - `core`: streams ([`streamlisten::JSStream`], or a connection) and bare parsers, in
//!   full control of fragments, with actions inside callbacks (`hooks`);
//! - `server`: an HTTP server on one connection.
//!
//! `expected`, if it is there, is what the real node has told. [`run`] runs a
//! scenario on the port, [`compare`] finds the first difference.

mod act;
mod bytes;
mod client;
mod core;
mod fault;
mod hold;
mod hooks;
mod server;
mod shown;
mod stage;

use std::panic::{AssertUnwindSafe, catch_unwind};

use eventsys::panics::quietly;
use serde_json::{Value, json};

pub use fault::Fault;
pub use hold::Log;
use stage::Stage;

/// What carries the connections of a scenario.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// A PluginVC pair, without a socket.
    #[default]
    PluginVc,
    /// Sockets on the loopback, both ends on the calling thread.
    Sockets,
}

/// How a scenario is run on the port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Setting {
    /// What carries its connections.
    pub transport: Transport,
    /// What is broken on purpose, if anything.
    pub fault: Option<Fault>,
}

/// Why a scenario stops before its end.
enum Stop {
    /// It makes no sense.
    Nonsense(String),
    /// An exception that nothing catches, by its code: it would end a node process.
    Uncaught(String),
}

impl From<String> for Stop {
    fn from(message: String) -> Stop {
        Stop::Nonsense(message)
    }
}

/// Runs `scenario` on the port, over a PluginVC pair if it has a connection: the
/// events in their order, each an object with its kind in `e`. What node would abort
/// on ends the list with an `abort`, an exception that nothing catches with `uncaught`,
/// a scenario that makes no sense with a `crash`.
#[must_use]
pub fn run(scenario: &Value) -> Vec<Value> {
    run_with(scenario, Setting::default())
}

/// As [`run`], in another setting.
///
/// # Panics
/// If an event thread runs on the calling thread: a scenario with connections makes it
/// one for as long as it runs.
#[must_use]
pub fn run_with(scenario: &Value, setting: Setting) -> Vec<Value> {
    let log = Log::default();
    let stage = Stage::of(scenario, setting.transport);
    let outcome = quietly(|| {
        catch_unwind(AssertUnwindSafe(|| match (scenario["layer"].as_str(), &stage) {
            (Some("core"), stage) => core::run(scenario, stage.clone(), setting.fault, &log),
            (Some("server"), Some(stage)) => server::run(scenario, stage, setting.fault, &log),
            _ => Err(Stop::Nonsense("no such layer".to_string())),
        }))
    });
    match outcome {
        Ok(Ok(())) => {}
        Ok(Err(Stop::Nonsense(message))) => log.push_last(json!({"e": "crash", "err": message})),
        Ok(Err(Stop::Uncaught(code))) => log.push_last(json!({"e": "uncaught", "code": code})),
        Err(panic) => log.push_last(json!({"e": "abort", "assert": hold::assertion_of(&*panic)})),
    }
    let told = log.take();
    if let Some(stage) = stage {
        // Events and errors after this belong to no scenario.
        let _ = quietly(|| catch_unwind(AssertUnwindSafe(|| stage.end())));
    }
    told
}

/// Where two lists of events first differ.
#[derive(Debug, PartialEq)]
pub struct Difference {
    /// The place of the first event that differs.
    pub at: usize,
    /// What was expected there, if anything.
    pub expected: Option<Value>,
    /// What came.
    pub actual: Option<Value>,
}

/// The first difference, if there is one. Events of the kinds in `ignored` are
/// left out on both sides.
#[must_use]
pub fn compare(expected: &[Value], actual: &[Value], ignored: &[&str]) -> Option<Difference> {
    let counts = |event: &&Value| !event["e"].as_str().is_some_and(|kind| ignored.contains(&kind));
    let mut left = expected.iter().filter(counts);
    let mut right = actual.iter().filter(counts);
    let mut at = 0;
    loop {
        let (expected, actual) = (left.next(), right.next());
        if expected.is_none() && actual.is_none() {
            return None;
        }
        if expected != actual {
            return Some(Difference { at, expected: expected.cloned(), actual: actual.cloned() });
        }
        at += 1;
    }
}
