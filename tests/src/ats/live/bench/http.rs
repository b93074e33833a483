//! [`HttpArm`]: a process that answers HTTP requests with generated bodies.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use super::{Running, lines_of};
use crate::ats::http::wait_for;
use crate::ats::live::error::LiveError;
use crate::ats::live::server::{Server, Settings};
use crate::outside::Child;

/// What a process says when it listens, before the address.
const LISTENING: &str = "listening on http://";

/// How long a process may take to say so.
const START: Duration = Duration::from_secs(60);

/// A process that answers `/nocache/SIZE/NAME` with SIZE bytes: a real server with its generator
/// plugin, or the port with its own. It ends when this is dropped.
#[derive(Debug)]
pub struct HttpArm {
    running: Running,
    address: SocketAddr,
}

impl HttpArm {
    /// A process of `server` with so many event threads, without a cache and without logs.
    ///
    /// # Errors
    /// If the server does not come up.
    pub fn of_server(server: &Server, threads: u8) -> Result<HttpArm, LiveError> {
        let settings = Settings {
            records: "CONFIG proxy.config.http.cache.http INT 0\n".to_owned(),
            remap: "map / http://127.0.0.1/ @plugin=generator.so\n".to_owned(),
            ..Settings::default()
        };
        let (process, address) = server.start_http(threads, &settings)?;
        wait_for(address).map_err(|last| LiveError::Server {
            release: server.release(),
            what: "does not answer".to_owned(),
            last,
        })?;
        Ok(HttpArm { running: Running::Server(process), address })
    }

    /// The process that `command` starts, which says `listening on http://ADDRESS` first; `name` is
    /// for messages.
    ///
    /// # Errors
    /// If it does not start, or does not say so.
    pub fn of_command(name: &str, mut command: Command) -> Result<HttpArm, LiveError> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            Child::start(&mut command).map_err(LiveError::at(format!("starting {name}")))?;
        let (said, complaints) = (lines_of(child.stdout.take()), lines_of(child.stderr.take()));
        let line = said.recv_timeout(START).unwrap_or_default();
        match line.strip_prefix(LISTENING).map(str::parse) {
            Some(Ok(address)) => Ok(HttpArm { running: Running::Own(child), address }),
            _ => Err(LiveError::Bench {
                name: name.to_owned(),
                what: "does not listen".to_owned(),
                last: last_of(&complaints).unwrap_or(line),
            }),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The number of the process.
    pub fn id(&mut self) -> u32 {
        self.running.child().id()
    }
}

/// The last line of a process that has ended or is of no use.
fn last_of(lines: &Receiver<String>) -> Option<String> {
    std::iter::from_fn(|| lines.recv_timeout(Duration::from_secs(1)).ok()).last()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(script: &str) -> Result<HttpArm, LiveError> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        HttpArm::of_command("the script", command)
    }

    #[test]
    fn the_first_line_says_where_it_listens() {
        let arm = started("echo listening on http://127.0.0.1:4711; exec sleep 60").unwrap();
        assert_eq!(arm.address(), SocketAddr::from(([127, 0, 0, 1], 4711)));
    }

    #[test]
    fn a_process_that_does_not_listen_is_quoted() {
        let refused = started("echo first >&2; echo the port is taken >&2").unwrap_err();
        let expected = "the bench process of the script does not listen; its last line: \
                        \"the port is taken\"";
        assert_eq!(refused.to_string(), expected);
        let refused = started("echo something else").unwrap_err().to_string();
        assert!(refused.ends_with("\"something else\""), "{refused}");
    }
}
