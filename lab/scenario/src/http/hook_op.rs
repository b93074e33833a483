//! [`HookOp`]: what a hook can do with the transaction that it has got.

use std::fmt;

use eventsys::HrTime;
use httpsm::hooks::HttpHook;

use super::model::{HttpScenario, hook_name};
use super::op::status;
use crate::amount::{Span, parse_span};
use crate::fault::ScenarioFault;
use crate::words::{Parsed, Words};

/// One operation of a hook.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HookOp {
    /// `TSHttpTxnReenable` with `TS_EVENT_HTTP_CONTINUE`.
    Reenable,
    /// `TSHttpTxnReenable` with `TS_EVENT_HTTP_ERROR`.
    Error,
    /// The rest of the list is carried out so many nanoseconds later, on the thread of the first
    /// hook.
    Wait(HrTime),
    /// The rest of the list is carried out on another thread.
    Go(Thread),
    /// Notes the first line of a head, or the value of a field.
    See(Head, Option<String>),
    /// Sets the value of a field; without it, adds it.
    Set(Head, String, String),
    /// Adds a field.
    Add(Head, String, String),
    /// Removes a field.
    Remove(Head, String),
    /// `TSHttpTxnStatusSet`.
    Status(u16),
    /// `TSHttpTxnServerIntercept`.
    ServerIntercept,
    /// `TSHttpTxnIntercept`.
    Intercept,
    /// `TSHttpTxnHookAdd` of a hook that notes its call and gives back.
    Hook(HttpHook),
}

/// Where the rest of a list is carried out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Thread {
    /// The thread that has called the transaction's first hook.
    Home,
    /// The other net thread.
    Other,
    /// A thread of the pool `ET_TASK`.
    Task,
    /// A thread that the event system does not own.
    Foreign,
}

impl Thread {
    /// All.
    pub const ALL: [Thread; 4] = [Thread::Home, Thread::Other, Thread::Task, Thread::Foreign];

    /// Its word in a scenario.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Thread::Home => "home",
            Thread::Other => "other",
            Thread::Task => "task",
            Thread::Foreign => "foreign",
        }
    }
}

/// One of the four heads of a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Head {
    /// The client's request.
    ClientRequest,
    /// The request for the origin server.
    ServerRequest,
    /// The origin server's answer.
    ServerResponse,
    /// The answer for the client.
    ClientResponse,
}

impl Head {
    /// All.
    pub const ALL: [Head; 4] =
        [Head::ClientRequest, Head::ServerRequest, Head::ServerResponse, Head::ClientResponse];

    /// Its word in a scenario.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Head::ClientRequest => "client_request",
            Head::ServerRequest => "server_request",
            Head::ServerResponse => "server_response",
            Head::ClientResponse => "client_response",
        }
    }
}

const NAMES: &str = "reenable, error, wait, go, see, set, add, remove, status, server_intercept, \
                     intercept or hook";

impl HookOp {
    /// Reads an operation; a fault comes with the byte at which it begins.
    ///
    /// # Errors
    /// If `text` is no operation.
    pub fn parse(text: &str) -> Result<HookOp, (usize, ScenarioFault)> {
        let mut words = Words::new(text);
        let op = match words.next() {
            "reenable" => HookOp::Reenable,
            "error" => HookOp::Error,
            "wait" => HookOp::Wait(span(&mut words)?),
            "go" => HookOp::Go(thread(&mut words)?),
            "see" => HookOp::See(head(&mut words)?, {
                let mut ahead = words;
                match ahead.next() {
                    "" => None,
                    _ => Some(name(&mut words)?),
                }
            }),
            "set" => {
                let (head, name, value) = field(text, &mut words)?;
                return Ok(HookOp::Set(head, name, value));
            }
            "add" => {
                let (head, name, value) = field(text, &mut words)?;
                return Ok(HookOp::Add(head, name, value));
            }
            "remove" => HookOp::Remove(head(&mut words)?, name(&mut words)?),
            "status" => HookOp::Status(status(&mut words)?),
            "server_intercept" => HookOp::ServerIntercept,
            "intercept" => HookOp::Intercept,
            "hook" => {
                let word = words.next();
                HookOp::Hook(place(word).ok_or_else(|| words.fault(word, expected_place()))?)
            }
            other => return Err(words.fault(other, format!("an operation ({NAMES})"))),
        };
        words.end()?;
        Ok(op)
    }
}

