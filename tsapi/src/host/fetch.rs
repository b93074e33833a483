//! `TSFetchSM`: the requests of `TSFetchUrl` and `TSFetchCreate`.
//!
//! A fetch frees itself behind its last event, or after `TSFetchDestroy`; a later use of its handle
//! ends the run. The real server uses freed memory then.

use std::collections::BTreeMap;
use std::ffi::c_int;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;

use eventsys::sync::Mutex;
use eventsys::sync::atomic::{AtomicUsize, Ordering};
use eventsys::{ContRef, EventCode};
use httpsm::{FetchEvents, FetchFlags, FetchLine, FetchSM, FetchWakeUp, FetchedHead};

use super::continuation::PluginCont;
use super::head::{Head, MBuffer};
use super::{Found, Handle, Kind, findings, host, remove_if, table, want};

/// A fetch that a plugin knows.
pub(crate) struct Fetch {
    fetch: FetchSM,
    user_data: AtomicUsize,
    /// What `TSFetchRespGet` has lent: the text and a NUL. The plugin may write there.
    text: Mutex<Option<Arc<[AtomicU8]>>>,
    head: Mutex<Option<(Handle, Handle)>>,
}

/// The handles of fetches, by their numbers.
static KNOWN: Mutex<BTreeMap<u64, Handle>> = Mutex::new(BTreeMap::new());

const OVER: &str = "it ended with its last event";

/// The handle of a fetch, the same each time.
pub(crate) fn handle_of(fetch: &FetchSM) -> Handle {
    if let Some(handle) = KNOWN.lock().get(&fetch.id()) {
        return *handle;
    }
    forget_those_that_are_over();
    let handle = table().insert(Fetch {
        fetch: fetch.clone(),
        user_data: AtomicUsize::new(0),
        text: Mutex::default(),
        head: Mutex::default(),
    });
    KNOWN.lock().insert(fetch.id(), handle);
    handle
}

/// What the event that brings a head has as its data.
pub(crate) fn handle_of_head(head: &FetchedHead) -> Handle {
    handle_of(&head.0).as_kind(Kind::FetchedHead)
}

/// Frees what was kept for fetches that are over.
pub(crate) fn forget_those_that_are_over() {
    for handle in remove_if(&KNOWN, |one: &Fetch| one.fetch.is_over()) {
        let Ok(fetch) = table().take::<Fetch>(handle, OVER) else { continue };
        if let Some((mbuffer, head)) = fetch.head.lock().take() {
            let _ = table().take::<Head>(head, "its fetch has ended");
            let _ = table().take::<MBuffer>(mbuffer, "its fetch has ended");
        }
    }
}

/// A fetch that is not over.
fn alive(handle: Handle) -> Found<Fetch> {
    let fetch = want::<Fetch>(handle);
    if fetch.fetch.is_over() {
        findings::end(format!("the TSFetchSM is not alive any more: {OVER}"));
    }
    fetch
}

/// As [`alive`], for a function that uses what the mutex of the continuation protects.
fn held(handle: Handle) -> Found<Fetch> {
    let fetch = alive(handle);
    if !fetch.fetch.has_own_mutex() && !fetch.fetch.mutex().is_held() {
        findings::note("called without the mutex of the TSFetchSM's continuation");
    }
    fetch
}

/// A client's address: the original takes any, and asserts later that it has a port.
fn address(address: Option<SocketAddr>) -> SocketAddr {
    address.unwrap_or_else(|| {
        findings::end("the address is neither IPv4 nor IPv6: `ats_is_ip(options->addr)`".to_owned())
    })
}

fn with_port(address: SocketAddr) -> SocketAddr {
    if address.port() == 0 {
        let why = "the address has the port 0: `ats_ip_port_cast(options->addr)`";
        findings::end(why.to_owned());
    }
    address
}

/// A callback for this fetch has returned. Ends the run where the real server crashes next.
pub(crate) fn callback_has_returned(fetch: &FetchSM) {
    if fetch.is_lost() {
        findings::end(
            "the answer is chunked, and TS_FETCH_FLAGS_DECHUNK is not set: the real server \
             dereferences a null pointer (#12707)"
                .to_owned(),
        );
    }
}

/// `TSFetchUrl`. `wake_up` is a `TSFetchWakeUpOptions`; `events` are success, failure, timeout.
pub(crate) fn fetch_url(
    request: &[u8],
    addr: Option<SocketAddr>,
    cont: Handle,
    wake_up: c_int,
    events: [c_int; 3],
) -> Handle {
    let wake_up = match wake_up {
        1 => FetchWakeUp::AfterHeader,
        2 => FetchWakeUp::AfterBody,
        _ => FetchWakeUp::NoCallback,
    };
    let cont: Option<ContRef> = match cont.is_null() && wake_up == FetchWakeUp::NoCallback {
        true => None,
        false => Some(with_mutex(cont)),
    };
    let addr = with_port(address(addr));
    let [success, failure, timeout] = events.map(EventCode);
    let events = FetchEvents { success, failure, timeout };
    handle_of(&FetchSM::fetch_url(&host().proxy, addr, request, cont, wake_up, events))
}

