//! Buffers by themselves. In the server: `tests/probe/bench_buffers.cc`.

use std::sync::Arc;

use conformance::ats::live::bench::{Answer, Job};
use eventsys::ProxyMutex;

use super::{Begin, Stage, new_buffer, signed};

/// Writes and takes off again; or clones the block of a full buffer and takes it off.
pub(super) fn buffers(stage: &Arc<Stage>, job: &Job, is_clone: bool) -> Begin {
    let (stage, job) = (Arc::clone(stage), job.clone());
    Box::new(move || {
        let mutex = ProxyMutex::new();
        let guard = mutex.lock();
        let [(from, source), (to, reader)] = [0, 1].map(|_| {
            let buffer = new_buffer(job.index).bind(&mutex);
            let reader = buffer.alloc_reader(&guard).expect("a new buffer has no readers");
            (buffer, reader)
        });
        let piece = vec![b'x'; job.size];
        let size = signed(job.size as u64);
        from.write(&guard, &piece);
        let mut bytes = 0;
        let began = stage.now(&job);
        for _ in 0..job.ops {
            if is_clone {
                from.with(&guard, |from| {
                    to.with(&guard, |to| to.write_from(from, source.id(), size, 0));
                });
            } else {
                to.write(&guard, &piece);
            }
            let avail = reader.read_avail(&guard);
            reader.consume(&guard, avail);
            bytes += avail;
        }
        let time = stage.now(&job) - began;
        stage.finish(Answer { time, bytes, ..Answer::default() });
    })
}
