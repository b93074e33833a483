//! [`Probe`]: a plugin that performs programs or cases inside a server.
//!
//! Its source comes with the project and is built on the machine, once for all
//! servers: it looks up by name what it needs beside the stable C interface.

use std::fs;
use std::io::{self, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::error::LiveError;
use super::server::Server;
use crate::outside::{Child, Folder};

/// Every file of the C++, which the compiler finds side by side.
const SOURCES: [(&str, &str); 33] = [
    ("bench.cc", include_str!("../../../probe/bench.cc")),
    ("bench.h", include_str!("../../../probe/bench.h")),
    ("bench_buffers.cc", include_str!("../../../probe/bench_buffers.cc")),
    ("bench_events.cc", include_str!("../../../probe/bench_events.cc")),
    ("bench_memory.cc", include_str!("../../../probe/bench_memory.cc")),
    ("bench_pairs.cc", include_str!("../../../probe/bench_pairs.cc")),
    ("buffers.cc", include_str!("../../../probe/buffers.cc")),
    ("buffers.h", include_str!("../../../probe/buffers.h")),
    ("calls.cc", include_str!("../../../probe/calls.cc")),
    ("calls.h", include_str!("../../../probe/calls.h")),
    ("cases.cc", include_str!("../../../probe/cases.cc")),
    ("clock.cc", include_str!("../../../probe/clock.cc")),
    ("clock.h", include_str!("../../../probe/clock.h")),
    ("deputy.cc", include_str!("../../../probe/deputy.cc")),
    ("end.cc", include_str!("../../../probe/end.cc")),
    ("end.h", include_str!("../../../probe/end.h")),
    ("held.cc", include_str!("../../../probe/held.cc")),
    ("http/hooks.cc", include_str!("../../../probe/http/hooks.cc")),
    ("http/http.cc", include_str!("../../../probe/http/http.cc")),
    ("http/netvc.cc", include_str!("../../../probe/http/netvc.cc")),
    ("http/scenario.cc", include_str!("../../../probe/http/scenario.cc")),
    ("http/scenario.h", include_str!("../../../probe/http/scenario.h")),
    ("http/socket.cc", include_str!("../../../probe/http/socket.cc")),
    ("http/stage.cc", include_str!("../../../probe/http/stage.cc")),
    ("http/stage.h", include_str!("../../../probe/http/stage.h")),
    ("http/user.cc", include_str!("../../../probe/http/user.cc")),
    ("plugin.h", include_str!("../../../probe/plugin.h")),
    ("probe.cc", include_str!("../../../probe/probe.cc")),
    ("program.cc", include_str!("../../../probe/program.cc")),
    ("program.h", include_str!("../../../probe/program.h")),
    ("run.cc", include_str!("../../../probe/run.cc")),
    ("run.h", include_str!("../../../probe/run.h")),
    ("server.h", include_str!("../../../probe/server.h")),
];

/// A probe that has been built; its file goes when this is dropped.
#[derive(Debug)]
pub struct Probe {
    folder: Folder,
}

impl Probe {
    /// Builds the one that performs programs, with the headers of one of `servers`,
    /// by the C++ compiler that `CXX` names, or by `c++`.
    ///
    /// # Errors
    /// If there is no compiler, or it refuses.
    pub fn build(servers: &[Server]) -> Result<Probe, LiveError> {
        let sources = [
            "probe.cc",
            "program.cc",
            "buffers.cc",
            "calls.cc",
            "end.cc",
            "deputy.cc",
            "held.cc",
            "run.cc",
            "clock.cc",
        ];
        Probe::of(&sources, servers)
    }

    /// As [`build`](Probe::build), for the one that performs cases of the server's
    /// own regression test in each of `asked`.
    ///
    /// # Errors
    /// If there is no compiler, or it refuses; if a server has no such test.
    pub fn of_cases(servers: &[Server], asked: &[Server]) -> Result<Probe, LiveError> {
        asked.iter().try_for_each(Server::check_cases)?;
        Probe::of(&["cases.cc", "clock.cc"], servers)
    }

    /// As [`build`](Probe::build), for the one that performs the workloads of
    /// `atslab bench`; it leaves the server its own clock.
    ///
    /// # Errors
    /// If there is no compiler, or it refuses.
    pub fn of_bench(servers: &[Server]) -> Result<Probe, LiveError> {
        let sources = [
            "bench.cc",
            "bench_events.cc",
            "bench_pairs.cc",
            "bench_buffers.cc",
            "bench_memory.cc",
        ];
        Probe::of(&sources, servers)
    }

    /// As [`build`](Probe::build), for the one that performs HTTP scenarios.
    ///
    /// # Errors
    /// If there is no compiler, or it refuses.
    pub fn of_http(servers: &[Server]) -> Result<Probe, LiveError> {
        let sources = [
            "http/http.cc",
            "http/scenario.cc",
            "http/stage.cc",
            "http/socket.cc",
            "http/user.cc",
            "http/hooks.cc",
            "http/netvc.cc",
            "clock.cc",
        ];
        Probe::of(&sources, servers)
    }

    fn of(sources: &[&str], servers: &[Server]) -> Result<Probe, LiveError> {
        let folder = Folder::new("atslab-probe-")
            .map_err(LiveError::at("a temporary folder for the probe"))?;
        for (name, text) in SOURCES {
            let file = folder.path().join(name);
            let parent = file.parent().unwrap_or(folder.path());
            fs::create_dir_all(parent)
                .and_then(|()| fs::write(&file, text))
                .map_err(LiveError::at(name))?;
        }
        let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
        let mut command = Command::new(&compiler);
        command.arg(standard(servers)).args(["-O2", "-shared", "-fPIC", "-o", "probe.so"]);
        command.args(sources).current_dir(folder.path());
        let mut includes = servers.iter().flat_map(Server::include_folders).peekable();
        if let (None, Some(server)) = (includes.peek(), servers.first()) {
            return Err(LiveError::NoHeaders(server.name()));
        }
        for include in includes {
            command.arg("-I").arg(include);
        }
        let refused = |message: String| LiveError::Probe { compiler: compiler.clone(), message };
        let complaint = compile(&mut command).map_err(|error| refused(error.to_string()))?;
        if let Some(text) = complaint {
            let fault = text.lines().find(|line| line.contains("error"));
            return Err(refused(
                fault.or_else(|| text.lines().next()).unwrap_or_default().to_owned(),
            ));
        }
        Ok(Probe { folder })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("probe.so")
    }
}

/// Runs the compiler; what it says if it refuses.
pub(crate) fn compile(command: &mut Command) -> io::Result<Option<String>> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = Child::start(command)?;
    let mut said = Vec::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_end(&mut said)?;
    }
    let refused = !child.wait()?.success();
    Ok(refused.then(|| String::from_utf8_lossy(&said).into_owned()))
}

/// The language that the headers of these servers need.
fn standard(servers: &[Server]) -> &'static str {
    match servers.iter().any(|server| server.release().is_10_or_later()) {
        true => "-std=c++20",
        false => "-std=c++17",
    }
}
