//! The user of a NetVC, which stands in the proxy's place.
//!
//! It does what the user of a pair's end does ([`Op`]); at the other end is a plain socket. It is
//! called `netvc` in reports, which tell each of its callbacks with the bytes of its VIO.

mod run;

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use eventsys::{
    ContRef, Data, EThread, EventCode, Guard, Invocation, Outcome, ProxyMutex, Request,
    StateMachine,
};
use iocore::net::NetProcessor;
use iocore::{
    IoData, IoEvents, NetVCOptions, NetVcRef, ShutdownHowTo, VConnection, VIO, VioHandle, VioOp,
};
use pluginvc::Epoch;
use pluginvc::steps::Side;

use super::model::When;
use super::record::HttpWhat;
use super::stage::Stage;
use crate::buffers::Buffers;
use crate::calls::Interface;
use crate::counts::EventCounts;
use crate::held::call_in;
use crate::model::{PairDef, Reaction, Trigger};
use crate::op::{HowTo, Op};
use crate::read::event_name;
use crate::record::{Effect, Performed};

pub(super) use self::run::run;

/// What a report calls the user of the NetVC.
pub(super) const NETVC: &str = "netvc";

/// It is to connect now.
const START: EventCode = EventCode(9_000);
/// A timer's event; plus the index of its reaction.
const TIMER: i32 = 10_000;
/// After so many callbacks, or with so many on the stack, it closes: a reaction can call itself back
/// without end. Fewer than a turn of the port's net thread has (see `handler.rs` of `iocore::net`).
const MOST_CALLS: u32 = 250;
const DEEPEST: u32 = 100;

/// From so many bytes on it is the system's choice how many of a write it takes before it lets the
/// write wait, so a report says that it has taken some.
const MANY: i64 = 64 * 1024;
const SOME: &str = "some";

/// What is written at once.
static X: [u8; 1 << 16] = [b'x'; 1 << 16];

/// The user of a NetVC.
pub(super) struct NetVc {
    machine: Arc<StateMachine<State>>,
}

struct State {
    stage: Arc<Stage>,
    thread: Arc<EThread>,
    /// The address that it connects to, and what makes the connection.
    target: Option<(Arc<NetProcessor>, std::net::SocketAddr)>,
    vc: RefCell<Option<NetVcRef>>,
    closed: Cell<bool>,
    /// Which VIOs know their connection.
    issued: [Cell<bool>; 2],
    buffers: Buffers,
    counts: EventCounts,
    calls: Cell<u32>,
    depth: Cell<u32>,
    /// What it was told last.
    last: RefCell<Option<String>>,
}

impl NetVc {
    /// A user that waits for its connection, or makes one to `target`.
    fn new(
        stage: &Arc<Stage>,
        thread: &Arc<EThread>,
        target: Option<(Arc<NetProcessor>, std::net::SocketAddr)>,
    ) -> NetVc {
        let mutex = ProxyMutex::new();
        let interface = Interface::of(Epoch::default());
        let buffers = Buffers::new(&PairDef::default(), interface, &mutex, &mutex.lock());
        let state = State {
            stage: Arc::clone(stage),
            thread: Arc::clone(thread),
            target,
            vc: RefCell::default(),
            closed: Cell::new(false),
            issued: Default::default(),
            buffers,
            counts: EventCounts::default(),
            calls: Cell::new(0),
            depth: Cell::new(0),
            last: RefCell::default(),
        };
        NetVc { machine: StateMachine::new(mutex, state, State::handle) }
    }

    fn cont(&self) -> ContRef {
        Arc::clone(&self.machine) as ContRef
    }

    /// Has it connect.
    fn start(&self) {
        let request = Request::new(self.cont()).code(START);
        let guard = self.machine.mutex().lock();
        self.machine.state(&guard).thread.schedule_imm(request);
    }

    /// True when it has had its connection, and has closed it or could not make it.
    fn is_over(&self) -> bool {
        let guard = self.machine.mutex().lock();
        self.machine.state(&guard).closed.get()
    }

    /// Closes, at the end of a run.
    fn close(&self) {
        let guard = self.machine.mutex().lock();
        self.machine.state(&guard).close();
    }

