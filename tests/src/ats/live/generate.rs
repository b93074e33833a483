//! [`generate`]: a random scenario for a seed; [`generate_race`]: one with a foreign thread.
//!
//! Half of what it makes is sensible, so that bytes flow and operations end; the
//! other half is not, because that is where differences are.

use eventsys::{EventCode, HrTime, hrtime};
use fastrand::Rng;
use iocore::VioOp;
use iocore::buffer::{BUFFER_SIZE_INDEX_32K, SizeIndex};
use pluginvc::steps::Side;

use crate::ats::scenario::{
    Act, Begin, Expect, ForeignThread, How, HowTo, Lock, Op, OpCont, Owner, PairDef, Race,
    Reaction, Scenario, Trigger,
};
use crate::random::Choose;

/// How many callbacks a random scenario may have: with more it only takes longer.
pub const MOST_CALLS: u32 = 300;

/// The scenario of this seed for so many event threads, one or two; the same one
/// each time, and the same for both except the number of threads.
#[must_use]
pub fn generate(seed: u64, threads: u8) -> Scenario {
    let mut rng = Rng::with_seed(seed);
    // Crashes cost a new server each, so few scenarios ask for them.
    let mut any = Any { reckless: rng.chance(4), threads, rng };
    Scenario {
        title: format!("Seed {seed}"),
        teaches: "A random scenario.".to_owned(),
        most_calls: MOST_CALLS,
        pair: any.pair(),
        active: any.end(),
        passive: any.end(),
        race: None,
        expect: Expect::default(),
    }
}

/// How many callbacks a random race may have: a reaction that goes on for long adds no race.
const MOST_CALLS_OF_A_RACE: u32 = 30;

/// The scenario of this seed with one thread that races with the event thread; the same one each
/// time. It has no operation that the original would answer by a null pointer in any schedule.
#[must_use]
pub fn generate_race(seed: u64) -> Scenario {
    // Another stream of numbers than that of `generate`.
    let rng = Rng::with_seed(seed ^ 0x7261_6365);
    let mut any = Any { reckless: false, threads: 1, rng };
    let pair = PairDef { accept_after: 0, foreign: false, ..any.pair() };
    let [active, passive] = [any.end_of_a_race(), any.end_of_a_race()];
    let begin = any.rng.pick(&[Begin::Connect, Begin::Quiet, Begin::Quiet]);
    let does = any.does();
    let threads = vec![ForeignThread { name: "plugin".to_owned(), does }];
    let stalls = any.chance(30);
    Scenario {
        title: format!("Race of seed {seed}"),
        teaches: "A random race.".to_owned(),
        most_calls: MOST_CALLS_OF_A_RACE,
        pair,
        active,
        passive,
        race: Some(Race { begin, bound: 1, stalls, threads, ..Race::default() }),
        expect: Expect::default(),
    }
}

struct Any {
    /// Operations without a buffer or without a continuation may occur.
    reckless: bool,
    threads: u8,
    rng: Rng,
}

impl Any {
    /// True in `percent` of all cases.
    fn chance(&mut self, percent: u8) -> bool {
        self.rng.chance(percent)
    }

    fn pair(&mut self) -> PairDef {
        let shared_mutex = self.chance(15);
        let buffer_index = match self.chance(60) {
            true => BUFFER_SIZE_INDEX_32K,
            false => SizeIndex::from_raw(self.rng.i64(0..9)),
        };
        let read_water_mark = if self.chance(70) { 0 } else { self.size() };
        let accept_after = if !shared_mutex && self.chance(8) { self.span() } else { 0 };
        let [connect_re, foreign] = [self.chance(20), self.chance(6)];
        PairDef {
            connect_re,
            shared_mutex,
            buffer_index,
            read_water_mark,
            accept_after,
            foreign,
            threads: self.threads,
            no_mutex: [false; 2],
        }
    }

    /// Sizes around the thresholds more often than others.
    fn size(&mut self) -> i64 {
        const EDGES: [i64; 10] = [0, 1, 50, 127, 128, 129, 4096, 32_767, 32_768, 32_769];
        match self.rng.u8(..10) {
            0..=4 => self.rng.pick(&EDGES),
            5..=7 => self.rng.i64(0..1000),
            8 => self.rng.i64(0..70_000),
            _ => self.rng.i64(0..300_000),
        }
    }

    fn size_or_max(&mut self) -> i64 {
        if self.chance(25) { i64::MAX } else { self.size() }
    }

