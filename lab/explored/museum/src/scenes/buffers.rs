//! Buffers whose memory was used before.

use explorer::violation;
use iocore::buffer::{BUFFER_SIZE_INDEX_4K, MIOBuffer};

use crate::arms::Arms;

/// A buffer gets a water mark and is freed; the next one must have none.
pub(super) fn a_new_buffer_in_old_memory(_: &Arms) {
    let mut old = MIOBuffer::new(BUFFER_SIZE_INDEX_4K);
    old.set_water_mark(100_000);
    drop(old);
    let new = MIOBuffer::new(BUFFER_SIZE_INDEX_4K);
    let mark = new.water_mark();
    if mark != 0 {
        violation("water mark", format!("a new buffer has the water mark {mark}"));
    }
}
