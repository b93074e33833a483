//! The list of workloads. The book's chapter on the bench says what each one does.

use conformance::ats::live::Job;

use crate::command::idle::BODY;

/// The size index of 1 KiB, and that of 32 KiB.
const INDEX_1K: u8 = 3;
const INDEX_32K: u8 = 8;

/// How many connections ask for answers at once.
const CLIENTS: u64 = 16;

/// How many connections are kept open.
const IDLE: u64 = 10_000;

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unit {
    /// Nanoseconds for an operation.
    Time,
    /// Bytes for each thing that is made.
    Memory,
    /// Instructions for an operation.
    Instructions,
}

impl Unit {
    pub(super) fn name(self) -> &'static str {
        match self {
            Unit::Time => "ns",
            Unit::Memory => "bytes",
            Unit::Instructions => "instructions",
        }
    }
}

/// One workload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Workload {
    pub(super) name: String,
    /// What one operation is.
    pub(super) operation: &'static str,
    pub(super) unit: Unit,
    pub(super) job: Job,
    /// True if the timing of threads does not change how often the state machines are called.
    pub(super) is_exact: bool,
    pub(super) process: Lifetime,
}

/// How long the process of a workload lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lifetime {
    /// It goes on to the next workload.
    Longer,
    /// It performs this workload only.
    Workload,
    /// It performs one run.
    Run,
}

/// The operation of a workload that moves pieces.
const PIECE: &str = "piece";

impl Workload {
    fn new(name: impl Into<String>, operation: &'static str, kind: &str, ops: u64) -> Workload {
        let job = Job {
            kind: kind.to_owned(),
            ops,
            many: 1,
            size: 0,
            index: INDEX_32K,
            shared: false,
            threads: 1,
            cpu: kind != "cross",
        };
        Workload {
            name: name.into(),
            operation,
            unit: Unit::Time,
            job,
            is_exact: true,
            process: Lifetime::Longer,
        }
    }

    fn many(mut self, many: u64) -> Workload {
        self.job.many = many;
        self
    }

    fn size(mut self, size: usize) -> Workload {
        self.job.size = size;
        self
    }

    fn index(mut self, index: u8) -> Workload {
        self.job.index = index;
        self
    }

    /// If the ends are apart (2), the timing decides how much one call finds.
    fn threads(mut self, threads: u8) -> Workload {
        self.job.threads = threads;
        self.is_exact = self.is_exact && threads != 2;
        self.job.cpu = false;
        self
    }

    fn shared(mut self) -> Workload {
        self.job.shared = true;
        self
    }

    fn lives(mut self, process: Lifetime) -> Workload {
        self.process = process;
        self
    }

    fn memory(name: &str, operation: &'static str, many: u64) -> Workload {
        let workload = Workload::new(name, operation, name, many).many(many).size(32 * 1024);
        Workload { unit: Unit::Memory, ..workload }.lives(Lifetime::Run)
    }

    /// Answers of `size` bytes to clients on sockets.
    fn http(name: &str, size: usize, ops: u64) -> Workload {
        let workload = Workload::new(name, "answer", Job::HTTP, ops).many(CLIENTS).size(size);
        workload.lives(Lifetime::Workload)
    }

    /// Served by so many net threads.
    fn net_threads(mut self, threads: u8) -> Workload {
        self.job.threads = threads;
        self
    }

    /// Whether a client on sockets brings the work.
    pub(super) fn is_http(&self) -> bool {
        [Job::HTTP, Job::HTTP_IDLE].contains(&&*self.job.kind)
    }

    /// Whether a bare loop of `writev` can do the same.
    pub(super) fn is_for_a_bare_loop(&self) -> bool {
        self.job.kind == Job::HTTP && self.job.threads == 1
    }

    /// The greatest ratio, port to original, that this project wants; `None` where it wants none.
    pub(super) fn reach(&self) -> Option<f64> {
        // The name without what stands behind its second word: both ends under one mutex.
        let name = self.name.strip_suffix("_shared").unwrap_or(&self.name);
        match (self.unit, name) {
            (Unit::Instructions, "event_chain" | "event_deep_1000") => Some(0.8),
            (Unit::Instructions, "pair_1k" | "pair_50" | "pair_1") => Some(1.0),
            (Unit::Instructions, "connect" | "buffer_1k" | "buffer_50") => Some(1.0),
            (Unit::Time, "event_chain" | "event_deep_1000") => Some(0.7),
            (Unit::Time, "pair_1k" | "pair_50" | "pair_1") => Some(0.9),
            (Unit::Time, "connect" | "buffer_1k" | "buffer_50") => Some(0.9),
            (Unit::Time, "pairs_1000") => Some(0.6),
            (Unit::Time, "http_1k" | "http_1k_two") => Some(0.5),
            (Unit::Time, "http_32k" | "http_10m") => Some(0.7),
            (Unit::Memory, "memory_idle" | "http_idle") => Some(0.5),
            _ => None,
        }
    }

    /// Its figure in a run that took `time`, or by which the process grew.
    pub(super) fn figure(&self, answer: conformance::ats::live::Answer) -> f64 {
        let (total, count) = match self.unit {
            Unit::Time | Unit::Instructions => (answer.time, self.job.ops),
            Unit::Memory => (answer.memory, self.job.many),
        };
        total as f64 / count as f64
    }