    fn span(&mut self) -> HrTime {
        match self.rng.u8(..10) {
            0..=5 => hrtime::mseconds(self.rng.i64(1..60)),
            6..=8 => hrtime::mseconds(self.rng.i64(1..1500)),
            _ => self.rng.i64(1..20_000_000),
        }
    }

    fn timeout(&mut self) -> HrTime {
        match self.rng.u8(..10) {
            0..=1 => 0,
            2..=4 => self.span(),
            _ => hrtime::mseconds(self.rng.i64(1..3000)),
        }
    }

    fn end(&mut self) -> Vec<Reaction> {
        let mut reactions = vec![self.on_connect()];
        if self.chance(60) {
            let take = if self.chance(70) { i64::MAX } else { self.size() };
            let ops = vec![Op::Consume(take), Op::Reenable(VioOp::Read)];
            reactions.push(on(EventCode::VC_EVENT_READ_READY, 0, ops));
        }
        if self.chance(50) {
            let ops = vec![Op::Write(self.size()), Op::Reenable(VioOp::Write)];
            let nth = self.rng.u32(0..4);
            reactions.push(on(EventCode::VC_EVENT_WRITE_READY, nth, ops));
        }
        for event in [EventCode::VC_EVENT_READ_COMPLETE, EventCode::VC_EVENT_WRITE_COMPLETE] {
            if self.chance(40) {
                let ops = self.ops(1..3);
                reactions.push(on(event, 0, ops));
            }
        }
        for _ in 0..self.rng.usize(..4) {
            let reaction = self.reaction();
            if !reactions.iter().any(|known| known.trigger == reaction.trigger) {
                reactions.push(reaction);
            }
        }
        reactions
    }

    fn on_connect(&mut self) -> Reaction {
        let mut ops = Vec::new();
        if self.chance(25) {
            let timeout = self.timeout();
            ops.push(match self.chance(50) {
                true => Op::InactivityTimeout(timeout),
                false => Op::ActiveTimeout(timeout),
            });
        }
        if self.chance(75) {
            ops.push(Op::DoIoRead(self.size_or_max(), How::default()));
        }
        if self.chance(70) {
            let n = self.size();
            ops.push(Op::Write(n));
            let nbytes = if self.chance(60) { n } else { self.size_or_max() };
            ops.push(Op::DoIoWrite(nbytes, How::default()));
        }
        ops.extend(self.ops(0..2));
        Reaction { trigger: Trigger::Connect, ops }
    }

    fn reaction(&mut self) -> Reaction {
        if self.chance(30) {
            let trigger = Trigger::After(self.span());
            return Reaction { trigger, ops: self.ops(1..4) };
        }
        const EVENTS: [EventCode; 8] = [
            EventCode::VC_EVENT_READ_READY,
            EventCode::VC_EVENT_WRITE_READY,
            EventCode::VC_EVENT_READ_COMPLETE,
            EventCode::VC_EVENT_WRITE_COMPLETE,
            EventCode::VC_EVENT_EOS,
            EventCode::VC_EVENT_ERROR,
            EventCode::VC_EVENT_INACTIVITY_TIMEOUT,
            EventCode::VC_EVENT_ACTIVE_TIMEOUT,
        ];
        let event = self.rng.pick(&EVENTS);
        let nth = self.rng.u32(0..3);
        on(event, nth, self.ops(1..4))
    }

    /// Without holds, which are threads themselves; half of what is done on connecting is done
    /// when the threads begin.
    fn end_of_a_race(&mut self) -> Vec<Reaction> {
        let mut reactions = self.end();
        for reaction in &mut reactions {
            reaction.ops.retain(|op| !matches!(op, Op::Hold(..)));
        }
        if self.chance(50) {
            reactions[0].trigger = Trigger::Race;
        }
        reactions
    }

    /// What a foreign thread does: one to three things, under a mutex where they need one.
    fn does(&mut self) -> Vec<Act> {
        let mut does = Vec::new();
        for _ in 0..self.rng.usize(1..4) {
            let side = self.rng.pick(&[Side::Active, Side::Passive]);
            let direction = if self.chance(50) { VioOp::Read } else { VioOp::Write };
            let how_to = self.rng.pick(&[HowTo::Read, HowTo::Write, HowTo::Both]);
            let act = match self.rng.u8(..12) {
                0..=1 => Act::Close(side),
                2..=3 => Act::Shutdown(side, how_to),
                4..=5 => Act::Reenable(side, direction),
                6 => Act::DoIo(side, direction, self.size_or_max(), How::default()),
                7 => Act::Write(side, self.size()),
                8 => Act::ActiveTimeout(side, self.timeout()),
                9 => Act::InactivityTimeout(side, self.timeout()),
                10 => Act::Consume(side, i64::MAX),
                _ => Act::Wait(self.span()),
            };
            let is_locked = act.needs().is_some() || act.side().is_some() && self.chance(50);
            if is_locked {
                let lock = Lock::User(side);
                does.extend([Act::Lock(lock), act, Act::Unlock(lock)]);
            } else {
                does.push(act);
            }
        }
        does
    }

