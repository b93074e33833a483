//! `TSHttpTxn` and `TSHttpSsn`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::{CStr, c_int};
use std::net::SocketAddr;
use std::sync::Arc;

use eventsys::hrtime::mseconds;
use eventsys::sync::Mutex;
use eventsys::sync::atomic::{AtomicUsize, Ordering};
use eventsys::{EventCode, HrTime, ProxyMutex};
use httpsm::{CacheLookup, HttpSsn, HttpTxn, Milestone, TxnBytes, WeakHttpSsn, WeakHttpTxn};

use super::args::UserArgs;
use super::by_number::{ByNumber, by_number};
use super::config::Value;
use super::continuation::PluginCont;
use super::few::Few;
use super::head::{Head, MBuffer, Which};
use super::peers::{Connections, Lent};
use super::url::Url;
use super::{Found, Handle, calls, findings, host, remove_if, table, want};

/// A transaction that a plugin knows.
pub(crate) struct Transaction {
    txn: WeakHttpTxn,
    heads: Mutex<Few<(Which, Handle, Handle)>>,
    /// The client's URL before the rules, once a plugin has asked for it.
    pristine: Mutex<Handle>,
    /// The addresses that have been lent.
    addresses: Lent,
    connections: Connections,
    /// What `TSHttpTxnConfigIntSet` and its kin have set.
    settings: Mutex<Vec<(c_int, Value)>>,
    pub(crate) args: UserArgs,
}

/// A session that a plugin knows.
pub(crate) struct Session {
    ssn: WeakHttpSsn,
    pub(crate) args: UserArgs,
    pub(crate) addresses: Lent,
    pub(crate) connections: Connections,
}

/// The handles of transactions and sessions, by their numbers.
static TRANSACTIONS: Mutex<ByNumber<u64, Handle>> = Mutex::new(by_number());
static SESSIONS: Mutex<BTreeMap<u64, Handle>> = Mutex::new(BTreeMap::new());

thread_local! {
    /// The transactions that were reenabled in the callbacks that this thread is in.
    static REENABLED: RefCell<Vec<(Handle, usize)>> = const { RefCell::new(Vec::new()) };
}

/// The handle of a transaction, the same each time.
pub(crate) fn handle_of(txn: &HttpTxn) -> Handle {
    let id = txn.id();
    if let Some(handle) = TRANSACTIONS.lock().get(&id) {
        return *handle;
    }
    let object = Transaction {
        txn: txn.downgrade(),
        heads: Mutex::default(),
        pristine: Mutex::new(Handle::NULL),
        addresses: Lent::default(),
        connections: Connections::default(),
        settings: Mutex::default(),
        args: UserArgs::default(),
    };
    let handle = table().insert(object);
    TRANSACTIONS.lock().insert(id, handle);
    handle
}

/// The handle of a session, the same each time.
pub(crate) fn handle_of_session(ssn: &HttpSsn) -> Handle {
    if let Some(handle) = SESSIONS.lock().get(&ssn.id()) {
        return *handle;
    }
    forget_sessions_that_are_over_at_times();
    let mut known = SESSIONS.lock();
    *known.entry(ssn.id()).or_insert_with(|| table().insert(Session::new(ssn)))
}

/// A session has ended: its last hook has been given back.
fn forget_session(ssn: &HttpSsn, handle: Handle) {
    SESSIONS.lock().remove(&ssn.id());
    end_session(handle);
}

fn end_session(handle: Handle) {
    const WHY: &str = "it ended with TS_EVENT_HTTP_SSN_CLOSE";
    if let Ok(session) = table().take::<Session>(handle, WHY) {
        session.connections.end("its session has ended");
    }
}

/// Frees what was kept for sessions that no plugin has seen the end of. A later use of one of their
/// handles is recognised all the same.
pub(crate) fn forget_sessions_that_are_over() {
    remove_if(&SESSIONS, |one: &Session| one.ssn.upgrade().is_none())
        .into_iter()
        .for_each(end_session);
}

/// As [`forget_sessions_that_are_over`], when there are twice as many as the last time: so a look costs
/// each new session a bounded time.
fn forget_sessions_that_are_over_at_times() {
    static AT: AtomicUsize = AtomicUsize::new(32);
    if SESSIONS.lock().len() >= AT.load(Ordering::Relaxed) {
        forget_sessions_that_are_over();
        AT.store(2 * SESSIONS.lock().len() + 32, Ordering::Relaxed);
    }
}

/// The transaction with this number is over. A later use of its handle is recognised all the same.
pub(crate) fn forget(id: u64) {
    let known = TRANSACTIONS.lock().remove(&id);
    known.into_iter().for_each(end_transaction);
}

