//! The exploration build: chunks that an execution has used serve the next one, or a million
//! executions would leave a million tables behind. A chunk is never given back to the system, so
//! a reference to an event stays good, whatever a scene has kept.

use std::ops::Range;

// Not the explorer's: this serves all executions, and is no point of any.
use parking_lot::Mutex;

use super::{CHUNKS, Event, Pool};

/// Chunks that no execution uses, by their place in the table, which is also their size.
static UNUSED: Mutex<[Vec<&'static [Event]>; CHUNKS]> = Mutex::new([const { Vec::new() }; CHUNKS]);

/// Chunk `chunk` of the table, with events of these indices.
pub(super) fn chunk_of(chunk: usize, indices: Range<u32>) -> &'static [Event] {
    let unused = UNUSED.lock()[chunk].pop();
    match unused {
        // As if the calling task had made them: the names of their atomics must be the same
        // in each execution.
        Some(events) => {
            events.iter().for_each(Event::renew);
            events
        }
        None => Box::leak(indices.map(Event::new).collect::<Box<[Event]>>()),
    }
}

/// The execution is over, its threads have ended.
impl Drop for Pool {
    fn drop(&mut self) {
        for (chunk, events) in self.chunks.iter().enumerate() {
            let Some(&events) = events.get() else { return };
            // What an event that is left refers to goes now, and not in another execution.
            events.iter().for_each(Event::clear);
            UNUSED.lock()[chunk].push(events);
        }
    }
}
