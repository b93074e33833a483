//! Writes a scenario as a file, in a form from which the reader makes the same scenario again.

use std::fmt;

use super::amount::Span;
use super::expect::Expected;
use super::model::{PairDef, Reaction, Scenario, Trigger};
use super::race::{Begin, Race, wake_name};
use super::read::{event_name, size_name};

/// The text of a file that reads back as this scenario.
impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "title = {:?}", self.title)?;
        writeln!(f, "teaches = {:?}", self.teaches)?;
        if self.most_calls != Scenario::MOST_CALLS {
            writeln!(f, "most_calls = {}", self.most_calls)?;
        }
        write_pair(f, &self.pair, self.race.as_ref())?;
        write_end(f, "active", &self.active)?;
        write_end(f, "passive", &self.passive)?;
        if let Some(race) = &self.race {
            write_race(f, race)?;
        }
        write_expected(f, "expect", &self.expect.always)?;
        for (epoch, expected) in &self.expect.by_epoch {
            write_expected(f, &format!("expect.{epoch}"), expected)?;
        }
        Ok(())
    }
}

fn write_pair(f: &mut fmt::Formatter<'_>, pair: &PairDef, race: Option<&Race>) -> fmt::Result {
    let usual = PairDef::default();
    let epoch = race.and_then(|race| race.epoch);
    if *pair == usual && epoch.is_none() {
        return Ok(());
    }
    writeln!(f, "\n[pair]")?;
    if let Some(epoch) = epoch {
        writeln!(f, "epoch = \"{epoch}\"")?;
    }
    if pair.connect_re {
        writeln!(f, "connect = \"connect_re\"")?;
    }
    if pair.shared_mutex {
        writeln!(f, "shared_mutex = true")?;
    }
    if pair.buffer_index != usual.buffer_index {
        writeln!(f, "buffer_index = \"{}\"", size_name(pair.buffer_index))?;
    }
    if pair.read_water_mark != usual.read_water_mark {
        writeln!(f, "read_water_mark = {}", pair.read_water_mark)?;
    }
    if pair.accept_after != 0 {
        writeln!(f, "accept_after = \"{}\"", Span(pair.accept_after))?;
    }
    if pair.foreign {
        writeln!(f, "foreign_thread = true")?;
    }
    if pair.threads != usual.threads {
        writeln!(f, "threads = {}", pair.threads)?;
    }
    match pair.no_mutex {
        [true, true] => writeln!(f, "no_mutex = \"both\""),
        [true, false] => writeln!(f, "no_mutex = \"active\""),
        [false, true] => writeln!(f, "no_mutex = \"passive\""),
        [false, false] => Ok(()),
    }
}

fn write_end(f: &mut fmt::Formatter<'_>, name: &str, reactions: &[Reaction]) -> fmt::Result {
    writeln!(f, "\n[{name}]")?;
    for Reaction { trigger, ops } in reactions {
        let ops: Vec<_> = ops.iter().map(|op| format!("{:?}", op.to_string())).collect();
        writeln!(f, "{} = [{}]", Key(*trigger), ops.join(", "))?;
    }
    Ok(())
}

/// Whether there is an `[explore]` decides whether a file without threads is a race.
fn write_race(f: &mut fmt::Formatter<'_>, race: &Race) -> fmt::Result {
    let usual = Race::default();
    writeln!(f, "\n[explore]")?;
    if race.begin != Begin::default() && !race.connects() {
        writeln!(f, "from = \"{}\"", race.begin)?;
    }
    if race.bound != usual.bound {
        writeln!(f, "bound = {}", race.bound)?;
    }
    if race.stalls {
        writeln!(f, "stalls = true")?;
    }
    if race.wake != usual.wake {
        writeln!(f, "wake = \"{}\"", wake_name(race.wake))?;
    }
    for thread in &race.threads {
        let does: Vec<_> = thread.does.iter().map(|act| format!("{:?}", act.to_string())).collect();
        writeln!(f, "\n[thread.{}]\ndoes = [{}]", thread.name, does.join(", "))?;
    }
    Ok(())
}

fn write_expected(f: &mut fmt::Formatter<'_>, table: &str, expected: &Expected) -> fmt::Result {
    if *expected == Expected::default() {
        return Ok(());
    }
    writeln!(f, "\n[{table}]")?;
    let Expected { active, passive, active_bytes, passive_bytes, finish } = expected;
    for (key, events) in [("active", active), ("passive", passive)] {
        if let Some(events) = events {
            let names: Vec<_> =
                events.iter().map(|&event| format!("{:?}", event_name(event))).collect();
            writeln!(f, "{key} = [{}]", names.join(", "))?;
        }
    }
    for (key, bytes) in [("active_bytes", active_bytes), ("passive_bytes", passive_bytes)] {
        if let Some(bytes) = bytes {
            writeln!(f, "{key} = {bytes}")?;
        }
    }
    match finish {
        Some(finish) => writeln!(f, "finish = \"{finish}\""),
        None => Ok(()),
    }
}

/// The key of a reaction, as a file has it, without quotes.
#[must_use]
pub fn trigger_key(trigger: Trigger) -> String {
    Key(trigger).to_string().trim_matches('"').to_owned()
}

/// The key of a reaction.
pub(super) struct Key(pub(super) Trigger);

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Trigger::Connect => f.write_str("on_connect"),
            Trigger::Race => f.write_str("on_race"),
            Trigger::After(span) => write!(f, "after_{}", Span(span)),
            Trigger::Event(event, 0) => write!(f, "on_{}", event_name(event)),
            Trigger::Event(event, nth) => write!(f, "\"on_{}#{nth}\"", event_name(event)),
        }
    }
}
