//! The steps that a pair takes, and the end that takes each.
//!
//! The words are those of the recordings; `event` and the lock misses have the debug tag
//! `pvc_event` of the original, the others `pvc`.

use eventsys::steps::{Step, Subject};

/// One of the two ends of a pair. A step of the pair itself has the subject [`pair`].
///
/// ```
/// use eventsys::steps::Step;
/// use pluginvc::steps::{DO_IO_READ, Side};
///
/// let step = Step::bare(Side::Active, DO_IO_READ, Some(2_000));
/// assert_eq!(step.to_string(), "A do_io_read 2000");
/// assert_eq!(Side::of(&step), Some(Side::Active));
/// assert_eq!(Side::Active.other(), Side::Passive);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Side {
    /// The end that connects; `A` in the recordings.
    Active,
    /// The end that accepts; `P` in the recordings.
    Passive,
}

impl Side {
    /// Both sides, the active one first.
    pub const BOTH: [Side; 2] = [Side::Active, Side::Passive];

    /// The letter of the recordings: `A` or `P`.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Side::Active => 'A',
            Side::Passive => 'P',
        }
    }

    /// The other end of the pair. Mirrors `other_side`.
    #[inline]
    #[must_use]
    pub const fn other(self) -> Side {
        match self {
            Side::Active => Side::Passive,
            Side::Passive => Side::Active,
        }
    }

    /// 0 for the active side, 1 for the passive one: the place in an array of both ends.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// This side of the pair with this number ([`PluginVCCore::id`]), as the subject of
    /// a step.
    ///
    /// [`PluginVCCore::id`]: crate::PluginVCCore::id
    #[must_use]
    pub const fn of_pair(self, number: u32) -> Subject {
        Subject { what: self.letter(), number }
    }

    /// The side that took `step`; `None` if no end took it: a step of the pair itself or of
    /// another layer.
    #[must_use]
    pub fn of(step: &Step) -> Option<Side> {
        Side::BOTH.into_iter().find(|side| side.of_pair(0).what == step.subject.what)
    }
}

/// The side of no particular pair.
impl From<Side> for Subject {
    fn from(side: Side) -> Subject {
        side.of_pair(0)
    }
}

/// The pair with this number ([`PluginVCCore::id`]) itself, as the subject of a step; `-` in
/// the recordings.
///
/// ```
/// use eventsys::steps::Step;
/// use pluginvc::steps::{CREATE, pair};
///
/// assert_eq!(Step::bare(pair(1), CREATE, None).to_string(), "- create");
/// ```
///
/// [`PluginVCCore::id`]: crate::PluginVCCore::id
#[must_use]
pub const fn pair(number: u32) -> Subject {
    Subject { what: '-', number }
}

/// The subject that the recordings write as `text`, of no particular pair: `A`, `P` or `-`.
///
/// ```
/// use pluginvc::steps::{Side, pair, subject};
///
/// assert_eq!(subject("P"), Some(Side::Passive.into()));
/// assert_eq!(subject("-"), Some(pair(0)));
/// assert_eq!(subject("active"), None);
/// ```
#[must_use]
pub fn subject(text: &str) -> Option<Subject> {
    match text {
        "A" => Some(Side::Active.of_pair(0)),
        "P" => Some(Side::Passive.of_pair(0)),
        "-" => Some(pair(0)),
        _ => None,
    }
}

eventsys::step_kinds! {
    /// `PluginVCCore` made.
    CREATE = "create", "pvc";
    /// `PluginVCCore` freed.
    DESTROY = "destroy", "pvc";
    /// `do_io_read`; the value is `nbytes`.
    DO_IO_READ = "do_io_read", "pvc";
    /// `do_io_write`; the value is `nbytes`.
    DO_IO_WRITE = "do_io_write", "pvc";
    /// `do_io_close`.
    DO_IO_CLOSE = "do_io_close", "pvc";
    /// The read VIO was reenabled.
    REENABLE_READ = "reenable_read", "pvc";
    /// The write VIO was reenabled.
    REENABLE_WRITE = "reenable_write", "pvc";
    /// The read VIO was reenabled with leave to call back at once.
    REENABLE_RE_READ = "reenable_re_read", "pvc";
    /// The write VIO was reenabled with leave to call back at once.
    REENABLE_RE_WRITE = "reenable_re_write", "pvc";
    /// `main_handler` received an event; the value is its code.
    EVENT = "event", "pvc_event";
    /// `process_read_side` begins.
    READ_SIDE = "read_side", "pvc";
    /// `process_write_side` begins.
    WRITE_SIDE = "write_side", "pvc";
    /// Bytes the read side can act on.
    READ_ACT_ON = "read_act_on", "pvc";
    /// Bytes the write side can act on.
    WRITE_ACT_ON = "write_act_on", "pvc";
    /// Bytes moved into the user's read buffer.
    READ_ADDED = "read_added", "pvc";
    /// Bytes moved into the core buffer.
    WRITE_ADDED = "write_added", "pvc";
    /// Bytes moved by the write side straight into the peer's buffer (epoch D).
    MOVED = "moved", "pvc";
    /// No room in the user's read buffer.
    READ_NO_SPACE = "read_no_space", "pvc";
    /// No room in the core buffer.
    WRITE_NO_SPACE = "write_no_space", "pvc";
    /// No room in the peer's read buffer (epoch D).
    PEER_NO_SPACE = "peer_no_space", "pvc";
    /// The read side found the peer's write side closed or shut (epoch D).
    PEER_WRITE_GONE = "peer_write_gone", "pvc";
    /// The peer's try-lock of this side's read VIO missed; a retry is scheduled.
    READ_LOCK_MISS = "read_lock_miss", "pvc_event";
    /// The peer's try-lock of this side's write VIO missed; a retry is scheduled.
    WRITE_LOCK_MISS = "write_lock_miss", "pvc_event";
    /// `process_close` begins.
    PROCESS_CLOSE = "process_close", "pvc";
}
