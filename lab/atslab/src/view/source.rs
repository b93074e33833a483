//! Scenes: a scenario on the port, on a real server beside it, a recorded case.

use std::sync::Arc;

use conformance::ats::live::{Finish as LiveFinish, LiveError, Probe, RealArm, Release, differ};
use conformance::ats::live::{Played, PortArm, Server};
use conformance::ats::scenario::{
    Finish, Outcome, Recorded, Scenario, record_over_tcp, record_scenario, why_not_over_tcp,
};
use conformance::ats::{Case, CaseEnd, Epoch, Suite, compare, run_case};
use eventsys::mutex::census;
use eventsys::steps::{Collector, Step};
use pluginvc::steps as pvc;
use pluginvc::steps::Side;

use super::model::{Run, Scene};
use super::pair;
use super::places::Places;
use crate::error::Error;

/// A scenario with a name and the text of its file.
pub(crate) struct Named {
    pub name: String,
    pub scenario: Scenario,
    pub text: String,
}

impl Named {
    /// Its runs on the port of these epochs. Epochs with the same rows share one run.
    pub(crate) fn on_port(&self, epochs: impl Iterator<Item = Epoch>) -> Scene {
        let places = Places::of(&self.text);
        let mut runs: Vec<Run> = Vec::new();
        for epoch in epochs {
            let run = self.run(epoch, &places);
            match runs.iter_mut().find(|known| known.rows == run.rows) {
                Some(known) => {
                    known.epoch = format!("{}, {}", known.epoch, run.epoch);
                    known.release = format!("{}, {}", known.release, run.release);
                }
                None => runs.push(run),
            }
        }
        self.scene(places, runs)
    }

    /// Its run over TCP, behind those on PluginVC pairs of these epochs.
    ///
    /// # Errors
    /// If it does what has no meaning over TCP: what that is.
    pub(crate) fn over_tcp(
        &self,
        epochs: impl Iterator<Item = Epoch>,
    ) -> Result<Scene, &'static str> {
        let program = self.scenario.compile();
        if let Some(why) = why_not_over_tcp(&program) {
            return Err(why);
        }
        let recorded = record_over_tcp(&program);
        let mut scene = self.on_port(epochs);
        let mut run = pair::over_tcp(&recorded, &self.scenario.pair, &Places::of(&self.text));
        run.end = end_of(&recorded, &self.scenario);
        scene.runs.push(run);
        Ok(scene)
    }

    /// For each server its run and the port's beside it.
    ///
    /// # Errors
    /// If a server cannot perform the scenario.
    pub(crate) fn on_servers(
        &self,
        servers: &[Server],
        probe: &Arc<Probe>,
    ) -> Result<Scene, Error> {
        let (program, places) = (self.scenario.compile(), Places::of(&self.text));
        if let Some(why) = RealArm::why_not(&program) {
            return Err(LiveError::Unplayable { name: self.name.clone(), why }.into());
        }
        let mut runs = Vec::new();
        for server in servers {
            let epoch = server.epoch();
            let real = RealArm::new(server, probe).play(&program)?;
            let port = PortArm { epoch }.play(&program);
            let mut run = pair::of_steps(&real.steps, "real server", epoch);
            run.end = vec![match differ(&real, &port) {
                None => "The port has taken the same steps.".to_owned(),
                Some(divergence) => {
                    format!("The port has taken other steps after {} of them.", divergence.index)
                }
            }];
            run.end.extend(death_of(&real.finish));
            runs.push(run);
            runs.push(self.run(epoch, &places));
        }
        Ok(self.scene(places, runs))
    }

    fn run(&self, epoch: Epoch, places: &Places) -> Run {
        let recorded = record_scenario(&self.scenario.compile(), epoch);
        let mut run = pair::of_scenario(&recorded, &self.scenario.pair, places, epoch);
        run.end = end_of(&recorded, &self.scenario);
        run
    }

    fn scene(&self, places: Places, runs: Vec<Run>) -> Scene {
        Scene {
            name: self.name.clone(),
            title: self.scenario.title.clone(),
            teaches: self.scenario.teaches.clone(),
            text: self.text.clone(),
            places: places.all,
            runs,
        }
    }
}

