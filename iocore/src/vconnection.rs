//! [`VConnection`]: an object that carries operations out.
//!
//! Mirrors `VConnection` of `iocore/eventsystem/I_VConnection.h` (9.1.3).
//!
//! # Contract
//! - A state machine issues operations with `do_io_read` and `do_io_write`, each
//!   with the guard of its own mutex, and is called back under that mutex with
//!   the [`VIO`] as data.
//! - `do_io_*` and `reenable` never call back before they return; `reenable_re`
//!   may.
//! - After `do_io_shutdown` no event comes for that direction any more, after
//!   `do_io_close` none at all. Both are called under the state machine's mutex;
//!   that is a rule for users and not checked, because real plugins break it and
//!   the port must be able to show what follows.
//! - A connection must be closed. A connection that is not closed and its state machine keep each
//!   other alive for ever.

use std::any::Any;
use std::sync::Arc;

use eventsys::{ContRef, Continuation, Data, EventCode, Guard};

use crate::bound::{BoundBuffer, IOBufferReader};
use crate::net_vconnection::NetVcRef;
use crate::vio::{VIO, VioHandle, VioOp};

/// Which directions `do_io_shutdown` ends. Mirrors `ShutdownHowTo_t`.
///
/// The example of [`VConnection`] gives one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ShutdownHowTo {
    /// No further read events.
    Read,
    /// No further write events.
    Write,
    /// Neither.
    ReadWrite,
}

/// The kinds of data of [`VConnection::get_data`] and [`VConnection::set_data`]. Mirrors
/// `TSApiDataType` and the values that PluginVC adds to it.
///
/// ```
/// use iocore::{ApiData, DataId};
/// use std::sync::Arc;
/// use testkit::prelude::*;
///
/// let lab = Lab::new();
/// let (a, p) = lab.agents();
/// lab.pair(&a, &p);
/// let name: Arc<&str> = Arc::new("the client");
/// a.with(|me| assert!(me.vc().set_data(DataId::PluginVcLocal, Some(name))));
/// let Some(ApiData::User(Some(data))) = p.with(|me| me.vc().get_data(DataId::PluginVcRemote))
/// else {
///     panic!("a pair knows it")
/// };
/// assert_eq!(data.downcast_ref(), Some(&"the client"));
/// # a.close();
/// # p.close();
/// # lab.settle();
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DataId {
    /// `TS_API_DATA_READ_VIO`.
    ReadVio,
    /// `TS_API_DATA_WRITE_VIO`.
    WriteVio,
    /// `TS_API_DATA_OUTPUT_VC`.
    OutputVc,
    /// `TS_API_DATA_CLOSED`: whether the connection is closed.
    Closed,
    /// `PLUGIN_VC_DATA_LOCAL`: this end's user data.
    PluginVcLocal,
    /// `PLUGIN_VC_DATA_REMOTE`: the other end's user data.
    PluginVcRemote,
}

/// A user's own data, or none.
///
/// The example of [`DataId`] stores one.
pub type UserData = Option<Arc<dyn Any + Send + Sync>>;

/// The result of [`VConnection::get_data`].
///
/// The example of [`DataId`] gets one.
#[derive(Clone)]
pub enum ApiData {
    /// For [`DataId::Closed`].
    Closed(bool),
    /// For the user's own data.
    User(UserData),
}

/// An object that carries read and write operations out.
///
/// # Contract
///
/// 1. `do_io_read` and `do_io_write` issue an operation; issuing again replaces it. The caller
///    holds the mutex of the continuation that will be called back. They never call back.
/// 2. The connection calls back with the mutex of the VIO held. In a callback the user moves
///    bytes, and then calls `reenable` on the VIO if it wants to go on.
/// 3. `do_io_shutdown` ends a direction, `do_io_close` ends the connection. A connection is
///    closed once; no method of it is called afterwards.
///
/// ```
/// use testkit::prelude::*;
///
/// let lab = Lab::new();
/// let (a, p) = lab.agents();
/// p.on(ACCEPT, |me| me.read(5)); // do_io_read
/// p.on(READ_COMPLETE, |me| {
///     me.take();
///     me.vc().do_io_shutdown(ShutdownHowTo::Read);
///     me.close(); // do_io_close
/// });
/// a.on(WRITE_COMPLETE, |me| me.close());
/// let core = lab.pair(&a, &p);
/// a.with(|me| me.write_now(b"hello")); // do_io_write
/// lab.settle();
/// lab.expect_nothing_left(core);
/// ```
pub trait VConnection: Continuation {
    /// Reads `nbytes` bytes (`i64::MAX` if not known) into `buf` and calls `cont`
    /// back. A read that was under way is replaced. `guard` is of `cont`'s mutex,
    /// or, without a continuation, of the connection's own.
    ///
    /// # Panics
    /// If `guard` or the buffer is of another mutex; if the VIO is bound to
    /// another mutex that the thread does not hold.
    #[doc(alias = "TSVConnRead")]
    fn do_io_read(
        &self,
        guard: &Guard<'_>,
        cont: Option<ContRef>,
        nbytes: i64,
        buf: Option<&BoundBuffer>,
    ) -> VioHandle;

