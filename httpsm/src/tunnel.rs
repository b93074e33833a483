//! [`HttpTunnel`]: moves a body from its producer to its consumers.
//!
//! Mirrors `proxy/http/HttpTunnel.cc` (9.2.9).
//!
//! # Contract
//! The owner ([`TunnelOwner`]) fills a buffer with the bytes that it has already (a head, the
//! beginning of a body), names the producer and the consumers, and calls
//! [`HttpTunnel::tunnel_run`]. From then on the events of their operations come to the tunnel,
//! under the owner's mutex. The tunnel reports the end of each party to the owner, and at last,
//! when all are done, calls `tunnel_done`.
//!
//! # Flow
//! The producer's buffer has a water mark: the connection does not read beyond
//! it, and reads on when a consumer has taken something and the tunnel reenables
//! it. Where bytes are changed on the way (chunks made or undone), they move to a
//! second buffer at once; that one has no mark of its own, and grows without limit
//! unless flow control is on. Then the producer is *throttled*: not reenabled while
//! more than the high water waits for the consumers, until less than the low water
//! does. That holds back a plugin, which waits to be reenabled, and not a socket,
//! whose read stays enabled.
//!
//! **Not modelled**: producers that are consumers too (transforms), and more than
//! one producer at a time. **Could you tell?** Only a plugin that transforms.

mod action;
mod blind;
mod consumer;
mod producer;

use std::cell::{Cell, RefCell};
use std::sync::{Arc, Weak};

use eventsys::{
    ContRef, Continuation, ContinuationBase, Data, EventCode, Guard, Guarded, Invocation, Outcome,
    ProxyMutex,
};
use iocore::{BoundBuffer, IOBufferReader, IoData, NetVcRef, VConnection, VioHandle, VioOp};

use action::Chunks;
pub use action::TunnelChunkingAction;
pub(crate) use action::share_or_copy;
pub(crate) use blind::{BlindTunnel, BlindTunnelOwner};

/// The most consumers of one tunnel. Mirrors `MAX_CONSUMERS`.
pub const MAX_CONSUMERS: usize = 4;

/// The kind of a tunnel's party. Mirrors `HttpTunnelType_t`. The example of [`HttpTunnel`] has two
/// of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TunnelType {
    /// The origin server.
    HttpServer,
    /// The client.
    HttpClient,
    /// A buffer that is complete already; there is no connection.
    Static,
}

