//! `TSIOBuffer`, `TSIOBufferReader` and `TSIOBufferBlock`.
//!
//! A buffer belongs to the plugin until its first `TSVConnRead` or `TSVConnWrite` binds it to the
//! mutex of that operation; from then on each call looks the proof up.

use std::collections::BTreeMap;
use std::ffi::{c_char, c_int};
use std::sync::{Arc, Weak};

use eventsys::sync::Mutex;
use eventsys::{OwnedGuard, ProxyMutex};
use iocore::buffer::{MIOBuffer, ReaderId, SizeIndex};
use iocore::{BoundBuffer, IOBufferReader};

use super::by_number::{ByNumber, by_number};
use super::few::Few;
use super::{Handle, findings, locks, table, take_out, want};

/// A buffer that a plugin has.
pub(crate) struct Buffer {
    handle: Handle,
    state: Mutex<State>,
    parts: Mutex<Parts>,
}

#[allow(clippy::large_enum_variant)] // In a place of its own it would be one allocation more.
enum State {
    Free(MIOBuffer),
    Bound(BoundBuffer),
    /// While it is being bound.
    Moving,
}

/// The handles of readers and blocks, so that each keeps its own.
#[derive(Default)]
struct Parts {
    readers: Few<(ReaderId, Handle)>,
    blocks: Blocks,
}

/// The handles of blocks, by their numbers.
#[derive(Default)]
struct Blocks {
    /// Most buffers have one.
    one: Option<(u64, Handle)>,
    others: BTreeMap<u64, Handle>,
}

impl Blocks {
    fn get(&self, number: u64) -> Option<Handle> {
        match self.one {
            Some((one, handle)) if one == number => Some(handle),
            _ => self.others.get(&number).copied(),
        }
    }

    fn insert(&mut self, number: u64, handle: Handle) {
        match self.one {
            None => self.one = Some((number, handle)),
            Some(_) => {
                self.others.insert(number, handle);
            }
        }
    }

    /// Takes those with lower numbers out; all of them without a number.
    fn take_before(&mut self, front: Option<u64>) -> impl Iterator<Item = Handle> {
        let one = self.one.take_if(|(number, _)| front.is_none_or(|front| *number < front));
        let left = front.map(|front| self.others.split_off(&front)).unwrap_or_default();
        let others = std::mem::replace(&mut self.others, left);
        one.map(|(_, handle)| handle).into_iter().chain(others.into_values())
    }
}

/// A reader of a buffer.
pub(crate) struct Reader {
    buffer: Arc<Buffer>,
    id: ReaderId,
}

/// A block of a buffer, by its number.
pub(crate) struct Block {
    buffer: Arc<Buffer>,
    number: u64,
}

/// The buffers that are bound, by [`BoundBuffer::address`], to find the handle of one that comes back
/// from an operation.
static BOUND: Mutex<ByNumber<usize, Weak<Buffer>>> = Mutex::new(by_number());

/// Whose mutex a buffer needs.
const OPERATION: &str = "the operation that the buffer is used for";

impl Buffer {
    /// Calls `f` with the buffer, which must not call the interface again.
    fn with<R>(&self, f: impl FnOnce(&mut MIOBuffer) -> R) -> R {
        let mut state = self.state.lock();
        let bound = match &mut *state {
            State::Free(buffer) => return f(buffer),
            State::Bound(bound) => {
                if let Some(guard) = bound.mutex().reenter() {
                    return bound.with(&guard, f);
                }
                bound.clone()
            }
            State::Moving => unreachable!("it is bound under this lock"),
        };
        // Not under the lock: this waits for the thread that has the mutex, and that may need the lock.
        drop(state);
        let mutex = bound.mutex().clone();
        let guard = locks::proof(&mutex, OPERATION);
        bound.with(&guard, f)
    }

    /// A guard of the mutex that the buffer is bound to, if this thread does not hold it yet.
    fn held(&self) -> Option<OwnedGuard> {
        let mutex = match &*self.state.lock() {
            State::Bound(bound) if !bound.mutex().is_held() => bound.mutex().clone(),
            _ => return None,
        };
        let _proof = locks::proof(&mutex, OPERATION);
        Some(mutex.lock_owned())
    }