    fn ops(&mut self, count: std::ops::Range<usize>) -> Vec<Op> {
        (0..self.rng.usize(count)).map(|_| self.op()).collect()
    }

    fn op(&mut self) -> Op {
        let direction = if self.chance(50) { VioOp::Read } else { VioOp::Write };
        match self.rng.u8(..24) {
            0..=2 => Op::DoIoRead(self.size_or_max(), self.how()),
            3..=5 => Op::DoIoWrite(self.size_or_max(), self.how()),
            6..=8 => Op::Write(self.size()),
            9..=10 => Op::Consume(self.size_or_max()),
            11..=13 => Op::Reenable(direction),
            14..=15 => Op::ReenableRe(direction),
            16..=17 => Op::Shutdown(match self.rng.u8(..4) {
                0 => HowTo::Both,
                1 => HowTo::Read,
                _ => HowTo::Write,
            }),
            18..=19 => Op::Close,
            20 => Op::InactivityTimeout(self.timeout()),
            21 => Op::ActiveTimeout(self.timeout()),
            22 => Op::WaterMark(self.size()),
            _ => Op::Hold(self.rng.pick(&Owner::ALL), self.span()),
        }
    }

    fn how(&mut self) -> How {
        if self.reckless && self.chance(50) {
            let cont = if self.rng.bool() { OpCont::Absent } else { OpCont::OfEnd };
            return How { no_buffer: self.rng.bool(), cont };
        }
        let cont = if self.chance(10) { OpCont::Deputy } else { OpCont::OfEnd };
        How { no_buffer: false, cont }
    }
}

fn on(event: EventCode, nth: u32, ops: Vec<Op>) -> Reaction {
    Reaction { trigger: Trigger::Event(event, nth), ops }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ats::scenario::scenario_from_bytes;
    use crate::random::Counts;

    #[test]
    fn a_seed_is_a_scenario() {
        assert_eq!(generate(7, 1), generate(7, 1));
        assert_ne!(generate(7, 1), generate(8, 1));
    }

    #[test]
    fn a_race_reads_back_from_the_file_it_prints() {
        for seed in 0..500 {
            let race = generate_race(seed);
            let read = scenario_from_bytes("race.toml", race.to_string().as_bytes());
            assert_eq!(read.expect("a printed scenario"), race, "{seed}");
        }
    }

    #[test]
    fn no_operation_of_a_thread_is_lost() {
        let mut counts = Counts::default();
        for seed in 0..1000 {
            let race = generate_race(seed).race.expect("a race");
            for act in race.acts() {
                let text = format!("{act:?}");
                counts.add(text.split('(').next().unwrap_or_default().to_owned());
            }
        }
        for (act, count) in counts.iter() {
            assert!(count >= 50, "{act} occurs {count} times");
        }
        assert_eq!(counts.iter().count(), 11, "{counts:?}");
    }

    #[test]
    fn no_operation_is_lost() {
        let mut counts = Counts::default();
        for seed in 0..1000 {
            let scenario = generate(seed, 1);
            for op in scenario.active.iter().chain(&scenario.passive).flat_map(|r| &r.ops) {
                let text = format!("{op:?}");
                counts.add(text.split('(').next().unwrap_or_default().to_owned());
            }
        }
        for (op, count) in counts.iter() {
            assert!(count >= 100, "{op} occurs {count} times");
        }
        assert_eq!(counts.iter().count(), 12, "{counts:?}");
    }

    #[test]
    fn no_scenario_has_a_reaction_twice() {
        for seed in 0..500 {
            let scenario = generate(seed, 1);
            for end in [&scenario.active, &scenario.passive] {
                for (index, reaction) in end.iter().enumerate() {
                    let before = &end[..index];
                    assert!(
                        !before.iter().any(|known| known.trigger == reaction.trigger),
                        "{seed}"
                    );
                }
            }
        }
    }
}
