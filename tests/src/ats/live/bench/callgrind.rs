//! [`Callgrind`]: counts the instructions of a process.

use std::fs;
use std::process::{Command, Stdio};

use crate::ats::live::error::LiveError;
use crate::outside::Folder;

/// valgrind's callgrind. It performs a process's instructions by itself and counts them, so the
/// figure does not depend on what else the machine does. The process is some fifty times slower.
#[derive(Debug)]
pub struct Callgrind {
    folder: Folder,
}

impl Callgrind {
    /// Looks for valgrind.
    ///
    /// # Errors
    /// If it is not installed, or there can be no folder for what it writes.
    pub fn new() -> Result<Callgrind, LiveError> {
        let mut command = Command::new("valgrind");
        command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().map_err(LiveError::at("starting valgrind, which counts instructions"))?;
        let folder = Folder::new("atslab-callgrind-")
            .map_err(LiveError::at("a temporary folder for callgrind"))?;
        Ok(Callgrind { folder })
    }

    /// The same command with its instructions counted: its program, arguments, environment and
    /// folder. Standard input, output and error are set afterwards.
    #[must_use]
    pub fn counting(&self, command: &Command) -> Command {
        let log = self.folder.path().join("log");
        let mut counted = Command::new("valgrind");
        counted.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
        counted.arg(format!("--log-file={}", log.display()));
        counted.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => counted.env(name, value),
                None => counted.env_remove(name),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            counted.current_dir(folder);
        }
        counted
    }

    /// How many instructions the last process took, which has ended.
    ///
    /// # Errors
    /// If valgrind has not written it: the process was killed, or valgrind could not start it.
    pub fn collected(&self) -> Result<i64, LiveError> {
        let log = fs::read_to_string(self.folder.path().join("log"))
            .map_err(LiveError::at("reading what callgrind has counted"))?;
        collected(&log).ok_or_else(|| LiveError::Bench {
            name: "callgrind".to_owned(),
            what: "has counted nothing".to_owned(),
            last: log.lines().last().unwrap_or_default().to_owned(),
        })
    }
}

/// The number in the line `==42== Collected : 123`.
fn collected(log: &str) -> Option<i64> {
    let line = log.lines().find_map(|line| line.split_once(" Collected : "))?;
    line.1.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_stands_in_the_log() {
        let log = "==42== \n==42== Events    : Ir\n==42== Collected : 66183056\n==42== \n";
        assert_eq!(collected(log), Some(66_183_056));
        assert_eq!(collected("==42== Events    : Ir\n"), None);
    }
}
