//! Measuring: all arms in turn, again and again.

use std::net::SocketAddr;

use conformance::ats::live::{
    Answer, BenchArm, Callgrind, HttpArm, Job, LiveError, Probe, Release, Server,
};

use super::http;
use super::others::Other;
use super::workloads::{Lifetime, Workload};
use crate::command::bench::ArmArg;
use crate::error::Error;

/// What performs a workload.
pub(super) enum Program {
    /// The port, in the steps of a release.
    Port(Release),
    /// The real server.
    Server(Server),
    /// What a Rust user would take instead.
    Other(Other),
    /// A loop that answers on sockets, and has nothing else.
    Bare,
}

impl Program {
    /// The release that it is or is compared with, if there is one.
    pub(super) fn release(&self) -> Option<Release> {
        match self {
            Program::Port(release) => Some(*release),
            Program::Server(server) => Some(server.release()),
            Program::Other(_) | Program::Bare => None,
        }
    }

    /// The job that it performs for `workload`, if it has one.
    fn job(&self, workload: &Workload) -> Option<Job> {
        match self {
            Program::Other(other) => other.has(&workload.job).then(|| other.job(&workload.job)),
            Program::Bare => workload.is_for_a_bare_loop().then(|| workload.job.clone()),
            _ => Some(workload.job.clone()),
        }
    }
}

/// One arm, and its process while there is one.
pub(super) struct Arm {
    pub(super) program: Program,
    process: Option<Process>,
}

/// What an arm has started.
enum Process {
    /// It performs jobs.
    Jobs(BenchArm),
    /// It answers clients.
    Http(HttpArm),
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
        // Behind the port, whose answer it learns.
        arms.push(Arm { program: Program::Bare, process: None });
        Arms { arms, probe }
    }

    /// Measures `workload` `runs` times in each arm, after a run that does not count.
    /// Calls `done` after each run.
    pub(super) fn measure(
        &mut self,
        workload: &Workload,
        runs: usize,
        mut done: impl FnMut(),
    ) -> Result<Vec<Runs>, Error> {
        let mut answers = vec![Runs { answers: Vec::new() }; self.arms.len()];
        let lifetime = workload.process;
        self.end_processes_unless(lifetime == Lifetime::Longer);
        let mut first = None;
        if lifetime != Lifetime::Run {
            for arm in &mut self.arms {
                arm.perform(self.probe, workload, first)?;
                first = first.or(arm.address());
            }
        }
        for _ in 0..runs {
            for (arm, runs) in self.arms.iter_mut().zip(&mut answers) {
                runs.answers.extend(arm.perform(self.probe, workload, first)?);
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
    /// Performs the workload once, if it can. `first` is where the first arm answers, if it does.
    fn perform(
        &mut self,
        probe: Option<&Probe>,
        workload: &Workload,
        first: Option<SocketAddr>,
    ) -> Result<Option<Answer>, Error> {
        let Some(job) = self.program.job(workload) else { return Ok(None) };
        let process = match &mut self.process {
            Some(process) => process,
            none if workload.is_http() => {
                none.insert(Process::Http(start_http(&self.program, &job, first)?))
            }
            none => none.insert(Process::Jobs(start(&self.program, probe, None)?)),
        };
        match process {
            Process::Jobs(arm) => Ok(arm.perform(&job).map(Some)?),
            Process::Http(arm) => http::perform(arm, &job).map(Some),
        }
    }

    /// Where its process answers, if it does.
    fn address(&self) -> Option<SocketAddr> {
        match &self.process {
            Some(Process::Http(arm)) => Some(arm.address()),
            _ => None,
        }
    }
}

fn start_http(
    program: &Program,
    job: &Job,
    first: Option<SocketAddr>,
) -> Result<HttpArm, LiveError> {
    match (program, first) {
        (Program::Server(server), _) => http::server(server, job),
        (Program::Bare, Some(address)) => http::bare(address, job),
        // The first arm is the port.
        _ => http::port(job),
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
    let mut command = http::own()?;
    command.args(["bench", "--arm", arm]);
    if let Some(counter) = counter {
        command = counter.counting(&command);
    }
    BenchArm::of_command(name, command)
}
