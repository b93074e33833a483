//! `TSVConn` and `TSVIO`.
//!
//! A `TSVIO` is its connection's handle with another kind, so it ends with the connection.

use std::ffi::c_int;
use std::sync::Arc;

use eventsys::sync::Mutex;
use eventsys::sync::atomic::{AtomicUsize, Ordering};
use eventsys::{HrTime, ProxyMutex};
use iocore::{ApiData, DataId, NetVcRef, ShutdownHowTo, VIO, VioHandle, VioOp};

use super::args::UserArgs;
use super::buffer::{self, Buffer, Reader};
use super::by_number::{ByNumber, by_number};
use super::continuation::{self, PluginCont};
use super::peers::Lent;
use super::{Found, Handle, Kind, find, findings, locks, table, want};

/// A connection that a plugin has.
pub(crate) struct Connection {
    vc: NetVcRef,
    pub(crate) args: UserArgs,
    pub(crate) addresses: Lent,
    /// How many have lent it: changed under the lock of [`VIOS`].
    lenders: AtomicUsize,
}

impl Connection {
    pub(crate) fn vc(&self) -> &NetVcRef {
        &self.vc
    }
}

/// The handles of operations, by the address of the [`VIO`], which lives as long as its connection.
static VIOS: Mutex<Vios> = Mutex::new(by_number());

type Vios = ByNumber<usize, Handle>;

const OPERATIONS: [(VioOp, Kind); 2] =
    [(VioOp::Read, Kind::ReadVio), (VioOp::Write, Kind::WriteVio)];

fn key(vio: &VIO) -> usize {
    std::ptr::from_ref(vio).addr()
}

/// The handle of a connection, the same each time.
pub(crate) fn handle_of(vc: &NetVcRef) -> Handle {
    handle_among(&mut VIOS.lock(), vc)
}

fn handle_among(vios: &mut Vios, vc: &NetVcRef) -> Handle {
    if let Some(handle) = vios.get(&key(vc.vio(VioOp::Read))) {
        return handle.as_kind(Kind::Connection);
    }
    let handle = table().insert(Connection {
        vc: vc.clone(),
        args: UserArgs::default(),
        addresses: Lent::default(),
        lenders: AtomicUsize::new(0),
    });
    for (op, kind) in OPERATIONS {
        vios.insert(key(vc.vio(op)), handle.as_kind(kind));
    }
    handle
}

/// The handle of a connection that belongs to the proxy; `lent` has those that one owner lends. The
/// proxy uses a connection to an origin server for one transaction after the other, and the earlier one
/// may end later: its client reads slowly. So each owner counts, and the last one ends the handle.
pub(crate) fn lend(vc: &NetVcRef, lent: &mut Vec<Handle>) -> Handle {
    let mut vios = VIOS.lock();
    let handle = handle_among(&mut vios, vc);
    if !lent.contains(&handle) {
        lent.push(handle);
        want::<Connection>(handle).lenders.fetch_add(1, Ordering::Relaxed);
    }
    handle
}

/// An owner that has lent a connection has ended.
pub(crate) fn give_back(vc: Handle, why: &'static str) {
    let mut vios = VIOS.lock();
    // A plugin that has closed it has ended the handle.
    let Ok(connection) = table().get::<Connection>(vc) else { return };
    let ended = match connection.lenders.fetch_sub(1, Ordering::Relaxed) {
        1 => end(&mut vios, vc, why),
        _ => None,
    };
    drop(vios);
    // Outside of the lock: what is freed may free others.
    drop((connection, ended));
}

/// The handle of an operation.
pub(crate) fn handle_of_vio(vio: &VIO) -> Handle {
    VIOS.lock().get(&key(vio)).copied().unwrap_or(Handle::NULL)
}

/// `TSVConnRead`. Takes the continuation's mutex itself, as the original does.
pub(crate) fn read(vc: Handle, cont: Handle, buffer: Handle, nbytes: i64) -> Handle {
    let connection = want::<Connection>(vc);
    let (cont, buffer) = (want::<PluginCont>(cont), want::<Buffer>(buffer));
    check_nbytes(nbytes);
    let mutex = cont.mutex();
    let guard = mutex.lock();
    let bound = buffer.bind(mutex);
    connection.vc.do_io_read(&guard, Some(cont.kept()), nbytes, Some(&bound));
    vc.as_kind(Kind::ReadVio)
}