fn end_transaction(handle: Handle) {
    const WHY: &str = "it ended with TS_EVENT_HTTP_TXN_CLOSE";
    const WITH_IT: &str = "its transaction has ended";
    let Ok(transaction) = table().take::<Transaction>(handle, WHY) else { return };
    let pristine = *transaction.pristine.lock();
    if !pristine.is_null() {
        let _ = table().take::<Url>(pristine, WITH_IT);
    }
    transaction.connections.end(WITH_IT);
    for (_, mbuffer, head) in std::mem::take(&mut *transaction.heads.lock()) {
        if let Ok(head) = table().take::<Head>(head, WITH_IT) {
            let _ = table().take::<Url>(head.url.get(), WITH_IT);
        }
        let _ = table().take::<MBuffer>(mbuffer, WITH_IT);
    }
}

/// A transaction that is not over, and what is kept for it.
pub(crate) struct Alive {
    pub(crate) txn: HttpTxn,
    kept: Found<Transaction>,
}

/// The transaction behind a handle. Ends the run if it is over.
pub(crate) fn alive(handle: Handle) -> Alive {
    let kept = want::<Transaction>(handle);
    match kept.txn.upgrade() {
        Some(txn) => Alive { txn, kept },
        None => findings::end(
            "the TSHttpTxn is not alive any more: it ended with TS_EVENT_HTTP_TXN_CLOSE".to_owned(),
        ),
    }
}

impl Session {
    fn new(ssn: &HttpSsn) -> Session {
        Session {
            ssn: ssn.downgrade(),
            args: UserArgs::default(),
            addresses: Lent::default(),
            connections: Connections::default(),
        }
    }

    /// The session. Ends the run if it is over.
    pub(crate) fn ssn(&self) -> HttpSsn {
        self.ssn.upgrade().unwrap_or_else(|| {
            findings::end(
                "the TSHttpSsn is not alive any more: its connection has ended".to_owned(),
            )
        })
    }
}

impl Alive {
    /// The addresses that have been lent.
    pub(crate) fn addresses(&self) -> &Lent {
        &self.kept.addresses
    }

    /// The proxy's connections that a plugin has asked for.
    pub(crate) fn connections(&self) -> &Connections {
        &self.kept.connections
    }

    /// Keeps what a plugin has set.
    pub(crate) fn keep_setting(&self, key: c_int, value: Value) {
        let mut settings = self.kept.settings.lock();
        match settings.iter_mut().find(|(other, _)| *other == key) {
            Some((_, old)) => *old = value,
            None => settings.push((key, value)),
        }
    }

    /// What a plugin has set.
    pub(crate) fn kept_setting(&self, key: c_int) -> Option<Value> {
        let settings = self.kept.settings.lock();
        settings.iter().find(|(other, _)| *other == key).map(|(_, value)| value.clone())
    }
}

/// `TSHttpTxnClientReqGet` and its kin: the buffer and the head; none if the transaction has no such
/// head yet.
pub(crate) fn head(txn: Handle, which: Which) -> Option<(Handle, Handle)> {
    let transaction = alive(txn);
    let there = match which {
        Which::ClientRequest => true,
        Which::ServerRequest => transaction.txn.with_server_request(|_| ()).is_some(),
        Which::ServerResponse => transaction.txn.has_server_response(),
        Which::ClientResponse => transaction.txn.with_client_response(|_| ()).is_some(),
    };
    there.then(|| {
        let mut heads = transaction.kept.heads.lock();
        if let Some((_, mbuffer, head)) = heads.each().find(|(other, ..)| *other == which) {
            return (*mbuffer, *head);
        }
        let (mbuffer, object) = table().insert_with(|_| MBuffer::default());
        let head = table().insert(Head::of(&transaction.txn, which, object));
        heads.push((which, mbuffer, head));
        (mbuffer, head)
    })
}

/// `TSHttpTxnReenable`.
pub(crate) fn reenable(txn: Handle, event: c_int) {
    let transaction = alive(txn);
    let here = calls::depth();
    let twice = REENABLED.with(|all| {
        let mut all = all.borrow_mut();
        all.retain(|(_, depth)| *depth <= here);
        let twice = all.contains(&(txn, here));
        all.push((txn, here));
        twice
    });
    if twice {
        findings::note("the transaction has been reenabled already in this callback");
    }
    transaction.txn.reenable(EventCode(event));
}

/// A callback begins: what was reenabled in callbacks that have returned does not count any more.
pub(crate) fn callback_begins() {
    let here = calls::depth();
    REENABLED.with(|all| all.borrow_mut().retain(|(_, depth)| *depth < here));
}

