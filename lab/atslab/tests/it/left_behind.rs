//! Nothing is left behind: no server and no temporary folder outlives a command that a
//! signal has ended.
//!
//! The servers here are scripts. Each holds a named pipe open; when the test reads the
//! pipe's end, all of them are gone. Standard error of the command is held by its guard,
//! too; when that ends, the guard has done its work.

use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use tempfile::TempDir;

/// A server that says that it runs and does nothing, and says so if it lives for a minute. (Of the
/// two processes that are killed, the sleep may end first: that is no minute.)
const SERVER: &str = "#!/bin/sh\nexec 9>\"PIPE\"\necho runs >&9\nsleep 60 && echo lives >&9\n";

const COMPILER: &str = "#!/bin/sh\n: >probe.so\n";

const SCENARIO: &str = include_str!("../../../../tests/scenarios/01-ten-bytes.toml");

/// Commands that start real servers, and how many.
const COMMANDS: [(&[&str], usize); 10] = [
    (&["run", "--live", "--ats", "9.2.9", "scenario.toml"], 1),
    (&["compare", "--live", "--ats", "9.2.9"], 1),
    (&["fuzz", "--jobs", "3", "--count", "300"], 3),
    (&["fuzz", "--http", "--jobs", "2", "--count", "100"], 2),
    (&["record", "--ats", "9.2.9", "--output", "out.gz"], 1),
    (&["http", "--live"], 3),
    (&["http", "fuzz"], 3),
    (&["bench", "--live", "--quick", "--runs", "1", "--ats", "9.2.9", "--filter", "event_"], 1),
    (&["node", "--check", "scenarios.jsonl", "--live"], 1),
    (&["node", "fuzz", "--count", "250"], 1),
];

/// A folder with a server, a compiler and a node of scripts, and an empty one for
/// temporary folders.
struct Stage(TempDir);

impl Stage {
    fn new() -> Stage {
        let stage = Stage(TempDir::new().expect("a temporary folder can be made"));
        let release = stage.path("servers/9.2.9");
        let include = release.join("usr/include/ts");
        for folder in [
            release.join("usr/bin"),
            release.join("etc/trafficserver"),
            include.clone(),
            stage.temp(),
        ] {
            fs::create_dir_all(folder).expect("a folder can be made");
        }
        fs::write(include.join("ts.h"), "").expect("a file can be written");
        let made = Command::new("mkfifo").arg(stage.path("pipe")).status();
        assert!(made.expect("mkfifo is there").success());
        let server = SERVER.replace("PIPE", stage.path("pipe").to_str().expect("UTF-8"));
        stage.script("servers/9.2.9/usr/bin/traffic_server", &server);
        stage.script("node", &server);
        stage.script("compiler", COMPILER);
        fs::write(stage.path("scenario.toml"), SCENARIO).expect("a file can be written");
        fs::write(stage.path("scenarios.jsonl"), "{\"layer\":\"core\",\"actions\":[]}\n")
            .expect("a file can be written");
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn temp(&self) -> PathBuf {
        self.path("temp")
    }

    fn script(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file can be written");
        let all = Permissions::from_mode(0o755);
        fs::set_permissions(self.path(name), all).expect("a file of ours");
    }

    fn atslab(&self, arguments: &[&str]) -> Command {
        let path = std::env::var("PATH").expect("a path");
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("atslab"));
        command
            .args(arguments)
            .current_dir(self.0.path())
            .env("ATSLAB_SERVERS", self.path("servers"))
            .env("CXX", self.path("compiler"))
            .env("PATH", format!("{}:{path}", self.0.path().display()))
            .env("TMPDIR", self.temp())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).expect("a folder").next().is_none()
}

/// Reads standard error to its end. A command that ends before its servers run leaves the reader of
/// the pipe waiting for them: it gets what the command has said.
fn listen(child: &mut Child, pipe: PathBuf, has_servers: Arc<AtomicBool>) -> JoinHandle<String> {
    let mut stderr = child.stderr.take().expect("piped");
    thread::spawn(move || {
        let mut said = String::new();
        stderr.read_to_string(&mut said).expect("text");
        if !has_servers.load(Ordering::Relaxed) {
            fs::write(pipe, &said).expect("the test reads");
        }
        said
    })
}

#[test]
fn a_command_that_a_signal_ends_leaves_nothing_behind() {
    for (arguments, servers) in COMMANDS {
        for (name, number) in [("INT", 2), ("TERM", 15), ("KILL", 9)] {
            let stage = Stage::new();
            let mut child = stage.atslab(arguments).spawn().expect("the command starts");
            let has_servers = Arc::new(AtomicBool::new(false));
            let said = listen(&mut child, stage.path("pipe"), Arc::clone(&has_servers));
            let mut pipe = BufReader::new(File::open(stage.path("pipe")).expect("a pipe"));
            for _ in 0..servers {
                let mut line = String::new();
                pipe.read_line(&mut line).expect("a line");
                assert_eq!(line, "runs\n", "{arguments:?}");
            }
            has_servers.store(true, Ordering::Relaxed);
            let id = child.id().to_string();
            let sent = Command::new("kill").args(["-s", name, &id]).status();
            assert!(sent.expect("kill is there").success());
            let status = child.wait().expect("it ends");
            assert_eq!(status.signal(), Some(number), "{arguments:?}");

            let mut late = String::new();
            pipe.read_to_string(&mut late).expect("text");
            assert_eq!(late, "", "{arguments:?}: a server outlives {name}");
            assert_eq!(said.join().expect("it has no reason to panic"), "", "{arguments:?}");
            assert!(is_empty(&stage.temp()), "{arguments:?}: a folder outlives {name}");
        }
    }
}

#[test]
fn a_command_that_fails_leaves_nothing_behind() {
    let stage = Stage::new();
    stage.script("servers/9.2.9/usr/bin/traffic_server", "#!/bin/sh\necho no >&2\n");
    let output = stage.atslab(&["fuzz", "--count", "1"]).output().expect("the command starts");
    let said = String::from_utf8_lossy(&output.stderr);
    let sentence = "atslab: the server 9.2.9 ends at once; its last line: \"no\"\n";
    assert_eq!((output.status.code(), &*said), (Some(2), sentence));
    assert!(is_empty(&stage.temp()));
}
