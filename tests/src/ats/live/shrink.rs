//! [`shrink`]: a small scenario that still differs, by [`Shrinking`].

use eventsys::hrtime::MSECOND;

use super::error::LiveError;
use crate::ats::scenario::{BufferCall, How, Op, PairDef, Reaction, ReaderName, Scenario, Trigger};
use crate::shrink::Shrinking;

/// A server plays one scenario after the other. The tries are more than a scenario of the
/// generator has ever needed.
const SHRINKING: Shrinking = Shrinking { at_once: 1, tries: 10_000 };

/// The smallest scenario found for which `differs` still holds; it must hold for
/// `scenario`.
///
/// # Errors
/// Those of `differs`.
pub fn shrink(
    scenario: &Scenario,
    mut differs: impl FnMut(&Scenario) -> Result<bool, LiveError>,
) -> Result<Scenario, LiveError> {
    SHRINKING.one(scenario.clone(), candidates, |tries| {
        let differing = |candidate: Scenario| Ok(differs(&candidate)?.then_some(candidate));
        tries.into_iter().map(differing).collect()
    })
}

/// How many operations a scenario has.
#[must_use]
pub fn operations(scenario: &Scenario) -> usize {
    [&scenario.active, &scenario.passive].into_iter().flatten().map(|r| r.ops.len()).sum()
}

/// All scenarios that are one change smaller, the greatest changes first.
fn candidates(scenario: &Scenario) -> Vec<Scenario> {
    let mut all = Vec::new();
    for (side, count) in [(0, scenario.active.len()), (1, scenario.passive.len())] {
        for index in 0..count {
            all.push(with(scenario, side, |end| {
                end.remove(index);
            }));
        }
    }
    for (side, index, reaction) in reactions(scenario) {
        for at in 0..reaction.ops.len() {
            all.push(with(scenario, side, |end| {
                end[index].ops.remove(at);
            }));
        }
    }
    all.extend(plainer_pairs(scenario.pair).map(|pair| Scenario { pair, ..scenario.clone() }));
    for (side, index, reaction) in reactions(scenario) {
        for trigger in smaller_triggers(reaction.trigger) {
            let end = if side == 0 { &scenario.active } else { &scenario.passive };
            if !end.iter().any(|known| known.trigger == trigger) {
                all.push(with(scenario, side, |end| end[index].trigger = trigger));
            }
        }
        for (at, &op) in reaction.ops.iter().enumerate() {
            for smaller in smaller_ops(op) {
                all.push(with(scenario, side, |end| end[index].ops[at] = smaller));
            }
        }
    }
    all
}

fn reactions(scenario: &Scenario) -> impl Iterator<Item = (usize, usize, &Reaction)> {
    let ends = [&scenario.active, &scenario.passive].into_iter().enumerate();
    ends.flat_map(|(side, end)| end.iter().enumerate().map(move |(index, r)| (side, index, r)))
}

fn with(scenario: &Scenario, side: usize, change: impl FnOnce(&mut Vec<Reaction>)) -> Scenario {
    let mut smaller = scenario.clone();
    change(if side == 0 { &mut smaller.active } else { &mut smaller.passive });
    smaller
}

fn plainer_pairs(pair: PairDef) -> impl Iterator<Item = PairDef> {
    let usual = PairDef::default();
    [
        PairDef { connect_re: false, ..pair },
        PairDef { shared_mutex: false, ..pair },
        PairDef { buffer_index: usual.buffer_index, ..pair },
        PairDef { read_water_mark: 0, ..pair },
        PairDef { accept_after: 0, ..pair },
        PairDef { foreign: false, ..pair },
        PairDef { threads: 1, ..pair },
    ]
    .into_iter()
    .filter(move |plainer| *plainer != pair)
}

fn smaller_triggers(trigger: Trigger) -> Vec<Trigger> {
    match trigger {
        Trigger::Connect | Trigger::Race | Trigger::Event(_, 0) => Vec::new(),
        Trigger::Event(event, _) => vec![Trigger::Event(event, 0)],
        Trigger::After(span) => spans(span).into_iter().map(Trigger::After).collect(),
    }
}