/// `TSHttpSsnReenable`.
pub(crate) fn reenable_session(ssn: Handle, event: c_int) {
    let session = want::<Session>(ssn);
    // The last hook of a session: nothing comes after it.
    let last = calls::callback()
        .is_some_and(|(_, event)| EventCode(event) == httpsm::hooks::HttpHook::SsnClose.event());
    let object = session.ssn();
    object.reenable(EventCode(event));
    if last {
        forget_session(&object, ssn);
    }
}

/// `TSHttpTxnServerIntercept` and `TSHttpTxnIntercept`.
pub(crate) fn intercept(cont: Handle, txn: Handle, as_server: bool) {
    let transaction = alive(txn);
    // It needs no mutex until it does I/O.
    let cont = want::<PluginCont>(cont).kept();
    match as_server {
        true => transaction.txn.server_intercept(cont),
        false => transaction.txn.intercept(cont),
    }
}

/// `TSHttpTxnCacheLookupStatusGet`.
pub(crate) fn cache_lookup(txn: Handle) -> Option<c_int> {
    Some(match alive(txn).txn.cache_lookup()? {
        CacheLookup::Miss => 0,
        CacheLookup::Skipped => 3,
    })
}

/// `TSHttpTxnCacheLookupUrlGet`: copies the URL that the cache is asked for; false before there is one.
pub(crate) fn cache_lookup_url(txn: Handle, url: Handle) -> bool {
    let transaction = alive(txn);
    let into = want::<Url>(url);
    match transaction.txn.cache_lookup_url() {
        Some(found) => {
            into.set(found);
            true
        }
        None => false,
    }
}

/// The milestones by their number of `TSMilestonesType`.
const MILESTONES: [Option<Milestone>; 24] = [
    Some(Milestone::UaBegin),
    Some(Milestone::UaFirstRead),
    Some(Milestone::UaReadHeaderDone),
    Some(Milestone::UaBeginWrite),
    Some(Milestone::UaClose),
    Some(Milestone::ServerFirstConnect),
    Some(Milestone::ServerConnect),
    Some(Milestone::ServerConnectEnd),
    Some(Milestone::ServerBeginWrite),
    Some(Milestone::ServerFirstRead),
    Some(Milestone::ServerReadHeaderDone),
    Some(Milestone::ServerClose),
    // The cache, and DNS.
    None,
    None,
    None,
    None,
    None,
    None,
    Some(Milestone::SmStart),
    Some(Milestone::SmFinish),
    // Plugins, and TLS.
    None,
    None,
    None,
    None,
];

/// The function that asks for a milestone. To keep them costs each transaction eleven looks at the clock,
/// so a plugin that is linked to it asks for that when it is loaded.
pub(crate) const ASKS_FOR_MILESTONES: &CStr = c"TSHttpTxnMilestoneGet";

/// `TSHttpTxnMilestoneGet`: 0 for one that has not come; none for a number that is no milestone.
pub(crate) fn milestone(txn: Handle, number: c_int) -> Option<HrTime> {
    let transaction = alive(txn);
    let milestone = *MILESTONES.get(usize::try_from(number).ok()?)?;
    if !host().proxy.keeps_milestones() {
        // A library of the plugin's has called it, or an address that `dlsym` has found.
        host().proxy.keep_milestones();
        calls::note_left_out(
            "a milestone before the first call, by a file other than the plugin's own",
        );
    }
    if milestone.is_none() {
        calls::note_left_out("the milestones of the cache, of DNS, of TLS and of plugins");
    }
    Some(milestone.and_then(|milestone| transaction.txn.milestone(milestone)).unwrap_or(0))
}

/// A text that lives as long as the transaction.
pub(crate) fn lend(txn: Handle, text: &[u8]) -> super::head::Lent {
    let (mbuffer, _) = head(txn, Which::ClientRequest).expect("a transaction has its request");
    want::<MBuffer>(mbuffer).lend(text)
}

/// How many bytes have moved: `TSHttpTxnClientReqHdrBytesGet` and its kin.
pub(crate) fn bytes(txn: Handle) -> TxnBytes {
    alive(txn).txn.bytes()
}

/// `TSHttpTxnClientReceivedErrorGet` and its kin: class and code of an error. Only HTTP/2 has them; for
/// HTTP/1 they stay as they were made.
pub(crate) fn no_http2_error(txn: Handle) -> (u32, u64) {
    let _ = alive(txn);
    (0, 0)
}

