//! The rows of a pair: two ends, their users, and perhaps a foreign thread.
//!
//! A run of a scenario on the port has the operations of the users and the bytes in all
//! buffers. A list of steps alone, from a recording or a real server, has PluginVC's own
//! steps, and the bytes in the core buffers follow from them.

use std::collections::BTreeSet;

use conformance::ats::Epoch;
use conformance::ats::scenario::record::{Effect, HoldChange, Thread, What};
use conformance::ats::scenario::{
    Ledger, Line, Op, Owner, PairDef, Record, Recorded, Story, Trigger, explain, trigger_key,
};
use conformance::ats::vocabulary::driver;
use eventsys::steps::Step;
use pluginvc::PVC_DEFAULT_MAX_BYTES;
use pluginvc::steps as pvc;
use pluginvc::steps::Side;

use super::kinds::{self, Kind, Shape};
use super::model::{Buffer, Lane, Row, Run};
use super::places::Places;

/// The lanes of a pair. The lane of the foreign thread is there only if it is needed.
const USER_A: usize = 0;
const ACTIVE: usize = 1;
const PASSIVE: usize = 2;
const USER_P: usize = 3;
const FOREIGN: usize = 4;

/// The run of a scenario with this pair and these places in its text.
pub(crate) fn of_scenario(
    recorded: &Recorded,
    pair: &PairDef,
    places: &Places,
    epoch: Epoch,
) -> Run {
    let mut run = Run { arm: "port".to_owned(), buffers: buffers(epoch), ..of_epoch(epoch) };
    run.threads.push("ET_NET 0".to_owned());
    run.locks = lock_names(recorded);
    let mut maker = Maker {
        run,
        places,
        recorded,
        ledger: Ledger::new(pair),
        foreign: Vec::new(),
        place: None,
    };
    // A story leaves out what is part of another line, by the rule of `is_line`.
    let mut lines = Story::new(recorded, pair, epoch).lines().into_iter();
    for (at, record) in recorded.records.iter().enumerate() {
        maker.ledger.apply(record);
        maker.note_hold(record);
        if is_line(record) {
            let line = lines.next().expect("a line for each record that has one");
            maker.row(record, &recorded.records[at + 1..], line);
            maker.levels();
        }
    }
    let mut run = maker.run;
    run.is_whole = true;
    run.buffers.retain(Buffer::is_used);
    run
}

/// The mutexes of the pair that are held at some time, from the active end to the passive.
fn lock_names(recorded: &Recorded) -> Vec<String> {
    const ORDER: [&str; 6] =
        ["active's deputy's", "active's", "shared", "core", "passive's", "passive's deputy's"];
    let locks = &recorded.report.locks;
    let keys = recorded.records.iter().flat_map(|record| record.held.iter());
    let held: BTreeSet<&str> = keys.map(|key| locks.name(key)).collect();
    ORDER.into_iter().filter(|name| held.contains(name)).map(str::to_owned).collect()
}

/// Steps without records: those of a recording or of a real server.
pub(crate) fn of_steps(steps: &[Step], arm: &str, epoch: Epoch) -> Run {
    of_steps_under(steps, arm, epoch, &[])
}

/// As [`of_steps`], with the mutexes under which the steps were taken, by name and key.
pub(crate) fn of_steps_under(
    steps: &[Step],
    arm: &str,
    epoch: Epoch,
    locks: &[(&str, usize)],
) -> Run {
    let mut run = Run { arm: arm.to_owned(), buffers: buffers(epoch), ..of_epoch(epoch) };
    run.threads.push("ET_NET 0".to_owned());
    run.buffers.retain(|buffer| buffer.way[1] == 1);
    run.locks = locks.iter().map(|(name, _)| (*name).to_owned()).collect();
    let mut ledger = Ledger::new(&PairDef::default());
    let began = steps.first().map_or(0, |step| step.at);
    for (at, step) in steps.iter().enumerate() {
        let record = Record {
            at: step.at - began,
            thread: Thread::Event(0),
            held: step.held,
            what: What::Step(step.clone()),
        };
        ledger.apply(&record);
        let (kind, mut lane, mut from) = of_step(step);
        if kind.shape == Shape::Own {
            // It says no side; it is the doing of the user that was called last.
            let called = run.rows.iter().rev().find(|row| row.kind.shape == Shape::Callback);
            (lane, from) = (called.map_or(lane, |row| row.lane), None);
        }
        let mut held = 0;
        for key in step.held.iter() {
            let lock = locks.iter().position(|&(_, known)| known == key);
            held |= lock.map_or(0, |lock| 1 << lock);
        }
        run.rows.push(Row {
            at: record.at,
            thread: 0,
            lane,
            from,
            kind,
            value: step.value,
            held,
            foreign: 0,
            code: step.to_string(),
            sentence: explain(step, epoch, &ledger),
            detail: String::new(),
            place: None,
            is_place: false,
            source: source_of(step),
        });
        for buffer in &mut run.buffers {
            buffer.note(at, level(&ledger, buffer.way).0, PVC_DEFAULT_MAX_BYTES);
        }
    }
    run.buffers.retain(Buffer::is_used);
    run
}

