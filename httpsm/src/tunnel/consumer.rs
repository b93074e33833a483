//! The consumers' side of a tunnel.
//!
//! Mirrors `consumer_handler` (9.2.9).

use eventsys::{EventCode, Guard};

use super::HttpTunnel;

impl HttpTunnel {
    /// An event of a consumer's write; true if the owner was called.
    pub(super) fn handle_consumer(&self, guard: &Guard<'_>, event: EventCode, at: usize) -> bool {
        let c = &self.state.get(guard).consumers[at];
        if event == EventCode::VC_EVENT_WRITE_READY {
            self.consumer_reenable(guard, at);
            return false;
        }
        if !c.alive.replace(false) {
            return false;
        }
        c.note_bytes();
        if let Some(owner) = self.owner.upgrade() {
            owner.consumer_handler(guard, event, at);
        }
        let p = &self.state.get(guard).producer;
        if event == EventCode::VC_EVENT_WRITE_COMPLETE && p.alive.get() {
            // All has been written, so all has been read.
            self.handle_producer(guard, EventCode::VC_EVENT_READ_COMPLETE);
        }
        c.write_vio.take();
        // Its reader keeps bytes that will not be read any more.
        if let Some(reader) = c.reader.take() {
            reader.dealloc(guard);
        }
        match p.throttled.get() {
            true => self.consumer_reenable(guard, at),
            false => self.reenable_producer(guard),
        }
        true
    }
}
