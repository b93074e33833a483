//! `generator`: answers of any size.
//!
//! Mirrors `plugins/generator/generator.cc` (9.2.9): the paths, the heads, and the writing: 32 KiB
//! of `x` at a time, each piece as soon as the previous one has been taken.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use eventsys::{
    ContRef, Data, ET_NET, EventCode, Guard, Invocation, Outcome, ProxyMutex, StateMachine,
    hrtime::mseconds,
};
use iocore::{IoData, IoEvents};

use super::intercept::Link;
use crate::api::HttpTxn;
use crate::hdr::{ParseResult, RequestHdr, ResponseHdr, http_date};
use crate::proxy::HttpProxy;

/// The content of bodies.
static GENERATOR_DATA: [u8; 32 * 1024] = [b'x'; 32 * 1024];

/// Answers this transaction.
pub(super) fn intercept(txn: &HttpTxn) {
    let request = GeneratorRequest {
        proxy: Arc::clone(txn.proxy()),
        link: RefCell::default(),
        nbytes: Cell::new(0),
        head: Cell::new(0),
        status: Cell::new(0),
        post_left: Cell::new(-1),
    };
    txn.server_intercept(StateMachine::new(ProxyMutex::new(), request, GeneratorRequest::handle));
}

/// Whether the cache is left out for a request. Mirrors `CheckCacheable`.
pub(super) fn is_uncacheable(request: &RequestHdr) -> bool {
    request.url.path.starts_with(b"nocache/")
}

struct GeneratorRequest {
    proxy: Arc<HttpProxy>,
    link: RefCell<Option<Link>>,
    /// Bytes of the body that have not been written yet.
    nbytes: Cell<i64>,
    /// Of the answer, once it is known.
    status: Cell<u16>,
    /// Bytes of the request's head that have come.
    head: Cell<i64>,
    /// Bytes of a request's body that have not come yet; below 0 without one.
    post_left: Cell<i64>,
}

/// The answer that a request asks for.
struct Asked {
    nbytes: i64,
    cacheable: bool,
    delay_ms: i64,
    max_age: i64,
}

impl GeneratorRequest {
    fn handle(&self, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        let (guard, this) = (call.guard(), call.this());
        match event {
            EventCode::NET_EVENT_ACCEPT => {
                if let Some(vc) = data.net_vc() {
                    *self.link.borrow_mut() = Some(Link::accept(guard, this, vc));
                }
            }
            // No request will come: there is nothing to do.
            EventCode::NET_EVENT_ACCEPT_FAILED => {}
            EventCode::VC_EVENT_READ_READY => self.read_ready(guard, this),
            EventCode::VC_EVENT_WRITE_READY => self.write_ready(guard),
            EventCode::VC_EVENT_WRITE_COMPLETE => self.write_complete(guard),
            EventCode::VC_EVENT_READ_COMPLETE => {}
            EventCode::EVENT_INTERVAL => self.write_response(guard),
            _ => self.destroy(),
        }
        Outcome::Done
    }

    fn read_ready(&self, guard: &Guard<'_>, this: &ContRef) {
        if self.post_left.get() >= 0 {
            return self.take_body(guard);
        }
        if self.status.get() == 404 {
            return self.write_head(guard, &ResponseHdr::new(404));
        }
        let (result, head) = {
            let held = self.link.borrow();
            let Some(link) = held.as_ref() else { return };
            if link.has_request.get() {
                // The original has not taken the head out of its buffer. It reads it
                // once more, as fields, and so finds a second Host: it gives up.
                drop(held);
                return self.destroy();
            }
            let waiting = link.input.reader.read_avail(guard);
            let result = link.parse(guard);
            self.head.set(self.head.get() + waiting - link.input.reader.read_avail(guard));
            (result, self.head.get())
        };
        match result {
            ParseResult::Cont => {
                if let Some(link) = &*self.link.borrow() {
                    link.input.reenable(guard);
                }
            }
            ParseResult::Error => self.destroy(),
            ParseResult::Done => self.answer(guard, this, head),
        }
    }

    /// The request's head is complete, and this long.
    fn answer(&self, guard: &Guard<'_>, this: &ContRef, head: i64) {
        let mut delay_ms = 0;
        {
            let link = self.link.borrow();
            let Some(link) = &*link else { return };
            let request = link.request.borrow();
            // The write is begun with nothing to do; its length follows.
            link.output.write(guard, &link.vc, this, 0);
            if request.method == b"POST" {
                let length = request.fields.value_get_int64("Content-Length").unwrap_or(-1);
                // The original does not take the head out of the buffer, and so counts it with the
                // body: a short body gets its answer when its first bytes come.
                self.status.set(if length > 0 { 200 } else { 404 });
                if length > 0 {
                    self.post_left.set((length - head).max(0));
                }
            } else {
                match parse(&request) {
                    None => self.status.set(404),
                    Some(asked) => {
                        self.status.set(200);
                        let head_only = request.method == b"HEAD";
                        self.nbytes.set(if head_only { 0 } else { asked.nbytes });
                        delay_ms = asked.delay_ms;
                    }
                }
            }
        }
        if self.post_left.get() >= 0 || self.status.get() == 404 {
            // As the original, which waits for one more event: the body. If there is
            // none, it waits until the state machine gives up.
            let link = self.link.borrow();
            let waits = link.as_ref().map_or(0, |link| link.input.reader.read_avail(guard)) == 0;
            drop(link);
            // Bytes that have come already cause no event.
            if !waits {
                self.read_ready(guard, this);
            }
        } else if delay_ms > 0 {
            let processor = self.proxy.processor();
            processor.schedule_in(Arc::clone(this), mseconds(delay_ms), ET_NET);
        } else {
            self.write_response(guard);
        }
    }

