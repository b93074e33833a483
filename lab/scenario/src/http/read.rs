//! Reads an HTTP scenario from TOML.

mod expect;
mod netvc;

use std::collections::HashMap;
use std::path::Path;

use eventsys::{EventCode, HrTime};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::expect::HttpExpect;
use super::hook_op::{HookOp, Thread, expected_place, place};
use super::model::{
    ClientBy, HookReaction, HttpClient, HttpOrigin, HttpReaction, HttpScenario, HttpSettings,
    OriginBy, When,
};
use super::op::HttpOp;
use crate::amount::{MOST_BYTES, parse_span};
use crate::fault::ScenarioFault;
use crate::input::{MOST_OF_A_SCENARIO, file_name, read_file};
use crate::model::Trigger;
use crate::read::parse_event;
use crate::read_error::{Place, ReadError, message, utf8};

/// A fault comes with the byte at which it begins.
type Faulty<T> = Result<T, (usize, ScenarioFault)>;

type Value<'a> = Spanned<DeValue<'a>>;

/// A key, the place of its text, and its value.
type Entry<'v, 'a> = (&'v str, usize, &'v Value<'a>);

/// True if the text of a file is an HTTP scenario, or one of a NetVC: it has a client or a NetVC.
#[must_use]
pub fn is_http_scenario(bytes: &[u8]) -> bool {
    let text = std::str::from_utf8(bytes).unwrap_or("");
    let has = |table: &DeTable<'_>, key: &str| table.contains_key(key);
    let is = |table: &DeTable<'_>| has(table, "client") || has(table, "netvc");
    DeTable::parse(text).is_ok_and(|table| is(table.get_ref()))
}

/// Reads the HTTP scenario in `path`.
///
/// # Errors
/// If the file cannot be read or anything in it is wrong.
pub fn http_scenario_from_file(path: &Path) -> Result<HttpScenario, ReadError<ScenarioFault>> {
    http_scenario_from_bytes(&file_name(path), &read_file(path, MOST_OF_A_SCENARIO)?)
}

/// Reads an HTTP scenario from the `bytes` of a TOML file; `file` is its name in errors.
///
/// # Errors
/// If anything in it is wrong.
pub fn http_scenario_from_bytes(
    file: &str,
    bytes: &[u8],
) -> Result<HttpScenario, ReadError<ScenarioFault>> {
    utf8(bytes)
        .map_err(|(place, byte)| (place, ScenarioFault::NotUtf8(byte)))
        .and_then(|text| read(text).map_err(|(at, fault)| (Place::after(&text[..at]), fault)))
        .map_err(|(place, fault)| ReadError::Fault { file: file.to_owned(), place, fault })
}

const TOP: &str = "title, teaches, http, net, client, netvc, origin, hooks or expect";

fn read(text: &str) -> Faulty<HttpScenario> {
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start.min(text.len()));
        (at, ScenarioFault::NotToml(message(error.message())))
    })?;
    let source = Source(text);
    let (mut title, mut teaches) = (None, None);
    let mut scenario = HttpScenario {
        title: String::new(),
        teaches: String::new(),
        settings: HttpSettings::default(),
        clients: Vec::new(),
        origin: HttpOrigin::default(),
        hooks: Vec::new(),
        netvc: None,
        expect: HttpExpect::default(),
    };
    let (mut expect, mut net) = (None, None);
    for (key, at, value) in source.entries(table.get_ref()) {
        match key {
            "title" => title = Some(source.text(value)?.to_owned()),
            "teaches" => teaches = Some(source.text(value)?.to_owned()),
            "http" => scenario.settings = source.settings(source.table(value)?)?,
            "net" => net = Some(source.default_inactivity(source.table(value)?)?),
            "netvc" => scenario.netvc = Some(source.user(source.table(value)?)?),
            "client" => scenario.clients = source.clients(source.table(value)?)?,
            "origin" => scenario.origin = source.origin(source.table(value)?)?,
            "hooks" => scenario.hooks = source.hooks(source.table(value)?)?,
            "expect" => expect = Some(source.table(value)?),
            other => return Err((at, ScenarioFault::expected(TOP, other))),
        }
    }
    let missing = |what: &str| (0, ScenarioFault::NotToml(format!("missing field `{what}`")));
    if let Some(span) = net {
        scenario.settings.default_inactivity_timeout = span;
    }
    scenario.title = title.ok_or_else(|| missing("title"))?;
    scenario.teaches = teaches.ok_or_else(|| missing("teaches"))?;
    source.check(&scenario, table.get_ref())?;
    if let Some(table) = expect {
        // It names clients, which may stand behind it.
        scenario.expect = source.expect(table, &scenario)?;
    }
    Ok(scenario)
}

