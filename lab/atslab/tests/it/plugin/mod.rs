//! `atslab plugin`: a plugin with one mistake at a time, bad input, and the real server's plugins.

mod abi;
mod clients;
mod continuations;
mod files;
mod milestones;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::common::{atslab, stderr};

/// A folder with a file of requests and the plugin of mistakes. `None` without a C compiler.
struct Folder {
    folder: TempDir,
}

impl Folder {
    fn new(requests: &str) -> Folder {
        let folder = TempDir::new().expect("a temporary folder");
        fs::write(folder.path().join("requests.txt"), requests).expect("a file");
        Folder { folder }
    }

    fn with_mistakes() -> Option<Folder> {
        Folder::with("mistakes")
    }

    /// With a plugin of `tests/plugins`.
    fn with(plugin: &str) -> Option<Folder> {
        Folder::with_requests(plugin, "GET /a\n\nGET /b\n")
    }

    /// As [`Folder::with`], with these requests.
    fn with_requests(plugin: &str, requests: &str) -> Option<Folder> {
        let folder = Folder::new(requests);
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/plugins");
        let mut compiler = Command::new(std::env::var("CC").unwrap_or_else(|_| "cc".to_owned()));
        compiler.args(["-shared", "-fPIC", "-pthread", "-o"]);
        compiler.arg(folder.path(&format!("{plugin}.so"))).arg(sources.join(format!("{plugin}.c")));
        match compiler.output() {
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                assert!(output.status.success(), "{said}");
                Some(folder)
            }
            // Without a compiler there is no plugin of ours.
            Err(_) => None,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn atslab(&self, arguments: &[&str]) -> assert_cmd::Command {
        let mut command = atslab();
        command.args(["plugin"]).args(arguments).current_dir(self.folder.path());
        command.env_remove("ATSLAB_SERVERS");
        command
    }

    /// The status of a run of the plugin with a mistake, and what it says about it.
    fn run(&self, mistake: &str, more: &[&str]) -> (Option<i32>, String) {
        self.run_plugin(&format!("./mistakes.so {mistake}"), more)
    }

    fn run_plugin(&self, plugin: &str, more: &[&str]) -> (Option<i32>, String) {
        let mut arguments = vec!["run", plugin, "--requests", "requests.txt"];
        arguments.extend(more);
        let output = self.atslab(&arguments).output().expect("it starts");
        let text = String::from_utf8(output.stdout).expect("text");
        (output.status.code(), told(&text))
    }

    /// What each way of a plugin leads to, for a snapshot: each in a run of its own.
    fn each(&self, plugin: &str, ways: &[&str]) -> String {
        let one = |way: &&str| {
            fs::write(self.path("requests.txt"), format!("GET /{way}\n")).expect("a file");
            let (code, told) = self.run_plugin(&format!("./{plugin}.so"), &[]);
            format!("## {way}: status {}\n{told}\n", code.unwrap_or(-1))
        };
        ways.iter().map(one).collect::<Vec<_>>().join("\n")
    }

    /// Requests for these ways, one after the other in one run.
    fn ask_for_all(&self, ways: &[&str]) {
        let requests: Vec<String> = ways.iter().map(|way| format!("GET /{way}\n")).collect();
        fs::write(self.path("requests.txt"), requests.join("\n")).expect("a file");
    }

    /// Compares with the real server; the status, and what is told.
    fn compare(&self, plugin: &str) -> (Option<i32>, String) {
        let mut command = atslab();
        let plugin = format!("./{plugin}.so");
        command.args(["plugin", "compare", &plugin, "--requests", "requests.txt"]);
        let output = command.current_dir(self.folder.path()).output().expect("it starts");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The ways in which the real server dies.
    fn deadly<'a>(&self, plugin: &str, ways: &[&'a str]) -> Vec<&'a str> {
        let dies = |way: &&str| {
            self.ask_for_all(&[way]);
            self.compare(plugin).1.contains("the real server has died")
        };
        ways.iter().copied().filter(dies).collect()
    }
}

/// The statuses of the answers, and what stands behind `findings:`, without offsets: they depend on the
/// compiler.
fn told(text: &str) -> String {
    let answers: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("GET "))
        .filter_map(|line| line.split_ascii_whitespace().nth(2))
        .collect();
    let rest: Vec<String> = text
        .lines()
        .skip_while(|line| !line.starts_with("findings") && !line.contains("crashed"))
        .map(without_offset)
        .collect();
    let end = text.lines().find(|line| line.starts_with("the run ends here"));
    let end = end.map(|line| without_offset(line) + "\n").unwrap_or_default();
    format!("answers: {}\n{end}{}", answers.join(" "), rest.join("\n"))
}

fn without_offset(line: &str) -> String {
    let Some((before, behind)) = line.split_once(".so:+0x") else { return line.to_owned() };
    let behind = behind.trim_start_matches(|c: char| c.is_ascii_hexdigit());
    format!("{before}.so:+…{}", without_offset(behind))
}