    /// Throws a request's body away, and answers at its end.
    fn take_body(&self, guard: &Guard<'_>) {
        let left = {
            let link = self.link.borrow();
            let Some(link) = &*link else { return };
            let n = link.input.reader.read_avail(guard);
            link.input.reader.consume(guard, n);
            self.post_left.set((self.post_left.get() - n).max(0));
            if self.post_left.get() > 0 {
                link.input.reenable(guard);
            }
            self.post_left.get()
        };
        if left == 0 && self.status.get() == 200 {
            self.status.set(201);
            self.write_head(guard, &ResponseHdr::new(200));
        }
    }

    fn write_response(&self, guard: &Guard<'_>) {
        let mut response = ResponseHdr::new(200);
        response.fields.append("Content-Length", self.nbytes.get().to_string().as_bytes());
        let asked = self.link.borrow().as_ref().and_then(|link| parse(&link.request.borrow()));
        match asked.filter(|asked| asked.cacheable) {
            Some(asked) => {
                let value = format!("max-age={}, public", asked.max_age);
                response.fields.append("Cache-Control", value.as_bytes());
                let now = http_date(self.proxy.local_time());
                response.fields.append("Last-Modified", now.as_bytes());
            }
            None => response.fields.append("Cache-Control", b"private"),
        }
        self.write_head(guard, &response);
    }

    fn write_head(&self, guard: &Guard<'_>, response: &ResponseHdr) {
        let link = self.link.borrow();
        let Some(link) = &*link else { return };
        let mut head = Vec::with_capacity(256);
        response.print(&mut head);
        let nbytes = link.output.buffer.write(guard, &head);
        if let Some(vio) = link.output.handle() {
            vio.set_nbytes(guard, nbytes);
            vio.reenable(guard);
        }
    }

    /// The last piece has been taken: writes the next piece.
    fn write_ready(&self, guard: &Guard<'_>) {
        let link = self.link.borrow();
        let (Some(link), true) = (&*link, self.nbytes.get() > 0) else { return };
        self.write_piece(guard, link);
    }

    fn write_complete(&self, guard: &Guard<'_>) {
        if self.nbytes.get() > 0 {
            let link = self.link.borrow();
            let Some(link) = &*link else { return };
            self.write_piece(guard, link);
        } else if self.status.get() != 0 {
            self.destroy();
        }
    }

    fn write_piece(&self, guard: &Guard<'_>, link: &Link) {
        let piece = self.nbytes.get().min(GENERATOR_DATA.len() as i64);
        let data = &GENERATOR_DATA[..usize::try_from(piece).unwrap_or(0)];
        let written = link.output.buffer.write(guard, data);
        self.nbytes.set(self.nbytes.get() - written);
        if let Some(vio) = link.output.handle() {
            vio.set_nbytes(guard, vio.nbytes() + written);
            vio.reenable(guard);
        }
    }

    /// Mirrors `GeneratorRequestDestroy`.
    fn destroy(&self) {
        let link = self.link.take();
        if let Some(link) = link {
            link.vc.do_io_close(None);
        }
    }
}

/// True for a path that belongs to [`GeneratorRequest`].
pub(super) fn knows(path: &[u8]) -> bool {
    let mut parts = path.split(|&c| c == b'/').filter(|part| !part.is_empty());
    parts.next().is_some_and(|first| first.starts_with(b"cache") || first.starts_with(b"nocache"))
}

/// True for a request that [`GeneratorRequest`] has an answer for.
pub(super) fn can_answer(request: &RequestHdr) -> bool {
    match &request.method[..] {
        b"POST" => {
            let length = request.fields.value_get_int64("Content-Length");
            knows(&request.url.path) && length.is_some_and(|length| length > 0)
        }
        _ => parse(request).is_some(),
    }
}

/// The answer that the path and the fields ask for; `None` if they are not understood. Mirrors
/// `GeneratorParseRequest`.
fn parse(request: &RequestHdr) -> Option<Asked> {
    let mut parts = request.url.path.split(|&c| c == b'/').filter(|part| !part.is_empty());
    let first = parts.next()?;
    let cacheable = first.starts_with(b"cache");
    if !cacheable && !first.starts_with(b"nocache") {
        return None;
    }
    let digits = parts.next()?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // Modulo 2^64; a result that is negative is not understood.
    let digit = |c: &u8| i64::from(c - b'0');
    let nbytes = digits.iter().fold(0_i64, |n, c| n.wrapping_mul(10).wrapping_add(digit(c)));
    if nbytes < 0 {
        return None;
    }
    let number = |name: &str, otherwise| request.fields.value_get_int64(name).unwrap_or(otherwise);
    Some(Asked {
        nbytes,
        cacheable,
        // Both are kept in 32 bits, without a sign.
        delay_ms: number("Generator-Delay", 0) & 0xffff_ffff,
        max_age: number("Generator-MaxAge", 60 * 60 * 24) & 0xffff_ffff,
    })
}
