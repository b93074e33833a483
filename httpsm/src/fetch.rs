//! [`FetchSM`]: a plugin's own request, without a connection in its hands.
//!
//! Mirrors `FetchSM` of `src/traffic_server/FetchSM.cc` (9.2.9), which `TSFetchUrl` and
//! `TSFetchCreate` make. It is a client at the active end of a PluginVC pair, as
//! [`ts_http_connect_with_plugin_id`](crate::ts_http_connect_with_plugin_id) makes one:
//!
//! ```text
//!  plugin ◄──events── FetchSM ◄──► active │ pair │ passive ◄──► HttpSM
//! ```
//!
//! # Two ways to use it
//! - [`FetchSM::fetch_url`]: the whole request is given at once; the plugin gets one event when the
//!   answer is complete, and perhaps one when its head is there. It reads the text of the whole answer.
//! - [`FetchSM::create`]: the request is built up, and body is written and read in pieces
//!   ("stream IO").
//!
//! # A chunked body with stream IO
//! It must be undone ([`FetchFlags::dechunk`]). Else the original asks a reader that it has never
//! made, which ends the process (#12707, corrected in 10.2.0); here it is an assertion, unless
//! [`HttpCorrections::fetch_streams_chunked_bodies`](crate::HttpCorrections) is on. With that, each
//! piece of the body is told as the last one: `check_body_done` does not look for the last chunk.
//!
//! # The head from one block
//! The original copies the head of an answer as if it lay in one block of the buffer. A head of more
//! than 4 KiB lies in several, so the copy goes on behind the end of the first block
//! (corrected in 9.2.15, 10.1.4 and 10.2.0). 9.2.9 was seen to copy zeros there, and to end at
//! 33 KiB. Here the bytes behind the first block are zeros, whatever lies in memory, unless
//! [`HttpCorrections::fetch_copies_whole_head`](crate::HttpCorrections) is on.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use eventsys::hrtime::mseconds;
use eventsys::{
    ContRef, Data, EventCode, Guard, HrTime, Invocation, Outcome, ProxyMutex, StateMachine, call,
};
use iocore::buffer::{BUFFER_SIZE_INDEX_4K, BUFFER_SIZE_INDEX_32K};
use iocore::{IoChannel, IoData, NetVConnection as _, NetVcRef};

use crate::api::{ConnectOptions, connect_plugin};
use crate::chunked::ChunkedReader;
#[cfg(doc)]
use crate::events::HttpEvents;
use crate::hdr::{HttpParser, ResponseHdr};
use crate::proxy::HttpProxy;

mod answer;
mod asked;
mod stream;

pub use asked::{FetchEvents, FetchFlags, FetchWakeUp};

/// How long a fetch that cannot be destroyed at once waits. Mirrors `FETCH_LOCK_RETRY_TIME`.
const FETCH_LOCK_RETRY_TIME: HrTime = mseconds(10);

