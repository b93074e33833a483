//! `atslab steps`: its formats, and a reader that goes away.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::common::{Files, atslab, stdout};
use predicates::prelude::*;
use predicates::str::{contains, starts_with};

#[test]
fn steps_are_the_text_of_recordings() {
    let text = stdout(atslab().args(["steps", "--case", "basic"]));
    assert!(text.starts_with("case basic\n- create\nP do_io_read 2000\n"), "{text}");
    assert_eq!(text.lines().count(), 1 + 1220);
}

#[test]
fn a_generation_is_named_as_in_the_other_commands() {
    let eos = |which: &[&str]| stdout(atslab().args(["steps", "--case", "eos"]).args(which));
    let newest = eos(&["--epoch", "D"]);
    assert_ne!(newest, eos(&[]));
    assert_eq!(eos(&["--epoch", "d"]), newest);
    assert_eq!(eos(&["--ats", "9.2.9"]), newest);
    assert_eq!(eos(&["--ats", "9.1.3"]), eos(&[]));
    let all = eos(&["--epoch", "ALL"]);
    let cases: Vec<_> = all.lines().filter(|line| line.starts_with("case ")).collect();
    assert_eq!(cases, ["case eos-B", "case eos-C", "case eos-D", "case eos-E"]);
    let steps = newest.strip_prefix("case eos").expect("the name");
    assert!(all.ends_with(steps), "{all}");
    for same in ["9.2.15", "10.1.4", "10.2.0"] {
        assert_eq!(eos(&["--ats", same]), newest, "{same}");
    }
    let both = ["steps", "--case", "eos", "--epoch", "D", "--ats", "9.2.9"];
    atslab().args(both).assert().code(2).stderr(contains("cannot be used with"));
}

#[test]
fn packed_steps_are_a_recording() {
    Files::with_altered_basic(|_| ()).compare().assert().success();
}

#[test]
fn several_cases_stand_in_the_order_of_the_suite() {
    let text = stdout(atslab().args(["steps", "--case", "g01_ok", "--case", "eos"]));
    let names: Vec<_> = text.lines().filter(|line| line.starts_with("case ")).collect();
    assert_eq!(names, ["case eos", "case g01_ok"]);
}

#[test]
fn json_has_the_name_of_the_case_in_every_line() {
    let text = stdout(atslab().args(["steps", "--case", "eos", "--format", "json"]));
    for line in text.lines() {
        let object: serde_json::Value = serde_json::from_str(line).expect("the line is JSON");
        assert_eq!(object["case"], "eos");
        assert!(object["step"].is_string() && object["subject"].is_string(), "{line}");
    }
    assert_eq!(text.lines().count(), 54);
}

#[test]
fn the_log_shows_every_target_and_respects_rust_log() {
    let log = || {
        let mut command = atslab();
        command.args(["steps", "--case", "eos", "--format", "log"]);
        command
    };
    let all = [" pvc]", " pvc_event]", " pvc_test]"].map(contains);
    for target in all {
        log().assert().success().stdout(target);
    }
    log().assert().stdout(contains("case eos"));
    let events = stdout(log().env("RUST_LOG", "pvc_event"));
    assert!(!events.is_empty());
    assert!(events.lines().all(|line| line.contains(" pvc_event]")), "{events}");
}

#[test]
fn the_log_respects_the_choice_of_colours() {
    let log = ["steps", "--case", "eos", "--format", "log", "--color"];
    atslab().args(log).arg("always").assert().stdout(contains("\u{1b}["));
    atslab().args(log).arg("never").assert().stdout(contains("\u{1b}[").not());
}

#[test]
fn a_reader_that_goes_away_ends_the_command_quietly() {
    for format in ["steps", "json", "log"] {
        let mut child = Command::new(assert_cmd::cargo::cargo_bin!("atslab"))
            .args(["steps", "--case", "overflow", "--format", format])
            .env_remove("RUST_LOG")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let mut reader = BufReader::new(child.stdout.take().expect("it has a standard output"));
        let mut first = String::new();
        reader.read_line(&mut first).expect("there is a first line");
        drop(reader);

        let output = child.wait_with_output().expect("the command ends");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{format}");
        assert_eq!(output.status.code(), Some(0), "{format}");
        assert!(first.contains("overflow"), "{first}");
    }
}

#[test]
fn a_file_of_cases_can_be_run() {
    let files = Files::with_altered_basic(|_| ());
    let run = ["steps", "--cases", "my.csv"];
    atslab()
        .current_dir(files.path())
        .args(run)
        .assert()
        .success()
        .stdout(starts_with("case basic\n"));
}
