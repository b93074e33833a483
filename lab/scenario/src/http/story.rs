//! A recorded run as lines to be read, each with a plain sentence.

mod netvc;
mod op;

use httpsm::hooks::HttpHook;

use self::netvc::explain_netvc;
use self::op::{explain_hook_op, explain_http_op};
use super::hook_op::place;
use super::model::{ClientBy, HttpScenario, OriginBy, When};
use super::netvc::NETVC;
use super::record::{HttpRecord, HttpRecorded, HttpWhat, OWN};
use super::write::when_key;
use crate::explain::explain_op;
use crate::story::{Line, Mark};

/// A run of `scenario` as lines: what each participant does and gets, and each call of a hook.
///
/// ```
/// use scenario::http::{http_scenario_from_bytes, http_story, record_http_scenario};
///
/// let text = br#"
/// title = "A request"
/// teaches = "Its first step."
/// [client]
/// on_start = ["get /a"]
/// [origin]
/// "#;
/// let scenario = http_scenario_from_bytes("a.toml", text).unwrap();
/// let lines = http_story(&scenario, &record_http_scenario(&scenario));
/// assert_eq!(lines[1].text, "client > get /a");
/// assert_eq!(lines[1].sentence, "the client sends a GET request for /a");
/// ```
#[must_use]
pub fn http_story(scenario: &HttpScenario, recorded: &HttpRecorded) -> Vec<Line> {
    let calls = recorded.calls();
    let line = |(record, nth): (&HttpRecord, u32)| {
        let (mark, text) = (mark_of(&record.what), text_of(record));
        let sentence = sentence(scenario, record, nth);
        let locks = record.thread.clone().unwrap_or_default();
        let levels = String::new();
        Line { at: record.at, thread: None, mark, text, sentence, levels, locks }
    };
    recorded.records.iter().zip(calls).map(line).collect()
}

fn mark_of(what: &HttpWhat) -> Mark {
    match what {
        HttpWhat::Gets { .. } | HttpWhat::Event(_) => Mark::Step,
        _ => Mark::User,
    }
}

/// What happened, in the words of the scenario and of the report.
fn text_of(HttpRecord { who, what, .. }: &HttpRecord) -> String {
    match what {
        HttpWhat::Moment(when) => format!("{who} {}", when_key(*when, start_of(who))),
        HttpWhat::Op { op, .. } => format!("{who} > {}", shortened(&op.to_string())),
        HttpWhat::HookOp { op, .. } => format!("{who} > {}", shortened(&op.to_string())),
        HttpWhat::VcOp(_, performed) => format!("{who} > {}", performed.op),
        HttpWhat::Gets { bytes, .. } => format!("{who} < {}", counted(*bytes)),
        HttpWhat::Event(text) => format!("{who} {text}"),
    }
}

/// How long the text of an operation may be: `send` may have a whole head.
const MOST: usize = 40;

fn shortened(text: &str) -> String {
    let plain = super::escape(text.as_bytes());
    match plain.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &plain[..end]),
        None => plain,
    }
}

fn start_of(who: &str) -> &'static str {
    if who.starts_with("origin") { "on_accept" } else { "on_start" }
}

pub(super) fn counted(bytes: usize) -> String {
    if bytes == 1 { "1 byte".to_owned() } else { format!("{bytes} bytes") }
}

/// What the record means, without a full stop; `nth` numbers the calls of a hook.
fn sentence(scenario: &HttpScenario, record: &HttpRecord, nth: u32) -> String {
    let me = Participant::of(scenario, &record.who);
    match &record.what {
        HttpWhat::Moment(when) => moment(scenario, &me, *when),
        HttpWhat::VcOp(_, performed) => explain_op(performed),
        HttpWhat::Op { op, .. } => explain_http_op(op, &me.name, me.is_plugin),
        HttpWhat::HookOp { op, found, .. } => explain_hook_op(op, found.as_deref()),
        HttpWhat::Gets { bytes, heads } => gets(&me, *bytes, heads),
        HttpWhat::Event(text) => match record.who.split(' ').next() {
            Some(NETVC) => explain_netvc(text),
            Some("txn") => of_txn(scenario, text, nth),
            Some("session") if text == "SSN_START" => {
                "a session begins: the proxy knows the protocol of the client's connection"
                    .to_owned()
            }
            Some("session") => "the session is over: the client's connection is done".to_owned(),
            _ => of_connection(scenario, &me, text),
        },
    }
}

/// A participant, as a sentence names it.
struct Participant {
    name: String,
    is_client: bool,
    is_plugin: bool,
}

impl Participant {
    fn of(scenario: &HttpScenario, who: &str) -> Participant {
        let client = scenario.clients.iter().find(|client| client.actor() == who);
        let is_client = client.is_some();
        let is_plugin = match client {
            Some(client) => client.by == ClientBy::Plugin,
            None => matches!(scenario.origin.by, OriginBy::Intercept | OriginBy::ServerIntercept),
        };
        let name = match (client, is_plugin) {
            _ if who == NETVC => "the NetVC's user".to_owned(),
            (Some(_), _) => format!("the {who}"),
            (None, true) => "the intercept".to_owned(),
            (None, false) => "the origin server".to_owned(),
        };
        Participant { name, is_client, is_plugin }
    }
}