/// A fetch. Mirrors `TSFetchSM`.
///
/// The continuation gets it as the object of each event of stream IO, and of the last event of
/// [`FetchSM::fetch_url`].
///
/// ```
/// use std::sync::Arc;
/// use eventsys::hrtime::seconds;
/// use eventsys::sync::Mutex;
/// use eventsys::{Clock, Data, EventCode, EventProcessor, Outcome, ProxyMutex, StateMachine};
/// use httpsm::plugins::Plugin;
/// use httpsm::{FetchEvents, FetchSM, FetchWakeUp, HttpConfig, HttpProxy, NoOrigin, UrlRewrite};
///
/// let processor = EventProcessor::new(Clock::new_virtual());
/// let thread = processor.adopt_current_thread("ET_NET");
/// let config = HttpConfig { url_remap_required: false, ..HttpConfig::default() };
/// let proxy = HttpProxy::new(&processor, config, UrlRewrite::default(), Arc::new(NoOrigin));
/// Plugin::Generator.install(&proxy);
///
/// let events = FetchEvents {
///     success: EventCode(20001),
///     failure: EventCode(20002),
///     timeout: EventCode(20003),
/// };
/// let text = Arc::new(Mutex::new(Vec::new()));
/// let told = text.clone();
/// let plugin = StateMachine::new(ProxyMutex::new(), told, |told, _, event, data| {
///     assert_eq!(event, EventCode(20001));
///     let Data::Object(object) = data else { unreachable!("it brings the fetch") };
///     let fetch: &FetchSM = object.downcast_ref().expect("a fetch");
///     *told.lock() = fetch.response_text();
///     Outcome::Done
/// });
/// let request = b"GET http://origin/nocache/3/x HTTP/1.0\r\n\r\n";
/// let client = "127.0.0.1:4000".parse().unwrap();
/// FetchSM::fetch_url(&proxy, client, request, Some(plugin), FetchWakeUp::AfterBody, events);
/// thread.run_for(seconds(1));
/// let text = text.lock();
/// assert!(text.starts_with(b"HTTP/1.0 200 OK\r\n") && text.ends_with(b"\r\n\r\nxxx"));
/// ```
#[derive(Clone)]
pub struct FetchSM {
    machine: Arc<StateMachine<Fetch>>,
    about: Arc<About>,
}

/// What is read without the mutex.
struct About {
    id: u64,
    proxy: Arc<HttpProxy>,
    /// The mutex is not the continuation's.
    has_own_mutex: bool,
    /// The user has called `destroy`. Mirrors a `contp` that is null.
    abandoned: AtomicBool,
    destroyed: AtomicBool,
}

/// The head of an answer whose body is still to come: the object of the first event of
/// [`FetchSM::fetch_url`] with [`FetchWakeUp::AfterHeader`]. Mirrors the `HTTPHdr` that
/// `TSFetchPageRespGet` takes.
pub struct FetchedHead(pub FetchSM);

/// The state, under the mutex of the machine.
struct Fetch {
    about: Arc<About>,
    this: RefCell<Weak<StateMachine<Fetch>>>,
    addr: SocketAddr,
    cont: RefCell<Option<ContRef>>,
    /// The continuation's mutex, if the fetch has one of its own.
    cont_mutex: Option<Arc<ProxyMutex>>,
    wake_up: FetchWakeUp,
    events: FetchEvents,
    flags: Cell<FetchFlags>,
    is_method_head: bool,
    /// What the request's Content-Length says.
    req_content_length: Cell<i64>,
    request: IoChannel,
    answer: IoChannel,
    vc: RefCell<Option<NetVcRef>>,
    parser: RefCell<HttpParser>,
    head: RefCell<ResponseHdr>,
    header_done: Cell<bool>,
    has_sent_header: Cell<bool>,
    resp_is_chunked: Cell<Option<bool>>,
    resp_content_length: Cell<i64>,
    resp_received_body_len: Cell<i64>,
    /// Undoes the chunks, into a buffer of its own.
    dechunked: RefCell<Option<(ChunkedReader, IoChannel)>>,
    /// How many bytes of the head were not copied.
    lost: Cell<usize>,
    /// The whole answer, once it is complete.
    client_response: RefCell<Vec<u8>>,
    /// How many callbacks the machine is in: it is not freed below one.
    recursion: Cell<u32>,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// In what a new fetch differs from another one.
struct Kind {
    mutex: Arc<ProxyMutex>,
    cont_mutex: Option<Arc<ProxyMutex>>,
    wake_up: FetchWakeUp,
    events: FetchEvents,
    flags: FetchFlags,
    is_method_head: bool,
}

impl FetchSM {
    /// Makes a request and reads the whole answer. `request` is its text, the empty line included;
    /// `addr` becomes the client's address. The fetch frees itself behind its last event. Mirrors
    /// `TSFetchUrl` and `FetchSM::init`.
    ///
    /// # Panics
    /// If `cont` has no mutex: the original dereferences it.
    #[doc(alias = "TSFetchUrl")]
    pub fn fetch_url(
        proxy: &Arc<HttpProxy>,
        addr: SocketAddr,
        request: &[u8],
        cont: Option<ContRef>,
        wake_up: FetchWakeUp,
        events: FetchEvents,
    ) -> FetchSM {
        if let Some(cont) = &cont {
            let _ = mutex_of(cont);
        }
        let kind = Kind {
            mutex: ProxyMutex::new(),
            cont_mutex: None,
            wake_up,
            events,
            flags: FetchFlags::default(),
            is_method_head: false,
        };
        let fetch = FetchSM::new(proxy, addr, cont, kind);
        fetch.with(|state, guard| {
            state.request.buffer().write(guard, request);
            // The whole answer has room, whatever its size.
            state.answer.buffer().set_water_mark(guard, i64::MAX);
            state.http_connect(guard);
        });
        fetch
    }

