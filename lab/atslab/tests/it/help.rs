//! The help texts and the version.

use crate::common::{atslab, stdout};

#[test]
fn the_help_of_the_command() {
    insta::assert_snapshot!(stdout(atslab().arg("--help")));
}

#[test]
fn the_help_of_compare() {
    insta::assert_snapshot!(stdout(atslab().args(["compare", "--help"])));
}

#[test]
fn the_help_of_steps() {
    insta::assert_snapshot!(stdout(atslab().args(["steps", "--help"])));
}

#[test]
fn the_help_of_run() {
    insta::assert_snapshot!(stdout(atslab().args(["run", "--help"])));
}

#[test]
fn the_help_of_museum() {
    insta::assert_snapshot!(stdout(atslab().args(["museum", "--help"])));
}

#[test]
fn the_help_of_fuzz() {
    insta::assert_snapshot!(stdout(atslab().args(["fuzz", "--help"]).env_remove("ATSLAB_SERVERS")));
}

#[test]
fn the_help_of_diff() {
    insta::assert_snapshot!(stdout(atslab().args(["diff", "--help"])));
}

#[test]
fn the_help_of_record() {
    insta::assert_snapshot!(stdout(atslab().args(["record", "--help"])));
}

#[test]
fn the_help_of_serve() {
    insta::assert_snapshot!(stdout(atslab().args(["serve", "--help"])));
}

#[test]
fn the_help_of_plugin() {
    let help =
        |what| stdout(atslab().args(["plugin", what, "--help"]).env_remove("ATSLAB_SERVERS"));
    let all = ["list", "run", "compare"].map(|what| format!("## {what}\n{}", help(what)));
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn the_help_of_soak() {
    insta::assert_snapshot!(stdout(atslab().args(["soak", "--help"])));
}

#[test]
fn the_help_of_http() {
    insta::assert_snapshot!(stdout(atslab().args(["http", "--help"]).env_remove("ATSLAB_SERVERS")));
}

#[test]
fn the_help_of_bench() {
    insta::assert_snapshot!(stdout(
        atslab().args(["bench", "--help"]).env_remove("ATSLAB_SERVERS")
    ));
}

#[test]
fn the_version() {
    let expected = concat!("atslab ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(stdout(atslab().arg("--version")), expected);
}

#[test]
fn the_help_of_view() {
    insta::assert_snapshot!(stdout(atslab().args(["view", "--help"]).env_remove("ATSLAB_SERVERS")));
}
