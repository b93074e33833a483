//! `TSCont`: a continuation whose handler is a function of a plugin.
//!
//! Mirrors `INKContInternal` of `include/ts/InkAPIPrivateIOCore.h` and `InkAPI.cc` (9.2.9); what it
//! counts, and when it is freed, is in `counts`.

use std::any::Any;
use std::ffi::c_int;
use std::sync::Arc;

use eventsys::sync::atomic::{AtomicUsize, Ordering};
use eventsys::{
    ContRef, Continuation, ContinuationBase, Data, EThread, EventCode, Invocation, Outcome,
    ProxyMutex, call,
};
use httpsm::hooks::HttpHook;
use httpsm::{FetchSM, FetchedHead, HttpData};
use iocore::IoData;

use super::counts::Counts;
use super::{
    Handle, Kind, action, calls, connection, fetch, findings, locks, table, take_out, transaction,
    want,
};
use crate::abi::callbacks::EventFunction;
use crate::abi::place_of;

/// A plugin's continuation.
pub(crate) struct PluginCont {
    base: ContinuationBase,
    handle: Handle,
    function: EventFunction,
    data: AtomicUsize,
    counts: Counts,
    /// `plugin.so:+offset` of the handler.
    place: &'static str,
}

impl Drop for PluginCont {
    fn drop(&mut self) {
        self.base.mutex().into_iter().for_each(locks::continuation_ends);
    }
}

impl Continuation for PluginCont {
    fn base(&self) -> &ContinuationBase {
        &self.base
    }

    fn handle_event(&self, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        let delivered = if let Data::Event(event) = data { Some(event) } else { None };
        // A periodic event goes on until it is cancelled.
        let is_over = || delivered.filter(|event| !event.is_live() || event.period() == 0);
        if self.counts.is_freed() {
            self.ends(
                event,
                "the real server asserts: \"Plugin tries to use a continuation which is deleted\"",
            );
        }
        if event == HttpHook::TxnClose.event() && data.txn().is_some() {
            // Mirrors `APIHook::invoke`.
            self.counts.increment();
        }
        self.counts.handle_event_count(event);
        if self.counts.is_deleted() {
            if !self.counts.free_if_deletable() && self.counts.is_below_zero() {
                calls::inside_handler(self.place, event.0, || {
                    findings::note(
                        "the TSCont is never freed: its event was cancelled in its own callback, \
                         and so counted twice",
                    );
                });
            }
            is_over().into_iter().for_each(action::is_over);
            return Outcome::Done;
        }
        let fetch = match data {
            Data::Object(object) => object.downcast_ref::<FetchSM>(),
            _ => None,
        };
        let data = self.data_of(call.this(), data);
        calls::count_callback();
        calls::inside_handler(self.place, event.0, || {
            transaction::callback_begins();
            locks::under(self.base.mutex(), || self.function.call(self.handle, event.0, data));
            fetch.into_iter().for_each(fetch::callback_has_returned);
        });
        let goes_on = delivered.is_some_and(|event| event.period() != 0);
        if goes_on && event == EventCode::EVENT_INTERVAL && self.counts.increment() < 0 {
            self.ends(
                event,
                "its event is cancelled in its own callback, and it is not destroyed: the real server \
                 asserts that the event count is not below 0",
            );
        }
        is_over().into_iter().for_each(action::is_over);
        Outcome::Done
    }
}

impl PluginCont {
    /// Ends the run where the real server does.
    fn ends(&self, event: EventCode, why: &str) -> ! {
        let sentence = format!("the TSCont cannot go on: {why}");
        calls::inside_handler(self.place, event.0, || findings::end(sentence))
    }

    /// Its event count.
    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// What the handler gets as `edata`.
    fn data_of(&self, this: &ContRef, data: Data<'_>) -> usize {
        match data {
            Data::None => 0,
            Data::Event(event) => action::handle_of(event, this).as_kind(Kind::Event).as_data(),
            Data::Cookie(cookie) => cookie.downcast_ref::<usize>().copied().unwrap_or(0),
            Data::Object(object) => {
                if let Some(vio) = data.vio() {
                    connection::handle_of_vio(vio).as_data()
                } else if let Some(vc) = data.net_vc() {
                    connection::handle_of(vc).as_data()
                } else if let Some(txn) = data.txn() {
                    transaction::handle_of(txn).as_data()
                } else if let Some(ssn) = data.ssn() {
                    transaction::handle_of_session(ssn).as_data()
                } else if let Some(fetch) = object.downcast_ref::<FetchSM>() {
                    fetch::handle_of(fetch).as_data()
                } else if let Some(head) = object.downcast_ref::<FetchedHead>() {
                    fetch::handle_of_head(head).as_data()
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
    let place = place_of(function.address());
    let make = |handle| PluginCont {
        base,
        handle,
        function,
        data: AtomicUsize::new(0),
        counts: Counts::default(),
        place,
    };
    table().insert_made(make)
}

/// `TSContDestroy`. Mirrors `INKContInternal::destroy`.
pub(crate) fn destroy(cont: Handle) {
    let object = take_out::<PluginCont>(cont, "TSContDestroy was called");
    if !object.counts.delete() {
        object.counts.increment();
        if let Some(thread) = EThread::current() {
            thread.schedule_imm(object as ContRef);
        }
    }
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
    call(&(cont.kept() as ContRef), guard.as_ref(), EventCode(event), Data::Cookie(&data)) as c_int
}

/// The handle of a continuation, if it is a plugin's.
pub(crate) fn handle_of(cont: &ContRef) -> Handle {
    let any: &dyn Any = &**cont;
    any.downcast_ref::<PluginCont>().map_or(Handle::NULL, |cont| cont.handle)
}
