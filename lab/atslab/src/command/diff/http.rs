//! `atslab diff` with HTTP scenarios: two servers, or the port and a server.

use std::slice;
use std::sync::Arc;

use conformance::ats::Epoch;
use conformance::ats::http_scenario::{
    HttpArm, HttpDifference, generate_http, http_differ, shrink_http,
};
use conformance::ats::live::{LiveError, Probe};
use conformance::ats::scenario::http::{
    HttpExpect, HttpRecorded, HttpReport, HttpScenario, record_http_scenario,
};
use serde_json::{Value, json};

use super::report::Found;
use super::{Chosen, Comparison, DiffArgs};
use crate::command::run::http_files_or_gallery;
use crate::command::view::{links, write};
use crate::error::Error;
use crate::ui::progress;
use crate::view::http::of_two;
use crate::view::model::Scene;
use crate::view::page;

/// A scenario in which the two differ.
pub(super) struct Difference {
    /// Its name, or its seed.
    name: String,
    /// The smallest scenario that shows it.
    scenario: HttpScenario,
    first: HttpDifference,
    kind: String,
}

impl Found for Difference {
    const FORMAT: &str = "atslab-http-diff";
    const UNIT: &str = "events";

    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &str {
        &self.kind
    }

    fn operations(&self) -> usize {
        operations(&self.scenario)
    }

    fn toml(&self) -> String {
        self.scenario.to_string()
    }

    fn place(&self) -> String {
        match self.first.who.as_str() {
            "" => "at the end".to_owned(),
            who => format!("at {who}"),
        }
    }

    fn between(&self, left: &str, right: &str) -> String {
        self.first.between(left, right)
    }

    fn json(&self) -> Value {
        json!({
            "participant": self.first.who,
            "left": self.first.real,
            "right": self.first.port,
        })
    }
}

/// Performs the scenarios on both.
pub(super) fn compare(args: &DiffArgs) -> Result<Comparison<Difference>, Error> {
    let mut pair = Pair::of(args)?;
    let (total, scenarios) = scenarios(args)?;
    let bar = progress::bar(total, "{bar:30} {pos} of {len} scenarios {wide_msg}");
    let mut found =
        Comparison { names: pair.names.clone(), scenarios: 0, steps: 0, differences: Vec::new() };
    for (name, scenario) in scenarios {
        if let Some(why) = pair.arms.iter().find_map(|arm| arm.why_not(&scenario)) {
            // Of many, those are left out that one of the two cannot perform.
            if args.scenarios.is_empty() {
                continue;
            }
            return Err(LiveError::Unplayable { name, why: why.to_owned() }.into());
        }
        let (events, difference) = pair.compare(name, scenario)?;
        found.scenarios += 1;
        found.steps += events;
        found.differences.extend(difference);
        bar.inc(1);
        bar.set_message(super::report::so_far(found.differences.len()));
    }
    bar.finish_and_clear();
    if let Some(path) = &args.html {
        let scenes = found.differences.iter().map(|one| pair.scene(one));
        let scenes = scenes.collect::<Result<Vec<_>, Error>>()?;
        write(path, &page::of_gallery(&scenes, &links::of(None, None)))?;
    }
    Ok(found)
}

type Named = (String, HttpScenario);

/// How many scenarios the user means, and these, each with its name.
fn scenarios(args: &DiffArgs) -> Result<(u64, Box<dyn Iterator<Item = Named>>), Error> {
    if let Some(count) = args.count {
        let random = |seed| (format!("seed {seed}"), generate_http(seed));
        let seeds = args.seed..args.seed.saturating_add(count);
        return Ok((count, Box::new(seeds.map(random))));
    }
    let all: Vec<Named> = http_files_or_gallery(&args.scenarios)?;
    Ok((all.len() as u64, Box::new(all.into_iter())))
}

/// What stands before the name of a server in the field Via.
const VIA: &str = "Via: http/1.1 ";

/// The name that a server gives itself in the first Via field of these bytes.
fn name_in_via(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let (_, rest) = text.split_once(VIA)?;
    let (name, _) = rest.split_once('[')?;
    (!name.contains(['\r', ' '])).then(|| name.to_owned())
}

/// One of the two.
enum Arm {
    /// The port mirrors the HTTP state machine of one release.
    Port,
    Real(Box<HttpArm>),
}

