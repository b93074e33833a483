//! [`VIO`]: one operation, a read or a write, and how far it has come.
//!
//! Mirrors `VIO` of `iocore/eventsystem/I_VIO.h` and `P_VIO.h` (9.1.3).
//!
//! # Access rules
//! A VIO is protected by the mutex of the state machine that issued the
//! operation: its *bound* mutex. The fields differ in how they may be reached:
//!
//! | field | reached with | read without the lock by |
//! |---|---|---|
//! | continuation, buffer | a guard of the bound mutex | no thread |
//! | op, nbytes, ndone | set with the guard, read freely | the peer's `process_*_side` (op), the user |
//! | which mutex is bound | set with the guards of both, read freely | `main_handler`, which must ask again after locking it |

use std::mem;
use std::ops::Deref;
use std::sync::Arc;

use eventsys::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, Ordering};
use eventsys::{ContRef, Guard, Lent, ProxyMutex, Rebindable};

use crate::bound::{BoundBuffer, IOBufferReader};
use crate::vconnection::VConnection;

/// What a VIO does. Mirrors the enum in `VIO`; the kinds for files are left out.
///
/// ```
/// use iocore::VioOp;
/// use testkit::prelude::*;
///
/// let lab = Lab::new();
/// let (a, p) = lab.agents();
/// p.on(ACCEPT, |me| me.read(MAX));
/// lab.pair(&a, &p);
/// lab.settle();
/// assert_eq!(p.read_vio().op(), VioOp::Read);
/// # a.close();
/// # p.close();
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum VioOp {
    /// No operation has been issued yet.
    None = 0,
    /// A read.
    Read = 1,
    /// A write.
    Write = 2,
}

/// The buffer of an operation: the buffer to fill, or the reader to take from.
/// Mirrors the struct of this name.
///
/// [`VIO::with_buffer`] lends it to its caller.
#[derive(Clone, Debug, Default)]
pub enum MIOBufferAccessor {
    /// No buffer (`clear`).
    #[default]
    None,
    /// A read's buffer (`writer_for`).
    Writer(BoundBuffer),
    /// A write's reader (`reader_for`).
    Reader(IOBufferReader),
}

impl MIOBufferAccessor {
    fn buffer(&self) -> Option<&BoundBuffer> {
        match self {
            MIOBufferAccessor::None => None,
            MIOBufferAccessor::Writer(buffer) => Some(buffer),
            MIOBufferAccessor::Reader(reader) => Some(reader.buffer()),
        }
    }
}

/// One operation of a virtual connection.
///
/// ```
/// use testkit::prelude::*;
///
/// let lab = Lab::new();
/// let (a, p) = lab.agents();
/// p.on(ACCEPT, |me| me.read(MAX));
/// lab.pair(&a, &p);
/// a.with(|me| me.write_now(b"hello"));
/// lab.settle();
/// let read = p.read_vio();
/// assert_eq!((read.ndone(), read.nbytes()), (5, i64::MAX));
/// assert_eq!(a.write_vio().ntodo(), 0);
/// ```
pub struct VIO {
    op: AtomicU8,
    nbytes: AtomicI64,
    ndone: AtomicI64,
    disabled: AtomicBool,
    /// Set by the first `do_io`, for good. Mirrors `vc_server != nullptr`.
    was_issued: AtomicBool,
    bound: Rebindable<Binding>,
}

#[derive(Default)]
struct Binding {
    cont: Option<ContRef>,
    /// A second reference to `cont`, lent for the length of each callback: counting
    /// one up and down for every callback would cost two locked instructions.
    lent: Option<ContRef>,
    /// How often `cont` has been replaced: what was lent before goes back no more.
    replaced: u32,
    buffer: MIOBufferAccessor,
}

impl Binding {
    /// Changes the continuation. The caller must drop the returned value outside,
    /// because a user's `drop` may run.
    fn replace_cont(&mut self, cont: Option<ContRef>) -> [Option<ContRef>; 2] {
        self.replaced = self.replaced.wrapping_add(1);
        [mem::replace(&mut self.cont, cont), self.lent.take()]
    }

    #[inline(always)]
    fn lend(&mut self) -> (Option<ContRef>, u32) {
        (self.lent.take().or_else(|| self.cont.clone()), self.replaced)
    }

