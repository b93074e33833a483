//! Immediate events. In the server: `tests/probe/bench_events.cc`.

use std::sync::Arc;

use conformance::ats::live::bench::{Answer, Job};
use eventsys::{ContRef, Data, EventCode, Invocation, Outcome, ProxyMutex, StateMachine};

use super::{Begin, Count, Stage, signed};

/// One or many continuations, each of which schedules itself again at once.
struct Chains {
    stage: Arc<Stage>,
    job: Job,
    left: Count,
    running: Count,
    callbacks: Count,
    began: Count,
}

pub(super) fn chains(stage: &Arc<Stage>, job: &Job) -> Begin {
    let work = Arc::new(Chains {
        stage: Arc::clone(stage),
        job: job.clone(),
        left: Count::new(signed(job.ops) - signed(job.many)),
        running: Count::new(signed(job.many)),
        callbacks: Count::default(),
        began: Count::default(),
    });
    let link = |_| StateMachine::new(ProxyMutex::new(), Arc::clone(&work), Chains::handle);
    let links: Vec<_> = (0..job.many).map(link).collect();
    Box::new(move || {
        work.began.set(work.stage.now(&work.job));
        for link in links {
            work.stage.thread().schedule_imm_local(link);
        }
    })
}

impl Chains {
    fn handle(self: &Arc<Chains>, call: &Invocation<'_>, _: EventCode, _: Data<'_>) -> Outcome {
        self.callbacks.add(1);
        if self.left.get() > 0 {
            self.left.add(-1);
            self.stage.thread().schedule_imm_local(ContRef::clone(call.this()));
        } else if self.running.add(-1) == 0 {
            let time = self.stage.now(&self.job) - self.began.get();
            self.stage.finish(Answer {
                time,
                callbacks: self.callbacks.get(),
                ..Answer::default()
            });
        }
        Outcome::Done
    }
}

/// Other threads schedule on the first event thread.
struct Cross {
    stage: Arc<Stage>,
    job: Job,
    callbacks: Count,
    began: Count,
}

pub(super) fn cross(stage: &Arc<Stage>, job: &Job) -> Begin {
    let work = Arc::new(Cross {
        stage: Arc::clone(stage),
        job: job.clone(),
        callbacks: Count::default(),
        began: Count::default(),
    });
    let sink = StateMachine::new(ProxyMutex::new(), Arc::clone(&work), Cross::handle);
    let (producers, each) = (job.many, job.ops / job.many);
    Box::new(move || {
        work.began.set(work.stage.now(&work.job));
        for number in 0..producers {
            let (work, sink) = (Arc::clone(&work), Arc::clone(&sink));
            let number = usize::try_from(number).unwrap_or_default();
            Arc::clone(&work.stage).produce(number, move || {
                for _ in 0..each {
                    work.stage.thread().schedule_imm(Arc::clone(&sink));
                }
            });
        }
    })
}

impl Cross {
    fn handle(self: &Arc<Cross>, _: &Invocation<'_>, _: EventCode, _: Data<'_>) -> Outcome {
        let callbacks = self.callbacks.add(1);
        if callbacks == signed(self.job.ops) {
            let time = self.stage.now(&self.job) - self.began.get();
            self.stage.finish(Answer { time, callbacks, ..Answer::default() });
        }
        Outcome::Done
    }
}
