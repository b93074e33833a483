//! [`Calls`]: what the buffer calls of an end work on, and how each is carried out on the port.
//!
//! The port's buffers are those of `iocore`; here is only which of its functions a call of the plugin
//! interface means. What a call returns becomes a step. Where the plugin interface asserts, this
//! panics with the assertion's text.

use std::cell::RefCell;
use std::sync::Arc;

use eventsys::steps::StepKind;
use eventsys::{Guard, Guarded, ProxyMutex};
use iocore::buffer::{
    BUFFER_SIZE_INDEX_4K, BUFFER_SIZE_INDEX_32K, ConsumeBeyond, MIOBuffer, SizeIndex,
};
use iocore::{BoundBuffer, IOBufferReader};
use pluginvc::Epoch;

use super::call::{BufferCall, MOST_READERS, ReaderName, Which};
use super::driver;

/// The plugin interface of a release, as far as its buffers differ.
#[derive(Clone, Copy)]
pub(super) struct Interface {
    /// What a reader does that consumes more than it has.
    pub(super) beyond: ConsumeBeyond,
    /// The block size of `TSIOBufferCreate`.
    usual: SizeIndex,
    /// There is a `TSIOBufferReaderCopy`.
    has_copy_out: bool,
    /// The event loop calls a continuation that has no mutex; else it looks into the mutex that is not
    /// there (`MUTEX_TRY_LOCK_FOR` in `EThread::process_event` of 8.1).
    pub(super) calls_without_mutex: bool,
}

impl Interface {
    /// The one of the release that stands for `epoch`.
    pub(super) const fn of(epoch: Epoch) -> Interface {
        let beyond = match epoch {
            Epoch::B | Epoch::C | Epoch::D => ConsumeBeyond::GoesOn,
            Epoch::E => ConsumeBeyond::Asserts,
        };
        match epoch {
            Epoch::B => Interface {
                beyond,
                usual: BUFFER_SIZE_INDEX_4K,
                has_copy_out: false,
                calls_without_mutex: false,
            },
            _ => Interface {
                beyond,
                usual: BUFFER_SIZE_INDEX_32K,
                has_copy_out: true,
                calls_without_mutex: true,
            },
        }
    }
}

/// The buffers and readers that an end's calls name, under the mutex of its buffers.
pub(super) struct Calls(Guarded<RefCell<Named>>);

struct Named {
    interface: Interface,
    buffers: [Option<BoundBuffer>; 3],
    readers: [[Option<IOBufferReader>; MOST_READERS as usize]; 3],
}

/// Takes what a call returns, as steps.
pub(super) type Tell<'a> = &'a mut dyn FnMut(StepKind, i64);

/// How many blocks of a walk are told one by one.
const MOST_TOLD: i64 = 32;

/// The bytes of the calls that write: they count up from this one.
const FIRST_BYTE: u8 = 0;

pub(super) const FNV_BASIS: u32 = 2_166_136_261;
const FNV_PRIME: u32 = 16_777_619;

/// FNV-1a goes on over `bytes`.
pub(super) fn add_to_sum(sum: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(sum, |sum, &byte| (sum ^ u32::from(byte)).wrapping_mul(FNV_PRIME))
}

impl Calls {
    /// The calls of an end with these readers of its read buffer and of its write buffer.
    pub(super) fn new(
        mutex: &Arc<ProxyMutex>,
        interface: Interface,
        readers: [&IOBufferReader; 2],
    ) -> Calls {
        let mut named =
            Named { interface, buffers: Default::default(), readers: Default::default() };
        for (at, reader) in readers.into_iter().enumerate() {
            named.buffers[at] = Some(reader.buffer().clone());
            named.readers[at][0] = Some(reader.clone());
        }
        Calls(Guarded::new(Arc::clone(mutex), RefCell::new(named)))
    }

