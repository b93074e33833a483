//! [`PluginVCCore`]: the pair.
//!
//! Mirrors `class PluginVCCore` and its `alloc`, `init`, `connect`,
//! `connect_re`, `kill_no_connect`, `attempt_delete` and `destroy`.

use crate::steps as pvc;
use crate::steps::Side;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Weak};

use eventsys::mutex::census;
use eventsys::steps::{Step, StepKind, Steps, Subject};
use eventsys::sync::atomic::Ordering;
use eventsys::sync::{Flag, Mutex};
use eventsys::{
    ContRef, ContinuationBase, Data, EThread, EventCode, EventProcessor, Guard, Guarded,
    ProxyMutex, call,
};
use iocore::buffer::{MIOBuffer, ReaderId};
use iocore::{IoEvents, NetVcRef, UserData};

use crate::accept::AcceptState;
use crate::end::End;
use crate::locks::FirstMutex;
use crate::options::PluginVcOptions;
use crate::vc::{Active, Passive, PluginVC};

static NEXT_ID: AtomicU32 = AtomicU32::new(0);

/// Two ends and what lies between them.
///
/// # Contract
///
/// 1. [`alloc`](PluginVCCore::alloc) makes a pair for an acceptor. Set addresses and data now.
/// 2. [`connect`](PluginVCCore::connect) returns the active end; the acceptor is given the passive
///    end with `NET_EVENT_ACCEPT`, before `connect` returns or later. Or
///    [`connect_re`](PluginVCCore::connect_re), which gives the active end with `NET_EVENT_OPEN`.
///    Or [`kill_no_connect`](PluginVCCore::kill_no_connect), if the pair is not needed. Call
///    exactly one of the three, once.
/// 3. Both ends are used as [`VConnection`](iocore::VConnection)s. Each is closed once, and the pair
///    is freed when both are closed and no call of it is on a stack.
///
/// Three mutexes matter: the core mutex C, under which bytes move between the ends, and the mutex
/// of the state machine at each end. The event loop takes C, then tries the other two; see the
/// crate's table.
///
/// ```
/// use testkit::prelude::*;
///
/// let lab = Lab::new();
/// let (a, p) = lab.agents();
/// p.on(ACCEPT, |me| me.close());
/// let core = PluginVCCore::alloc(&lab.processor, p.cont());
/// core.set_active_addr("192.0.2.1:4000".parse().unwrap());
/// let vc = core.connect();
/// lab.settle();
/// assert_eq!(vc.get_local_addr().unwrap().port(), 4000);
/// vc.do_io_close(None);
/// lab.settle();
/// assert!(core.is_freed());
/// ```
pub struct PluginVCCore {
    /// The core mutex, C.
    pub(crate) base: ContinuationBase,
    pub(crate) this: Weak<PluginVCCore>,
    pub(crate) processor: Arc<EventProcessor>,
    pub(crate) steps: Steps,
    pub(crate) options: PluginVcOptions,
    /// How many bytes may wait in a buffer.
    pub(crate) max_bytes: i64,
    id: u32,
    /// The state of the active end and of the passive one.
    ends: [End; 2],
    /// Under C.
    state: Guarded<CoreState>,
    /// The acceptor, until the pair is freed.
    pub(crate) connect_to: Mutex<Option<ContRef>>,
    pub(crate) accept_state: Mutex<AcceptState>,
    pub(crate) connected: Flag,
    /// False once the pair has been freed. Mirrors `PLUGIN_VC_MAGIC_ALIVE`.
    pub(crate) alive: Flag,
    /// The pair keeps itself until it is freed, as the original's is freed by itself and by no
    /// user. A reference to an end is a reference to the pair.
    keeps: Mutex<Option<Arc<PluginVCCore>>>,
    /// Made at the first request: most pairs never get one.
    about: Mutex<Option<Box<About>>>,
}

/// What only the holder of C may touch.
pub(crate) struct CoreState {
    /// By the end that writes: `a_to_p` and `p_to_a`; none in epoch D, which saves their space.
    flows: Option<Box<[RefCell<Flow>; 2]>>,
    pub(crate) first_mutex: [[FirstMutex; 2]; 2],
}

impl CoreState {
    /// The core buffers, in an epoch that has them.
    pub(crate) fn flows(&self) -> &[RefCell<Flow>; 2] {
        self.flows.as_deref().expect("epochs B and C have core buffers")
    }
}

/// One direction's intermediate buffer. Mirrors `a_to_p_buffer` and `a_to_p_reader`.
pub(crate) struct Flow {
    pub(crate) buffer: MIOBuffer,
    pub(crate) reader: ReaderId,
}

impl Flow {
    fn new(options: &PluginVcOptions) -> Flow {
        let mut buffer = MIOBuffer::new(options.buffer_index);
        buffer.set_water_mark(options.buffer_water_mark);
        let reader = buffer.alloc_reader().expect("a new buffer has no readers");
        Flow { buffer, reader }
    }
}

/// Addresses and users' data: small, and seldom used.
#[derive(Default)]
pub(crate) struct About {
    pub(crate) active_addr: Option<SocketAddr>,
    pub(crate) passive_addr: Option<SocketAddr>,
    pub(crate) active_data: UserData,
    pub(crate) passive_data: UserData,
}

