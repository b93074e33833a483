//! What the tests of real connections share: one net thread that the test runs
//! pass by pass, and state machines that write down their events.
#![allow(dead_code, unreachable_pub)] // Each test binary uses some of it.

use std::cell::RefCell;
use std::net::TcpStream;
use std::ops::Deref;
use std::sync::Arc;

use eventsys::{
    Clock, ContRef, Data, EventCode, Guard, Invocation, Outcome, ProxyMutex, StateMachine,
};
use iocore::buffer::{MIOBuffer, SizeIndex};
use iocore::net::NetConfig;
use iocore::{BoundBuffer, IOBufferReader, IoData, IoEvents, NetVcRef, ShutdownHowTo, VioHandle};
use testkit::Alone;
use testkit::net::NetLab;

/// One net thread, the test's own, which leaves no event, no block and no connection
/// behind.
pub struct Stage {
    lab: NetLab,
    /// After the laboratory, whose end drops what it keeps.
    _alone: Alone,
}

impl Deref for Stage {
    type Target = NetLab;

    fn deref(&self) -> &NetLab {
        &self.lab
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.has_no_connections(), "a connection is left");
        }
    }
}

impl Stage {
    pub fn new() -> Stage {
        Stage::with(Clock::new_real(), NetConfig::default())
    }

    pub fn in_virtual_time() -> Stage {
        Stage::with(Clock::new_virtual(), NetConfig::default())
    }

    pub fn with(clock: Arc<Clock>, config: NetConfig) -> Stage {
        let alone = Alone::counting();
        Stage { lab: NetLab::with(clock, config), _alone: alone }
    }

    /// A connection: the machine that got it, and the other end, a plain socket.
    pub fn accepted(&self, react: impl Fn(&End, &Call<'_>) + Send + 'static) -> Pair {
        let machine = machine(react);
        let (action, address) = self.accept(machine.clone());
        let peer = NetLab::client(address);
        self.run_until(|| machine.has(EventCode::NET_EVENT_ACCEPT));
        action.cancel();
        Pair { machine, peer }
    }
}

pub struct Pair {
    pub machine: Arc<Machine>,
    pub peer: TcpStream,
}

/// A state machine that keeps its events and reacts as the test says.
pub struct End {
    pub log: RefCell<Vec<EventCode>>,
    pub vc: RefCell<Option<NetVcRef>>,
    pub error: RefCell<Option<i32>>,
    pub read: RefCell<Option<(VioHandle, IOBufferReader)>>,
    pub write: RefCell<Option<(VioHandle, BoundBuffer)>>,
    pub received: RefCell<Vec<u8>>,
    #[allow(clippy::type_complexity)]
    react: Box<dyn Fn(&End, &Call<'_>) + Send>,
}

pub type Machine = StateMachine<End>;

/// One call of a machine.
pub struct Call<'a> {
    pub guard: &'a Guard<'a>,
    pub this: &'a ContRef,
    pub event: EventCode,
}

impl Call<'_> {
    /// The machine's mutex.
    pub fn guard_mutex(&self) -> &Arc<ProxyMutex> {
        self.this.base().mutex().expect("a state machine has a mutex")
    }
}

pub fn machine(react: impl Fn(&End, &Call<'_>) + Send + 'static) -> Arc<Machine> {
    let end = End {
        log: RefCell::default(),
        vc: RefCell::default(),
        error: RefCell::default(),
        read: RefCell::default(),
        write: RefCell::default(),
        received: RefCell::default(),
        react: Box::new(react),
    };
    StateMachine::new(ProxyMutex::new(), end, handle)
}

fn handle(end: &End, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
    end.log.borrow_mut().push(event);
    if let Some(vc) = data.net_vc() {
        *end.vc.borrow_mut() = Some(Arc::clone(vc));
    }
    if let Some(error) = data.net_error() {
        *end.error.borrow_mut() = Some(error);
    }
    (end.react)(end, &Call { guard: call.guard(), this: call.this(), event });
    Outcome::Done
}

impl End {
    pub fn vc(&self) -> NetVcRef {
        self.vc.borrow().clone().expect("there is a connection")
    }

    pub fn do_read(&self, call: &Call<'_>, nbytes: i64, size: SizeIndex, water: i64) {
        let buffer = self.new_buffer(call, size);
        buffer.set_water_mark(call.guard, water);
        let reader = buffer.alloc_reader(call.guard).expect("a new buffer");
        let this = Some(Arc::clone(call.this));
        let vio = self.vc().do_io_read(call.guard, this, nbytes, Some(&buffer));
        *self.read.borrow_mut() = Some((vio, reader));
    }

    pub fn do_write(&self, call: &Call<'_>, nbytes: i64, size: SizeIndex, bytes: &[u8]) {
        let buffer = self.new_buffer(call, size);
        let reader = buffer.alloc_reader(call.guard).expect("a new buffer");
        buffer.write(call.guard, bytes);
        let this = Some(Arc::clone(call.this));
        let vio = self.vc().do_io_write(call.guard, this, nbytes, Some(&reader));
        *self.write.borrow_mut() = Some((vio, buffer));
    }

    /// Takes off what has come, and asks for more unless the read is complete.
    pub fn take(&self, call: &Call<'_>) {
        let (vio, reader) = self.read.borrow().clone().expect("a read is under way");
        let mut bytes = vec![0; usize::try_from(reader.read_avail(call.guard)).unwrap_or(0)];
        reader.read(call.guard, &mut bytes);
        self.received.borrow_mut().extend_from_slice(&bytes);
        if call.event == EventCode::VC_EVENT_READ_READY {
            vio.reenable(call.guard);
        }
    }

    pub fn shutdown(&self, howto: ShutdownHowTo) {
        self.vc().do_io_shutdown(howto);
    }

    /// Closes, and drops everything.
    pub fn close(&self) {
        let vc = self.vc.borrow_mut().take();
        vc.expect("there is a connection").do_io_close(None);
        self.read.borrow_mut().take();
        self.write.borrow_mut().take();
    }

    fn new_buffer(&self, call: &Call<'_>, size: SizeIndex) -> BoundBuffer {
        MIOBuffer::new(size).bind(call.guard_mutex())
    }
}

/// What the tests ask of a machine from outside.
pub trait Ask {
    fn with<R>(&self, f: impl FnOnce(&End) -> R) -> R;
    /// Acts as the machine, under its mutex.
    fn act(&self, f: impl FnOnce(&End, &Call<'_>));
    fn log(&self) -> Vec<EventCode>;
    fn count(&self, event: EventCode) -> usize {
        self.log().iter().filter(|&&other| other == event).count()
    }
    fn has(&self, event: EventCode) -> bool {
        self.count(event) > 0
    }
    fn received(&self) -> Vec<u8> {
        self.with(|end| end.received.borrow().clone())
    }
}

impl Ask for Arc<Machine> {
    fn with<R>(&self, f: impl FnOnce(&End) -> R) -> R {
        f(self.state(&self.mutex().lock()))
    }

    fn act(&self, f: impl FnOnce(&End, &Call<'_>)) {
        let guard = self.mutex().lock();
        let this = Arc::clone(self) as ContRef;
        f(self.state(&guard), &Call { guard: &guard, this: &this, event: EventCode::EVENT_NONE });
    }

    fn log(&self) -> Vec<EventCode> {
        self.with(|end| end.log.borrow().clone())
    }
}
