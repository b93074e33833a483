//! Reads a scenario from TOML.

mod race;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::Path;

use eventsys::EventCode;
use eventsys::steps::excerpt;
use iocore::buffer::{DEFAULT_BUFFER_SIZES, SizeIndex};
use serde::Deserialize;
use toml::Spanned;

use super::amount::{MOST_BYTES, parse_span};
use super::expect::{Expect, Expected, FinishKind};
use super::fault::ScenarioFault;
use super::model::{PairDef, Reaction, Scenario, Trigger};
use super::op::{Op, Owner};
use crate::input::{MOST_OF_A_SCENARIO, file_name, read_file};
use crate::read_error::{Place, ReadError, message, utf8};
use pluginvc::Epoch;

/// A fault comes with the byte at which it begins: lines are counted only for a fault.
type Faulty<T> = Result<T, (usize, ScenarioFault)>;

/// Reads the scenario in `path`.
///
/// # Errors
///
/// If the file cannot be read or anything in it is wrong.
pub fn scenario_from_file(path: &Path) -> Result<Scenario, ReadError<ScenarioFault>> {
    scenario_from_bytes(&file_name(path), &read_file(path, MOST_OF_A_SCENARIO)?)
}

/// Reads a scenario from the `bytes` of a TOML file; `file` is its name in errors.
///
/// # Errors
///
/// If anything in it is wrong.
pub fn scenario_from_bytes(file: &str, bytes: &[u8]) -> Result<Scenario, ReadError<ScenarioFault>> {
    utf8(bytes)
        .map_err(|(place, byte)| (place, ScenarioFault::NotUtf8(byte)))
        .and_then(|text| read(text).map_err(|(at, fault)| (Place::after(&text[..at]), fault)))
        .map_err(|(place, fault)| ReadError::Fault { file: file.to_owned(), place, fault })
}

/// The keys of a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    title: String,
    teaches: String,
    most_calls: Option<u32>,
    #[serde(default)]
    pair: RawPair,
    #[serde(default)]
    active: RawEnd,
    #[serde(default)]
    passive: RawEnd,
    explore: Option<Spanned<race::RawExplore>>,
    #[serde(default)]
    thread: BTreeMap<Spanned<String>, race::RawThread>,
    #[serde(default)]
    expect: RawExpect,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPair {
    connect: Option<Spanned<String>>,
    #[serde(default)]
    shared_mutex: bool,
    buffer_index: Option<Spanned<String>>,
    read_water_mark: Option<Spanned<i64>>,
    accept_after: Option<Spanned<String>>,
    #[serde(default)]
    foreign_thread: bool,
    threads: Option<Spanned<i64>>,
    no_mutex: Option<Spanned<String>>,
    epoch: Option<Spanned<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawExpect {
    active: Option<Vec<Spanned<String>>>,
    passive: Option<Vec<Spanned<String>>>,
    active_bytes: Option<i64>,
    passive_bytes: Option<i64>,
    finish: Option<Spanned<String>>,
    #[serde(rename = "B")]
    b: Option<RawExpected>,
    #[serde(rename = "C")]
    c: Option<RawExpected>,
    #[serde(rename = "D")]
    d: Option<RawExpected>,
    #[serde(rename = "E")]
    e: Option<RawExpected>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawExpected {
    active: Option<Vec<Spanned<String>>>,
    passive: Option<Vec<Spanned<String>>>,
    active_bytes: Option<i64>,
    passive_bytes: Option<i64>,
    finish: Option<Spanned<String>>,
}

type RawEnd = BTreeMap<Spanned<String>, Vec<Spanned<String>>>;

fn read(text: &str) -> Faulty<Scenario> {
    let mut raw: Raw = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start.min(text.len()));
        (at, ScenarioFault::NotToml(message(error.message())))
    })?;
    let source = Source(text);
    let epoch = raw.pair.epoch.take();
    let no_mutex = raw.pair.no_mutex.take();
    let mut pair = source.pair(raw.pair)?;
    let (active, passive) = (source.end(raw.active)?, source.end(raw.passive)?);
    let reactions: [&[Reaction]; 2] = [&active, &passive];
    let has_race = |reaction: &Reaction| reaction.trigger == Trigger::Race;
    let is_race = epoch.is_some()
        || raw.explore.is_some()
        || !raw.thread.is_empty()
        || reactions.iter().copied().flatten().any(has_race);
    pair.no_mutex = source.no_mutex(no_mutex, &pair, reactions, is_race)?;
    Ok(Scenario {
        title: raw.title,
        teaches: raw.teaches,
        most_calls: raw.most_calls.unwrap_or(Scenario::MOST_CALLS),
        race: source.race(&pair, epoch, raw.explore, raw.thread, &reactions)?,
        pair,
        active,
        passive,
        expect: source.expect(raw.expect)?,
    })
}

