//! [`generate_with_calls`]: the random scenario of a seed, with calls of the plugin interface's
//! buffers in it.

use eventsys::hrtime;
use fastrand::Rng;
use iocore::buffer::SizeIndex;
use pluginvc::steps::Side;

use super::generate::generate;
use crate::ats::scenario::{
    BufferCall, MOST_READERS, Op, Owner, Reaction, ReaderName, Scenario, Trigger, Which,
};
use crate::random::Choose;

/// The scenario that [`generate`] makes of this seed, and among its operations some calls on the
/// buffers of the ends, by a stream of random numbers of their own.
#[must_use]
pub fn generate_with_calls(seed: u64, threads: u8) -> Scenario {
    let mut scenario = generate(seed, threads);
    let mut rng = Rng::with_seed(seed ^ 0x6275_6666_6572);
    // Crashes cost a new server each, so few scenarios ask for them.
    let reckless = rng.chance(4);
    for side in Side::BOTH {
        let mut calls = Calls { reckless, readers_left: if reckless { 100 } else { 4 }, rng };
        let end = if side == Side::Active { &mut scenario.active } else { &mut scenario.passive };
        calls.add_to(end);
        rng = calls.rng;
    }
    if reckless && rng.chance(40) {
        take_mutex(&mut scenario, &mut rng);
    }
    scenario
}

/// Takes the mutex of an end away, if nothing needs it.
fn take_mutex(scenario: &mut Scenario, rng: &mut Rng) {
    let pair = scenario.pair;
    let is_plain = !pair.shared_mutex && !pair.foreign && pair.threads == 1;
    let mut without = [rng.bool(), rng.bool()];
    if pair.accept_after > 0 {
        without[1] = false;
    }
    let is_held = |op: &Op| matches!(op, Op::Hold(Owner::User(side), _) if without[side.index()]);
    let mut reactions = scenario.active.iter().chain(&scenario.passive);
    if is_plain && !reactions.any(|reaction| reaction.ops.iter().any(is_held)) {
        scenario.pair.no_mutex = without;
    }
}

struct Calls {
    /// Calls may occur that the original answers by an assertion or a null pointer.
    reckless: bool,
    /// How many further readers the end may still ask for: a sixth reader is an assertion.
    readers_left: u8,
    rng: Rng,
}

impl Calls {
    fn add_to(&mut self, end: &mut Vec<Reaction>) {
        for reaction in end.iter_mut() {
            let is_once = match reaction.trigger {
                Trigger::Connect | Trigger::After(_) => true,
                Trigger::Event(_, nth) => nth > 0,
                Trigger::Race => false,
            };
            for _ in 0..self.rng.usize(..4) {
                let at = self.rng.usize(..=reaction.ops.len());
                let call = self.call(is_once);
                reaction.ops.insert(at, Op::Buffer(call));
            }
        }
        let trigger = Trigger::After(hrtime::mseconds(self.rng.i64(1..40)));
        if self.rng.chance(40) && !end.iter().any(|known| known.trigger == trigger) {
            let count = self.rng.usize(1..5);
            let ops = (0..count).map(|_| Op::Buffer(self.call(true))).collect();
            end.push(Reaction { trigger, ops });
        }
    }

    fn call(&mut self, is_once: bool) -> BufferCall {
        let (of, reader) = (self.which(), self.reader());
        match self.rng.u8(..26) {
            0..=3 => BufferCall::Blocks(reader),
            4..=5 => BufferCall::Avail(reader),
            6..=8 => self.further(reader, is_once),
            9 => BufferCall::Free(ReaderName { number: reader.number.max(2), ..reader }),
            10..=12 => BufferCall::Take(reader, self.size()),
            13..=14 => BufferCall::Put(of, self.size()),
            15..=17 => {
                let bytes = if self.rng.chance(40) { i64::MAX } else { self.size() };
                let offset = if self.rng.chance(60) { 0 } else { self.rng.i64(0..300) };
                BufferCall::Copy(reader, of, bytes, offset)
            }
            18 => BufferCall::CopyOut(reader, self.size()),
            19..=20 => BufferCall::Room(of),
            21..=22 => {
                let bytes = if self.reckless { self.size() } else { self.rng.i64(0..20) };
                BufferCall::Produce(of, bytes)
            }
            23 => match self.rng.chance(50) {
                true => BufferCall::Mark(of),
                false => BufferCall::SetMark(of, self.size()),
            },
            _ => self.extra(),
        }
    }

