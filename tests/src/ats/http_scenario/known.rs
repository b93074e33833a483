//! The register of the differences that are known.

use eventsys::EventCode;
use httpsm::hooks::HttpHook;
use iocore::VioOp;
use scenario::http::{HookOp, HttpOp, HttpScenario, When};
use scenario::{Op, Trigger};

use super::compare::HttpDifference;
use crate::ats::live::Release;
use crate::deviations::Deviations;

/// What a scenario must have before a difference in it is a known one.
pub type HttpRule = fn(&HttpScenario) -> bool;

/// The rules that entries of the register name.
pub const HTTP_RULES: [(&str, HttpRule); 5] = [
    ("request-behind-a-body", has_request_behind_a_body),
    ("unfinished-body", has_unfinished_body),
    ("answer-before-the-body", has_answer_before_the_body),
    ("used-when-over", is_used_when_over),
    ("write-without-its-buffer", loses_the_buffer_of_a_write),
];

/// The name of the registered deviation that explains this difference, if one does.
#[must_use]
pub fn explain_http(
    release: Release,
    scenario: &HttpScenario,
    difference: &HttpDifference,
) -> Option<String> {
    let program = release.to_string();
    let fits = |entry: &&crate::deviations::Deviation| {
        let rule = HTTP_RULES.iter().find(|(name, _)| entry.rule.as_deref() == Some(*name));
        entry.programs.contains(&program)
            && rule.is_some_and(|(_, holds)| holds(scenario))
            && entry.fits(&difference.real, &difference.port)
    };
    Deviations::http_scenarios().deviation.iter().find(fits).map(|entry| entry.name.clone())
}

/// A client sends a body, and at once something behind it.
fn has_request_behind_a_body(scenario: &HttpScenario) -> bool {
    let reactions = scenario.clients.iter().flat_map(|client| &client.reactions);
    let is_body = |op: &HttpOp| matches!(op, HttpOp::Post(..) | HttpOp::Body(_) | HttpOp::Chunk(_));
    let is_request =
        |op: &HttpOp| matches!(op, HttpOp::Post(..) | HttpOp::Get(_) | HttpOp::Send(_));
    reactions.into_iter().any(|reaction| {
        let body = reaction.ops.iter().position(is_body);
        body.is_some_and(|at| reaction.ops[at + 1..].iter().any(is_request))
    })
}

/// A client sends a body.
fn has_body(scenario: &HttpScenario) -> bool {
    let reactions = scenario.clients.iter().flat_map(|client| &client.reactions);
    let is_body = |op: &HttpOp| matches!(op, HttpOp::Post(..) | HttpOp::Body(_) | HttpOp::Chunk(_));
    reactions.flat_map(|reaction| &reaction.ops).any(is_body)
}

/// A client announces a body, and has not sent all of it with its head.
fn has_unfinished_body(scenario: &HttpScenario) -> bool {
    let ops = scenario.clients.iter().flat_map(|client| &client.reactions).flat_map(|it| &it.ops);
    let announces = |text: &str| text.contains("Content-Length: ") || text.contains("chunked");
    ops.into_iter().any(|op| matches!(op, HttpOp::Send(text) if announces(text)))
}

/// The origin server answers by the clock, asked or not, and a plugin holds a request with a body back
/// until then.
fn has_answer_before_the_body(scenario: &HttpScenario) -> bool {
    let held = scenario.hooks.iter().filter(|list| list.hook == HttpHook::SendRequestHdr);
    let waits = held.flat_map(|list| &list.ops).filter_map(|op| match op {
        HookOp::Wait(span) => Some(*span),
        _ => None,
    });
    let answers = scenario.origin.reactions.iter().filter_map(|it| match it.when {
        When::After(span) => Some(span),
        When::Start => Some(0),
        _ => None,
    });
    let is_before = waits.max().zip(answers.min()).is_some_and(|(wait, answer)| answer < wait);
    is_before && (has_body(scenario) || has_unfinished_body(scenario))
}

/// The user of a NetVC ends its write when it is told that it may write more: by a shutdown, or by a
/// close in a callback within a callback.
fn loses_the_buffer_of_a_write(scenario: &HttpScenario) -> bool {
    let is_ready = |trigger| matches!(trigger, Trigger::Event(event, _) if event == EventCode::VC_EVENT_WRITE_READY);
    let reactions = scenario.netvc.iter().flatten().filter(|it| is_ready(it.trigger));
    let ops: Vec<Op> = reactions.flat_map(|it| it.ops.iter().copied()).collect();
    let shuts = |op: &Op| matches!(op, Op::Shutdown(how_to) if how_to.ends(VioOp::Write));
    let nests = ops.contains(&Op::ReenableRe(VioOp::Write));
    ops.iter().any(|op| shuts(op) || nests && *op == Op::Close)
}

/// A plugin uses a transaction a while after it has given it back.
fn is_used_when_over(scenario: &HttpScenario) -> bool {
    let is = |op: &HookOp| matches!(op, HookOp::Reenable | HookOp::Error);
    scenario.hooks.iter().any(|list| {
        let back = list.ops.iter().position(is);
        let behind = back.map_or(&[][..], |at| &list.ops[at + 1..]);
        matches!(behind, [HookOp::Wait(_), HookOp::See(..), ..])
    })
}
