//! `atslab bench`: what it prints and writes. No test asks how fast anything is.

use std::fs;

use crate::common::{atslab, stdout};
use predicates::str::contains;
use serde_json::Value;

/// One run of little work.
fn quick(filter: &str) -> assert_cmd::Command {
    let mut command = atslab();
    command.args(["bench", "--quick", "--runs", "1", "--filter", filter]);
    command
}

#[test]
fn a_table_names_the_machine_and_the_workloads() {
    let text = stdout(&mut quick("timer_"));
    assert!(text.contains("processors, Linux"), "{text}");
    for name in ["timer_cancel", "timer_fire", "timer_fire_1m", "port 8.1", "port 9.2"] {
        assert!(text.contains(name), "{name}: {text}");
    }
    assert!(!text.contains("event_chain") && !text.contains("real"), "{text}");
}

#[test]
fn every_kind_of_work_ends() {
    let text = stdout(quick("").arg("--others"));
    // The heading, the machine, and a line for each workload.
    let names = text.lines().filter(|line| line.contains(" ±")).count();
    assert!(names >= 30, "{names} workloads: {text}");
    assert!(text.contains("memcpy"), "{text}");
}

#[test]
fn markdown_is_a_table() {
    let text = stdout(quick("timer_cancel").arg("--markdown"));
    let row = text.lines().find(|line| line.starts_with("| timer_cancel | timer |"));
    assert!(row.is_some_and(|row| row.ends_with(" |")), "{text}");
    assert!(text.lines().any(|line| line.starts_with("| --- | --- | ---:")), "{text}");
}

#[test]
fn json_has_every_run() {
    let folder = tempfile::tempdir().unwrap();
    let (json, svg) = (folder.path().join("bench.json"), folder.path().join("bench.svg"));
    let mut command = atslab();
    command.args(["bench", "--quick", "--runs", "2", "--filter", "pair_50", "--ats", "9.2.9"]);
    stdout(command.arg("--json").arg(&json).arg("--plot").arg(&svg));
    let report: Value = serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap();
    assert!(report["machine"].is_string());
    let names: Vec<_> =
        report["workloads"].as_array().unwrap().iter().map(|w| &w["name"]).collect();
    assert_eq!(names, ["pair_50", "pair_50_shared", "pair_50_apart"]);
    let first = &report["workloads"][0];
    assert_eq!((&first["unit"], &first["operation"]), (&"ns".into(), &"piece".into()));
    let releases = first["releases"].as_array().unwrap();
    assert_eq!(releases.len(), 1);
    assert_eq!(releases[0]["release"], "9.2.9");
    assert_eq!(releases[0]["port"].as_array().unwrap().len(), 2);
    assert!(releases[0]["server"].is_null() && releases[0]["ratio"].is_null());
    let drawing = fs::read_to_string(svg).unwrap();
    assert!(drawing.starts_with("<svg ") && drawing.ends_with("</svg>\n"));
}

#[test]
fn answers_on_sockets_stand_beside_a_bare_loop() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("bench.json");
    let mut command = quick("http_");
    let text = stdout(command.args(["--ats", "9.2.9", "--json"]).arg(&json));
    for name in ["http_1k ", "http_1k_two ", "http_32k ", "http_10m ", "http_idle "] {
        assert!(text.lines().any(|line| line.starts_with(name)), "{name}: {text}");
    }
    let (_, beside) = text.split_once("beside a bare loop").expect("a second table");
    let rows: Vec<_> = beside.lines().skip(1).filter_map(|line| line.split_once(' ')).collect();
    let names: Vec<_> = rows.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["http_1k", "http_32k", "http_10m"], "one thread each: {text}");
    assert!(rows.iter().all(|(_, row)| row.contains("×")), "{text}");

    let report: Value = serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap();
    let row = |name: &str| {
        let all = report["workloads"].as_array().unwrap();
        all.iter().find(|one| one["name"] == name).unwrap().clone()
    };
    let (two, idle) = (row("http_1k_two"), row("http_idle"));
    assert_eq!(
        (&two["threads"], &two["pairs"], &two["reach"]),
        (&2.into(), &16.into(), &0.5.into())
    );
    assert!(two["bare"].is_null() && row("http_10m")["bare"].as_array().unwrap().len() == 1);
    assert_eq!((&idle["unit"], &idle["pairs"]), (&"bytes".into(), &1000.into()));
    let bytes = idle["releases"][0]["port"][0].as_f64().unwrap();
    // The block of the buffer alone has 4 KiB.
    assert!((4096.0..20_000.0).contains(&bytes), "{bytes}");
    let time = |name: &str| row(name)["releases"][0]["port"][0].as_f64().unwrap();
    assert!(time("http_10m") > time("http_1k"), "ten thousand times as many bytes");
}

#[test]
fn a_bare_loop_needs_a_server_to_learn_from() {
    let arm = |value: &str| {
        let mut command = atslab();
        command.args(["bench", "--arm", value]);
        command.assert().code(2)
    };
    arm("writev/nowhere/5").stderr(contains("expected writev/ADDRESS:PORT/SIZE"));
    // The reserved port 1 has no server.
    arm("writev/127.0.0.1:1/5").stderr(contains("bench: Connection refused"));
}

#[test]
fn growth_is_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let svg = folder.path().join("growth.svg");
    let mut command = atslab();
    command.args(["bench", "--quick", "--runs", "1", "--growth", "--filter", "growth_10"]);
    stdout(command.arg("--plot").arg(&svg));
    let drawing = fs::read_to_string(svg).unwrap();
    assert!(drawing.contains("<polyline") && drawing.contains("port 9.2.9, 2 thr."), "{drawing}");
}

#[test]
fn a_name_that_no_workload_has_is_refused() {
    quick("no_such").assert().code(2).stderr(contains(
        "no workload has \"no_such\" in its name; they are: event_chain, event_deep_1000",
    ));
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = quick("event_chain");
    command.arg("--live").arg("--servers").arg(folder.path());
    command.assert().code(2).stderr(contains("8.1.11 is not in"));
    quick("event_chain").args(["--ats", "9.1.3"]).assert().code(2).stderr(contains("no package"));
}

#[test]
fn a_baseline_that_cannot_be_used_is_refused_before_anything_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |text: Option<&str>, sentence: &str| {
        let file = folder.path().join("before.json");
        if let Some(text) = text {
            fs::write(&file, text).unwrap();
        }
        let mut command = atslab();
        command.current_dir(folder.path());
        command.args(["bench", "--instructions", "--baseline", "before.json"]);
        command.assert().code(2).stdout("").stderr(contains(sentence));
    };
    refused(None, "before.json: the file cannot be read");
    refused(Some("7"), "before.json: invalid type");
    refused(Some("{\"compiler\": \"rustc 1\"}"), "missing field `instructions`");
    let other = r#"{"compiler": "rustc 1", "instructions": {}}"#;
    refused(
        Some(other),
        "before.json: counted with rustc 1, and this program is built by rustc 1.",
    );
}
