//! [`BlindTunnel`]: moves bytes both ways between two connections, without
//! reading them.
//!
//! Mirrors `setup_blind_tunnel`, `tunnel_handler_ssl_producer` and
//! `tunnel_handler_ssl_consumer` of `proxy/http/HttpSM.cc` (9.2.9). There it is an
//! `HttpTunnel` with two producers, each chained to the consumer of the same
//! connection; here it is a machine of its own, of two equal ends.
//!
//! # How it ends
//! If one end sends no more, the other end gets its last bytes and then a half close; bytes
//! still go the other way. If one end has an error, it is closed; the other end gets the bytes
//! that were read, and is then closed as well.

use std::cell::{Cell, RefCell};
use std::sync::{Arc, Weak};

use eventsys::{
    ContRef, Continuation, ContinuationBase, Data, EventCode, Guard, Guarded, Invocation, Outcome,
    ProxyMutex,
};
use iocore::buffer::{BUFFER_SIZE_INDEX_32K, MIOBuffer};
use iocore::{BoundBuffer, IOBufferReader, IoData, NetVcRef, ShutdownHowTo, VioHandle};

/// The owner of a blind tunnel. Called under its mutex.
pub(crate) trait BlindTunnelOwner: Send + Sync {
    /// Both connections are closed.
    fn blind_tunnel_done(&self, guard: &Guard<'_>);
}

/// A tunnel between two connections.
pub(crate) struct BlindTunnel {
    base: ContinuationBase,
    this: Weak<BlindTunnel>,
    owner: Weak<dyn BlindTunnelOwner>,
    ends: Guarded<[End; 2]>,
}

/// One connection. The bytes read from it are written to the other end.
struct End {
    vc: RefCell<Option<NetVcRef>>,
    /// The bytes that have been read from it.
    buffer: BoundBuffer,
    reader: IOBufferReader,
    /// Bytes that were in the buffer at the beginning.
    init_bytes: Cell<i64>,
    read_vio: RefCell<Option<VioHandle>>,
    write_vio: RefCell<Option<VioHandle>>,
    reading: Cell<bool>,
    writing: Cell<bool>,
}

impl BlindTunnel {
    /// A tunnel between two connections, of which nothing is read yet.
    pub(crate) fn new(
        guard: &Guard<'_>,
        mutex: &Arc<ProxyMutex>,
        owner: Weak<dyn BlindTunnelOwner>,
        vcs: [NetVcRef; 2],
        water_mark: i64,
    ) -> Arc<BlindTunnel> {
        let ends = vcs.map(|vc| {
            let buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_32K).bind(mutex);
            buffer.set_water_mark(guard, water_mark);
            let reader = buffer.alloc_reader(guard).expect("the first of five");
            End {
                vc: RefCell::new(Some(vc)),
                buffer,
                reader,
                init_bytes: Cell::new(0),
                read_vio: RefCell::default(),
                write_vio: RefCell::default(),
                reading: Cell::new(true),
                writing: Cell::new(true),
            }
        });
        Arc::new_cyclic(|this| BlindTunnel {
            base: ContinuationBase::new(Arc::clone(mutex)),
            this: Weak::clone(this),
            owner,
            ends: Guarded::new(Arc::clone(mutex), ends),
        })
    }