impl PluginVCCore {
    /// A pair that will be offered to `acceptor` (`NET_EVENT_ACCEPT`) when a user connects. Mirrors
    /// `PluginVCCore::alloc` and `init`.
    #[must_use]
    pub fn alloc(processor: &Arc<EventProcessor>, acceptor: ContRef) -> Arc<PluginVCCore> {
        PluginVCCore::alloc_with(processor, acceptor, PluginVcOptions::default())
    }

    /// As [`PluginVCCore::alloc`], with options.
    #[must_use]
    pub fn alloc_with(
        processor: &Arc<EventProcessor>,
        acceptor: ContRef,
        options: PluginVcOptions,
    ) -> Arc<PluginVCCore> {
        let mutex = ProxyMutex::new();
        let thread = EThread::current();
        let state = CoreState {
            flows: options
                .epoch
                .has_core_buffers()
                .then(|| Box::new([0, 1].map(|_| RefCell::new(Flow::new(&options))))),
            first_mutex: Default::default(),
        };
        let core = Arc::new_cyclic(|this: &Weak<PluginVCCore>| PluginVCCore {
            base: ContinuationBase::new(Arc::clone(&mutex)),
            ends: [End::new(&mutex, thread.as_ref()), End::new(&mutex, thread.as_ref())],
            this: Weak::clone(this),
            processor: Arc::clone(processor),
            steps: processor.steps().clone(),
            max_bytes: options.buffer_index.buffer_size(),
            options,
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            state: Guarded::new(mutex, state),
            connect_to: Mutex::new(Some(acceptor)),
            accept_state: Mutex::new(AcceptState::SendAccept),
            connected: Flag::default(),
            alive: Flag::default(),
            keeps: Mutex::new(None),
            about: Mutex::default(),
        });
        *core.keeps.lock() = Some(Arc::clone(&core));
        core.alive.set();
        core.report(|| pvc::pair(core.id), pvc::CREATE, None);
        core
    }

    /// Connects: the acceptor gets `NET_EVENT_ACCEPT` with the passive end,
    /// before this returns if the try-lock of its mutex succeeds, else later. Returns the active
    /// end. Mirrors `PluginVCCore::connect`.
    ///
    /// # Panics
    /// If the pair has been freed. If the event system has ended because a handler has
    /// panicked (`EventProcessor::handler_panic`), and the caller is not one of its threads: no
    /// event would ever come.
    pub fn connect(&self) -> NetVcRef {
        self.check_that_no_handler_has_panicked();
        assert!(self.connect_to.lock().is_some(), "connect_to != nullptr");
        self.connected.set();
        // Taken first: the acceptor may close, but the active end is ours to close.
        let active = self.end_ref(Side::Active).expect("not freed before it is connected");
        self.state_send_accept();
        active
    }

    /// As [`PluginVCCore::connect`], and gives the active end to `cont` with
    /// `NET_EVENT_OPEN` before it returns. The caller must hold `cont`'s mutex.
    /// Mirrors `PluginVCCore::connect_re`, which always answers
    /// `ACTION_RESULT_DONE`.
    ///
    /// # Panics
    /// As [`PluginVCCore::connect`], or if the caller does not hold `cont`'s mutex.
    pub fn connect_re(&self, guard: &Guard<'_>, cont: &ContRef) {
        self.check_that_no_handler_has_panicked();
        assert!(self.connect_to.lock().is_some(), "connect_to != nullptr");
        let _core = self.mutex().lock();
        self.connected.set();
        let active: NetVcRef = self.end_ref(Side::Active).expect("not freed before");
        self.state_send_accept();
        call(cont, Some(guard), EventCode::NET_EVENT_OPEN, Data::Object(&active));
    }

    /// Not checked on the processor's own threads: they end in any case, and a handler without a
    /// fault must not panic there.
    fn check_that_no_handler_has_panicked(&self) {
        let is_own = |thread: Option<&Arc<EThread>>| {
            thread.is_some_and(|thread| thread.is_of(&self.processor))
        };
        if let Some(panic) = self.processor.handler_panic()
            && !EThread::with_current(is_own)
        {
            panic!("{panic}");
        }
    }

    /// Gives up a pair that was never connected; the acceptor gets `NET_EVENT_ACCEPT_FAILED`.
    /// Mirrors `PluginVCCore::kill_no_connect`.
    pub fn kill_no_connect(&self) {
        debug_assert!(!self.connected.is_set(), "!connected");
        debug_assert!(!self.end(Side::Active).closed.is_set(), "!active_vc.closed");
        if let Some(active) = self.end_ref(Side::Active) {
            active.do_io_close(None);
        }
    }

    /// The number of the pair; grows with each pair of the process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// True once both ends have processed their close, or the acceptor has been told that no
    /// connection will come.
    #[must_use]
    pub fn is_freed(&self) -> bool {
        !self.alive.is_set()
    }

    /// The active end, until the pair is freed.
    #[must_use]
    pub fn active_vc(&self) -> Option<Arc<PluginVC<Active>>> {
        self.if_alive().map(PluginVC::of)
    }

