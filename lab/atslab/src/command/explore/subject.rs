//! [`Subject`]: what is explored: a scenario, and which port it meets.

use std::path::Path;
#[cfg(test)]
use std::sync::Arc;

use conformance::ats::gallery;
use conformance::input::file_name;
use eventsys_explored::WakePolicy;
use eventsys_explored::defects::Defect;
use eventsys_explored::steps::excerpt;
use explorer::Explorer;
use pluginvc_explored::{Corrections, Epoch, defects};
use scenario_explored::explore::{Setup, scene};
use scenario_explored::{Expect, Race, Scenario, scenario_from_bytes, scenario_from_file};
use serde::{Deserialize, Serialize};

use super::ExploreArgs;
use crate::cli::Epochs;
use crate::error::Error;
use crate::select::close_to;

/// The correction that is an option of the event system, not of a pair.
pub(crate) const BLOCKING_SIGNAL: &str = "blocking-signal";

/// A scenario, and which port it meets. This is all that a machine needs to explore it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Subject {
    /// The file or the name of the gallery, as the user has named it.
    pub(crate) name: String,
    /// The text of the scenario.
    pub(crate) toml: String,
    /// The epoch's letter.
    pub(crate) epoch: String,
    /// The defects that are put back.
    pub(crate) rearmed: Vec<String>,
    /// The bugs that are switched off.
    pub(crate) corrected: Vec<String>,
}

impl Subject {
    /// What the user wants to have explored: one, or one for each epoch.
    pub(super) fn all(args: &ExploreArgs) -> Result<Vec<Subject>, Error> {
        let Some(file) = &args.file else { return Ok(Vec::new()) };
        let (name, scenario) = read(file)?;
        if scenario.race.is_some() && scenario.expect != Expect::default() {
            return Err(Error::Explored(format!(
                "{name}: [expect] judges a run, and a race is not run but explored: take it out"
            )));
        }
        check_names(args)?;
        let epochs: Vec<String> = match args.which.named() {
            Some(Epochs::One(epoch)) => vec![epoch.to_string()],
            Some(Epochs::All) => Epoch::ALL.iter().map(ToString::to_string).collect(),
            None => vec![own_epoch(&scenario).to_string()],
        };
        let subject = |epoch| Subject {
            name: name.clone(),
            toml: scenario.to_string(),
            epoch,
            rearmed: args.rearm.clone(),
            corrected: args.correct.clone(),
        };
        Ok(epochs.into_iter().map(subject).collect())
    }

    /// The port as it is, of this epoch.
    pub(crate) fn plain(name: String, toml: String, epoch: &str) -> Subject {
        let (rearmed, corrected) = (Vec::new(), Vec::new());
        Subject { name, toml, epoch: epoch.to_owned(), rearmed, corrected }
    }

    /// The text of the scenario.
    pub(crate) fn toml(&self) -> &str {
        &self.toml
    }

    /// The scenario. Its text has been printed by a scenario, or checked.
    pub(crate) fn scenario(&self) -> Scenario {
        let read = scenario_from_bytes(&self.name, self.toml.as_bytes());
        read.unwrap_or_else(|error| panic!("{error}"))
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch.parse().unwrap_or_default()
    }

    fn race(&self) -> Race {
        self.scenario().race.unwrap_or_default()
    }

    /// The bound that the file asks for.
    pub(super) fn bound(&self) -> u32 {
        self.race().bound
    }

