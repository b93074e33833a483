//! `slow`: an answer that comes one byte at a time.
//!
//! `/slow/SIZE/MILLISECONDS` is answered with SIZE bytes, the head at once and one
//! byte of the body each MILLISECONDS, at most a day. If the reader takes nothing, bytes wait up to
//! the water mark; then no more are written until it has taken some. With less than
//! [`SHORTEST_MILLISECONDS`] between bytes, several are written at a time. A part that is not a
//! number, or a too large number, is answered with 400 and a sentence.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use eventsys::hrtime::mseconds;
use eventsys::{
    ContRef, Data, ET_NET, EventCode, EventRef, Guard, HrTime, Invocation, Outcome, ProxyMutex,
    StateMachine,
};
use iocore::{IoData, IoEvents};

use super::intercept::{Link, part_of_path};
use crate::api::HttpTxn;
use crate::hdr::{ParseResult, ResponseHdr};
use crate::proxy::HttpProxy;

/// The largest number of bytes that wait for a reader that takes none.
const WATER_MARK: i64 = 4096;

/// Timers are not finer than this: the event loop's first bucket holds all timers due within five
/// milliseconds, and the loop treats them as due.
const SHORTEST_MILLISECONDS: i64 = 10;

/// The longest time between two bytes: a day.
const MAX_MILLISECONDS: i64 = 24 * 60 * 60 * 1000;

/// The largest size: together with the head it still fits the number type.
const MAX_SIZE: i64 = i64::MAX - 4096;

/// Answers this transaction.
pub(super) fn intercept(txn: &HttpTxn) {
    let slow = Slow {
        proxy: Arc::clone(txn.proxy()),
        link: RefCell::default(),
        left: Cell::new(0),
        at_a_time: Cell::new(1),
        period: Cell::new(0),
        next: Cell::new(0),
        timer: Cell::new(None),
        full: Cell::new(false),
    };
    txn.server_intercept(StateMachine::new(ProxyMutex::new(), slow, Slow::handle));
}

struct Slow {
    proxy: Arc<HttpProxy>,
    link: RefCell<Option<Link>>,
    /// Bytes that have not been given to the write.
    left: Cell<i64>,
    /// How many bytes are written at a time,
    at_a_time: Cell<i64>,
    /// how long after the previous ones,
    period: Cell<HrTime>,
    /// and when the next ones are due.
    next: Cell<HrTime>,
    timer: Cell<Option<EventRef>>,
    /// The reader has not taken the waiting bytes: no timer runs.
    full: Cell<bool>,
}

impl Slow {
    fn handle(&self, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        let (guard, this) = (call.guard(), call.this());
        match event {
            EventCode::NET_EVENT_ACCEPT => {
                if let Some(vc) = data.net_vc() {
                    *self.link.borrow_mut() = Some(Link::accept(guard, this, vc));
                }
            }
            EventCode::VC_EVENT_READ_READY => self.read_request(guard, this),
            EventCode::EVENT_INTERVAL => self.drip(guard, this),
            EventCode::VC_EVENT_WRITE_READY if self.full.get() => self.go_on(guard, this),
            EventCode::VC_EVENT_WRITE_READY | EventCode::VC_EVENT_READ_COMPLETE => {}
            _ => self.close(),
        }
        Outcome::Done
    }

    fn read_request(&self, guard: &Guard<'_>, this: &ContRef) {
        let link = self.link.borrow();
        let Some(link) = link.as_ref().filter(|link| !link.has_request.get()) else { return };
        if link.parse(guard) != ParseResult::Done {
            return link.input.reenable(guard);
        }
        let path = link.request.borrow().url.path.clone();
        let numbers = number(&path, 1, "SIZE", 10, MAX_SIZE)
            .and_then(|size| Ok((size, number(&path, 2, "MILLISECONDS", 100, MAX_MILLISECONDS)?)));
        let (size, period) = match numbers {
            Ok(numbers) => numbers,
            Err(sentence) => return link.refuse(guard, this, 400, &sentence),
        };
        self.left.set(size);
        let period = period.max(1);
        let at_a_time = (SHORTEST_MILLISECONDS / period).max(1);
        self.at_a_time.set(at_a_time);
        self.period.set(mseconds(period * at_a_time));
        self.next.set(self.proxy.processor().clock().get_hrtime());
        link.output.buffer.set_water_mark(guard, WATER_MARK);
        let mut response = ResponseHdr::new(200);
        response.fields.append("Content-Length", size.to_string().as_bytes());
        let mut head = Vec::with_capacity(64);
        response.print(&mut head);
        let nbytes = link.output.buffer.write(guard, &head);
        link.output.write(guard, &link.vc, this, nbytes.saturating_add(size));
        self.wait(this);
    }

    fn drip(&self, guard: &Guard<'_>, this: &ContRef) {
        self.timer.set(None);
        let link = self.link.borrow();
        let (Some(link), true) = (&*link, self.left.get() > 0) else { return };
        if link.output.buffer.with(guard, |buffer| buffer.high_water()) {
            self.full.set(true);
            return;
        }
        let drops = self.at_a_time.get().min(self.left.get());
        let all = [b'.'; SHORTEST_MILLISECONDS as usize];
        link.output.buffer.write(guard, &all[..usize::try_from(drops).unwrap_or(0)]);
        self.left.set(self.left.get() - drops);
        link.output.reenable(guard);
        self.wait(this);
    }

    /// The reader has taken something.
    fn go_on(&self, guard: &Guard<'_>, this: &ContRef) {
        let link = self.link.borrow();
        let Some(link) = &*link else { return };
        if !link.output.buffer.with(guard, |buffer| buffer.high_water()) {
            self.full.set(false);
            self.next.set(self.proxy.processor().clock().get_hrtime());
            self.wait(this);
        }
    }

    fn wait(&self, this: &ContRef) {
        if self.left.get() > 0 {
            self.next.set(self.next.get().saturating_add(self.period.get()));
            let at = self.next.get();
            self.timer.set(self.proxy.processor().schedule_at(Arc::clone(this), at, ET_NET));
        }
    }

    fn close(&self) {
        if let Some(event) = self.timer.take() {
            let _ = event.try_cancel();
        }
        let link = self.link.take();
        if let Some(link) = link {
            link.vc.do_io_close(None);
        }
    }
}

/// The number in one part of the path, `default` if there is no such part.
fn number(path: &[u8], part: usize, name: &str, default: i64, max: i64) -> Result<i64, String> {
    let Some(text) = part_of_path(path, part) else { return Ok(default) };
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    number.filter(|number| (0..=max).contains(number)).ok_or_else(|| {
        format!("slow: {name} is a number from 0 to {max}, as in /slow/SIZE/MILLISECONDS\n")
    })
}
