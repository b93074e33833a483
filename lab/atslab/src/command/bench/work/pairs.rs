//! Pieces through pairs. In the server: `tests/probe/bench_pairs.cc`.

use std::cell::{Cell, OnceCell};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use conformance::ats::live::bench::{Answer, Job};
use eventsys::{
    ContRef, Data, EventCode, Guard, HrTime, Invocation, Outcome, ProxyMutex, Request, StateMachine,
};
use iocore::{BoundBuffer, IOBufferReader, IoData, IoEvents, NetVcRef, VioHandle};
use pluginvc::{PluginVCCore, PluginVcOptions};

use super::{Begin, Count, SETTLE, Stage, new_buffer, signed};

/// Has a state machine act on its own thread.
const ACT: EventCode = EventCode(10_000);

/// The ends of a pair are on different event threads.
const APART: u8 = 2;
/// The pairs are dealt to both event threads.
const DEALT: u8 = 3;

/// Pairs through which pieces go.
struct Pairs {
    stage: Arc<Stage>,
    job: Job,
    piece: Vec<u8>,
    lanes: OnceLock<Vec<Arc<StateMachine<Arc<Lane>>>>>,
    made: AtomicUsize,
    over: AtomicUsize,
}

pub(super) fn pairs(stage: &Arc<Stage>, job: &Job) -> Begin {
    let work = Arc::new(Pairs {
        stage: Arc::clone(stage),
        job: job.clone(),
        piece: vec![b'x'; job.size],
        lanes: OnceLock::new(),
        made: AtomicUsize::new(0),
        over: AtomicUsize::new(0),
    });
    let count = if job.threads == DEALT { 2 } else { 1 };
    let lane = |thread| {
        let lane = Arc::new(Lane {
            work: Arc::clone(&work),
            thread,
            many: signed(job.many) / signed(count as u64),
            pieces: signed(job.ops / job.many),
            pairs: Mutex::default(),
            began: Count::default(),
            ended: Count::default(),
            bytes: Count::default(),
            callbacks: Count::default(),
            step: Count::default(),
        });
        StateMachine::new(ProxyMutex::new(), lane, Lane::handle)
    };
    work.lanes.get_or_init(|| (0..count).map(lane).collect());
    Box::new(move || work.call_all())
}

impl Pairs {
    fn lanes(&self) -> &[Arc<StateMachine<Arc<Lane>>>] {
        self.lanes.get().map_or(&[], Vec::as_slice)
    }

    fn call_all(&self) {
        for (thread, lane) in self.lanes().iter().enumerate() {
            self.call_soon(thread, lane.clone());
        }
    }

    /// On the thread itself by its local queue.
    fn call_soon(&self, thread: usize, lane: ContRef) {
        let thread = &self.stage.threads[thread];
        if thread.is_current() {
            thread.schedule_imm_local(lane);
        } else {
            thread.schedule_imm(lane);
        }
    }

    fn is_last(&self, count: &AtomicUsize) -> bool {
        count.fetch_add(1, Ordering::AcqRel) + 1 == self.lanes().len()
    }
}

/// The pairs of one event thread.
struct Lane {
    work: Arc<Pairs>,
    thread: usize,
    many: i64,
    pieces: i64,
    /// Writers and readers.
    pairs: Mutex<Vec<[Arc<StateMachine<End>>; 2]>>,
    began: Count,
    ended: Count,
    bytes: Count,
    callbacks: Count,
    step: Count,
}

impl Lane {
    fn handle(self: &Arc<Lane>, call: &Invocation<'_>, event: EventCode, _: Data<'_>) -> Outcome {
        if self.step.get() == 1 && event == EventCode::EVENT_INTERVAL {
            // An event scheduled from a timer waits for the next pass, which comes after a while.
            self.work.call_soon(self.thread, ContRef::clone(call.this()));
            return Outcome::Done;
        }
        match self.step.add(1) {
            1 => {
                self.make();
                self.come_back(call.this());
            }
            // Once more when all lanes have come here.
            2 => {
                if self.work.is_last(&self.work.made) {
                    self.work.call_all();
                }
            }
            3 => self.run(),
            4 => {
                self.close();
                self.come_back(call.this());
            }
            5 => self.come_back(call.this()),
            _ => {
                self.pairs().clear();
                if self.work.is_last(&self.work.over) {
                    self.report();
                }
            }
        }
        Outcome::Done
    }

    fn come_back(&self, this: &ContRef) {
        self.work.stage.threads[self.thread].schedule_in(Arc::clone(this), SETTLE);
    }

    fn pairs(&self) -> std::sync::MutexGuard<'_, Vec<[Arc<StateMachine<End>>; 2]>> {
        self.pairs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make(self: &Arc<Lane>) {
        let (stage, job) = (&self.work.stage, &self.work.job);
        let mut pairs = self.pairs();
        for _ in 0..self.many {
            let mutex = ProxyMutex::new();
            let other = if job.shared { Arc::clone(&mutex) } else { ProxyMutex::new() };
            let [writer, reader] = [(true, mutex), (false, other)]
                .map(|(is_writer, mutex)| End::new(self, is_writer, mutex, job.index));
            let options = PluginVcOptions { epoch: stage.epoch, ..PluginVcOptions::default() };
            let core = PluginVCCore::alloc_with(&stage.processor, reader.clone(), options);
            let vc = core.connect();
            let guard = writer.mutex().lock();
            let end = writer.state(&guard);
            let cont: ContRef = writer.clone();
            let vio = vc.do_io_write(&guard, Some(cont), i64::MAX, Some(&end.reader));
            end.link(vc, vio);
            drop(guard);
            pairs.push([writer, reader]);
        }
    }