    /// The bytes that have been read from an end already, or that count as such:
    /// they go to the other end first. Fill it before [`BlindTunnel::run`].
    pub(crate) fn buffer<'a>(&'a self, guard: &'a Guard<'_>, end: usize) -> &'a BoundBuffer {
        &self.ends.get(guard)[end].buffer
    }

    /// Starts the tunnel. It may call the owner with the end before this
    /// returns. Of the ends in `at_end` nothing more will come.
    pub(crate) fn run(&self, guard: &Guard<'_>, at_end: [bool; 2]) {
        let this: ContRef = self.this.upgrade().expect("called by reference");
        let ends = self.ends.get(guard);
        for end in ends {
            end.init_bytes.set(end.reader.read_avail(guard));
        }
        for (at, end) in ends.iter().enumerate() {
            let Some(vc) = end.vc.borrow().clone() else { continue };
            let from = &ends[1 - at].reader;
            let write = vc.do_io_write(guard, Some(this.clone()), i64::MAX, Some(from));
            *end.write_vio.borrow_mut() = Some(write);
        }
        for (at, end) in ends.iter().enumerate() {
            let Some(vc) = end.vc.borrow().clone() else { continue };
            if at_end[at] {
                self.producer_event(guard, at, EventCode::VC_EVENT_EOS);
            } else {
                let read = vc.do_io_read(guard, Some(this.clone()), i64::MAX, Some(&end.buffer));
                *end.read_vio.borrow_mut() = Some(read);
            }
        }
        self.tell_if_done(guard);
    }

    /// Closes the open connections; does not call the owner.
    pub(crate) fn kill(&self, guard: &Guard<'_>) {
        self.ends.get(guard).iter().for_each(End::close);
    }

    /// Mirrors `tunnel_handler_ssl_producer`.
    fn producer_event(&self, guard: &Guard<'_>, at: usize, event: EventCode) {
        let ends = self.ends.get(guard);
        let (end, other) = (&ends[at], &ends[1 - at]);
        match event {
            EventCode::VC_EVENT_READ_READY => other.reenable_write(guard),
            EventCode::VC_EVENT_EOS if end.writing.get() => {
                end.reading.set(false);
                end.shutdown(ShutdownHowTo::Read);
                self.finish_writing(guard, 1 - at);
            }
            _ => {
                let read = end.bytes();
                end.close();
                self.finish_writing_of(guard, 1 - at, read);
                other.stop_reading();
            }
        }
    }

    /// Mirrors `tunnel_handler_ssl_consumer`.
    fn consumer_event(&self, guard: &Guard<'_>, at: usize, event: EventCode) {
        let ends = self.ends.get(guard);
        let (end, other) = (&ends[at], &ends[1 - at]);
        match event {
            EventCode::VC_EVENT_WRITE_READY => other.reenable_read(guard),
            EventCode::VC_EVENT_WRITE_COMPLETE => {
                end.writing.set(false);
                if end.reading.get() {
                    end.shutdown(ShutdownHowTo::Write);
                } else {
                    end.close();
                }
            }
            _ => {
                end.writing.set(false);
                other.stop_reading();
                let read = end.bytes();
                end.close();
                self.finish_writing_of(guard, 1 - at, read);
            }
        }
    }

    /// No more bytes are read for this end: it gets the bytes that are there.
    fn finish_writing(&self, guard: &Guard<'_>, at: usize) {
        let total = self.ends.get(guard)[1 - at].bytes();
        self.finish_writing_of(guard, at, total);
    }

    fn finish_writing_of(&self, guard: &Guard<'_>, at: usize, total: i64) {
        let end = &self.ends.get(guard)[at];
        let vio = end.write_vio.borrow().clone();
        let (true, Some(vio)) = (end.writing.get(), vio) else { return };
        vio.set_nbytes(guard, total);
        // With nothing left to do the connection would not call back.
        if vio.ntodo() <= 0 {
            self.consumer_event(guard, at, EventCode::VC_EVENT_WRITE_COMPLETE);
        } else {
            vio.reenable(guard);
        }
    }

    fn tell_if_done(&self, guard: &Guard<'_>) {
        let ends = self.ends.get(guard);
        if ends.iter().any(|end| end.reading.get() || end.writing.get()) {
            return;
        }
        ends.iter().for_each(End::close);
        if let Some(owner) = self.owner.upgrade() {
            owner.blind_tunnel_done(guard);
        }
    }
}

impl End {
    /// Bytes that have been read, with those of the beginning.
    fn bytes(&self) -> i64 {
        self.init_bytes.get() + self.read_vio.borrow().as_ref().map_or(0, |vio| vio.ndone())
    }

    fn reenable_read(&self, guard: &Guard<'_>) {
        let vio = self.read_vio.borrow().clone();
        if let (true, Some(vio)) = (self.reading.get(), vio) {
            vio.reenable(guard);
        }
    }

    fn reenable_write(&self, guard: &Guard<'_>) {
        let vio = self.write_vio.borrow().clone();
        if let (true, Some(vio)) = (self.writing.get(), vio) {
            vio.reenable(guard);
        }
    }

    /// Its bytes have no reader any more.
    fn stop_reading(&self) {
        if !self.reading.replace(false) {
            return;
        }
        if self.writing.get() {
            self.shutdown(ShutdownHowTo::Read);
        } else {
            self.close();
        }
    }

    fn shutdown(&self, how: ShutdownHowTo) {
        let vc = self.vc.borrow().clone();
        if let Some(vc) = vc {
            vc.do_io_shutdown(how);
        }
    }

    fn close(&self) {
        self.reading.set(false);
        self.writing.set(false);
        let vc = self.vc.take();
        if let Some(vc) = vc {
            vc.do_io_close(None);
        }
    }
}

impl Continuation for BlindTunnel {
    fn base(&self) -> &ContinuationBase {
        &self.base
    }

    fn handle_event(&self, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        let guard = call.guard();
        let Some(vio) = data.vio() else { return Outcome::Done };
        let _keep = self.this.upgrade();
        let is = |place: &RefCell<Option<VioHandle>>| {
            place.borrow().as_ref().is_some_and(|handle| handle.is(vio))
        };
        let ends = self.ends.get(guard);
        if let Some(at) = ends.iter().position(|end| end.reading.get() && is(&end.read_vio)) {
            self.producer_event(guard, at, event);
        } else if let Some(at) = ends.iter().position(|end| end.writing.get() && is(&end.write_vio))
        {
            self.consumer_event(guard, at, event);
        } else {
            return Outcome::Done;
        }
        self.tell_if_done(guard);
        Outcome::Done
    }
}
