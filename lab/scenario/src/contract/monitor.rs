//! [`Contract`]: what PluginVC owes its users, watched between the interpreter and the pair.
//!
//! 1. After `do_io_close` has returned, the end's user is not called back.
//! 2. After `do_io_shutdown` of a direction has returned, it is not called back for that direction,
//!    by a timeout neither.
//! 3. A user that is freed is not called back.
//! 4. An operation is told that it is complete once; it has moved as many bytes at most as were
//!    asked for; and no event comes for an operation that was never issued.
//!
//! "Has returned" and "is called back" are operations on an object of their own
//! ([`explorer::Object`]), and so points at which the explorer may change threads: between the
//! last look at a flag and the callback there is no other one, and schedules that differ only
//! in this order would count as equal.
//!
//! Users owe something, too: nothing is done with an end that is closed. Where one thread uses an
//! end while another one closes it, the original asserts "!closed" in its debug builds; that is
//! the users' own mistake. It makes the execution void: nothing in it is a defect of PluginVC.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use eventsys::EventCode;
use explorer::{Access, Object, note, violation};
use iocore::{NetVcRef, VIO, VioOp};
use pluginvc::steps::Side;

use super::act::side_name;
use super::explore::kind;
use super::op::Op;
use super::read::event_name;

/// The assertions about the user of a call; "magic" is that of an end that has been freed.
const USED_WHEN_CLOSED: [&str; 2] = ["!closed", "magic == PLUGIN_VC_MAGIC_ALIVE"];

/// The contract of both ends.
pub(super) struct Contract {
    ends: [End; 2],
    /// An end has been used while it was closed.
    overlaps: AtomicBool,
    is_void: AtomicBool,
}

/// The contract of one end. All tasks of an execution are on one thread of the system, and no
/// field is an object that is explored: so each method is one step, after its point.
struct End {
    object: Object,
    vc: Mutex<Option<NetVcRef>>,
    /// `do_io_close` has been called.
    closes: AtomicBool,
    /// It has returned.
    closed: AtomicBool,
    freed: AtomicBool,
    /// How many calls on the end are under way.
    uses: AtomicU32,
    /// By direction, read first: it has been shut, and the call has returned.
    shut: [AtomicBool; 2],
    issued: [AtomicBool; 2],
    complete: [AtomicBool; 2],
}

impl Contract {
    pub(super) fn new() -> Contract {
        let end = |name| End {
            object: Object::named(name),
            vc: Mutex::default(),
            closes: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            freed: AtomicBool::new(false),
            uses: AtomicU32::new(0),
            shut: Default::default(),
            issued: Default::default(),
            complete: Default::default(),
        };
        let ends = [end("contract of the active end"), end("contract of the passive end")];
        Contract { ends, overlaps: AtomicBool::new(false), is_void: AtomicBool::new(false) }
    }

    fn end(&self, side: Side) -> &End {
        &self.ends[side.index()]
    }

    /// The user of `side` has got its connection.
    pub(super) fn connected(&self, side: Side, vc: &NetVcRef) {
        note(|| format!("{} gets its connection", side.letter()));
        *self.end(side).vc.lock().unwrap_or_else(PoisonError::into_inner) = Some(vc.clone());
    }

