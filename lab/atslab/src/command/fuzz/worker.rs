//! Plays chunks of seeds.

use std::ops::Range;
use std::sync::Arc;

use conformance::ats::live::{
    Divergence, Finish, LiveError, PortArm, Probe, RealArm, Release, Server, differ, operations,
    shrink,
};
use conformance::ats::scenario::Scenario;
use conformance::deviations::Deviations;

use super::report::Tally;

/// Makes the scenario of a seed for so many event threads.
pub(crate) type Make = fn(u64, u8) -> Scenario;

/// Both arms, and their known differences.
pub(crate) struct Worker {
    release: Release,
    threads: u8,
    make: Make,
    real: RealArm,
    port: PortArm,
    known: &'static Deviations,
}

/// A difference that nothing explains, and the smallest scenario that shows it.
pub(crate) struct Finding {
    pub(crate) seed: u64,
    pub(crate) scenario: Scenario,
    pub(crate) operations: usize,
    pub(crate) divergence: Divergence,
}

/// A chunk that has been played.
pub(crate) type Done = (Range<u64>, Tally, Vec<Finding>);

impl Worker {
    /// A worker with a process of `server` of its own.
    pub(crate) fn new(server: &Server, threads: u8, make: Make, probe: &Arc<Probe>) -> Worker {
        let release = server.release();
        Worker {
            release,
            threads,
            make,
            real: RealArm::new(server, probe),
            port: PortArm { epoch: server.epoch() },
            known: Deviations::ats(),
        }
    }

    /// Plays the scenarios of `chunk`.
    pub(crate) fn play(&mut self, chunk: Range<u64>) -> Result<Done, LiveError> {
        let (mut tally, mut findings) = (Tally::default(), Vec::new());
        for seed in chunk.clone() {
            let scenario = (self.make)(seed, self.threads);
            let program = scenario.compile();
            let real = self.real.play(&program)?;
            tally.scenarios += 1;
            tally.steps += real.steps.len() as u64;
            match differ(&real, &self.port.play(&program)) {
                None => match real.finish {
                    Finish::Crashed(_) => tally.crashes += 1,
                    Finish::Hung => tally.hangs += 1,
                    Finish::Runaway(_) | Finish::TimeIsUp(_) => tally.runaways += 1,
                    Finish::Quiet(_) => {}
                },
                Some(divergence) => {
                    match self.known.explain_divergence(self.release, &divergence) {
                        Some(known) => {
                            *tally.deviations.entry(known.name.clone()).or_default() += 1
                        }
                        None => {
                            let found = self.shrink(seed, &scenario)?;
                            // A small scenario says more about the cause than a large one.
                            let small = found.as_ref().map_or(&divergence, |one| &one.divergence);
                            tally.differs(seed, &small.kind);
                            findings.extend(found);
                        }
                    }
                }
            }
        }
        Ok((chunk, tally, findings))
    }

    /// The difference that is left of `divergence` in the smallest scenario.
    fn shrink(&mut self, seed: u64, scenario: &Scenario) -> Result<Option<Finding>, LiveError> {
        let small = shrink(scenario, |candidate| Ok(self.divergence(candidate)?.is_some()))?;
        let found = self.divergence(&small)?;
        Ok(found.map(|divergence| Finding {
            seed,
            operations: operations(&small),
            scenario: Scenario {
                title: format!("What is left of seed {seed}"),
                teaches: format!("Where the port differs from {}.", self.release),
                ..small
            },
            divergence,
        }))
    }

    fn divergence(&mut self, scenario: &Scenario) -> Result<Option<Divergence>, LiveError> {
        let program = scenario.compile();
        let found = differ(&self.real.play(&program)?, &self.port.play(&program));
        Ok(found.filter(|found| self.known.explain_divergence(self.release, found).is_none()))
    }
}
