//! [`Act`]: what a thread can do that the event system does not own.

use std::fmt;

use eventsys::HrTime;
use iocore::VioOp;
use pluginvc::steps::Side;

use super::amount::{Bytes, Span};
use super::fault::ScenarioFault;
use super::op::{How, HowTo, direction_name};
use super::words::{Parsed, Words};

/// One operation of a foreign thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// Takes a mutex, and waits for it if need be.
    Lock(Lock),
    /// Gives it back.
    Unlock(Lock),
    /// `do_io_close` of an end.
    Close(Side),
    /// `do_io_shutdown` of an end.
    Shutdown(Side, HowTo),
    /// `VIO::reenable`; the thread has the end's mutex.
    Reenable(Side, VioOp),
    /// `do_io_read` or `do_io_write` of so many bytes; the thread has the end's mutex.
    DoIo(Side, VioOp, i64, How),
    /// Appends so many bytes to the end's write buffer; the thread has the end's mutex.
    Write(Side, i64),
    /// Takes so many bytes off the end's read buffer; the thread has the end's mutex.
    Consume(Side, i64),
    /// `set_active_timeout` of an end, in nanoseconds.
    ActiveTimeout(Side, HrTime),
    /// `set_inactivity_timeout` of an end, in nanoseconds.
    InactivityTimeout(Side, HrTime),
    /// The user of an end is freed: it must not be called back any more.
    Free(Side),
    /// Makes the connection.
    Connect,
    /// Does nothing for so many nanoseconds.
    Wait(HrTime),
    /// Schedules so many events on an event thread, each when the one before it has come.
    Schedule(u32),
}

/// A mutex of a scenario.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Lock {
    /// That of an end's user.
    User(Side),
    /// That of an end's deputy.
    Deputy(Side),
    /// That of the `PluginVCCore`.
    Core,
}

impl Lock {
    /// Every mutex.
    pub const ALL: [Lock; 5] = [
        Lock::User(Side::Active),
        Lock::User(Side::Passive),
        Lock::Core,
        Lock::Deputy(Side::Active),
        Lock::Deputy(Side::Passive),
    ];

    /// Its word in a file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Lock::User(side) => side_name(side),
            Lock::Deputy(Side::Active) => "active_deputy",
            Lock::Deputy(Side::Passive) => "passive_deputy",
            Lock::Core => "core",
        }
    }
}

/// The most events that one operation schedules.
pub const MOST_SCHEDULED: u32 = 100;

const NAMES: &str = "lock, unlock, close, shutdown, reenable, do_io_read, do_io_write, write, \
                     consume, active_timeout, inactivity_timeout, free, connect, wait or schedule";

impl Act {
    /// Reads an operation; a fault comes with the byte at which it begins.
    ///
    /// # Errors
    /// If `text` is no operation of a thread.
    pub fn parse(text: &str) -> Result<Act, (usize, ScenarioFault)> {
        let mut words = Words::new(text);
        let act = match words.next() {
            "lock" => Act::Lock(words.lock()?),
            "unlock" => Act::Unlock(words.lock()?),
            "close" => Act::Close(words.side()?),
            "shutdown" => Act::Shutdown(words.side()?, words.how_to()?),
            "reenable" => Act::Reenable(words.side()?, words.direction()?),
            "do_io_read" => {
                Act::DoIo(words.side()?, VioOp::Read, words.bytes(Some("max"))?, words.how()?)
            }
            "do_io_write" => {
                Act::DoIo(words.side()?, VioOp::Write, words.bytes(Some("max"))?, words.how()?)
            }
            "write" => Act::Write(words.side()?, words.piece()?),
            "consume" => Act::Consume(words.side()?, words.bytes(Some("all"))?),
            "active_timeout" => Act::ActiveTimeout(words.side()?, words.span()?),
            "inactivity_timeout" => Act::InactivityTimeout(words.side()?, words.span()?),
            "free" => Act::Free(words.side()?),
            "connect" => Act::Connect,
            "wait" => Act::Wait(words.span()?),
            "schedule" => Act::Schedule(words.count(MOST_SCHEDULED)?),
            other => return Err(words.fault(other, format!("an operation of a thread ({NAMES})"))),
        };
        words.end()?;
        Ok(act)
    }

    /// The end that it is about.
    #[must_use]
    pub fn side(self) -> Option<Side> {
        match self {
            Act::Close(side)
            | Act::Shutdown(side, _)
            | Act::Reenable(side, _)
            | Act::DoIo(side, ..)
            | Act::Write(side, _)
            | Act::Consume(side, _)
            | Act::ActiveTimeout(side, _)
            | Act::InactivityTimeout(side, _)
            | Act::Free(side) => Some(side),
            Act::Lock(_) | Act::Unlock(_) | Act::Connect | Act::Wait(_) | Act::Schedule(_) => None,
        }
    }

    /// The mutex that the thread must have.
    #[must_use]
    pub fn needs(self) -> Option<Lock> {
        match self {
            Act::Reenable(side, _)
            | Act::DoIo(side, ..)
            | Act::Write(side, _)
            | Act::Consume(side, _) => Some(Lock::User(side)),
            _ => None,
        }
    }
}

/// As a scenario writes it.
impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Act::Lock(lock) => write!(f, "lock {}", lock.name()),
            Act::Unlock(lock) => write!(f, "unlock {}", lock.name()),
            Act::Close(side) => write!(f, "close {}", side_name(side)),
            Act::Shutdown(side, how) => write!(f, "shutdown {} {}", side_name(side), how.name()),
            Act::Reenable(side, op) => {
                write!(f, "reenable {} {}", side_name(side), direction_name(op))
            }
            Act::DoIo(side, op, n, how) => {
                write!(f, "do_io_{} {} {}{how}", direction_name(op), side_name(side), Bytes(n))
            }
            Act::Write(side, n) => write!(f, "write {} {}", side_name(side), Bytes(n)),
            Act::Consume(side, i64::MAX) => write!(f, "consume {} all", side_name(side)),
            Act::Consume(side, n) => write!(f, "consume {} {}", side_name(side), Bytes(n)),
            Act::ActiveTimeout(side, t) => {
                write!(f, "active_timeout {} {}", side_name(side), Span(t))
            }
            Act::InactivityTimeout(side, t) => {
                write!(f, "inactivity_timeout {} {}", side_name(side), Span(t))
            }
            Act::Free(side) => write!(f, "free {}", side_name(side)),
            Act::Connect => f.write_str("connect"),
            Act::Wait(t) => write!(f, "wait {}", Span(t)),
            Act::Schedule(n) => write!(f, "schedule {n}"),
        }
    }
}

/// The word of an end in a file.
#[must_use]
pub const fn side_name(side: Side) -> &'static str {
    match side {
        Side::Active => "active",
        Side::Passive => "passive",
    }
}

impl Words<'_> {
    fn lock(&mut self) -> Parsed<Lock> {
        let word = self.next();
        let known = Lock::ALL.into_iter().find(|lock| lock.name() == word);
        let expected = "active, passive, core, active_deputy or passive_deputy";
        known.ok_or_else(|| self.fault(word, expected))
    }

    fn count(&mut self, most: u32) -> Parsed<u32> {
        let word = self.next();
        let number = word.parse().ok().filter(|number| (1..=most).contains(number));
        number.ok_or_else(|| self.fault(word, format!("a number from 1 to {most}")))
    }
}
