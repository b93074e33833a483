//! The errors of the command, and their sentences.

use std::convert::Infallible;
use std::io::{self, Write};
use std::process::ExitCode;

use conformance::ReadError;
use conformance::ats::case::CaseFault;
use conformance::ats::http_scenario::{is_mirrored, is_mirrored_in};
use conformance::ats::live::{LiveError, Release};
use conformance::ats::recording::RecordingFault;
use conformance::ats::runner::MOST_CALLS;
use conformance::ats::scenario::http::HttpScenario;
use conformance::ats::{Epoch, ScenarioFault};
use conformance::node::NodeError;
use course::CourseError;
use thiserror::Error;

use crate::cli::{Epochs, WhichArgs};
use crate::ui::output::FAULT;

/// Why the command could not do what it was told to do.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// The file of cases is at fault.
    #[error(transparent)]
    Cases(#[from] ReadError<CaseFault>),
    /// The recording is at fault.
    #[error(transparent)]
    Recording(#[from] ReadError<RecordingFault>),
    /// The scenario is at fault.
    #[error(transparent)]
    Scenario(#[from] ReadError<ScenarioFault>),
    /// A scenario that is explored is at fault.
    #[error("{0}")]
    Explored(String),
    /// The course cannot go on.
    #[error(transparent)]
    Course(#[from] CourseError),
    /// A real server could not be asked.
    #[error(transparent)]
    Live(#[from] LiveError),
    /// A name that no case has.
    #[error("{place}: no case is named {name:?}{}", did_you_mean(close))]
    UnknownCase {
        /// Where the name was looked up.
        place: String,
        /// The name.
        name: String,
        /// The names that come close, the closest first.
        close: Vec<String>,
    },
    /// The text of recordings, for an HTTP scenario.
    #[error(
        "--format steps: an HTTP scenario has no steps; --format json prints all that happens in it"
    )]
    NoSteps,
    /// A release whose HTTP state machine the port does not mirror.
    #[error(
        "{0}: HTTP scenarios are for the releases of 9.2, whose HTTP state machine the port mirrors"
    )]
    NotMirrored(String),
    /// A scenario that is explored and not run.
    #[error("{name}: a scenario whose threads race is not run but explored: atslab explore {name}")]
    Race {
        /// The scenario, as the user has named it.
        name: String,
    },
    /// A name that nothing of this kind has.
    #[error("{place}: no {kind} is named {name:?}{}", did_you_mean(close))]
    Unknown {
        /// Where the name was given.
        place: String,
        /// What it should name.
        kind: &'static str,
        /// The name.
        name: String,
        /// The names that come close, the closest first.
        close: Vec<String>,
    },
    /// A case of the user's file that the user's recording lacks.
    #[error("{recording}: case {name} of {cases} has not been recorded")]
    NotRecorded {
        /// The recording.
        recording: String,
        /// The case.
        name: String,
        /// The file of cases.
        cases: String,
    },
    /// The file exists already, and `--force` is missing.
    #[error("{file}: this file is there already; --force overwrites it")]
    Exists {
        /// The file.
        file: String,
    },
    /// An option that would be ignored, where no rule of clap can say so.
    #[error("{option} cannot be used with {others}: {reason}")]
    Ignored {
        /// The option.
        option: &'static str,
        /// The options with which it means nothing.
        others: &'static str,
        /// Why it means nothing.
        reason: &'static str,
    },
    /// The port gave up in the middle of a case.
    #[error("the port panicked in case {name}; its message stands above")]
    Panicked {
        /// The case.
        name: String,
        /// The message.
        text: String,
        /// How many steps stand before it.
        after: usize,
    },
    /// A case that would fill the memory with its steps.
    #[error(
        "case {name}: expected an end after {MOST_CALLS} callbacks of each side at most, and it goes on"
    )]
    Endless {
        /// The case.
        name: String,
    },
    /// A line of a file is at fault.
    #[error("{place}: {fault}")]
    Line {
        /// The file, and the line where it has one.
        place: String,
        /// What is wrong.
        fault: String,
    },
    /// A file of HTTP clients, or a recording of their answers, is at fault.
    #[error("{place}: {fault}")]
    HttpFile {
        /// The file.
        place: String,
        /// The line where it has one, and what is wrong.
        fault: String,
    },
    /// A file of lines cannot be read.
    #[error(transparent)]
    Lines(#[from] ReadError<Infallible>),
    /// A file that cannot be read.
    #[error("{file}: the file cannot be read: {source}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why not.
        source: io::Error,
    },
    /// A file that cannot be written.
    #[error("{file}: the file cannot be written: {source}")]
    Unwritable {
        /// The file.
        file: String,
        /// Why not.
        source: io::Error,
    },
    /// The real node cannot be run.
    #[error(transparent)]
    NoNode(#[from] NodeError),
    /// `atslab serve` cannot listen on its address.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// No workload has this text in its name.
    #[error("no workload has {name:?} in its name{}; they are: {}", did_you_mean(close), names.join(", "))]
    UnknownWorkload {
        /// The name.
        name: String,
        /// The names that come close, the closest first.
        close: Vec<String>,
        /// The names of the workloads.
        names: Vec<String>,
    },
    /// A server of `atslab http` has no port to listen on.
    #[error("there is no free port to listen on: {0}")]
    Origin(io::Error),
    /// A server failed while it was measured.
    #[error("{address}: {source}")]
    Server {
        /// Where it is.
        address: std::net::SocketAddr,
        /// What has happened.
        source: io::Error,
    },
    /// Without signals the user could not end the server cleanly.
    #[error("signals cannot be caught: {0}")]
    Signals(io::Error),
    /// Without a guard, nothing would end the real servers if this process were killed.
    #[error("the guard of the real servers cannot be started: {0}")]
    Guard(io::Error),
    /// A thread of the server has gone, and its connections with it.
    #[error("a thread of the server has panicked, and the server ends; the message stands above")]
    ThreadPanicked,
    /// A plugin cannot be run.
    #[error("plugin {plugin:?}: {what}")]
    Plugin {
        /// The plugin.
        plugin: String,
        /// Why not.
        what: String,
    },
    /// Compiled plugins need what this system has not.
    #[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
    #[error("compiled plugins run only on Linux on x86-64")]
    NoPlugins,
    /// Standard output accepts no more.
    #[error("standard output cannot be written: {0}")]
    Output(#[from] io::Error),
}

/// The message of a reader of JSON, as part of a sentence.
pub(crate) fn message(error: &serde_json::Error) -> String {
    conformance::read_error::message(&error.to_string())
}

fn did_you_mean(close: &[String]) -> String {
    match close {
        [] => String::new(),
        [only] => format!("; did you mean {only}?"),
        [most @ .., last] => format!("; did you mean {} or {last}?", most.join(", ")),
    }
}

impl Error {
    /// An error if HTTP scenarios cannot be compared with this release.
    pub(crate) fn unless_mirrored(release: Release) -> Result<(), Error> {
        if is_mirrored(release) { Ok(()) } else { Err(Error::NotMirrored(release.to_string())) }
    }

    /// The release as which the port plays these scenarios: the one that the user has chosen, or
    /// 9.2.9. An error if the port does not mirror it there.
    pub(crate) fn release_for<'a>(
        which: &WhichArgs,
        scenarios: impl IntoIterator<Item = &'a HttpScenario>,
    ) -> Result<Release, Error> {
        let release = match (which.ats, which.epoch) {
            (Some(release), _) => release,
            (None, None) => Epoch::D.into(),
            (None, Some(Epochs::One(epoch))) => epoch.into(),
            (None, Some(Epochs::All)) => {
                return Err(Error::NotMirrored("--epoch all".to_owned()));
            }
        };
        match scenarios.into_iter().all(|scenario| is_mirrored_in(release, scenario)) {
            true => Ok(release),
            false if which.ats.is_some() => Err(Error::NotMirrored(release.to_string())),
            false => Err(Error::NotMirrored(format!("epoch {}", release.epoch()))),
        }
    }

    /// An error if the user wants HTTP scenarios of what the port does not mirror.
    pub(crate) fn unless_http(which: &WhichArgs) -> Result<(), Error> {
        match (which.ats, which.epoch) {
            (Some(release), _) => Error::unless_mirrored(release),
            (None, None | Some(Epochs::One(Epoch::D))) => Ok(()),
            (None, Some(Epochs::One(epoch))) => Err(Error::NotMirrored(format!("epoch {epoch}"))),
            (None, Some(Epochs::All)) => Err(Error::NotMirrored("--epoch all".to_owned())),
        }
    }

    /// The status for errors.
    const STATUS: u8 = 2;

    /// The same, for a case that has taken so many steps.
    pub(crate) fn after(self, steps: usize) -> Error {
        match self {
            Error::Panicked { name, text, .. } => Error::Panicked { name, text, after: steps },
            other => other,
        }
    }

    /// Prints the error to standard error and gives the exit status. A reader of
    /// standard output that has seen enough and went away is not an error.
    pub(crate) fn report(&self) -> ExitCode {
        if matches!(self, Error::Output(error) if error.kind() == io::ErrorKind::BrokenPipe) {
            return ExitCode::SUCCESS;
        }
        // If standard error is gone too, the status is all that is left to tell.
        let _ = writeln!(anstream::stderr(), "{FAULT}atslab:{FAULT:#} {self}");
        ExitCode::from(Error::STATUS)
    }
}
