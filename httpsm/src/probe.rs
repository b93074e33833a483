//! [`ProtocolProbeSessionAccept`]: a client's first bytes decide what its connection becomes.
//!
//! Mirrors `ProtocolProbeSessionAccept` and `ProtocolProbeTrampoline` of
//! `proxy/ProtocolProbeSessionAccept.cc` (9.2.9), which stand before `HttpSessionAccept` on each
//! port. **Not modelled**: the PROXY protocol, and a session of HTTP/2: a port without TLS has none
//! in the original's default either, and the connection is closed.

use std::cell::RefCell;
use std::sync::Arc;

use eventsys::{
    ContRef, Continuation, ContinuationBase, Data, EventCode, Guard, Guarded, Invocation, Outcome,
    ProxyMutex,
};
use iocore::buffer::{BUFFER_SIZE_INDEX_4K, MIOBuffer};
use iocore::{BoundBuffer, IOBufferReader, IoData, IoEvents, NetVcRef};

use crate::client_session::HttpClientSession;
use crate::events::event_name;
use crate::proxy::HttpProxy;

/// How many bytes the probe reads at most: one block of 4 KiB. Mirrors
/// `CLIENT_CONNECTION_FIRST_READ_BUFFER_SIZE_INDEX`.
const FIRST_READ: i64 = 4096;

/// The first bytes of a client of HTTP/2. Mirrors `HTTP2_CONNECTION_PREFACE`.
const HTTP2_CONNECTION_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Takes the connections of a port with `NET_EVENT_ACCEPT`. There is no session before the first
/// byte has come: a client that sends nothing within
/// [`accept_no_activity_timeout`](crate::HttpConfig::accept_no_activity_timeout) is closed, and no
/// hook ([`HttpHook::SsnStart`](crate::hooks::HttpHook::SsnStart)) hears of it.
///
/// A [`Server`](crate::Server) makes one. [`HttpSessionAccept`](crate::HttpSessionAccept) makes a
/// session at once; connections of plugins go there. It has no mutex: several threads may call it
/// at once.
///
/// ```
/// use std::sync::Arc;
/// use eventsys::{Clock, EventProcessor};
/// use httpsm::{HttpConfig, HttpProxy, NoOrigin, ProtocolProbeSessionAccept, UrlRewrite};
/// use iocore::net::{AcceptOptions, NetConfig, NetProcessor};
///
/// let processor = EventProcessor::new(Clock::new_real());
/// let net = NetProcessor::init(&processor, NetConfig::default());
/// processor.spawn_event_threads("ET_NET", 1);
/// let rules = UrlRewrite::new(Vec::new());
/// let proxy = HttpProxy::new(&processor, HttpConfig::default(), rules, Arc::new(NoOrigin));
/// let options = AcceptOptions { localhost_only: true, ..AcceptOptions::default() };
/// let accept = net.accept(ProtocolProbeSessionAccept::new(&proxy), &options)?;
/// println!("http://{}", accept.local_addr().unwrap());
/// processor.shutdown();
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct ProtocolProbeSessionAccept {
    base: ContinuationBase,
    proxy: Arc<HttpProxy>,
}

impl ProtocolProbeSessionAccept {
    /// Takes connections for `proxy`.
    #[must_use]
    #[allow(clippy::new_ret_no_self)] // It is always shared.
    pub fn new(proxy: &Arc<HttpProxy>) -> Arc<ProtocolProbeSessionAccept> {
        let base = ContinuationBase::without_mutex();
        Arc::new(ProtocolProbeSessionAccept { base, proxy: Arc::clone(proxy) })
    }
}

impl Continuation for ProtocolProbeSessionAccept {
    fn base(&self) -> &ContinuationBase {
        &self.base
    }

