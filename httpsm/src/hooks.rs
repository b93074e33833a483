//! Hooks: where plugins are called.
//!
//! Mirrors `TSHttpHookID`, `TSEvent` of `include/ts/apidefs.h` and `HttpAPIHooks`
//! and `HttpHookState` of `proxy/InkAPIInternal.h` (9.2.9).
//!
//! A hook is a continuation. It is called under its own mutex, if it has one,
//! with the event of its place and the transaction ([`HttpTxn`](crate::HttpTxn))
//! or session ([`HttpSsn`](crate::HttpSsn)) as data, and the state machine stands still until a
//! plugin reenables it, at any time and on any thread.

use std::sync::atomic::{AtomicU16, Ordering};

use eventsys::hrtime::MSECOND;
use eventsys::sync::Mutex;
use eventsys::{ContRef, EventCode, HrTime};

use crate::events::HttpEvents;

/// How long the machine waits before it tries the mutex of a hook again.
pub(crate) const HOOK_RETRY_TIME: HrTime = 10 * MSECOND;

macro_rules! hooks {
    ($($(#[$doc:meta])* $name:ident = $event:ident;)*) => {
        /// The places where plugins are called, in the order of `TSHttpHookID`. A hook is
        /// called with the event of its place.
        ///
        /// ```
        /// use eventsys::EventCode;
        /// use httpsm::hooks::HttpHook;
        ///
        /// let event = HttpHook::SendResponseHdr.event();
        /// assert_eq!(event, EventCode(60007)); // As in `ts/apidefs.h`.
        /// assert_eq!(HttpHook::from_event(event), Some(HttpHook::SendResponseHdr));
        /// ```
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum HttpHook {
            $($(#[$doc])* $name,)*
        }

        impl HttpHook {
            /// All places.
            pub const ALL: &'static [HttpHook] = &[$(HttpHook::$name,)*];

            /// The event that a hook is called with.
            #[must_use]
            pub const fn event(self) -> EventCode {
                match self { $(HttpHook::$name => EventCode::$event,)* }
            }

            /// The place with this event.
            #[must_use]
            pub const fn from_event(event: EventCode) -> Option<HttpHook> {
                match event { $(EventCode::$event => Some(HttpHook::$name),)* _ => None }
            }
        }
    };
}

hooks! {
    /// A request's head has been read (`TS_HTTP_READ_REQUEST_HDR_HOOK`).
    ReadRequestHdr = TS_EVENT_HTTP_READ_REQUEST_HDR;
    /// The address of the origin server is known (`TS_HTTP_OS_DNS_HOOK`); also if a plugin answers
    /// in its place by [`HttpTxn::server_intercept`](crate::HttpTxn::server_intercept). The port
    /// looks the address up when it connects, which is after this hook: a name without an address
    /// ends the transaction there, and in the original before the hook. Not called for `CONNECT`.
    OsDns = TS_EVENT_HTTP_OS_DNS;
    /// The request's head for the origin server is about to be sent
    /// (`TS_HTTP_SEND_REQUEST_HDR_HOOK`).
    SendRequestHdr = TS_EVENT_HTTP_SEND_REQUEST_HDR;
    /// A response's head has been read (`TS_HTTP_READ_RESPONSE_HDR_HOOK`).
    ReadResponseHdr = TS_EVENT_HTTP_READ_RESPONSE_HDR;
    /// The response's head is about to be sent (`TS_HTTP_SEND_RESPONSE_HDR_HOOK`).
    SendResponseHdr = TS_EVENT_HTTP_SEND_RESPONSE_HDR;
    /// A transaction begins (`TS_HTTP_TXN_START_HOOK`).
    TxnStart = TS_EVENT_HTTP_TXN_START;
    /// A transaction ends (`TS_HTTP_TXN_CLOSE_HOOK`).
    TxnClose = TS_EVENT_HTTP_TXN_CLOSE;
    /// A client's connection begins (`TS_HTTP_SSN_START_HOOK`).
    SsnStart = TS_EVENT_HTTP_SSN_START;
    /// A client's connection ends (`TS_HTTP_SSN_CLOSE_HOOK`).
    SsnClose = TS_EVENT_HTTP_SSN_CLOSE;
    /// The cache lookup is complete (`TS_HTTP_CACHE_LOOKUP_COMPLETE_HOOK`). The port has no cache:
    /// it is always a miss.
    CacheLookupComplete = TS_EVENT_HTTP_CACHE_LOOKUP_COMPLETE;
    /// Before the rules are applied (`TS_HTTP_PRE_REMAP_HOOK`).
    PreRemap = TS_EVENT_HTTP_PRE_REMAP;
    /// After the rules have been applied (`TS_HTTP_POST_REMAP_HOOK`).
    PostRemap = TS_EVENT_HTTP_POST_REMAP;
}

// One bit each.
const _: () = assert!(HttpHook::ALL.len() <= u16::BITS as usize);

/// The hooks of each place.
///
/// ```
/// use eventsys::{FreeContinuation, Outcome};
/// use httpsm::hooks::{HttpApiHooks, HttpHook};
///
/// let hooks = HttpApiHooks::new();
/// hooks.add(HttpHook::ReadRequestHdr, FreeContinuation::new(|_, _, _| Outcome::Done));
/// assert!(hooks.get(HttpHook::ReadRequestHdr, 0).is_some());
/// assert!(hooks.get(HttpHook::ReadRequestHdr, 1).is_none());
/// ```
#[derive(Default)]
pub struct HttpApiHooks {
    /// One bit for each place that has had a hook, so that most queries need no lock. Set under the
    /// lock, read without it.
    places: AtomicU16,
    hooks: Mutex<Vec<(HttpHook, ContRef)>>,
}

impl HttpApiHooks {
    /// No hooks.
    #[must_use]
    pub fn new() -> HttpApiHooks {
        HttpApiHooks::default()
    }

    /// Adds a hook, behind those that are there. Mirrors `TSHttpHookAdd`, `TSHttpSsnHookAdd` and
    /// `TSHttpTxnHookAdd`.
    pub fn add(&self, hook: HttpHook, cont: ContRef) {
        let mut hooks = self.hooks.lock();
        hooks.push((hook, cont));
        self.places.fetch_or(1 << hook as u16, Ordering::Release);
    }

    /// Removes all.
    pub fn clear(&self) {
        if self.places.load(Ordering::Acquire) == 0 {
            return;
        }
        let gone = std::mem::take(&mut *self.hooks.lock());
        drop(gone);
    }

    /// The hook at this place with this number. The caller gets them one by one, because a hook may
    /// add others while it is called.
    #[must_use]
    pub fn get(&self, hook: HttpHook, nth: usize) -> Option<ContRef> {
        if self.places.load(Ordering::Acquire) & 1 << hook as u16 == 0 {
            return None;
        }
        self.hooks
            .lock()
            .iter()
            .filter(|(at, _)| *at == hook)
            .nth(nth)
            .map(|(_, cont)| cont.clone())
    }

    /// True if there is no hook at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hooks.lock().is_empty()
    }
}

/// The position in the sequence of hooks: first those of the whole proxy, then those of the
/// session, then those of the transaction. Mirrors `HttpHookState`.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct HookState {
    scope: usize,
    nth: usize,
}

impl HookState {
    /// The next hook among `scopes`.
    pub(crate) fn next(&mut self, hook: HttpHook, scopes: &[&HttpApiHooks]) -> Option<ContRef> {
        while let Some(hooks) = scopes.get(self.scope) {
            if let Some(cont) = hooks.get(hook, self.nth) {
                self.nth += 1;
                return Some(cont);
            }
            *self = HookState { scope: self.scope + 1, nth: 0 };
        }
        None
    }
}
