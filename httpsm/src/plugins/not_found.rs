//! The answer to a request that no plugin claims: 404, and a list of the paths.

use std::cell::RefCell;

use eventsys::{ContRef, Data, EventCode, Guard, Invocation, Outcome, ProxyMutex, StateMachine};
use iocore::{IoData, IoEvents};

use super::Plugin;
use super::intercept::Link;
use crate::api::HttpTxn;
use crate::hdr::ParseResult;

/// Answers this transaction.
pub(super) fn intercept(txn: &HttpTxn, plugins: &[Plugin]) {
    let machine = NotFound { link: RefCell::default(), sentence: sentence(plugins) };
    txn.server_intercept(StateMachine::new(ProxyMutex::new(), machine, NotFound::handle));
}

/// The text of the body.
fn sentence(plugins: &[Plugin]) -> String {
    let mut text = String::from("No plugin answers this request. The paths are:\n");
    for &plugin in Plugin::ALL.iter().filter(|plugin| plugins.contains(plugin)) {
        text += &format!("  {:34} {}\n", plugin.paths(), plugin.name());
    }
    text
}

struct NotFound {
    link: RefCell<Option<Link>>,
    sentence: String,
}

impl NotFound {
    fn handle(&self, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        let (guard, this) = (call.guard(), call.this());
        match event {
            EventCode::NET_EVENT_ACCEPT => {
                if let Some(vc) = data.net_vc() {
                    *self.link.borrow_mut() = Some(Link::accept(guard, this, vc));
                }
            }
            EventCode::VC_EVENT_READ_READY => self.read_request(guard, this),
            EventCode::VC_EVENT_WRITE_READY | EventCode::VC_EVENT_READ_COMPLETE => {}
            _ => self.close(),
        }
        Outcome::Done
    }

    fn read_request(&self, guard: &Guard<'_>, this: &ContRef) {
        let result = match &*self.link.borrow() {
            // A body that comes behind the head is not read.
            Some(link) if !link.has_request.get() => {
                let result = link.parse(guard);
                match result {
                    ParseResult::Cont => link.input.reenable(guard),
                    ParseResult::Done => link.refuse(guard, this, 404, &self.sentence),
                    ParseResult::Error => {}
                }
                result
            }
            _ => return,
        };
        if result == ParseResult::Error {
            self.close();
        }
    }

    fn close(&self) {
        let link = self.link.take();
        if let Some(link) = link {
            link.vc.do_io_close(None);
        }
    }
}
