//! Steps: what the port did, as typed records, and the ways to look at them.
//!
//! A step is the port's own word; the original has debug lines instead. One
//! record has several views, so that a comparison, a reader and a tool all see
//! the same run:
//!
//! | view | for | made by |
//! |---|---|---|
//! | the recordings' text, `A do_io_read 2000` | comparison with real servers | [`Step`]'s `Display` |
//! | `log` lines under `pvc`, `pvc_event`, `pvc_test`, `event` | reading, with `RUST_LOG` | [`LogSink`] |
//! | JSON lines | tools | [`json_line`] |
//!
//! A listener is a [`StepSink`], given to the [`EventProcessor`](crate::EventProcessor). Without a
//! listener a step costs one branch, because [`Steps`] is an `Option` and the record is built
//! behind it. To measure the cost of that branch: a build with `--cfg atslab_mute` leaves all
//! reports out.

pub mod events;
mod kind;
mod views;

use std::panic::Location;
use std::sync::Arc;

// The standard library's mutex, not the facade's: with that one each step would be a scheduling
// point of an exploration, and listening would change what is explored.
use parking_lot::Mutex;

pub use kind::StepKind;
#[doc(hidden)]
pub use kind::Word;
pub use views::{LockNames, LogSink, excerpt, json_line};

use crate::hrtime::HrTime;

/// The object that took a step: what it is, in the words of its layer, and its number
/// among its kind.
///
/// ```
/// use eventsys::steps::Subject;
///
/// let thread = Subject { what: 'T', number: 2 };
/// assert_eq!(thread.to_string(), "T");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Subject {
    /// What it is, by the letter of its layer: `T` an event thread, `N` a net connection,
    /// `H` an HTTP transaction, `S` a client session; `A`, `P` and `-` the ends of a
    /// PluginVC pair and the pair itself, as in the recordings.
    pub what: char,
    /// Its number; 0 where it has no number.
    pub number: u32,
}

/// The mutexes a thread held when it took a step, outermost first, as far as
/// they fit. Filled only while a [`census`](crate::mutex::census) is running.
///
/// ```
/// use eventsys::ProxyMutex;
/// use eventsys::mutex::census;
///
/// let _census = census::start();
/// let mutex = ProxyMutex::new();
/// let _guard = mutex.lock();
/// let held = census::held_locks();
/// assert_eq!(held.iter().collect::<Vec<_>>(), [mutex.key()]);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HeldLocks {
    keys: [usize; 6],
    len: u8,
}

impl HeldLocks {
    pub(crate) fn push(&mut self, key: usize) {
        if let Some(slot) = self.keys.get_mut(usize::from(self.len)) {
            *slot = key;
            self.len += 1;
        }
    }

    /// The held mutexes' keys ([`ProxyMutex::key`](crate::ProxyMutex::key)).
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.keys[..usize::from(self.len)].iter().copied()
    }

    /// True if no mutex was held, or no census was running.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// One step of the port.
///
/// ```
/// use eventsys::steps::events::DISPATCH;
/// use eventsys::steps::{Step, Subject};
///
/// let step = Step::bare(Subject { what: 'T', number: 0 }, DISPATCH, Some(1));
/// assert_eq!(step.to_string(), "T dispatch 1");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// When, by the clock of the event processor, in nanoseconds.
    pub at: HrTime,
    /// The object that took it.
    pub subject: Subject,
    /// The kind of step.
    pub kind: StepKind,
    /// How much, where the kind has a value.
    pub value: Option<i64>,
    /// Under which locks.
    pub held: HeldLocks,
    /// The line of the port that reported it; [`Steps::report`] fills it in.
    pub place: Option<&'static Location<'static>>,
}

impl Step {
    /// A step without time and locks: subject, kind and value.
    #[must_use]
    pub fn bare(subject: impl Into<Subject>, kind: StepKind, value: Option<i64>) -> Step {
        let subject = subject.into();
        Step { at: 0, subject, kind, value, held: HeldLocks::default(), place: None }
    }

    /// True if both are the same step as far as a recording can tell.
    #[must_use]
    pub fn same_as(&self, other: &Step) -> bool {
        self.value == other.value
            && self.subject.what == other.subject.what
            && self.kind.is(other.kind)
    }
}

/// Takes steps as they happen, from any thread, under whatever locks the step
/// was taken. It must not call back into the event system.
///
/// ```
/// use eventsys::steps::{Step, StepSink};
///
/// struct Printer;
///
/// impl StepSink for Printer {
///     fn step(&self, step: Step) {
///         println!("{} {step}", step.at);
///     }
/// }
/// ```
pub trait StepSink: Send + Sync {
    /// Takes one step.
    fn step(&self, step: Step);
}

/// The handle through which code reports its steps; one branch without a listener.
///
/// The example of [`Options`](crate::Options) makes one.
#[derive(Clone, Default)]
pub struct Steps(Option<Arc<dyn StepSink>>);

impl Steps {
    /// A handle to `sink`.
    #[must_use]
    pub fn to(sink: Arc<dyn StepSink>) -> Steps {
        Steps(Some(sink))
    }

    /// A handle without a listener.
    #[must_use]
    pub const fn none() -> Steps {
        Steps(None)
    }

    /// A handle to `log`, if it shows debug lines at all. Which targets it shows is
    /// `log`'s own choice.
    #[must_use]
    pub(crate) fn to_log() -> Steps {
        match log::max_level() {
            log::LevelFilter::Debug | log::LevelFilter::Trace => Steps::to(Arc::new(LogSink)),
            _ => Steps::none(),
        }
    }

    /// True if there is a listener.
    #[inline]
    #[must_use]
    pub fn enabled(&self) -> bool {
        !cfg!(atslab_mute) && self.0.is_some()
    }

    /// Reports the step that `make` builds, if there is a listener. The step's place is the
    /// line of the caller.
    #[inline(always)] // A test of a pointer where the step is taken, and no call.
    #[track_caller]
    pub fn report(&self, make: impl FnOnce() -> Step) {
        if let Some(sink) = self.0.as_ref().filter(|_| self.enabled()) {
            tell(&**sink, Location::caller(), make);
        }
    }
}

/// Apart from [`Steps::report`], so that the code of the step that makes the record is out of the
/// way of the code that takes it.
#[cold]
#[inline(never)]
fn tell(sink: &dyn StepSink, place: &'static Location<'static>, make: impl FnOnce() -> Step) {
    sink.step(Step { place: Some(place), ..make() });
}

/// Keeps every step, in the order in which they came.
///
/// The example of [`Options`](crate::Options) reads one.
#[derive(Default)]
pub struct Collector(Mutex<Vec<Step>>);

impl Collector {
    /// An empty collector, ready to be shared.
    #[must_use]
    pub fn new() -> Arc<Collector> {
        Arc::default()
    }

    /// Takes out what has been collected so far.
    #[must_use]
    pub fn take(&self) -> Vec<Step> {
        std::mem::take(&mut self.0.lock())
    }
}

impl StepSink for Collector {
    fn step(&self, step: Step) {
        self.0.lock().push(step);
    }
}
