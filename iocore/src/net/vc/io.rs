//! How bytes move between a socket and a buffer.
//!
//! Mirrors `read_from_net`, `write_to_net_io` and `load_buffer_and_write` (9.2.9). All
//! of this runs on the connection's thread, under H.
//!
//! A read that fails with `ECONNRESET` is the end of the stream
//! (`VC_EVENT_EOS`), every other failure an error (`VC_EVENT_ERROR`, with the
//! number in `lerrno`). If the system reports an error of the socket, the writer
//! gets it.

use crate::net::steps;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};

use eventsys::sync::atomic::Ordering;
use eventsys::{EventCode, Guard, Outcome};

use super::UnixNetVConnection;
use crate::bound::IOBufferReader;
use crate::buffer::MIOBuffer;
use crate::net::config::NetVcRelease;
use crate::net::errors::errno;
use crate::net::handler::NetHandler;
use crate::vio::{MIOBufferAccessor, VioOp};

/// How many blocks are written with one call. Mirrors `NET_MAX_IOV`.
const NET_MAX_IOV: usize = 16;

impl UnixNetVConnection {
    /// Reads the available bytes into the buffer of the read. False if the
    /// try-lock of its mutex missed; then nothing was done. Mirrors
    /// `read_from_net`.
    pub(in crate::net) fn net_read_io(&self, nh: &NetHandler, h: &Guard<'_>) -> bool {
        let vio = &self.read.vio;
        let Some(mutex) = vio.mutex() else {
            self.disable(nh, h, VioOp::Read);
            return true;
        };
        // Checked again: `do_io` may have moved the VIO before it was locked.
        let Some(lock) = mutex.try_lock().filter(|_| vio.is_bound_to(&mutex)) else { return false };
        if self.closed.is_set() {
            nh.free_netevent(h, self);
            return true;
        }
        let ntodo = vio.ntodo();
        if !self.read.enabled.is_set() || vio.op() != VioOp::Read || vio.is_disabled() || ntodo <= 0
        {
            self.disable(nh, h, VioOp::Read);
            return true;
        }
        let read = self.read_into_buffer(nh, &lock, ntodo);
        if let Some(Ok(bytes)) = read {
            self.report(steps::NET_READ, Some(bytes));
        }
        // course: 13 begin net_read_io "tell the reader what the system call said"
        match read {
            // No room.
            None => {}
            Some(Ok(0)) => {
                self.untrigger(nh, h, VioOp::Read);
                self.signal_done(nh, h, &lock, VioOp::Read, EventCode::VC_EVENT_EOS);
                return true;
            }
            Some(Ok(bytes)) => {
                nh.counters.read_bytes.add(bytes.unsigned_abs());
                vio.add_ndone(&lock, bytes);
                self.net_activity();
                if vio.ntodo() <= 0 {
                    let event = EventCode::VC_EVENT_READ_COMPLETE;
                    self.signal_done(nh, h, &lock, VioOp::Read, event);
                    return true;
                }
                let event = EventCode::VC_EVENT_READ_READY;
                if self.signal_and_update(nh, h, &lock, VioOp::Read, event) == Outcome::Done {
                    return true;
                }
                if !vio.is_bound_to(&mutex) {
                    // The VIO is under another mutex by now, so this function
                    // must not touch it.
                    nh.reschedule(h, self, VioOp::Read);
                    return true;
                }
            }
            Some(Err(error)) => {
                self.untrigger(nh, h, VioOp::Read);
                match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::NotConnected => {
                        nh.counters.calls_to_read_nodata.add(1);
                    }
                    ErrorKind::ConnectionReset => {
                        self.signal_done(nh, h, &lock, VioOp::Read, EventCode::VC_EVENT_EOS);
                    }
                    _ => self.signal_error(nh, h, &lock, VioOp::Read, errno(&error)),
                }
                return true;
            }
        }
        // course: 13 stub let _ = read;
        // course: 13 stub todo!("lesson 13: net_read_io");
        // course: 13 end
        let has_room = vio.with_buffer(&lock, |buffer| match buffer {
            MIOBufferAccessor::Writer(buffer) => {
                buffer.with(&lock, |buffer| buffer.write_avail() > 0)
            }
            _ => false,
        });
        if vio.ntodo() <= 0 || !self.read.enabled.is_set() || !has_room {
            self.disable(nh, h, VioOp::Read);
        } else {
            nh.reschedule(h, self, VioOp::Read);
        }
        true
    }

    /// One system call for all the space, which is two blocks at most. `None` if
    /// there is no space or no buffer.
    fn read_into_buffer(
        &self,
        nh: &NetHandler,
        lock: &Guard<'_>,
        ntodo: i64,
    ) -> Option<io::Result<i64>> {
        self.read.vio.with_buffer(lock, |buffer| {
            let MIOBufferAccessor::Writer(buffer) = buffer else { return None };
            buffer.with(lock, |buffer| {
                let toread = buffer.write_avail().min(ntodo);
                if toread <= 0 {
                    return None;
                }
                let read = self.with_socket(|socket| {
                    let [first, second] = buffer.write_slices();
                    let toread = usize::try_from(toread).unwrap_or(usize::MAX);
                    let here = first.len().min(toread);
                    let there = second.len().min(toread - here);
                    let (first, second) = (&mut first[..here], &mut second[..there]);
                    uninterrupted(|| match (first.is_empty(), second.is_empty()) {
                        (false, true) => socket.read(first),
                        (true, _) => socket.read(second),
                        _ => socket
                            .read_vectored(&mut [IoSliceMut::new(first), IoSliceMut::new(second)]),
                    })
                })?;
                nh.counters.calls_to_read.add(1);
                Some(read.map(|bytes| {
                    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
                    buffer.fill(bytes);
                    bytes
                }))
            })
        })
    }

    /// Writes what the buffer of the write holds. False if the try-lock of its
    /// mutex missed; then nothing was done. Mirrors `write_to_net_io`.
    pub(in crate::net) fn net_write_io(&self, nh: &NetHandler, h: &Guard<'_>) -> bool {
        let vio = &self.write.vio;
        let Some(mutex) = vio.mutex() else {
            self.disable(nh, h, VioOp::Write);
            return true;
        };
        let Some(lock) = mutex.try_lock().filter(|_| vio.is_bound_to(&mutex)) else { return false };
        if self.closed.is_set() {
            nh.free_netevent(h, self);
            return true;
        }
        let error = self.error.load(Ordering::Relaxed);
        if error != 0 {
            // The event comes once per edge, and not again until the state
            // machine asks for more.
            self.lerrno.store(error, Ordering::Relaxed);
            self.signal_and_update(nh, h, &lock, VioOp::Write, EventCode::VC_EVENT_ERROR);
            return true;
        }
        if !self.write.enabled.is_set() || vio.op() != VioOp::Write || vio.ntodo() <= 0 {
            self.disable(nh, h, VioOp::Write);
            return true;
        }
        let Some((mut towrite, wants_more)) = self.to_write(&lock) else {
            self.disable(nh, h, VioOp::Write);
            return true;
        };
        let mut signalled = false;
        if towrite != vio.ntodo() && wants_more {
            // Before anything is written: the user may fill the buffer.
            let event = EventCode::VC_EVENT_WRITE_READY;
            if self.signal_and_update(nh, h, &lock, VioOp::Write, event) == Outcome::Done {
                return true;
            }
            if !vio.is_bound_to(&mutex) {
                nh.reschedule(h, self, VioOp::Write);
                return true;
            }
            signalled = true;
            towrite = self.to_write(&lock).map_or(0, |(towrite, _)| towrite);
        }
        if towrite <= 0 {
            self.disable(nh, h, VioOp::Write);
            return true;
        }

        let (written, last) = self.load_buffer_and_write(nh, &lock, towrite);
        if written > 0 {
            self.report(steps::NET_WRITE, Some(written));
            nh.counters.write_bytes.add(written.unsigned_abs());
            vio.add_ndone(&lock, written);
            self.net_activity();
        }
        if let Err(error) = last {
            self.untrigger(nh, h, VioOp::Write);
            let waits = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected)
                || error.raw_os_error() == Some(libc::EINPROGRESS);
            if waits {
                nh.counters.calls_to_write_nodata.add(1);
            } else {
                self.signal_error(nh, h, &lock, VioOp::Write, errno(&error));
            }
            return true;
        }
        self.after_write(nh, h, &lock, signalled);
        true
    }

    /// Bytes have been written without an error: sends the event, and checks
    /// whether there is more to write.
    fn after_write(&self, nh: &NetHandler, h: &Guard<'_>, lock: &Guard<'_>, signalled: bool) {
        let vio = &self.write.vio;
        let trap = self.write_buffer_empty_event.load(Ordering::Relaxed);
        let is_empty = self.is_write_buffer_empty(lock);
        if is_empty {
            self.write_buffer_empty_event.store(0, Ordering::Relaxed);
        }
        if vio.ntodo() <= 0 {
            self.signal_done(nh, h, lock, VioOp::Write, EventCode::VC_EVENT_WRITE_COMPLETE);
            return;
        }
        let asks_again = self.shared.config.release == NetVcRelease::V9_2;
        let wants_more = asks_again && self.to_write(lock).is_some_and(|(_, wants)| wants);
        let event = if !signalled || wants_more {
            Some(EventCode::VC_EVENT_WRITE_READY)
        } else {
            // The state machine has got an event already, but does not know
            // that the buffer is empty now.
            (is_empty && trap != 0).then_some(EventCode(trap))
        };
        if let Some(event) = event {
            if self.signal_and_update(nh, h, lock, VioOp::Write, event) == Outcome::Done {
                return;
            }
            if !vio.is_bound_to(lock.mutex()) {
                nh.reschedule(h, self, VioOp::Write);
                return;
            }
        }
        if self.is_write_buffer_empty(lock) {
            self.disable(nh, h, VioOp::Write);
        } else {
            nh.reschedule(h, self, VioOp::Write);
        }
    }

    /// How many bytes the write can take from its buffer now, and whether the buffer may get more:
    /// no more than the water mark waits there; in 8.1, it has room. `None` without a buffer.
    fn to_write(&self, lock: &Guard<'_>) -> Option<(i64, bool)> {
        let ntodo = self.write.vio.ntodo();
        let release = self.shared.config.release;
        self.with_reader(lock, |reader, buffer| {
            let towrite = buffer.read_avail(reader.id()).min(ntodo);
            let wants_more = match release {
                NetVcRelease::V8_1 => towrite != ntodo && buffer.write_avail() > 0,
                NetVcRelease::V9_2 => !buffer.high_water(),
            };
            (towrite, wants_more)
        })
    }

    fn is_write_buffer_empty(&self, lock: &Guard<'_>) -> bool {
        self.with_reader(lock, |reader, buffer| !buffer.is_read_avail_more_than(reader.id(), 0))
            .unwrap_or(true)
    }

    fn with_reader<R>(
        &self,
        lock: &Guard<'_>,
        f: impl FnOnce(&IOBufferReader, &mut MIOBuffer) -> R,
    ) -> Option<R> {
        self.write.vio.with_buffer(lock, |buffer| match buffer {
            MIOBufferAccessor::Reader(reader) => {
                Some(reader.buffer().with(lock, |buffer| f(reader, buffer)))
            }
            _ => None,
        })
    }

    /// Writes up to `towrite` bytes, as long as the system takes all that it is
    /// given at once. Returns how many were written, and how the last call ended.
    /// Mirrors `load_buffer_and_write`.
    fn load_buffer_and_write(
        &self,
        nh: &NetHandler,
        lock: &Guard<'_>,
        towrite: i64,
    ) -> (i64, io::Result<()>) {
        let written = self.with_reader(lock, |reader, buffer| {
            let id = reader.id();
            let mut total = 0_i64;
            loop {
                let mut left = usize::try_from(towrite - total).unwrap_or(0);
                let mut slices = [IoSlice::new(&[]); NET_MAX_IOV];
                let mut n = 0;
                for (slice, block) in slices.iter_mut().zip(buffer.blocks(id)) {
                    let len = block.len().min(left);
                    *slice = IoSlice::new(&block[..len]);
                    left -= len;
                    n += 1;
                    if left == 0 {
                        break;
                    }
                }
                let try_to_write: usize = slices[..n].iter().map(|slice| slice.len()).sum();
                let result = self.with_socket(|socket| {
                    uninterrupted(|| match &slices[..n] {
                        [one] => socket.write(one),
                        all => socket.write_vectored(all),
                    })
                });
                nh.counters.calls_to_write.add(1);
                match result.unwrap_or_else(|| Err(ErrorKind::NotConnected.into())) {
                    Err(error) => return (total, Err(error)),
                    Ok(bytes) => {
                        let moved = i64::try_from(bytes).unwrap_or(i64::MAX);
                        buffer.consume(id, moved);
                        total += moved;
                        if bytes != try_to_write || total >= towrite {
                            return (total, Ok(()));
                        }
                    }
                }
            }
        });
        written.unwrap_or((0, Ok(())))
    }
}

/// Calls the system again if a signal has interrupted it.
fn uninterrupted(mut f: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match f() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
