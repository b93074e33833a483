//! [`Layout`]: on which lanes the rows of two ends stand, and which buffers they have: of a
//! PluginVC pair, or of a connection over TCP.

use conformance::ats::Epoch;
use conformance::ats::scenario::{EndState, Ledger, Level, Progress};
use conformance::ats::vocabulary::driver;
use eventsys::steps::Step;
use iocore::VioOp;
use iocore::net::steps as net;
use pluginvc::PVC_DEFAULT_MAX_BYTES;
use pluginvc::steps as pvc;
use pluginvc::steps::Side;

use super::kinds::{self, Kind, Shape};
use super::model::{Buffer, Lane, Run};

/// The indices of the lanes. The lane of the foreign thread is there only if it is needed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    users: [usize; 2],
    ends: [usize; 2],
    /// The net thread, which is between two ends over TCP.
    net: Option<usize>,
    pub(super) foreign: usize,
}

/// A PluginVC pair: A's user, its end, the other end, P's user.
pub(super) const PAIR: Layout = Layout { users: [0, 3], ends: [1, 2], net: None, foreign: 4 };
/// A connection over TCP: the same, with the net thread between its ends.
pub(super) const TCP: Layout = Layout { users: [0, 4], ends: [1, 3], net: Some(2), foreign: 5 };

impl Layout {
    /// A run of a pair without rows.
    pub(super) fn pair_of(epoch: Epoch) -> Run {
        let lanes = ["A’s user", "active end", "passive end", "P’s user"];
        Run {
            epoch: epoch.name().to_owned(),
            release: epoch.release().to_owned(),
            lanes: lanes.into_iter().zip("AAPP".chars()).map(lane).collect(),
            buffers: buffers(epoch),
            ..Run::default()
        }
    }

    /// A run over TCP without rows.
    pub(super) fn over_tcp() -> Run {
        let lanes = ["A’s user", "A’s NetVC", "net thread", "P’s NetVC", "P’s user"];
        let buffers = [
            buffer("A’s write buffer", 'A', [0, 0], ""),
            buffer("in the sockets A→P", 'C', [0, 1], ""),
            buffer("P’s read buffer", 'P', [0, 2], "water mark"),
            buffer("P’s write buffer", 'P', [1, 0], ""),
            buffer("in the sockets P→A", 'C', [1, 1], ""),
            buffer("A’s read buffer", 'A', [1, 2], "water mark"),
            buffer("A’s write VIO, ndone", 'A', [2, 0], "nbytes"),
            buffer("P’s read VIO, ndone", 'P', [2, 2], "nbytes"),
            buffer("P’s write VIO, ndone", 'P', [3, 0], "nbytes"),
            buffer("A’s read VIO, ndone", 'A', [3, 2], "nbytes"),
        ];
        Run {
            lanes: lanes.into_iter().zip("AACPP".chars()).map(lane).collect(),
            buffers: buffers.into(),
            ..Run::default()
        }
    }

    /// The lane of the user of an end.
    pub(super) fn user(&self, side: Side) -> usize {
        self.users[side.index()]
    }

    /// The kind of a step, its lane, and where the call came from.
    pub(super) fn of_step(&self, step: &Step) -> (&'static Kind, usize, Option<usize>) {
        let kind = kinds::of_step(step.kind);
        let [active, passive] = self.ends;
        let Some(side) = Side::of(step) else {
            return match self.net {
                Some(net) => (kind, net, None),
                None => (kind, passive, Some(active)),
            };
        };
        let (end, user) = (self.ends[side.index()], self.users[side.index()]);
        match (kind.shape, step.kind) {
            // The user's own row follows.
            (_, net::NET_SIGNAL_READ | net::NET_SIGNAL_WRITE) => (kind, end, None),
            (_, net::NET_READABLE | net::NET_WRITABLE) => (kind, end, self.net),
            (Shape::Callback, _) => (kind, user, Some(end)),
            (Shape::Call, _) => (kind, end, Some(user)),
            (_, kind_of) if driver::ALL.contains(&kind_of) => (kind, user, None),
            // Bytes that go straight to the other end.
            (_, pvc::MOVED) => (kind, self.ends[side.other().index()], Some(end)),
            _ => (kind, end, None),
        }
    }

    /// The bytes in a buffer, and the mark of its chart; for a VIO, the bytes that are done and
    /// those that are asked for.
    pub(super) fn level(&self, ledger: &Ledger, [way, place]: [u8; 2]) -> (i64, i64) {
        let writer = if way.is_multiple_of(2) { Side::Active } else { Side::Passive };
        let both = |side: Side, of: fn(&Level) -> i64| {
            let EndState { own, deputy, .. } = ledger.end(side);
            // A reader that stands beyond the end has less than nothing; its chart shows nothing.
            (of(own) + of(deputy)).max(0)
        };
        match (way, place) {
            (2.., 0) => progress(ledger.progress(writer, VioOp::Write)),
            (2.., _) => progress(ledger.progress(writer.other(), VioOp::Read)),
            (_, 0) => (both(writer, |level| level.write), 0),
            (_, 1) => (ledger.core(writer), self.core_mark()),
            _ => {
                let reader = writer.other();
                (both(reader, |level| level.read), ledger.level(reader, false).mark)
            }
        }
    }

    /// A pair's core buffer has a limit; that of a socket is the kernel's own matter.
    fn core_mark(&self) -> i64 {
        if self.net.is_some() { 0 } else { PVC_DEFAULT_MAX_BYTES }
    }
}

fn lane((name, side): (&str, char)) -> Lane {
    Lane { name: name.to_owned(), side }
}

fn buffer(name: &str, side: char, way: [u8; 2], mark_name: &'static str) -> Buffer {
    Buffer { name: name.to_owned(), side, way, mark_name, levels: Vec::new() }
}

fn buffers(epoch: Epoch) -> Vec<Buffer> {
    let limit = "no more is put in here";
    let mut all = vec![
        buffer("A’s write buffer", 'A', [0, 0], ""),
        buffer("core buffer A→P", 'C', [0, 1], limit),
        buffer("P’s read buffer", 'P', [0, 2], "water mark"),
        buffer("P’s write buffer", 'P', [1, 0], ""),
        buffer("core buffer P→A", 'C', [1, 1], limit),
        buffer("A’s read buffer", 'A', [1, 2], "water mark"),
    ];
    if !epoch.has_core_buffers() {
        // There are none: the bytes go straight into the peer's buffer.
        all.retain(|buffer| buffer.way[1] != 1);
    }
    all
}

/// An operation without a limit has no mark.
fn progress(Progress { nbytes, ndone }: Progress) -> (i64, i64) {
    (ndone, if nbytes == i64::MAX { 0 } else { nbytes })
}

/// The line of the port that reported a step. What a driver of the ends reports says nothing
/// about the port.
pub(crate) fn source_of(step: &Step) -> String {
    let Some(place) = step.place else { return String::new() };
    let file = place.file().replace('\\', "/");
    // A path from the project's folder, wherever that was when this was built.
    let begins = ["pluginvc/src/", "eventsys/src/", "iocore/src/", "httpsm/src/"];
    let begin = begins.iter().filter_map(|begin| file.find(begin)).min();
    begin.map_or_else(String::new, |at| format!("{}:{}", &file[at..], place.line()))
}
