//! `atslab diff`: what it finds between two epochs of the port, and how it tells it. The book's
//! ignored commands ask real servers.

use predicates::str::{contains, starts_with};

use crate::common::{atslab, stdout};

fn differs(args: &[&str]) -> String {
    let assert = atslab().arg("diff").args(args).assert().code(1).stderr("");
    String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
}

/// The two that differ consume beyond the end, which 10.2.0 asserts.
#[test]
fn ten_2_takes_the_steps_of_9_2_9_but_for_what_it_asserts() {
    let told = differs(&["D", "E"]);
    let names = "the port, epoch D (9.2.9) | the port, epoch E (10.2.0)";
    let last = format!("\n{names}: 2 of 79 scenarios differ\n  2 × buf_avail | crash\n");
    assert!(told.ends_with(&last), "{told}");
    let random = ["diff", "d", "e", "--count", "50", "--seed", "7", "--threads", "2"];
    let told = stdout(atslab().args(random));
    assert!(told.starts_with(&format!("{names}: no difference in 50 scenarios, ")), "{told}");
}

#[test]
fn what_8698_changed_is_shown_by_the_smallest_scenario() {
    let told = differs(&["C", "D", "--scenarios", "02-peer-reads-late"]);
    insta::assert_snapshot!(told);
}

#[test]
fn markdown_is_for_a_pull_request() {
    let args = ["B", "C", "--count", "5", "--format", "markdown"];
    let told = differs(&args);
    assert!(told.starts_with("## the port, epoch B (8.1.11) | the port, epoch C (9.1.3)\n"));
    assert!(told.contains("\n| scenarios | what each does where they first differ |\n|---|---|\n"));
    let fences = told.lines().filter(|line| line.starts_with("```")).count();
    assert!(fences >= 4 && fences % 4 == 0, "{told}");
    assert_eq!(differs(&args), told, "the same in each run");
}

#[test]
fn a_page_shows_both_runs_of_what_differs() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("diff.html");
    let args = ["C", "D", "--scenarios", "02-peer-reads-late", "--html", page.to_str().unwrap()];
    differs(&args);
    let html = std::fs::read_to_string(page).unwrap();
    assert!(html.contains("What is left of 02-peer-reads-late"));
    assert!(html.contains("the port, epoch C (9.1.3)") && html.contains("epoch D (9.2.9)"));
}

#[test]
fn a_shrunk_scenario_still_differs() {
    let told = differs(&["C", "D", "--scenarios", "02-peer-reads-late", "--format", "json"]);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("small.toml");
    std::fs::write(&file, told["differences"][0]["toml"].as_str().unwrap()).unwrap();
    differs(&["C", "D", "--scenarios", file.to_str().unwrap()]);
}

#[test]
fn what_is_no_server_and_no_epoch_is_told_in_a_sentence() {
    let refused = |args: &[&str]| atslab().arg("diff").args(args).assert().code(2).stdout("");
    refused(&["X", "D"]).stderr(starts_with("atslab: there is no traffic_server in X: expected"));
    refused(&["D", "9.1.3"]).stderr(contains("there is no package of the server 9.1.3"));
    let run = ["run", "01-ten-bytes", "--live", "--server", "/nowhere"];
    let no_server = atslab().args(run).assert().code(2).stdout("");
    no_server.stderr(starts_with("atslab: there is no traffic_server in /nowhere: expected"));
}

/// A folder in which `bin/traffic_server` is this script.
#[cfg(unix)]
fn server_that_says(version: &str) -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let binary = bin.join("traffic_server");
    std::fs::write(&binary, format!("#!/bin/sh\necho '{version}'\n")).unwrap();
    std::fs::set_permissions(&binary, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

#[cfg(unix)]
#[test]
fn a_server_is_asked_for_its_version_and_for_what_the_probe_needs() {
    let of = |version| {
        let folder = server_that_says(version);
        let mut run = atslab();
        run.args(["run", "01-ten-bytes", "--live", "--server"]).arg(folder.path());
        let assert = run.assert().code(2).stdout("");
        let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
        said.replace(folder.path().to_str().unwrap(), "PATH")
    };
    let no_symbols = "atslab: the server 10.2.0 in PATH cannot be asked: it has no \
                      PluginVCCore::alloc(Continuation *, int64_t, int64_t)\n";
    assert_eq!(of("Apache Traffic Server - traffic_server - 10.2.0 - (build # 1)"), no_symbols);
    let expected = "expected a release from 6.2 on from \"traffic_server -V\"";
    let other = format!("atslab: PATH: {expected}, found \"Another Server 1.2\"\n");
    assert_eq!(of("Another Server 1.2"), other);
    assert!(of("Traffic Server 5.3.2 of old").contains(expected));
}
