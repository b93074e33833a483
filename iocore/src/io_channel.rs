//! [`IoChannel`]: the buffer, the reader and the VIO of one direction.
//!
//! Mirrors `IOChannel` of Traffic Server's example plugins (`intercept`, `generator`),
//! which nearly every plugin has, under different names.

use std::cell::RefCell;
use std::sync::Arc;

use eventsys::{ContRef, Guard, ProxyMutex};

use crate::bound::{BoundBuffer, IOBufferReader};
use crate::buffer::{BUFFER_SIZE_INDEX_32K, MIOBuffer, SizeIndex};
use crate::net_vconnection::NetVcRef;
use crate::vio::VioHandle;

/// One direction of a connection: a buffer, one reader of it, and, once it has been
/// issued, the operation.
///
/// # Contract
/// Make one for each direction under the mutex of the state machine that uses the
/// connection. Call [`read`](IoChannel::read) on one and [`write`](IoChannel::write)
/// on the other. Each method takes a guard of that mutex. To end, close the
/// connection and drop the channel.
///
/// ```
/// # use eventsys::{ContRef, Guard, ProxyMutex};
/// # use iocore::{IoChannel, NetVcRef};
/// # use std::sync::Arc;
/// /// Answers on `vc` with a fixed text.
/// fn answer(guard: &Guard<'_>, mutex: &Arc<ProxyMutex>, vc: &NetVcRef, cont: &ContRef) -> IoChannel {
///     let output = IoChannel::new(guard, mutex);
///     let nbytes = output.buffer().write(guard, b"HTTP/1.0 200 OK\r\n\r\n");
///     output.write(guard, vc, cont, nbytes);
///     output
/// }
/// ```
pub struct IoChannel {
    buffer: BoundBuffer,
    reader: IOBufferReader,
    vio: RefCell<Option<VioHandle>>,
}

impl IoChannel {
    /// A channel under `mutex`, with blocks of 32 KiB.
    ///
    /// # Panics
    /// If `guard` is not of `mutex`.
    #[must_use]
    #[track_caller]
    pub fn new(guard: &Guard<'_>, mutex: &Arc<ProxyMutex>) -> IoChannel {
        IoChannel::with_size(guard, mutex, BUFFER_SIZE_INDEX_32K)
    }

    /// A channel under `mutex`, with blocks of this size.
    ///
    /// # Panics
    /// If `guard` is not of `mutex`.
    #[must_use]
    #[track_caller]
    pub fn with_size(guard: &Guard<'_>, mutex: &Arc<ProxyMutex>, size: SizeIndex) -> IoChannel {
        let buffer = MIOBuffer::new(size).bind(mutex);
        let reader = buffer.alloc_reader(guard).expect("a new buffer has room for a reader");
        IoChannel { buffer, reader, vio: RefCell::default() }
    }

    /// The buffer.
    #[must_use]
    pub fn buffer(&self) -> &BoundBuffer {
        &self.buffer
    }

    /// The reader: for a read the user takes bytes with it, for a write the connection does.
    #[must_use]
    pub fn reader(&self) -> &IOBufferReader {
        &self.reader
    }

    /// Issues `do_io_read` without a limit into the buffer; `cont` is called back.
    ///
    /// # Panics
    /// As [`VConnection::do_io_read`](crate::VConnection::do_io_read).
    #[track_caller]
    pub fn read(&self, guard: &Guard<'_>, vc: &NetVcRef, cont: &ContRef) {
        let vio = vc.do_io_read(guard, Some(Arc::clone(cont)), i64::MAX, Some(&self.buffer));
        *self.vio.borrow_mut() = Some(vio);
    }

    /// Issues `do_io_write` of `nbytes` bytes from the buffer; `cont` is called back.
    ///
    /// # Panics
    /// As [`VConnection::do_io_write`](crate::VConnection::do_io_write).
    #[track_caller]
    pub fn write(&self, guard: &Guard<'_>, vc: &NetVcRef, cont: &ContRef, nbytes: i64) {
        let vio = vc.do_io_write(guard, Some(Arc::clone(cont)), nbytes, Some(&self.reader));
        *self.vio.borrow_mut() = Some(vio);
    }

    /// The operation, if it has been issued.
    #[must_use]
    pub fn vio(&self) -> Option<VioHandle> {
        self.vio.borrow().clone()
    }

    /// Reenables the operation; does nothing before it is issued.
    ///
    /// # Panics
    /// If `guard` is not of the VIO's mutex.
    #[track_caller]
    pub fn reenable(&self, guard: &Guard<'_>) {
        if let Some(vio) = self.vio() {
            vio.reenable(guard);
        }
    }
}