    /// True if the call's buffers and its reader are there, and the release has the function.
    pub(super) fn can(&self, guard: &Guard<'_>, call: BufferCall) -> bool {
        let named = self.0.get(guard).borrow();
        let has_buffers =
            call.needs().into_iter().flatten().all(|of| named.buffers[of.index()].is_some());
        let has_reader = call.reader().is_none_or(|reader| named.reader(reader).is_some());
        let has_function = named.interface.has_copy_out || !matches!(call, BufferCall::CopyOut(..));
        has_buffers && has_reader && has_function
    }

    /// How many bytes a copy will share. One within a buffer takes no more than there is: the
    /// original would go on with its own output.
    pub(super) fn copied(&self, guard: &Guard<'_>, call: BufferCall) -> i64 {
        let BufferCall::Copy(from, _, bytes, offset) = call else { return 0 };
        let named = self.0.get(guard).borrow();
        let there = named.reader(from).map_or(0, |reader| reader.read_avail(guard));
        bytes.min(there.saturating_sub(offset)).max(0)
    }

    /// Carries out a call for which [`Calls::can`] holds.
    pub(super) fn perform(&self, guard: &Guard<'_>, call: BufferCall, tell: Tell<'_>) {
        self.0.get(guard).borrow_mut().perform(guard, self.0.mutex(), call, tell);
    }
}

impl Named {
    fn reader(&self, name: ReaderName) -> Option<&IOBufferReader> {
        self.readers[name.of.index()][usize::from(name.number) - 1].as_ref()
    }

    fn used(&self, name: ReaderName) -> &IOBufferReader {
        self.reader(name).expect("looked at before the call")
    }

    fn buffer(&self, of: Which) -> &BoundBuffer {
        self.buffers[of.index()].as_ref().expect("looked at before the call")
    }

    fn perform(
        &mut self,
        guard: &Guard<'_>,
        mutex: &Arc<ProxyMutex>,
        call: BufferCall,
        tell: Tell<'_>,
    ) {
        match call {
            BufferCall::Create(index) => self.create(guard, mutex, index),
            BufferCall::Destroy => self.destroy(),
            BufferCall::Alloc(of) => {
                let reader = self.buffer(of).alloc_reader(guard);
                tell(driver::BUF_READER, self.keep(of, reader.ok()));
            }
            BufferCall::Clone(name) => {
                let reader = self.used(name).clone_reader(guard);
                tell(driver::BUF_READER, self.keep(name.of, reader.ok()));
            }
            BufferCall::Free(name) => {
                let reader = self.readers[name.of.index()][usize::from(name.number) - 1].take();
                reader.expect("looked at before the call").dealloc(guard);
            }
            BufferCall::Avail(name) => {
                tell(driver::BUF_AVAIL, self.used(name).read_avail(guard));
            }
            BufferCall::Take(name, bytes) => {
                self.used(name).consume(guard, bytes);
                tell(driver::BUF_AVAIL, self.used(name).read_avail(guard));
            }
            BufferCall::Blocks(name) => walk(guard, self.used(name), tell),
            BufferCall::Mark(of) => {
                tell(driver::BUF_MARK, self.buffer(of).borrow(guard).water_mark());
            }
            BufferCall::SetMark(of, bytes) => self.buffer(of).set_water_mark(guard, bytes),
            BufferCall::Room(of) => {
                tell(driver::BUF_ROOM, self.buffer(of).borrow(guard).start_block());
            }
            BufferCall::Produce(of, bytes) => {
                let mut buffer = self.buffer(of).borrow(guard);
                tell(driver::BUF_ROOM, buffer.start_block());
                produce(&mut buffer, bytes);
                drop(buffer);
                let first = self.used(ReaderName { of, number: 1 });
                tell(driver::BUF_AVAIL, first.read_avail(guard));
            }
            BufferCall::Put(of, bytes) => {
                tell(driver::BUF_PUT, self.buffer(of).write(guard, &counting(bytes)));
            }
            BufferCall::Copy(from, to, bytes, offset) => {
                tell(driver::BUF_COPIED, self.copy(guard, from, to, bytes, offset));
            }
            BufferCall::CopyOut(name, bytes) => {
                let mut out = vec![0; usize::try_from(bytes).unwrap_or(0)];
                let reader = self.used(name);
                let copied = reader.buffer().borrow(guard).memcpy(reader.id(), &mut out, 0);
                tell(driver::BUF_COPIED, copied as i64);
                tell(driver::BUF_SUM, i64::from(add_to_sum(FNV_BASIS, &out[..copied])));
            }
        }
    }

