//! [`User`]: a client or an origin server that is a plugin, at one end of a pair.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use eventsys::{ContRef, Data, EventCode, Guard, Invocation, Outcome, ProxyMutex, StateMachine};
use iocore::buffer::{BUFFER_SIZE_INDEX_32K, MIOBuffer};
use iocore::{BoundBuffer, IOBufferReader, IoData, IoEvents, NetVcRef, ShutdownHowTo, VioHandle};

use super::model::When;
use super::op::{Deed, Move};
use super::stage::{Line, Stage, Who};

/// A plugin at one end of a pair.
pub(super) struct User {
    machine: Arc<StateMachine<State>>,
}

struct State {
    stage: Arc<Stage>,
    who: Who,
    line: RefCell<Option<Line>>,
    vc: RefCell<Option<NetVcRef>>,
    read: RefCell<Option<VioHandle>>,
    write: RefCell<Option<VioHandle>>,
    input: RefCell<Option<(BoundBuffer, IOBufferReader)>>,
    output: RefCell<Option<(BoundBuffer, IOBufferReader)>>,
    reads: Cell<bool>,
    /// What it does when all has been written.
    then: Cell<Then>,
}

/// What follows a write that has an end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Nothing,
    End,
    Close,
}

impl User {
    /// A plugin that waits for its connection, or gets it by [`User::begin`].
    pub(super) fn new(stage: &Arc<Stage>, who: Who) -> Arc<User> {
        let state = State {
            stage: Arc::clone(stage),
            who,
            line: RefCell::default(),
            vc: RefCell::default(),
            read: RefCell::default(),
            write: RefCell::default(),
            input: RefCell::default(),
            output: RefCell::default(),
            reads: Cell::new(true),
            then: Cell::new(Then::Nothing),
        };
        let machine = StateMachine::new(ProxyMutex::new(), state, State::handle);
        let user = Arc::new(User { machine });
        stage.shared().users.push(Arc::clone(&user));
        user
    }

    /// As a continuation.
    pub(super) fn cont(&self) -> ContRef {
        Arc::clone(&self.machine) as ContRef
    }

    /// Whose it is.
    pub(super) fn who(&self) -> Who {
        self.with(|state, _, _| state.who)
    }

    /// It has its connection.
    pub(super) fn begin(&self, name: String, vc: NetVcRef) {
        self.with(|state, guard, this| state.begin(guard, this, name, vc));
    }

    /// True when it has closed, or has no connection.
    pub(super) fn is_over(&self) -> bool {
        self.with(|state, _, _| state.vc.borrow().is_none())
    }

    /// This moment has come for it.
    pub(super) fn react(&self, when: When) {
        self.with(|state, guard, this| {
            let line = state.line.borrow();
            let moves = line.as_ref().filter(|_| state.vc.borrow().is_some());
            let moves = moves.map(|line| line.at(&state.stage, when)).unwrap_or_default();
            drop(line);
            state.perform(guard, this, moves);
        });
    }

    /// Does what is due.
    pub(super) fn pass(&self) {
        self.with(|state, guard, this| {
            let due = state.line.borrow_mut().as_mut().map(|line| line.due(&state.stage));
            state.perform(guard, this, due.unwrap_or_default());
        });
    }

    /// Closes, at the end of a run.
    pub(super) fn close(&self) {
        self.with(|state, _, _| state.close(None));
    }

    /// Lets go of its connection and its buffers, and calls no one. Nothing may be done with it
    /// afterwards.
    pub(super) fn leave(&self) {
        // After a panic another thread may hold the mutex for ever.
        let Some(guard) = self.machine.mutex().try_lock() else { return };
        let state = self.machine.state(&guard);
        drop((state.vc.take(), state.read.take(), state.write.take()));
        drop((state.input.take(), state.output.take()));
    }

    fn with<R>(&self, f: impl FnOnce(&State, &Guard<'_>, &ContRef) -> R) -> R {
        let cont = self.cont();
        let guard = self.machine.mutex().lock();
        f(self.machine.state(&guard), &guard, &cont)
    }
}

impl State {
    fn begin(&self, guard: &Guard<'_>, this: &ContRef, name: String, vc: NetVcRef) {
        // Nothing would close it: those that are open are closed when the run ends.
        if self.stage.shared().ending {
            vc.do_io_close(None);
            return;
        }
        let mutex = this.base().mutex().expect("a state machine has a mutex");
        let buffer = || {
            let buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_32K).bind(mutex);
            let reader = buffer.alloc_reader(guard).expect("the first of five");
            (buffer, reader)
        };
        *self.line.borrow_mut() = Some(Line::new(&self.stage, name, self.who));
        let (input, output) = (buffer(), buffer());
        let read = vc.do_io_read(guard, Some(this.clone()), i64::MAX, Some(&input.0));
        *self.read.borrow_mut() = Some(read);
        *self.input.borrow_mut() = Some(input);
        *self.output.borrow_mut() = Some(output);
        *self.vc.borrow_mut() = Some(vc);
        let moves = self.stage.moves(self.who, When::Start).unwrap_or_default();
        self.perform(guard, this, moves);
    }

