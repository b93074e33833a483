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
            self.reenable_producer(guard);
            return false;
        }
        if !c.alive.replace(false) {
            return false;
        }
        c.note_bytes();
        if let Some(owner) = self.owner.upgrade() {
            owner.consumer_handler(guard, event, at);
        }
        c.write_vio.take();
        // Its reader keeps bytes that will not be read any more.
        if let Some(reader) = c.reader.take() {
            reader.dealloc(guard);
        }
        self.reenable_producer(guard);
        true
    }
}
