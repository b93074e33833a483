//! [`Me`]: what an agent can do while its mutex is held.

use std::cell::RefCell;
use std::sync::Arc;

use eventsys::{ContRef, EventCode, Guard};
use iocore::buffer::{BUFFER_SIZE_INDEX_32K, MIOBuffer, SizeIndex};
use iocore::{NetVcRef, ShutdownHowTo, VIO, VioHandle};

use crate::agent::{BufferAndReader, State};
use crate::events::MAX;

/// An agent while its mutex is held: in a rule, or in [`Agent::with`](crate::Agent::with).
///
/// Methods that need a connection or a VIO panic if the agent has no such thing.
pub struct Me<'a> {
    /// The guard of the agent's mutex.
    pub guard: &'a Guard<'a>,
    /// The event of the callback; `EVENT_NONE` in [`Agent::with`](crate::Agent::with).
    pub event: EventCode,
    /// The VIO that the callback is about.
    pub vio: Option<&'a VIO>,
    pub(crate) this: &'a ContRef,
    pub(crate) state: &'a State,
}

/// The agent's connection.
impl Me<'_> {
    /// The agent's connection.
    #[must_use]
    #[track_caller]
    pub fn vc(&self) -> NetVcRef {
        self.state.vc.borrow().clone().expect("the agent has a connection")
    }

    /// Gives the agent a connection. A connection that comes with `NET_EVENT_ACCEPT` or
    /// `NET_EVENT_OPEN` is taken without this call.
    pub fn take_vc(&self, vc: NetVcRef) {
        *self.state.vc.borrow_mut() = Some(vc);
    }

    /// `do_io_shutdown`.
    #[track_caller]
    pub fn shutdown(&self, howto: ShutdownHowTo) {
        self.vc().do_io_shutdown(howto);
    }

    /// `do_io_close`, and [`Me::forget`].
    #[track_caller]
    pub fn close(&self) {
        self.vc().do_io_close(None);
        self.forget();
    }

    /// The agent as a continuation.
    #[must_use]
    pub fn cont(&self) -> ContRef {
        Arc::clone(self.this)
    }

    /// The events with which the agent has been called back, this one included.
    #[must_use]
    pub fn events(&self) -> Vec<EventCode> {
        self.state.events.borrow().clone()
    }

    /// The error number that came last with an event, or that [`Me::set_error`] has kept.
    #[must_use]
    pub fn error(&self) -> Option<i32> {
        self.state.error.get()
    }

    /// Keeps an error number for [`Agent::error`](crate::Agent::error).
    pub fn set_error(&self, error: i32) {
        self.state.error.set(Some(error));
    }

    /// True if the agent has closed its connection, or never had one.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.state.vc.borrow().is_none()
    }

    /// Takes the connection away from the agent, and does not close it.
    #[must_use]
    pub fn let_go(&self) -> Option<NetVcRef> {
        self.state.vc.borrow_mut().take()
    }

    /// Drops the VIO of the read and the read buffer.
    pub fn forget_read(&self) {
        drop((self.state.read.take(), self.state.input.take()));
    }

    /// Drops the connection, the VIOs and the buffers, as `delete this` of a C++ state
    /// machine does. The bytes that the agent has received stay.
    pub fn forget(&self) {
        let state = self.state;
        drop((state.read.take(), state.write.take()));
        drop((state.input.take(), state.output.take()));
        drop(state.vc.take());
    }

    /// Writes a line into the trace: `NAME note: WHAT`.
    pub fn note(&self, what: &str) {
        self.state.write_line(&format!("note: {what}"));
    }
}

