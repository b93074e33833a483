//! [`Op`]: what an end can do, and the grammar in which a scenario says it.

use pluginvc::steps::Side;
use std::fmt;

use eventsys::HrTime;
use iocore::VioOp;

use super::amount::{Bytes, Span};
use super::call::{self, BufferCall};
use super::fault::ScenarioFault;
use super::words::Words;

/// One operation of an end. `i64::MAX` bytes are `max`, or `all`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Op {
    /// `do_io_read` of so many bytes.
    DoIoRead(i64, How),
    /// `do_io_write` of so many bytes.
    DoIoWrite(i64, How),
    /// Appends so many bytes to the write buffer.
    Write(i64),
    /// Takes so many bytes off the read buffer, at most.
    Consume(i64),
    /// `VIO::reenable`; read or write.
    Reenable(VioOp),
    /// `VIO::reenable_re`; read or write.
    ReenableRe(VioOp),
    /// `do_io_shutdown`.
    Shutdown(HowTo),
    /// `do_io_close`.
    Close,
    /// `set_inactivity_timeout`, in nanoseconds.
    InactivityTimeout(HrTime),
    /// `set_active_timeout`, in nanoseconds.
    ActiveTimeout(HrTime),
    /// Sets the water mark of the read buffer.
    WaterMark(i64),
    /// A foreign thread keeps a mutex so many nanoseconds.
    Hold(Owner, HrTime),
    /// Calls a function of the plugin interface's buffers.
    Buffer(BufferCall),
}

/// Whose mutex a foreign thread holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Owner {
    /// The mutex of this end's user.
    User(Side),
    /// The mutex of the `PluginVCCore`.
    Core,
}

impl Owner {
    /// Every owner, in the order of their numbers in the text of a program.
    pub const ALL: [Owner; 3] =
        [Owner::User(Side::Active), Owner::User(Side::Passive), Owner::Core];

    /// Its number in the text of a program: 0 the active end's user, 1 the passive one's, 2
    /// the core.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Owner::User(side) => side.index(),
            Owner::Core => 2,
        }
    }
}

/// How a `do_io` is issued.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct How {
    /// Without a buffer to read into, without a reader to write from.
    pub no_buffer: bool,
    /// The continuation to call back; the VIO is under its mutex.
    pub cont: OpCont,
}

/// The continuation of an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OpCont {
    /// The end's own.
    #[default]
    OfEnd,
    /// The operation has no continuation; the VIO is under the core's mutex.
    Absent,
    /// A second state machine of the end, with a mutex and buffers of its own.
    Deputy,
}

/// Which directions a shutdown ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HowTo {
    /// No further read events.
    Read,
    /// No further write events.
    Write,
    /// No further events in any direction.
    Both,
}

impl HowTo {
    /// Its word in a scenario.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            HowTo::Read => "read",
            HowTo::Write => "write",
            HowTo::Both => "both",
        }
    }

    /// True if it ends this direction.
    #[must_use]
    pub fn ends(self, op: VioOp) -> bool {
        self != if op == VioOp::Write { HowTo::Read } else { HowTo::Write }
    }
}

const NAMES: &str = "do_io_read, do_io_write, write, consume, reenable, reenable_re, shutdown, \
                     close, inactivity_timeout, active_timeout, water_mark, hold";

impl Op {
    /// The continuation, if it issues an operation of a VIO.
    #[must_use]
    pub fn cont(self) -> Option<OpCont> {
        match self {
            Op::DoIoRead(_, how) | Op::DoIoWrite(_, how) => Some(how.cont),
            _ => None,
        }
    }

    /// Reads an operation; a fault comes with the byte at which it begins.
    ///
    /// # Errors
    /// If `text` is no operation.
    pub fn parse(text: &str) -> Result<Op, (usize, ScenarioFault)> {
        let mut words = Words::new(text);
        let op = match words.next() {
            "do_io_read" => Op::DoIoRead(words.bytes(Some("max"))?, words.how()?),
            "do_io_write" => Op::DoIoWrite(words.bytes(Some("max"))?, words.how()?),
            "write" => Op::Write(words.piece()?),
            "consume" => Op::Consume(words.bytes(Some("all"))?),
            "reenable" => Op::Reenable(words.direction()?),
            "reenable_re" => Op::ReenableRe(words.direction()?),
            "shutdown" => Op::Shutdown(words.how_to()?),
            "close" => Op::Close,
            "inactivity_timeout" => Op::InactivityTimeout(words.span()?),
            "active_timeout" => Op::ActiveTimeout(words.span()?),
            "water_mark" => Op::WaterMark(words.bytes(None)?),
            "hold" => Op::Hold(words.owner()?, words.span()?),
            other => match BufferCall::parse(other, &mut words)? {
                Some(call) => Op::Buffer(call),
                None => {
                    let names = format!("an operation ({NAMES}, {})", call::NAMES);
                    return Err(words.fault(other, names));
                }
            },
        };
        words.end()?;
        Ok(op)
    }
}

/// As a scenario writes it.
impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Op::DoIoRead(n, how) => write!(f, "do_io_read {}{how}", Bytes(n)),
            Op::DoIoWrite(n, how) => write!(f, "do_io_write {}{how}", Bytes(n)),
            Op::Write(n) => write!(f, "write {}", Bytes(n)),
            Op::Consume(i64::MAX) => f.write_str("consume all"),
            Op::Consume(n) => write!(f, "consume {}", Bytes(n)),
            Op::Reenable(op) => write!(f, "reenable {}", direction_name(op)),
            Op::ReenableRe(op) => write!(f, "reenable_re {}", direction_name(op)),
            Op::Shutdown(how_to) => write!(f, "shutdown {}", how_to.name()),
            Op::Close => f.write_str("close"),
            Op::InactivityTimeout(t) => write!(f, "inactivity_timeout {}", Span(t)),
            Op::ActiveTimeout(t) => write!(f, "active_timeout {}", Span(t)),
            Op::WaterMark(n) => write!(f, "water_mark {}", Bytes(n)),
            Op::Hold(Owner::User(Side::Active), t) => write!(f, "hold active {}", Span(t)),
            Op::Hold(Owner::User(Side::Passive), t) => write!(f, "hold passive {}", Span(t)),
            Op::Hold(Owner::Core, t) => write!(f, "hold core {}", Span(t)),
            Op::Buffer(call) => write!(f, "{call}"),
        }
    }
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.no_buffer { " no_buffer" } else { "" })?;
        f.write_str(match self.cont {
            OpCont::OfEnd => "",
            OpCont::Absent => " no_cont",
            OpCont::Deputy => " by_deputy",
        })
    }
}

pub(super) fn direction_name(op: VioOp) -> &'static str {
    if op == VioOp::Write { "write" } else { "read" }
}
