//! Scenarios: what two ends of a pair and their surroundings do, told in TOML.
//!
//! A scenario says how an end *reacts*: to the connection, to each event, to a
//! timer of its own. It is read ([`Scenario`]), compiled to a flat list of
//! operations ([`Program`]) and run on the port in virtual time
//! ([`run_scenario`]); the steps come from the port, and each can be told in a
//! plain sentence ([`explain()`]).
//!
//! ```toml
//! title = "Ten bytes"
//! teaches = "A write, a read, and two closes."
//! [active]
//! on_connect = ["write 10", "do_io_write 10"]
//! on_WRITE_COMPLETE = ["close"]
//! [passive]
//! on_connect = ["do_io_read 10"]
//! on_READ_COMPLETE = ["consume all", "close"]
//! ```
//!
//! # Reactions
//! | key | when |
//! |---|---|
//! | `on_connect` | active: after `connect` has returned, or at `NET_EVENT_OPEN`; passive: at `NET_EVENT_ACCEPT` |
//! | `on_READ_READY`, `on_READ_COMPLETE`, `on_WRITE_READY`, `on_WRITE_COMPLETE`, `on_EOS`, `on_ERROR`, `on_INACTIVITY_TIMEOUT`, `on_ACTIVE_TIMEOUT` | at each such event that is not counted |
//! | `"on_READ_READY#2"` | at the second such event, instead of the line above |
//! | `on_race` | when the threads are about to begin; only when the scenario is explored |
//! | `after_250ms` | so long after `on_connect`, by a timer under the end's mutex |
//!
//! # Operations
//! | operation | what it does |
//! |---|---|
//! | `do_io_read N [no_buffer] [no_cont]`, `do_io_write N …` | issues an operation of N bytes, or of `max`; without a buffer, without a continuation |
//! | `do_io_read N by_deputy`, `do_io_write N by_deputy` | with another continuation under another mutex: the end's deputy, which has buffers of its own; in its callbacks `write`, `consume` and `water_mark` mean these |
//! | `write N` | appends N bytes that count up to the end's write buffer |
//! | `consume N` | takes N bytes, or `all`, off the end's read buffer; fewer if there are fewer |
//! | `reenable read`, `reenable write` | `VIO::reenable` |
//! | `reenable_re read`, `reenable_re write` | `VIO::reenable_re`, which may call back before it returns |
//! | `shutdown read`, `shutdown write`, `shutdown both` | `do_io_shutdown` |
//! | `close` | `do_io_close` |
//! | `inactivity_timeout T`, `active_timeout T` | sets a timeout; `0` takes it back |
//! | `water_mark N` | sets the water mark of the end's read buffer |
//! | `hold active T`, `hold passive T`, `hold core T` | a foreign thread takes that end's mutex, or the core's, as soon as it is free and keeps it for T |
//! | `blocks R`, `take R N`, `copy R B N` … | calls of the plugin interface's buffers: see [`BufferCall`] |
//!
//! `N` is a number of bytes, also `32KiB` or `1MiB`; `T` is a time like `20us`,
//! `250ms` or `10s`. After `close`, operations on the connection are left out; the
//! end's own buffers may still be used. An operation that needs a held mutex at once
//! would wait for ever in virtual time, so it gets the mutex: an operation that takes
//! the core's (`close`, `reenable_re`, and any without a continuation), and a deputy
//! that is called back, which needs its end's.
//!
//! # The pair
//! | key of `[pair]` | meaning |
//! |---|---|
//! | `connect = "connect_re"` | the active end is called back before `connect_re` returns |
//! | `shared_mutex = true` | one mutex for both ends |
//! | `buffer_index = "4K"` | the block size of the ends' buffers; the real servers take `"32K"` at most |
//! | `read_water_mark = N` | the water mark of the ends' read buffers |
//! | `accept_after = T` | a foreign thread holds the acceptor's mutex that long when the connection is made |
//! | `foreign_thread = true` | a foreign thread makes the connection |
//! | `threads = 2` | two event threads, which take turns; the passive end's timers are the second one's |
//! | `no_mutex = "passive"` | the continuation of that end, of the `active` one or of `both`, has no mutex: it may do anything but `do_io_read` and `do_io_write` |
//!
//! # What is only explored
//! A scenario with one of these is not run but explored ([`Race`]): `atslab explore` carries it
//! out under one thread schedule after the other. There the event threads race, too: `threads = 2`
//! then means two that do not take turns.
//!
//! | key | meaning |
//! |---|---|
//! | `epoch = "C"` of `[pair]` | the epoch that the scenario is about |
//! | `on_race = […]` of an end | carried out when the threads are about to begin |
//! | `from = "quiet"` of `[explore]` | where the threads begin: at the `start`, when the active end has its connection (`connect`), or when nothing is left to do at once (`quiet`, the usual one) |
//! | `bound = 2` of `[explore]` | schedules with so many interruptions are tried |
//! | `stalls = true` of `[explore]` | time passes although a thread could go on |
//! | `wake = "try_lock"` of `[explore]` | how sleeping event threads are woken: [`WakePolicy`](eventsys::WakePolicy); `blocking` is the usual one |
//! | `[thread.NAME]`, `does = […]` | a thread that the event system does not own, and what it does |
//!
//! | operation of a thread | what it does |
//! |---|---|
//! | `lock X`, `unlock X` | takes a mutex and gives it back: `active`, `passive`, `core`, `active_deputy`, `passive_deputy` |
//! | `close E` | `do_io_close` of an end, `active` or `passive` |
//! | `shutdown E read`, `write` or `both` | `do_io_shutdown` |
//! | `reenable E read`, `write` | `VIO::reenable`, under the end's mutex |
//! | `do_io_read E N`, `do_io_write E N` | issues an operation, under the end's mutex |
//! | `write E N`, `consume E N` | the end's own buffers, under its mutex |
//! | `active_timeout E T`, `inactivity_timeout E T` | sets a timeout |
//! | `free E` | the end's user is freed: it must not be called back any more |
//! | `connect` | makes the connection |
//! | `wait T` | does nothing for a time |
//! | `schedule N` | schedules N events on an event thread, each when the one before it has come |
//!
//! An operation on an end that has no connection yet, or that has been closed, is left out.
//!
//! # What is expected
//! | key of `[expect]`, or of `[expect.B]`, `[expect.C]`, `[expect.D]` for one epoch | meaning |
//! |---|---|
//! | `active = ["WRITE_COMPLETE"]`, `passive = […]` | the events with which the end is called back, in order |
//! | `active_bytes = N`, `passive_bytes = N` | the bytes of the peer that come into the end's read buffer |
//! | `finish = "freed"` | how the run ends: `freed`, `quiet`, `time`, `runaway` or `panic` |
//!
//! A key of one epoch overrides the same key of all epochs. Without `finish = "panic"` a
//! panic is never expected.

