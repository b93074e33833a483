//! An answer that is written in parts.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use serde_json::json;
use streamlisten::Exception;
use streamlisten::js::ServerResponse;

use super::World;
use super::{bytes, latin1};
use crate::node::scenario::hold::Log;

/// An answer that is written in parts.
pub(super) struct Answer {
    log: Log,
    parts: RefCell<VecDeque<Vec<u8>>>,
    /// Waits for `drain` where it is told to.
    waits: bool,
    draining: Cell<bool>,
    /// The parts are strings.
    is_text: bool,
}

impl Answer {
    pub(super) fn start(world: &World, response: &Rc<ServerResponse>) {
        let options = &world.options["answer"];
        let parts: VecDeque<Vec<u8>> =
            options["parts"].as_array().into_iter().flatten().map(bytes).collect();
        let length = parts.iter().map(Vec::len).sum::<usize>().to_string();
        let status = options["status"].as_u64().and_then(|n| u16::try_from(n).ok());
        let made = match (options["length"] == true, status) {
            (true, status) => {
                response.write_head(status.unwrap_or(200), &[("Content-Length", &length)])
            }
            (false, Some(status)) => response.write_head(status, &[]),
            (false, None) => Ok(()),
        };
        if let Err(error) = made {
            world.env.throw(Exception::new(error.code));
            return;
        }
        let answer = Rc::new(Answer {
            log: world.log.clone(),
            parts: RefCell::new(parts),
            waits: options["wait"] == true,
            draining: Cell::new(false),
            is_text: options["as"] == "text",
        });
        let log = world.log.clone();
        response.on("finish", Rc::new(move |_| log.push(json!({"e": "res_finish"}))));
        let (this, to) = (Rc::clone(&answer), Rc::downgrade(response));
        response.on(
            "drain",
            Rc::new(move |_| {
                if let (true, Some(response)) = (this.draining.take(), to.upgrade()) {
                    this.log.push(json!({"e": "res_drain"}));
                    this.write(&response);
                }
            }),
        );
        answer.write(response);
    }

    fn write(&self, response: &ServerResponse) {
        loop {
            let next = self.parts.borrow_mut().pop_front();
            let Some(part) = next else { break };
            let more = match self.is_text {
                true => response.write_text(&latin1(&part)),
                false => response.write(&part),
            };
            self.log.push(json!({"e": "res_write", "more": more}));
            if !more && self.waits && !self.parts.borrow().is_empty() {
                self.draining.set(true);
                return;
            }
        }
        response.end(None);
    }
}
