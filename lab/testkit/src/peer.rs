//! [`Peer`]: one end of a connection, as a program at the other end of a wire.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use eventsys::{ContRef, Data, EventCode, Guard, Invocation, Outcome, ProxyMutex, StateMachine};
use iocore::buffer::{BUFFER_SIZE_INDEX_32K, MIOBuffer};
use iocore::{BoundBuffer, IOBufferReader, IoData, NetVcRef, ShutdownHowTo, VioHandle, VioOp};

/// One end of a connection that reads everything that comes and writes what it is told
/// to: a client or a server without rules. Works on any
/// [`NetVConnection`](iocore::NetVConnection).
///
/// ```
/// use testkit::prelude::*;
///
/// let lab = Lab::new();
/// let p = lab.agent("P");
/// p.on(ACCEPT, |me| { me.read(MAX); me.write_now(b"welcome"); });
/// let core = PluginVCCore::alloc(&lab.processor, p.cont());
/// lab.tidies(&core);
/// let client = Peer::new(core.connect());
/// lab.settle();
/// assert_eq!(client.received(), b"welcome");
/// client.send(b"thanks");
/// lab.settle();
/// assert_eq!(client.unsent(), 0, "P reads");
/// client.close();
/// ```
#[derive(Clone)]
pub struct Peer(Arc<StateMachine<State>>);

#[derive(Default)]
struct State {
    vc: RefCell<Option<NetVcRef>>,
    read: RefCell<Option<VioHandle>>,
    write: RefCell<Option<VioHandle>>,
    input: RefCell<Option<IOBufferReader>>,
    output: RefCell<Option<BoundBuffer>>,
    unsent: RefCell<Option<IOBufferReader>>,
    received: RefCell<Vec<u8>>,
    end: Cell<Option<EventCode>>,
    paused: Cell<bool>,
}

impl Peer {
    /// Begins to read and to write on `vc`, under a mutex of its own.
    ///
    /// # Panics
    /// If `vc` is closed.
    #[must_use]
    pub fn new(vc: NetVcRef) -> Peer {
        let machine = StateMachine::new(ProxyMutex::new(), State::default(), handle);
        let cont: ContRef = Arc::clone(&machine) as ContRef;
        {
            let guard = machine.mutex().lock();
            let state = machine.state(&guard);
            let buffer = || {
                let buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_32K).bind(machine.mutex());
                let reader = buffer.alloc_reader(&guard).expect("a new buffer");
                (buffer, reader)
            };
            let (input, reader) = buffer();
            let this = Some(Arc::clone(&cont));
            let read = vc.do_io_read(&guard, this, i64::MAX, Some(&input));
            *state.read.borrow_mut() = Some(read);
            *state.input.borrow_mut() = Some(reader);
            let (output, reader) = buffer();
            let write = vc.do_io_write(&guard, Some(cont), i64::MAX, Some(&reader));
            *state.write.borrow_mut() = Some(write);
            *state.output.borrow_mut() = Some(output);
            *state.unsent.borrow_mut() = Some(reader);
            *state.vc.borrow_mut() = Some(vc);
        }
        Peer(machine)
    }

    fn with<R>(&self, f: impl FnOnce(&State, &Guard<'_>) -> R) -> R {
        let guard = self.0.mutex().lock();
        f(self.0.state(&guard), &guard)
    }

    /// Writes `bytes`, unless the peer is closed.
    pub fn send(&self, bytes: &[u8]) {
        self.with(|state, guard| {
            let Some(buffer) = state.output.borrow().clone() else { return };
            buffer.write(guard, bytes);
            let vio = state.write.borrow().clone();
            if let Some(vio) = vio {
                vio.reenable(guard);
            }
        });
    }

    /// How many bytes of [`Peer::send`] the connection has not taken yet.
    #[must_use]
    pub fn unsent(&self) -> i64 {
        self.with(|state, guard| {
            state.unsent.borrow().as_ref().map_or(0, |reader| reader.read_avail(guard))
        })
    }

    /// Everything that has come so far.
    #[must_use]
    pub fn received(&self) -> Vec<u8> {
        self.with(|state, _| state.received.borrow().clone())
    }

    /// The bytes that have come since the last call of this method.
    pub fn take(&self) -> Vec<u8> {
        self.with(|state, _| state.received.take())
    }

    /// The event that ended the connection for this peer: `VC_EVENT_EOS`, an error of
    /// the read, or a timeout.
    #[must_use]
    pub fn end(&self) -> Option<EventCode> {
        self.with(|state, _| state.end.get())
    }

    /// Stops reading, or goes on.
    pub fn pause(&self, paused: bool) {
        self.with(|state, guard| {
            state.paused.set(paused);
            if !paused {
                take(state, guard);
            }
        });
    }

    /// Shuts the write side down.
    pub fn shutdown_write(&self) {
        self.with(|state, _| {
            if let Some(vc) = &*state.vc.borrow() {
                vc.do_io_shutdown(ShutdownHowTo::Write);
            }
        });
    }

    /// Closes the connection and drops everything that belongs to it.
    pub fn close(&self) {
        self.with(|state, _| {
            let vc = state.vc.take();
            if let Some(vc) = vc {
                vc.do_io_close(None);
            }
            drop((state.read.take(), state.write.take()));
            drop((state.input.take(), state.output.take(), state.unsent.take()));
        });
    }
}

fn handle(state: &State, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
    let is_write = || data.vio().is_some_and(|vio| vio.op() == VioOp::Write);
    match event {
        EventCode::VC_EVENT_READ_READY if !state.paused.get() => take(state, call.guard()),
        EventCode::VC_EVENT_READ_READY
        | EventCode::VC_EVENT_WRITE_READY
        | EventCode::VC_EVENT_WRITE_COMPLETE => {}
        // The other end takes no more bytes; what it has sent can still be read.
        EventCode::VC_EVENT_ERROR if is_write() => {}
        other => {
            if !state.paused.get() {
                drain(state, call.guard());
            }
            state.end.set(Some(other));
        }
    }
    Outcome::Done
}

/// Takes what has come, and asks for more.
fn take(state: &State, guard: &Guard<'_>) {
    drain(state, guard);
    let vio = state.read.borrow().clone();
    if let Some(vio) = vio {
        vio.reenable(guard);
    }
}

/// Takes what has come.
fn drain(state: &State, guard: &Guard<'_>) {
    let Some(reader) = state.input.borrow().clone() else { return };
    let n = reader.read_avail(guard);
    let mut bytes = vec![0; usize::try_from(n).unwrap_or(0)];
    reader.read(guard, &mut bytes);
    state.received.borrow_mut().extend(bytes);
}