    /// Keeps `cont` for the next callback, unless the VIO has been given a continuation since it
    /// was lent. Returns what is not needed: that one, or one that an inner callback has given back.
    #[inline(always)]
    fn give_back(&mut self, cont: ContRef, replaced: u32) -> Option<ContRef> {
        if self.replaced == replaced { self.lent.replace(cont) } else { Some(cont) }
    }
}

/// A VIO, and the proof that its mutex is held. [`VIO::bound`] gives it.
///
/// ```
/// use iocore::MIOBufferAccessor;
/// use testkit::prelude::*;
///
/// let lab = Lab::new();
/// let (a, p) = lab.agents();
/// p.on(ACCEPT, |me| me.read(MAX));
/// lab.pair(&a, &p);
/// p.with(|me| {
///     let vio = me.read_vio();
///     let bound = vio.bound(me.guard);
///     assert!(bound.has_continuation());
///     assert!(matches!(bound.buffer(), MIOBufferAccessor::Writer(_)));
/// });
/// # a.close();
/// # p.close();
/// ```
pub struct BoundVio<'a> {
    vio: &'a VIO,
    binding: Lent<'a, Binding>,
}

impl BoundVio<'_> {
    /// [`VIO::has_continuation`].
    #[inline(always)]
    #[must_use]
    pub fn has_continuation(&self) -> bool {
        self.binding.cont.is_some()
    }

    /// The buffer; spares the reference counting of [`VIO::writer`] and [`VIO::reader`].
    #[inline(always)]
    #[must_use]
    pub fn buffer(&self) -> &MIOBufferAccessor {
        &self.binding.buffer
    }

    /// [`VIO::add_ndone`].
    #[inline(always)]
    pub fn add_ndone(&self, bytes: i64) {
        self.vio.ndone.store(self.vio.ndone() + bytes, Ordering::Relaxed);
    }
}

impl Default for VIO {
    fn default() -> VIO {
        VIO::new()
    }
}

impl VIO {
    /// A VIO without an operation.
    #[must_use]
    pub fn new() -> VIO {
        VIO {
            op: AtomicU8::new(VioOp::None as u8),
            nbytes: AtomicI64::new(0),
            ndone: AtomicI64::new(0),
            disabled: AtomicBool::new(false),
            was_issued: AtomicBool::new(false),
            bound: Rebindable::unbound(Binding::default()),
        }
    }

    /// Issues an operation: the common part of every `do_io_read` and
    /// `do_io_write`. `op` is set last, because the other end of the connection
    /// looks at it without the lock to see whether the operation is there.
    ///
    /// # Panics
    /// If `guard` is not of `mutex`; if the VIO is bound to another mutex that
    /// this thread does not hold; if the buffer is bound to another mutex.
    #[track_caller]
    pub fn issue(
        &self,
        guard: &Guard<'_>,
        mutex: &Arc<ProxyMutex>,
        op: VioOp,
        cont: Option<ContRef>,
        nbytes: i64,
        buffer: MIOBufferAccessor,
    ) {
        check_buffer(&buffer, mutex);
        self.bound.rebind(guard, mutex);
        // The old values are dropped outside: a user's `drop` may run.
        let old = self.bound.with_mut(guard, |bound| {
            (bound.replace_cont(cont), mem::replace(&mut bound.buffer, buffer))
        });
        self.nbytes.store(nbytes, Ordering::Relaxed);
        self.ndone.store(0, Ordering::Relaxed);
        self.was_issued.store(true, Ordering::Relaxed);
        self.op.store(op as u8, Ordering::Release);
        drop(old);
    }

    /// Drops the continuation and the buffer; the connection is closed. The rest
    /// stays as it is.
    ///
    /// # Panics
    /// If `guard` is not of the bound mutex.
    #[track_caller]
    pub fn release(&self, guard: &Guard<'_>) {
        let old = self
            .bound
            .with_mut(guard, |bound| (bound.replace_cont(None), mem::take(&mut bound.buffer)));
        drop(old);
    }

    /// Ends the operation: `op` is `None` and no bytes are left. The continuation
    /// and the buffer stay. Without the lock, as `UnixNetVConnection::do_io_close`
    /// writes `op` and `nbytes`: a thread that carries the operation out right now
    /// finds nothing left to do.
    pub fn retire(&self) {
        self.nbytes.store(0, Ordering::Relaxed);
        self.op.store(VioOp::None as u8, Ordering::Release);
    }

    /// Sets `nbytes` so that no bytes are left; the rest stays. Without the
    /// lock, as `UnixNetVConnection::do_io_shutdown` writes `nbytes`.
    pub fn clear_nbytes(&self) {
        self.nbytes.store(0, Ordering::Relaxed);
    }

