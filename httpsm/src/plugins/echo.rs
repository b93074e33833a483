//! `echo`: answers with the request's body.
//!
//! The answer begins when the whole body has come, and no sooner: the state
//! machine takes an early answer for the last word of an origin server that does
//! not want the rest, and gives up on it. Until then the body is kept, by
//! reference to the blocks in which it came, but no more of it than
//! [`MAX_BODY`]: what is longer is answered with 413 as soon as that is known, and
//! not read any further. A client that waits for a word before it sends the body
//! (`Expect: 100-continue`) gets it.

use std::cell::{Cell, RefCell};

use eventsys::{ContRef, Data, EventCode, Guard, Invocation, Outcome, ProxyMutex, StateMachine};
use iocore::{IoData, IoEvents};

use super::intercept::Link;
use crate::api::HttpTxn;
use crate::chunked::{ChunkedReader, ChunkedState};
use crate::hdr::{ParseResult, ResponseHdr};
use crate::tunnel::share_or_copy;

/// The most that is kept of a body, in bytes; of one in chunks with all that frames
/// them: sizes, extensions and trailers may go on for ever too.
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
            // That was the interim answer.
            EventCode::VC_EVENT_WRITE_COMPLETE if !self.answered.get() => {}
            _ => self.close(),
        }
        Outcome::Done
    }

    fn read_ready(&self, guard: &Guard<'_>, this: &ContRef) {
        let good = match &*self.link.borrow() {
            // It has been refused, and comes all the same.
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

    /// The request's head is there: the answer's will say the same of its body. False
    /// if that is refused.
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

    /// Keeps what has come; the end is answered. False if the body is not one.
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
