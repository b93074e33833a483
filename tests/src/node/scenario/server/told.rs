//! [`Told`] watches the sockets of a scenario and their parsers, and writes what they do into
//! the scenario's list of events: the list that is compared with node's.

use std::rc::{Rc, Weak};

use serde_json::{Value, json};
use streamlisten::js::{Arg, IncomingMessage, Observer, ParserStep, ServerResponse};

use super::{Connection, World};
use crate::node::scenario::bytes::show;
use crate::node::scenario::shown;

/// Tells what a socket and its parser do.
pub(super) struct Told {
    world: Weak<World>,
    connection: Weak<Connection>,
}

impl Told {
    pub(super) fn new(world: &Rc<World>, connection: &Rc<Connection>) -> Told {
        Told { world: Rc::downgrade(world), connection: Rc::downgrade(connection) }
    }
}

impl Observer for Told {
    fn on_emit(&self, event: &str, arg: &Arg) {
        let (Some(world), Some(connection)) = (self.world.upgrade(), self.connection.upgrade())
        else {
            return;
        };
        if event == "close" {
            connection.closed.set(true);
        }
        let told = match (event, arg) {
            ("data", Arg::Data(chunk)) => json!({"e": "emit", "ev": event, "n": chunk.len()}),
            ("error", Arg::Error(error)) => json!({"e": "emit", "ev": event, "code": error.code}),
            ("end" | "close", _) => json!({"e": "emit", "ev": event}),
            _ => return,
        };
        world.tell_of(&connection, told);
    }

    fn on_parser(&self, step: ParserStep<'_>) {
        let (Some(world), Some(connection)) = (self.world.upgrade(), self.connection.upgrade())
        else {
            return;
        };
        let result = |mut event: Value, result| {
            shown::add_result(&mut event, result, false);
            event
        };
        let event = match step {
            ParserStep::HeadersComplete(complete) => shown::headers_complete("P", complete),
            ParserStep::Headers(list, url) => {
                json!({"e": "headers", "p": "P", "h": shown::headers(Some(list)), "url": show(url)})
            }
            ParserStep::Body(body) => json!({"e": "body", "p": "P", "d": show(body)}),
            ParserStep::MessageComplete => json!({"e": "complete", "p": "P"}),
            ParserStep::Execute(r) => result(json!({"e": "execute", "p": "P"}), Some(r)),
            ParserStep::Unconsume => json!({"e": "unconsume"}),
            ParserStep::Pause => json!({"e": "pause"}),
            ParserStep::Resume if world.options["log_resume"] == true => json!({"e": "resume"}),
            ParserStep::Resume => return,
            ParserStep::Free => json!({"e": "free"}),
            ParserStep::JsExecute(n) => json!({"e": "js_execute", "n": n}),
            ParserStep::JsExecuted(r) => result(json!({"e": "ret", "a": "execute"}), r),
            ParserStep::Finished(r) => result(json!({"e": "ret", "a": "finish"}), r),
        };
        world.tell_of(&connection, event);
    }
}

/// Tells the events of a request and of its answer.
pub(super) fn watch(
    world: &Rc<World>,
    request: &IncomingMessage,
    response: &ServerResponse,
    n: usize,
) {
    let tell = |of: &'static str, events: &'static [&'static str]| {
        let log = world.log.clone();
        move |event: &str, arg: &Arg| {
            if events.contains(&event) {
                let mut told = json!({"e": of, "r": n, "ev": event});
                if let Arg::Error(error) = arg {
                    told["code"] = json!(error.code);
                }
                log.push(told);
            }
        }
    };
    request.observe(tell("req", &["aborted", "error", "end", "close", "timeout"]));
    response.observe(tell("res", &["finish", "error", "close", "timeout"]));
}
