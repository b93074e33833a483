//! [`Recorder`]: what a real server does in cases of its own regression test.
//!
//! The server performs the cases itself: its `PVCTestDriver` makes the pairs, its
//! `NetVCTest` drives both ends. A plugin (`tests/probe/cases.cc`) gives it the
//! cases, one at a time, as its table of them, and starts the test. That table has
//! everything that a case can say, also the terminating events that an end
//! accepts. The time is virtual, as for scenarios, and each case begins in
//! the same phase of it: so a case has the same steps in every recording, to the
//! last `event 2`, whichever cases stand before it.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use eventsys::steps::{Step, Subject};

use super::arm::{listen_to, meaning};
use super::error::LiveError;
use super::lines::{Heard, heard};
use super::probe::Probe;
use super::server::{Process, Server};
use crate::ats::case::{Case, EndDef};
use crate::ats::runner::longest;

/// How long a server may say nothing, in real time. In virtual time the longest
/// silence of a case is a second.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a step may come in a row. `NetVCTest::consume_and_check_bytes` never
/// ends if more bytes come than `bytes_to_read`.
const ENDLESS: usize = 100_000;
/// How many steps a case may have: many times what the longest of the original has.
const MOST_STEPS: usize = 10_000_000;

/// Records cases, one after the other, in one process as long as that lives.
pub struct Recorder {
    server: Server,
    plugin: Arc<Probe>,
    running: Option<Running>,
}

struct Running {
    process: Process,
    heard: Receiver<Heard>,
    /// The last line that meant nothing.
    last: Box<dyn Fn() -> String>,
    sorter: Sorter,
}

/// How the server is done with a case.
#[derive(PartialEq, Eq)]
enum Done {
    /// Both ends have finished.
    Finished,
    /// An end has not finished; what is left of the case would disturb the next one.
    TimeIsUp,
}

impl Recorder {
    /// A recorder of `server`, with a plugin from [`Probe::of_cases`]. The server is
    /// started when it is needed.
    #[must_use]
    pub fn new(server: &Server, plugin: &Arc<Probe>) -> Recorder {
        Recorder { server: server.clone(), plugin: Arc::clone(plugin), running: None }
    }

    /// What the server does in `case`.
    ///
    /// # Errors
    /// If the server does not run, or does not come to the end of the case: if it
    /// crashes or loops for ever, as the original can.
    pub fn record(&mut self, case: &Case) -> Result<Vec<Step>, LiveError> {
        let mut running = match self.running.take() {
            Some(running) => running,
            None => self.start()?,
        };
        let text = line(case);
        let stdin = running.process.child.stdin.as_mut();
        // If the server has gone, its silence shows it.
        let _ = stdin.map(|stdin| stdin.write_all(text.as_bytes()).and_then(|()| stdin.flush()));

        let done = running.listen();
        let done = done.map_err(|what| self.failed(&running, &what, &case.name))?;
        let steps = running.sorter.take();
        let (name, steps) =
            steps.ok_or_else(|| self.failed(&running, "takes no step", &case.name))?;
        if name != case.name {
            return Err(self.failed(&running, &format!("performs {name}"), &case.name));
        }
        if done == Done::Finished {
            self.running = Some(running);
        }
        Ok(steps)
    }

    /// Starts a server and waits until it asks for the first case.
    fn start(&self) -> Result<Running, LiveError> {
        let mut process = self.server.start(&self.plugin.path(), 1)?;
        let failed = |what: &str, last| {
            let (release, what) = (self.server.release(), what.to_owned());
            LiveError::Server { release, what, last }
        };
        let stderr = process.child.stderr.take();
        let stderr = stderr.ok_or_else(|| failed("has no standard error", String::new()))?;
        let (last, heard) = listen_to(stderr, meaning);
        let sorter = Sorter::default();
        let mut running = Running { process, heard, last: Box::new(last), sorter };
        match running.listen() {
            Ok(_) => Ok(running),
            Err(what) => Err(failed(&format!("{what} at once"), (running.last)())),
        }
    }

    fn failed(&self, running: &Running, what: &str, case: &str) -> LiveError {
        LiveError::Server {
            release: self.server.release(),
            what: format!("{what} in case {case}"),
            last: (running.last)(),
        }
    }
}

impl Running {
    /// Listens until the case is over; or says what the server does instead.
    fn listen(&mut self) -> Result<Done, String> {
        let mut done = Done::Finished;
        let mut assertion = None;
        loop {
            match self.heard.recv_timeout(PATIENCE) {
                Ok(Heard::Over) => return Ok(done),
                Ok(Heard::Why(_)) => done = Done::TimeIsUp,
                Ok(Heard::Assertion(text)) => assertion = Some(text),
                Ok(heard) => self.sorter.hear(heard),
                Err(RecvTimeoutError::Timeout) => return Err("hangs".to_owned()),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(match assertion {
                        Some(text) => format!("fails the assertion `{text}`"),
                        None => "ends".to_owned(),
                    });
                }
            }
            if self.sorter.is_endless() {
                return Err("loops for ever".to_owned());
            }
        }
    }
}

