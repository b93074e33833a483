//! `broken`: an origin server that does not keep its word.
//!
//! | path | answer |
//! |---|---|
//! | `/broken/close` | nothing: the connection is closed |
//! | `/broken/head` | half a head |
//! | `/broken/nonsense` | bytes that are not a head |
//! | `/broken/body` | a head that promises 100 bytes, and 10 of them |
//! | `/broken/chunk` | a chunk, and then bytes that are not a chunk |
//! | `/broken/silent` | nothing, and the connection stays |
//! | `/broken/panic` | nothing: the plugin panics, on its event thread |

use std::cell::RefCell;

use eventsys::{ContRef, Data, EventCode, Guard, Invocation, Outcome, ProxyMutex, StateMachine};
use iocore::{IoData, IoEvents};

use super::intercept::Link;
use crate::api::HttpTxn;
use crate::hdr::ParseResult;

/// Answers this transaction.
pub(super) fn intercept(txn: &HttpTxn) {
    txn.server_intercept(StateMachine::new(ProxyMutex::new(), Broken::default(), Broken::handle));
}

#[derive(Default)]
struct Broken {
    link: RefCell<Option<Link>>,
}

impl Broken {
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
        let answer: &[u8] = {
            let link = self.link.borrow();
            let Some(link) = link.as_ref().filter(|link| !link.has_request.get()) else { return };
            if link.parse(guard) != ParseResult::Done {
                return link.input.reenable(guard);
            }
            let path = link.request.borrow().url.path.clone();
            match path.strip_prefix(b"broken/").unwrap_or(b"") {
                b"head" => b"HTTP/1.1 200 OK\r\nContent-Le",
                b"nonsense" => b"this is no head\r\n\r\n",
                b"body" => b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789",
                b"chunk" => {
                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n"
                }
                b"panic" => panic!("/broken/panic has been asked for"),
                b"silent" => {
                    // The plugin still waits for the end of the request's
                    // connection.
                    return link.input.reenable(guard);
                }
                _ => b"",
            }
        };
        if answer.is_empty() {
            return self.close();
        }
        if let Some(link) = &*self.link.borrow() {
            let nbytes = link.output.buffer.write(guard, answer);
            link.output.write(guard, &link.vc, this, nbytes);
        }
    }

    fn close(&self) {
        let link = self.link.take();
        if let Some(link) = link {
            link.vc.do_io_close(None);
        }
    }
}