/// The text of the file, to find the place of a fault.
struct Source<'s>(&'s str);

impl Source<'_> {
    /// The entries of a table, in the order of the file.
    fn entries<'v, 'a>(&self, table: &'v DeTable<'a>) -> Vec<Entry<'v, 'a>> {
        let mut entries: Vec<_> = table
            .iter()
            .map(|(key, value)| {
                let name: &str = key.get_ref();
                let quote = usize::from(!self.0[key.span()].starts_with(name));
                (name, key.span().start + quote, value)
            })
            .collect();
        entries.sort_by_key(|(_, at, _)| *at);
        entries
    }

    fn wrong<T>(&self, value: &Value<'_>, expected: &str) -> Faulty<T> {
        let found = &self.0[value.span()];
        Err((value.span().start, ScenarioFault::expected(expected, found)))
    }

    fn table<'v, 'a>(&self, value: &'v Value<'a>) -> Faulty<&'v DeTable<'a>> {
        value.get_ref().as_table().map_or_else(|| self.wrong(value, "a table"), Ok)
    }

    fn text<'v>(&self, value: &'v Value<'_>) -> Faulty<&'v str> {
        value.get_ref().as_str().map_or_else(|| self.wrong(value, "a text in quotes"), Ok)
    }

    /// The one of `all` that has this name.
    fn word<T: Copy>(
        &self,
        value: &Value<'_>,
        all: &[T],
        name: fn(T) -> &'static str,
    ) -> Faulty<T> {
        let word = self.text(value)?;
        all.iter().copied().find(|&one| name(one) == word).map_or_else(
            || {
                let names: Vec<_> = all.iter().map(|&one| format!("\"{}\"", name(one))).collect();
                let (last, others) = names.split_last().expect("there are some");
                self.wrong(value, &format!("{} or {last}", others.join(", ")))
            },
            Ok,
        )
    }

    /// Where the byte `at` of a text stands in the file. If it is written with escapes, where it
    /// begins.
    fn inside(&self, value: &Value<'_>, at: usize) -> usize {
        let (span, text) = (value.span(), value.get_ref().as_str().unwrap_or(""));
        let is_plain = self.0.get(span.start + 1..).is_some_and(|rest| rest.starts_with(text));
        span.start + if is_plain { 1 + at } else { 0 }
    }

    fn bytes(&self, value: &Value<'_>) -> Faulty<i64> {
        let number = value.get_ref().as_integer().and_then(|n| n.as_str().parse().ok());
        match number {
            Some(number) if (0..=MOST_BYTES).contains(&number) => Ok(number),
            _ => self.wrong(value, "a number of bytes (like 32768)"),
        }
    }

    fn span(&self, value: &Value<'_>) -> Faulty<HrTime> {
        let span = value.get_ref().as_str().and_then(parse_span);
        match span.filter(|&span| span <= HttpScenario::LONGEST) {
            Some(span) => Ok(span),
            None => self.wrong(value, "a time up to 60s in quotes (like \"250ms\", \"4s\")"),
        }
    }

    fn settings(&self, table: &DeTable<'_>) -> Faulty<HttpSettings> {
        let mut settings = HttpSettings::default();
        for (key, at, value) in self.entries(table) {
            match key {
                "threads" => {
                    let number = value.get_ref().as_integer().map(|n| n.as_str().to_owned());
                    settings.threads = match number.as_deref() {
                        Some("1") => 1,
                        Some("2") => 2,
                        _ => return self.wrong(value, "1 or 2 net threads"),
                    };
                }
                "client_timeout" => settings.client_timeout = self.timeout(value)?,
                "origin_timeout" => settings.origin_timeout = self.timeout(value)?,
                "first_byte_timeout" => settings.first_byte_timeout = self.timeout(value)?,
                "keep_alive_timeout" => settings.keep_alive_timeout = self.timeout(value)?,
                "active_timeout" => settings.active_timeout = self.timeout(value)?,
                "water_mark" => settings.water_mark = self.bytes(value)?,
                "flow_control" => settings.flow_control = Some(self.marks(value)?),
                other => {
                    let expected = "threads, client_timeout, origin_timeout, first_byte_timeout, \
                                    keep_alive_timeout, active_timeout, water_mark or flow_control";
                    return Err((at, ScenarioFault::expected(expected, other)));
                }
            }
        }
        Ok(settings)
    }

    /// The server knows timeouts of whole seconds.
    fn timeout(&self, value: &Value<'_>) -> Faulty<HrTime> {
        let span = self.span(value)?;
        match span % eventsys::hrtime::SECOND {
            0 => Ok(span),
            _ => self.wrong(value, "a time of whole seconds, which the server's settings have"),
        }
    }

    fn marks(&self, value: &Value<'_>) -> Faulty<(i64, i64)> {
        let expected = "two numbers of bytes, the upper mark first (like [65536, 32768])";
        let marks = value.get_ref().as_array().map_or(&[][..], |array| &array[..]);
        let [high, low] = marks else { return self.wrong(value, expected) };
        let (high, low) = (self.bytes(high)?, self.bytes(low)?);
        if low == 0 || low > high { self.wrong(value, expected) } else { Ok((high, low)) }
    }

    /// One client, or several with names.
    fn clients(&self, table: &DeTable<'_>) -> Faulty<Vec<HttpClient>> {
        let entries = self.entries(table);
        if !entries.iter().any(|(.., value)| value.get_ref().is_table()) {
            return Ok(vec![self.client(String::new(), table)?]);
        }
        let named = entries.into_iter().map(|(name, at, value)| {
            let is_name = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
            if name.is_empty() || !name.bytes().all(is_name) {
                let expected = "a client's name of small letters, digits and `-`";
                return Err((at, ScenarioFault::expected(expected, name)));
            }
            self.client(name.to_owned(), self.table(value)?)
        });
        named.collect()
    }

    fn client(&self, name: String, table: &DeTable<'_>) -> Faulty<HttpClient> {
        let mut by = ClientBy::Tcp;
        let reactions = self.reactions(table, "on_start", |value| {
            by = self.word(value, &ClientBy::ALL, ClientBy::name)?;
            Ok(())
        })?;
        Ok(HttpClient { name, by, reactions })
    }

    fn origin(&self, table: &DeTable<'_>) -> Faulty<HttpOrigin> {
        let mut by = OriginBy::Tcp;
        let reactions = self.reactions(table, "on_accept", |value| {
            by = self.word(value, &OriginBy::ALL, OriginBy::name)?;
            Ok(())
        })?;
        Ok(HttpOrigin { by, reactions })
    }

    /// The reactions of an actor; `by` gets the value of that key, and `start` is the key of the
    /// first reaction.
    fn reactions(
        &self,
        table: &DeTable<'_>,
        start: &str,
        mut by: impl FnMut(&Value<'_>) -> Faulty<()>,
    ) -> Faulty<Vec<HttpReaction>> {
        let mut reactions: Vec<HttpReaction> = Vec::new();
        let mut firsts: HashMap<When, usize> = HashMap::new();
        for (key, at, value) in self.entries(table) {
            if key == "by" {
                by(value)?;
                continue;
            }
            let when = parse_when(key, start).map_err(|(inside, fault)| (at + inside, fault))?;
            self.once(&mut firsts, when, key, at)?;
            reactions.push(HttpReaction { when, ops: self.ops(value, HttpOp::parse)? });
        }
        Ok(reactions)
    }

    fn hooks(&self, table: &DeTable<'_>) -> Faulty<Vec<HookReaction>> {
        let (mut reactions, mut firsts) = (Vec::new(), HashMap::new());
        for (key, at, value) in self.entries(table) {
            let (name, nth) = numbered(key).map_err(|(inside, fault)| (at + inside, fault))?;
            let fault = || (at, ScenarioFault::expected(expected_place(), name));
            let hook = place(name).ok_or_else(fault)?;
            self.once(&mut firsts, (hook, nth), key, at)?;
            reactions.push(HookReaction { hook, nth, ops: self.ops(value, HookOp::parse)? });
        }
        Ok(reactions)
    }

    fn once<K: Eq + std::hash::Hash>(
        &self,
        firsts: &mut HashMap<K, usize>,
        key: K,
        name: &str,
        at: usize,
    ) -> Faulty<()> {
        match firsts.insert(key, at) {
            None => Ok(()),
            Some(first) => {
                let (key, first) = (name.to_owned(), Place::after(&self.0[..first]).line);
                Err((at, ScenarioFault::Repeated { key, first }))
            }
        }
    }

    fn ops<T>(
        &self,
        value: &Value<'_>,
        parse: impl Fn(&str) -> Result<T, (usize, ScenarioFault)>,
    ) -> Faulty<Vec<T>> {
        let Some(array) = value.get_ref().as_array() else {
            return self.wrong(value, "a list of operations");
        };
        let one = |value| {
            let text = self.text(value)?;
            parse(text).map_err(|(at, fault)| (self.inside(value, at), fault))
        };
        array.iter().map(one).collect()
    }

    /// What a scenario says twice in ways that do not fit.
    fn check(&self, scenario: &HttpScenario, table: &DeTable<'_>) -> Faulty<()> {
        let place_of = |name: &str| table.get(name).map_or(0, |value| value.span().start);
        let is_other = |op: &HookOp| matches!(op, HookOp::Go(Thread::Other));
        let uses_other = scenario.hooks.iter().flat_map(|hook| &hook.ops).any(is_other);
        if uses_other && scenario.settings.threads == 1 {
            let expected = "`threads = 2` in [http] for `go other`";
            return Err((place_of("hooks"), ScenarioFault::expected(expected, "1")));
        }
        self.check_netvc(scenario, table)
    }
}

