//! A plain sentence for each operation of an HTTP scenario.

use super::super::hook_op::{Head, HookOp, Thread};
use super::super::model::hook_name;
use super::super::op::HttpOp;
use super::counted;
use crate::amount::Span;

/// What `me` does, in one sentence without a full stop.
pub(super) fn explain_http_op(op: &HttpOp, me: &str, is_plugin: bool) -> String {
    let n = |n: i64| counted(usize::try_from(n).unwrap_or(0));
    match op {
        HttpOp::Get(path) => format!("{me} sends a GET request for {path}"),
        HttpOp::Post(path, bytes) => {
            format!("{me} sends a POST request for {path} with a body of {}", n(*bytes))
        }
        HttpOp::Answer(status, bytes) => {
            format!("{me} answers {status} with a body of {}", n(*bytes))
        }
        HttpOp::Send(text) => format!("{me} sends {} as they are", counted(text.len())),
        HttpOp::Body(bytes) => format!("{me} sends {} of a body", n(*bytes)),
        HttpOp::Chunk(0) => format!("{me} sends the last chunk, which is empty"),
        HttpOp::Chunk(bytes) => format!("{me} sends a chunk of {}", n(*bytes)),
        HttpOp::End if is_plugin => {
            format!("{me} shuts its write side when all is written, and goes on reading")
        }
        HttpOp::End => format!("{me} ends its side of the stream, and goes on reading"),
        HttpOp::Finish => format!("{me} closes its connection when all is sent"),
        HttpOp::Close => format!("{me} closes its connection at once"),
        HttpOp::Reset if is_plugin => format!("{me} closes its end with an error"),
        HttpOp::Reset => format!("{me} resets its connection"),
        HttpOp::Read(true) => format!("{me} reads again"),
        HttpOp::Read(false) => format!("{me} stops to read: bytes stay on their way"),
    }
}

/// What a hook does with its transaction, in one sentence without a full stop.
pub(super) fn explain_hook_op(op: &HookOp, found: Option<&str>) -> String {
    match op {
        HookOp::Reenable => "the plugin gives the transaction back: TSHttpTxnReenable with \
                             TS_EVENT_HTTP_CONTINUE"
            .to_owned(),
        HookOp::Error => "the plugin gives the transaction back as failed: TSHttpTxnReenable with \
                          TS_EVENT_HTTP_ERROR"
            .to_owned(),
        HookOp::Wait(span) => format!(
            "the plugin goes on in {}, by a timer on the thread of the transaction's first hook",
            Span(*span)
        ),
        HookOp::Go(thread) => format!("the plugin goes on on {}", thread_of(*thread)),
        HookOp::See(head, None) => {
            format!(
                "the plugin reads the first line of {}: {}",
                head_of(*head),
                found.unwrap_or("")
            )
        }
        HookOp::See(head, Some(name)) => {
            format!("the plugin reads {name} of {}: {}", head_of(*head), found.unwrap_or(""))
        }
        HookOp::Set(head, name, value) => {
            format!("the plugin sets {name} of {} to {value}", head_of(*head))
        }
        HookOp::Add(head, name, value) => {
            format!("the plugin adds {name}: {value} to {}", head_of(*head))
        }
        HookOp::Remove(head, name) => format!("the plugin removes {name} of {}", head_of(*head)),
        HookOp::Status(status) => {
            format!("the plugin asks for the status {status}: TSHttpTxnStatusSet")
        }
        HookOp::ServerIntercept => "the plugin takes the place of the origin server: \
                                    TSHttpTxnServerIntercept"
            .to_owned(),
        HookOp::Intercept => "the plugin takes the place of the proxy's own work: \
                              TSHttpTxnIntercept"
            .to_owned(),
        HookOp::Hook(hook) => {
            format!("the plugin adds a hook of this transaction alone: {}", hook_name(*hook))
        }
    }
}

fn thread_of(thread: Thread) -> &'static str {
    match thread {
        Thread::Home => "the thread of the transaction's first hook",
        Thread::Other => "the other net thread",
        Thread::Task => "a thread of the pool ET_TASK",
        Thread::Foreign => "a thread of TSThreadCreate",
    }
}

fn head_of(head: Head) -> &'static str {
    match head {
        Head::ClientRequest => "the client's request",
        Head::ServerRequest => "the request for the origin server",
        Head::ServerResponse => "the origin server's answer",
        Head::ClientResponse => "the answer for the client",
    }
}
