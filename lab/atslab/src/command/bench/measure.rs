//! Measuring: all arms in turn, again and again.

use std::env;
use std::process::Command;

use conformance::ats::live::{Answer, BenchArm, Callgrind, Job, LiveError, Probe, Release, Server};

use super::others::Other;
use super::workloads::{Lifetime, Workload};
use crate::command::bench::ArmArg;

/// What performs a workload.
pub(super) enum Program {
    /// The port, in the steps of a release.
    Port(Release),
    /// The real server.
    Server(Server),
    /// What a Rust user would take instead.
    Other(Other),
}

impl Program {
    /// The release that it is or is compared with, if there is one.
    pub(super) fn release(&self) -> Option<Release> {
        match self {
            Program::Port(release) => Some(*release),
            Program::Server(server) => Some(server.release()),
            Program::Other(_) => None,
        }
    }

    /// The job that it performs for `workload`, if it has one.
    fn job(&self, workload: &Workload) -> Option<Job> {
        match self {
            Program::Other(other) => other.has(&workload.job).then(|| other.job(&workload.job)),
            _ => Some(workload.job.clone()),
        }
    }
}

/// One arm, and its process while there is one.
pub(super) struct Arm {
    pub(super) program: Program,
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
    pub(super) fn new(
        releases: &[Release],
        servers: Vec<Server>,
        probe: Option<&'a Probe>,
        others: &[Other],
    ) -> Arms<'a> {
        let mut arms = Vec::new();
        for &release in releases {
            arms.push(Arm { program: Program::Port(release), process: None });
        }
        for server in servers {
            arms.push(Arm { program: Program::Server(server), process: None });
        }
        // Each port before its server: A B A B.
        arms.sort_by_key(|arm| (arm.program.release(), matches!(arm.program, Program::Server(_))));
        for &other in others {
            arms.push(Arm { program: Program::Other(other), process: None });
        }
        Arms { arms, probe }
    }

    /// Measures `workload` `runs` times in each arm, after a run that does not count.
    /// Calls `done` after each run.
    pub(super) fn measure(
        &mut self,
        workload: &Workload,
        runs: usize,
        mut done: impl FnMut(),
    ) -> Result<Vec<Runs>, LiveError> {
        let mut answers = vec![Runs { answers: Vec::new() }; self.arms.len()];
        let lifetime = workload.process;
        self.end_processes_unless(lifetime == Lifetime::Longer);
        if lifetime != Lifetime::Run {
            for arm in &mut self.arms {
                arm.perform(self.probe, workload)?;
            }
        }
        for _ in 0..runs {
            for (arm, runs) in self.arms.iter_mut().zip(&mut answers) {
                runs.answers.extend(arm.perform(self.probe, workload)?);
                if lifetime == Lifetime::Run {
                    arm.process = None;
                }
                done();
            }
        }
        self.end_processes_unless(lifetime == Lifetime::Longer);
        Ok(answers)
    }

    /// Counts the instructions of the second half of twice the operations of `workload`, once in
    /// each arm: what a process needs to start is in both halves and counts for nothing. An answer's
    /// `time` is that number. Calls `done` after each arm.
    pub(super) fn count(
        &mut self,
        workload: &Workload,
        counter: &Callgrind,
        mut done: impl FnMut(),
    ) -> Result<Vec<Runs>, LiveError> {
        let mut all = Vec::new();
        for arm in &self.arms {
            let mut answers = Vec::new();
            if let Some(job) = arm.program.job(workload) {
                let [once, twice] = [1, 2].map(|times| Job { ops: job.ops * times, ..job.clone() });
                let counted = |job| {
                    let mut process = start(&arm.program, self.probe, Some(counter))?;
                    let answer = process.perform(job)?;
                    process.end()?;
                    Ok::<_, LiveError>(Answer { time: counter.collected()?, ..answer })
                };
                let (once, twice) = (counted(&once)?, counted(&twice)?);
                answers.push(Answer { time: twice.time - once.time, ..twice });
            }
            all.push(Runs { answers });
            done();
        }
        Ok(all)
    }

    fn end_processes_unless(&mut self, they_stay: bool) {
        if !they_stay {
            self.arms.iter_mut().for_each(|arm| arm.process = None);
        }
    }
}

impl Arm {
    fn perform(
        &mut self,
        probe: Option<&Probe>,
        workload: &Workload,
    ) -> Result<Option<Answer>, LiveError> {
        let Some(job) = self.program.job(workload) else { return Ok(None) };
        let process = match &mut self.process {
            Some(process) => process,
            none => none.insert(start(&self.program, probe, None)?),
        };
        process.perform(&job).map(Some)
    }
}

fn start(
    program: &Program,
    probe: Option<&Probe>,
    counter: Option<&Callgrind>,
) -> Result<BenchArm, LiveError> {
    match (program, probe) {
        (Program::Server(server), Some(probe)) => BenchArm::of_server(server, probe, counter),
        (program, _) => match program.release() {
            Some(release) => {
                own(&format!("the port of {release}"), release.epoch().name(), counter)
            }
            None => own("other crates", ArmArg::OTHERS, counter),
        },
    }
}

/// Starts this program again in a process of its own, like a server.
fn own(name: &str, arm: &str, counter: Option<&Callgrind>) -> Result<BenchArm, LiveError> {
    let program = env::current_exe().map_err(|source| LiveError::System {
        what: "finding this program again".to_owned(),
        source,
    })?;
    let mut command = Command::new(program);
    command.args(["bench", "--arm", arm]);
    if let Some(counter) = counter {
        command = counter.counting(&command);
    }
    BenchArm::of_command(name, command)
}