    /// What it does. Without the lock, the answer may be out of date.
    #[inline]
    #[must_use]
    pub fn op(&self) -> VioOp {
        match self.op.load(Ordering::Acquire) {
            1 => VioOp::Read,
            2 => VioOp::Write,
            _ => VioOp::None,
        }
    }

    /// True if that is `op`.
    #[inline]
    #[must_use]
    pub fn does(&self, op: VioOp) -> bool {
        self.op.load(Ordering::Acquire) == op as u8
    }

    /// The total number of bytes; `i64::MAX` if not known.
    #[inline]
    #[must_use]
    #[doc(alias = "TSVIONBytesGet")]
    pub fn nbytes(&self) -> i64 {
        self.nbytes.load(Ordering::Relaxed)
    }

    /// Bytes done.
    #[inline]
    #[must_use]
    #[doc(alias = "TSVIONDoneGet")]
    pub fn ndone(&self) -> i64 {
        self.ndone.load(Ordering::Relaxed)
    }

    /// Bytes still to be done.
    #[inline]
    #[must_use]
    #[doc(alias = "TSVIONTodoGet")]
    pub fn ntodo(&self) -> i64 {
        self.nbytes().wrapping_sub(self.ndone())
    }

    /// Sets the total number of bytes.
    ///
    /// # Panics
    /// If `guard` is not of the bound mutex.
    #[track_caller]
    #[doc(alias = "TSVIONBytesSet")]
    pub fn set_nbytes(&self, guard: &Guard<'_>, nbytes: i64) {
        self.check(guard);
        self.nbytes.store(nbytes, Ordering::Relaxed);
    }

    /// Adds to the bytes done; for the connection that carries the operation
    /// out.
    ///
    /// # Panics
    /// If `guard` is not of the bound mutex.
    #[inline]
    #[track_caller]
    pub fn add_ndone(&self, guard: &Guard<'_>, bytes: i64) {
        self.check(guard);
        self.ndone.store(self.ndone() + bytes, Ordering::Relaxed);
    }

    /// Sets the bytes done; a connection that carries the operation out goes on from there.
    ///
    /// # Panics
    /// If `guard` is not of the bound mutex.
    #[track_caller]
    #[doc(alias = "TSVIONDoneSet")]
    pub fn set_ndone(&self, guard: &Guard<'_>, ndone: i64) {
        self.check(guard);
        self.ndone.store(ndone, Ordering::Relaxed);
    }

    /// Makes the bytes that the reader holds now the last ones: `nbytes`
    /// becomes `ndone` plus what can be read, or `ndone` if there is no reader.
    ///
    /// # Panics
    /// If `guard` is not of the bound mutex.
    #[track_caller]
    pub fn done(&self, guard: &Guard<'_>) {
        let left = self.reader(guard).map_or(0, |reader| reader.read_avail(guard));
        self.set_nbytes(guard, self.ndone() + left);
    }

    /// The continuation that is called back.
    ///
    /// # Panics
    /// If `guard` is not of the bound mutex.
    #[inline]
    #[track_caller]
    #[doc(alias = "TSVIOContGet")]
    pub fn continuation(&self, guard: &Guard<'_>) -> Option<ContRef> {
        self.bound.with(guard, |bound| bound.cont.clone())
    }

    /// True if there is a continuation to call back.
    ///
    /// # Panics
    /// If `guard` is not of the bound mutex.
    #[inline]
    #[track_caller]
    pub fn has_continuation(&self, guard: &Guard<'_>) -> bool {
        self.bound.with(guard, |bound| bound.cont.is_some())
    }

    /// Calls `f` with the continuation; spares the reference counting of
    /// [`VIO::continuation`]. `f` may do anything, also change the VIO: its argument
    /// stays alive until it returns.
    ///
    /// # Panics
    /// If `guard` is not of the bound mutex.
    #[inline(always)]
    #[track_caller]
    pub fn with_continuation<R>(
        &self,
        guard: &Guard<'_>,
        f: impl FnOnce(Option<&ContRef>) -> R,
    ) -> R {
        let (lent, replaced) = self.bound.with_mut(guard, Binding::lend);
        let Some(cont) = lent else { return f(None) };
        let result = f(Some(&cont));
        if self.is_bound_to(guard.mutex()) {
            let surplus = self.bound.with_mut(guard, |bound| bound.give_back(cont, replaced));
            drop(surplus);
        }
        result
    }