/// `TSVConnWrite`. Takes the continuation's mutex itself, as the original does.
pub(crate) fn write(vc: Handle, cont: Handle, reader: Handle, nbytes: i64) -> Handle {
    let connection = want::<Connection>(vc);
    let (cont, reader) = (want::<PluginCont>(cont), want::<Reader>(reader));
    check_nbytes(nbytes);
    let mutex = cont.mutex();
    let guard = mutex.lock();
    let bound = reader.bind(mutex);
    connection.vc.do_io_write(&guard, Some(cont.kept()), nbytes, Some(&bound));
    vc.as_kind(Kind::WriteVio)
}

fn check_nbytes(nbytes: i64) {
    if nbytes < 0 {
        findings::end(format!("nbytes is {nbytes}: `sdk_assert(nbytes >= 0)`"));
    }
}

/// `TSVConnClose`, and `TSVConnAbort` with an error number.
pub(crate) fn close(vc: Handle, error: Option<c_int>, why: &'static str) {
    let connection = want::<Connection>(vc);
    findings::note_close();
    let _ended = end(&mut VIOS.lock(), vc, why);
    connection.vc.do_io_close(error);
}

/// A connection has ended: its handle and those of its operations end, too. Returns what is kept for
/// it, which is dropped outside of the lock: what is freed may free others.
fn end(vios: &mut Vios, vc: Handle, why: &'static str) -> Option<Arc<Connection>> {
    let connection = table().take::<Connection>(vc, why).ok()?;
    for (op, _) in OPERATIONS {
        vios.remove(&key(connection.vc.vio(op)));
    }
    Some(connection)
}

/// `TSVConnClosedGet`: 1 if the connection is closed. `TSVConnClose` ends the handle, so a plugin
/// that asks after its own close is told that the handle has ended.
pub(crate) fn is_closed(vc: Handle) -> c_int {
    let connection = want::<Connection>(vc);
    match connection.vc.get_data(DataId::Closed) {
        Some(ApiData::Closed(closed)) => c_int::from(closed),
        _ => 0,
    }
}

/// `TSVConnShutdown`.
pub(crate) fn shutdown(vc: Handle, read: bool, write: bool) {
    let connection = want::<Connection>(vc);
    let how = match (read, write) {
        (true, true) => ShutdownHowTo::ReadWrite,
        (true, false) => ShutdownHowTo::Read,
        (false, true) => ShutdownHowTo::Write,
        (false, false) => return,
    };
    connection.vc.do_io_shutdown(how);
}

/// The two timeouts of a connection.
#[derive(Clone, Copy)]
pub(crate) enum Timeout {
    /// From now on, whatever happens.
    Active,
    /// Since the last byte.
    Inactivity,
}

/// `TSVConnActiveTimeoutSet` and its kin, in nanoseconds; none cancels it.
pub(crate) fn set_timeout(vc: Handle, timeout: Timeout, span: Option<HrTime>) {
    let connection = want::<Connection>(vc);
    match (timeout, span) {
        (Timeout::Active, Some(span)) => connection.vc.set_active_timeout(span),
        (Timeout::Active, None) => connection.vc.cancel_active_timeout(),
        (Timeout::Inactivity, Some(span)) => connection.vc.set_inactivity_timeout(span),
        (Timeout::Inactivity, None) => connection.vc.cancel_inactivity_timeout(),
    }
}

/// `TSVConnReadVIOGet` and `TSVConnWriteVIOGet`.
pub(crate) fn vio_of(vc: Handle, kind: Kind) -> Handle {
    let _ = want::<Connection>(vc);
    vc.as_kind(kind)
}

/// An operation of a connection that has not ended.
struct Operation {
    connection: Found<Connection>,
    op: VioOp,
}

impl Operation {
    fn vio(&self) -> &VIO {
        self.connection.vc.vio(self.op)
    }
}

fn operation(handle: Handle) -> Operation {
    let op = match handle.kind() {
        Some(Kind::ReadVio) => VioOp::Read,
        Some(Kind::WriteVio) => VioOp::Write,
        Some(other) => findings::end(format!("this is a {}; expected a TSVIO", other.name())),
        None if handle.is_null() => findings::end("the TSVIO is NULL".to_owned()),
        None => findings::end("this is no handle; expected a TSVIO".to_owned()),
    };
    match find::<Connection>(handle.as_kind(Kind::Connection)) {
        Ok(connection) => Operation { connection, op },
        Err(refusal) => findings::end(format!("the TSVIO ended with its connection: {refusal}")),
    }
}

