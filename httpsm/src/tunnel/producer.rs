//! The producer's side of a tunnel: it takes bytes from one connection and hands them to the
//! consumers.
//!
//! Mirrors `producer_run`, `producer_handler`, `producer_handler_chunked`,
//! `producer_handler_dechunked` and `finish_all_internal` (9.2.9).

use eventsys::{ContRef, EventCode, Guard};
use iocore::NetVcRef;

use super::action::{Chunks, Processed, TunnelChunkingAction};
use super::{HttpTunnel, Production, TunnelType};
use crate::events::HttpEvents;

impl HttpTunnel {
    /// True if the owner was called.
    pub(super) fn producer_run(
        &self,
        guard: &Guard<'_>,
        production: Production,
        consumers: &[(TunnelType, NetVcRef)],
    ) -> bool {
        let this = self.this.upgrade().expect("called by reference") as ContRef;
        let state = self.state.get(guard);
        let p = &state.producer;
        let start = production.start;
        let init_bytes = start.read_avail(guard);
        let changes = production.action != TunnelChunkingAction::Passthru;
        p.alive.set(true);
        p.kind.set(Some(production.kind));
        p.init_bytes.set(init_bytes);
        *p.vc.borrow_mut() = production.vc.clone();
        if changes {
            let chunks = Chunks::new(guard, production.action, &start, production.skip_bytes);
            *p.chunks.borrow_mut() = Some(chunks);
        }
        let from = match &*p.chunks.borrow() {
            Some(chunks) => chunks.output().cloned().unwrap_or_else(|| start.clone()),
            None => start.clone(),
        };
        *p.start.borrow_mut() = Some(start.clone());

        let consumer_n = match production.nbytes {
            Some(nbytes) if !changes => nbytes,
            _ => i64::MAX,
        };
        let mut told = false;
        assert!(consumers.len() <= state.consumers.len(), "too many consumers");
        for (c, (kind, vc)) in state.consumers.iter().zip(consumers) {
            let reader = from.clone_reader(guard).expect("a tunnel uses few readers");
            c.alive.set(true);
            c.kind.set(Some(*kind));
            *c.vc.borrow_mut() = Some(vc.clone());
            *c.reader.borrow_mut() = Some(reader);
        }
        // From here on only the consumers' readers keep bytes in the buffer.
        start.dealloc(guard);
        if let Some(chunks) = &*p.chunks.borrow() {
            chunks.release_marker(guard);
        }
        if changes {
            // Before the consumers write: the bytes that came with the head may be the whole body.
            told |= self.handle_producer(guard, EventCode::VC_EVENT_READ_READY);
        }
        for at in 0..consumers.len() {
            let c = &state.consumers[at];
            if !c.alive.get() {
                continue;
            }
            let nbytes = match p.alive.get() {
                true => consumer_n,
                false => self.total(guard),
            };
            if nbytes == 0 {
                // There is nothing to do, so no connection would ever call
                // back.
                told |= self.handle_consumer(guard, EventCode::VC_EVENT_WRITE_COMPLETE, at);
                continue;
            }
            let (vc, reader) = (c.vc.borrow().clone(), c.reader.borrow().clone());
            if let Some(vc) = vc {
                let vio = vc.do_io_write(guard, Some(this.clone()), nbytes, reader.as_ref());
                *c.write_vio.borrow_mut() = Some(vio);
            }
        }

        let more = production.nbytes.map_or(i64::MAX, |nbytes| (nbytes - init_bytes).max(0));
        if !p.alive.get() {
            return told;
        }
        if more == 0 || production.kind == TunnelType::Static {
            return self.handle_producer(guard, EventCode::HTTP_TUNNEL_EVENT_PRECOMPLETE) || told;
        }
        let (vc, buffer) = (p.vc.borrow().clone(), p.buffer());
        if let Some(vc) = vc {
            let vio = vc.do_io_read(guard, Some(this), more, buffer.as_ref());
            *p.read_vio.borrow_mut() = Some(vio);
        }
        told
    }

    /// How many bytes a consumer writes in all, now that the producer has ended. Mirrors
    /// `final_consumer_bytes_to_write`.
    fn total(&self, guard: &Guard<'_>) -> i64 {
        let p = &self.state.get(guard).producer;
        match &*p.chunks.borrow() {
            Some(chunks) => chunks.total(),
            None => p.init_bytes.get() + p.bytes_read.get(),
        }
    }

    /// An event of the producer's read; true if the owner was called.
    pub(super) fn handle_producer(&self, guard: &Guard<'_>, event: EventCode) -> bool {
        let p = &self.state.get(guard).producer;
        let event = self.act_on(guard, event);
        match event {
            EventCode::VC_EVENT_READ_READY => {
                self.reenable_consumers(guard);
                false
            }
            EventCode::HTTP_TUNNEL_EVENT_PRECOMPLETE
            | EventCode::VC_EVENT_READ_COMPLETE
            | EventCode::VC_EVENT_EOS => {
                p.alive.set(false);
                p.note_bytes();
                // Before the consumers are woken: once woken they may see the
                // data and be done before the owner gets the end.
                self.tell_of_producer(guard, event);
                self.reenable_consumers(guard);
                true
            }
            _ if p.alive.replace(false) => {
                p.note_bytes();
                self.tell_of_producer(guard, event);
                true
            }
            _ => false,
        }
    }