    fn run(&self) {
        let pairs = self.pairs();
        for end in pairs.iter().flatten() {
            end.state(&end.mutex().lock()).calls.set(0);
        }
        self.began.set(self.work.stage.now(&self.work.job));
        for [writer, _] in pairs.iter() {
            let guard = writer.mutex().lock();
            let end = writer.state(&guard);
            end.left.set(self.pieces);
            if let Some(vio) = end.vio.get() {
                vio.reenable(&guard);
            }
        }
    }

    /// Everything has arrived, and what the last piece had set off has been done.
    fn close(&self) {
        for end in self.pairs().iter().flatten() {
            let guard = end.mutex().lock();
            let end = end.state(&guard);
            self.callbacks.add(end.calls.get());
            if let Some(vc) = end.vc.get() {
                vc.do_io_close(None);
            }
        }
    }

    fn arrived(&self, count: i64) {
        let goal = self.many * self.pieces * signed(self.work.job.size as u64);
        if self.bytes.add(count) == goal {
            self.ended.set(self.work.stage.now(&self.work.job));
            let this: ContRef = self.work.lanes()[self.thread].clone();
            self.come_back(&this);
        }
    }

    fn report(&self) {
        let states: Vec<_> = self
            .work
            .lanes()
            .iter()
            .map(|lane| {
                // This lane is that lane, or the other lane is over.
                let guard = lane.mutex().lock();
                Arc::clone(lane.state(&guard))
            })
            .collect();
        let sum = |count: fn(&Lane) -> &Count| states.iter().map(|lane| count(lane).get()).sum();
        let times = |count: fn(&Lane) -> &Count| states.iter().map(move |lane| count(lane).get());
        let ended: HrTime = times(|lane| &lane.ended).max().unwrap_or_default();
        let began: HrTime = times(|lane| &lane.began).min().unwrap_or_default();
        self.work.stage.finish(Answer {
            time: ended - began,
            callbacks: sum(|lane| &lane.callbacks),
            bytes: sum(|lane| &lane.bytes),
            memory: 0,
        });
    }
}

/// One end. If the ends are apart, the active one keeps to the first event thread
/// and the passive one to the second.
struct End {
    lane: Arc<Lane>,
    is_writer: bool,
    buffer: BoundBuffer,
    reader: IOBufferReader,
    vc: OnceCell<NetVcRef>,
    vio: OnceCell<VioHandle>,
    /// How often it has been called.
    calls: Cell<i64>,
    /// Pieces that are still to be written.
    left: Cell<i64>,
    /// It has been asked to act on its own thread.
    is_asked: Cell<bool>,
}

impl End {
    fn new(
        lane: &Arc<Lane>,
        is_writer: bool,
        mutex: Arc<ProxyMutex>,
        index: u8,
    ) -> Arc<StateMachine<End>> {
        let buffer = new_buffer(index).bind(&mutex);
        let reader = buffer.alloc_reader(&mutex.lock()).expect("a new buffer has no readers");
        let end = End {
            lane: Arc::clone(lane),
            is_writer,
            buffer,
            reader,
            vc: OnceCell::new(),
            vio: OnceCell::new(),
            calls: Cell::new(0),
            left: Cell::new(0),
            is_asked: Cell::new(false),
        };
        StateMachine::new(mutex, end, End::handle)
    }

    fn link(&self, vc: NetVcRef, vio: VioHandle) {
        self.vc.get_or_init(|| vc);
        self.vio.get_or_init(|| vio);
    }

    fn handle(&self, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        let guard = call.guard();
        self.calls.set(self.calls.get() + 1);
        if event == EventCode::NET_EVENT_ACCEPT
            && let Some(vc) = data.net_vc()
        {
            let cont = Some(ContRef::clone(call.this()));
            let vio = vc.do_io_read(guard, cont, i64::MAX, Some(&self.buffer));
            self.link(vc.clone(), vio);
            return Outcome::Cont;
        }
        if self.lane.work.job.threads == APART {
            let own = &self.lane.work.stage.threads[usize::from(!self.is_writer)];
            if event == ACT {
                self.is_asked.set(false);
            } else if !own.is_current() {
                if !self.is_asked.replace(true) {
                    own.schedule_imm(Request::new(ContRef::clone(call.this())).code(ACT));
                }
                return Outcome::Cont;
            }
        }
        self.act(guard);
        Outcome::Cont
    }

    fn act(&self, guard: &Guard<'_>) {
        let Some(vio) = self.vio.get() else { return };
        if !self.is_writer {
            let avail = self.reader.read_avail(guard);
            self.reader.consume(guard, avail);
            self.lane.arrived(avail);
            vio.reenable(guard);
        } else if self.left.get() > 0 {
            self.left.set(self.left.get() - 1);
            self.buffer.write(guard, &self.lane.work.piece);
            vio.reenable(guard);
        }
    }
}