    /// The connection of `side`, if its user has got it.
    pub(super) fn vc(&self, side: Side) -> Option<NetVcRef> {
        self.end(side).vc.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The interpreter has no use of the connections any more.
    pub(super) fn forget(&self) {
        for end in &self.ends {
            drop(end.vc.lock().unwrap_or_else(PoisonError::into_inner).take());
        }
    }

    /// The user of `side` is called back for `vio`.
    pub(super) fn called(&self, side: Side, event: EventCode, vio: &VIO) {
        // First, because each is a point itself: after the one of the contract there is none.
        let (op, done, all) = (vio.op(), vio.ndone(), vio.nbytes());
        let end = self.end(side);
        end.object.point(Access::Read);
        let (name, at) = (side_name(side), index(op));
        note(|| format!("{} is called back: {}", side.letter(), event_name(event)));
        if self.is_void() {
            return;
        }
        let to = format!("{} to the {name} end", event_name(event));
        if get(&end.freed) {
            violation(kind::USE_AFTER_FREE, format!("{to}'s user, which had been freed"));
        }
        if get(&end.closed) {
            violation(kind::CONTRACT, format!("{to} after its close had returned"));
        }
        if get(&end.shut[at]) {
            let direction = direction(op);
            let text = format!("{to} after its shutdown {direction} had returned");
            violation(kind::CONTRACT, text);
        }
        if !get(&end.issued[at]) {
            let text = format!("{to}, which has not issued a {}", direction(op));
            violation(kind::CONTRACT, text);
        }
        if done > all {
            violation(kind::CONTRACT, format!("{to}, where {done} of {all} bytes are done"));
        }
        let completes = [EventCode::VC_EVENT_READ_COMPLETE, EventCode::VC_EVENT_WRITE_COMPLETE];
        if completes.contains(&event) && end.complete[at].swap(true, Ordering::Relaxed) {
            violation(kind::CONTRACT, format!("{to} for the second time"));
        }
    }

    /// A call on the end of `side` begins; it has returned when the result is dropped.
    pub(super) fn uses(&self, side: Side, op: Op) -> Used<'_> {
        let end = self.end(side);
        if get(&end.closes) {
            set(&self.overlaps, true);
        }
        end.uses.fetch_add(1, Ordering::Relaxed);
        for (at, is_issued) in [matches!(op, Op::DoIoRead(..)), matches!(op, Op::DoIoWrite(..))]
            .into_iter()
            .enumerate()
        {
            if is_issued {
                set(&end.issued[at], true);
                set(&end.complete[at], false);
            }
        }
        note(|| format!("{} > {op}", side.letter()));
        Used { contract: self, side, op }
    }

    /// Closes the end of `side` by `close`.
    pub(super) fn closes(&self, side: Side, close: impl FnOnce()) {
        let end = self.end(side);
        if end.uses.load(Ordering::Relaxed) > 0 {
            set(&self.overlaps, true);
        }
        set(&end.closes, true);
        note(|| format!("{} > close", side.letter()));
        close();
        end.object.point(Access::Write);
        set(&end.closed, true);
        note(|| format!("the close of {} has returned", side.letter()));
    }

    /// The user of `side` is freed.
    pub(super) fn frees(&self, side: Side) {
        let end = self.end(side);
        end.object.point(Access::Write);
        set(&end.freed, true);
        note(|| format!("the user of {} is freed", side.letter()));
    }

    pub(super) fn is_freed(&self, side: Side) -> bool {
        get(&self.end(side).freed)
    }

    /// The port has panicked with this text. True if it is the users' own mistake; then the
    /// execution is void.
    pub(super) fn is_mistake(&self, text: &str) -> bool {
        let is_mistake = get(&self.overlaps) && USED_WHEN_CLOSED.contains(&text);
        if is_mistake {
            set(&self.is_void, true);
            note(|| "an end is used while it is closed: the users' own mistake".to_owned());
        }
        is_mistake
    }

    /// True if a user has broken its part: nothing in this execution is a defect of PluginVC.
    pub(super) fn is_void(&self) -> bool {
        self.is_void.load(Ordering::Relaxed)
    }
}

/// A call on an end that is under way.
pub(super) struct Used<'a> {
    contract: &'a Contract,
    side: Side,
    op: Op,
}

impl Drop for Used<'_> {
    fn drop(&mut self) {
        let end = self.contract.end(self.side);
        end.uses.fetch_sub(1, Ordering::Relaxed);
        let Op::Shutdown(how_to) = self.op else { return };
        end.object.point(Access::Write);
        for op in [VioOp::Read, VioOp::Write] {
            if how_to.ends(op) {
                set(&end.shut[index(op)], true);
            }
        }
        let letter = self.side.letter();
        note(|| format!("the shutdown {} of {letter} has returned", how_to.name()));
    }
}

fn index(op: VioOp) -> usize {
    usize::from(op == VioOp::Write)
}

fn direction(op: VioOp) -> &'static str {
    if op == VioOp::Write { "write" } else { "read" }
}

fn get(flag: &AtomicBool) -> bool {
    flag.load(Ordering::Relaxed)
}

fn set(flag: &AtomicBool, value: bool) {
    flag.store(value, Ordering::Relaxed);
}