    /// Mirrors `mainEvent`.
    fn handle_event(&self, _: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        match (event, data.net_vc()) {
            (EventCode::NET_EVENT_ACCEPT, Some(vc)) => {
                ProtocolProbeTrampoline::begin(&self.proxy, Arc::clone(vc));
                Outcome::Cont
            }
            _ => {
                let event = event.shown_by(event_name);
                log::warn!(target: "http", "ProtocolProbeSessionAccept: no connection with {event}");
                Outcome::Done
            }
        }
    }
}

/// The reader of one connection's first bytes. The read operation keeps it alive.
struct ProtocolProbeTrampoline {
    base: ContinuationBase,
    proxy: Arc<HttpProxy>,
    probe: Guarded<Probe>,
}

/// What the connection's mutex protects.
struct Probe {
    /// None once the connection is a session's, or closed.
    vc: RefCell<Option<NetVcRef>>,
    buffer: BoundBuffer,
    reader: IOBufferReader,
}

impl ProtocolProbeTrampoline {
    fn begin(proxy: &Arc<HttpProxy>, vc: NetVcRef) {
        let mutex = vc.base().mutex().cloned().unwrap_or_else(ProxyMutex::new);
        let guard = mutex.lock();
        let buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_4K).bind(&mutex);
        let reader = buffer.alloc_reader(&guard).expect("the first of five");
        vc.set_inactivity_timeout(proxy.config().accept_no_activity_timeout);
        let probe = Probe { vc: RefCell::new(Some(vc.clone())), buffer: buffer.clone(), reader };
        let trampoline = Arc::new(ProtocolProbeTrampoline {
            base: ContinuationBase::new(Arc::clone(&mutex)),
            proxy: Arc::clone(proxy),
            probe: Guarded::new(Arc::clone(&mutex), probe),
        });
        let read = vc.do_io_read(&guard, Some(trampoline as ContRef), FIRST_READ, Some(&buffer));
        read.reenable(&guard);
    }

    /// Mirrors `ioCompletionEvent`.
    fn io_completion_event(&self, guard: &Guard<'_>, event: EventCode) {
        let probe = self.probe.get(guard);
        let is_read =
            matches!(event, EventCode::VC_EVENT_READ_READY | EventCode::VC_EVENT_READ_COMPLETE);
        let is_end = matches!(
            event,
            EventCode::VC_EVENT_EOS
                | EventCode::VC_EVENT_ERROR
                | EventCode::VC_EVENT_ACTIVE_TIMEOUT
                | EventCode::VC_EVENT_INACTIVITY_TIMEOUT
        );
        if !is_read && !is_end {
            return;
        }
        let Some(vc) = probe.vc.take() else { return };
        let any = probe.reader.read_avail(guard) > 0;
        if !is_read || !any || self.is_http2(guard) {
            vc.do_io_close(None);
            return;
        }
        // The original names the acceptor here, which a timeout or an error would reach while
        // SSN_START is held, and which asserts that neither comes: here no event comes then.
        vc.cancel_inactivity_timeout();
        vc.do_io_read(guard, None, 0, None);
        let read = (probe.buffer.clone(), probe.reader.clone());
        HttpClientSession::new_connection(&self.proxy, vc, Some(read));
    }

    /// True if the first bytes, four at least, begin as a client of HTTP/2 does. Mirrors
    /// `proto_is_http2`.
    fn is_http2(&self, guard: &Guard<'_>) -> bool {
        let mut first = [0; HTTP2_CONNECTION_PREFACE.len()];
        let reader = &self.probe.get(guard).reader;
        let n = reader.buffer().with(guard, |buffer| buffer.memcpy(reader.id(), &mut first, 0));
        n >= 4 && HTTP2_CONNECTION_PREFACE.starts_with(&first[..n])
    }
}

impl Continuation for ProtocolProbeTrampoline {
    fn base(&self) -> &ContinuationBase {
        &self.base
    }

    fn handle_event(&self, call: &Invocation<'_>, event: EventCode, _: Data<'_>) -> Outcome {
        self.io_completion_event(call.guard(), event);
        Outcome::Cont
    }
}
