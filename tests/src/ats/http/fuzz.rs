//! Random clients, on a running server and on the port.
//!
//! | file | what |
//! |---|---|
//! | `client.rs` | a random client for a seed |
//! | `grammar.rs`, `mutate.rs`, `words.rs` | what it sends |
//! | `features.rs` | what it has, to be counted |
//! | `kind.rs` | which differences are of one kind |
//! | `shrink.rs` | few bytes that still differ |
//!
//! Both arms play the same clients at the same time, a thousand at once. What
//! differs is played again, with fewer at once, and counts only if it differs each
//! time and the real server answers the same each time: the load of one arm disturbs
//! the other.

mod client;
mod features;
mod grammar;
mod kind;
mod mutate;
mod shrink;
mod words;

use std::thread;

pub use client::{RandomClients, last_request};
pub use features::{Feature, Features, Statistics};
pub use kind::kind;
pub use shrink::shrink_all;

use super::answer::{Answer, Finish};
use super::case::Case;
use super::compare::Difference;
use super::servers::{PortServers, RealServers};
use super::swarm::Swarm;
use crate::ats::live::LiveError;

/// How many clients play again at once.
const CAREFUL: Swarm = Swarm { at_once: 48 };

/// A server that has died is asked again by so many clients at a time, to find the
/// client that makes it die.
const MANY: usize = 200;

/// How often a difference has to show again.
const AGAIN: usize = 2;

/// The two arms.
pub struct Arms<'a> {
    /// Real servers.
    pub real: &'a RealServers,
    /// The port.
    pub port: &'a PortServers,
}

/// A client for which the arms differ.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The client.
    pub case: Case,
    /// What the real server answered.
    pub real: Answer,
    /// What the port answered.
    pub port: Answer,
    /// The first difference.
    pub difference: Difference,
}

impl Arms<'_> {
    /// Plays `cases` on both arms, in their order; `done` is called behind each
    /// client of each arm. A real server that dies is started anew, and the client
    /// that made it die is found.
    ///
    /// # Errors
    /// If the system cannot wait for sockets, or a server does not come up again.
    pub fn play(
        &self,
        cases: &[Case],
        swarm: Swarm,
        done: impl Fn() + Sync,
    ) -> Result<Vec<(Answer, Answer)>, LiveError> {
        let waiting = LiveError::at("waiting for sockets");
        let (real, port) = thread::scope(|scope| {
            let real = scope.spawn(|| self.play_real(cases, swarm, &done));
            let port = swarm.play(self.port, cases, &done);
            let real = real.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            (real, port)
        });
        Ok(real?.into_iter().zip(port.map_err(waiting)?).collect())
    }

    fn play_real(
        &self,
        cases: &[Case],
        swarm: Swarm,
        done: &(dyn Fn() + Sync),
    ) -> Result<Vec<Answer>, LiveError> {
        let played = swarm.play(self.real, cases, done);
        let mut answers = played.map_err(LiveError::at("waiting for sockets"))?;
        let dead = self.real.revive()?;
        if dead.is_empty() {
            return Ok(answers);
        }
        if let [_] = cases {
            answers[0] = Answer::of_death();
            return Ok(answers);
        }
        // What was not answered in full may be the cause, or may have come later.
        let suspects: Vec<usize> = (0..cases.len())
            .filter(|&at| dead.contains(&cases[at].setup) && answers[at].finish == Finish::Closed)
            .collect();
        let parts = if suspects.len() > MANY { suspects.len().div_ceil(MANY) } else { 2 };
        for part in suspects.chunks(suspects.len().div_ceil(parts).max(1)) {
            let again: Vec<Case> = part.iter().map(|&at| cases[at].clone()).collect();
            for (at, answer) in part.iter().zip(self.play_real(&again, swarm, &|| {})?) {
                answers[*at] = answer;
            }
        }
        Ok(answers)
    }

    /// The clients for which the arms differ, for good; and how many differed once
    /// and not again.
    ///
    /// # Errors
    /// As those of [`play`](Arms::play).
    pub fn differing(
        &self,
        cases: &[Case],
        swarm: Swarm,
        done: impl Fn() + Sync,
    ) -> Result<(Vec<Finding>, usize), LiveError> {
        let played = self.play(cases, swarm, done)?;
        let mut findings = findings(cases, played);
        let first = findings.len();
        for _ in 0..AGAIN {
            findings = self.still_differing(&findings, CAREFUL)?;
        }
        let unsteady = first - findings.len();
        Ok((findings, unsteady))
    }

    /// Those of `before` for which the arms still differ, and the real server gives
    /// the same answer.
    fn still_differing(&self, before: &[Finding], swarm: Swarm) -> Result<Vec<Finding>, LiveError> {
        let cases: Vec<Case> = before.iter().map(|finding| finding.case.clone()).collect();
        let mut now = Vec::new();
        for (old, (real, port)) in before.iter().zip(self.play(&cases, swarm, || {})?) {
            let Some(difference) = Difference::between(&real, &port) else { continue };
            if real == old.real {
                now.push(Finding { case: old.case.clone(), real, port, difference });
            }
        }
        Ok(now)
    }
}

fn findings(cases: &[Case], played: Vec<(Answer, Answer)>) -> Vec<Finding> {
    let all = cases.iter().zip(played).filter_map(|(case, (real, port))| {
        let difference = Difference::between(&real, &port)?;
        Some(Finding { case: case.clone(), real, port, difference })
    });
    all.collect()
}
