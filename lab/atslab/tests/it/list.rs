//! `atslab list`, `completions` and `man`, and names in place of files.

use crate::common::{atslab, stderr, stdout};

#[test]
fn epochs_and_plugins_are_listed_with_what_they_mean() {
    insta::assert_snapshot!(stdout(atslab().args(["list", "epochs", "plugins"])));
}

#[test]
fn without_a_word_everything_is_listed() {
    let text = stdout(atslab().arg("list"));
    let titles: Vec<&str> = text.lines().filter(|line| !line.starts_with(' ')).collect();
    let expected = [
        "Epochs",
        "",
        "Scenarios",
        "",
        "HTTP scenarios",
        "",
        "Scenarios of a NetVC",
        "",
        "Races",
        "",
        "Defects",
        "",
        "Rooms",
        "",
        "Corrections",
        "",
        "Cases, regression",
        "Cases, generated",
        "",
        "Plugins",
        "",
        "Deviations in the steps of Traffic Server",
        "Deviations that explorations of random races show",
        "Deviations in its answers over TCP",
        "Deviations in HTTP scenarios",
        "Deviations in the calls of compiled plugins, which are masked",
        "Deviations in node's stream layer",
    ];
    assert_eq!(titles, expected);
    for row in ["  basic ", "  01-ten-bytes ", "  generator ", "  idle-looks ", "  websocket "] {
        assert!(text.lines().any(|line| line.starts_with(row)), "{row}");
    }
}

#[test]
fn a_scenario_of_the_gallery_runs_by_its_name() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/scenarios/01-ten-bytes.toml");
    let named = stdout(atslab().args(["run", "01-ten-bytes", "--explain"]));
    assert_eq!(named, stdout(atslab().args(["run", file, "--explain"])));
    assert_eq!(
        stderr(atslab().args(["run", "01-ten-byte"])),
        "atslab: run: no file and no scenario of the gallery is named \"01-ten-byte\"; \
         did you mean 01-ten-bytes?\n"
    );
}

#[test]
fn each_shell_has_completions_and_each_command_a_page() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = stdout(atslab().args(["completions", shell]));
        assert!(script.contains("soak"), "{shell}");
    }
    for command in ["compare", "run", "fuzz", "serve", "list", "man"] {
        let page = stdout(atslab().args(["man", command]));
        assert!(page.contains(&format!(".SH NAME\natslab\\-{command} \\-")), "{page}");
    }
    assert!(stdout(atslab().arg("man")).contains(".SH SUBCOMMANDS"));
    assert_eq!(
        stderr(atslab().args(["man", "__guard"])),
        "atslab: man: no command is named \"__guard\"\n"
    );
}