    /// A further reader, or a look at one if there may be no more.
    fn further(&mut self, reader: ReaderName, is_once: bool) -> BufferCall {
        if !self.reckless && (!is_once || self.readers_left == 0) {
            return BufferCall::Blocks(reader);
        }
        self.readers_left = self.readers_left.saturating_sub(1);
        match self.rng.chance(50) {
            true => BufferCall::Clone(reader),
            false => BufferCall::Alloc(reader.of),
        }
    }

    fn extra(&mut self) -> BufferCall {
        let most = if self.reckless { 14 } else { 8 };
        match self.rng.u8(..10) {
            0 => BufferCall::Destroy,
            1..=3 => BufferCall::Create(None),
            _ => BufferCall::Create(Some(SizeIndex::from_raw(self.rng.i64(0..=most)))),
        }
    }

    fn which(&mut self) -> Which {
        self.rng.pick(&Which::ALL)
    }

    /// The first reader more often than the others.
    fn reader(&mut self) -> ReaderName {
        let number = if self.rng.chance(60) { 1 } else { self.rng.u8(2..=MOST_READERS) };
        ReaderName { of: self.which(), number }
    }

    /// Sizes around the thresholds more often than others.
    fn size(&mut self) -> i64 {
        const EDGES: [i64; 9] = [0, 1, 50, 127, 128, 129, 4096, 32_768, 32_769];
        match self.rng.u8(..10) {
            0..=4 => self.rng.pick(&EDGES),
            5..=8 => self.rng.i64(0..1000),
            _ => self.rng.i64(0..100_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ats::scenario::scenario_from_bytes;
    use crate::random::Counts;

    #[test]
    fn the_rest_is_the_scenario_without_calls() {
        for seed in 0..300 {
            let mut with = generate_with_calls(seed, 1);
            let without = generate(seed, 1);
            with.pair.no_mutex = [false; 2];
            for (end, other) in
                [(&mut with.active, &without.active), (&mut with.passive, &without.passive)]
            {
                for reaction in end.iter_mut() {
                    reaction.ops.retain(|op| !matches!(op, Op::Buffer(_)));
                }
                end.truncate(other.len());
                assert_eq!(end, other, "{seed}");
            }
        }
    }

    #[test]
    fn it_reads_back_from_the_file_it_prints() {
        for seed in 0..500 {
            let scenario = generate_with_calls(seed, 1);
            let read = scenario_from_bytes("calls.toml", scenario.to_string().as_bytes());
            assert_eq!(read.expect("a printed scenario"), scenario, "{seed}");
        }
    }

    #[test]
    fn no_call_is_lost() {
        let (mut counts, mut without_mutex) = (Counts::default(), 0);
        for seed in 0..1000 {
            let scenario = generate_with_calls(seed, 1);
            without_mutex += usize::from(scenario.pair.no_mutex != [false; 2]);
            for op in scenario.active.iter().chain(&scenario.passive).flat_map(|r| &r.ops) {
                if let Op::Buffer(call) = op {
                    counts.add(call.name().to_owned());
                }
            }
        }
        for (call, count) in counts.iter() {
            assert!(count >= 50, "{call} occurs {count} times");
        }
        assert_eq!(counts.iter().count(), 14, "{counts:?}");
        assert!(without_mutex >= 5, "{without_mutex}");
    }
}
