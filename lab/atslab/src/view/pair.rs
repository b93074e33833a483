//! The rows of a pair: two ends, their users, and perhaps a foreign thread.
//!
//! A run of a scenario on the port has the operations of the users and the bytes in all
//! buffers. A list of steps alone, from a recording or a real server, has PluginVC's own
//! steps, and the bytes in the core buffers follow from them.

use std::collections::BTreeSet;

use conformance::ats::Epoch;
use conformance::ats::scenario::record::{Effect, HoldChange, Thread, What};
use conformance::ats::scenario::{
    Ledger, Line, LockKeys, Op, Owner, PairDef, Record, Recorded, Story, Trigger, explain,
    trigger_key,
};
use eventsys::steps::Step;

use super::kinds::{self, Shape};
use super::lanes::{Layout, PAIR, TCP, source_of};
use super::model::{Buffer, Lane, Row, Run};
use super::places::Places;

/// The run of a scenario with this pair and these places in its text.
pub(crate) fn of_scenario(
    recorded: &Recorded,
    pair: &PairDef,
    places: &Places,
    epoch: Epoch,
) -> Run {
    let run = Run { arm: "port".to_owned(), ..Layout::pair_of(epoch) };
    told(recorded, pair, places, epoch, (PAIR, run))
}

/// The run of a scenario over TCP.
pub(crate) fn over_tcp(recorded: &Recorded, pair: &PairDef, places: &Places) -> Run {
    let run = Run { arm: "port, over TCP".to_owned(), ..Layout::over_tcp() };
    // The sentences of an epoch are those of PluginVC's steps, and there are none.
    told(recorded, pair, places, Epoch::default(), (TCP, run))
}

fn told(
    recorded: &Recorded,
    pair: &PairDef,
    places: &Places,
    epoch: Epoch,
    (layout, mut run): (Layout, Run),
) -> Run {
    run.threads.push("ET_NET 0".to_owned());
    run.locks = lock_names(recorded);
    let mut maker = Maker {
        run,
        layout,
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
    const ORDER: [&str; 7] = [
        "active's deputy's",
        "active's",
        "shared",
        "core",
        LockKeys::HANDLER,
        "passive's",
        "passive's deputy's",
    ];
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
    let mut run = Run { arm: arm.to_owned(), ..Layout::pair_of(epoch) };
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
        let (kind, mut lane, mut from) = PAIR.of_step(step);
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
            let (bytes, mark) = PAIR.level(&ledger, buffer.way);
            buffer.note(at, bytes, mark);
        }
    }
    run.buffers.retain(Buffer::is_used);
    run
}

/// True if the story has a line for this record.
fn is_line(record: &Record) -> bool {
    !matches!(&record.what, What::Seen(_) | What::Reaction { trigger: Trigger::Event(..), .. })
}