    /// Writes `nbytes` bytes (`i64::MAX` if not known) from `reader` and calls
    /// `cont` back. A write that was under way is replaced. `guard` as for
    /// [`VConnection::do_io_read`].
    ///
    /// # Panics
    /// As [`VConnection::do_io_read`].
    #[doc(alias = "TSVConnWrite")]
    fn do_io_write(
        &self,
        guard: &Guard<'_>,
        cont: Option<ContRef>,
        nbytes: i64,
        reader: Option<&IOBufferReader>,
    ) -> VioHandle;

    /// The connection is needed no longer. With an error number, which only real
    /// sockets look at, it is aborted.
    #[doc(alias = "TSVConnClose")]
    fn do_io_close(&self, lerrno: Option<i32>);

    /// Ends one or both directions. The connection must still be closed.
    #[doc(alias = "TSVConnShutdown")]
    fn do_io_shutdown(&self, howto: ShutdownHowTo);

    /// The VIO that does `op`.
    ///
    /// # Panics
    /// If `op` is [`VioOp::None`].
    fn vio(&self, op: VioOp) -> &VIO;

    /// Goes on with an operation, on another stack; users call
    /// [`VioHandle::reenable`].
    ///
    /// # Panics
    /// If `guard` is not of the VIO's mutex.
    fn reenable(&self, guard: &Guard<'_>, op: VioOp);

    /// Goes on with an operation and may call back at once; users call
    /// [`VioHandle::reenable_re`].
    ///
    /// # Panics
    /// If `guard` is not of the VIO's mutex.
    fn reenable_re(&self, guard: &Guard<'_>, op: VioOp) {
        self.reenable(guard, op);
    }

    /// What [`VioHandle::reenable`] does. Here, so that it is one call through the table of methods
    /// and not two; a connection does not replace it.
    ///
    /// # Panics
    /// As [`VConnection::reenable`].
    #[inline]
    fn reenable_if_issued(&self, guard: &Guard<'_>, op: VioOp) {
        if self.vio(op).enable() {
            self.reenable(guard, op);
        }
    }

    /// What [`VioHandle::reenable_re`] does, as [`VConnection::reenable_if_issued`].
    ///
    /// # Panics
    /// As [`VConnection::reenable_re`].
    #[inline]
    fn reenable_re_if_issued(&self, guard: &Guard<'_>, op: VioOp) {
        if self.vio(op).enable() {
            self.reenable_re(guard, op);
        }
    }

    /// The data under `id`; `None` if the connection has no such data.
    fn get_data(&self, id: DataId) -> Option<ApiData> {
        let _ = id;
        None
    }

    /// Stores a user's data under `id`. False if the connection does not know it.
    fn set_data(&self, id: DataId, data: UserData) -> bool {
        let _ = (id, data);
        false
    }

    /// The error number of the last error, 0 if there was none. Mirrors
    /// `VConnection::lerrno`.
    fn lerrno(&self) -> i32 {
        0
    }
}

/// Gives the data that comes with an event its type.
///
/// ```
/// use eventsys::{ContRef, EventCode, Outcome, ProxyMutex, StateMachine};
/// use iocore::{IoData, IoEvents, VConnection};
///
/// // Takes connections and closes them.
/// let acceptor: ContRef = StateMachine::new(ProxyMutex::new(), (), |(), _, event, data| {
///     if let (EventCode::NET_EVENT_ACCEPT, Some(vc)) = (event, data.net_vc()) {
///         vc.do_io_close(None);
///     }
///     Outcome::Done
/// });
/// ```
pub trait IoData<'a> {
    /// The VIO, if the event is about one.
    fn vio(&self) -> Option<&'a VIO>;

    /// The new connection, if the event brings one (`NET_EVENT_ACCEPT`,
    /// `NET_EVENT_OPEN`).
    fn net_vc(&self) -> Option<&'a NetVcRef>;

    /// The error number, below zero, if the event brings one
    /// (`NET_EVENT_OPEN_FAILED`, and `EVENT_ERROR` for an acceptor).
    fn net_error(&self) -> Option<i32>;
}

impl<'a> IoData<'a> for Data<'a> {
    #[inline]
    fn vio(&self) -> Option<&'a VIO> {
        match self {
            Data::Object(object) => object.downcast_ref(),
            _ => None,
        }
    }

    fn net_vc(&self) -> Option<&'a NetVcRef> {
        match self {
            Data::Object(object) => object.downcast_ref(),
            _ => None,
        }
    }

    fn net_error(&self) -> Option<i32> {
        match self {
            Data::Object(object) => object.downcast_ref().copied(),
            _ => None,
        }
    }
}

/// The original's name of an event that a virtual connection sends. Mirrors
/// `get_vc_event_name`.
#[must_use]
pub fn get_vc_event_name(event: EventCode) -> &'static str {
    match event {
        EventCode::EVENT_NONE => "VC_EVENT_NONE",
        EventCode::EVENT_IMMEDIATE => "VC_EVENT_IMMEDIATE",
        EventCode::VC_EVENT_ERROR => "VC_EVENT_ERROR",
        EventCode::VC_EVENT_READ_READY
        | EventCode::VC_EVENT_WRITE_READY
        | EventCode::VC_EVENT_READ_COMPLETE
        | EventCode::VC_EVENT_WRITE_COMPLETE
        | EventCode::VC_EVENT_EOS
        | EventCode::VC_EVENT_INACTIVITY_TIMEOUT
        | EventCode::VC_EVENT_ACTIVE_TIMEOUT => event.name().unwrap_or("unknown event"),
        _ => "unknown event",
    }
}
