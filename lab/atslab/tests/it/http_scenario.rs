//! HTTP scenarios in the commands: what a run says, and its status.

use std::path::PathBuf;

use crate::common::{Files, atslab, stdout};

/// A file of the gallery.
fn gallery(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "..", "tests", "http_scenarios", name].iter().collect()
}

/// A scenario whose hook refuses, and which expects this.
fn refused(expect: &str) -> Files {
    let text = format!(
        "title = \"t\"\nteaches = \"t\"\n[client]\non_start = [\"get /a\"]\n[origin]\n[hooks]\n\
         READ_REQUEST_HDR = [\"status 403\", \"error\"]\n{expect}\n"
    );
    let files = Files::new("", "");
    files.write("my.toml", text.as_bytes());
    files
}

#[test]
fn what_is_expected_and_does_not_come_is_told_with_status_1() {
    let run = |expect| {
        let files = refused(expect);
        let mut command = atslab();
        command.current_dir(files.path()).args(["run", "my.toml"]).assert().stderr("")
    };
    run("[expect.client]\nstatus = [403]").code(0);
    let sentence = "my: expected the statuses 404 to come to client, and 403 came\n";
    run("[expect.client]\nstatus = [404]").code(1).stdout(predicates::str::ends_with(sentence));
}

#[test]
fn an_expectation_of_no_participant_is_an_error_with_its_place() {
    let files = refused("[expect.klient]");
    let mut command = atslab();
    command.current_dir(files.path()).args(["run", "my.toml"]);
    let sentence = "atslab: my.toml:8:9: expected a participant (client, or origin, session or txn \
                    with a number: \"txn 1\"), found \"klient\"\n";
    command.assert().code(2).stderr(sentence);
}

#[test]
fn findings_stand_behind_the_run() {
    let text = stdout(atslab().arg("run").arg(gallery("17-never-given-back.toml")));
    let end = "Nothing happened any more.\nfinding: client has no answer\n\
               finding: session 1 is not over\nfinding: txn 1 is not over\n";
    assert!(text.ends_with(end), "{text}");
}

#[test]
fn each_event_has_its_sentence() {
    let run = ["run", "http-15-held-beyond-the-timeout", "--explain"];
    insta::assert_snapshot!(stdout(atslab().args(run)));
}

#[test]
fn what_only_pairs_have_is_refused() {
    let run = |args: &[&str]| {
        let mut command = atslab();
        command.args(["run", "http-01-one-get"]).args(args).assert()
    };
    run(&["--epoch", "d"]).code(0);
    let mirrored = "HTTP scenarios are for the releases of 9.2, whose HTTP state machine the port \
                    mirrors";
    run(&["--epoch", "C"]).code(2).stderr(format!("atslab: epoch C: {mirrored}\n"));
    run(&["--epoch", "all"]).code(2).stderr(format!("atslab: --epoch all: {mirrored}\n"));
    let steps = "atslab: --format steps: an HTTP scenario has no steps; --format json prints all that \
                 happens in it\n";
    run(&["--format", "steps"]).code(2).stderr(steps);
}

#[test]
fn the_gallery_is_compared_with_its_recording() {
    let some = ["http-12-hook-refuses", "http-42-body-thrown-away-twice"];
    let expected = "\
9.2.9, HTTP scenarios
  http-12-hook-refuses                8 events  same
  http-42-body-thrown-away-twice     16 events  registered: drained-twice

registered deviations: 1
same: 1 of 2 scenarios, 8 events
";
    atslab().args(["compare", "--http"]).args(some).assert().code(0).stdout(expected);
    let files = refused("");
    let mut command = atslab();
    command.current_dir(files.path()).args(["compare", "--http", "my.toml"]);
    let sentence = "atslab: my: expected a scenario of the gallery, whose run was recorded; --live asks \
                    the real server\n";
    command.assert().code(2).stderr(sentence);
}

#[test]
fn epochs_without_an_http_state_machine_are_no_arm() {
    let diff = |left: &str| {
        let mut command = atslab();
        command.args(["diff", left, "D", "--scenarios", "http-12-hook-refuses"]).assert()
    };
    let same = "the port, epoch D (9.2.9) | the port, epoch D (9.2.9): no difference in 1 scenario, 8 \
                events\n";
    diff("D").code(0).stdout(same);
    let sentence = "atslab: epoch E: HTTP scenarios are for the releases of 9.2, whose HTTP state \
                    machine the port mirrors\n";
    diff("E").code(2).stderr(sentence);
}
