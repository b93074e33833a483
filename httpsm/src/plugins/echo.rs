//! `echo`: answers with the request's body.
//!
//! The answer begins when the whole body has come, and no sooner: the state
//! machine takes an early answer as a sign that the origin server does not want
//! the rest, and stops sending it. Until then the plugin keeps the body, by
//! reference to the blocks in which it came, up to [`MAX_BODY`]. It answers a
//! longer body with 413 as soon as it knows the length, and reads no more of it. A
//! client that sends `Expect: 100-continue` gets the interim answer.

use std::cell::{Cell, RefCell};

use eventsys::{ContRef, Data, EventCode, Guard, Invocation, Outcome, ProxyMutex, StateMachine};
use iocore::{IoData, IoEvents};

use super::intercept::Link;
use crate::api::HttpTxn;
use crate::chunked::{ChunkedReader, ChunkedState};
use crate::hdr::{ParseResult, ResponseHdr};
use crate::tunnel::share_or_copy;

/// The largest body that is kept, in bytes; for a chunked body with its framing,
/// because sizes, extensions and trailers may be endless too.
const MAX_BODY: i64 = 16 << 20;

/// Answers this transaction.
pub(super) fn intercept(txn: &HttpTxn) {
    txn.server_intercept(StateMachine::new(ProxyMutex::new(), Echo::default(), Echo::handle));
}

#[derive(Default)]
struct Echo {
    link: RefCell<Option<Link>>,
    /// Reads a body in chunks, which is passed on as it is.
    chunks: RefCell<Option<ChunkedReader>>,
    /// Bytes of the body that have not come yet.
    left: Cell<i64>,
    /// Bytes that have been kept.
    kept: Cell<i64>,
    answered: Cell<bool>,
}

impl Echo {
    fn handle(&self, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        let (guard, this) = (call.guard(), call.this());
        match event {
            EventCode::NET_EVENT_ACCEPT => {
                if let Some(vc) = data.net_vc() {
                    *self.link.borrow_mut() = Some(Link::accept(guard, this, vc));
                }
            }
            EventCode::VC_EVENT_READ_READY => self.read_ready(guard, this),
            EventCode::VC_EVENT_READ_COMPLETE | EventCode::VC_EVENT_WRITE_READY => {}
            // This event is for the interim answer.
            EventCode::VC_EVENT_WRITE_COMPLETE if !self.answered.get() => {}
            _ => self.close(),
        }
        Outcome::Done
    }

    fn read_ready(&self, guard: &Guard<'_>, this: &ContRef) {
        let good = match &*self.link.borrow() {
            // The body has been refused, and comes all the same.
            Some(_) if self.answered.get() => true,
            Some(link) if link.has_request.get() => self.take_body(guard, this, link),
            Some(link) => match link.parse(guard) {
                ParseResult::Cont => {
                    link.input.reenable(guard);
                    true
                }
                ParseResult::Done => {
                    !self.begin(guard, this, link) || self.take_body(guard, this, link)
                }
                ParseResult::Error => false,
            },
            None => true,
        };
        if !good {
            self.close();
        }
    }

    /// The request's head is there: the answer's head describes the body in the same
    /// way. False if the body is refused.
    fn begin(&self, guard: &Guard<'_>, this: &ContRef, link: &Link) -> bool {
        let request = link.request.borrow();
        let chunked = request.fields.presence("Transfer-Encoding");
        let length = request.fields.value_get_int64("Content-Length").filter(|_| !chunked);
        if length.is_some_and(|length| length > MAX_BODY) {
            self.refuse(guard, this, link);
            return false;
        }
        let expects = request.fields.value_get("Expect");
        if expects.is_some_and(|value| value.eq_ignore_ascii_case(b"100-continue")) {
            let nbytes = link.output.buffer.write(guard, b"HTTP/1.1 100 Continue\r\n\r\n");
            link.output.write(guard, &link.vc, this, nbytes);
        }
        let mut response = ResponseHdr::new(200);
        if let Some(kind) = request.fields.value_get("Content-Type") {
            response.fields.append("Content-Type", kind);
        }
        if chunked {
            response.fields.append("Transfer-Encoding", b"chunked");
            *self.chunks.borrow_mut() = Some(ChunkedReader::new());
        } else {
            let length = length.unwrap_or(0);
            response.fields.append("Content-Length", length.to_string().as_bytes());
            self.left.set(length);
        }
        let mut head = Vec::with_capacity(128);
        response.print(&mut head);
        link.output.buffer.write(guard, &head);
        true
    }

    fn refuse(&self, guard: &Guard<'_>, this: &ContRef, link: &Link) {
        self.answered.set(true);
        let sentence = format!("echo: a body has at most {MAX_BODY} bytes\n");
        link.refuse(guard, this, 413, &sentence);
    }

    /// Keeps the bytes that have come, and answers at the end. False if the
    /// body is invalid.
    fn take_body(&self, guard: &Guard<'_>, this: &ContRef, link: &Link) -> bool {
        let reader = &link.input.reader;
        let mut over = self.chunks.borrow().is_none() && self.left.get() == 0;
        while !over && reader.block_read_avail(guard) > 0 {
            let view = reader.block_view(guard);
            let taken = match &mut *self.chunks.borrow_mut() {
                Some(chunks) => {
                    let taken = chunks.read(&view, |_| {});
                    if chunks.state() == ChunkedState::Error {
                        return false;
                    }
                    over = chunks.is_over();
                    i64::try_from(taken).unwrap_or(0)
                }
                None => {
                    let taken = i64::try_from(view.len()).unwrap_or(0).min(self.left.get());
                    self.left.set(self.left.get() - taken);
                    over = self.left.get() == 0;
                    taken
                }
            };
            self.kept.set(self.kept.get() + taken);
            if self.kept.get() > MAX_BODY {
                drop(view);
                self.refuse(guard, this, link);
                return true;
            }
            let piece = 0..usize::try_from(taken).unwrap_or(0);
            share_or_copy(guard, &link.output.buffer, reader, &view, piece);
            reader.consume(guard, taken);
        }
        if over && !self.answered.replace(true) {
            let nbytes = link.output.reader.read_avail(guard);
            link.output.write(guard, &link.vc, this, nbytes);
        }
        link.input.reenable(guard);
        true
    }

    fn close(&self) {
        let link = self.link.take();
        if let Some(link) = link {
            link.vc.do_io_close(None);
        }
    }
}
