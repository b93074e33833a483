//! How much memory things take. In the server: `tests/probe/bench_memory.cc`.
//!
//! A job frees nothing that it makes, so it is the only job of its process.

use std::cell::OnceCell;
use std::sync::Arc;

use conformance::ats::live::bench::{Answer, Job};
use eventsys::{ContRef, Data, EventCode, Invocation, Outcome, ProxyMutex, StateMachine, hrtime};
use iocore::{BoundBuffer, IoData, IoEvents, VioHandle};
use pluginvc::{PluginVCCore, PluginVcOptions};

use super::super::machine::resident;
use super::{Begin, Count, SETTLE, Stage, new_buffer};

/// The state machine of one pair's ends. It never takes anything off, and writes
/// whenever it is asked to.
struct Filler {
    work: Arc<Memory>,
    write: OnceCell<(VioHandle, BoundBuffer)>,
}

struct Memory {
    stage: Arc<Stage>,
    job: Job,
    is_full: bool,
    piece: Vec<u8>,
    callbacks: Count,
    before: Count,
}

pub(super) fn memory(stage: &Arc<Stage>, job: &Job) -> Begin {
    let work = Arc::new(Memory {
        stage: Arc::clone(stage),
        job: job.clone(),
        is_full: job.kind == "memory_full",
        piece: vec![b'x'; job.size],
        callbacks: Count::default(),
        before: Count::default(),
    });
    let mutex = ProxyMutex::new();
    let filler = |_| {
        let filler = Filler { work: Arc::clone(&work), write: OnceCell::new() };
        StateMachine::new(Arc::clone(&mutex), filler, Filler::handle)
    };
    // The state machines belong to their users and are not counted.
    let fillers: Vec<_> = (0..job.many).map(filler).collect();
    let is_event = job.kind == "memory_event";
    Box::new(move || {
        work.before.set(resident());
        for filler in &fillers {
            if is_event {
                work.stage.thread().schedule_in_local(Arc::clone(filler), hrtime::seconds(3600));
            } else {
                work.make_pair(filler);
            }
        }
        let thread = Arc::clone(&work.stage.threads[0]);
        let state = (work, fillers);
        let driver = StateMachine::new(ProxyMutex::new(), state, |(work, _), _, _, _| {
            let (callbacks, memory) = (work.callbacks.get(), resident() - work.before.get());
            work.stage.finish(Answer { callbacks, memory, ..Answer::default() });
            Outcome::Done
        });
        thread.schedule_in_local(driver, SETTLE);
    })
}

impl Memory {
    fn make_pair(&self, filler: &Arc<StateMachine<Filler>>) {
        let options = PluginVcOptions { epoch: self.stage.epoch, ..PluginVcOptions::default() };
        let acceptor: ContRef = filler.clone();
        let core = PluginVCCore::alloc_with(&self.stage.processor, acceptor, options);
        let vc = core.connect();
        if !self.is_full {
            return;
        }
        let guard = filler.mutex().lock();
        let buffer = new_buffer(self.job.index).bind(filler.mutex());
        let reader = buffer.alloc_reader(&guard).expect("a new buffer has no readers");
        let cont: ContRef = filler.clone();
        let vio = vc.do_io_write(&guard, Some(cont), i64::MAX, Some(&reader));
        filler.state(&guard).write.get_or_init(|| (vio, buffer));
    }
}

impl Filler {
    fn handle(&self, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        let guard = call.guard();
        self.work.callbacks.add(1);
        match (event, data.net_vc()) {
            (EventCode::NET_EVENT_ACCEPT, Some(vc)) if self.work.is_full => {
                let mutex = call.this().base().mutex().expect("a state machine has a mutex");
                let buffer = new_buffer(self.work.job.index).bind(mutex);
                let cont = Some(ContRef::clone(call.this()));
                vc.do_io_read(guard, cont, i64::MAX, Some(&buffer));
            }
            (EventCode::VC_EVENT_WRITE_READY, _) => {
                if let Some((vio, buffer)) = self.write.get() {
                    buffer.write(guard, &self.work.piece);
                    vio.reenable(guard);
                }
            }
            _ => {}
        }
        Outcome::Cont
    }
}