    fn name(&self) -> String {
        self.line.borrow().as_ref().map_or_else(|| "origin".to_owned(), |line| line.name.clone())
    }

    fn handle(&self, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        let (guard, this) = (call.guard(), call.this());
        match event {
            EventCode::NET_EVENT_ACCEPT => {
                if let Some(vc) = data.net_vc() {
                    self.begin(guard, this, self.stage.next_origin_name(), Arc::clone(vc));
                }
            }
            EventCode::NET_EVENT_ACCEPT_FAILED => self.stage.note("origin", "ACCEPT_FAILED"),
            EventCode::VC_EVENT_READ_READY => self.take(guard, this),
            event => self.told(guard, this, event),
        }
        Outcome::Done
    }

    /// Any event but that there is something to read.
    fn told(&self, guard: &Guard<'_>, this: &ContRef, event: EventCode) {
        if event != EventCode::VC_EVENT_WRITE_READY {
            if event == EventCode::VC_EVENT_EOS {
                self.take(guard, this);
            }
            self.stage.note(&self.name(), crate::read::event_name(event));
        }
        if event == EventCode::VC_EVENT_WRITE_COMPLETE {
            match self.then.replace(Then::Nothing) {
                Then::Nothing => {}
                Then::End => self.end(),
                Then::Close => self.close(None),
            }
        }
        let mut reacts = false;
        for when in [When::Event(event), When::End] {
            if when == When::End && event != EventCode::VC_EVENT_EOS {
                continue;
            }
            if let Some(moves) = self.stage.moves(self.who, when) {
                reacts = true;
                self.perform(guard, this, moves);
            }
        }
        let ends = !matches!(
            event,
            EventCode::VC_EVENT_WRITE_READY
                | EventCode::VC_EVENT_WRITE_COMPLETE
                | EventCode::VC_EVENT_READ_COMPLETE
        );
        if ends && !reacts {
            self.close(None);
        }
    }

    /// Takes what has come, and asks for more.
    fn take(&self, guard: &Guard<'_>, this: &ContRef) {
        let reader = self.input.borrow().as_ref().map(|(_, reader)| reader.clone());
        let Some(reader) = reader.filter(|_| self.reads.get()) else { return };
        let mut bytes = vec![0; usize::try_from(reader.read_avail(guard)).unwrap_or(0)];
        reader.read(guard, &mut bytes);
        let moves = self
            .line
            .borrow_mut()
            .as_mut()
            .map(|line| line.received(&self.stage, &bytes))
            .unwrap_or_default();
        let vio = self.read.borrow().clone();
        if let Some(vio) = vio {
            vio.reenable(guard);
        }
        self.perform(guard, this, moves);
    }

    fn perform(&self, guard: &Guard<'_>, this: &ContRef, moves: Vec<Deed>) {
        for Deed { begins, step } in moves {
            if self.vc.borrow().is_none() {
                return;
            }
            self.stage.note_activity();
            self.stage.record_op(&self.name(), begins);
            match step {
                Move::Send(bytes) => self.write(guard, this, &bytes),
                Move::Fill(n) => {
                    self.write(guard, this, &vec![b'x'; usize::try_from(n).unwrap_or(0)])
                }
                Move::End => self.when_written(guard, Then::End),
                Move::Finish => self.when_written(guard, Then::Close),
                Move::Close => self.close(None),
                Move::Reset => self.close(Some(1)),
                Move::Read(on) => {
                    self.reads.set(on);
                    if on {
                        self.take(guard, this);
                    }
                }
            }
        }
    }

    fn write(&self, guard: &Guard<'_>, this: &ContRef, bytes: &[u8]) {
        let output = self.output.borrow().clone();
        let Some((buffer, reader)) = output else { return };
        buffer.write(guard, bytes);
        let vio = self.write.borrow().clone();
        if let Some(vio) = vio {
            return vio.reenable(guard);
        }
        let vc = self.vc.borrow().clone();
        if let Some(vc) = vc {
            let vio = vc.do_io_write(guard, Some(this.clone()), i64::MAX, Some(&reader));
            *self.write.borrow_mut() = Some(vio);
        }
    }

    /// The write ends with what is in the buffer, and then this follows; at once if nothing is.
    fn when_written(&self, guard: &Guard<'_>, then: Then) {
        let left = self.output.borrow().as_ref().map_or(0, |(_, reader)| reader.read_avail(guard));
        let vio = self.write.borrow().clone();
        match vio {
            Some(vio) if left > 0 => {
                self.then.set(then);
                vio.set_nbytes(guard, vio.ndone() + left);
                vio.reenable(guard);
            }
            _ if then == Then::End => self.end(),
            _ => self.close(None),
        }
    }

    fn end(&self) {
        let vc = self.vc.borrow().clone();
        if let Some(vc) = vc {
            vc.do_io_shutdown(ShutdownHowTo::Write);
        }
    }

    fn close(&self, error: Option<i32>) {
        let vc = self.vc.take();
        if let Some(vc) = vc {
            vc.do_io_close(error);
        }
    }
}
