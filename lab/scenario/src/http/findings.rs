//! What is odd about a run: what a user of the proxy would report.

use super::messages::Messages;
use super::model::{HttpClient, HttpScenario, hook_name};
use super::op::HttpOp;
use super::seen::{HttpReport, Seen};
use httpsm::hooks::HttpHook;

/// What is odd about a run of `scenario`, a sentence each, without a full stop:
///
/// - `txn 1 is not over`, `session 1 is not over`: its last hook was never called;
/// - `client has no answer`: it sends something, and no head of an answer has come;
/// - `client has 50 of 100 bytes of an answer`: fewer than its Content-Length says.
///
/// How the run ends is no part of it.
#[must_use]
pub fn http_findings(scenario: &HttpScenario, report: &HttpReport) -> Vec<String> {
    let mut findings = Vec::new();
    if scenario.netvc.is_some() {
        // Nothing speaks HTTP.
        return findings;
    }
    for actor in &report.actors {
        let client = scenario.clients.iter().find(|client| client.actor() == actor.name);
        match (client, last_hook(&actor.name)) {
            (Some(client), _) => of_client(client, actor, &mut findings),
            (None, Some(hook)) if !has_seen(actor, hook) => {
                findings.push(format!("{} is not over", actor.name));
            }
            _ => {}
        }
    }
    findings
}

/// The last hook of a transaction or of a session.
fn last_hook(name: &str) -> Option<HttpHook> {
    match name.split(' ').next() {
        Some("txn") => Some(HttpHook::TxnClose),
        Some("session") => Some(HttpHook::SsnClose),
        _ => None,
    }
}

/// The hook was called, on whichever thread.
fn has_seen(actor: &Seen, hook: HttpHook) -> bool {
    let name = hook_name(hook);
    actor.events.iter().any(|(_, what)| what.split(',').next() == Some(name))
}

fn of_client(client: &HttpClient, actor: &Seen, findings: &mut Vec<String>) {
    let ops = client.reactions.iter().flat_map(|reaction| &reaction.ops);
    let asks = |op: &HttpOp| matches!(op, HttpOp::Get(_) | HttpOp::Post(..) | HttpOp::Send(_));
    let answers = Messages::of(&actor.bytes).all;
    if answers.is_empty() && ops.into_iter().any(asks) {
        findings.push(format!("{} has no answer", actor.name));
    }
    for answer in answers {
        if let Some(length) = answer.length.filter(|&length| answer.behind < length) {
            let (name, behind) = (&actor.name, answer.behind);
            findings.push(format!("{name} has {behind} of {length} bytes of an answer"));
        }
    }
}