    /// The buffer under `mutex`. One that is bound already moves to the other mutex if no operation
    /// uses it any more.
    pub(crate) fn bind(self: &Arc<Buffer>, mutex: &Arc<ProxyMutex>) -> BoundBuffer {
        let mut state = self.state.lock();
        let free = match std::mem::replace(&mut *state, State::Moving) {
            State::Bound(bound) if Arc::ptr_eq(bound.mutex(), mutex) => {
                *state = State::Bound(bound.clone());
                return bound;
            }
            State::Bound(bound) => {
                let address = bound.address();
                match bound.unbind() {
                    Ok(buffer) => {
                        BOUND.lock().remove(&address);
                        buffer
                    }
                    Err(bound) => {
                        *state = State::Bound(bound);
                        drop(state);
                        findings::end(
                            "the buffer is used under two mutexes: another operation has it, too"
                                .to_owned(),
                        )
                    }
                }
            }
            State::Free(buffer) => buffer,
            State::Moving => unreachable!("it is bound under this lock"),
        };
        let bound = free.bind(mutex);
        BOUND.lock().insert(bound.address(), Arc::downgrade(self));
        *state = State::Bound(bound.clone());
        bound
    }

    fn forget_blocks_before(&self, front: Option<u64>) {
        for handle in self.parts.lock().blocks.take_before(front) {
            let _ = table().take::<Block>(handle, "its bytes have been consumed");
        }
    }

    fn block(self: &Arc<Buffer>, number: u64) -> Handle {
        let mut parts = self.parts.lock();
        if let Some(handle) = parts.blocks.get(number) {
            return handle;
        }
        let handle = table().insert(Block { buffer: self.clone(), number });
        parts.blocks.insert(number, handle);
        handle
    }

    fn reader(self: &Arc<Buffer>, id: ReaderId) -> Handle {
        let mut parts = self.parts.lock();
        if let Some((_, handle)) = parts.readers.find(|(other, _)| *other == id) {
            return handle;
        }
        let handle = table().insert(Reader { buffer: self.clone(), id });
        parts.readers.push((id, handle));
        handle
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let State::Bound(bound) = self.state.get_mut() {
            let mut all = BOUND.lock();
            // Another one may stand for the same buffer by now.
            if all.get(&bound.address()).is_some_and(|buffer| buffer.strong_count() == 0) {
                all.remove(&bound.address());
            }
        }
    }
}

impl Reader {
    /// The reader, with its buffer under `mutex`.
    pub(crate) fn bind(&self, mutex: &Arc<ProxyMutex>) -> IOBufferReader {
        self.buffer.bind(mutex).reader(self.id)
    }

    fn with<R>(&self, f: impl FnOnce(&mut MIOBuffer, ReaderId) -> R) -> R {
        let id = self.id;
        let (result, there) = self.buffer.with(|buffer| match buffer.has_reader(id) {
            true => (Some(f(buffer, id)), true),
            false => (None, false),
        });
        debug_assert!(there == result.is_some());
        result.unwrap_or_else(|| findings::end("the reader has been freed".to_owned()))
    }
}

/// `TSIOBufferCreate` and `TSIOBufferSizedCreate`: 0 is 128 bytes, each further index doubles it.
pub(crate) fn create(index: c_int) -> Handle {
    let buffer = MIOBuffer::new(SizeIndex::from_raw(i64::from(index)));
    let make =
        |handle| Buffer { handle, state: Mutex::new(State::Free(buffer)), parts: Mutex::default() };
    table().insert_made(make)
}

/// `TSIOBufferDestroy`.
pub(crate) fn destroy(buffer: Handle) {
    let object = take_out::<Buffer>(buffer, "TSIOBufferDestroy was called");
    object.forget_blocks_before(None);
    let readers = std::mem::take(&mut object.parts.lock().readers);
    for (_, reader) in readers {
        let _ = table().take::<Reader>(reader, "its buffer was destroyed");
    }
}

/// `TSIOBufferWrite`.
pub(crate) fn write(buffer: Handle, bytes: &[u8]) -> i64 {
    want::<Buffer>(buffer).with(|buffer| buffer.write(bytes))
}

/// `TSIOBufferCopy`: bytes of a reader, `offset` bytes beyond its place, without consuming them.
pub(crate) fn copy(buffer: Handle, reader: Handle, length: i64, offset: i64) -> i64 {
    let (to, from) = (want::<Buffer>(buffer), want::<Reader>(reader));
    // As in the original the blocks are shared, not copied: a plugin sees how many there are.
    if Arc::ptr_eq(&to, &from.buffer) {
        return from.with(|buffer, id| buffer.write_within(id, length, offset));
    }
    // Else the second proof would wait for a mutex under the lock of the first buffer.
    let _held = to.held();
    from.with(|from, id| to.with(|to| to.write_from(from, id, length, offset)))
}

/// `TSIOBufferReaderAlloc`.
pub(crate) fn alloc_reader(buffer: Handle) -> Handle {
    let buffer = want::<Buffer>(buffer);
    match buffer.with(MIOBuffer::alloc_reader) {
        Ok(id) => buffer.reader(id),
        Err(none) => findings::end(none.to_string()),
    }
}