    /// The function that each execution calls.
    pub(crate) fn scene(&self) -> impl Fn() + Send + Sync + 'static + use<> {
        let mut setup = Setup::new(self.epoch());
        for name in &self.corrected {
            if name == BLOCKING_SIGNAL {
                setup.wake = Some(WakePolicy::Blocking);
            } else {
                let known = setup.corrections.correct(name);
                debug_assert!(known, "the names have been checked");
            }
        }
        let defects = self.rearmed.iter().filter_map(|name| defects::named(name));
        // Few, and for as long as the command runs.
        setup.rearmed = Box::leak(defects.collect::<Box<[&'static Defect]>>());
        scene(&self.scenario(), &setup)
    }

    /// An explorer of its scene.
    pub(crate) fn explorer(&self) -> Explorer {
        let of = format!("{}{}{:?}{:?}", self.toml, self.epoch, self.rearmed, self.corrected);
        Explorer::new().scenario(&of).stalls(self.race().stalls)
    }

    /// The options that give this subject to `atslab explore` again.
    pub(super) fn options(&self) -> String {
        let mut options = String::new();
        if self.epoch() != own_epoch(&self.scenario()) {
            options.push_str(&format!("--epoch {} ", self.epoch));
        }
        for (option, names) in [("--rearm", &self.rearmed), ("--correct", &self.corrected)] {
            names.iter().for_each(|name| options.push_str(&format!("{option} {name} ")));
        }
        options
    }
}

/// The epoch that the scenario is about.
fn own_epoch(scenario: &Scenario) -> Epoch {
    scenario.race.as_ref().and_then(|race| race.epoch).unwrap_or_default()
}

/// The scenario of the file, or of the gallery. A file of the user goes before it.
fn read(file: &Path) -> Result<(String, Scenario), Error> {
    let is_name =
        |name: &&str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let name = file_name(file);
    if let Some(known) = file.to_str().filter(is_name).filter(|_| !file.exists()) {
        let text = gallery::race_text(known).or_else(|| gallery::text(known));
        let text = text.ok_or_else(|| Error::Unknown {
            place: "explore".to_owned(),
            kind: "file and no scenario of the gallery",
            name: excerpt(known),
            close: close_to(known, gallery::race_names().chain(gallery::names())),
        })?;
        let scenario = scenario_from_bytes(known, text.as_bytes());
        return Ok((name, scenario.map_err(|error| Error::Explored(error.to_string()))?));
    }
    let scenario = scenario_from_file(file).map_err(|error| Error::Explored(error.to_string()))?;
    Ok((name, scenario))
}

/// Every name of `--rearm` and `--correct` is known.
fn check_names(args: &ExploreArgs) -> Result<(), Error> {
    let unknown = |option: &str, kind, name: &str, known: &[&str]| Error::Unknown {
        place: option.to_owned(),
        kind,
        name: excerpt(name),
        close: close_to(name, known.iter().copied()),
    };
    let known: Vec<&str> = defects::all().map(|defect| defect.name).collect();
    if let Some(name) = args.rearm.iter().find(|name| defects::named(name).is_none()) {
        return Err(unknown("--rearm", "defect", name, &known));
    }
    let known: Vec<&str> = Corrections::NAMES.iter().copied().chain([BLOCKING_SIGNAL]).collect();
    if let Some(name) = args.correct.iter().find(|name| !known.contains(&&***name)) {
        return Err(unknown("--correct", "correction", name, &known));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(race: &str, rearmed: &[&str]) -> Subject {
        let toml = gallery::race_text(race).expect("a race").to_owned();
        let rearmed = rearmed.iter().map(|&name| name.to_owned()).collect();
        Subject { rearmed, ..Subject::plain(race.to_owned(), toml, "C") }
    }

    /// An exploration and each of its schedules are the same every time.
    #[test]
    fn a_found_schedule_is_the_same_a_thousand_times() {
        for (race, rearmed) in [
            ("reader-shuts-read", &["ts-3339"][..]),
            ("deadlock-over-m2", &[]),
            ("lost-wake-up", &[]),
            ("shutdown-without-a-lock", &[]),
            ("closed-while-a-timeout-fires", &["ts-3949", "ts-3235"]),
        ] {
            let subject = subject(race, rearmed);
            let explorer = subject.explorer();
            let scene: Arc<dyn Fn() + Send + Sync> = Arc::new(subject.scene());
            let play = |scene: &Arc<dyn Fn() + Send + Sync>| {
                let scene = Arc::clone(scene);
                move || scene()
            };
            let report = explorer.explore(play(&scene));
            let found = report.first().unwrap_or_else(|| panic!("{race}: nothing is found"));
            assert!(explorer.is_minimal(found, play(&scene)), "{race}");
            let first = explorer.replay(&found.schedule, play(&scene)).expect("of this program");
            assert_eq!(first.violation.as_ref(), Some(&found.violation), "{race}");
            for _ in 0..1000 {
                let again = explorer.replay(&found.schedule, play(&scene));
                assert_eq!(again.as_ref(), Ok(&first), "{race}");
            }
        }
    }
}
