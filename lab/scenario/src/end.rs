//! [`End`]: a state machine that does what a program says.

use crate::driver;
use pluginvc::steps::Side;
use std::cell::{Cell, RefCell};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};

use eventsys::steps::{Step, StepKind};
use eventsys::{
    ContRef, Continuation, Data, EThread, EventCode, FreeContinuation, Guard, Invocation, Outcome,
    ProxyMutex, Request, StateMachine,
};
use iocore::{IoData, NetVcRef, ShutdownHowTo, VIO, VioHandle, VioOp};

#[cfg(feature = "explore")]
use super::buffers::Flow;
use super::buffers::{Buffers, Taken};
use super::call::BufferCall;
use super::counts::EventCounts;
use super::deputy::{Deputy, take_inside};
use super::held::{call_in, give_way, hold};
use super::model::Trigger;
use super::op::{How, HowTo, Op, OpCont, Owner};
use super::record::{Called, Effect, Performed, What};
use super::stage::{Between, Stage};

/// A timer's event; plus the index of its reaction.
const TIMER: i32 = 10_000;
/// The index of an operation that is of no reaction.
#[cfg(feature = "explore")]
const NO_REACTION: usize = usize::MAX;
/// How many callbacks may be on the stack of one end: a reaction with
/// `reenable_re` can call itself back without end.
const DEEPEST: u32 = 100;
/// How many bytes the two ends may write in all: on the way to the most calls, a
/// reaction could fill the memory.
const MOST_BYTES: i64 = 256 << 20;
/// A copied byte counts as so many: a copy makes a block of each block, even of one with one byte, and
/// a copy of copies could fill the memory with them.
const COST_OF_A_COPY: i64 = 64;

/// One end.
pub(super) struct End {
    side: Side,
    stage: RefCell<Option<Arc<Stage>>>,
    mutex: Arc<ProxyMutex>,
    /// The continuation that stands before it, if it has no mutex.
    cont: RefCell<Option<Weak<dyn Continuation>>>,
    vc: RefCell<Option<NetVcRef>>,
    buffers: RefCell<Option<Arc<Buffers>>>,
    deputy: RefCell<Option<Deputy>>,
    /// True while the deputy is called back: operations on buffers mean its own.
    is_deputy_called: Cell<bool>,
    /// Whether a read, and a write, has been issued.
    issued: [Cell<bool>; 2],
    /// How often each event has come.
    counts: EventCounts,
    depth: Cell<u32>,
}

/// The end of `side`, under `mutex`; it must be given a stage before it is used.
pub(super) fn new_end(side: Side, mutex: Arc<ProxyMutex>) -> Arc<StateMachine<End>> {
    let end = End {
        side,
        stage: RefCell::default(),
        mutex: Arc::clone(&mutex),
        cont: RefCell::default(),
        vc: RefCell::default(),
        buffers: RefCell::default(),
        deputy: RefCell::default(),
        is_deputy_called: Cell::new(false),
        issued: Default::default(),
        counts: EventCounts::default(),
        depth: Cell::new(0),
    };
    StateMachine::new(mutex, end, End::handle)
}

/// The continuation of `end`: itself, or one without a mutex, under which the end's state is locked
/// all the same, because safe code has to lock it.
pub(super) fn cont_of(end: &Arc<StateMachine<End>>, is_without_mutex: bool) -> ContRef {
    if !is_without_mutex {
        return Arc::clone(end) as ContRef;
    }
    let its = Arc::clone(end);
    let cont: ContRef = FreeContinuation::new(move |call, event, data| {
        let guard = its.mutex().lock();
        its.state(&guard).called(&guard, call.this(), event, data)
    });
    *end.state(&end.mutex().lock()).cont.borrow_mut() = Some(Arc::downgrade(&cont));
    cont
}

