//! Pairs that are made, move one piece and go, one after the other. In the server:
//! `Connections` in `tests/probe/bench_pairs.cc`.

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

use conformance::ats::live::bench::{Answer, Job};
use eventsys::{ContRef, Data, EventCode, Guard, Invocation, Outcome, ProxyMutex, StateMachine};
use iocore::{BoundBuffer, IOBufferReader, IoData, IoEvents, NetVcRef};
use pluginvc::{PluginVCCore, PluginVcOptions};

use super::{Begin, Count, Stage, new_buffer, signed};

struct Connections {
    stage: Arc<Stage>,
    job: Job,
    piece: Vec<u8>,
    /// The active end's state machine and the passive one's.
    ends: OnceLock<[ContRef; 2]>,
    left: Count,
    closed: Count,
    began: Count,
    callbacks: Count,
    bytes: Count,
}

struct End {
    work: Arc<Connections>,
    vc: RefCell<Option<NetVcRef>>,
    buffer: RefCell<Option<(BoundBuffer, IOBufferReader)>>,
}

pub(super) fn connections(stage: &Arc<Stage>, job: &Job) -> Begin {
    let work = Arc::new(Connections {
        stage: Arc::clone(stage),
        job: job.clone(),
        piece: vec![b'x'; job.size],
        ends: OnceLock::new(),
        left: Count::new(signed(job.ops)),
        closed: Count::default(),
        began: Count::default(),
        callbacks: Count::default(),
        bytes: Count::default(),
    });
    let ends = [0, 1].map(|_| -> ContRef {
        let work = Arc::clone(&work);
        let end = End { work, vc: RefCell::default(), buffer: RefCell::default() };
        StateMachine::new(ProxyMutex::new(), end, End::handle)
    });
    work.ends.get_or_init(|| ends);
    Box::new(move || {
        work.began.set(work.stage.now(&work.job));
        work.call_writer();
    })
}

impl Connections {
    fn call_writer(&self) {
        if let Some([writer, _]) = self.ends.get() {
            self.stage.thread().schedule_imm_local(Arc::clone(writer));
        }
    }

    /// Done when both ends have been closed.
    fn end_closed(&self) {
        if self.closed.add(1) == 2 {
            self.call_writer();
        }
    }
}

impl End {
    fn handle(&self, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        let (work, guard) = (&self.work, call.guard());
        work.callbacks.add(1);
        match event {
            EventCode::EVENT_IMMEDIATE => self.next(call),
            EventCode::NET_EVENT_ACCEPT => {
                if let Some(vc) = data.net_vc() {
                    let (buffer, reader) = self.new_buffer(call);
                    let cont = Some(ContRef::clone(call.this()));
                    vc.do_io_read(guard, cont, signed(work.job.size as u64), Some(&buffer));
                    *self.vc.borrow_mut() = Some(vc.clone());
                    *self.buffer.borrow_mut() = Some((buffer, reader));
                }
            }
            EventCode::VC_EVENT_READ_COMPLETE => {
                self.take_all(guard);
                self.close();
            }
            EventCode::VC_EVENT_WRITE_COMPLETE => self.close(),
            _ => {}
        }
        Outcome::Cont
    }

    fn new_buffer(&self, call: &Invocation<'_>) -> (BoundBuffer, IOBufferReader) {
        // The old one is freed first.
        self.buffer.take();
        let mutex = call.this().base().mutex().expect("a state machine has a mutex");
        let buffer = new_buffer(self.work.job.index).bind(mutex);
        let reader = buffer.alloc_reader(call.guard()).expect("a new buffer has no readers");
        (buffer, reader)
    }

    fn take_all(&self, guard: &Guard<'_>) {
        if let Some((_, reader)) = &*self.buffer.borrow() {
            let avail = reader.read_avail(guard);
            reader.consume(guard, avail);
            self.work.bytes.add(avail);
        }
    }

    fn close(&self) {
        if let Some(vc) = self.vc.take() {
            vc.do_io_close(None);
        }
        self.work.end_closed();
    }

    /// Makes the next connection.
    fn next(&self, call: &Invocation<'_>) {
        let (work, guard) = (&self.work, call.guard());
        if work.left.add(-1) < 0 {
            work.stage.finish(Answer {
                time: work.stage.now(&work.job) - work.began.get(),
                callbacks: work.callbacks.get(),
                bytes: work.bytes.get(),
                memory: 0,
            });
            return;
        }
        let Some([_, acceptor]) = work.ends.get() else { return };
        work.closed.set(0);
        let options = PluginVcOptions { epoch: work.stage.epoch, ..PluginVcOptions::default() };
        let core = PluginVCCore::alloc_with(&work.stage.processor, Arc::clone(acceptor), options);
        let vc = core.connect();
        let (buffer, reader) = self.new_buffer(call);
        buffer.write(guard, &work.piece);
        let cont = Some(ContRef::clone(call.this()));
        vc.do_io_write(guard, cont, signed(work.job.size as u64), Some(&reader));
        *self.vc.borrow_mut() = Some(vc);
        *self.buffer.borrow_mut() = Some((buffer, reader));
    }
}
