//! The scene of a file that only schedules events: one event thread with its own loop, which
//! sleeps and is woken as in a server, and threads that schedule.
//!
//! A sleep does not time out here. So a thread that is not woken sleeps for ever, and the
//! explorer tells it.

use std::sync::Arc;

use eventsys::{Clock, ContRef, EventProcessor, FreeContinuation, Outcome};
use explorer::sync::{Condvar, Mutex};
use explorer::{name_task, note, race_from_here, race_later};

use super::Scene;
use crate::act::Act;

pub(super) fn run(scene: &Arc<Scene>) {
    race_later();
    name_task("main");
    let processor = EventProcessor::with_options(Clock::new_real(), scene.options());
    let group = processor.spawn_event_threads("ET_NET", usize::from(scene.program.pair.threads));
    let threads: Vec<_> = scene
        .race
        .threads
        .iter()
        .map(|thread| {
            let event_thread = processor.assign_thread(group);
            let does = thread.does.clone();
            let task = move || {
                let came = Arc::new((Mutex::new(0), Condvar::new()));
                let counts = Arc::clone(&came);
                let cont: ContRef = FreeContinuation::new(move |_, _, _| {
                    note(|| "the event comes".to_owned());
                    *counts.0.lock() += 1;
                    counts.1.notify_all();
                    Outcome::Done
                });
                let mut scheduled = 0;
                for act in does {
                    let Act::Schedule(count) = act else { continue };
                    for _ in 0..count {
                        scheduled += 1;
                        note(|| format!("schedules event {scheduled}"));
                        event_thread.schedule_imm(Arc::clone(&cont));
                        let mut count = came.0.lock();
                        while *count < scheduled {
                            came.1.wait(&mut count);
                        }
                    }
                }
            };
            explorer::spawn(&thread.name, task)
        })
        .collect();
    race_from_here();
    for thread in threads {
        // Its panics have ended the execution.
        let _ = thread.join();
    }
    processor.shutdown();
}