    /// Lets go of its connection; the run has ended early.
    fn leave(&self) {
        if let Some(guard) = self.machine.mutex().try_lock() {
            drop(self.machine.state(&guard).vc.take());
        }
    }
}

impl State {
    fn handle(&self, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        let (guard, this) = (call.guard(), call.this());
        if let Some(vc) = data.net_vc() {
            let word = if event == EventCode::NET_EVENT_ACCEPT { "ACCEPT" } else { "OPEN" };
            self.connected(guard, this, vc, word);
        } else if let Some(vio) = data.vio() {
            self.told(guard, this, event, vio);
        } else if event == START {
            if let Some((net, address)) = &self.target {
                let options = NetVCOptions {
                    sockopt_flags: NetVCOptions::SOCK_OPT_NO_DELAY,
                    ..NetVCOptions::default()
                };
                let _action = net.connect_re(this, *address, &options);
            }
        } else if event == EventCode::NET_EVENT_OPEN_FAILED {
            self.closed.set(true);
            self.stage.note(NETVC, "OPEN_FAILED");
        } else if event.0 >= TIMER && !self.is_ending() {
            let Reaction { trigger, ops } = &self.reactions()[(event.0 - TIMER) as usize];
            if let Trigger::After(span) = *trigger {
                self.stage.record(NETVC, HttpWhat::Moment(When::After(span)));
            }
            self.stage.note_activity();
            self.carry_out(guard, this, *trigger, ops);
        }
        Outcome::Done
    }

    fn is_ending(&self) -> bool {
        self.stage.shared().ending
    }

    fn reactions(&self) -> &[Reaction] {
        self.stage.scenario.netvc.as_deref().unwrap_or_default()
    }

    fn connected(&self, guard: &Guard<'_>, this: &ContRef, vc: &NetVcRef, word: &str) {
        if self.is_ending() || self.vc.borrow().is_some() || self.closed.get() {
            vc.do_io_close(None);
            return;
        }
        *self.vc.borrow_mut() = Some(Arc::clone(vc));
        self.stage.note(NETVC, word);
        self.stage.shared().moments.push_back(When::NetVc(Trigger::Connect));
        for (index, reaction) in self.reactions().iter().enumerate() {
            if let Trigger::After(span) = reaction.trigger {
                let code = TIMER + i32::try_from(index).expect("a scenario is not that long");
                let request = Request::new(Arc::clone(this)).code(EventCode(code));
                call_in(&self.thread, request, span);
            }
        }
        self.react(guard, this, &[Trigger::Connect]);
    }

    /// A VIO calls it back.
    fn told(&self, guard: &Guard<'_>, this: &ContRef, event: EventCode, vio: &VIO) {
        if self.is_ending() {
            return;
        }
        let text = text_of(event, vio);
        // How often the system lets a large write wait is its choice, too.
        if !text.contains(SOME) || self.last.borrow().as_ref() != Some(&text) {
            self.stage.note(NETVC, text.as_str());
        }
        *self.last.borrow_mut() = Some(text);
        let nth = self.counts.count(event);
        self.stage.shared().moments.push_back(When::NetVc(Trigger::Event(event, nth)));
        let calls = self.calls.get() + 1;
        self.calls.set(calls);
        if calls > MOST_CALLS || self.depth.get() >= DEEPEST {
            self.stage.note(NETVC, "closes: this goes on without end");
            self.close();
            return;
        }
        self.react(guard, this, &[Trigger::Event(event, nth), Trigger::Event(event, 0)]);
    }

    /// Carries out the first of these reactions that there is.
    fn react(&self, guard: &Guard<'_>, this: &ContRef, meant: &[Trigger]) {
        let find = |trigger| self.reactions().iter().find(|one| one.trigger == trigger);
        let Some(reaction) = meant.iter().copied().find_map(find) else { return };
        self.depth.set(self.depth.get() + 1);
        self.carry_out(guard, this, reaction.trigger, &reaction.ops);
        self.depth.set(self.depth.get() - 1);
    }

    fn carry_out(&self, guard: &Guard<'_>, this: &ContRef, trigger: Trigger, ops: &[Op]) {
        for (index, &op) in ops.iter().enumerate() {
            if self.is_ending() {
                return;
            }
            self.do_op(guard, this, (trigger, index, op));
        }
    }

