//! A thread that the event system does not own, as a task.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use eventsys::{ContRef, Guard, HrTime, StateMachine};
use explorer::note;
use explorer::sync::thread::JoinHandle;
use iocore::{NetVcRef, ShutdownHowTo, VioOp};
use pluginvc::steps::Side;

use super::pair::Scenery;
use crate::act::{Act, Lock};
use crate::end::End;
use crate::op::{HowTo, Op};
use crate::race::ForeignThread;

/// The thread that makes the connection of a scenario with `foreign_thread`.
pub(super) fn connector() -> ForeignThread {
    ForeignThread { name: "connector".to_owned(), does: vec![Act::Connect] }
}

/// A task that carries out the operations of a thread.
pub(super) struct Foreign {
    task: JoinHandle<()>,
    progress: Arc<Progress>,
}

/// How far it has come; the other tasks look at it without a point.
#[derive(Default)]
struct Progress {
    has_ended: AtomicBool,
    /// The mutex that it takes just now.
    waits_for: std::sync::Mutex<Option<Lock>>,
}

impl Foreign {
    pub(super) fn spawn(scenery: &Arc<Scenery>, thread: &ForeignThread) -> Foreign {
        let progress = Arc::new(Progress::default());
        let (its, scenery, does) =
            (Arc::clone(&progress), Arc::clone(scenery), thread.does.clone());
        let task = explorer::spawn(&thread.name, move || {
            scenery.guarded(|| carry_out(&scenery, &does, &its));
            its.has_ended.store(true, Ordering::Relaxed);
        });
        Foreign { task, progress }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.progress.has_ended.load(Ordering::Relaxed)
    }

    /// The name of the thread, and of the mutex that it waits for.
    pub(super) fn stuck(&self) -> Option<(String, &'static str)> {
        let waits_for = *self.progress.waits_for.lock().unwrap_or_else(|e| e.into_inner());
        let name = self.task.thread().name().unwrap_or_default().to_owned();
        waits_for.filter(|_| !self.has_ended()).map(|lock| (name, lock.name()))
    }

    pub(super) fn join(self) {
        // Its panics have ended the execution.
        let _ = self.task.join();
    }
}

fn carry_out(scenery: &Arc<Scenery>, does: &[Act], progress: &Progress) {
    let mut held: Vec<(Lock, Guard<'_>)> = Vec::new();
    for &act in does {
        if matches!(act, Act::Lock(_) | Act::Unlock(_) | Act::Wait(_) | Act::Connect) {
            note(|| act.to_string());
        }
        match act {
            Act::Lock(lock) => {
                let set = |to| {
                    *progress.waits_for.lock().unwrap_or_else(|e| e.into_inner()) = to;
                };
                set(Some(lock));
                held.push((lock, scenery.mutex(lock).lock()));
                set(None);
            }
            Act::Unlock(lock) => {
                if let Some(at) = held.iter().rposition(|(other, _)| *other == lock) {
                    drop(held.remove(at));
                }
            }
            Act::Connect => scenery.play.connect(),
            Act::Wait(span) => wait(scenery, span),
            Act::Free(side) => scenery.play.stage.contract.frees(side),
            Act::Schedule(_) => {}
            _ => on_end(scenery, act, &held),
        }
        scenery.play.stage.note_activity();
    }
}

/// The thread takes part in the clock only while it sleeps.
fn wait(scenery: &Scenery, span: HrTime) {
    if let Some(me) = scenery.play.stage.processor.clock().participate() {
        me.sleep(span);
    }
}

/// An operation on an end; left out if it has no connection, or is closed.
fn on_end(scenery: &Scenery, act: Act, held: &[(Lock, Guard<'_>)]) {
    let Some(side) = act.side() else { return };
    let stage = &scenery.play.stage;
    let end = scenery.end(side);
    if act.needs().is_some() {
        let guard = held.iter().find(|(_, guard)| guard.is_of(end.mutex()));
        let (_, guard) = guard.expect("the reader of the file has seen that it is locked");
        return under_lock(end, guard, act);
    }
    let left_out = |why: &str| note(|| format!("{act} is left out: {why}"));
    let Some(vc) = stage.contract.vc(side) else { return left_out("there is no connection yet") };
    if stage.closed[side.index()].load(Ordering::Relaxed) {
        return left_out("it is closed");
    }
    without_lock(scenery, side, act, &vc);
}

fn under_lock(end: &Arc<StateMachine<End>>, guard: &Guard<'_>, act: Act) {
    let op = match act {
        Act::Reenable(_, op) => Op::Reenable(op),
        Act::DoIo(_, VioOp::Write, n, how) => Op::DoIoWrite(n, how),
        Act::DoIo(_, _, n, how) => Op::DoIoRead(n, how),
        Act::Write(_, n) => Op::Write(n),
        Act::Consume(_, n) => Op::Consume(n),
        _ => return,
    };
    let this: ContRef = end.clone();
    end.state(guard).carry_out_one(guard, &this, op);
}

fn without_lock(scenery: &Scenery, side: Side, act: Act, vc: &NetVcRef) {
    let stage = &scenery.play.stage;
    match act {
        Act::Close(_) => stage.close(side, vc),
        Act::Shutdown(_, how_to) => {
            let _used = stage.contract.uses(side, Op::Shutdown(how_to));
            vc.do_io_shutdown(match how_to {
                HowTo::Read => ShutdownHowTo::Read,
                HowTo::Write => ShutdownHowTo::Write,
                HowTo::Both => ShutdownHowTo::ReadWrite,
            });
        }
        Act::ActiveTimeout(_, span) => {
            let _used = stage.contract.uses(side, Op::ActiveTimeout(span));
            vc.set_active_timeout(span);
        }
        Act::InactivityTimeout(_, span) => {
            let _used = stage.contract.uses(side, Op::InactivityTimeout(span));
            vc.set_inactivity_timeout(span);
        }
        _ => {}
    }
}