impl End {
    /// Tells the end, which is `this`, where it plays.
    pub(super) fn enter(
        &self,
        guard: &Guard<'_>,
        this: &Arc<StateMachine<End>>,
        stage: &Arc<Stage>,
    ) {
        let buffers =
            Buffers::new(&stage.program.pair, stage.between.interface, &self.mutex, guard);
        *self.buffers.borrow_mut() = Some(Arc::new(buffers));
        *self.deputy.borrow_mut() = Some(Deputy::new(this, self.side, stage));
        *self.stage.borrow_mut() = Some(Arc::clone(stage));
    }

    /// The event thread that the end's timers are on.
    fn thread<'a>(&self, stage: &'a Stage) -> &'a EThread {
        &stage.threads[usize::from(self.side != Side::Active)]
    }

    /// The deputy has been called back; `guard` is of the end's mutex.
    pub(super) fn deputize(&self, guard: &Guard<'_>, this: &ContRef, event: EventCode, vio: &VIO) {
        let before = self.is_deputy_called.replace(true);
        let own = self.cont.borrow().as_ref().and_then(Weak::upgrade);
        self.told(guard, own.as_ref().unwrap_or(this), event, vio);
        self.is_deputy_called.set(before);
    }

    /// An operation calls the end back.
    fn told(&self, guard: &Guard<'_>, this: &ContRef, event: EventCode, vio: &VIO) {
        let kind = if vio.op() == VioOp::Write { driver::SM_WRITE } else { driver::SM_READ };
        self.stage().contract.called(self.side, event, vio);
        self.report(guard, kind, event);
        self.event(guard, this, event);
    }

    /// Calls `f` with the buffers that operations mean, and a guard of theirs.
    fn with_buffers<R>(&self, guard: &Guard<'_>, f: impl FnOnce(&Buffers, &Guard<'_>) -> R) -> R {
        if self.is_deputy_called.get() {
            let deputy = self.deputy();
            f(&deputy.buffers, &deputy.mutex.lock())
        } else {
            let buffers = self.buffers.borrow().clone().expect("made on entering");
            f(&buffers, guard)
        }
    }

    fn deputy(&self) -> Deputy {
        self.deputy.borrow().clone().expect("made on entering")
    }

    /// The mutex of its deputy.
    #[cfg(feature = "explore")]
    pub(super) fn deputy_mutex(&self) -> Arc<ProxyMutex> {
        self.deputy().mutex
    }

    /// What has come out of its buffers and its deputy's, and into them.
    #[cfg(feature = "explore")]
    pub(super) fn flow(&self, guard: &Guard<'_>) -> Flow {
        let own = self.buffers.borrow().clone().expect("made on entering").flow(guard);
        let deputy = self.deputy();
        let deputy = deputy.buffers.flow(&deputy.mutex.lock());
        Flow {
            written: own.written + deputy.written,
            unsent: own.unsent + deputy.unsent,
            received: own.received + deputy.received,
            wrong_at: own.wrong_at,
        }
    }

    /// Forgets the connection, which must have been closed.
    #[cfg(feature = "explore")]
    pub(super) fn forget(&self) {
        drop(self.vc.borrow_mut().take());
    }

    /// Forgets the connection and the stage: the run has ended early, and the end is not used
    /// again.
    pub(super) fn leave(&self) {
        drop((self.vc.take(), self.deputy.take(), self.stage.take()));
    }

    /// The key of its deputy's mutex.
    pub(super) fn deputy_key(&self) -> usize {
        self.deputy().mutex.key()
    }

    /// What the end has taken off its read buffer.
    pub(super) fn taken(&self, guard: &Guard<'_>) -> Taken {
        self.buffers.borrow().as_ref().map(|buffers| buffers.taken(guard)).unwrap_or_default()
    }

    /// The end has got its connection.
    pub(super) fn connected(&self, guard: &Guard<'_>, this: &ContRef, vc: &NetVcRef) {
        *self.vc.borrow_mut() = Some(Arc::clone(vc));
        let stage = self.stage();
        stage.note_activity();
        stage.contract.connected(self.side, vc);
        if stage.ending.load(Ordering::Relaxed) {
            self.close();
            return;
        }
        for (index, range) in stage.program.reactions.iter().enumerate() {
            if let (true, Trigger::After(span)) = (range.side == self.side, range.trigger) {
                let code = i32::try_from(index).expect("a scenario is not that long");
                let request = Request::new(Arc::clone(this)).code(EventCode(TIMER + code));
                call_in(self.thread(&stage), request, span);
            }
        }
        self.react(guard, this, &[Trigger::Connect]);
    }

    /// Closes the connection, if there is one that is not closed.
    pub(super) fn close(&self) {
        let vc = self.vc.borrow().clone();
        if let Some(vc) = vc {
            self.stage().close(self.side, &vc);
        }
    }

    fn stage(&self) -> Arc<Stage> {
        self.stage.borrow().clone().expect("an end is given a stage before it is used")
    }

    fn handle(&self, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        self.called(call.guard(), call.this(), event, data)
    }

    fn called(
        &self,
        guard: &Guard<'_>,
        this: &ContRef,
        event: EventCode,
        data: Data<'_>,
    ) -> Outcome {
        if let Some(vc) = data.net_vc() {
            self.connected(guard, this, vc);
        } else if let Some(vio) = data.vio() {
            self.told(guard, this, event, vio);
        } else if event.0 >= TIMER {
            let stage = self.stage();
            assert!(
                self.cont.borrow().is_none() || stage.between.interface.calls_without_mutex,
                "the original dereferences a null pointer here: the event has no mutex"
            );
            stage.note_activity();
            if stage.contract.is_freed(self.side) {
                return Outcome::Done;
            }
            let range = &stage.program.reactions[(event.0 - TIMER) as usize];
            let (side, trigger) = (self.side, range.trigger);
            stage.note(What::Reaction { side, trigger, is_there: true });
            self.carry_out(guard, this, range.first..range.end);
        }
        Outcome::Done
    }

    fn report(&self, guard: &Guard<'_>, kind: StepKind, event: EventCode) {
        let stage = self.stage();
        let seen = self.with_buffers(guard, Buffers::seen);
        stage.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
        self.tell(kind, i64::from(event.0));
        let by_deputy = self.is_deputy_called.get();
        stage.note(What::Seen(Called { side: self.side, by_deputy, seen }));
    }

    /// The reaction for this very time, or the one for all other times.
    fn event(&self, guard: &Guard<'_>, this: &ContRef, event: EventCode) {
        let nth = self.counts.count(event);
        self.react(guard, this, &[Trigger::Event(event, nth), Trigger::Event(event, 0)]);
    }

    /// Carries out the first of these reactions that the program has.
    fn react(&self, guard: &Guard<'_>, this: &ContRef, meant: &[Trigger]) {
        let stage = self.stage();
        stage.note_activity();
        let calls = stage.calls.fetch_add(1, Ordering::Relaxed);
        let depth = self.depth.get();
        if calls >= stage.program.limits.calls || depth >= DEEPEST {
            stage.runaway.store(true, Ordering::Relaxed);
        }
        let find = |trigger: &Trigger| stage.reactions.get(&(self.side, *trigger));
        let range = meant.iter().find_map(find).map(|&at| &stage.program.reactions[at]);
        if let Some(trigger) = range.map(|range| range.trigger).or(meant.first().copied()) {
            let is_there = range.is_some();
            stage.note(What::Reaction { side: self.side, trigger, is_there });
        }
        if let Some(range) = range {
            self.depth.set(depth + 1);
            self.carry_out(guard, this, range.first..range.end);
            self.depth.set(depth);
        }
    }

    /// The threads of the scenario are about to begin.
    #[cfg(feature = "explore")]
    pub(super) fn race(&self, guard: &Guard<'_>, this: &ContRef) {
        if self.stage().reactions.contains_key(&(self.side, Trigger::Race)) {
            self.react(guard, this, &[Trigger::Race]);
        }
    }

    /// Carries out an operation that no reaction has.
    #[cfg(feature = "explore")]
    pub(super) fn carry_out_one(&self, guard: &Guard<'_>, this: &ContRef, op: Op) {
        self.do_op(guard, this, (NO_REACTION, op), &self.stage());
    }

    fn carry_out(&self, guard: &Guard<'_>, this: &ContRef, ops: std::ops::Range<usize>) {
        let stage = self.stage();
        for index in ops {
            if stage.is_over() {
                return;
            }
            self.do_op(guard, this, (index, stage.program.ops[index]), &stage);
        }
    }

    fn do_op(&self, guard: &Guard<'_>, this: &ContRef, (index, op): (usize, Op), stage: &Stage) {
        let (side, by_deputy) = (self.side, self.is_deputy_called.get());
        let note = |effect| {
            stage.note(What::Op(Performed { side, by_deputy, index, op, effect }));
        };
        match op {
            Op::Write(n) => {
                if stage.written.fetch_add(n, Ordering::Relaxed) + n > MOST_BYTES {
                    stage.runaway.store(true, Ordering::Relaxed);
                    return note(Effect::TooMuch);
                }
                self.with_buffers(guard, |buffers, guard| buffers.fill(guard, n));
                return note(Effect::Done);
            }
            Op::Consume(n) => {
                let took = self.with_buffers(guard, |buffers, guard| buffers.consume(guard, n));
                return note(Effect::Took(took));
            }
            Op::WaterMark(n) => {
                self.with_buffers(guard, |buffers, guard| buffers.read.set_water_mark(guard, n));
                return note(Effect::Done);
            }
            Op::Buffer(call) => return self.call(guard, call, stage, note),
            Op::Hold(whose, span) => {
                note(Effect::Done);
                return hold(&stage.holder, &stage.threads[0], whose, span);
            }
            _ => {}
        }
        let vc = self.vc.borrow().clone();
        let is_open = !stage.closed[side.index()].load(Ordering::Relaxed);
        let effect = match op {
            _ if vc.is_none() => Effect::NotConnected,
            _ if !is_open => Effect::Closed,
            Op::DoIoRead(..) if self.issued[0].replace(true) => Effect::Again,
            Op::DoIoWrite(..) if self.issued[1].replace(true) => Effect::Again,
            _ => Effect::Done,
        };
        note(effect);
        if op == Op::Close {
            give_way(&stage.holder, Owner::Core);
            return self.close();
        }
        let Some(vc) = vc.filter(|_| is_open) else { return };
        let _used = stage.contract.uses(side, op);
        match op {
            Op::DoIoRead(n, how) => self.do_io(guard, this, (VioOp::Read, n, how), &vc),
            Op::DoIoWrite(n, how) => self.do_io(guard, this, (VioOp::Write, n, how), &vc),
            Op::Reenable(op) => self.with_vio(guard, &vc, op, VioHandle::reenable),
            Op::ReenableRe(op) => {
                give_way(&stage.holder, Owner::Core);
                self.with_vio(guard, &vc, op, VioHandle::reenable_re);
            }
            Op::Shutdown(how_to) => {
                if stage.between.locks_shutdown {
                    give_way(&stage.holder, Owner::Core);
                }
                vc.do_io_shutdown(match how_to {
                    HowTo::Read => ShutdownHowTo::Read,
                    HowTo::Write => ShutdownHowTo::Write,
                    HowTo::Both => ShutdownHowTo::ReadWrite,
                });
            }
            Op::InactivityTimeout(span) => vc.set_inactivity_timeout(span),
            Op::ActiveTimeout(span) => vc.set_active_timeout(span),
            Op::Write(_)
            | Op::Consume(_)
            | Op::WaterMark(_)
            | Op::Hold(..)
            | Op::Buffer(_)
            | Op::Close => {}
        }
    }

    /// Calls a function of the plugin interface's buffers, and tells what it returns.
    fn call(&self, guard: &Guard<'_>, call: BufferCall, stage: &Stage, note: impl Fn(Effect)) {
        if !self.with_buffers(guard, |buffers, guard| buffers.can(guard, call)) {
            return note(Effect::NotThere);
        }
        let copied = self.with_buffers(guard, |buffers, guard| buffers.copied(guard, call));
        let cost = match call {
            BufferCall::Produce(_, bytes) | BufferCall::Put(_, bytes) => bytes,
            BufferCall::Copy(..) => copied.saturating_mul(COST_OF_A_COPY),
            _ => 0,
        };
        if stage.written.fetch_add(cost, Ordering::Relaxed) + cost > MOST_BYTES {
            stage.runaway.store(true, Ordering::Relaxed);
            return note(Effect::TooMuch);
        }
        note(match call {
            BufferCall::Copy(..) => Effect::Copied(copied),
            _ => Effect::Done,
        });
        self.with_buffers(guard, |buffers, guard| {
            buffers.perform(guard, call, &mut |kind, value| self.tell(kind, value));
        });
    }

    /// A step of the user's.
    fn tell(&self, kind: StepKind, value: i64) {
        let stage = self.stage();
        stage.processor.steps().report(|| Step {
            at: stage.processor.clock().get_hrtime(),
            held: eventsys::mutex::census::held_locks(),
            ..Step::bare(self.side.of_pair(stage.between.pair), kind, Some(value))
        });
    }

    /// Without a continuation the operation is under the core mutex, and so must
    /// its buffer be: it gets an empty one of its own. The mutex that the VIO was
    /// under is held too.
    fn do_io(
        &self,
        guard: &Guard<'_>,
        this: &ContRef,
        (op, n, how): (VioOp, i64, How),
        vc: &NetVcRef,
    ) {
        let (stage, deputy) = (self.stage(), self.deputy());
        let needs_deputy = how.cont == OpCont::Deputy || vc.vio(op).is_bound_to(&deputy.mutex);
        let of_deputy = needs_deputy.then(|| take_inside(&deputy.mutex, "the operation"));
        // With the mutex missed, the operation is left out.
        let of_deputy = match of_deputy {
            Some(None) => return,
            Some(taken) => taken,
            None => None,
        };
        let was_under_core = vc.vio(op).is_bound_to(&stage.between.core_mutex);
        let needs_core = how.cont == OpCont::Absent || was_under_core;
        let of_core = needs_core.then(|| stage.lock_core());
        let own = self.buffers.borrow().clone().expect("made on entering");
        let (cont, buffers, guard) = match (how.cont, &of_core, &of_deputy) {
            (OpCont::Absent, Some(core), _) => {
                let Between { core_mutex, interface, .. } = &stage.between;
                let empty = Buffers::new(&stage.program.pair, *interface, core_mutex, core);
                (None, Arc::new(empty), core)
            }
            (OpCont::Deputy, _, Some(guard)) => {
                (Some(deputy.cont.clone()), Arc::clone(&deputy.buffers), guard)
            }
            _ => (Some(Arc::clone(this)), own, guard),
        };
        match op {
            VioOp::Write => {
                let reader = (!how.no_buffer).then_some(&buffers.write_reader);
                vc.do_io_write(guard, cont, n, reader);
            }
            _ => {
                let buffer = (!how.no_buffer).then_some(&buffers.read);
                vc.do_io_read(guard, cont, n, buffer);
            }
        }
    }

    /// Calls `f` with the VIO and a guard of the mutex that it is under.
    fn with_vio(
        &self,
        guard: &Guard<'_>,
        vc: &NetVcRef,
        op: VioOp,
        f: impl FnOnce(&VioHandle, &Guard<'_>),
    ) {
        let (stage, deputy) = (self.stage(), self.deputy());
        let vio = VioHandle::new(Arc::clone(vc) as Arc<dyn iocore::VConnection>, op);
        if vio.is_bound_to(&stage.between.core_mutex) {
            f(&vio, &stage.lock_core());
        } else if vio.is_bound_to(&deputy.mutex) {
            if let Some(guard) = take_inside(&deputy.mutex, "the operation") {
                f(&vio, &guard);
            }
        } else {
            f(&vio, guard);
        }
    }
}