    /// The passive end, until the pair is freed.
    #[must_use]
    pub fn passive_vc(&self) -> Option<Arc<PluginVC<Passive>>> {
        self.if_alive().map(PluginVC::of)
    }

    /// The core mutex.
    #[must_use]
    pub fn mutex(&self) -> &Arc<ProxyMutex> {
        self.state.mutex()
    }

    /// Sets the address of the active end. Mirrors `set_active_addr`.
    pub fn set_active_addr(&self, addr: SocketAddr) {
        self.with_about(|about| about.active_addr = Some(addr));
    }

    /// Sets the address of the passive end. Mirrors `set_passive_addr`.
    pub fn set_passive_addr(&self, addr: SocketAddr) {
        self.with_about(|about| about.passive_addr = Some(addr));
    }

    /// Sets the user's data of the active end. Mirrors `set_active_data`.
    pub fn set_active_data(&self, data: UserData) {
        let old = self.with_about(|about| std::mem::replace(&mut about.active_data, data));
        drop(old);
    }

    /// Sets the user's data of the passive end. Mirrors `set_passive_data`.
    pub fn set_passive_data(&self, data: UserData) {
        let old = self.with_about(|about| std::mem::replace(&mut about.passive_data, data));
        drop(old);
    }

    /// Says which ends are transparent. Mirrors `set_transparent`.
    pub fn set_transparent(&self, passive_side: bool, active_side: bool) {
        let [active, passive] = &self.ends;
        passive.net.set_is_transparent(passive_side);
        active.net.set_is_transparent(active_side);
    }

    /// What the holder of C may touch.
    #[inline]
    pub(crate) fn state<'a>(&'a self, core: &'a Guard<'_>) -> &'a CoreState {
        self.state.get(core)
    }

    /// Calls `f` with the addresses and users' data.
    pub(crate) fn with_about<R>(&self, f: impl FnOnce(&mut About) -> R) -> R {
        f(self.about.lock().get_or_insert_default())
    }

    #[inline]
    pub(crate) fn end(&self, side: Side) -> &End {
        &self.ends[side.index()]
    }

    /// A reference to the pair, until it is freed.
    pub(crate) fn if_alive(&self) -> Option<Arc<PluginVCCore>> {
        self.keeps.lock().clone()
    }

    /// An end for its user, from a caller that has a reference to the pair.
    #[inline]
    pub(crate) fn end_ref(&self, side: Side) -> Option<NetVcRef> {
        let pair = self.this.upgrade()?;
        Some(match side {
            Side::Active => PluginVC::<Active>::of(pair),
            Side::Passive => PluginVC::<Passive>::of(pair),
        })
    }

    /// The same as what is scheduled.
    #[inline]
    pub(crate) fn end_cont(&self, side: Side) -> Option<ContRef> {
        let pair = self.this.upgrade()?;
        Some(match side {
            Side::Active => PluginVC::<Active>::of(pair),
            Side::Passive => PluginVC::<Passive>::of(pair),
        })
    }

    #[inline(always)]
    #[track_caller]
    pub(crate) fn report(
        &self,
        subject: impl FnOnce() -> Subject,
        kind: StepKind,
        value: Option<i64>,
    ) {
        // By value: what the record is made of need not lie in memory when no record is made.
        self.steps.report(move || Step {
            at: self.processor.clock().get_hrtime(),
            held: census::held_locks(),
            ..Step::bare(subject(), kind, value)
        });
    }

    /// Frees the pair if both ends have processed their close, or tells the acceptor that no
    /// connection will come. The caller holds C. Mirrors `attempt_delete`.
    pub(crate) fn attempt_delete(&self) {
        let [active, passive] = &self.ends;
        if active.deletable.is_set() {
            if passive.deletable.is_set() {
                self.destroy();
            } else if !self.connected.is_set() {
                self.state_send_accept_failed();
            }
        }
    }

    /// Gives back the memory of a pair that is never closed, because its run has ended early: by a
    /// panic, or at the violation that an exploration has found. The pair and its ends refer to each
    /// other until the pair is freed; this cuts the circle, takes no step and calls no one back.
    /// Nothing may be done with the pair afterwards. The original has no such function: there a
    /// failed assertion ends the process.
    pub fn abandon(&self) {
        self.cut();
    }

    /// Mirrors `PluginVCCore::destroy`. The memory goes with the last reference;
    /// from now on no call on the pair is allowed.
    pub(crate) fn destroy(&self) {
        self.report(|| pvc::pair(self.id), pvc::DESTROY, None);
        let connected = self.connected.is_set();
        let [active, passive] = &self.ends;
        debug_assert!(active.closed.is_set() || !connected, "active_vc.closed || !connected");
        debug_assert!(passive.closed.is_set() || !connected, "passive_vc.closed || !connected");
        self.cut();
    }

    fn cut(&self) {
        self.alive.clear();
        let keeps = self.keeps.lock().take();
        let acceptor = self.connect_to.lock().take();
        let about = self.about.lock().take();
        drop((acceptor, about, keeps));
    }
}
