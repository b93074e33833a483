//! `slow`: an answer that comes drop by drop.
//!
//! `/slow/SIZE/MILLISECONDS` is answered with SIZE bytes, the head at once and one
//! byte of the body each MILLISECONDS.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use eventsys::hrtime::mseconds;
use eventsys::{
    ContRef, Data, ET_NET, EventCode, EventRef, Guard, Invocation, Outcome, ProxyMutex,
    StateMachine,
};
use iocore::IoData;

use super::intercept::{Link, number_in_path};
use crate::api::HttpTxn;
use crate::hdr::{ParseResult, ResponseHdr};
use crate::proxy::HttpProxy;

/// Answers this transaction.
pub(super) fn intercept(txn: &HttpTxn) {
    let slow = Slow {
        proxy: Arc::clone(txn.proxy()),
        link: RefCell::default(),
        left: Cell::new(0),
        period_ms: Cell::new(1),
        timer: Cell::new(None),
    };
    txn.server_intercept(StateMachine::new(ProxyMutex::new(), slow, Slow::handle));
}

struct Slow {
    proxy: Arc<HttpProxy>,
    link: RefCell<Option<Link>>,
    /// Bytes that have not been given to the write.
    left: Cell<i64>,
    period_ms: Cell<i64>,
    timer: Cell<Option<EventRef>>,
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
        let size = number_in_path(&path, 1).unwrap_or(10);
        self.left.set(size);
        self.period_ms.set(number_in_path(&path, 2).unwrap_or(100).max(1));
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
        link.output.buffer.write(guard, b".");
        self.left.set(self.left.get() - 1);
        link.output.reenable(guard);
        self.wait(this);
    }

    fn wait(&self, this: &ContRef) {
        if self.left.get() > 0 {
            let span = mseconds(self.period_ms.get());
            self.timer.set(self.proxy.processor().schedule_in(Arc::clone(this), span, ET_NET));
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