impl Arm {
    fn of(args: &DiffArgs, chosen: &Chosen) -> Result<Arm, Error> {
        Ok(match chosen {
            Chosen::Port(Epoch::D) => Arm::Port,
            Chosen::Port(epoch) => return Err(Error::NotMirrored(format!("epoch {epoch}"))),
            Chosen::Server(server) => {
                // A probe for each: two builds may have different headers.
                let probe =
                    Probe::of_http(&args.folder.with_headers(slice::from_ref(server.as_ref())))?;
                Arm::Real(Box::new(HttpArm::new(server, &Arc::new(probe))))
            }
        })
    }

    fn play(&mut self, scenario: &HttpScenario) -> Result<HttpReport, LiveError> {
        let mut report = self.record(scenario)?.report;
        // Two releases name themselves in each message.
        let release = match self {
            Arm::Port => crate::command::run::mirrored(),
            Arm::Real(arm) => arm.server().release(),
        };
        for product in ["ATS", "ApacheTrafficServer"] {
            report.mask(&format!("{product}/{release}"), &format!("{product}/{{release}}"));
        }
        if let Some(name) = report.actors.iter().find_map(|actor| name_in_via(&actor.bytes)) {
            report.mask(&format!("{VIA}{name}"), &format!("{VIA}{{server}}"));
        }
        Ok(report)
    }

    fn record(&mut self, scenario: &HttpScenario) -> Result<HttpRecorded, LiveError> {
        match self {
            Arm::Port => Ok(record_http_scenario(scenario)),
            Arm::Real(arm) => arm.record(scenario),
        }
    }

    /// Why it cannot perform `scenario`, if it cannot.
    fn why_not(&self, scenario: &HttpScenario) -> Option<&'static str> {
        match self {
            Arm::Port => None,
            Arm::Real(arm) => arm.why_not(scenario),
        }
    }
}

struct Pair {
    names: [String; 2],
    arms: [Arm; 2],
}

impl Pair {
    fn of(args: &DiffArgs) -> Result<Pair, Error> {
        let [left, right] = Chosen::both(args)?;
        let names = [left.name(), right.name()];
        Ok(Pair { names, arms: [Arm::of(args, &left)?, Arm::of(args, &right)?] })
    }

    /// How much the participants have seen in the first one, and the smallest scenario in which the
    /// two differ, if they differ in this one. A difference must come a second time.
    fn compare(
        &mut self,
        name: String,
        scenario: HttpScenario,
    ) -> Result<(usize, Option<Difference>), Error> {
        let (events, difference) = self.difference(&scenario)?;
        let Some(first) = difference else { return Ok((events, None)) };
        let kind = first.kind();
        let small = shrink_http(scenario, |one| {
            // Of the same kind: otherwise another difference may be all that is left.
            Ok::<_, LiveError>(self.difference(one)?.1.is_some_and(|it| it.kind() == kind))
        })?;
        let (_, again) = self.difference(&small)?;
        let [left, right] = &self.names;
        let difference = again.map(|first| Difference {
            scenario: HttpScenario {
                title: format!("What is left of {name}"),
                teaches: format!("Where {left} and {right} differ."),
                expect: HttpExpect::default(),
                ..small
            },
            kind: first.kind(),
            first,
            name,
        });
        Ok((events, difference))
    }

    /// Both runs of a difference, one above the other.
    fn scene(&mut self, one: &Difference) -> Result<Scene, Error> {
        let [left, right] = &mut self.arms;
        let recorded = [left.record(&one.scenario)?, right.record(&one.scenario)?];
        Ok(of_two(&one.name, &one.scenario, &self.names, &recorded, &one.first.who))
    }

    fn difference(
        &mut self,
        scenario: &HttpScenario,
    ) -> Result<(usize, Option<HttpDifference>), LiveError> {
        let [left, right] = &mut self.arms;
        let (left, right) = (left.play(scenario)?, right.play(scenario)?);
        let events = left.actors.iter().map(|actor| actor.events.len()).sum();
        Ok((events, http_differ(&left, &right)))
    }
}

fn operations(scenario: &HttpScenario) -> usize {
    let clients = scenario.clients.iter().map(|client| &client.reactions);
    let reactions = clients.chain([&scenario.origin.reactions]).flatten();
    let ops: usize = reactions.map(|reaction| reaction.ops.len()).sum();
    ops + scenario.hooks.iter().map(|hook| hook.ops.len()).sum::<usize>()
}