    fn create(&mut self, guard: &Guard<'_>, mutex: &Arc<ProxyMutex>, index: Option<SizeIndex>) {
        self.destroy();
        let mut buffer = match index {
            None => MIOBuffer::new_empty(self.interface.usual),
            Some(index) => {
                assert!(
                    index.raw() <= BUFFER_SIZE_INDEX_32K.raw(),
                    "(index >= TS_IOBUFFER_SIZE_INDEX_128) && (index <= TS_IOBUFFER_SIZE_INDEX_32K)"
                );
                MIOBuffer::new(index)
            }
        };
        buffer.set_consume_beyond(self.interface.beyond);
        let buffer = buffer.bind(mutex);
        let extra = Which::Extra.index();
        self.readers[extra][0] = buffer.alloc_reader(guard).ok();
        self.buffers[extra] = Some(buffer);
    }

    fn destroy(&mut self) {
        let extra = Which::Extra.index();
        self.readers[extra] = Default::default();
        self.buffers[extra] = None;
    }

    /// Gives a new reader the lowest number that is free, as the original gives it a place.
    fn keep(&mut self, of: Which, reader: Option<IOBufferReader>) -> i64 {
        assert!(reader.is_some(), "i < MAX_MIOBUFFER_READERS");
        let readers = &mut self.readers[of.index()];
        let at = readers.iter().position(Option::is_none).expect("the buffer had room for it");
        readers[at] = reader;
        at as i64 + 1
    }

    fn copy(&self, guard: &Guard<'_>, from: ReaderName, to: Which, bytes: i64, offset: i64) -> i64 {
        let (reader, target) = (self.used(from), self.buffer(to));
        if reader.buffer().is(target) {
            target.with(guard, |buffer| buffer.write_within(reader.id(), bytes, offset))
        } else {
            let source = reader.buffer().borrow(guard);
            target.with(guard, |target| target.write_from(&source, reader.id(), bytes, offset))
        }
    }
}

/// Puts so many bytes into the block that is written next and into the one behind it.
fn produce(buffer: &mut MIOBuffer, bytes: i64) {
    let counting = counting(bytes);
    let mut left = &counting[..];
    for space in buffer.write_slices() {
        let (here, rest) = left.split_at(left.len().min(space.len()));
        space[..here.len()].copy_from_slice(here);
        left = rest;
    }
    buffer.fill(bytes);
}

/// The walk over the blocks of a reader: how many there are, the bytes and the space of the first
/// ones, and a sum over all bytes.
fn walk(guard: &Guard<'_>, reader: &IOBufferReader, tell: Tell<'_>) {
    let mut buffer = reader.buffer().borrow(guard);
    let (mut told, mut count, mut sum) = (Vec::new(), 0, FNV_BASIS);
    let mut next = buffer.block_number(reader.id());
    while let Some(number) = next {
        let bytes = buffer.numbered_block(number, Some(reader.id())).unwrap_or_default();
        if count < MOST_TOLD {
            told.push((
                bytes.len() as i64,
                buffer.numbered_block_space(number).unwrap_or_default(),
            ));
        }
        sum = add_to_sum(sum, bytes);
        count += 1;
        next = buffer.next_block(number);
    }
    tell(driver::BUF_BLOCKS, count);
    for (bytes, space) in told {
        tell(driver::BUF_BLOCK, bytes);
        tell(driver::BUF_SPACE, space);
    }
    tell(driver::BUF_SUM, i64::from(sum));
}

/// So many bytes that count up.
fn counting(bytes: i64) -> Vec<u8> {
    (0..bytes).map(|at| FIRST_BYTE.wrapping_add(at as u8)).collect()
}
