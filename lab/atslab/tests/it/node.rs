//! `atslab node`.

use crate::common::{atslab, stderr, stdout};
use predicates::prelude::*;

const PUBLIC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/node/public.jsonl");

#[test]
fn the_last_line_of_a_check() {
    let text = stdout(atslab().args(["node", "--check", PUBLIC]));
    assert_eq!(text.lines().last(), Some("identical: 12 of 12"));
    assert!(text.starts_with("same     P01  11 events\n"), "{text}");
    atslab().args(["node", "--check", PUBLIC]).assert().success();
}

#[test]
fn a_difference_is_shown_and_ends_with_one() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let scenario = r#"{"id":"x","layer":"core","actions":[{"a":"mark","m":"a"},{"a":"mark","m":"b"}],"expected":[{"e":"mark","m":"a"},{"e":"mark","m":"c"}]}"#;
    std::fs::write(file.path(), scenario).expect("written");
    let mut command = atslab();
    command.args(["node", "--check"]).arg(file.path());
    command.assert().code(1).stdout(
        predicate::str::contains("differs  x  after 1 events\n")
            .and(predicate::str::contains(r#"    node   {"e":"mark","m":"c"}"#))
            .and(predicate::str::contains(r#"    port   {"e":"mark","m":"b"}"#))
            .and(predicate::str::ends_with("identical: 0 of 1\n")),
    );
}

#[test]
fn record_prints_what_the_port_tells() {
    let text = stdout(atslab().args(["node", "--check", PUBLIC, "--record"]));
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), &text).expect("written");
    let again = stdout(atslab().args(["node", "--check"]).arg(file.path()));
    assert_eq!(again.lines().last(), Some("identical: 12 of 12"));
}

#[test]
fn a_file_that_is_none_is_an_error() {
    let mut command = atslab();
    command.args(["node", "--check", "no-such-file.jsonl"]);
    command.assert().code(2);
    assert!(stderr(&mut command).starts_with("atslab: no-such-file.jsonl: "));
}

#[test]
fn a_line_of_another_shape_is_an_error_and_no_difference() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let good = r#"{"layer":"core","actions":[{"a":"mark","m":"a"}],"expected":[]}"#;
    for (line, fault) in [
        ("[]", "expected a scenario, which is an object, found []"),
        ("null", "expected a scenario, which is an object, found null"),
        (r#"{"actions":7}"#, "expected core or server for layer, found no such field"),
        (
            r#"{"layer":"core","actions":[]}"#,
            "expected what node has told in the field expected, found no such field; \
             --live asks node",
        ),
    ] {
        std::fs::write(file.path(), format!("{good}\n\n{line}\n")).expect("written");
        let sentence = format!("atslab: {}:3: {fault}\n", file.path().display());
        let mut command = atslab();
        command.args(["node", "--check"]).arg(file.path());
        command.assert().code(2).stdout("").stderr(sentence);
    }
}

#[test]
fn sockets_tell_the_same() {
    for (file, count) in [("public", 12), ("turns", 9), ("answers", 28)] {
        let path = format!("{}/../../tests/node/{file}.jsonl", env!("CARGO_MANIFEST_DIR"));
        let told = stdout(atslab().args(["node", "--check", &path, "--sockets"]));
        assert!(told.ends_with(&format!("identical: {count} of {count}\n")), "{told}");
    }
}