    /// The same with a hundredth of the work, but at least three thousand operations
    /// and one for each pair; of answers at least twenty, and a tenth of the connections.
    fn quick(mut self) -> Workload {
        let is_http = self.is_http();
        let Job { ops, many, .. } = &mut self.job;
        if is_http {
            *ops = (*ops / 100).max(20);
            *many = if *many == IDLE { IDLE / 10 } else { *many };
            return self;
        }
        if *many >= 10_000 {
            *many /= 100;
        }
        *ops = (*ops / 100).max(3_000.min(*ops)).max(*many);
        self
    }
}

/// The workloads whose instructions are counted: all that one event thread performs without waiting
/// for the clock. A process is some fifty times slower then, so they do less.
pub(super) fn counted() -> Vec<Workload> {
    let few = |workload: Workload| {
        let Job { kind, size, many, threads, .. } = &workload.job;
        let ops = match (&**kind, *size) {
            _ if *threads != 1 || *many > 1_000 => return None,
            ("chains" | "timer_cancel", _) => 200_000,
            ("pairs" | "clones" | "copies", 32_768) => 5_000,
            ("pairs", _) => 20_000,
            ("connections", _) => 5_000,
            ("copies", _) => 200_000,
            _ => return None,
        };
        let job = Job { ops, ..workload.job };
        Some(Workload { unit: Unit::Instructions, job, ..workload })
    };
    workloads(false).into_iter().filter_map(few).collect()
}

/// All workloads, in the order of the table.
pub(super) fn workloads(is_quick: bool) -> Vec<Workload> {
    let mut all = vec![
        Workload::new("event_chain", "event", "chains", 2_000_000),
        Workload::new("event_deep_1000", "event", "chains", 2_000_000).many(1000),
        Workload::new("event_cross_1", "event", "cross", 600_000),
        Workload::new("event_cross_3", "event", "cross", 600_000).many(3),
        Workload::new("timer_cancel", "timer", "timer_cancel", 1_000_000),
        Workload::new("timer_fire", "timer", "timer_fire", 50_000).many(0),
        Workload::new("timer_fire_1m", "timer", "timer_fire", 50_000)
            .many(1_000_000)
            .lives(Lifetime::Workload),
        Workload::new("lock_miss", "missed lock", "lock_miss", 10_000),
    ];
    // A pair with its ends apart waits 10 ms for each missed mutex: fewer pieces are enough.
    for (size, name, ops, apart) in [
        (32 * 1024, "32k", 50_000, 150),
        (1024, "1k", 500_000, 2_000),
        (50, "50", 500_000, 20_000),
        (1, "1", 500_000, 50_000),
    ] {
        let pair = |name: String, ops| Workload::new(name, PIECE, "pairs", ops).size(size);
        all.push(pair(format!("pair_{name}"), ops));
        all.push(pair(format!("pair_{name}_shared"), ops).shared());
        all.push(pair(format!("pair_{name}_apart"), apart).threads(2));
    }
    for (count, name) in [(1_000, "1000"), (100_000, "100000")] {
        all.push(pairs(format!("pairs_{name}"), count, 500_000));
    }
    let connect = Workload::new("connect", "connection", "connections", 100_000);
    all.push(connect.size(1024).index(INDEX_1K));
    for (size, name, ops) in
        [(32 * 1024, "32k", 100_000), (1024, "1k", 1_000_000), (50, "50", 1_000_000)]
    {
        all.push(Workload::new(format!("buffer_{name}"), PIECE, "copies", ops).size(size));
    }
    all.push(Workload::new("buffer_clone", "block", "clones", 1_000_000).size(32 * 1024));
    all.push(Workload::memory("memory_idle", "pair", 20_000));
    all.push(Workload::memory("memory_full", "pair", 2_000));
    all.push(Workload::memory("memory_event", "event", 1_000_000));
    all.push(Workload::http("http_1k", 1024, 30_000));
    all.push(Workload::http("http_1k_two", 1024, 30_000).net_threads(2));
    all.push(Workload::http("http_32k", 32 * 1024, 20_000));
    all.push(Workload::http("http_10m", 10 * 1024 * 1024, 200));
    all.push(idle_connections());
    finished(all, is_quick)
}

/// Connections that have had an answer, and stay.
fn idle_connections() -> Workload {
    let idle = Workload::memory("http_idle", "connection", IDLE).size(BODY);
    Workload { job: Job { kind: Job::HTTP_IDLE.to_owned(), ..idle.job }, ..idle }
}

/// How the cost of a piece grows with the number of pairs.
pub(super) fn growth(is_quick: bool) -> Vec<Workload> {
    let mut all = Vec::new();
    for count in [10, 1_000, 100_000, 1_000_000] {
        all.push(pairs(format!("growth_{count}"), count, (5 * count).max(500_000)));
        all.push(pairs(format!("growth_{count}_two"), count, (5 * count).max(500_000)).threads(3));
    }
    finished(all, is_quick)
}

/// Pairs through which pieces of 1 KiB go, all at once.
fn pairs(name: String, count: u64, ops: u64) -> Workload {
    let pairs = Workload::new(name, PIECE, "pairs", ops).many(count).size(1024).index(INDEX_1K);
    pairs.lives(Lifetime::Workload)
}

fn finished(all: Vec<Workload>, is_quick: bool) -> Vec<Workload> {
    all.into_iter().map(|one| if is_quick { one.quick() } else { one }).collect()
}
