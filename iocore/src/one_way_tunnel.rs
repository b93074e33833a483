//! [`OneWayTunnel`]: copies everything from one connection to another.
//!
//! Mirrors `iocore/utils/I_OneWayTunnel.h` and `OneWayTunnel.cc` (9.1.3): the
//! smallest complete user of connections, operations and buffers, and a good example to read before
//! writing a state machine.
//!
//! **Modelled**: the tunnel that sets both operations up itself, with one buffer
//! or two, a filter between two buffers, closing of one or both connections, the
//! pair of tunnels that end each other. **Not modelled**: the two `init`
//! functions that take over operations that another state machine has issued. **Could you tell?**
//! Without a filter and with two buffers the original asserts «Not Implemented» on the first byte;
//! here [`OneWayTunnel::start`] refuses.

use crate::{IoEvents, event_name};
use std::cell::{Cell, RefCell};
use std::sync::{Arc, Weak};

use eventsys::{
    ContRef, Continuation, ContinuationBase, Data, EventCode, Guard, Guarded, Invocation, Outcome,
    ProxyMutex, call,
};

use crate::bound::{BoundBuffer, IOBufferReader};
use crate::buffer::{BUFFER_SIZE_INDEX_32K, MIOBuffer, buffer_size_to_index};
use crate::vconnection::{IoData, VConnection};
use crate::vio::{VIO, VioHandle};

/// As many bytes as come. Mirrors `TUNNEL_TILL_DONE`.
pub const TUNNEL_TILL_DONE: i64 = i64::MAX;