    /// Begins a request with stream IO; [`FetchSM::launch`] sends it. `cont` gets the events
    /// [`TS_FETCH_EVENT_EXT_HEAD_DONE`](HttpEvents::TS_FETCH_EVENT_EXT_HEAD_DONE) and its kin.
    /// Mirrors `TSFetchCreate` and `FetchSM::ext_init`.
    ///
    /// # Panics
    /// If `cont` has no mutex.
    #[must_use]
    #[doc(alias = "TSFetchCreate")]
    pub fn create(
        proxy: &Arc<HttpProxy>,
        cont: ContRef,
        line: FetchLine<'_>,
        addr: SocketAddr,
        flags: FetchFlags,
    ) -> FetchSM {
        let conts = Arc::clone(mutex_of(&cont));
        let (mutex, cont_mutex) = match flags.new_lock {
            true => (ProxyMutex::new(), Some(conts)),
            false => (conts, None),
        };
        let none = EventCode(0);
        let kind = Kind {
            mutex,
            cont_mutex,
            wake_up: FetchWakeUp::NoCallback,
            events: FetchEvents { success: none, failure: none, timeout: none },
            flags: FetchFlags { stream: true, ..flags },
            is_method_head: line.method == b"HEAD",
        };
        let fetch = FetchSM::new(proxy, addr, Some(cont), kind);
        fetch.with(|state, guard| {
            let FetchLine { method, url, version } = line;
            let line = [method, b" ", url, b" ", version, b"\r\n"].concat();
            state.request.buffer().write(guard, &line);
        });
        fetch
    }

    /// Mirrors `init_comm`.
    fn new(proxy: &Arc<HttpProxy>, addr: SocketAddr, cont: Option<ContRef>, kind: Kind) -> FetchSM {
        let Kind { mutex, cont_mutex, wake_up, events, flags, is_method_head } = kind;
        let guard = mutex.lock();
        let about = Arc::new(About {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            proxy: Arc::clone(proxy),
            has_own_mutex: !flags.stream || flags.new_lock,
            abandoned: AtomicBool::new(false),
            destroyed: AtomicBool::new(false),
        });
        let state = Fetch {
            about: Arc::clone(&about),
            this: RefCell::default(),
            addr,
            cont: RefCell::new(cont),
            cont_mutex,
            wake_up,
            events,
            flags: Cell::new(flags),
            is_method_head,
            req_content_length: Cell::new(0),
            request: IoChannel::with_size(&guard, &mutex, BUFFER_SIZE_INDEX_4K),
            answer: IoChannel::with_size(&guard, &mutex, BUFFER_SIZE_INDEX_32K),
            vc: RefCell::default(),
            parser: RefCell::default(),
            head: RefCell::default(),
            header_done: Cell::new(false),
            has_sent_header: Cell::new(false),
            resp_is_chunked: Cell::new(None),
            resp_content_length: Cell::new(-1),
            resp_received_body_len: Cell::new(0),
            dechunked: RefCell::default(),
            lost: Cell::new(0),
            client_response: RefCell::default(),
            recursion: Cell::new(0),
        };
        drop(guard);
        let machine = StateMachine::new(mutex, state, Fetch::fetch_handler);
        let fetch = FetchSM { machine, about };
        fetch.with(|state, _| *state.this.borrow_mut() = Arc::downgrade(&fetch.machine));
        fetch
    }