/// The hook of this name, if transactions have it.
pub(super) fn place(name: &str) -> Option<HttpHook> {
    places().find(|&hook| hook_name(hook) == name)
}

/// The hooks of transactions.
pub(super) fn places() -> impl Iterator<Item = HttpHook> {
    let all = HttpHook::ALL.iter().copied();
    all.filter(|hook| !matches!(hook, HttpHook::SsnStart | HttpHook::SsnClose))
}

pub(super) fn expected_place() -> String {
    let names: Vec<_> = places().map(hook_name).collect();
    format!("a hook ({})", names.join(", "))
}

fn span(words: &mut Words<'_>) -> Parsed<HrTime> {
    let word = words.next();
    let span = parse_span(word).filter(|&span| span <= HttpScenario::LONGEST);
    span.ok_or_else(|| words.fault(word, "a time up to 60s (like 250ms, 4s)"))
}

fn thread(words: &mut Words<'_>) -> Parsed<Thread> {
    let word = words.next();
    let known = Thread::ALL.into_iter().find(|thread| thread.name() == word);
    known.ok_or_else(|| words.fault(word, "home, other, task or foreign"))
}

fn head(words: &mut Words<'_>) -> Parsed<Head> {
    let word = words.next();
    let known = Head::ALL.into_iter().find(|head| head.name() == word);
    let expected = "client_request, server_request, server_response or client_response";
    known.ok_or_else(|| words.fault(word, expected))
}

fn name(words: &mut Words<'_>) -> Parsed<String> {
    let word = words.next();
    match is_name(word) {
        true => Ok(word.to_owned()),
        false => Err(words.fault(word, "the name of a field")),
    }
}

fn is_name(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'@')
}

/// A head, a name with a colon, and a value up to the end of the text.
fn field(text: &str, words: &mut Words<'_>) -> Parsed<(Head, String, String)> {
    let head = head(words)?;
    let word = words.next();
    let Some(name) = word.strip_suffix(':').filter(|name| is_name(name)) else {
        return Err(words.fault(word, "the name of a field and a colon (like X-A:)"));
    };
    let behind = text.find(word).map_or(text.len(), |at| at + word.len());
    let value = text[behind..].trim();
    match value.is_empty() || value.contains(['\r', '\n']) {
        false => Ok((head, name.to_owned(), value.to_owned())),
        true => Err((behind, ScenarioFault::expected("a value on one line", value))),
    }
}

/// As a scenario writes it.
impl fmt::Display for HookOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HookOp::Reenable => f.write_str("reenable"),
            HookOp::Error => f.write_str("error"),
            HookOp::Wait(span) => write!(f, "wait {}", Span(*span)),
            HookOp::Go(thread) => write!(f, "go {}", thread.name()),
            HookOp::See(head, None) => write!(f, "see {}", head.name()),
            HookOp::See(head, Some(name)) => write!(f, "see {} {name}", head.name()),
            HookOp::Set(head, name, value) => write!(f, "set {} {name}: {value}", head.name()),
            HookOp::Add(head, name, value) => write!(f, "add {} {name}: {value}", head.name()),
            HookOp::Remove(head, name) => write!(f, "remove {} {name}", head.name()),
            HookOp::Status(status) => write!(f, "status {status}"),
            HookOp::ServerIntercept => f.write_str("server_intercept"),
            HookOp::Intercept => f.write_str("intercept"),
            HookOp::Hook(hook) => write!(f, "hook {}", hook_name(*hook)),
        }
    }
}
