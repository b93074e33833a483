//! [`Race`]: what is only explored: threads that race with the event threads.
//!
//! An ordinary run has one order of events. A race has many, so a scenario with one is not run
//! but explored: `atslab explore` carries it out under one thread schedule after the other.

use std::fmt;

use eventsys::WakePolicy;
use pluginvc::Epoch;

use super::act::Act;

/// The threads of a scenario that race, and how they are explored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Race {
    /// The epoch that the scenario is about; `None`: any.
    pub epoch: Option<Epoch>,
    /// Where the threads begin.
    pub begin: Begin,
    /// Schedules with so many interruptions are tried, unless the user asks for others.
    pub bound: u32,
    /// Time passes although a thread could go on: a thread may stall for any time.
    pub stalls: bool,
    /// How sleeping event threads are woken.
    pub wake: WakePolicy,
    /// The threads that the event system does not own, in the order of the file.
    pub threads: Vec<ForeignThread>,
}

/// The bound of a scenario that names none: each known defect of PluginVC needs at most two
/// interruptions.
pub const USUAL_BOUND: u32 = 2;

/// The largest bound of a file.
pub const MOST_INTERRUPTIONS: u32 = 16;

/// The most threads of a file.
pub const MOST_THREADS: usize = 8;

impl Default for Race {
    fn default() -> Race {
        Race {
            epoch: None,
            begin: Begin::default(),
            bound: USUAL_BOUND,
            stalls: false,
            wake: WakePolicy::default(),
            threads: Vec::new(),
        }
    }
}

impl Race {
    /// True if a thread makes the connection.
    #[must_use]
    pub fn connects(&self) -> bool {
        self.acts().any(|act| act == Act::Connect)
    }

    /// How many events the threads schedule on the event threads' queue.
    #[must_use]
    pub fn schedules(&self) -> u32 {
        let counts = self.acts().map(|act| if let Act::Schedule(n) = act { n } else { 0 });
        counts.sum()
    }

    /// All operations of all threads.
    pub fn acts(&self) -> impl Iterator<Item = Act> + '_ {
        self.threads.iter().flat_map(|thread| thread.does.iter().copied())
    }
}

/// A thread that the event system does not own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ForeignThread {
    /// Its name.
    pub name: String,
    /// What it does, one after the other.
    pub does: Vec<Act>,
}

/// Where the threads of a scenario begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Begin {
    /// Before the connection is made.
    Start,
    /// When the connection has been made and the active end's `on_connect` carried out; the
    /// passive end does not know of the connection yet.
    Connect,
    /// When nothing is left to do at once: what waits is timers.
    #[default]
    Quiet,
}

impl Begin {
    /// Every place.
    pub const ALL: [Begin; 3] = [Begin::Start, Begin::Connect, Begin::Quiet];

    /// Its word in a file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Begin::Start => "start",
            Begin::Connect => "connect",
            Begin::Quiet => "quiet",
        }
    }
}

impl fmt::Display for Begin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The word of a wake policy in a file.
#[must_use]
pub fn wake_name(wake: WakePolicy) -> &'static str {
    match wake {
        WakePolicy::Blocking => "blocking",
        WakePolicy::TryLock => "try_lock",
    }
}