    /// A number of its own, in this process.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.about.id
    }

    /// The address that the client has.
    #[must_use]
    pub fn client_addr(&self) -> SocketAddr {
        self.with(|state, _| state.addr)
    }

    /// Its mutex: the continuation's after [`FetchSM::create`], unless
    /// [`FetchFlags::new_lock`] is on. Each method takes it.
    #[must_use]
    pub fn mutex(&self) -> &Arc<ProxyMutex> {
        self.machine.mutex()
    }

    /// True if that is not the continuation's.
    #[must_use]
    pub fn has_own_mutex(&self) -> bool {
        self.about.has_own_mutex
    }

    /// True behind its last event, and after [`FetchSM::destroy`]. The original has freed the
    /// memory then.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.about.destroyed.load(Ordering::Acquire)
    }

    /// Changes what it does from now on. Mirrors `TSFetchFlagSet`.
    #[doc(alias = "TSFetchFlagSet")]
    pub fn set_flags(&self, flags: FetchFlags) {
        self.with(|state, _| state.flags.set(flags));
    }

    /// The text of the whole answer, head and body; empty before the last event of
    /// [`FetchSM::fetch_url`]. After [`FetchWakeUp::AfterHeader`] it has the body alone. Mirrors
    /// `TSFetchRespGet`.
    #[must_use]
    #[doc(alias = "TSFetchRespGet")]
    pub fn response_text(&self) -> Vec<u8> {
        self.with(|state, _| state.client_response.borrow().clone())
    }

    /// How many bytes of the head [`FetchSM::response_text`] lacks: zeros stand in their places, where
    /// the original has what lies behind the first block in memory. 0 with
    /// [`HttpCorrections::fetch_copies_whole_head`](crate::HttpCorrections).
    #[must_use]
    pub fn lost_of_head(&self) -> usize {
        self.with(|state, _| state.lost.get())
    }

    /// The head of the answer. Mirrors `TSFetchPageRespGet`, `TSFetchRespHdrMBufGet` and
    /// `TSFetchRespHdrMLocGet`.
    #[doc(alias = "TSFetchPageRespGet")]
    pub fn with_response<R>(&self, f: impl FnOnce(&mut ResponseHdr) -> R) -> R {
        self.with(|state, _| f(&mut state.head.borrow_mut()))
    }

    fn with<R>(&self, f: impl FnOnce(&Fetch, &Guard<'_>) -> R) -> R {
        let guard = self.machine.mutex().lock();
        f(self.machine.state(&guard), &guard)
    }
}

/// The first line of a request: method, URL and version, as texts that the original does not check.
#[derive(Clone, Copy, Debug)]
pub struct FetchLine<'a> {
    /// The method.
    pub method: &'a [u8],
    /// The target.
    pub url: &'a [u8],
    /// `HTTP/1.1`, for example.
    pub version: &'a [u8],
}

fn mutex_of(cont: &ContRef) -> &Arc<ProxyMutex> {
    cont.base().mutex().expect("a continuation that fetches has a mutex")
}

impl Fetch {
    fn this(&self) -> FetchSM {
        let machine = self.this.borrow().upgrade().expect("called by reference");
        FetchSM { machine, about: Arc::clone(&self.about) }
    }

    /// Mirrors `httpConnect`.
    fn http_connect(&self, guard: &Guard<'_>) {
        let options = ConnectOptions { tag: "fetchSM", ..ConnectOptions::new(self.addr) };
        let (vc, other_side) = connect_plugin(&self.about.proxy, &options);
        if self.flags.get().not_internal_request
            && let Some(other_side) = other_side
        {
            other_side.net_base().set_is_internal_request(false);
        }
        let this: ContRef = self.this().machine;
        self.answer.read(guard, &vc, &this);
        let length = self.request.reader().read_avail(guard) + self.req_content_length.get();
        self.request.write(guard, &vc, &this, length);
        *self.vc.borrow_mut() = Some(vc);
    }