/// The owner of a tunnel. Called under the mutex of the tunnel, by shared reference: it may call
/// the tunnel back. The example of [`HttpTunnel`] has one.
pub trait TunnelOwner: Send + Sync {
    /// The producer has come to its end: all read (`READ_COMPLETE`,
    /// [`HTTP_TUNNEL_EVENT_PRECOMPLETE`](crate::HttpEvents::HTTP_TUNNEL_EVENT_PRECOMPLETE)),
    /// `EOS`, an error, a timeout.
    fn producer_handler(&self, guard: &Guard<'_>, event: EventCode);

    /// A consumer has come to its end: all written (`WRITE_COMPLETE`), an error,
    /// a timeout.
    fn consumer_handler(&self, guard: &Guard<'_>, event: EventCode, consumer: usize);

    /// All parties are done. Mirrors `HTTP_TUNNEL_EVENT_DONE`.
    fn tunnel_done(&self, guard: &Guard<'_>);
}

/// The options of a tunnel's start. See [`HttpTunnel`] for an example.
pub struct Production {
    /// The kind of the producer.
    pub kind: TunnelType,
    /// Its connection; `None` for [`TunnelType::Static`].
    pub vc: Option<NetVcRef>,
    /// Bytes in all, with those that are in the buffer already; `None` if not known.
    pub nbytes: Option<i64>,
    /// The buffer, as a reader at the first byte.
    pub start: IOBufferReader,
    /// The change of the bytes.
    pub action: TunnelChunkingAction,
    /// How many bytes at the start are a head, which no action touches.
    pub skip_bytes: i64,
}

/// The water marks of a tunnel that changes bytes, in bytes. Mirrors
/// `FlowControlParams`.
/// For [`HttpTunnel::set_flow_control`] and [`HttpConfig::flow_control`](crate::HttpConfig).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FlowControl {
    /// Without it no producer is throttled, as by default in 9.2.9; here it is on by default.
    pub enabled: bool,
    /// The producer is throttled when this much waits.
    pub high_water: i64,
    /// It continues when less than this waits.
    pub low_water: i64,
}

impl Default for FlowControl {
    fn default() -> FlowControl {
        FlowControl { enabled: true, high_water: 65536, low_water: 65536 }
    }
}

/// A tunnel.
///
/// # Contract
///
/// 1. [`new`](HttpTunnel::new) under the mutex of its [`TunnelOwner`]; the tunnel reports the end
///    of each producer and consumer to the owner.
/// 2. [`tunnel_run`](HttpTunnel::tunnel_run) with a [`Production`], once. From then on the tunnel is
///    the state machine of the producer's read and of each consumer's write.
/// 3. The owner ends what it must: [`kill_tunnel`](HttpTunnel::kill_tunnel),
///    [`chain_abort_all`](HttpTunnel::chain_abort_all), [`reset`](HttpTunnel::reset). The tunnel
///    closes no connection by itself.
///
/// Every method takes a guard of the tunnel's mutex. **Flow control**: if it is on, the producer
/// stops when more than the high water mark waits for the consumers, and goes on below the low one.
/// A body that is complete goes to a client:
/// ```
/// use std::sync::{Arc, Weak};
/// use eventsys::Guard;
/// use eventsys::sync::Mutex;
/// use httpsm::tunnel::{
///     HttpTunnel, Production, TunnelChunkingAction, TunnelOwner, TunnelType,
/// };
/// use iocore::buffer::{BUFFER_SIZE_INDEX_4K, MIOBuffer};
/// use testkit::prelude::*;
///
/// #[derive(Default)]
/// struct Owner(Mutex<Vec<&'static str>>);
///
/// impl TunnelOwner for Owner {
///     fn producer_handler(&self, _: &Guard<'_>, _: EventCode) {
///         self.0.lock().push("read");
///     }
///     fn consumer_handler(&self, _: &Guard<'_>, _: EventCode, _: usize) {
///         self.0.lock().push("written");
///     }
///     fn tunnel_done(&self, _: &Guard<'_>) {
///         self.0.lock().push("done");
///     }
/// }
///
/// let lab = Lab::new();
/// let client = lab.agent("P");
/// client.on(ACCEPT, |me| me.read(MAX));
/// client.on(READ_READY, |me| { me.take(); me.reenable_read(); });
/// let core = PluginVCCore::alloc(&lab.processor, client.cont());
/// lab.tidies(&core);
///
/// let (owner, mutex) = (Arc::new(Owner::default()), ProxyMutex::new());
/// let weak: Weak<Owner> = Arc::downgrade(&owner);
/// let tunnel = HttpTunnel::new(Arc::clone(&mutex), weak);
/// let guard = mutex.lock();
/// let buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_4K).bind(&mutex);
/// let start = buffer.alloc_reader(&guard).unwrap();
/// buffer.write(&guard, b"hello");
/// let production = Production {
///     kind: TunnelType::Static,
///     vc: None,
///     nbytes: Some(5),
///     start,
///     action: TunnelChunkingAction::Passthru,
///     skip_bytes: 0,
/// };
/// tunnel.tunnel_run(&guard, production, &[(TunnelType::HttpClient, core.connect())]);
/// drop(guard);
/// lab.settle();
/// assert_eq!(client.received(), b"hello");
/// assert_eq!(*owner.0.lock(), ["read", "written", "done"]);
/// ```
pub struct HttpTunnel {
    base: ContinuationBase,
    this: Weak<HttpTunnel>,
    owner: Weak<dyn TunnelOwner>,
    state: Guarded<State>,
}

struct State {
    producer: Producer,
    consumers: [Consumer; MAX_CONSUMERS],
    flow: Cell<FlowControl>,
    /// A tunnel has been started and not reset.
    active: Cell<bool>,
    /// Calls of the tunnel on the stack. Mirrors `reentrancy_count`.
    reentrancy_count: Cell<u32>,
    /// The owner must be called with the end when the stack has unwound.
    call_sm: Cell<bool>,
}

#[derive(Default)]
struct Producer {
    alive: Cell<bool>,
    kind: Cell<Option<TunnelType>>,
    vc: RefCell<Option<NetVcRef>>,
    read_vio: RefCell<Option<VioHandle>>,
    start: RefCell<Option<IOBufferReader>>,
    chunks: RefCell<Option<Chunks>>,
    /// Bytes that were in the buffer at the beginning.
    init_bytes: Cell<i64>,
    bytes_read: Cell<i64>,
    truncated: Cell<bool>,
    throttled: Cell<bool>,
    /// The producer's last bytes have been processed; the changed bytes end here.
    over: Cell<bool>,
}

#[derive(Default)]
struct Consumer {
    alive: Cell<bool>,
    kind: Cell<Option<TunnelType>>,
    vc: RefCell<Option<NetVcRef>>,
    write_vio: RefCell<Option<VioHandle>>,
    reader: RefCell<Option<IOBufferReader>>,
    bytes_written: Cell<i64>,
}

impl HttpTunnel {
    /// A tunnel of `owner`, under its mutex.
    #[must_use]
    pub fn new(mutex: Arc<ProxyMutex>, owner: Weak<dyn TunnelOwner>) -> Arc<HttpTunnel> {
        Arc::new_cyclic(|this| HttpTunnel {
            base: ContinuationBase::new(Arc::clone(&mutex)),
            this: Weak::clone(this),
            owner,
            state: Guarded::new(
                mutex,
                State {
                    producer: Producer::default(),
                    consumers: Default::default(),
                    flow: Cell::new(FlowControl::default()),
                    active: Cell::new(false),
                    reentrancy_count: Cell::new(0),
                    call_sm: Cell::new(false),
                },
            ),
        })
    }

    /// Changes the water marks.
    pub fn set_flow_control(&self, guard: &Guard<'_>, flow: FlowControl) {
        self.state.get(guard).flow.set(flow);
    }

    /// True from the start to the end. Mirrors `is_tunnel_active`.
    #[must_use]
    pub fn is_tunnel_active(&self, guard: &Guard<'_>) -> bool {
        self.state.get(guard).active.get()
    }

    /// True while any party goes on. Mirrors `is_tunnel_alive`.
    #[must_use]
    pub fn is_tunnel_alive(&self, guard: &Guard<'_>) -> bool {
        let state = self.state.get(guard);
        state.producer.alive.get() || state.consumers.iter().any(|consumer| consumer.alive.get())
    }

    /// True if the producer goes on.
    #[must_use]
    pub fn is_producer_alive(&self, guard: &Guard<'_>) -> bool {
        self.state.get(guard).producer.alive.get()
    }

    /// True if a party of this kind goes on.
    pub(crate) fn has_alive(&self, guard: &Guard<'_>, kind: TunnelType) -> bool {
        let State { producer, consumers, .. } = self.state.get(guard);
        let is_producer = producer.alive.get() && producer.kind.get() == Some(kind);
        let mut others = consumers.iter().filter(|consumer| consumer.alive.get());
        is_producer || others.any(|consumer| consumer.kind.get() == Some(kind))
    }

    /// The kind of the producer, once a tunnel has been started.
    #[must_use]
    pub fn producer_kind(&self, guard: &Guard<'_>) -> Option<TunnelType> {
        self.state.get(guard).producer.kind.get()
    }

    /// The kind of a consumer.
    #[must_use]
    pub fn consumer_kind(&self, guard: &Guard<'_>, consumer: usize) -> Option<TunnelType> {
        self.state.get(guard).consumers[consumer].kind.get()
    }

    /// True if the producer ended inside a chunk, or sent an invalid chunk.
    #[must_use]
    pub fn is_truncated(&self, guard: &Guard<'_>) -> bool {
        self.state.get(guard).producer.truncated.get()
    }

    /// Bytes that the producer has read.
    #[must_use]
    pub fn bytes_read(&self, guard: &Guard<'_>) -> i64 {
        self.state.get(guard).producer.bytes_read.get()
    }

    /// Of a chunked body: how many bytes belonged to it, and how many have been
    /// read beyond its end.
    #[must_use]
    pub fn chunked_bytes(&self, guard: &Guard<'_>) -> Option<(i64, i64)> {
        let chunks = self.state.get(guard).producer.chunks.borrow();
        chunks.as_ref().map(|chunks| (chunks.consumed(), chunks.unread(guard)))
    }

    /// The bytes that were read beyond the end of a chunked body.
    #[must_use]
    pub fn unread(&self, guard: &Guard<'_>) -> Option<IOBufferReader> {
        let chunks = self.state.get(guard).producer.chunks.borrow();
        chunks.as_ref().and_then(Chunks::source)
    }

    /// Bytes that a consumer has written.
    #[must_use]
    pub fn bytes_written(&self, guard: &Guard<'_>, consumer: usize) -> i64 {
        self.state.get(guard).consumers[consumer].bytes_written.get()
    }

    /// Starts the tunnel. Consumers begin to write, then the tunnel processes the bytes in the
    /// buffer, then the producer begins to read; any of them may have called the owner before this
    /// returns. Mirrors `add_producer`, `add_consumer`, `tunnel_run` and `producer_run`.
    ///
    /// # Panics
    /// If a tunnel is active, or there are more than [`MAX_CONSUMERS`] consumers.
    pub fn tunnel_run(
        &self,
        guard: &Guard<'_>,
        production: Production,
        consumers: &[(TunnelType, NetVcRef)],
    ) {
        let state = self.state.get(guard);
        assert!(!state.active.get(), "active == false");
        state.active.set(true);
        self.enter(guard, || self.producer_run(guard, production, consumers));
    }

    /// Ends everything that still goes on, and closes the connections. Does not call the owner.
    /// Mirrors `kill_tunnel`.
    pub fn kill_tunnel(&self, guard: &Guard<'_>) {
        self.chain_abort_all(guard);
        self.reset(guard);
    }

    /// Forgets all parties. Mirrors `deallocate_buffers` and `reset`.
    pub fn reset(&self, guard: &Guard<'_>) {
        let state = self.state.get(guard);
        state.active.set(false);
        state.call_sm.set(false);
        state.producer.forget();
        state.consumers.iter().for_each(Consumer::forget);
    }

    /// Forgets all parties, and closes none. Events of those that still went on, their timeouts too,
    /// come to the tunnel until an operation of another continuation begins, and it ignores them. Mirrors
    /// `abort_tunnel`.
    pub fn abort_tunnel(&self, guard: &Guard<'_>) {
        let state = self.state.get(guard);
        let this: ContRef = self.this.upgrade().expect("called by reference");
        let vc = state.producer.vc.borrow().clone().filter(|_| state.producer.alive.get());
        if let Some(vc) = vc {
            vc.do_io_read(guard, Some(this.clone()), 0, None);
        }
        for consumer in &state.consumers {
            let vc = consumer.vc.borrow().clone().filter(|_| consumer.alive.get());
            if let Some(vc) = vc {
                vc.do_io_write(guard, Some(this.clone()), 0, None);
            }
        }
        self.reset(guard);
    }

    /// Closes every party that still goes on. Mirrors `chain_abort_all`.
    pub fn chain_abort_all(&self, guard: &Guard<'_>) {
        let state = self.state.get(guard);
        for consumer in &state.consumers {
            if consumer.alive.replace(false) {
                consumer.note_bytes();
                consumer.write_vio.take();
                close(&consumer.vc);
            }
        }
        if state.producer.alive.replace(false) {
            state.producer.note_bytes();
            state.producer.read_vio.take();
            close(&state.producer.vc);
        }
    }

    /// The producer is considered done; its connection stays as it is.
    pub fn detach_producer(&self, guard: &Guard<'_>) {
        let producer = &self.state.get(guard).producer;
        producer.alive.set(false);
        producer.note_bytes();
        producer.read_vio.take();
    }

    /// Forwards an event about a connection whose operation is not the tunnel's to
    /// the consumer that writes to it; false if there is no such consumer. Mirrors
    /// `tunnel.handleEvent(event, c->write_vio)`.
    pub fn forward_to_consumer(
        &self,
        guard: &Guard<'_>,
        event: EventCode,
        kind: TunnelType,
    ) -> bool {
        let state = self.state.get(guard);
        let alive = |c: &Consumer| c.alive.get() && c.kind.get() == Some(kind);
        let Some(at) = state.consumers.iter().position(alive) else { return false };
        self.enter(guard, || self.handle_consumer(guard, event, at));
        true
    }

    /// Runs `f` as one call of the tunnel; the owner is called with the end when the outermost call
    /// is over and no party goes on. Mirrors `main_handler`.
    fn enter(&self, guard: &Guard<'_>, f: impl FnOnce() -> bool) {
        let state = self.state.get(guard);
        // An inner call is kept alive by the outermost one.
        let _keep = if state.reentrancy_count.get() == 0 { self.this.upgrade() } else { None };
        state.reentrancy_count.set(state.reentrancy_count.get() + 1);
        let told = f();
        state.reentrancy_count.set(state.reentrancy_count.get() - 1);
        if told && state.active.get() && !self.is_tunnel_alive(guard) {
            state.call_sm.set(true);
        }
        if state.reentrancy_count.get() == 0 && state.call_sm.replace(false) {
            state.active.set(false);
            if let Some(owner) = self.owner.upgrade() {
                owner.tunnel_done(guard);
            }
        }
    }
}

impl Continuation for HttpTunnel {
    fn base(&self) -> &ContinuationBase {
        &self.base
    }

    fn handle_event(&self, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        let guard = call.guard();
        let Some(vio) = data.vio() else { return Outcome::Done };
        let state = self.state.get(guard);
        let is = |place: &RefCell<Option<VioHandle>>| {
            place.borrow().as_ref().is_some_and(|handle| handle.is(vio))
        };
        // A tunnel that was stopped before reads from the connection to which this one writes.
        let reads = |c: &Consumer| {
            let vc = c.vc.borrow().clone().filter(|_| c.alive.get());
            vc.is_some_and(|vc| VioHandle::new(vc as Arc<dyn VConnection>, VioOp::Read).is(vio))
        };
        if is(&state.producer.read_vio) {
            self.enter(guard, || self.handle_producer(guard, event));
        } else if let Some(at) = state.consumers.iter().position(|c| is(&c.write_vio) || reads(c)) {
            self.enter(guard, || self.handle_consumer(guard, event, at));
        }
        Outcome::Done
    }
}

impl Producer {
    fn note_bytes(&self) {
        if let Some(vio) = &*self.read_vio.borrow() {
            self.bytes_read.set(vio.ndone());
        }
    }

    fn forget(&self) {
        self.alive.set(false);
        self.kind.set(None);
        drop((self.vc.take(), self.read_vio.take(), self.start.take(), self.chunks.take()));
        self.init_bytes.set(0);
        self.bytes_read.set(0);
        for flag in [&self.truncated, &self.throttled, &self.over] {
            flag.set(false);
        }
    }

    /// The buffer that the producer reads into.
    fn buffer(&self) -> Option<BoundBuffer> {
        self.start.borrow().as_ref().map(|start| start.buffer().clone())
    }
}

impl Consumer {
    fn note_bytes(&self) {
        if let Some(vio) = &*self.write_vio.borrow() {
            self.bytes_written.set(vio.ndone());
        }
    }

    fn forget(&self) {
        self.alive.set(false);
        self.kind.set(None);
        drop((self.vc.take(), self.write_vio.take(), self.reader.take()));
        self.bytes_written.set(0);
    }
}

fn close(vc: &RefCell<Option<NetVcRef>>) {
    let vc = vc.borrow().clone();
    if let Some(vc) = vc {
        vc.do_io_close(Some(EHTTP_ERROR));
    }
}

/// The error number with which a connection is closed that must not be used on.
pub(crate) const EHTTP_ERROR: i32 = 103;
