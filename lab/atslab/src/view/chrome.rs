//! A scene in the trace format of Chrome, which Perfetto and `chrome://tracing` open.
//!
//! A process is a run, a thread of it is a lane or a mutex, and a slice is a row. All rows of
//! one pass of the event loop have one virtual time, so the axis counts the rows: a row is 10
//! µs wide, and its true time is among its arguments. An arrow leads from a call to what is
//! called, and inside a lane from a row to the one that it leads to ([`leads`]).

use serde_json::{Value, json};

use super::leads;
use super::model::{Run, Scene, lock_words};

/// The width of a row, and of its slice, in microseconds.
const ROW: usize = 10;
const SLICE: usize = 9;
/// The numbers of the threads of a process begin here, times the number of the process: a thread
/// with the number of its process would count as its main thread.
const THREADS: usize = 1000;

/// The trace.
pub(crate) fn trace(scene: &Scene) -> Value {
    let (mut names, mut events) = (Vec::new(), Vec::new());
    let mut arrows = 0;
    for (pid, run) in (1..).zip(&scene.runs) {
        let mut process = Process { pid, run, events: Vec::new(), arrows };
        names.extend(process.names());
        process.rows();
        process.arrows();
        (0..run.locks.len()).for_each(|lock| process.holds(lock));
        process.levels();
        arrows = process.arrows;
        events.append(&mut process.events);
    }
    // Slices before the arrows that begin or end in them.
    let order = |event: &Value| match event["ph"].as_str() {
        Some("s" | "f") => 1,
        _ => 0,
    };
    events.sort_by_key(|event| (event["ts"].as_u64(), order(event)));
    names.append(&mut events);
    json!({
        "displayTimeUnit": "ms",
        "otherData": { "scenario": scene.name, "title": scene.title, "axis": "10 µs a row" },
        "traceEvents": names,
    })
}

/// A run on its way into the trace.
struct Process<'a> {
    pid: usize,
    run: &'a Run,
    events: Vec<Value>,
    /// How many arrows there are so far, in all processes.
    arrows: usize,
}

impl Process<'_> {
    fn lane(&self, lane: usize) -> usize {
        self.pid * THREADS + 1 + lane
    }

    fn lock(&self, lock: usize) -> usize {
        self.lane(self.run.lanes.len() + lock)
    }

    /// The names of the process and of its threads, and their order.
    fn names(&self) -> Vec<Value> {
        let (pid, run) = (self.pid, self.run);
        let name = [&*run.arm, &run.epoch, &run.release].join(" ");
        let of = |what: &str, args: Value| json!({ "ph": "M", "pid": pid, "tid": 0, "ts": 0, "name": what, "args": args });
        let mut names = vec![
            of("process_name", json!({ "name": name.trim_end() })),
            of("process_sort_index", json!({ "sort_index": pid })),
        ];
        let lanes = run.lanes.iter().map(|lane| lane.name.clone());
        let threads = lanes.chain(run.locks.iter().map(|lock| lock_words(lock)));
        for (at, name) in threads.enumerate() {
            for (what, args) in [
                ("thread_name", json!({ "name": name })),
                ("thread_sort_index", json!({ "sort_index": at })),
            ] {
                let mut event = of(what, args);
                event["tid"] = self.lane(at).into();
                names.push(event);
            }
        }
        names
    }

    fn slice(&mut self, tid: usize, ts: usize, dur: usize, name: &str, cat: &str, args: Value) {
        self.events.push(json!({
            "ph": "X", "pid": self.pid, "tid": tid, "ts": ts, "dur": dur, "name": name, "cat": cat,
            "args": args,
        }));
    }

    fn rows(&mut self) {
        for (at, row) in self.run.rows.iter().enumerate() {
            #[allow(clippy::cast_precision_loss)] // To be read, not to be computed with.
            let seconds = row.at as f64 / 1e9;
            let thread = self.run.threads.get(row.thread);
            let args = json!({ "means": row.sentence, "seconds": seconds, "thread": thread });
            let (tid, cat) = (self.lane(row.lane), row.kind.shape.name());
            self.slice(tid, at * ROW, SLICE, &row.code, cat, args);
        }
    }

    fn arrows(&mut self) {
        for (at, row) in self.run.rows.iter().enumerate() {
            // A call has a slice on the lane that calls, for its arrow to begin in.
            if let Some(from) = row.from.filter(|from| *from != row.lane) {
                let begin = (self.lane(from), at * ROW);
                self.slice(begin.0, begin.1, 1, "calls", "call", json!({ "what": row.code }));
                self.arrow("call", begin, (self.lane(row.lane), at * ROW + 1));
            }
        }
        for (from, to) in leads::inside_lanes(self.run) {
            let lane = self.lane(self.run.rows[from].lane);
            self.arrow("leads to", (lane, from * ROW + SLICE - 1), (lane, to * ROW));
        }
    }

    /// An arrow between two places, each a thread and a time inside a slice of it.
    fn arrow(&mut self, name: &str, begin: (usize, usize), end: (usize, usize)) {
        self.arrows += 1;
        for (ph, (tid, ts)) in [("s", begin), ("f", end)] {
            let mut event = json!({
                "ph": ph, "pid": self.pid, "tid": tid, "ts": ts, "id": self.arrows, "name": name,
                "cat": "arrow",
            });
            if ph == "f" {
                // It ends in the slice around it, and not in the next one.
                event["bp"] = "e".into();
            }
            self.events.push(event);
        }
    }

    /// A slice for each time in which a mutex is held.
    fn holds(&mut self, lock: usize) {
        let (tid, bit, run) = (self.lock(lock), 1 << lock, self.run);
        let holder = |at: usize| match run.rows.get(at) {
            Some(row) if row.foreign & bit != 0 => Some("a foreign thread"),
            Some(row) if row.held & bit != 0 => run.threads.get(row.thread).map(String::as_str),
            _ => None,
        };
        let mut at = 0;
        while at < run.rows.len() {
            let (begin, now) = (at, holder(at));
            while at < run.rows.len() && holder(at) == now {
                at += 1;
            }
            if let Some(now) = now {
                let dur = (at - begin) * ROW - 1;
                let name = format!("held by {now}");
                self.slice(tid, begin * ROW, dur, &name, "mutex", json!({}));
            }
        }
    }

    fn levels(&mut self) {
        for buffer in &self.run.buffers {
            for level in &buffer.levels {
                self.events.push(json!({
                    "ph": "C", "pid": self.pid, "ts": level.row * ROW, "name": buffer.name,
                    "args": { "bytes": level.bytes },
                }));
            }
        }
    }
}