/// `TSHttpTxnPristineUrlGet`: the buffer of the client's request, and the URL before the rules; the
/// request's own until there is one.
pub(crate) fn pristine_url(txn: Handle) -> Option<(Handle, Handle)> {
    let (mbuffer, request) = head(txn, Which::ClientRequest)?;
    let transaction = alive(txn);
    if transaction.txn.pristine_url().is_none() {
        return Some((mbuffer, super::head::url(request)?));
    }
    let mut pristine = transaction.kept.pristine.lock();
    if pristine.is_null() {
        let object = want::<MBuffer>(mbuffer);
        *pristine = table().insert(Url::pristine(&transaction.txn, object.kept()));
    }
    Some((mbuffer, *pristine))
}

/// `TSHttpTxnErrorBodySet`.
pub(crate) fn set_error_body(txn: Handle, body: Option<Vec<u8>>, content_type: Option<Vec<u8>>) {
    alive(txn).txn.set_error_body(body, content_type);
}

/// `TSHttpTxnSsnGet`.
pub(crate) fn session_of(txn: Handle) -> Handle {
    alive(txn).txn.ssn().map_or(Handle::NULL, |ssn| handle_of_session(&ssn))
}

/// `TSCacheUrlSet`: false if there is one already.
pub(crate) fn set_cache_url(txn: Handle, url: &[u8]) -> bool {
    alive(txn).txn.set_cache_lookup_url(url)
}

/// A time limit for the origin server that a plugin sets, in milliseconds.
#[derive(Clone, Copy)]
pub(crate) enum Limit {
    /// `TSHttpTxnActiveTimeoutSet`.
    Active,
    /// `TSHttpTxnNoActivityTimeoutSet`.
    NoActivity,
    /// `TSHttpTxnConnectTimeoutSet`.
    Connect,
}

/// `TSHttpTxnActiveTimeoutSet` and its kin.
pub(crate) fn set_limit(txn: Handle, limit: Limit, ms: c_int) {
    let time = mseconds(i64::from(ms));
    alive(txn).txn.with_config(|config| match limit {
        Limit::Active => config.transaction_active_timeout_out = time,
        Limit::NoActivity => config.transaction_no_activity_timeout_out = time,
        Limit::Connect => config.connect_attempts_timeout = time,
    });
}

/// `TSHttpTxnCntlSet`, with the numbers of `TSHttpCntlType`.
pub(crate) fn set_control(txn: Handle, control: c_int, on: bool) -> c_int {
    let transaction = alive(txn);
    match control {
        // Logs, caching and debug lines: the port has none of them, so there is nothing to change.
        0 | 2..=5 => 0,
        1 => {
            calls::note_left_out("TSHttpTxnCntlSet with TS_HTTP_CNTL_INTERCEPT_RETRY_MODE");
            0
        }
        6 => {
            transaction.txn.set_skip_remapping(on);
            0
        }
        _ => -1,
    }
}

/// `TSHttpTxnStatusGet`.
pub(crate) fn status(txn: Handle) -> c_int {
    c_int::from(alive(txn).txn.status())
}

/// `TSHttpTxnStatusSet`.
pub(crate) fn set_status(txn: Handle, status: c_int) {
    alive(txn).txn.set_status(u16::try_from(status).unwrap_or(0));
}

/// `TSHttpTxnClientAddrGet`: the address as a `sockaddr`, which lives as long as the transaction.
pub(crate) fn client_addr(txn: Handle) -> Option<Arc<[u8]>> {
    let transaction = alive(txn);
    Some(transaction.kept.addresses.lend(transaction.txn.client_addr()?))
}

/// The bytes of `sockaddr_in` or `sockaddr_in6` of Linux.
pub(crate) fn sockaddr(address: SocketAddr) -> Vec<u8> {
    let family: u16 = if address.is_ipv4() { 2 } else { 10 };
    let mut bytes = family.to_ne_bytes().to_vec();
    bytes.extend(address.port().to_be_bytes());
    match address {
        SocketAddr::V4(address) => {
            bytes.extend(address.ip().octets());
            bytes.extend([0; 8]);
        }
        SocketAddr::V6(address) => {
            bytes.extend(address.flowinfo().to_be_bytes());
            bytes.extend(address.ip().octets());
            bytes.extend(address.scope_id().to_ne_bytes());
        }
    }
    bytes
}

/// The mutex of a transaction.
pub(crate) fn mutex_of(txn: Handle) -> Arc<ProxyMutex> {
    alive(txn).txn.mutex().clone()
}

#[cfg(test)]
mod tests {
    use super::sockaddr;

    #[test]
    fn an_address_is_laid_out_as_in_c() {
        let v4 = sockaddr("127.0.0.1:80".parse().unwrap());
        assert_eq!(v4, [2, 0, 0, 80, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
        let v6 = sockaddr("[::1]:80".parse().unwrap());
        assert_eq!((v6.len(), v6[0], v6[23]), (28, 10, 1));
    }
}