    /// Mirrors `cleanUp`.
    fn clean_up(&self) {
        if self.about.destroyed.swap(true, Ordering::AcqRel) {
            return;
        }
        let vc = self.vc.take();
        if let Some(vc) = vc {
            vc.do_io_close(None);
        }
    }

    /// The continuation, until the user destroys the fetch.
    fn cont(&self) -> Option<ContRef> {
        let abandoned = self.about.abandoned.load(Ordering::Acquire);
        self.cont.borrow().clone().filter(|_| !abandoned)
    }

    /// Calls the plugin under its own mutex, for which the original waits. Mirrors `InvokePlugin`.
    fn invoke_plugin(&self, event: EventCode, data: Data<'_>) {
        let cont = self.cont();
        // The original dereferences a null pointer here.
        let cont = cont.expect("a fetch without a continuation has failed");
        let guard = mutex_of(&cont).lock();
        call(&cont, Some(&guard), event, data);
    }

    fn fetch_handler(&self, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        if self.about.destroyed.load(Ordering::Acquire) {
            return Outcome::Done;
        }
        let guard = call.guard();
        let is_of = |channel: &IoChannel| {
            data.vio().is_some_and(|vio| channel.vio().is_some_and(|own| own.is(vio)))
        };
        if is_of(&self.answer) {
            self.process_fetch_read(guard, event);
        } else if is_of(&self.request) {
            self.process_fetch_write(guard, event);
        } else if self.flags.get().stream {
            self.invoke_plugin_ext(guard, Some(event));
        } else {
            self.fail();
        }
        Outcome::Cont
    }

    fn fail(&self) {
        self.invoke_plugin(self.events.failure, Data::None);
        self.clean_up();
    }

    /// Mirrors `process_fetch_read`.
    fn process_fetch_read(&self, guard: &Guard<'_>, event: EventCode) {
        let stream = self.flags.get().stream;
        match event {
            EventCode::VC_EVENT_READ_READY => self.read_ready(guard),
            _ if stream => self.invoke_plugin_ext(guard, Some(event)),
            EventCode::VC_EVENT_READ_COMPLETE | EventCode::VC_EVENT_EOS => {
                if self.wake_up != FetchWakeUp::NoCallback {
                    self.get_info_from_buffer(guard);
                    self.invoke_plugin(self.events.success, Data::Object(&self.this()));
                }
                self.clean_up();
            }
            _ => self.fail(),
        }
    }

    fn read_ready(&self, guard: &Guard<'_>) {
        let (stream, reader) = (self.flags.get().stream, self.answer.reader());
        if !stream {
            // The original gives the buffer its bytes again, as blocks of their own, and
            // takes the first ones off; so the connection finds room.
            let bytes = reader.read_avail(guard);
            let id = reader.id();
            let copied =
                self.answer.buffer().with(guard, |buffer| buffer.write_within(id, bytes, 0));
            reader.consume(guard, copied);
        }
        if !self.header_done.get() && (stream || self.wake_up == FetchWakeUp::AfterHeader) {
            if self.parse_head(guard, |_| {}) {
                self.header_done.set(true);
                if stream {
                    return self.invoke_plugin_ext(guard, None);
                }
                let head = FetchedHead(self.this());
                self.invoke_plugin(self.events.success, Data::Object(&head));
            }
        } else if stream {
            return self.invoke_plugin_ext(guard, None);
        }
        self.answer.reenable(guard);
    }

    /// Mirrors `process_fetch_write`.
    fn process_fetch_write(&self, guard: &Guard<'_>, event: EventCode) {
        match event {
            EventCode::VC_EVENT_WRITE_READY if self.request.reader().read_avail(guard) > 0 => {
                self.request.reenable(guard);
            }
            EventCode::VC_EVENT_ERROR if self.flags.get().stream => {
                self.invoke_plugin_ext(guard, Some(event));
            }
            EventCode::VC_EVENT_ERROR => self.fail(),
            _ => {}
        }
    }
}