    /// The producer has ended well: the consumers write the bytes that are
    /// there and no more. Mirrors `local_finish_all`.
    pub fn local_finish_all(&self, guard: &Guard<'_>) {
        let total = self.total(guard);
        for (at, c) in self.state.get(guard).consumers.iter().enumerate() {
            let vio = c.write_vio.borrow().clone();
            let (true, Some(vio)) = (c.alive.get(), vio) else { continue };
            vio.set_nbytes(guard, total);
            // With nothing left to do the connection would not call back.
            if vio.ntodo() == 0 {
                self.handle_consumer(guard, EventCode::VC_EVENT_WRITE_COMPLETE, at);
            }
        }
    }

    /// Does the action on the bytes that have come; returns the event for the
    /// tunnel.
    fn act_on(&self, guard: &Guard<'_>, event: EventCode) -> EventCode {
        let p = &self.state.get(guard).producer;
        let makes = p.chunks.borrow().as_ref().is_some_and(Chunks::makes);
        let ended = match event {
            EventCode::VC_EVENT_READ_READY => false,
            // Half a body of chunks is cut off; one without chunks may be complete.
            EventCode::VC_EVENT_INACTIVITY_TIMEOUT if !makes => true,
            EventCode::VC_EVENT_READ_COMPLETE
            | EventCode::VC_EVENT_EOS
            | EventCode::HTTP_TUNNEL_EVENT_PRECOMPLETE => true,
            _ => return event,
        };
        let mut chunks = p.chunks.borrow_mut();
        let Some(chunks) = chunks.as_mut().filter(|_| !p.over.get()) else { return event };
        match chunks.process(guard, ended) {
            Processed::Error => {
                p.truncated.set(true);
                EventCode::VC_EVENT_EOS
            }
            Processed::Done => {
                p.over.set(true);
                if ended { event } else { EventCode::VC_EVENT_READ_COMPLETE }
            }
            Processed::More => {
                p.truncated.set(ended);
                event
            }
        }
    }

    fn tell_of_producer(&self, guard: &Guard<'_>, event: EventCode) {
        if let Some(owner) = self.owner.upgrade() {
            owner.producer_handler(guard, event);
        }
    }

    fn reenable_consumers(&self, guard: &Guard<'_>) {
        for c in &self.state.get(guard).consumers {
            let vio = c.write_vio.borrow().clone();
            if let (true, Some(vio)) = (c.alive.get(), vio) {
                vio.reenable(guard);
            }
        }
    }

    /// A consumer has taken bytes: the producer may go on. Mirrors `consumer_reenable`.
    pub(super) fn consumer_reenable(&self, guard: &Guard<'_>, at: usize) {
        let state = self.state.get(guard);
        let (p, c, flow) = (&state.producer, &state.consumers[at], state.flow.get());
        if !p.alive.get() {
            return;
        }
        let backlog = if flow.enabled { self.backlog(guard) } else { 0 };
        if backlog >= flow.high_water {
            p.throttled.set(true);
            return;
        }
        if p.throttled.get() && c.kind.get() == Some(TunnelType::HttpClient) {
            if backlog < flow.low_water {
                p.throttled.set(false);
                self.reenable_producer(guard);
                self.handle_producer(guard, EventCode::VC_EVENT_READ_READY);
            } else if let Some(vc) = &*c.vc.borrow() {
                // A socket takes all at once and then does not ask for more.
                vc.trap_write_buffer_empty(EventCode::VC_EVENT_WRITE_READY);
            }
        }
        self.reenable_producer(guard);
    }

    pub(super) fn reenable_producer(&self, guard: &Guard<'_>) {
        let p = &self.state.get(guard).producer;
        let vio = p.read_vio.borrow().clone();
        if let (true, Some(vio)) = (p.alive.get(), vio) {
            vio.reenable(guard);
        }
    }

    /// Bytes that wait for the slowest consumer, and chunks that have not been looked at. Mirrors
    /// `HttpTunnelProducer::backlog`.
    fn backlog(&self, guard: &Guard<'_>) -> i64 {
        let state = self.state.get(guard);
        let waiting = |c: &super::Consumer| {
            let writes = c.alive.get() && c.write_vio.borrow().is_some();
            let reader = c.reader.borrow();
            reader.as_ref().filter(|_| writes).map_or(0, |reader| reader.read_avail(guard))
        };
        let chunks = state.producer.chunks.borrow();
        let unread = chunks.as_ref().filter(|chunks| !chunks.makes());
        state.consumers.iter().map(waiting).max().unwrap_or(0)
            + unread.map_or(0, |chunks| chunks.unread(guard))
    }
}