#![forbid(unsafe_code)]

mod act;
pub mod amount;
mod buffers;
mod call;
mod calls;
#[cfg_attr(not(feature = "explore"), path = "contract/none.rs")]
#[cfg_attr(feature = "explore", path = "contract/monitor.rs")]
mod contract;
mod counts;
mod deputy;
pub mod driver;
mod end;
mod expect;
mod explain;
#[cfg(feature = "explore")]
pub mod explore;
pub mod fault;
mod held;
#[cfg(not(feature = "explore"))]
pub mod http;
pub mod input;
mod ledger;
mod model;
mod op;
mod outcome;
pub mod program;
mod race;
mod read;
pub mod read_error;
pub mod record;
mod release;
mod run;
mod second;
mod stage;
mod story;
#[cfg(not(feature = "explore"))]
mod tcp;
mod words;
mod write;

pub use self::act::{Act, Lock, MOST_SCHEDULED, side_name};
pub use self::buffers::{Seen, Taken};
pub use self::call::{BufferCall, MOST_READERS, ReaderName, Which};
pub use self::expect::{Expect, Expected, FinishKind};
pub use self::explain::{explain, explain_hold, explain_op, explain_trigger};
pub use self::fault::ScenarioFault;
pub use self::ledger::{EndState, Ledger, Level, Progress};
pub use self::model::{Limits, PairDef, Reaction, Scenario, Trigger};
pub use self::op::{How, HowTo, Op, OpCont, Owner};
pub use self::outcome::{EndOutcome, Outcome};
pub use self::program::{Program, Range};
pub use self::race::{
    Begin, ForeignThread, MOST_INTERRUPTIONS, MOST_THREADS, Race, USUAL_BOUND, wake_name,
};
pub use self::read::{event_name, scenario_from_bytes, scenario_from_file, size_name};
pub use self::read_error::ReadError;
pub use self::record::{Record, Recorded, record_scenario, steps_of};
pub use self::release::of_release;
pub use self::run::{Finish, LockKeys, ScenarioReport, run_scenario};
pub use self::story::{Line, Mark, Story};
#[cfg(not(feature = "explore"))]
pub use self::tcp::{record_over_tcp, why_not_over_tcp};
pub use self::write::trigger_key;
