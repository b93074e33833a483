//! Measuring: all arms in turn, again and again.

use std::env;
use std::process::Command;

use conformance::Epoch;
use conformance::live::{Answer, BenchArm, LiveError, Probe, Release, Server};

use super::workloads::Workload;

/// Who performs a workload.
pub(super) enum Who {
    /// The port, in the steps of a release.
    Port(Release),
    /// The real server.
    Server(Server),
}

impl Who {
    pub(super) fn release(&self) -> Release {
        match self {
            Who::Port(release) => *release,
            Who::Server(server) => server.release(),
        }
    }
}

/// One arm, and its process while there is one.
pub(super) struct Arm {
    pub(super) who: Who,
    process: Option<BenchArm>,
}

/// The arms of the releases; with `servers`, each port beside its server.
pub(super) struct Arms<'a> {
    pub(super) arms: Vec<Arm>,
    probe: Option<&'a Probe>,
}

/// What an arm did in the runs of a workload.
#[derive(Clone, Debug)]
pub(super) struct Runs {
    pub(super) answers: Vec<Answer>,
}

impl<'a> Arms<'a> {
    pub(super) fn new(servers: Vec<Server>, probe: Option<&'a Probe>) -> Arms<'a> {
        let mut arms = Vec::new();
        for release in Release::RUNNABLE {
            arms.push(Arm { who: Who::Port(release), process: None });
        }
        for server in servers {
            arms.push(Arm { who: Who::Server(server), process: None });
        }
        // Each port before its server: A B A B.
        arms.sort_by_key(|arm| (arm.who.release(), matches!(arm.who, Who::Server(_))));
        Arms { arms, probe }
    }

    /// Measures `workload` `runs` times in each arm, after a run that does not count.
    /// `done` is told after each run.
    pub(super) fn measure(
        &mut self,
        workload: &Workload,
        runs: usize,
        mut done: impl FnMut(),
    ) -> Result<Vec<Runs>, LiveError> {
        let mut answers = vec![Runs { answers: Vec::new() }; self.arms.len()];
        if !workload.wants_fresh {
            for arm in &mut self.arms {
                arm.perform(self.probe, workload)?;
            }
        }
        for _ in 0..runs {
            for (arm, runs) in self.arms.iter_mut().zip(&mut answers) {
                if workload.wants_fresh {
                    arm.process = None;
                }
                runs.answers.push(arm.perform(self.probe, workload)?);
                if workload.wants_fresh {
                    arm.process = None;
                }
                done();
            }
        }
        Ok(answers)
    }
}

impl Arm {
    fn perform(&mut self, probe: Option<&Probe>, workload: &Workload) -> Result<Answer, LiveError> {
        let process = match &mut self.process {
            Some(process) => process,
            none => none.insert(start(&self.who, probe)?),
        };
        process.perform(&workload.job)
    }
}

fn start(who: &Who, probe: Option<&Probe>) -> Result<BenchArm, LiveError> {
    match (who, probe) {
        (Who::Server(server), Some(probe)) => BenchArm::of_server(server, probe),
        (who, _) => port(who.release().epoch()),
    }
}

/// The port in a process of its own, as the server is.
fn port(epoch: Epoch) -> Result<BenchArm, LiveError> {
    let name = format!("the port ({epoch})");
    let program = env::current_exe().map_err(|source| LiveError::System {
        what: "finding this program again".to_owned(),
        source,
    })?;
    let mut command = Command::new(program);
    command.args(["bench", "--arm", epoch.name()]);
    BenchArm::of_command(&name, command)
}