struct Maker<'a> {
    run: Run,
    layout: Layout,
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
            What::Step(step) => self.layout.of_step(step),
            What::Op(performed) => (&kinds::OPERATION, self.layout.user(performed.side), None),
            What::Hold { .. } => (&kinds::HOLD, self.foreign_lane(), None),
            What::Reaction { side, .. } => (&kinds::REACTION, self.layout.user(*side), None),
            What::Seen(_) => return,
        };
        let here = self.place_of(record, next);
        self.place = here.or(self.place);
        let value = match &record.what {
            What::Step(step) => step.value,
            What::Op(performed) => match (performed.op, performed.effect) {
                (_, Effect::Took(bytes) | Effect::Copied(bytes)) => Some(bytes),
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
        let foreign = self.layout.foreign;
        if self.run.lanes.len() == foreign {
            self.run.lanes.push(Lane { name: "foreign thread".to_owned(), side: 'F' });
        }
        foreign
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
            if name != LockKeys::ANOTHER {
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
            let (bytes, mark) = self.layout.level(&self.ledger, buffer.way);
            buffer.note(row, bytes, mark);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use conformance::ats::gallery;
    use conformance::ats::scenario::record::Called;
    use conformance::ats::scenario::{
        Scenario, record_over_tcp, record_scenario, steps_of, why_not_over_tcp,
    };
    use iocore::net::steps as net;
    use pluginvc::steps::Side;

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
                            (seen.write.max(0), seen.read.max(0)),
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

    /// The kernel carries the bytes, so the levels are checked and not the number of the steps:
    /// what is in the sockets is what one has taken and the other has not given yet.
    #[test]
    fn over_tcp_levels_are_never_negative_and_are_what_a_callback_sees() {
        let (mut played, mut compared) = (0, 0);
        for name in gallery::names() {
            let scenario = gallery::named(name).expect("a scenario");
            let program = scenario.compile();
            if why_not_over_tcp(&program).is_some() {
                continue;
            }
            let recorded = record_over_tcp(&program);
            let places = Places::of(&scenario.to_string());
            let run = over_tcp(&recorded, &scenario.pair, &places);
            for buffer in &run.buffers {
                assert!(buffer.levels.iter().all(|level| level.bytes >= 0), "{name} {buffer:?}");
            }
            let mut row = 0;
            for record in &recorded.records {
                match &record.what {
                    What::Seen(Called { side, by_deputy: false, seen }) => {
                        let ledger_of = |way: [u8; 2]| {
                            let buffer = run.buffers.iter().find(|buffer| buffer.way == way);
                            buffer.map_or(0, |buffer| buffer.at(row - 1).bytes)
                        };
                        let way = u8::from(*side == Side::Passive);
                        let levels = (ledger_of([way, 0]), ledger_of([1 - way, 2]));
                        if !scenario.to_string().contains("by_deputy") {
                            let seen = (seen.write.max(0), seen.read.max(0));
                            assert_eq!(levels, seen, "{name}, row {row}");
                            compared += 1;
                        }
                    }
                    _ => row += usize::from(is_line(record)),
                }
            }
            played += 1;
        }
        assert!(played > 40 && compared > 200, "{played} scenarios, {compared} callbacks");
    }

    #[test]
    fn over_tcp_polls_stand_on_the_thread_and_wake_the_connections() {
        let scenario = gallery::named("01-ten-bytes").expect("a scenario");
        let recorded = record_over_tcp(&scenario.compile());
        let run = over_tcp(&recorded, &scenario.pair, &Places::of(&scenario.to_string()));
        let lanes: Vec<&str> = run.lanes.iter().map(|lane| &*lane.name).collect();
        assert_eq!(lanes, ["A’s user", "A’s NetVC", "net thread", "P’s NetVC", "P’s user"]);
        let codes: Vec<&str> = run.rows.iter().map(|row| &*row.code).collect();
        let at = |code: &str| codes.iter().position(|known| *known == code).expect(code);
        // The byte's way: written, the system asked, the other end triggered, read, told.
        let way = ["A net_write 10", "P net_readable", "P net_read 10", "P sm_read 102"].map(at);
        assert!(way.is_sorted(), "{codes:#?}");
        let polls = run.rows.iter().filter(|row| row.kind.name == net::NET_POLL.name());
        assert!(polls.clone().count() > 0 && polls.clone().all(|row| row.lane == 2), "{codes:#?}");
        let woken = &run.rows[at("P net_readable")];
        assert_eq!((woken.lane, woken.from), (3, Some(2)));
        let told = &run.rows[at("P sm_read 102")];
        let names: Vec<&str> = (0..run.locks.len())
            .filter(|at| told.held & 1 << at != 0)
            .map(|at| &*run.locks[at])
            .collect();
        assert_eq!(names, [LockKeys::HANDLER, "passive's"], "H, and the user's mutex");
        let vio = run.buffers.iter().find(|buffer| buffer.way == [2, 0]).expect("A's write VIO");
        assert_eq!(vio.levels.last().map(|level| (level.bytes, level.mark)), Some((10, 10)));
    }

    #[test]
    fn a_mutex_of_a_foreign_thread_is_told_apart() {
        let scenario = gallery::named("45-held-peer").expect("a scenario");
        let (_, run) = run_of(&scenario, Epoch::C);
        let passive = run.locks.iter().position(|name| name == "passive's").expect("S₂");
        let miss = run.rows.iter().find(|row| row.kind.shape == Shape::Miss).expect("a miss");
        assert_ne!(miss.foreign & 1 << passive, 0);
        assert_eq!(miss.held & 1 << passive, 0);
        assert_eq!(run.lanes.len(), PAIR.foreign + 1);
        assert!(miss.source.starts_with("pluginvc/src/locks.rs:"), "{}", miss.source);
    }
}