    /// Changes the continuation, and with it the mutex that the VIO is bound
    /// to. Mirrors `VIO::set_continuation`.
    ///
    /// # Panics
    /// If `cont` has no mutex; if `guard` is not of its mutex; if the VIO is
    /// bound to another mutex that this thread does not hold; if the VIO has a
    /// buffer that is bound to another mutex.
    #[track_caller]
    pub fn set_continuation(&self, guard: &Guard<'_>, cont: ContRef) {
        let mutex = Arc::clone(cont.base().mutex().expect("a VIO's continuation has a mutex"));
        if let Some(old) = self.bound.mutex()
            && let Some(held) = old.reenter()
        {
            self.bound.with(&held, |bound| check_buffer(&bound.buffer, &mutex));
        }
        self.bound.rebind(guard, &mutex);
        let old = self.bound.with_mut(guard, |bound| bound.replace_cont(Some(cont)));
        drop(old);
    }

    /// The buffer that a read fills.
    ///
    /// # Panics
    /// If `guard` is not of the bound mutex.
    #[inline]
    #[track_caller]
    #[doc(alias = "TSVIOBufferGet")]
    pub fn writer(&self, guard: &Guard<'_>) -> Option<BoundBuffer> {
        self.with_buffer(guard, |buffer| buffer.buffer().cloned())
    }

    /// The reader that a write takes from.
    ///
    /// # Panics
    /// If `guard` is not of the bound mutex.
    #[inline]
    #[track_caller]
    #[doc(alias = "TSVIOReaderGet")]
    pub fn reader(&self, guard: &Guard<'_>) -> Option<IOBufferReader> {
        self.with_buffer(guard, |buffer| match buffer {
            MIOBufferAccessor::Reader(reader) => Some(reader.clone()),
            _ => None,
        })
    }

    /// The VIO under its mutex, for as long as the caller keeps what it gets: one check for all that
    /// is asked of it. The VIO must not be changed meanwhile, and no user be called.
    ///
    /// # Panics
    /// If `guard` is not of the bound mutex.
    #[inline(always)]
    #[track_caller]
    pub fn bound<'a>(&'a self, guard: &'a Guard<'_>) -> BoundVio<'a> {
        BoundVio { vio: self, binding: self.bound.borrow(guard) }
    }

    /// Calls `f` with the buffer; spares the reference counting of
    /// [`VIO::writer`] and [`VIO::reader`]. `f` must not call anything that may
    /// change the VIO.
    ///
    /// # Panics
    /// If `guard` is not of the bound mutex.
    #[inline(always)]
    #[track_caller]
    pub fn with_buffer<R>(&self, guard: &Guard<'_>, f: impl FnOnce(&MIOBufferAccessor) -> R) -> R {
        f(self.bound(guard).buffer())
    }

    /// Changes the buffer that a read fills. Mirrors `VIO::set_writer`.
    ///
    /// # Panics
    /// If `guard` is not of the bound mutex, or the buffer is bound to another.
    #[track_caller]
    pub fn set_writer(&self, guard: &Guard<'_>, buffer: &BoundBuffer) {
        self.set_buffer(guard, MIOBufferAccessor::Writer(buffer.clone()));
    }

    /// Changes the reader that a write takes from. Mirrors `VIO::set_reader`.
    ///
    /// # Panics
    /// If `guard` is not of the bound mutex, or the buffer is bound to another.
    #[track_caller]
    pub fn set_reader(&self, guard: &Guard<'_>, reader: &IOBufferReader) {
        self.set_buffer(guard, MIOBufferAccessor::Reader(reader.clone()));
    }

    /// The mutex that the VIO is bound to, as a hint: unless the caller holds it,
    /// it may have been changed by now.
    #[inline]
    #[must_use]
    #[doc(alias = "TSVIOMutexGet")]
    pub fn mutex(&self) -> Option<Arc<ProxyMutex>> {
        self.bound.mutex()
    }

    /// True if the VIO is bound to `mutex`; stays true while the caller holds it.
    #[inline]
    #[must_use]
    pub fn is_bound_to(&self, mutex: &ProxyMutex) -> bool {
        self.bound.is_bound_to(mutex)
    }

    /// Marks the operation as disabled. Mirrors `VIO::disable`; neither PluginVC
    /// nor the event system looks at the mark.
    pub fn disable(&self) {
        self.disabled.store(true, Ordering::Relaxed);
    }

    /// Takes the mark of [`VIO::disable`] away. True if an operation has been issued, so that there
    /// is something to go on with.
    #[inline]
    pub(crate) fn enable(&self) -> bool {
        self.disabled.store(false, Ordering::Relaxed);
        self.was_issued.load(Ordering::Relaxed)
    }

    /// True if the operation is marked as disabled.
    #[must_use]
    pub fn is_disabled(&self) -> bool {
        self.disabled.load(Ordering::Relaxed)
    }

    #[track_caller]
    fn set_buffer(&self, guard: &Guard<'_>, buffer: MIOBufferAccessor) {
        self.check(guard);
        let bound = self.bound.mutex();
        bound.iter().for_each(|mutex| check_buffer(&buffer, mutex));
        let old = self.bound.with_mut(guard, |bound| mem::replace(&mut bound.buffer, buffer));
        drop(old);
    }

    /// Asserts that `guard` is of the mutex that the VIO is bound to: each
    /// connection calls this before it touches the operation.
    ///
    /// # Panics
    /// If it is not, with the text of the original's assertion.
    #[inline]
    #[track_caller]
    pub fn check(&self, guard: &Guard<'_>) {
        assert!(self.is_bound_to(guard.mutex()), "vio->mutex->thread_holding == this_ethread()");
    }
}