/// The line that gives `case` to the plugin.
fn line(case: &Case) -> String {
    let end = |end: &EndDef| {
        let numbers = [
            end.bytes_to_send,
            end.nbytes_write,
            end.bytes_to_read,
            end.nbytes_read,
            end.write_bytes_per,
            end.timeout_s,
            end.read_term.0.into(),
            end.write_term.0.into(),
        ];
        numbers.map(|number| number.to_string()).join(" ")
    };
    let (active, passive) = (end(&case.active), end(&case.passive));
    format!("case {} {} {active} {passive}\n", case.name, longest(case))
}

/// The cases in the lines of a server that has run its regression test with the
/// debug lines of PluginVC: `traffic_server -R 3 -r PVC -T 'pvc.*'`. The result
/// is for [`Recording::new`](crate::ats::Recording::new).
pub fn cases_in_lines<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<(String, Vec<Step>)> {
    let mut sorter = Sorter::default();
    lines.into_iter().for_each(|line| sorter.hear(heard(line)));
    sorter.cases
}

/// Sorts steps into cases. A step of a pair belongs to the case that was the newest when
/// the pair was made, because the last steps come after the next case has begun. A step
/// of a state machine belongs to the newest case.
#[derive(Default)]
struct Sorter {
    cases: Vec<(String, Vec<Step>)>,
    case_of: HashMap<u32, usize>,
    /// How often the last step has come in a row.
    repeated: usize,
}

impl Sorter {
    fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Case(name) => self.cases.push((name, Vec::new())),
            Heard::Step { step, pair, .. } => {
                let Some(newest) = self.cases.len().checked_sub(1) else { return };
                let index = pair.map_or(newest, |pair| *self.case_of.entry(pair).or_insert(newest));
                let steps = &mut self.cases[index].1;
                let is_same = steps.last().is_some_and(|last| last.same_as(&step));
                self.repeated = if is_same { self.repeated + 1 } else { 0 };
                // A recording has no times and no pairs.
                steps.push(Step::bare(
                    Subject { number: 0, ..step.subject },
                    step.kind,
                    step.value,
                ));
            }
            _ => {}
        }
    }

    fn is_endless(&self) -> bool {
        let is_too_long = self.cases.last().is_some_and(|(_, steps)| steps.len() > MOST_STEPS);
        self.repeated >= ENDLESS || is_too_long
    }

    /// Takes the newest case. Its later steps are dropped.
    fn take(&mut self) -> Option<(String, Vec<Step>)> {
        self.cases.last_mut().map(std::mem::take)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ats::embedded::Suite;

    const HEAD: &str = "[Jan  1 00:01:23.040] [ET_NET 0] DEBUG: <PluginVC.cc:1 (f)> ";

    fn sorted(texts: &[&str]) -> Sorter {
        let mut sorter = Sorter::default();
        texts.iter().for_each(|text| sorter.hear(heard(&format!("{HEAD}{text}"))));
        sorter
    }

    fn shown(steps: &[Step]) -> Vec<String> {
        steps.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_case_is_a_line_with_everything_that_stands_in_the_table() {
        let cases = Suite::Regression.cases();
        let eos = cases.iter().find(|case| case.name == "eos").unwrap();
        let expected = "case eos 75000000000 4000 4000 10 10 8192 10 102 103 \
                        10 10 6000 6000 8192 10 104 103\n";
        assert_eq!(line(eos), expected);
        let any = &Suite::Generated.cases()[0];
        assert!(line(any).ends_with(" 0 0\n"), "every terminating event is accepted");
    }

    #[test]
    fn what_a_pair_does_when_the_next_case_has_begun_is_its_own() {
        let sorter = sorted(&[
            "(pvc) [7] Active: do_io_close",
            "(pvc_test) Starting test one",
            "(pvc) [8] Created PluginVCCore at 0x1",
            "(pvc_test) Starting test two",
            "(pvc) [9] Created PluginVCCore at 0x2",
            "(pvc) [8] Destroying PluginVCCore at 0x1",
            "(pvc_test_detail) read_handler received event 100 on Active",
        ]);
        let [(one, first), (two, second)] = &sorter.cases[..] else { panic!("two cases") };
        assert_eq!((&**one, shown(first)), ("one", vec!["- create".into(), "- destroy".into()]));
        assert_eq!(
            (&**two, shown(second)),
            ("two", vec!["- create".into(), "A sm_read 100".into()])
        );
    }

    #[test]
    fn what_comes_after_a_case_was_taken_goes_nowhere() {
        let mut sorter =
            sorted(&["(pvc_test) Starting test one", "(pvc) [8] Created PluginVCCore at 0x1"]);
        let (name, steps) = sorter.take().unwrap();
        assert_eq!((&*name, steps.len()), ("one", 1));
        sorter.hear(heard(&format!("{HEAD}(pvc_test) Starting test two")));
        sorter.hear(heard(&format!("{HEAD}(pvc) [8] Active: process_close")));
        assert_eq!(sorter.take().unwrap().1, []);
    }

    #[test]
    fn a_step_that_comes_for_ever_is_noticed() {
        let mut sorter = sorted(&["(pvc_test) Starting test one"]);
        let again = heard(&format!("{HEAD}(pvc_test_detail) consume_&_check: read 5, to_read 5"));
        for _ in 0..ENDLESS {
            sorter.hear(again.clone());
            assert!(!sorter.is_endless());
        }
        sorter.hear(again);
        assert!(sorter.is_endless());
    }
}