/// The text of the file, to find the place of a fault.
struct Source<'a>(&'a str);

impl Source<'_> {
    fn pair(&self, raw: RawPair) -> Faulty<PairDef> {
        let RawPair { shared_mutex, foreign_thread: foreign, .. } = raw;
        let mut pair = PairDef { shared_mutex, foreign, ..PairDef::default() };
        if let Some(span) = raw.accept_after {
            let text = span.get_ref();
            let fault = |expected| {
                (self.place(span.span(), text, 0), ScenarioFault::expected(expected, text))
            };
            if shared_mutex {
                return Err(fault(
                    "no accept_after where the ends share a mutex: the active end needs it too",
                ));
            }
            pair.accept_after = parse_span(text)
                .filter(|&span| span > 0)
                .ok_or_else(|| fault("a time up to a day (like 20us, 250ms, 10s)"))?;
        }
        if let Some(connect) = raw.connect {
            pair.connect_re = match connect.get_ref().as_str() {
                "connect" => false,
                "connect_re" => true,
                other => {
                    let fault = ScenarioFault::expected("connect or connect_re", other);
                    return Err((self.place(connect.span(), other, 0), fault));
                }
            };
        }
        if let Some(index) = raw.buffer_index {
            let name = index.get_ref();
            pair.buffer_index = size_index(name).ok_or_else(|| {
                let expected = "a block size (128, 256, 512, 1K, 2K and so on to 1M, 2M)";
                (self.place(index.span(), name, 0), ScenarioFault::expected(expected, name))
            })?;
        }
        if let Some(mark) = raw.read_water_mark {
            pair.read_water_mark = *mark.get_ref();
            if !(0..=MOST_BYTES).contains(&pair.read_water_mark) {
                let expected = format!("a number of bytes from 0 to {MOST_BYTES}");
                let found = mark.get_ref().to_string();
                return Err((mark.span().start, ScenarioFault::Expected { expected, found }));
            }
        }
        if let Some(threads) = raw.threads {
            pair.threads = match *threads.get_ref() {
                1 => 1,
                2 => 2,
                other => {
                    let place = threads.span().start;
                    let (expected, found) = ("1 or 2 event threads".to_owned(), other.to_string());
                    return Err((place, ScenarioFault::Expected { expected, found }));
                }
            };
        }
        Ok(pair)
    }

    /// Which ends have no mutex. Nothing may need it.
    fn no_mutex(
        &self,
        name: Option<Spanned<String>>,
        pair: &PairDef,
        reactions: [&[Reaction]; 2],
        is_race: bool,
    ) -> Faulty<[bool; 2]> {
        let Some(name) = name else { return Ok([false; 2]) };
        let text = name.get_ref();
        let fault = |expected: &str| {
            Err((self.place(name.span(), text, 0), ScenarioFault::expected(expected, text)))
        };
        let without = match text.as_str() {
            "active" => [true, false],
            "passive" => [false, true],
            "both" => [true, true],
            _ => return fault("active, passive or both"),
        };
        let is_held = |op: &Op| match op {
            Op::Hold(Owner::User(side), _) => without[side.index()],
            _ => false,
        };
        let mut ops = reactions.into_iter().flatten().flat_map(|reaction| &reaction.ops);
        if pair.shared_mutex {
            fault("no no_mutex where the ends share a mutex")
        } else if pair.foreign || pair.threads > 1 || is_race {
            fault("no no_mutex where more than one thread takes part")
        } else if pair.accept_after > 0 && without[1] || ops.any(is_held) {
            fault("no no_mutex where a foreign thread holds that mutex")
        } else {
            Ok(without)
        }
    }

    /// The reactions of an end, in the order of the file.
    fn end(&self, raw: RawEnd) -> Faulty<Vec<Reaction>> {
        let mut raw: Vec<_> = raw.into_iter().collect();
        raw.sort_by_key(|(key, _)| key.span().start);
        let mut reactions: Vec<Reaction> = Vec::new();
        let mut firsts: HashMap<Trigger, usize> = HashMap::new();
        for (key, ops) in raw {
            let name = key.get_ref();
            let place = self.place(key.span(), name, 0);
            let trigger = parse_trigger(name)
                .map_err(|(at, fault)| (self.place(key.span(), name, at), fault))?;
            if let Some(first) = firsts.insert(trigger, place) {
                let (key, first) = (excerpt(name), Place::after(&self.0[..first]).line);
                return Err((place, ScenarioFault::Repeated { key, first }));
            }
            let ops = ops.iter().map(|op| {
                Op::parse(op.get_ref())
                    .map_err(|(at, fault)| (self.place(op.span(), op.get_ref(), at), fault))
            });
            reactions.push(Reaction { trigger, ops: ops.collect::<Faulty<_>>()? });
        }
        Ok(reactions)
    }

    fn expect(&self, raw: RawExpect) -> Faulty<Expect> {
        let RawExpect { active, passive, active_bytes, passive_bytes, finish, b, c, d, e } = raw;
        let always = RawExpected { active, passive, active_bytes, passive_bytes, finish };
        let by_epoch = [(Epoch::B, b), (Epoch::C, c), (Epoch::D, d), (Epoch::E, e)].into_iter();
        let by_epoch = by_epoch.filter_map(|(epoch, raw)| Some((epoch, raw?)));
        Ok(Expect {
            always: self.expected(always)?,
            by_epoch: by_epoch
                .map(|(epoch, raw)| Ok((epoch, self.expected(raw)?)))
                .collect::<Faulty<_>>()?,
        })
    }

    fn expected(&self, raw: RawExpected) -> Faulty<Expected> {
        let events = |names: Option<Vec<Spanned<String>>>| {
            let event = |name: &Spanned<String>| {
                let place = self.place(name.span(), name.get_ref(), 0);
                parse_event(name.get_ref(), "an event").map_err(|fault| (place, fault))
            };
            names.map(|names| names.iter().map(event).collect::<Faulty<_>>()).transpose()
        };
        let finish = raw.finish.map(|name| {
            let known = FinishKind::ALL.into_iter().find(|kind| kind.name() == name.get_ref());
            known.ok_or_else(|| {
                let names = FinishKind::ALL.map(FinishKind::name).join(", ");
                let expected = format!("how the run ends ({names})");
                let place = self.place(name.span(), name.get_ref(), 0);
                (place, ScenarioFault::expected(expected, name.get_ref()))
            })
        });
        Ok(Expected {
            active: events(raw.active)?,
            passive: events(raw.passive)?,
            active_bytes: raw.active_bytes,
            passive_bytes: raw.passive_bytes,
            finish: finish.transpose()?,
        })
    }

    /// Where the byte `at` of `value` stands in the file; `value` stands at `span`, as it
    /// is or in quotes. If it is written with escapes, where it begins.
    fn place(&self, span: Range<usize>, value: &str, at: usize) -> usize {
        let written = &self.0[span.clone()];
        let start = [0, 1].into_iter().find(|&quote| {
            written.get(quote..).is_some_and(|written| written.starts_with(value))
                && written.len() == value.len() + 2 * quote
        });
        let inside = start.map_or(0, |start| start + at);
        span.start + inside
    }
}