/// Reading.
impl Me<'_> {
    /// The read buffer and the agent's reader of it, made when first asked for, with
    /// blocks of 32 KiB.
    #[must_use]
    pub fn input(&self) -> BufferAndReader {
        self.buffer(&self.state.input)
    }

    /// `do_io_read` of `nbytes` bytes into the read buffer.
    #[track_caller]
    pub fn read(&self, nbytes: i64) {
        let (buffer, _) = self.input();
        let this = Some(Arc::clone(self.this));
        let vio = self.vc().do_io_read(self.guard, this, nbytes, Some(&buffer));
        *self.state.read.borrow_mut() = Some(vio);
    }

    /// `do_io_read` of `nbytes` bytes into a new read buffer, with blocks of `size` and this
    /// water mark in bytes.
    #[track_caller]
    pub fn read_into(&self, nbytes: i64, size: SizeIndex, water_mark: i64) {
        *self.state.input.borrow_mut() = Some(self.new_buffer(size));
        self.input().0.set_water_mark(self.guard, water_mark);
        self.read(nbytes);
    }

    /// The VIO of the read.
    #[must_use]
    #[track_caller]
    pub fn read_vio(&self) -> VioHandle {
        self.state.read.borrow().clone().expect("a read is under way")
    }

    /// `reenable` of the read.
    #[track_caller]
    pub fn reenable_read(&self) {
        self.read_vio().reenable(self.guard);
    }

    /// `reenable_re` of the read: the pair may call back before this returns.
    #[track_caller]
    pub fn reenable_re_read(&self) {
        self.read_vio().reenable_re(self.guard);
    }

    /// Bytes that wait in the read buffer.
    #[must_use]
    pub fn waiting(&self) -> i64 {
        self.input().1.read_avail(self.guard)
    }

    /// Takes everything out of the read buffer; returns how many bytes.
    pub fn take(&self) -> i64 {
        self.take_some(MAX)
    }

    /// Takes up to `limit` bytes out of the read buffer; returns how many.
    pub fn take_some(&self, limit: i64) -> i64 {
        let (_, reader) = self.input();
        let n = reader.read_avail(self.guard).min(limit);
        let mut bytes = vec![0; usize::try_from(n).unwrap_or(0)];
        let taken = reader.read(self.guard, &mut bytes);
        debug_assert_eq!(taken, n, "what is available can be read");
        self.state.received.borrow_mut().extend(bytes);
        n
    }

    /// The bytes that the agent has taken from its read buffer.
    #[must_use]
    pub fn received(&self) -> Vec<u8> {
        self.state.received.borrow().clone()
    }
}

/// Writing.
impl Me<'_> {
    /// The write buffer and the reader that the connection takes from, made when first
    /// asked for, with blocks of 32 KiB.
    #[must_use]
    pub fn output(&self) -> BufferAndReader {
        self.buffer(&self.state.output)
    }

    /// Puts bytes into the write buffer.
    pub fn fill(&self, bytes: &[u8]) {
        self.output().0.write(self.guard, bytes);
    }

    /// `do_io_write` of `nbytes` bytes from the write buffer.
    #[track_caller]
    pub fn write(&self, nbytes: i64) {
        let (_, reader) = self.output();
        let this = Some(Arc::clone(self.this));
        let vio = self.vc().do_io_write(self.guard, this, nbytes, Some(&reader));
        *self.state.write.borrow_mut() = Some(vio);
    }

    /// Fills the write buffer and issues a write of just these bytes.
    #[track_caller]
    pub fn write_now(&self, bytes: &[u8]) {
        self.fill(bytes);
        self.write(i64::try_from(bytes.len()).unwrap_or(MAX));
    }

    /// `do_io_write` of `nbytes` bytes from a new write buffer, with blocks of `size`, in
    /// which these bytes are.
    #[track_caller]
    pub fn write_from(&self, nbytes: i64, size: SizeIndex, bytes: &[u8]) {
        *self.state.output.borrow_mut() = Some(self.new_buffer(size));
        self.fill(bytes);
        self.write(nbytes);
    }

    /// The VIO of the write.
    #[must_use]
    #[track_caller]
    pub fn write_vio(&self) -> VioHandle {
        self.state.write.borrow().clone().expect("a write is under way")
    }

    /// `reenable` of the write.
    #[track_caller]
    pub fn reenable_write(&self) {
        self.write_vio().reenable(self.guard);
    }

    /// `reenable_re` of the write: the pair may call back before this returns.
    #[track_caller]
    pub fn reenable_re_write(&self) {
        self.write_vio().reenable_re(self.guard);
    }

    fn buffer(&self, place: &RefCell<Option<BufferAndReader>>) -> BufferAndReader {
        let make = || self.new_buffer(BUFFER_SIZE_INDEX_32K);
        place.borrow_mut().get_or_insert_with(make).clone()
    }

    fn new_buffer(&self, size: SizeIndex) -> BufferAndReader {
        let mutex = self.this.base().mutex().expect("an agent has a mutex");
        let buffer = MIOBuffer::new(size).bind(mutex);
        let reader = buffer.alloc_reader(self.guard).expect("a new buffer");
        (buffer, reader)
    }
}