#[track_caller]
fn check_buffer(buffer: &MIOBufferAccessor, mutex: &Arc<ProxyMutex>) {
    if let Some(buffer) = buffer.buffer() {
        assert!(
            Arc::ptr_eq(buffer.mutex(), mutex),
            "the buffer is bound to {:?}, the operation to {mutex:?}",
            buffer.mutex()
        );
    }
}

/// A VIO and the connection that carries it out, as `do_io_read` and
/// `do_io_write` return it. Mirrors `VIO *` with its `vc_server`.
///
/// It keeps the connection's memory alive, not the connection open: like the
/// original's pointer, it must not be used after `do_io_close`.
///
/// ```
/// use testkit::prelude::*;
///
/// let lab = Lab::new();
/// let (a, p) = lab.agents();
/// p.on(ACCEPT, |me| me.read(MAX));
/// p.on(READ_READY, |me| {
///     assert!(me.read_vio().is(me.vio.unwrap()), "data == read_vio");
///     me.take();
///     me.read_vio().reenable(me.guard);
/// });
/// lab.pair(&a, &p);
/// a.with(|me| me.write_now(b"hello"));
/// lab.settle();
/// assert_eq!(p.received(), b"hello");
/// ```
#[derive(Clone)]
pub struct VioHandle {
    vc_server: Arc<dyn VConnection>,
    op: VioOp,
}

impl VioHandle {
    /// The VIO of `vc_server` that does `op`.
    #[must_use]
    pub fn new(vc_server: Arc<dyn VConnection>, op: VioOp) -> VioHandle {
        VioHandle { vc_server, op }
    }

    /// The connection. Mirrors `VIO::vc_server`.
    #[must_use]
    #[doc(alias = "TSVIOVConnGet")]
    pub fn vc_server(&self) -> &Arc<dyn VConnection> {
        &self.vc_server
    }

    /// True if `vio` is this VIO: `data == read_vio` in the original's handlers.
    #[inline]
    #[must_use]
    pub fn is(&self, vio: &VIO) -> bool {
        std::ptr::eq::<VIO>(&**self, vio)
    }

    /// Asks the connection to go on with the operation, on another stack; does
    /// nothing before the first `do_io`, because until then a VIO does not know
    /// its connection. Mirrors `VIO::reenable`.
    ///
    /// # Panics
    /// If `guard` is not of the VIO's mutex.
    #[inline]
    #[track_caller]
    #[doc(alias = "TSVIOReenable")]
    pub fn reenable(&self, guard: &Guard<'_>) {
        self.vc_server.reenable_if_issued(guard, self.op);
    }

    /// Asks the connection to go on with the operation; it may call back before
    /// this returns. Does nothing before the first `do_io`. Mirrors
    /// `VIO::reenable_re`.
    ///
    /// # Panics
    /// If `guard` is not of the VIO's mutex.
    #[inline]
    #[track_caller]
    pub fn reenable_re(&self, guard: &Guard<'_>) {
        self.vc_server.reenable_re_if_issued(guard, self.op);
    }
}

impl Deref for VioHandle {
    type Target = VIO;

    #[inline]
    fn deref(&self) -> &VIO {
        self.vc_server.vio(self.op)
    }
}