fn of_epoch(epoch: Epoch) -> Run {
    let lane = |name: &str, side| Lane { name: name.to_owned(), side };
    Run {
        epoch: epoch.name().to_owned(),
        release: epoch.release().to_owned(),
        lanes: vec![
            lane("A’s user", 'A'),
            lane("active end", 'A'),
            lane("passive end", 'P'),
            lane("P’s user", 'P'),
        ],
        ..Run::default()
    }
}

fn buffers(epoch: Epoch) -> Vec<Buffer> {
    let buffer = |name: &str, side, way: [u8; 2]| Buffer {
        name: name.to_owned(),
        side,
        way,
        mark_name: match way[1] {
            1 => "no more is put in here",
            2 => "water mark",
            _ => "",
        },
        levels: Vec::new(),
    };
    let mut all = vec![
        buffer("A’s write buffer", 'A', [0, 0]),
        buffer("core buffer A→P", 'C', [0, 1]),
        buffer("P’s read buffer", 'P', [0, 2]),
        buffer("P’s write buffer", 'P', [1, 0]),
        buffer("core buffer P→A", 'C', [1, 1]),
        buffer("A’s read buffer", 'A', [1, 2]),
    ];
    if !epoch.has_core_buffers() {
        // There are none: the bytes go straight into the peer's buffer.
        all.retain(|buffer| buffer.way[1] != 1);
    }
    all
}

/// The bytes in a buffer of the pair, and the mark of its chart.
fn level(ledger: &Ledger, [way, place]: [u8; 2]) -> (i64, i64) {
    let writer = if way == 0 { Side::Active } else { Side::Passive };
    let both = |side, of: fn(&conformance::ats::scenario::Level) -> i64| {
        of(ledger.level(side, false)) + of(ledger.level(side, true))
    };
    match place {
        0 => (both(writer, |level| level.write), 0),
        1 => (ledger.core(writer), PVC_DEFAULT_MAX_BYTES),
        _ => {
            let reader = writer.other();
            (both(reader, |level| level.read), ledger.level(reader, false).mark)
        }
    }
}

/// True if the story has a line for this record.
fn is_line(record: &Record) -> bool {
    !matches!(&record.what, What::Seen(_) | What::Reaction { trigger: Trigger::Event(..), .. })
}

/// The kind of a step, its lane, and where the call came from.
fn of_step(step: &Step) -> (&'static Kind, usize, Option<usize>) {
    let kind = kinds::of_step(step.kind);
    let (end, user) = match Side::of(step) {
        Some(Side::Active) => (ACTIVE, USER_A),
        Some(Side::Passive) => (PASSIVE, USER_P),
        None => return (kind, PASSIVE, Some(ACTIVE)),
    };
    match (kind.shape, step.kind) {
        (Shape::Callback, _) => (kind, user, Some(end)),
        (Shape::Call, _) => (kind, end, Some(user)),
        (
            _,
            driver::SM_CHECKED | driver::FREE_READ_BUFFER_BLOCKS | driver::FREE_WRITE_BUFFER_BLOCKS,
        ) => (kind, user, None),
        // Bytes that go straight to the other end.
        (_, pvc::MOVED) => (kind, if end == ACTIVE { PASSIVE } else { ACTIVE }, Some(end)),
        _ => (kind, end, None),
    }
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

fn user_lane(side: Side) -> usize {
    if side == Side::Active { USER_A } else { USER_P }
}

struct Maker<'a> {
    run: Run,
    places: &'a Places,
    recorded: &'a Recorded,
    ledger: Ledger,
    /// The mutexes that a foreign thread has.
    foreign: Vec<Owner>,
    /// The last place in the text, by thread.
    place: Option<usize>,
}