/// The events that an end can react to.
const EVENTS: [(&str, EventCode); 8] = [
    ("READ_READY", EventCode::VC_EVENT_READ_READY),
    ("READ_COMPLETE", EventCode::VC_EVENT_READ_COMPLETE),
    ("WRITE_READY", EventCode::VC_EVENT_WRITE_READY),
    ("WRITE_COMPLETE", EventCode::VC_EVENT_WRITE_COMPLETE),
    ("EOS", EventCode::VC_EVENT_EOS),
    ("ERROR", EventCode::VC_EVENT_ERROR),
    ("INACTIVITY_TIMEOUT", EventCode::VC_EVENT_INACTIVITY_TIMEOUT),
    ("ACTIVE_TIMEOUT", EventCode::VC_EVENT_ACTIVE_TIMEOUT),
];

pub(super) fn parse_trigger(key: &str) -> Result<Trigger, (usize, ScenarioFault)> {
    match key {
        "on_connect" => return Ok(Trigger::Connect),
        "on_race" => return Ok(Trigger::Race),
        _ => {}
    }
    if let Some(span) = key.strip_prefix("after_") {
        let expected = "a time up to a day after after_ (like 20us, 250ms, 10s)";
        let fault = || ("after_".len(), ScenarioFault::expected(expected, span));
        return parse_span(span).map(Trigger::After).ok_or_else(fault);
    }
    let Some(event) = key.strip_prefix("on_") else {
        let expected = "a reaction (on_connect, on_race, on_ and an event, after_ and a time)";
        return Err((0, ScenarioFault::expected(expected, key)));
    };
    let (name, count) = event.split_once('#').unwrap_or((event, "0"));
    let code = parse_event(name, "connect, race or an event after on_")
        .map_err(|fault| ("on_".len(), fault))?;
    let nth = match count.parse() {
        Ok(nth) if nth > 0 || !event.contains('#') => nth,
        _ => {
            let at = "on_#".len() + name.len();
            return Err((
                at,
                ScenarioFault::expected("which time after # (1, 2 and so on)", count),
            ));
        }
    };
    Ok(Trigger::Event(code, nth))
}

