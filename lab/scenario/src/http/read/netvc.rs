//! Reads `[netvc]` and `[net]`: a scenario in which a NetVC stands in the proxy's place.

use std::collections::HashMap;

use eventsys::HrTime;
use toml::de::DeTable;

use super::{Faulty, Source};
use crate::fault::ScenarioFault;
use crate::http::model::{ClientBy, HttpOrigin, HttpScenario, OriginBy, When};
use crate::model::{Reaction, Trigger};
use crate::op::{Op, OpCont};
use crate::read::parse_trigger;

impl Source<'_> {
    /// The reactions of the user of a NetVC, in the order of the file.
    pub(super) fn user(&self, table: &DeTable<'_>) -> Faulty<Vec<Reaction>> {
        let (mut reactions, mut firsts) = (Vec::new(), HashMap::new());
        for (key, at, value) in self.entries(table) {
            let trigger = parse_trigger(key).map_err(|(inside, fault)| (at + inside, fault))?;
            let expected = match trigger {
                Trigger::Race => {
                    Some("a reaction (on_connect, on_ and an event, after_ and a time)")
                }
                Trigger::After(span) if span > HttpScenario::LONGEST => {
                    Some("a time up to 60s after after_ (like 250ms, 4s)")
                }
                _ => None,
            };
            if let Some(expected) = expected {
                return Err((at, ScenarioFault::expected(expected, key)));
            }
            self.once(&mut firsts, trigger, key, at)?;
            reactions.push(Reaction { trigger, ops: self.ops(value, parse_op)? });
        }
        Ok(reactions)
    }

    /// The settings of the server's NetVCs.
    pub(super) fn default_inactivity(&self, table: &DeTable<'_>) -> Faulty<HrTime> {
        let mut span = None;
        for (key, at, value) in self.entries(table) {
            match key {
                "default_inactivity_timeout" => span = Some(self.timeout(value)?),
                other => {
                    let expected = "default_inactivity_timeout";
                    return Err((at, ScenarioFault::expected(expected, other)));
                }
            }
        }
        span.ok_or_else(|| (0, ScenarioFault::NotToml("an empty table `net`".to_owned())))
    }

    /// What does not fit to a NetVC, or is only for one.
    pub(super) fn check_netvc(&self, scenario: &HttpScenario, table: &DeTable<'_>) -> Faulty<()> {
        let place_of = |name: &str| table.get(name).map_or(0, |value| value.span().start);
        let peers = scenario.clients.iter().map(|client| &client.reactions);
        let mut peers = peers.chain([&scenario.origin.reactions]).flatten();
        if scenario.netvc.is_none() {
            if peers.any(|reaction| matches!(reaction.when, When::NetVc(_))) {
                let key = if table.contains_key("netvc") { "netvc" } else { "client" };
                let expected = "a [netvc] for a moment of its user (at_connect, at_ and an event)";
                return Err((place_of(key), ScenarioFault::expected(expected, "none")));
            }
            return Ok(());
        }
        if let Some(other) = ["hooks", "http"].into_iter().find(|key| table.contains_key(*key)) {
            let expected = "no proxy beside a [netvc], which stands in its place";
            return Err((place_of(other), ScenarioFault::expected(expected, other)));
        }
        let has_origin = table.contains_key("origin");
        if scenario.clients.len() + usize::from(has_origin) != 1 {
            let expected =
                "one [client], which the NetVC accepts, or an [origin], to which it connects";
            let found = if has_origin { "both" } else { "another number" };
            return Err((place_of("netvc"), ScenarioFault::expected(expected, found)));
        }
        let is_tcp = scenario.clients.iter().all(|client| client.by == ClientBy::Tcp)
            && matches!(scenario.origin, HttpOrigin { by: OriginBy::Tcp | OriginBy::Refuses, .. });
        if !is_tcp {
            let key = if has_origin { "origin" } else { "client" };
            let expected = "a socket at the other end of a NetVC";
            return Err((place_of(key), ScenarioFault::expected(expected, "a plugin")));
        }
        if peers.any(|reaction| matches!(reaction.when, When::Hook(..) | When::Event(_))) {
            let key = if has_origin { "origin" } else { "client" };
            let expected = "a moment of a socket or of the NetVC's user";
            return Err((place_of(key), ScenarioFault::expected(expected, "a hook or an event")));
        }
        Ok(())
    }
}

/// An operation of the user of a NetVC.
fn parse_op(text: &str) -> Result<Op, (usize, ScenarioFault)> {
    let op = Op::parse(text)?;
    let expected = match op {
        Op::Hold(..) => "an operation of a NetVC's user, which holds no mutex",
        Op::Buffer(_) => "an operation of a NetVC; calls of a buffer are for the users of a pair",
        Op::InactivityTimeout(span) | Op::ActiveTimeout(span) if span > HttpScenario::LONGEST => {
            "a time up to 60s, in which a run must end"
        }
        op if op.cont().is_some_and(|cont| cont != OpCont::OfEnd) => {
            "an operation with the continuation of the NetVC's user"
        }
        _ => return Ok(op),
    };
    Err((0, ScenarioFault::expected(expected, text)))
}