fn moment(scenario: &HttpScenario, me: &Participant, when: When) -> String {
    let name = &me.name;
    if scenario.netvc.is_some() {
        return match when {
            When::After(_) => format!("a timer of {name} has run out"),
            When::NetVc(_) => {
                format!("the user of the NetVC has been called, for which {name} waits")
            }
            _ if me.is_client => {
                format!("{name} has connected to the port at which the NetVC's user accepts")
            }
            _ => format!("{name} accepts the connection of the NetVC"),
        };
    }
    match (when, me.is_client, me.is_plugin) {
        (When::After(_), ..) => format!("a timer of {name} has run out"),
        (When::Hook(..), ..) => format!("a hook has been called that {name} waits for"),
        (_, true, false) => format!("{name} has connected to the proxy"),
        (_, true, true) => {
            format!(
                "{name} is a plugin: TSHttpConnectWithPluginId has made a pair, and it has the active end"
            )
        }
        (_, false, false) => format!("{name} accepts a connection of the proxy"),
        (_, false, true) => {
            format!("{name} is told NET_EVENT_ACCEPT: it has the passive end of a pair")
        }
    }
}

fn gets(me: &Participant, bytes: usize, heads: &[String]) -> String {
    let (what, name) = (counted(bytes), &me.name);
    match heads {
        [] => format!("{what} come to {name}"),
        [head] => format!("{what} come to {name}, and with them the head of \"{head}\""),
        heads => format!(
            "{what} come to {name}, and with them the heads of \"{}\"",
            heads.join("\" and of \"")
        ),
    }
}

/// What a connection tells its participant.
fn of_connection(scenario: &HttpScenario, me: &Participant, text: &str) -> String {
    let name = &me.name;
    let reactions = match me.is_client {
        true => None,
        false => Some(&scenario.origin.reactions),
    };
    let clients =
        scenario.clients.iter().filter(|client| format!("the {}", client.actor()) == *name);
    let mut all = reactions.into_iter().chain(clients.map(|client| &client.reactions)).flatten();
    let reacts = all.any(|reaction| reaction.when == When::End);
    let closes = if reacts { "" } else { ", so it closes, too" };
    let is_netvc = scenario.netvc.is_some();
    match text {
        "closed" if is_netvc => format!("the stream to {name} has ended{closes}"),
        "reset" => format!("the system has reset the connection of {name}{closes}"),
        "closed" => format!("the proxy has ended the stream to {name}{closes}"),
        "EOS" => format!("VC_EVENT_EOS: the proxy has ended the stream to {name}{closes}"),
        "WRITE_COMPLETE" => {
            format!("VC_EVENT_WRITE_COMPLETE: the proxy has taken all that {name} has written")
        }
        "READ_COMPLETE" => format!("VC_EVENT_READ_COMPLETE: {name} has all bytes of its read"),
        "ERROR" => format!("VC_EVENT_ERROR: {name} can write no more, for the proxy has closed"),
        "INACTIVITY_TIMEOUT" => {
            format!("VC_EVENT_INACTIVITY_TIMEOUT: nothing has moved at {name}'s end for too long")
        }
        "ACTIVE_TIMEOUT" => format!("VC_EVENT_ACTIVE_TIMEOUT: {name}'s end has lived too long"),
        "ACCEPT_FAILED" => {
            format!("NET_EVENT_ACCEPT_FAILED: the transaction was over before {name} had its end")
        }
        other => format!("{name} is told {other}"),
    }
}

/// A hook's call, or what the real server says that a hook has done.
fn of_txn(scenario: &HttpScenario, text: &str, nth: u32) -> String {
    let (name, behind) = text.split_once(',').unwrap_or((text, ""));
    let Some(hook) = place(name) else {
        return match text {
            "reenable" => explain_hook_op(&super::HookOp::Reenable, None),
            "error" => explain_hook_op(&super::HookOp::Error, None),
            other => format!("the plugin {other}"),
        };
    };
    let what = moment_of(hook);
    if text.ends_with(OWN) {
        return format!("{what}; this hook is of the transaction alone, and gives it back at once");
    }
    let elsewhere = if behind.is_empty() { "" } else { "; the thread is not the first hook's" };
    let does = match scenario.list_of(hook, nth).map(|list| &scenario.hooks[list].ops) {
        None => "the plugin gives the transaction back at once",
        Some(ops) if ops.is_empty() => "the plugin keeps the transaction, and never gives it back",
        Some(_) => "the plugin has the transaction until it gives it back",
    };
    format!("{what}{elsewhere}; {does}")
}

/// Where a transaction stands when it calls a hook.
fn moment_of(hook: HttpHook) -> &'static str {
    match hook {
        HttpHook::TxnStart => "a transaction begins, before it has a request",
        HttpHook::ReadRequestHdr => "the head of the client's request has been read",
        HttpHook::PreRemap => "the rules are about to be applied to the request's URL",
        HttpHook::PostRemap => "the rules have been applied",
        HttpHook::CacheLookupComplete => "the lookup in the cache is complete",
        HttpHook::OsDns => "the address of the origin server is known",
        HttpHook::SendRequestHdr => "the request is about to go to the origin server",
        HttpHook::ReadResponseHdr => {
            "the head of the origin server's answer has been read, or its connection has ended"
        }
        HttpHook::SendResponseHdr => "the head of the answer is about to go to the client",
        HttpHook::TxnClose => "the transaction is over, and no plugin may use it after this hook",
        _ => "a hook of a session",
    }
}