impl Maker<'_> {
    fn row(&mut self, record: &Record, next: &[Record], line: Line) {
        let (kind, lane, from) = match &record.what {
            What::Step(step) => of_step(step),
            What::Op(performed) => (&kinds::OPERATION, user_lane(performed.side), None),
            What::Hold { .. } => (&kinds::HOLD, self.foreign_lane(), None),
            What::Reaction { side, .. } => (&kinds::REACTION, user_lane(*side), None),
            What::Seen(_) => return,
        };
        let here = self.place_of(record, next);
        self.place = here.or(self.place);
        let value = match &record.what {
            What::Step(step) => step.value,
            What::Op(performed) => match (performed.op, performed.effect) {
                (_, Effect::Took(bytes)) => Some(bytes),
                (Op::Write(bytes), _) => Some(bytes),
                _ => None,
            },
            _ => None,
        };
        let name = line.thread.unwrap_or_else(|| "ET_NET 0".to_owned());
        let thread = self.run.thread(&name);
        let (held, foreign) = (self.held(record), self.foreign());
        self.run.rows.push(Row {
            at: record.at,
            thread,
            lane,
            from,
            kind,
            value,
            held,
            foreign,
            code: line.text,
            sentence: line.sentence,
            detail: line.levels,
            place: self.place,
            is_place: here.is_some(),
            source: match &record.what {
                What::Step(step) => source_of(step),
                _ => String::new(),
            },
        });
    }

    fn foreign_lane(&mut self) -> usize {
        if self.run.lanes.len() == FOREIGN {
            self.run.lanes.push(Lane { name: "foreign thread".to_owned(), side: 'F' });
        }
        FOREIGN
    }

    /// The place of an operation, of a reaction, or of the reaction to a callback.
    fn place_of(&self, record: &Record, next: &[Record]) -> Option<usize> {
        let key = |what: &What| match what {
            What::Reaction { side, trigger, is_there: true } => {
                self.places.of_key(*side, &trigger_key(*trigger))
            }
            _ => None,
        };
        match (&record.what, next) {
            (What::Op(performed), _) => self.places.of_op(performed.index),
            (What::Step(_), [seen, reaction, ..]) if matches!(seen.what, What::Seen(_)) => {
                key(&reaction.what)
            }
            (what, _) => key(what),
        }
    }

    fn held(&mut self, record: &Record) -> u32 {
        let mut held = 0;
        for key in record.held.iter() {
            let name = self.recorded.report.locks.name(key);
            // The holder's own mutex is no part of the pair.
            if name != conformance::ats::scenario::LockKeys::ANOTHER {
                held |= 1 << self.run.lock(name);
            }
        }
        held
    }

    fn foreign(&mut self) -> u32 {
        let names: Vec<_> =
            self.foreign.iter().map(|&whose| self.recorded.report.locks.of(whose)).collect();
        names.into_iter().fold(0, |held, name| held | 1 << self.run.lock(name))
    }

    fn note_hold(&mut self, record: &Record) {
        let What::Hold { whose, change } = &record.what else { return };
        let locks = self.recorded.report.locks;
        match change {
            HoldChange::Takes => self.foreign.push(*whose),
            HoldChange::KeepsOn => {}
            HoldChange::GivesBack | HoldChange::GivesWay => {
                self.foreign.retain(|&held| locks.of(held) != locks.of(*whose));
            }
        }
    }

    /// What is in the buffers after the row that was added last.
    fn levels(&mut self) {
        let row = self.run.rows.len() - 1;
        for buffer in &mut self.run.buffers {
            let (bytes, mark) = level(&self.ledger, buffer.way);
            buffer.note(row, bytes, mark);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use conformance::ats::gallery;
    use conformance::ats::scenario::record::Called;
    use conformance::ats::scenario::{Scenario, record_scenario, steps_of};

    fn run_of(scenario: &Scenario, epoch: Epoch) -> (Recorded, Run) {
        let recorded = record_scenario(&scenario.compile(), epoch);
        let places = Places::of(&scenario.to_string());
        let run = of_scenario(&recorded, &scenario.pair, &places, epoch);
        (recorded, run)
    }

    fn all() -> impl Iterator<Item = (&'static str, Scenario, Epoch)> {
        gallery::names().flat_map(|name| {
            let scenario = gallery::named(name).expect("a scenario");
            Epoch::ALL.iter().map(move |&epoch| (name, scenario.clone(), epoch))
        })
    }

    #[test]
    fn the_rows_are_the_steps_of_a_run_with_what_the_users_do_between_them() {
        for (name, scenario, epoch) in all() {
            let (recorded, run) = run_of(&scenario, epoch);
            let steps: Vec<String> =
                steps_of(&recorded.records).iter().map(ToString::to_string).collect();
            let rows: Vec<&String> =
                run.rows.iter().filter(|row| row.kind.is_step).map(|row| &row.code).collect();
            assert_eq!(rows, steps.iter().collect::<Vec<_>>(), "{name} {epoch}");
            let ops = run.rows.iter().filter(|row| *row.kind == kinds::OPERATION);
            assert!(
                ops.clone().all(|row| row.is_place),
                "{name} {epoch}: an operation has a place"
            );
            assert!(ops.count() > 0, "{name} {epoch}");
            assert!(
                run.rows.iter().all(|row| row.lane < run.lanes.len() && !row.sentence.is_empty())
            );
        }
    }

    #[test]
    fn levels_are_never_negative_and_are_what_a_callback_sees() {
        let mut compared = 0;
        for (name, scenario, epoch) in all() {
            let (recorded, run) = run_of(&scenario, epoch);
            for buffer in &run.buffers {
                let levels = &buffer.levels;
                assert!(levels.iter().all(|level| level.bytes >= 0), "{name} {epoch} {buffer:?}");
                assert!(levels.is_sorted_by_key(|level| level.row), "{name} {epoch}");
                // Each change stands at the row that makes it.
                for level in levels.iter().filter(|level| level.row > 0) {
                    let kind = run.rows[level.row].kind;
                    let moves = kind.shape == Shape::Move || kind.name == "destroy";
                    assert!(moves || *kind == kinds::OPERATION, "{name} {epoch} {level:?}");
                }
            }
            let has_deputy = scenario.to_string().contains("by_deputy");
            let mut row = 0;
            for record in &recorded.records {
                match &record.what {
                    What::Seen(Called { side, seen, .. }) if !has_deputy => {
                        let way = u8::from(*side == Side::Passive);
                        let at = |way: [u8; 2]| {
                            let buffer = run.buffers.iter().find(|buffer| buffer.way == way);
                            buffer.map_or(0, |buffer| buffer.at(row - 1).bytes)
                        };
                        let place = format!("{name} {epoch}, row {row}");
                        assert_eq!(
                            (at([way, 0]), at([1 - way, 2])),
                            (seen.write, seen.read),
                            "{place}"
                        );
                        compared += 1;
                    }
                    _ => row += usize::from(is_line(record)),
                }
            }
        }
        assert!(compared > 1000, "{compared} callbacks were compared");
    }

    #[test]
    fn a_mutex_of_a_foreign_thread_is_told_apart() {
        let scenario = gallery::named("45-held-peer").expect("a scenario");
        let (_, run) = run_of(&scenario, Epoch::C);
        let passive = run.locks.iter().position(|name| name == "passive's").expect("S₂");
        let miss = run.rows.iter().find(|row| row.kind.shape == Shape::Miss).expect("a miss");
        assert_ne!(miss.foreign & 1 << passive, 0);
        assert_eq!(miss.held & 1 << passive, 0);
        assert_eq!(run.lanes.len(), FOREIGN + 1);
        assert!(miss.source.starts_with("pluginvc/src/locks.rs:"), "{}", miss.source);
    }
}
