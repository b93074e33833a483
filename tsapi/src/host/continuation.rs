//! `TSCont`: a continuation whose handler is a function of a plugin.
//!
//! Mirrors `INKContInternal` of `proxy/InkAPIInternal.h` and `InkAPI.cc` (9.2.9): after
//! `TSContDestroy` an event that is still due is dropped, and the handler is not called.

use std::any::Any;
use std::ffi::c_int;
use std::sync::Arc;

use eventsys::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use eventsys::{
    ContRef, Continuation, ContinuationBase, Data, EventCode, Invocation, Outcome, ProxyMutex, call,
};
use httpsm::HttpData;
use iocore::IoData;

use super::{
    Handle, Kind, Object, action, calls, connection, findings, locks, table, transaction, want,
};
use crate::abi::callbacks::EventFunction;
use crate::abi::place_of;

/// A plugin's continuation.
pub(crate) struct PluginCont {
    base: ContinuationBase,
    handle: Handle,
    function: EventFunction,
    data: AtomicUsize,
    destroyed: AtomicBool,
    /// `plugin.so:+offset` of the handler.
    place: Arc<str>,
}

impl Object for PluginCont {
    const KIND: Kind = Kind::Continuation;
}

static CALLBACKS: AtomicU64 = AtomicU64::new(0);

/// How often a handler of a plugin was called.
pub(crate) fn callbacks() -> u64 {
    CALLBACKS.load(Ordering::Relaxed)
}

impl Continuation for PluginCont {
    fn base(&self) -> &ContinuationBase {
        &self.base
    }

    fn handle_event(&self, _: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        if self.destroyed.load(Ordering::Acquire) {
            if let Data::Event(event) = data {
                action::is_over(event);
            }
            return Outcome::Done;
        }
        let delivered = if let Data::Event(event) = data { Some(event) } else { None };
        let data = self.data_of(data);
        CALLBACKS.fetch_add(1, Ordering::Relaxed);
        calls::inside_shared(&self.place, event.0, || {
            transaction::callback_begins();
            self.function.call(self.handle, event.0, data);
        });
        // A periodic event goes on until it is cancelled.
        if let Some(event) = delivered.filter(|event| !event.is_live() || event.period() == 0) {
            action::is_over(event);
        }
        Outcome::Done
    }
}

impl PluginCont {
    /// What the handler gets as `edata`.
    fn data_of(&self, data: Data<'_>) -> usize {
        match data {
            Data::None => 0,
            Data::Event(event) => action::handle_of(event).as_data(),
            Data::Cookie(cookie) => cookie.downcast_ref::<usize>().copied().unwrap_or(0),
            Data::Object(_) => {
                if let Some(vio) = data.vio() {
                    connection::handle_of_vio(vio).as_data()
                } else if let Some(vc) = data.net_vc() {
                    connection::handle_of(vc).as_data()
                } else if let Some(txn) = data.txn() {
                    transaction::handle_of(txn).as_data()
                } else if let Some(ssn) = data.ssn() {
                    transaction::handle_of_session(ssn).as_data()
                } else {
                    0
                }
            }
        }
    }

    /// The mutex, for the functions that take it themselves (`FORCE_PLUGIN_SCOPED_MUTEX`).
    pub(crate) fn mutex(&self) -> &Arc<ProxyMutex> {
        match self.base.mutex() {
            Some(mutex) => mutex,
            None => findings::end("the continuation has no mutex".to_owned()),
        }
    }
}

/// `TSContCreate`.
pub(crate) fn create(function: EventFunction, mutex: Handle) -> Handle {
    let base = match locks::of_argument(mutex) {
        Some(mutex) => ContinuationBase::new(mutex),
        None => ContinuationBase::without_mutex(),
    };
    let place = Arc::from(place_of(function.address()));
    let make = |handle| PluginCont {
        base,
        handle,
        function,
        data: AtomicUsize::new(0),
        destroyed: AtomicBool::new(false),
        place,
    };
    table().insert_with(make).0
}

/// `TSContDestroy`.
pub(crate) fn destroy(cont: Handle) {
    want::<PluginCont>(cont).destroyed.store(true, Ordering::Release);
    let _ = table().take::<PluginCont>(cont, "TSContDestroy was called");
}

/// `TSContDataSet`.
pub(crate) fn set_data(cont: Handle, data: usize) {
    want::<PluginCont>(cont).data.store(data, Ordering::Relaxed);
}

/// `TSContDataGet`.
pub(crate) fn data(cont: Handle) -> usize {
    want::<PluginCont>(cont).data.load(Ordering::Relaxed)
}

/// `TSContMutexGet`. A `TSHttpTxn` is a `TSCont`, too: some plugins ask for its mutex.
pub(crate) fn mutex_of(cont: Handle) -> Handle {
    let mutex = match cont.kind() {
        Some(Kind::Transaction) => Some(transaction::mutex_of(cont)),
        _ => want::<PluginCont>(cont).base.mutex().cloned(),
    };
    mutex.map_or(Handle::NULL, locks::handle_of)
}

/// `TSContCall`.
pub(crate) fn call_now(cont: Handle, event: c_int, data: usize) -> c_int {
    let cont = want::<PluginCont>(cont);
    let mutex = cont.base.mutex().cloned();
    let guard = match &mutex {
        None => None,
        Some(mutex) => match mutex.try_lock() {
            Some(guard) => Some(guard),
            // The original asserts that the try-lock succeeds.
            None => findings::end("another thread holds the continuation's mutex".to_owned()),
        },
    };
    call(&(cont as ContRef), guard.as_ref(), EventCode(event), Data::Cookie(&data)) as c_int
}

/// The handle of a continuation, if it is a plugin's.
pub(crate) fn handle_of(cont: &ContRef) -> Handle {
    let any: &dyn Any = &**cont;
    any.downcast_ref::<PluginCont>().map_or(Handle::NULL, |cont| cont.handle)
}
