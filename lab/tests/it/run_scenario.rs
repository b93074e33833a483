//! `atslab run`: its output, and its errors.

use std::path::PathBuf;

use crate::common::{Files, atslab, stderr, stdout};

/// A file of the gallery.
fn gallery(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "tests", "scenarios", name].iter().collect()
}

#[test]
fn the_steps_are_the_text_of_recordings() {
    insta::assert_snapshot!(stdout(atslab().arg("run").arg(gallery("01-ten-bytes.toml"))));
}

#[test]
fn every_step_is_explained_as_the_book_shows() {
    let file = gallery("02-peer-reads-late.toml");
    let text = stdout(atslab().args(["run", "--explain", "--epoch", "D"]).arg(file));
    assert_eq!(text, include_str!("../../../docs/src/output/peer_reads_late.txt"));
}

#[test]
fn all_epochs_make_a_case_each() {
    let file = gallery("01-ten-bytes.toml");
    let text = stdout(atslab().args(["run", "--epoch", "all"]).arg(file));
    let cases: Vec<_> = text.lines().filter(|line| line.starts_with("case ")).collect();
    assert_eq!(cases, ["case 01-ten-bytes-B", "case 01-ten-bytes-C", "case 01-ten-bytes-D"]);
}

#[test]
fn a_panic_of_the_port_is_the_last_line() {
    let file = gallery("49-defaults-write.toml");
    let assert = atslab().arg("run").arg(file).assert().success().stderr("");
    let text = String::from_utf8_lossy(&assert.get_output().stdout).into_owned();
    let last = text.lines().last().expect("there are lines");
    assert!(last.starts_with("panic: "), "{last}");
    assert!(last.contains("the original dereferences a null pointer here"), "{last}");
}

#[test]
fn a_fault_in_the_scenario_names_file_line_and_column() {
    let files = Files::new("", "");
    let text = "title = \"t\"\nteaches = \"t\"\n[active]\non_connect = [\"reenable it\"]\n";
    files.write("my.toml", text.as_bytes());
    let mut command = atslab();
    command.current_dir(files.path()).args(["run", "my.toml"]);
    let sentence = "atslab: my.toml:4:25: expected read or write, found \"it\"\n";
    command.assert().code(2).stdout("").stderr(sentence);
}

#[test]
fn a_file_that_is_not_there() {
    let error = stderr(atslab().args(["run", "none.toml"]));
    assert_eq!(error, "atslab: none.toml: there is no such file\n");
}
