//! Findings: what a plugin does wrong, as sentences with their place.

use std::ffi::c_int;
use std::panic::resume_unwind;

use eventsys::sync::Mutex;

use crate::abi::call_site;

use super::{Kind, calls, fetch, host, names, table, transaction};

/// A mistake of a plugin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What is wrong.
    pub sentence: String,
    /// The function that the plugin called.
    pub function: &'static str,
    /// Where it is called: `plugin.so:+offset`, with the symbol where there is one; empty if this is not
    /// known.
    pub call: String,
    /// The callback that called it: `plugin.so:+offset`, with the symbol where there is one.
    pub place: String,
    /// The event of that callback; empty outside of one.
    pub event: String,
    /// How often it has happened, in the same way.
    pub times: u64,
    /// The run has ended at it.
    pub is_the_end: bool,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Finding { sentence, function, place, event, call, .. } = self;
        let place = match call.is_empty() {
            true => place.clone(),
            false => format!("{call}, in {place}"),
        };
        match (function.is_empty(), event.is_empty()) {
            (true, true) => write!(f, "{sentence} [{place}]"),
            (true, false) => write!(f, "{sentence} [{place}, {event}]"),
            (false, true) => write!(f, "{function}: {sentence} [{place}]"),
            (false, false) => write!(f, "{function}: {sentence} [{place}, {event}]"),
        }
    }
}

/// What has happened in this process since the start of the host.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Each function that was called, and how often.
    pub calls: Vec<(&'static str, u64)>,
    /// What plugins asked for and the port does not model, and how often.
    pub left_out: Vec<(&'static str, u64)>,
    /// What plugins did wrong.
    pub findings: Vec<Finding>,
    /// The objects that plugins still hold, by the name of their type.
    pub held: Vec<(&'static str, usize)>,
    /// Of these, the ones that a callback made and that should have ended with what it was for: each
    /// with the call that made it.
    pub leaks: Vec<Finding>,
    /// How often a handler of a plugin was called.
    pub callbacks: u64,
}

static FINDINGS: Mutex<Vec<Finding>> = Mutex::new(Vec::new());

/// What has happened so far.
#[must_use]
pub fn report() -> Report {
    transaction::forget_sessions_that_are_over();
    fetch::forget_those_that_are_over();
    let (calls, left_out) = calls::counts();
    let held = table().census().into_iter().map(|(kind, n)| (kind.name(), n)).collect();
    let findings = FINDINGS.lock().clone();
    let leaks = leaks();
    Report { calls, left_out, findings, held, leaks, callbacks: super::continuation::callbacks() }
}

/// What a plugin makes for a request and has to give back. Continuations, mutexes and threads may stay
/// for all the process's life, heads and URLs end with their buffer, blocks with their bytes.
const GIVEN_BACK: [Kind; 7] = [
    Kind::Connection,
    Kind::Buffer,
    Kind::Reader,
    Kind::MBuffer,
    Kind::Field,
    Kind::Parser,
    Kind::File,
];

/// The objects that are left, and that no entry point of a plugin has made. While transactions go on
/// nothing is a leak.
fn leaks() -> Vec<Finding> {
    if super::HOST.get().is_none_or(|host| host.proxy.census().transactions > 0) {
        return Vec::new();
    }
    let made = table().made(&GIVEN_BACK).into_iter().filter_map(|((kind, maker), times)| {
        let place = maker.place?;
        let is_entry_point = maker.event == 0 && place.contains(":TS");
        // The proxy's own connections, which a plugin only looks at.
        let is_lent = maker.function.ends_with("VConnGet");
        (!is_entry_point && !is_lent).then(|| Finding {
            sentence: format!("the {} that it made is never given back", kind.name()),
            function: maker.function,
            call: String::new(),
            place: place.to_string(),
            event: event_name(maker.event),
            times,
            is_the_end: false,
        })
    });
    made.collect()
}

/// Notes a mistake, and goes on, unless the host is strict.
pub(crate) fn note(sentence: impl Into<String>) {
    let sentence = sentence.into();
    if host().strict {
        end(sentence);
    }
    keep(sentence, false);
}

/// Notes a mistake after which the real server cannot go on soundly, and ends the run: unwinds through
/// the plugin up to the event loop.
pub(crate) fn end(sentence: String) -> ! {
    let text = keep(sentence, true);
    unwind(text)
}

/// Not a panic of the port: no message of the panic hook, no backtrace.
fn unwind(text: String) -> ! {
    (host().at_the_end)(&text);
    resume_unwind(Box::new(text))
}

/// Ends the run with a sentence that is not about a mistake.
pub(crate) fn end_without_finding(sentence: String) -> ! {
    log::error!(target: "plugin", "{sentence}");
    unwind(sentence)
}

fn keep(sentence: String, is_the_end: bool) -> String {
    let (place, event) = match calls::callback() {
        Some((place, event)) => (place.to_string(), event_name(event)),
        None => ("a thread that the interface has not made".to_owned(), String::new()),
    };
    let function = calls::function();
    let call = if function.is_empty() { None } else { call_site() }.unwrap_or_default();
    let found = Finding { sentence, function, call, place, event, times: 1, is_the_end };
    let text = found.to_string();
    let mut all = FINDINGS.lock();
    let same = all.iter_mut().find(|other| Finding { times: 1, ..(*other).clone() } == found);
    match same {
        Some(same) => same.times += 1,
        None => {
            log::warn!(target: "plugin", "{text}");
            all.push(found);
        }
    }
    text
}

fn event_name(event: c_int) -> String {
    match (event, names::event_name(event)) {
        (0, _) => "no event".to_owned(),
        (_, Some(name)) => name.to_owned(),
        (_, None) => format!("event {event}"),
    }
}
