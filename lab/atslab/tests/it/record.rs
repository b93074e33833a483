//! `atslab record` and `atslab compare --live`: the part that needs no real server.

use crate::common::{Files, atslab, stderr};

/// A folder with cases, and no servers in it.
fn files() -> Files {
    Files::new([Files::HEADER, Files::BASIC].concat(), "case basic\n- create\n")
}

/// The error of the command in this folder, which must not write anything.
fn error(files: &Files, args: &[&str]) -> String {
    let mut command = atslab();
    command.env_remove("ATSLAB_SERVERS").current_dir(files.path()).args(args);
    command.assert().code(2).stdout("");
    assert!(!files.path().join("new.gz").exists());
    stderr(&mut command)
}

#[test]
fn a_release_without_a_package_is_refused() {
    let sentence = "atslab: there is no package of the server 9.1.3; it is compared by its \
                    recording only\n";
    assert_eq!(error(&files(), &["record", "--ats", "9.1.3", "--output", "new.gz"]), sentence);
    assert_eq!(error(&files(), &["compare", "--live", "--ats", "9.1.3"]), sentence);
}

#[test]
fn a_server_that_is_not_there_is_told_with_the_way_to_get_it() {
    let sentence = "atslab: the server 9.2.9 is not in target/live; run: tests/live/install \
                    target/live 9.2.9\n";
    assert_eq!(error(&files(), &["record", "--ats", "9.2.9", "--output", "new.gz"]), sentence);
    let live = ["compare", "--live", "--ats", "9.2.9", "--cases", "my.csv"];
    assert_eq!(error(&files(), &live), sentence);
}

#[test]
fn a_file_is_not_overwritten_unasked() {
    let files = files();
    let before = files.unpacked_recording();
    let record = ["record", "--ats", "9.2.9", "--output", "my.steps.gz"];
    let sentence = "atslab: my.steps.gz: this file is there already; --force overwrites it\n";
    assert_eq!(error(&files, &record), sentence);
    let forced = [&record[..], &["--force"]].concat();
    assert!(error(&files, &forced).contains("is not in target/live"), "nothing has been recorded");
    assert_eq!(files.unpacked_recording(), before);
}

#[test]
fn a_case_is_looked_for_in_the_suites_that_are_meant() {
    let record = ["record", "--ats", "9.2.9", "--output", "new.gz", "--case", "eos"];
    let sentence = "atslab: --suite generated: no case is named \"eos\"\n";
    let generated = [&record[..], &["--suite", "generated"]].concat();
    assert_eq!(error(&files(), &generated), sentence);
    let regression = [&record[..], &["--suite", "regression"]].concat();
    assert!(error(&files(), &regression).contains("is not in target/live"));
}