/// The event of this name; `expected` is what it stands for.
pub(super) fn parse_event(name: &str, expected: &str) -> Result<EventCode, ScenarioFault> {
    let known = EVENTS.iter().find(|(known, _)| *known == name);
    known.map(|&(_, code)| code).ok_or_else(|| {
        let names: Vec<_> = EVENTS.iter().map(|(name, _)| *name).collect();
        ScenarioFault::expected(format!("{expected} ({})", names.join(", ")), name)
    })
}

/// The name of an event that an end can react to.
#[must_use]
pub fn event_name(event: EventCode) -> &'static str {
    let known = EVENTS.iter().find(|(_, code)| *code == event);
    known.map_or("an event without a name", |(name, _)| name)
}

/// The index of a block size by its name.
pub(super) fn size_index(name: &str) -> Option<SizeIndex> {
    let mut indexes = (0..DEFAULT_BUFFER_SIZES as i64).map(SizeIndex::from_raw);
    indexes.find(|&index| size_name(index) == name)
}

/// The name of a block size in the original, `32K`.
#[must_use]
pub fn size_name(index: SizeIndex) -> String {
    match index.buffer_size() {
        size if size < 1 << 10 => size.to_string(),
        size if size < 1 << 20 => format!("{}K", size >> 10),
        size => format!("{}M", size >> 20),
    }
}