/// Runs `f` with the proof that the operation's mutex is held; `None` for an operation that has never
/// been issued, and so has no mutex.
fn under_its_mutex<R>(
    handle: Handle,
    f: impl FnOnce(&Operation, &eventsys::Guard<'_>) -> R,
) -> Option<R> {
    let operation = operation(handle);
    locks::with_current(|current| {
        let ours = current.filter(|mutex| operation.vio().is_bound_to(mutex));
        if let Some(guard) = ours.and_then(|mutex| mutex.reenter()) {
            return Some(f(&operation, &guard));
        }
        let mutex: Arc<ProxyMutex> = operation.vio().mutex()?;
        let guard = locks::proof(&mutex, "the TSVIO");
        Some(f(&operation, &guard))
    })
}

/// `TSVIOReenable`.
pub(crate) fn reenable(handle: Handle) {
    let reenable = |operation: &Operation, guard: &eventsys::Guard<'_>| {
        VioHandle::new(operation.connection.vc.clone(), operation.op).reenable(guard);
    };
    if under_its_mutex(handle, reenable).is_none() {
        findings::note("the TSVIO has no operation");
    }
}

/// `TSVIONBytesGet`, `TSVIONDoneGet` and `TSVIONTodoGet`.
pub(crate) fn number(handle: Handle, of: impl FnOnce(&VIO) -> i64) -> i64 {
    of(operation(handle).vio())
}

/// `TSVIONBytesSet`.
pub(crate) fn set_nbytes(handle: Handle, nbytes: i64) {
    check_nbytes(nbytes);
    if under_its_mutex(handle, |one, guard| one.vio().set_nbytes(guard, nbytes)).is_none() {
        findings::note("the TSVIO has no operation");
    }
}

/// `TSVIONDoneSet`.
pub(crate) fn set_ndone(handle: Handle, ndone: i64) {
    check_nbytes(ndone);
    if under_its_mutex(handle, |one, guard| one.vio().set_ndone(guard, ndone)).is_none() {
        findings::note("the TSVIO has no operation");
    }
}

/// `TSVIOVConnGet`.
pub(crate) fn connection_of(handle: Handle) -> Handle {
    let _ = operation(handle);
    handle.as_kind(Kind::Connection)
}

/// `TSVIOContGet`.
pub(crate) fn continuation_of(handle: Handle) -> Handle {
    let of = |one: &Operation, guard: &eventsys::Guard<'_>| {
        one.vio().with_continuation(guard, |cont| cont.map(continuation::handle_of))
    };
    under_its_mutex(handle, of).flatten().unwrap_or(Handle::NULL)
}

/// `TSVIOMutexGet`.
pub(crate) fn mutex_of(handle: Handle) -> Handle {
    let mutex = operation(handle).vio().mutex();
    mutex.map_or(Handle::NULL, locks::handle_of)
}

/// `TSVIOBufferGet`.
pub(crate) fn buffer_of(handle: Handle) -> Handle {
    let bound = under_its_mutex(handle, |one, guard| one.vio().writer(guard)).flatten();
    bound.map_or(Handle::NULL, |bound| buffer::handle_of(&bound))
}

/// `TSVIOReaderGet`.
pub(crate) fn reader_of(handle: Handle) -> Handle {
    let reader = under_its_mutex(handle, |one, guard| one.vio().reader(guard)).flatten();
    reader.map_or(Handle::NULL, |reader| buffer::handle_of_reader(&reader))
}

#[cfg(test)]
mod tests {
    use eventsys::{Clock, EventProcessor, FreeContinuation, Outcome};
    use pluginvc::PluginVCCore;

    use super::*;

    /// A client that reads slowly keeps its transaction, while the connection to the origin server
    /// serves the next one already.
    #[test]
    fn a_connection_that_two_transactions_lend_ends_with_the_second() {
        const WHY: &str = "its transaction has ended";
        let processor = EventProcessor::new(Clock::new_virtual());
        let thread = processor.adopt_current_thread("ET_NET");
        let core = PluginVCCore::alloc(&processor, FreeContinuation::new(|_, _, _| Outcome::Done));
        let vc: NetVcRef = core.active_vc().expect("not freed");
        let (mut slow, mut next) = (Vec::new(), Vec::new());
        let handle = lend(&vc, &mut slow);
        assert_eq!(lend(&vc, &mut slow), handle, "asked for again");
        assert_eq!(lend(&vc, &mut next), handle);
        assert_eq!((slow.len(), next.len()), (1, 1));
        let is_alive = || table().get::<Connection>(handle).is_ok();
        give_back(handle, WHY);
        assert!(is_alive(), "the next transaction has it");
        assert_eq!(handle_of_vio(vc.vio(VioOp::Write)), handle.as_kind(Kind::WriteVio));
        give_back(handle, WHY);
        assert!(!is_alive());
        assert_eq!(handle_of_vio(vc.vio(VioOp::Write)), Handle::NULL);
        assert_ne!(lend(&vc, &mut Vec::new()), handle, "another one for a later transaction");
        drop(vc);
        core.kill_no_connect();
        thread.run_until_idle();
    }
}