/// The key of a reaction; a fault comes with its place in the key.
fn parse_when(key: &str, start: &str) -> Faulty<When> {
    if key == start {
        return Ok(When::Start);
    }
    if let Some(span) = key.strip_prefix("after_") {
        let known = parse_span(span).filter(|&span| span <= HttpScenario::LONGEST);
        let expected = "a time up to 60s after after_ (like 250ms, 4s)";
        return known
            .map(When::After)
            .ok_or_else(|| ("after_".len(), ScenarioFault::expected(expected, span)));
    }
    if let Some(hook) = key.strip_prefix("at_") {
        let (name, nth) = numbered(hook).map_err(|(at, fault)| (at + "at_".len(), fault))?;
        if name == "connect" && nth == 0 {
            return Ok(When::NetVc(Trigger::Connect));
        }
        if let Ok(event) = parse_event(name, "") {
            return Ok(When::NetVc(Trigger::Event(event, nth.max(1))));
        }
        let fault = || ("at_".len(), ScenarioFault::expected(expected_place(), name));
        return place(name).map(|hook| When::Hook(hook, nth.max(1))).ok_or_else(fault);
    }
    let Some(event) = key.strip_prefix("on_") else {
        let expected = format!(
            "by, or a reaction ({start}, on_head, on_end, on_ and an event, at_ and a hook, after_ \
             and a time)"
        );
        return Err((0, ScenarioFault::expected(expected, key)));
    };
    let (name, nth) = numbered(event).map_err(|(at, fault)| (at + "on_".len(), fault))?;
    match name {
        "head" => Ok(When::Head(nth)),
        "end" if nth == 0 => Ok(When::End),
        _ if nth > 0 => {
            let at = "on_#".len() + name.len();
            Err((at, ScenarioFault::expected("no number behind this event", &event[name.len()..])))
        }
        name => parse_event(name, &format!("{}, head, end or an event after on_", &start[3..]))
            .map(|event: EventCode| When::Event(event))
            .map_err(|fault| ("on_".len(), fault)),
    }
}

/// A name, and the number behind `#`; 0 without one.
fn numbered(text: &str) -> Faulty<(&str, u32)> {
    let Some((name, count)) = text.split_once('#') else { return Ok((text, 0)) };
    match count.parse() {
        Ok(nth) if nth > 0 => Ok((name, nth)),
        _ => {
            let expected = "which time after # (1, 2 and so on)";
            Err((name.len() + 1, ScenarioFault::expected(expected, count)))
        }
    }
}
