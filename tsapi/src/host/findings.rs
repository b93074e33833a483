//! Findings: what a plugin does wrong, as sentences with their place.

use std::ffi::c_int;
use std::panic::resume_unwind;

use eventsys::sync::Mutex;
use eventsys::sync::atomic::{AtomicBool, Ordering};

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
    Report { calls, left_out, findings, held, leaks, callbacks: calls::callbacks() }
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

/// Closes are noted: the caller tells how each answer ends.
static WATCHES_ANSWERS: AtomicBool = AtomicBool::new(false);

/// The last close of a connection by a plugin, as a finding without a sentence.
static LAST_CLOSE: Mutex<Option<Finding>> = Mutex::new(None);

/// Notes from now on where plugins close their connections, for [`answer_has_ended`]. To find the
/// place of a call takes some microseconds, so a server that only serves does without it.
pub fn watch_answers() {
    WATCHES_ANSWERS.store(true, Ordering::Relaxed);
}

/// A plugin closes a connection. What it does after the other side has ended it, or a timeout, is no
/// reason for anything.
pub(crate) fn note_close() {
    const ENDED: [c_int; 4] = [3, 104, 105, 106];
    if !WATCHES_ANSWERS.load(Ordering::Relaxed) {
        return;
    }
    if !calls::callback().is_some_and(|(_, event)| ENDED.contains(&event)) {
        *LAST_CLOSE.lock() = Some(here(String::new(), false));
    }
}

/// A client has got all that comes of the answer to `request`, such as `GET /x`: `got` bytes of a body
/// for which the head has `announced` a number in its Content-Length, if it has one. Fewer bytes are a
/// finding: of the call with which a plugin has closed its connection since the last answer, or else
/// of the transaction, which has ended by itself or by a timeout. Call [`watch_answers`] before the
/// first request, and this once for each answer.
///
/// # Panics
/// Before [`start`](crate::start), if the answer is too short.
pub fn answer_has_ended(request: &str, announced: Option<i64>, got: i64) {
    let close = LAST_CLOSE.lock().take();
    let Some(announced) = announced.filter(|&announced| got < announced) else { return };
    let sentence = format!(
        "the client gets {got} of the {announced} bytes that the answer to {request} announces in its \
         Content-Length"
    );
    let found = match close {
        Some(close) => Finding { sentence, ..close },
        None => Finding { place: format!("the transaction of {request}"), ..bare(sentence) },
    };
    let text = add(found);
    if host().strict {
        (host().at_the_end)(&text);
    }
}

/// A finding without a place.
fn bare(sentence: String) -> Finding {
    Finding {
        sentence,
        function: "",
        call: String::new(),
        place: String::new(),
        event: String::new(),
        times: 1,
        is_the_end: false,
    }
}

fn keep(sentence: String, is_the_end: bool) -> String {
    add(here(sentence, is_the_end))
}

/// A finding of the call that the plugin is in.
fn here(sentence: String, is_the_end: bool) -> Finding {
    let (place, event) = match calls::callback() {
        Some((place, event)) => (place.to_string(), event_name(event)),
        None => ("a thread that the interface has not made".to_owned(), String::new()),
    };
    let function = calls::function();
    let call = if function.is_empty() { None } else { call_site() }.unwrap_or_default();
    Finding { function, call, place, event, is_the_end, ..bare(sentence) }
}

/// Adds a finding, or counts it once more; its text.
fn add(found: Finding) -> String {
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
