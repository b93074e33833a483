//! Reads `[expect]` of an HTTP scenario.

use toml::de::DeTable;

use super::{Entry, Faulty, Source, Value};
use crate::fault::ScenarioFault;
use crate::http::expect::{HttpEnd, HttpExpect, HttpExpected};
use crate::http::hook_op::place;
use crate::http::model::HttpScenario;
use crate::http::netvc::NETVC;

const KEYS: &str = "finish, participants, findings, order, or the name of a participant";
const KEYS_OF_ONE: &str = "events, last, status, requests, body, has or lacks";

impl Source<'_> {
    /// What is expected of a run of `scenario`, whose clients have been read.
    pub(super) fn expect(
        &self,
        table: &DeTable<'_>,
        scenario: &HttpScenario,
    ) -> Faulty<HttpExpect> {
        let mut expect = HttpExpect::default();
        for entry in self.entries(table) {
            let (key, at, value) = entry;
            match key {
                "finish" => expect.finish = Some(self.word(value, &HttpEnd::ALL, HttpEnd::name)?),
                "participants" => {
                    let name = |value: &Value<'_>| {
                        let name = self.text(value)?;
                        self.participant(scenario, name, self.inside(value, 0))?;
                        Ok(name.to_owned())
                    };
                    expect.participants = Some(self.list(value, name)?);
                }
                "findings" => expect.findings = Some(self.texts(value)?),
                "order" => {
                    let item = |value: &Value<'_>| self.item_of_order(scenario, value);
                    expect.order = Some(self.list(value, item)?);
                }
                _ if value.get_ref().is_table() => {
                    self.participant(scenario, key, at)?;
                    expect.of.push(self.expected(entry)?);
                }
                other => return Err((at, ScenarioFault::expected(KEYS, other))),
            }
        }
        Ok(expect)
    }

    fn expected(&self, (name, _, value): Entry<'_, '_>) -> Faulty<HttpExpected> {
        let mut expected = HttpExpected { name: name.to_owned(), ..HttpExpected::default() };
        for (key, at, value) in self.entries(self.table(value)?) {
            match key {
                "events" => {
                    let event = |value: &Value<'_>| self.event(name, value);
                    expected.events = Some(self.list(value, event)?);
                }
                "last" => expected.last = Some(self.event(name, value)?),
                "status" => expected.status = Some(self.list(value, |value| self.status(value))?),
                "requests" => expected.requests = Some(self.texts(value)?),
                "body" => expected.body = Some(self.bytes(value)?),
                "has" => expected.has = self.texts(value)?,
                "lacks" => expected.lacks = self.texts(value)?,
                other => return Err((at, ScenarioFault::expected(KEYS_OF_ONE, other))),
            }
        }
        Ok(expected)
    }

    fn list<T>(&self, value: &Value<'_>, one: impl Fn(&Value<'_>) -> Faulty<T>) -> Faulty<Vec<T>> {
        match value.get_ref().as_array() {
            Some(array) => array.iter().map(one).collect(),
            None => self.wrong(value, "a list"),
        }
    }

    fn texts(&self, value: &Value<'_>) -> Faulty<Vec<String>> {
        self.list(value, |value| self.text(value).map(str::to_owned))
    }

    fn status(&self, value: &Value<'_>) -> Faulty<u16> {
        let number = value.get_ref().as_integer().and_then(|n| n.as_str().parse().ok());
        match number.filter(|status| (100..=999).contains(status)) {
            Some(status) => Ok(status),
            None => self.wrong(value, "a status (like 200)"),
        }
    }

    /// `name` is one that a participant can have.
    fn participant(&self, scenario: &HttpScenario, name: &str, at: usize) -> Faulty<()> {
        let is_client = scenario.clients.iter().any(|client| client.actor() == name);
        let number = name.split_once(' ').filter(|(kind, _)| KINDS.contains(kind));
        let is_numbered =
            number.is_some_and(|(_, number)| number.parse::<u32>().is_ok_and(|n| n > 0));
        let is_netvc = name == NETVC && scenario.netvc.is_some();
        if is_client || is_numbered || is_netvc {
            return Ok(());
        }
        let clients: Vec<_> = scenario.clients.iter().map(|client| client.actor()).collect();
        let expected = format!(
            "a participant ({}, or origin, session or txn with a number: \"txn 1\")",
            clients.join(", ")
        );
        Err((at, ScenarioFault::expected(expected, name)))
    }

    /// An event that a participant of this name can see: a transaction and a session see hooks.
    fn event(&self, name: &str, value: &Value<'_>) -> Faulty<String> {
        let text = self.text(value)?;
        self.check_event(name, text).map_err(|fault| (self.inside(value, 0), fault))?;
        Ok(text.to_owned())
    }

    fn check_event(&self, name: &str, text: &str) -> Result<(), ScenarioFault> {
        let (kind, first) = (name.split(' ').next(), text.split(',').next().unwrap_or_default());
        let expected = match kind {
            Some("txn") => {
                let does = first == "reenable" || first == "error" || first.starts_with("sees ");
                if does || place(first).is_some() {
                    return Ok(());
                }
                "a hook of a transaction, reenable, error or sees …"
            }
            Some("session") if !matches!(first, "SSN_START" | "SSN_CLOSE") => {
                "SSN_START or SSN_CLOSE"
            }
            _ if text.is_empty() => "an event",
            _ => return Ok(()),
        };
        Err(ScenarioFault::expected(expected, text))
    }

    fn item_of_order(
        &self,
        scenario: &HttpScenario,
        value: &Value<'_>,
    ) -> Faulty<(String, String)> {
        let text = self.text(value)?;
        let expected = "a participant, a colon and an event (like \"txn 1: TXN_CLOSE\")";
        let Some((name, event)) = text.split_once(": ") else { return self.wrong(value, expected) };
        self.participant(scenario, name, self.inside(value, 0))?;
        let at = self.inside(value, name.len() + 2);
        self.check_event(name, event).map_err(|fault| (at, fault))?;
        Ok((name.to_owned(), event.to_owned()))
    }
}

/// Participants that get a number when they are first heard of.
const KINDS: [&str; 3] = ["origin", "session", "txn"];