/// What two arms did with a scenario that they differ in after so many steps.
pub(crate) fn of_two(
    name: &str,
    scenario: &Scenario,
    names: &[String; 2],
    played: &[(Epoch, Played); 2],
    after: usize,
) -> Scene {
    let text = scenario.to_string();
    let run = |(arm, (epoch, played)): (&String, &(Epoch, Played))| {
        let mut run = pair::of_steps(&played.steps, arm, *epoch);
        run.end = vec![format!("The first {after} steps are the same.")];
        run.end.extend(death_of(&played.finish));
        run
    };
    Scene {
        name: name.to_owned(),
        title: scenario.title.clone(),
        teaches: scenario.teaches.clone(),
        places: Places::of(&text).all,
        text,
        runs: names.iter().zip(played).map(run).collect(),
    }
}

fn end_of(recorded: &Recorded, scenario: &Scenario) -> Vec<String> {
    let outcome = Outcome::new(recorded, &scenario.pair);
    let finish = match &outcome.finish {
        Finish::Freed => "Both ends were closed.".to_owned(),
        Finish::Quiet => "Nothing was scheduled any more; what was open was closed.".to_owned(),
        Finish::TimeIsUp => "Two minutes were over; what was open was closed.".to_owned(),
        Finish::Runaway => "A reaction went on without end; what was open was closed.".to_owned(),
        Finish::Panicked(text) => {
            format!("The port panicked, where the real server aborts: {text}.")
        }
    };
    let mut sentences = vec![finish];
    sentences.extend(outcome.to_string().lines().map(str::to_owned));
    sentences
}

fn death_of(finish: &LiveFinish) -> Option<String> {
    match finish {
        LiveFinish::Crashed(text) => Some(format!("It crashed: {text}.")),
        LiveFinish::Hung => Some("It hung, and was killed.".to_owned()),
        _ => None,
    }
}

/// What the server of `release` did in a case when it was recorded, and what the port does.
pub(crate) fn of_case(suite: Suite, case: &Case, release: Release) -> Option<Scene> {
    let epoch = release.epoch();
    let recorded = suite.recording(epoch)?.case(&case.name)?;
    let collector = Collector::new();
    // Without a census no step knows its mutexes.
    let CaseEnd { errors, .. } = {
        let _census = census::start();
        run_case(case, epoch, collector.clone())
    };
    let port = collector.take();
    let verdict = match compare(recorded, &port) {
        verdict if verdict.is_identical() => {
            "The port takes the same steps; looks at the inactivity that find nothing are not \
             compared, for they depend on the clock on the wall."
        }
        _ => "The port takes other steps.",
    };
    let names = lock_names(&port);
    let mut theirs = pair::of_steps(&recorded.steps, "recorded", epoch);
    theirs.end = vec![verdict.to_owned()];
    let mut mine = pair::of_steps_under(&port, "port", epoch, &names);
    mine.end = errors;
    Some(Scene {
        name: case.name.clone(),
        title: format!("{}, case {}", recorded_title(suite, release), case.name),
        teaches: "Both ends are driven by the state machine of the server’s own regression test."
            .to_owned(),
        text: String::new(),
        places: Vec::new(),
        runs: vec![theirs, mine],
    })
}

/// The mutexes of a case: a user issues its first operation under its own alone, and an end
/// takes the core's first when the event loop calls it.
fn lock_names(steps: &[Step]) -> Vec<(&'static str, usize)> {
    let first = |step: &Step| step.held.iter().next();
    let user = |side: Side| {
        steps
            .iter()
            .filter(|step| Side::of(step) == Some(side) && step.held.iter().count() == 1)
            .find(|step| matches!(step.kind, pvc::DO_IO_READ | pvc::DO_IO_WRITE))
            .and_then(first)
    };
    let core = steps.iter().find(|step| step.kind == pvc::EVENT).and_then(first);
    let all =
        [("active's", user(Side::Active)), ("core", core), ("passive's", user(Side::Passive))];
    all.into_iter().filter_map(|(name, key)| Some((name, key?))).collect()
}

fn recorded_title(suite: Suite, release: Release) -> String {
    format!("{} {suite}", release.epoch().release())
}