/// What the real 9.2.9 does with the same file was measured by `atslab plugin compare`. It runs on
/// without a word where the run goes on here, and makes the same calls. Where the run ends here, it
/// dies (a destroyed buffer, a released field, a transaction that has ended) or runs on with memory
/// that it has freed or that is something else (the others).
#[test]
fn each_mistake_is_a_sentence_with_its_place() {
    let Some(folder) = Folder::with_mistakes() else { return };
    let mistakes = [
        "none",
        "other-mutex",
        "consumes-too-much",
        "reenables-twice",
        "unlocks-what-it-has-not-locked",
        "reenables-after-close",
        "closes-twice",
        "writes-to-destroyed-buffer",
        "writes-to-destroyed-log",
        "uses-destroyed-continuation",
        "uses-released-field",
        "transaction-after-close",
        "a-handle-of-another-kind",
        "a-function-that-is-left-out",
        "announces-too-much",
        "announces-too-much-and-waits",
        "crashes",
    ];
    let all: Vec<String> = mistakes
        .iter()
        .map(|mistake| {
            let (code, told) = folder.run(mistake, &[]);
            format!("## {mistake}: status {}\n{told}\n", code.unwrap_or(-1))
        })
        .collect();
    insta::assert_snapshot!(all.join("\n"));
}

/// The plugin checks by itself: 502 is right, 500 is wrong. A thread of it sleeps for 20 s.
#[test]
fn the_clocks_and_the_threads_of_a_plugin_are_virtual() {
    let Some(folder) = Folder::with("checks") else { return };
    let arguments = ["run", "./checks.so", "--requests", "requests.txt", "--format", "json"];
    let output = folder.atslab(&arguments).output().expect("it starts");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["findings"], serde_json::json!([]));
    for request in json["requests"].as_array().expect("two requests") {
        assert_eq!(request["status"], 502, "{request}");
        let took = request["virtual_ms"].as_i64().expect("a number");
        assert!((20_250..21_500).contains(&took), "{took} ms");
    }
}

/// Without the mark the connection stops at 32 KB, and the plugin would wait for the rest for ever.
#[test]
fn a_water_mark_lets_more_into_the_buffer_of_a_connection_that_is_open() {
    let Some(folder) = Folder::with_mistakes() else { return };
    let request = format!("POST /a\n= {}\n", "x".repeat(100_000));
    fs::write(folder.path("requests.txt"), request).expect("a file");
    let status = |mode: &str| {
        let plugin = format!("./mistakes.so {mode}");
        let arguments = ["run", &plugin, "--requests", "requests.txt", "--format", "json"];
        let output = folder.atslab(&arguments).output().expect("it starts");
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        println!("{json:#}");
        assert_eq!(json["findings"], serde_json::json!([]));
        let calls = json["calls"].as_array().expect("a list").clone();
        let called = |name: &str| calls.iter().any(|call| call[0] == name);
        (
            json["requests"][0]["status"].clone(),
            ["TSVConnClosedGet", "TSIOBufferWaterMarkGet", "TSIOBufferWaterMarkSet"].map(called),
        )
    };
    assert_eq!(status("water-mark"), (200.into(), [true; 3]));
    assert_eq!(status("none"), (200.into(), [false; 3]));
}

#[test]
fn a_strict_run_ends_at_the_first_mistake() {
    let Some(folder) = Folder::with_mistakes() else { return };
    let (code, told) = folder.run("reenables-twice", &["--strict"]);
    assert_eq!(code, Some(1));
    assert!(told.starts_with("answers: \nthe run ends here: TSHttpTxnReenable: "), "{told}");
}

#[test]
fn a_run_is_the_same_each_time_and_tools_can_read_it() {
    let Some(folder) = Folder::with_mistakes() else { return };
    let run = || {
        let plugin = "./mistakes.so consumes-too-much";
        let arguments = ["run", plugin, "--requests", "requests.txt", "--format", "json"];
        let output = folder.atslab(&arguments).output().expect("it starts");
        String::from_utf8(output.stdout).expect("text")
    };
    let text = run();
    assert_eq!(text, run());
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(json["version"], 1);
    assert_eq!(json["requests"][1]["status"], 200);
    assert_eq!(json["findings"][0]["times"], 2);
    assert_eq!(json["findings"][0]["function"], "TSIOBufferReaderConsume");
}

#[test]
fn bad_input_is_one_sentence() {
    let folder = Folder::new("GET\n");
    let says = |arguments: &[&str]| {
        folder.atslab(arguments).assert().code(2);
        stderr(&mut folder.atslab(arguments))
    };
    let sentence = says(&["run", "./none.so", "--requests", "requests.txt"]);
    assert_eq!(sentence, "atslab: plugin \"none.so\": there is no file ./none.so\n");
    fs::write(folder.path("text.so"), "no plugin").expect("a file");
    let sentence = says(&["run", "./text.so", "--requests", "requests.txt"]);
    let expected = "atslab: requests.txt: line 1: expected METHOD TARGET, found \"GET\"\n";
    assert_eq!(sentence, expected);
    fs::write(folder.path("requests.txt"), "GET /\n").expect("a file");
    let sentence = says(&["run", "./text.so", "--requests", "requests.txt"]);
    assert!(
        sentence.starts_with("atslab: plugin \"text.so\": the plugin cannot be loaded: "),
        "{sentence}"
    );
}