/// `TSIOBufferReaderClone`.
pub(crate) fn clone_reader(reader: Handle) -> Handle {
    let reader = want::<Reader>(reader);
    match reader.with(|buffer, id| buffer.clone_reader(id)) {
        Ok(id) => reader.buffer.reader(id),
        Err(none) => findings::end(none.to_string()),
    }
}

/// `TSIOBufferReaderFree`.
pub(crate) fn free_reader(reader: Handle) {
    let object = want::<Reader>(reader);
    object.with(|buffer, id| buffer.dealloc_reader(id));
    let _ = table().take::<Reader>(reader, "TSIOBufferReaderFree was called");
    object.buffer.parts.lock().readers.retain(|(_, other)| *other != reader);
}

/// `TSIOBufferWaterMarkGet`, in bytes.
pub(crate) fn water_mark(buffer: Handle) -> i64 {
    want::<Buffer>(buffer).with(|buffer| buffer.water_mark())
}

/// `TSIOBufferWaterMarkSet`, in bytes. The original takes every number.
pub(crate) fn set_water_mark(buffer: Handle, bytes: i64) {
    want::<Buffer>(buffer).with(|buffer| buffer.set_water_mark(bytes));
}

/// `TSIOBufferReaderAvail`.
pub(crate) fn read_avail(reader: Handle) -> i64 {
    want::<Reader>(reader).with(|buffer, id| buffer.read_avail(id))
}

/// `TSIOBufferReaderConsume`. The original goes on with a negative count if there is less.
pub(crate) fn consume(reader: Handle, bytes: i64) {
    let reader = want::<Reader>(reader);
    let (have, front) = reader.with(|buffer, id| {
        let have = buffer.read_avail(id);
        buffer.consume(id, bytes.clamp(0, have));
        (have, buffer.block_number(id))
    });
    if bytes > have || bytes < 0 {
        findings::note(format!("{bytes} bytes are consumed of {have}"));
    }
    // Others may still read the block; its handle is made again then.
    reader.buffer.forget_blocks_before(front);
}

/// `TSIOBufferReaderCopy`: copies bytes out, without consuming them.
pub(crate) fn copy_out(reader: Handle, into: &mut [u8]) -> i64 {
    let n = want::<Reader>(reader).with(|buffer, id| buffer.memcpy(id, into, 0));
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// `TSIOBufferReaderStart`.
pub(crate) fn first_block(reader: Handle) -> Handle {
    let reader = want::<Reader>(reader);
    let number = reader.with(MIOBuffer::block_number);
    number.map_or(Handle::NULL, |number| reader.buffer.block(number))
}

/// `TSIOBufferBlockNext`.
pub(crate) fn next_block(block: Handle) -> Handle {
    let block = want::<Block>(block);
    let next = block.buffer.with(|buffer| buffer.next_block(block.number));
    next.map_or(Handle::NULL, |number| block.buffer.block(number))
}

/// `TSIOBufferBlockReadStart`: where the bytes of a block are, and how many. They stay until a reader
/// consumes them.
pub(crate) fn block_start(block: Handle, reader: Handle) -> (*const c_char, i64) {
    let block = want::<Block>(block);
    let reader = (!reader.is_null()).then(|| want::<Reader>(reader));
    let id = reader.filter(|reader| Arc::ptr_eq(&reader.buffer, &block.buffer));
    let found = block.buffer.with(|buffer| {
        let bytes = buffer.numbered_block(block.number, id.map(|reader| reader.id))?;
        Some((bytes.as_ptr().cast(), i64::try_from(bytes.len()).unwrap_or(i64::MAX)))
    });
    found.unwrap_or_else(|| findings::end("the bytes of the block have been consumed".to_owned()))
}

/// The handle of a buffer that an operation uses.
pub(crate) fn handle_of(bound: &BoundBuffer) -> Handle {
    let known = BOUND.lock().get(&bound.address()).and_then(Weak::upgrade);
    match known {
        Some(buffer) if table().get::<Buffer>(buffer.handle).is_ok() => buffer.handle,
        // Destroyed by the plugin, and still in use by the operation; or the server's own.
        _ => {
            let state = Mutex::new(State::Bound(bound.clone()));
            let make = |handle| Buffer { handle, state, parts: Mutex::default() };
            let (handle, buffer) = table().insert_with(make);
            BOUND.lock().insert(bound.address(), Arc::downgrade(&buffer));
            handle
        }
    }
}

/// The handle of a reader that an operation uses.
pub(crate) fn handle_of_reader(reader: &IOBufferReader) -> Handle {
    let buffer = handle_of(reader.buffer());
    want::<Buffer>(buffer).reader(reader.id())
}