/// A filter: takes bytes from the first buffer by its reader and puts what it
/// makes of them into the second. Mirrors `Transform_fn`.
///
/// It is a part of [`TunnelOptions`], whose example gives one.
pub type Transform = Box<dyn FnMut(&Guard<'_>, &IOBufferReader, &BoundBuffer) + Send>;

/// The options of a tunnel. Stands for the arguments of `OneWayTunnel::init`.
///
/// ```
/// use iocore::TunnelOptions;
///
/// let options = TunnelOptions {
///     close_target: false,
///     transform: Some(Box::new(|guard, from, to| {
///         let bytes = from.block_view(guard).to_ascii_uppercase();
///         to.write(guard, &bytes);
///         from.consume(guard, bytes.len() as i64);
///     })),
///     ..TunnelOptions::default()
/// };
/// ```
pub struct TunnelOptions {
    /// Called back at the end, with `VC_EVENT_EOS` or `VC_EVENT_ERROR`, and the
    /// tunnel as data; the tunnel then runs under its mutex.
    pub cont: Option<ContRef>,
    /// Expected size of the data in bytes, 0 if not known: chooses the block size.
    pub size_estimate: i64,
    /// Bytes to copy; [`TUNNEL_TILL_DONE`] for all.
    pub nbytes: i64,
    /// Close the source at the end.
    pub close_source: bool,
    /// Close the target at the end.
    pub close_target: bool,
    /// A filter. With a filter, source and target have a buffer each.
    pub transform: Option<Transform>,
    /// The water mark of the source's buffer, in bytes.
    pub water_mark: i64,
}

impl Default for TunnelOptions {
    fn default() -> TunnelOptions {
        TunnelOptions {
            cont: None,
            size_estimate: 0,
            nbytes: TUNNEL_TILL_DONE,
            close_source: true,
            close_target: true,
            transform: None,
            water_mark: 0,
        }
    }
}

/// A state machine that copies from one connection to another.
///
/// # Contract
///
/// Make a tunnel, make both connections' state machines let go of the direction, and call
/// [`start`](OneWayTunnel::start) with the tunnel's mutex held. The tunnel then is the state
/// machine of the source's read and of the target's write. At the end it tells
/// [`TunnelOptions::cont`], and closes what the options say. For both directions make two tunnels
/// and call [`set_up_two_way`](OneWayTunnel::set_up_two_way) first.
///
/// ```
/// use eventsys::ProxyMutex;
/// use iocore::OneWayTunnel;
///
/// let mutex = ProxyMutex::new();
/// let (east, west) = (OneWayTunnel::new(mutex.clone()), OneWayTunnel::new(mutex));
/// OneWayTunnel::set_up_two_way(&east, &west);
/// ```
pub struct OneWayTunnel {
    base: ContinuationBase,
    state: Guarded<State>,
}

#[derive(Default)]
struct State {
    source: RefCell<Option<VioHandle>>,
    target: RefCell<Option<VioHandle>>,
    /// Set while the source's and the target's buffer are two.
    filter: RefCell<Option<Filter>>,
    cont: RefCell<Option<ContRef>>,
    peer: RefCell<Weak<OneWayTunnel>>,
    lerrno: Cell<i32>,
    close_source: Cell<bool>,
    close_target: Cell<bool>,
    till_done: Cell<bool>,
    /// Cleared when the peer of a two-way tunnel has closed the connections.
    free_vcs: Cell<bool>,
}

struct Filter {
    transform: Transform,
    from: IOBufferReader,
    to: BoundBuffer,
}

impl OneWayTunnel {
    /// A tunnel that is not connected yet. It runs under `mutex`, which must be
    /// that of [`TunnelOptions::cont`] if there is one.
    #[must_use]
    pub fn new(mutex: Arc<ProxyMutex>) -> Arc<OneWayTunnel> {
        let state = State { free_vcs: Cell::new(true), ..State::default() };
        Arc::new(OneWayTunnel {
            base: ContinuationBase::new(Arc::clone(&mutex)),
            state: Guarded::new(mutex, state),
        })
    }

    /// Makes two tunnels in opposite directions end each other. Mirrors
    /// `SetupTwoWayTunnel`.
    ///
    /// # Panics
    /// If they do not run under the same mutex.
    pub fn set_up_two_way(east: &Arc<OneWayTunnel>, west: &Arc<OneWayTunnel>) {
        assert!(Arc::ptr_eq(east.state.mutex(), west.state.mutex()), "east->mutex == west->mutex");
        let guard = east.state.mutex().lock();
        *east.state.get(&guard).peer.borrow_mut() = Arc::downgrade(west);
        *west.state.get(&guard).peer.borrow_mut() = Arc::downgrade(east);
    }

    /// Starts to copy from `source` to `target`. No read may be under way on the
    /// one and no write on the other. Mirrors the first `OneWayTunnel::init`.
    ///
    /// # Panics
    /// If [`TunnelOptions::cont`] does not run under the tunnel's mutex.
    pub fn start(
        self: &Arc<Self>,
        source: &dyn VConnection,
        target: &dyn VConnection,
        options: TunnelOptions,
    ) {
        let mutex = self.state.mutex();
        if let Some(cont) = &options.cont {
            let same = cont.base().mutex().is_some_and(|other| Arc::ptr_eq(other, mutex));
            assert!(same, "the tunnel and its continuation run under one mutex");
        }
        let guard = mutex.lock();
        let state = self.state.get(&guard);
        state.close_source.set(options.close_source);
        state.close_target.set(options.close_target);
        state.till_done.set(options.nbytes == TUNNEL_TILL_DONE);
        *state.cont.borrow_mut() = options.cont;

        let size_index = match options.size_estimate {
            0 => BUFFER_SIZE_INDEX_32K,
            size => buffer_size_to_index(size, BUFFER_SIZE_INDEX_32K),
        };
        let from = MIOBuffer::new(size_index).bind(mutex);
        from.set_water_mark(&guard, options.water_mark);
        let to = match options.transform {
            None => from.clone(),
            Some(transform) => {
                let to = MIOBuffer::new(size_index).bind(mutex);
                let reader = from.alloc_reader(&guard).expect("a new buffer");
                *state.filter.borrow_mut() =
                    Some(Filter { transform, from: reader, to: to.clone() });
                to
            }
        };
        let this: ContRef = Arc::clone(self) as ContRef;
        let read = source.do_io_read(&guard, Some(Arc::clone(&this)), options.nbytes, Some(&from));
        *state.source.borrow_mut() = Some(read);
        let reader = to.alloc_reader(&guard).expect("a new buffer");
        let write = target.do_io_write(&guard, Some(this), options.nbytes, Some(&reader));
        *state.target.borrow_mut() = Some(write);
    }

    /// The error number of the connection that failed, 0 if none did. With a
    /// guard of the tunnel's mutex.
    pub fn lerrno(&self, guard: &Guard<'_>) -> i32 {
        self.state.get(guard).lerrno.get()
    }

    /// Mirrors `OneWayTunnel::startEvent`.
    fn start_event(&self, call: &Invocation<'_>, event: EventCode, vio: Option<&VIO>) -> Outcome {
        let guard = call.guard();
        let state = self.state.get(guard);
        let (source, target) = (state.source.borrow().clone(), state.target.borrow().clone());
        let Some(target) = target else {
            return self.fail(call, vio);
        };
        match event {
            EventCode::ONE_WAY_TUNNEL_EVENT_PEER_CLOSE => {
                *state.peer.borrow_mut() = Weak::new();
                state.free_vcs.set(false);
                self.end(call, 0)
            }
            EventCode::VC_EVENT_READ_READY => {
                state.transform(guard);
                target.reenable(guard);
                Outcome::Cont
            }
            EventCode::VC_EVENT_WRITE_READY => {
                if let Some(source) = source {
                    source.reenable(guard);
                }
                Outcome::Cont
            }
            EventCode::VC_EVENT_EOS => {
                if !state.till_done.get() && vio.is_some_and(|vio| vio.ntodo() > 0) {
                    return self.fail(call, vio);
                }
                match (vio, &source) {
                    (Some(vio), Some(source)) if source.is(vio) => {
                        state.transform(guard);
                        self.read_complete(call, &target)
                    }
                    _ => self.end(call, 0),
                }
            }
            EventCode::VC_EVENT_READ_COMPLETE => self.read_complete(call, &target),
            EventCode::VC_EVENT_ERROR => self.fail(call, vio),
            EventCode::VC_EVENT_INACTIVITY_TIMEOUT | EventCode::VC_EVENT_ACTIVE_TIMEOUT => {
                self.end(call, -1)
            }
            EventCode::VC_EVENT_WRITE_COMPLETE => self.end(call, 0),
            _ => {
                debug_assert!(false, "bad case: {}", event.shown_by(event_name));
                Outcome::Cont
            }
        }
    }

    /// The source has given everything: only the bytes in the buffer are left to write.
    fn read_complete(&self, call: &Invocation<'_>, target: &VioHandle) -> Outcome {
        let guard = call.guard();
        let state = self.state.get(guard);
        if let Some(filter) = &mut *state.filter.borrow_mut() {
            filter.run(guard);
        }
        target.done(guard);
        if target.ntodo() == 0 {
            return self.end(call, 0);
        }
        target.reenable(guard);
        if state.peer.borrow().strong_count() == 0 {
            state.close(&state.source, state.close_source.get(), 0);
        }
        Outcome::Done
    }

    fn fail(&self, call: &Invocation<'_>, vio: Option<&VIO>) -> Outcome {
        let state = self.state.get(call.guard());
        let failed = [&state.source, &state.target].into_iter().find_map(|handle| {
            handle.borrow().as_ref().filter(|handle| vio.is_some_and(|vio| handle.is(vio))).cloned()
        });
        state.lerrno.set(failed.map_or(0, |handle| handle.vc_server().lerrno()));
        self.end(call, -1)
    }

    /// Mirrors what follows the label `Ldone`, and `connection_closed`.
    fn end(&self, call_: &Invocation<'_>, result: i32) -> Outcome {
        let guard = call_.guard();
        let state = self.state.get(guard);
        let peer = std::mem::take(&mut *state.peer.borrow_mut()).upgrade();
        if let Some(peer) = peer {
            let peer: ContRef = peer;
            call(&peer, Some(guard), EventCode::ONE_WAY_TUNNEL_EVENT_PEER_CLOSE, Data::None);
        }
        state.close(&state.source, state.close_source.get(), result);
        state.close(&state.target, state.close_target.get(), result);
        state.filter.borrow_mut().take();
        let cont = state.cont.borrow_mut().take();
        if let Some(cont) = cont {
            let event = match result {
                0 => EventCode::VC_EVENT_EOS,
                _ => EventCode::VC_EVENT_ERROR,
            };
            call(&cont, Some(guard), event, Data::Object(self));
        }
        Outcome::Done
    }
}

impl State {
    fn transform(&self, guard: &Guard<'_>) {
        if let Some(filter) = &mut *self.filter.borrow_mut() {
            filter.run(guard);
        }
    }

    /// Mirrors `close_source_vio` and `close_target_vio`.
    fn close(&self, handle: &RefCell<Option<VioHandle>>, close: bool, result: i32) {
        let Some(vio) = handle.borrow_mut().take() else { return };
        if close && self.free_vcs.get() {
            vio.vc_server().do_io_close((result != 0).then(|| self.lerrno.get()));
        }
    }
}

impl Filter {
    fn run(&mut self, guard: &Guard<'_>) {
        (self.transform)(guard, &self.from, &self.to);
    }
}

impl Continuation for OneWayTunnel {
    fn base(&self) -> &ContinuationBase {
        &self.base
    }

    fn handle_event(&self, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        self.start_event(call, event, data.vio())
    }
}