/// Without a mutex the real server crashes at the first event.
fn with_mutex(cont: Handle) -> Arc<PluginCont> {
    let cont = want::<PluginCont>(cont);
    let _ = cont.mutex();
    cont.kept()
}

/// The numbers of `TSFetchFlags`.
fn flags(bits: c_int) -> FetchFlags {
    FetchFlags {
        stream: bits & 1 << 1 != 0,
        dechunk: bits & 1 << 2 != 0,
        new_lock: bits & 1 << 3 != 0,
        not_internal_request: bits & 1 << 4 != 0,
    }
}

/// `TSFetchCreate`.
pub(crate) fn create(
    cont: Handle,
    line: FetchLine<'_>,
    addr: Option<SocketAddr>,
    bits: c_int,
) -> Handle {
    let cont = with_mutex(cont);
    let addr = address(addr);
    handle_of(&FetchSM::create(&host().proxy, cont, line, addr, flags(bits)))
}

/// `TSFetchHeaderAdd`.
pub(crate) fn header_add(fetch: Handle, name: &[u8], value: &[u8]) {
    alive(fetch).fetch.header_add(name, value);
}

/// `TSFetchLaunch`.
pub(crate) fn launch(fetch: Handle) {
    let fetch = alive(fetch);
    let _ = with_port(fetch.fetch.client_addr());
    if fetch.fetch.is_launched() {
        findings::note("the TSFetchSM is launched already");
        return;
    }
    fetch.fetch.launch();
}

/// `TSFetchWriteData`.
pub(crate) fn write_data(fetch: Handle, data: &[u8]) {
    let fetch = held(fetch);
    if !fetch.fetch.is_launched() {
        findings::end("called before TSFetchLaunch: there is no TSVIO yet".to_owned());
    }
    fetch.fetch.write_data(data);
}

/// `TSFetchReadData`.
pub(crate) fn read_data(fetch: Handle, into: &mut [u8]) -> i64 {
    let fetch = held(fetch);
    i64::try_from(fetch.fetch.read_data(into)).unwrap_or(i64::MAX)
}

/// `TSFetchDestroy`.
pub(crate) fn destroy(fetch: Handle) {
    let object = alive(fetch);
    object.fetch.destroy();
    KNOWN.lock().remove(&object.fetch.id());
    let _ = table().take::<Fetch>(fetch, "TSFetchDestroy was called");
    if let Some((mbuffer, head)) = object.head.lock().take() {
        let _ = table().take::<Head>(head, "TSFetchDestroy was called");
        let _ = table().take::<MBuffer>(mbuffer, "TSFetchDestroy was called");
    }
}

/// `TSFetchFlagSet`.
pub(crate) fn set_flags(fetch: Handle, bits: c_int) {
    alive(fetch).fetch.set_flags(flags(bits));
}

/// `TSFetchUserDataSet`.
pub(crate) fn set_user_data(fetch: Handle, data: usize) {
    alive(fetch).user_data.store(data, Ordering::Relaxed);
}

/// `TSFetchUserDataGet`.
pub(crate) fn user_data(fetch: Handle) -> usize {
    alive(fetch).user_data.load(Ordering::Relaxed)
}

/// `TSFetchRespGet`: the text of the answer with a NUL behind it, as long as the fetch lives; none if
/// no byte has come. The original passes a `TSFetchSM` as a `TSHttpTxn` here.
pub(crate) fn response_text(fetch: Handle) -> Option<Arc<[AtomicU8]>> {
    let fetch = alive(fetch);
    let text = fetch.fetch.response_text();
    let lost = fetch.fetch.lost_of_head();
    if lost > 0 {
        findings::note(format!(
            "{lost} bytes of the answer's head lie behind its first block: the real server returns \
             what is in memory there, and crashes if the head is long"
        ));
    }
    let lend = || text.iter().copied().chain([0]).map(AtomicU8::new).collect();
    (!text.is_empty()).then(|| fetch.text.lock().get_or_insert_with(lend).clone())
}

/// `TSFetchPageRespGet`: of the event that brings the head.
pub(crate) fn page_response(head: Handle) -> Option<(Handle, Handle)> {
    match head.kind() {
        Some(Kind::FetchedHead) => Some(response_head(head.as_kind(Kind::Fetch))),
        Some(Kind::Fetch) => findings::end(
            "this is a TSFetchSM; the head comes with the event of AFTER_HEADER alone".to_owned(),
        ),
        _ => {
            let _ = want::<Fetch>(head);
            None
        }
    }
}

/// `TSFetchRespHdrMBufGet` and `TSFetchRespHdrMLocGet`: the buffer and the head, the same each time.
pub(crate) fn response_head(fetch: Handle) -> (Handle, Handle) {
    let fetch = alive(fetch);
    let make = || {
        let (mbuffer, object) = table().insert_with(|_| MBuffer::default());
        (mbuffer, table().insert(Head::fetched(fetch.fetch.clone(), object)))
    };
    *fetch.head.lock().get_or_insert_with(make)
}
