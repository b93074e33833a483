//! What a picture of runs is made of.

use conformance::ats::scenario::LockKeys;

use super::kinds::Kind;

/// A scenario or a case, with its runs.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    /// The name, as in a command.
    pub name: String,
    /// A title in a few words.
    pub title: String,
    /// What it shows; may be empty.
    pub teaches: String,
    /// The text of the scenario; empty if it has none.
    pub text: String,
    /// The places in that text: line, first column and the one after the last, from 0.
    pub places: Vec<[usize; 3]>,
    /// The runs, at least one.
    pub runs: Vec<Run>,
}

/// One run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Run {
    /// What took the steps: `port`, or the real server.
    pub arm: String,
    /// The epoch of the server, or nothing.
    pub epoch: String,
    /// The release that stands for it.
    pub release: String,
    /// It has what the users do, and not the steps alone.
    pub is_whole: bool,
    /// How it ended, in sentences.
    pub end: Vec<String>,
    /// The lanes, from the top.
    pub lanes: Vec<Lane>,
    /// The threads.
    pub threads: Vec<String>,
    /// The mutexes, at most 30.
    pub locks: Vec<String>,
    /// The buffers.
    pub buffers: Vec<Buffer>,
    /// What happened, in order.
    pub rows: Vec<Row>,
}

/// A lane: the thread, the end or the pair that does something.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    /// Its name.
    pub name: String,
    /// Whose colour it has: `A`, `P`, or another letter for neither.
    pub side: char,
}

/// A buffer, and how full it is.
#[derive(Clone, Debug)]
pub(crate) struct Buffer {
    /// Its name.
    pub name: String,
    /// Whose colour it has.
    pub side: char,
    /// Its place in the way of the bytes: which way (0: from A to P), and which place on it
    /// (0: where they are written, 1: between, 2: where they are read). 2 and 3 are no ways: the
    /// write and the read VIO of a connection over TCP, in the same order.
    pub way: [u8; 2],
    /// What the line in its chart means: a water mark, a limit, or the bytes that are asked for.
    pub mark_name: &'static str,
    /// Where it changes.
    pub levels: Vec<Level>,
}

/// What is in a buffer from a row on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Level {
    /// The index of the row.
    pub row: usize,
    /// The bytes.
    pub bytes: i64,
    /// Its water mark or limit; 0 for none.
    pub mark: i64,
}

/// Something that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Row {
    /// When, in nanoseconds since the run began.
    pub at: i64,
    /// On which thread.
    pub thread: usize,
    /// The lane on which it stands.
    pub lane: usize,
    /// The lane from which the call came, if it is a call between two.
    pub from: Option<usize>,
    /// What it was.
    pub kind: &'static Kind,
    /// How much.
    pub value: Option<i64>,
    /// The mutexes that its thread held: a bit for each, by its index.
    pub held: u32,
    /// Those that a thread outside held.
    pub foreign: u32,
    /// The step as in a recording, or the operation as in the scenario.
    pub code: String,
    /// What it means, without a full stop.
    pub sentence: String,
    /// What is in the buffers that it concerns; may be empty.
    pub detail: String,
    /// Its place in the text of the scenario, or the last one before it.
    pub place: Option<usize>,
    /// True if it stands there itself.
    pub is_place: bool,
    /// The line of the port that reported it; may be empty.
    pub source: String,
}

impl Scene {
    /// The top of the charts of the buffers at this place: one scale for all runs. A mark far above
    /// all bytes does not count, for it would press them to the ground.
    pub(crate) fn most(&self, way: [u8; 2]) -> i64 {
        let buffers = self.runs.iter().flat_map(|run| &run.buffers);
        let levels = buffers.filter(|buffer| buffer.way == way).flat_map(|buffer| &buffer.levels);
        let top = |&Level { bytes, mark, .. }: &Level| {
            if mark <= 4 * bytes.max(1) { bytes.max(mark) } else { bytes }
        };
        levels.map(top).max().unwrap_or(1).max(1)
    }
}

impl Run {
    /// The index of the lock with this name, which is added if it is new.
    pub(crate) fn lock(&mut self, name: &str) -> usize {
        index_in(&mut self.locks, name)
    }

    /// The same for a thread.
    pub(crate) fn thread(&mut self, name: &str) -> usize {
        index_in(&mut self.threads, name)
    }
}

fn index_in(list: &mut Vec<String>, name: &str) -> usize {
    list.iter().position(|known| known == name).unwrap_or_else(|| {
        list.push(name.to_owned());
        list.len() - 1
    })
}

impl Buffer {
    /// What is in it after the row of this index.
    pub(crate) fn at(&self, row: usize) -> Level {
        let after = self.levels.partition_point(|level| level.row <= row);
        match after.checked_sub(1) {
            Some(at) => self.levels[at],
            None => Level { row: 0, bytes: 0, mark: 0 },
        }
    }

    /// Notes what is in it after the row of this index, if that is new.
    pub(crate) fn note(&mut self, row: usize, bytes: i64, mark: i64) {
        let last = self.levels.last().map(|level| (level.bytes, level.mark));
        if last != Some((bytes, mark)) {
            self.levels.push(Level { row, bytes, mark });
        }
    }

    /// True if bytes have been in it at some time.
    pub(crate) fn is_used(&self) -> bool {
        self.levels.iter().any(|level| level.bytes != 0)
    }
}

/// The name of a mutex in a picture.
pub(crate) fn lock_words(name: &str) -> String {
    match name {
        "core" => "C of the core".to_owned(),
        LockKeys::HANDLER => "H of the net thread".to_owned(),
        "active's" => "S₁ of A’s user".to_owned(),
        "passive's" => "S₂ of P’s user".to_owned(),
        "shared" => "S of both users".to_owned(),
        "active's deputy's" => "of A’s deputy".to_owned(),
        "passive's deputy's" => "of P’s deputy".to_owned(),
        other => other.to_owned(),
    }
}
