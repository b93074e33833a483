//! A scene in the trace format of Chrome, which Perfetto and `chrome://tracing` open.
//!
//! A process is a run, a thread of it is a lane or a mutex, and a slice is a row. All rows of
//! one pass of the event loop have one virtual time, so the axis counts the rows: a row is 10
//! µs wide, and its true time is among its arguments.

use serde_json::{Value, json};

use super::model::{Run, Scene};

/// The width of a row, and of its slice, in microseconds.
const ROW: usize = 10;
const SLICE: usize = 9;

/// The trace.
pub(crate) fn trace(scene: &Scene) -> Value {
    let events: Vec<Value> =
        scene.runs.iter().enumerate().flat_map(|(at, run)| events(at + 1, run)).collect();
    json!({
        "displayTimeUnit": "ms",
        "otherData": { "scenario": scene.name, "title": scene.title, "axis": "10 µs a row" },
        "traceEvents": events,
    })
}

fn events(pid: usize, run: &Run) -> Vec<Value> {
    let mut events = Vec::new();
    let name = format!("{} {} {}", run.arm, run.epoch, run.release);
    events.push(json!({ "ph": "M", "pid": pid, "name": "process_name", "args": { "name": name } }));
    let threads = run.lanes.iter().map(|lane| lane.name.clone());
    let threads = threads.chain(run.locks.iter().map(|lock| super::model::lock_words(lock)));
    for (tid, name) in (1..).zip(threads) {
        let args = json!({ "name": name });
        events.push(
            json!({ "ph": "M", "pid": pid, "tid": tid, "name": "thread_name", "args": args }),
        );
        events.push(json!({ "ph": "M", "pid": pid, "tid": tid, "name": "thread_sort_index", "args": { "sort_index": tid } }));
    }
    for (at, row) in run.rows.iter().enumerate() {
        let (ts, tid) = (at * ROW, row.lane + 1);
        #[allow(clippy::cast_precision_loss)] // To be read, not to be computed with.
        let seconds = row.at as f64 / 1e9;
        events.push(json!({
            "ph": "X", "pid": pid, "tid": tid, "ts": ts, "dur": SLICE,
            "name": row.code, "cat": row.kind.shape.name(),
            "args": { "means": row.sentence, "seconds": seconds, "thread": run.threads.get(row.thread) },
        }));
        // An arrow from the lane that calls to the lane that is called.
        if let Some(from) = row.from {
            let id = pid * 1_000_000 + at;
            let arrow = |ph: &str, lane: usize, ts: usize| json!({ "ph": ph, "pid": pid, "tid": lane + 1, "ts": ts, "id": id, "name": "call", "cat": "call", "bp": "e" });
            events.push(json!({ "ph": "X", "pid": pid, "tid": from + 1, "ts": ts, "dur": 1, "name": "calls", "cat": "call" }));
            events.push(arrow("s", from, ts));
            events.push(arrow("f", row.lane, ts + 1));
        }
    }
    for (lock, _) in run.locks.iter().enumerate() {
        holds(&mut events, run, lock, pid);
    }
    for buffer in &run.buffers {
        for level in &buffer.levels {
            events.push(json!({
                "ph": "C", "pid": pid, "ts": level.row * ROW, "name": buffer.name,
                "args": { "bytes": level.bytes },
            }));
        }
    }
    events
}

/// A slice for each time in which a mutex is held.
fn holds(events: &mut Vec<Value>, run: &Run, lock: usize, pid: usize) {
    let tid = run.lanes.len() + 1 + lock;
    let bit = 1 << lock;
    let who = |at: usize| match run.rows.get(at) {
        Some(row) if row.foreign & bit != 0 => Some("a foreign thread"),
        Some(row) if row.held & bit != 0 => run.threads.get(row.thread).map(String::as_str),
        _ => None,
    };
    let mut at = 0;
    while at < run.rows.len() {
        let begin = at;
        let holder = who(at);
        while at < run.rows.len() && who(at) == holder {
            at += 1;
        }
        if let Some(holder) = holder {
            events.push(json!({
                "ph": "X", "pid": pid, "tid": tid, "ts": begin * ROW, "dur": (at - begin) * ROW - 1,
                "name": format!("held by {holder}"), "cat": "mutex",
            }));
        }
    }
}