fn smaller_ops(op: Op) -> Vec<Op> {
    let each = |values: Vec<i64>, make: &dyn Fn(i64) -> Op| values.into_iter().map(make).collect();
    match op {
        Op::DoIoRead(n, how) => smaller_io(n, how, Op::DoIoRead),
        Op::DoIoWrite(n, how) => smaller_io(n, how, Op::DoIoWrite),
        Op::Write(n) => each(sizes(n), &Op::Write),
        Op::Consume(n) => each(sizes(n), &Op::Consume),
        Op::WaterMark(n) => each(sizes(n), &Op::WaterMark),
        Op::InactivityTimeout(n) => each(spans(n), &Op::InactivityTimeout),
        Op::ActiveTimeout(n) => each(spans(n), &Op::ActiveTimeout),
        Op::Hold(side, n) => each(spans(n), &|n| Op::Hold(side, n)),
        Op::Buffer(call) => smaller_calls(call).into_iter().map(Op::Buffer).collect(),
        Op::Reenable(_) | Op::ReenableRe(_) | Op::Shutdown(_) | Op::Close => Vec::new(),
    }
}

/// Calls with fewer bytes, and with the first reader in place of a further one.
fn smaller_calls(call: BufferCall) -> Vec<BufferCall> {
    let each = |n: i64, make: &dyn Fn(i64) -> BufferCall| {
        sizes(n).into_iter().map(make).collect::<Vec<_>>()
    };
    let first = |reader: ReaderName| ReaderName { number: 1, ..reader };
    let is_first = |reader: ReaderName| reader.number == 1;
    let mut all = match call {
        BufferCall::Clone(r) if !is_first(r) => vec![BufferCall::Clone(first(r))],
        BufferCall::Avail(r) if !is_first(r) => vec![BufferCall::Avail(first(r))],
        BufferCall::Blocks(r) if !is_first(r) => vec![BufferCall::Blocks(first(r))],
        BufferCall::Take(r, n) if !is_first(r) => vec![BufferCall::Take(first(r), n)],
        BufferCall::CopyOut(r, n) if !is_first(r) => vec![BufferCall::CopyOut(first(r), n)],
        BufferCall::Copy(r, of, n, at) if !is_first(r) => {
            vec![BufferCall::Copy(first(r), of, n, at)]
        }
        BufferCall::Create(Some(_)) => vec![BufferCall::Create(None)],
        _ => Vec::new(),
    };
    all.extend(match call {
        BufferCall::Take(r, n) => each(n, &|n| BufferCall::Take(r, n)),
        BufferCall::SetMark(of, n) => each(n, &|n| BufferCall::SetMark(of, n)),
        BufferCall::Produce(of, n) => each(n, &|n| BufferCall::Produce(of, n)),
        BufferCall::Put(of, n) => each(n, &|n| BufferCall::Put(of, n)),
        BufferCall::CopyOut(r, n) => each(n, &|n| BufferCall::CopyOut(r, n)),
        BufferCall::Copy(r, of, n, at) => {
            let shorter = each(n, &|n| BufferCall::Copy(r, of, n, at));
            [shorter, each(at, &|at| BufferCall::Copy(r, of, n, at))].concat()
        }
        _ => Vec::new(),
    });
    all
}

fn smaller_io(n: i64, how: How, make: impl Fn(i64, How) -> Op) -> Vec<Op> {
    let plain = (how != How::default()).then(|| make(n, How::default()));
    plain.into_iter().chain(sizes(n).into_iter().map(|n| make(n, how))).collect()
}

/// Sizes that are easier to read, the smallest first.
fn sizes(n: i64) -> Vec<i64> {
    let mut sizes = vec![0, 1, 100, 1000, n / 2, n.saturating_sub(1)];
    if n == i64::MAX {
        sizes = vec![0, 1, 100, 1000, 100_000];
    }
    sizes.retain(|&smaller| 0 <= smaller && smaller < n);
    sizes.dedup();
    sizes
}

fn spans(n: i64) -> Vec<i64> {
    let mut spans = vec![MSECOND, 10 * MSECOND, 100 * MSECOND, n / 2 / MSECOND * MSECOND];
    spans.retain(|&smaller| 0 < smaller && smaller < n);
    spans.dedup();
    spans
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ats::live::generate::generate;

    /// A defect that needs a write of at least 128 bytes and a close.
    fn has_defect(scenario: &Scenario) -> bool {
        let ops = || reactions(scenario).flat_map(|(_, _, reaction)| &reaction.ops);
        ops().any(|op| matches!(op, Op::Write(128..))) && ops().any(|op| *op == Op::Close)
    }

    #[test]
    fn only_what_a_defect_needs_is_left() {
        let seed = (0..).find(|&seed| has_defect(&generate(seed, 1))).unwrap();
        let small = shrink(&generate(seed, 1), |scenario| Ok(has_defect(scenario))).unwrap();
        let ops: Vec<_> = reactions(&small).flat_map(|(_, _, r)| r.ops.clone()).collect();
        assert_eq!(ops.len(), 2, "{small}");
        assert!(ops.contains(&Op::Write(128)) && ops.contains(&Op::Close), "{small}");
        assert_eq!(small.pair, PairDef::default());
    }
}