    fn do_op(&self, guard: &Guard<'_>, this: &ContRef, (trigger, index, op): (Trigger, usize, Op)) {
        let note = |effect| {
            let side = if self.target.is_some() { Side::Active } else { Side::Passive };
            let performed = Performed { side, by_deputy: false, index, op, effect };
            self.stage.record(NETVC, HttpWhat::VcOp(trigger, performed));
        };
        match op {
            Op::Write(n) => {
                note(Effect::Done);
                let mut left = usize::try_from(n).unwrap_or(0);
                while left > 0 {
                    let piece = left.min(X.len());
                    self.buffers.write.write(guard, &X[..piece]);
                    left -= piece;
                }
                return;
            }
            Op::Consume(n) => return note(Effect::Took(self.buffers.consume(guard, n))),
            Op::WaterMark(n) => {
                self.buffers.read.set_water_mark(guard, n);
                return note(Effect::Done);
            }
            _ => {}
        }
        let Some(vc) = self.vc.borrow().clone() else {
            return note(if self.closed.get() { Effect::Closed } else { Effect::NotConnected });
        };
        let is_issued = |op| self.issued[usize::from(op == VioOp::Write)].get();
        let issue = |op| self.issued[usize::from(op == VioOp::Write)].replace(true);
        note(match op {
            Op::DoIoRead(..) if issue(VioOp::Read) => Effect::Again,
            Op::DoIoWrite(..) if issue(VioOp::Write) => Effect::Again,
            _ => Effect::Done,
        });
        match op {
            Op::DoIoRead(n, how) => {
                let buffer = (!how.no_buffer).then_some(&self.buffers.read);
                vc.do_io_read(guard, Some(Arc::clone(this)), n, buffer);
            }
            Op::DoIoWrite(n, how) => {
                let reader = (!how.no_buffer).then_some(&self.buffers.write_reader);
                vc.do_io_write(guard, Some(Arc::clone(this)), n, reader);
            }
            Op::Reenable(op) if is_issued(op) => self.vio(&vc, op).reenable(guard),
            Op::ReenableRe(op) if is_issued(op) => self.vio(&vc, op).reenable_re(guard),
            Op::Shutdown(how_to) => vc.do_io_shutdown(match how_to {
                HowTo::Read => ShutdownHowTo::Read,
                HowTo::Write => ShutdownHowTo::Write,
                HowTo::Both => ShutdownHowTo::ReadWrite,
            }),
            Op::Close => self.close(),
            Op::InactivityTimeout(span) => vc.set_inactivity_timeout(span),
            Op::ActiveTimeout(span) => vc.set_active_timeout(span),
            Op::Reenable(_) | Op::ReenableRe(_) | Op::Hold(..) | Op::Buffer(_) => {}
            Op::Write(_) | Op::Consume(_) | Op::WaterMark(_) => {}
        }
    }

    fn vio(&self, vc: &NetVcRef, op: VioOp) -> VioHandle {
        VioHandle::new(Arc::clone(vc) as Arc<dyn VConnection>, op)
    }

    fn close(&self) {
        let vc = self.vc.take();
        if let Some(vc) = vc {
            self.closed.set(true);
            vc.do_io_close(None);
        }
    }
}

/// A callback, as a report tells it: of an event that either direction can have, which one.
fn text_of(event: EventCode, vio: &VIO) -> String {
    let is_of_one = matches!(
        event,
        EventCode::VC_EVENT_READ_READY
            | EventCode::VC_EVENT_READ_COMPLETE
            | EventCode::VC_EVENT_WRITE_READY
            | EventCode::VC_EVENT_WRITE_COMPLETE
    );
    let of = match (is_of_one, vio.op()) {
        (true, _) => "",
        (false, VioOp::Write) => " of the write",
        (false, _) => " of the read",
    };
    let nbytes = match vio.nbytes() {
        i64::MAX => "max".to_owned(),
        nbytes => nbytes.to_string(),
    };
    let is_some = vio.op() == VioOp::Write && (MANY..vio.nbytes()).contains(&vio.ndone());
    let done = if is_some { SOME.to_owned() } else { vio.ndone().to_string() };
    format!("{}{of}, {done} of {nbytes}", event_name(event))
}
