//! Hooks of transactions and sessions, and the hooks of the process's life.

use std::ffi::c_int;

use eventsys::sync::Mutex;
use eventsys::{ContRef, Data, EventCode, call};
use httpsm::hooks::HttpHook;

use super::continuation::PluginCont;
use super::transaction;
use super::{Handle, calls, findings, host, names, want};

/// The hook with this number of `TSHttpHookID`, if the port has it.
fn hook(id: c_int) -> Option<HttpHook> {
    Some(match id {
        0 => HttpHook::ReadRequestHdr,
        1 => HttpHook::OsDns,
        2 => HttpHook::SendRequestHdr,
        4 => HttpHook::ReadResponseHdr,
        5 => HttpHook::SendResponseHdr,
        9 => HttpHook::TxnStart,
        10 => HttpHook::TxnClose,
        11 => HttpHook::SsnStart,
        12 => HttpHook::SsnClose,
        13 => HttpHook::CacheLookupComplete,
        14 => HttpHook::PreRemap,
        15 => HttpHook::PostRemap,
        _ => return None,
    })
}

/// As [`hook`]; a plugin that asks for another one is never called there.
fn hook_or_note(id: c_int) -> Option<HttpHook> {
    let found = hook(id);
    if found.is_none() {
        match names::hook(id).filter(|_| id != names::LAST_HOOK) {
            Some(name) => calls::note_left_out(name.to_str().unwrap_or_default()),
            None => findings::note(format!("there is no hook with the number {id}")),
        }
    }
    found
}

/// `TSHttpHookAdd`.
pub(crate) fn add(id: c_int, cont: Handle) {
    let cont = want::<PluginCont>(cont).kept();
    if let Some(hook) = hook_or_note(id) {
        host().proxy.hooks().add(hook, cont);
    }
}

/// `TSHttpTxnHookAdd`.
pub(crate) fn add_to_transaction(txn: Handle, id: c_int, cont: Handle) {
    let transaction = transaction::alive(txn);
    let cont = want::<PluginCont>(cont).kept();
    if let Some(hook) = hook_or_note(id) {
        transaction.txn.add_hook(hook, cont);
    }
}

/// `TSHttpSsnHookAdd`.
pub(crate) fn add_to_session(ssn: Handle, id: c_int, cont: Handle) {
    let session = want::<transaction::Session>(ssn);
    let cont = want::<PluginCont>(cont).kept();
    if let Some(hook) = hook_or_note(id) {
        session.ssn().add_hook(hook, cont);
    }
}

/// The continuations that wait for something in the process's life, by the number of
/// `TSLifecycleHookID`.
static LIFECYCLE: Mutex<Vec<(c_int, ContRef)>> = Mutex::new(Vec::new());

/// `TSLifecycleHookAdd`.
pub(crate) fn add_to_lifecycle(id: c_int, cont: Handle) {
    let cont = want::<PluginCont>(cont).kept();
    LIFECYCLE.lock().push((id, cont));
}

/// Tells the plugins that the ports are initialised and ready: `TS_LIFECYCLE_PORTS_INITIALIZED_HOOK`
/// and `TS_LIFECYCLE_PORTS_READY_HOOK`. Call it when all plugins are loaded, on the thread that has
/// loaded them. The other hooks of the process's life never come: there is no cache, no TLS, and no
/// `traffic_ctl` that sends messages.
pub fn ports_are_ready() {
    /// `TS_EVENT_LIFECYCLE_PORTS_INITIALIZED`.
    const FIRST: c_int = 60100;
    for id in 0..2 {
        let these: Vec<ContRef> = {
            let all = LIFECYCLE.lock();
            all.iter().filter(|(other, _)| *other == id).map(|(_, cont)| cont.clone()).collect()
        };
        for cont in these {
            let mutex = cont.base().mutex().cloned();
            let guard = mutex.as_ref().map(|mutex| mutex.lock());
            call(&cont, guard.as_ref(), EventCode(FIRST + id), Data::None);
        }
    }
}
