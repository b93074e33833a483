//! The sentence and the exit status of every kind of error.

use crate::common::{Files, atslab, stderr};
use predicates::prelude::*;
use predicates::str::{contains, starts_with};

/// A recording; no test in this file comes as far as to compare it.
const RECORDING: &str = "case basic\n- create\n- destroy\n";

fn cases(rows: &str) -> String {
    [Files::HEADER, rows].concat()
}

/// The error of `atslab compare` with these files, without `atslab: `.
fn error_with(files: &Files) -> String {
    let assert = files.compare().assert().code(2).stdout("");
    let text = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    let sentence = text.strip_prefix("atslab: ").and_then(|text| text.strip_suffix('\n'));
    sentence.unwrap_or_else(|| panic!("not one sentence: {text}")).to_owned()
}

#[test]
fn a_fault_in_the_cases_names_file_line_and_column() {
    let files = Files::new(cases("g,active,1,2,3,4,5,6\ng,passive,12,x,1,1,1,1\n"), RECORDING);
    let sentence = r#"my.csv:3:14: expected a whole number for nbytes_write, found "x""#;
    assert_eq!(error_with(&files), sentence);
}

#[test]
fn a_fault_in_the_recording_names_file_line_and_column() {
    let files = Files::new(cases(Files::BASIC), "case basic\nA evnt 1\n");
    let sentence = r#"my.steps.gz:2:3: expected the name of a step, found "evnt""#;
    assert_eq!(error_with(&files), sentence);
}

#[test]
fn a_recording_that_is_not_packed() {
    let files = Files::new(cases(Files::BASIC), RECORDING);
    files.write("my.steps.gz", RECORDING.as_bytes());
    let sentence = "my.steps.gz:1:1: expected gzip'd text, found a file that is not gzip'd";
    assert_eq!(error_with(&files), sentence);
}

#[test]
fn a_file_that_is_not_there() {
    let compare = ["compare", "--cases", "none.csv", "--recording", "none.gz"];
    let sentence = "atslab: none.csv: there is no such file\n";
    atslab().args(compare).assert().code(2).stdout("").stderr(sentence);
}

#[test]
fn a_case_that_has_not_been_recorded() {
    let files = Files::new(cases(Files::BASIC), "case other\n- create\n");
    let sentence = "my.steps.gz: case basic of my.csv has not been recorded";
    assert_eq!(error_with(&files), sentence);
}

#[test]
fn an_unknown_case_names_the_close_ones() {
    let error = |name: &str| stderr(atslab().args(["steps", "--case", name]));
    assert_eq!(
        error("bsic2"),
        "atslab: --case: no case is named \"bsic2\"; did you mean basic2 or basic?\n"
    );
    assert_eq!(
        error("werror"),
        "atslab: --case: no case is named \"werror\"; did you mean werr?\n"
    );
    assert_eq!(error("nothing"), "atslab: --case: no case is named \"nothing\"\n");
    atslab().args(["compare", "--case", "bsic2"]).assert().code(2).stdout("");
}

#[test]
fn an_unknown_case_of_a_file_names_the_file() {
    let files = Files::new(cases(Files::BASIC), RECORDING);
    let sentence = "atslab: my.csv: no case is named \"eos\"\n";
    files.compare().args(["--case", "eos"]).assert().code(2).stderr(sentence);
}

#[test]
fn a_server_that_is_not_there_names_the_way_to_get_it() {
    let run = ["run", "--seed", "1", "--live", "--ats", "9.2.9", "--servers", "nowhere"];
    let sentence =
        "atslab: the server 9.2.9 is not in nowhere; run: tests/live/install nowhere 9.2.9\n";
    atslab().args(run).assert().code(2).stdout("").stderr(sentence);
    let fuzz = ["fuzz", "--ats", "9.1.3", "--servers", "nowhere"];
    let sentence =
        "atslab: there is no package of the server 9.1.3; it is compared by its recording only\n";
    atslab().args(fuzz).assert().code(2).stdout("").stderr(sentence);
}

#[test]
fn an_input_without_end_is_refused_by_every_command_that_reads_one() {
    let files = Files::new(cases(Files::BASIC), RECORDING);
    for (args, most) in [
        (&["run", "/dev/zero"][..], "16 MiB"),
        (&["steps", "--cases", "/dev/zero"], "64 MiB"),
        (&["record", "--ats", "9.2.9", "--output", "out.gz", "--cases", "/dev/zero"], "64 MiB"),
        (&["compare", "--cases", "/dev/zero", "--recording", "my.steps.gz"], "64 MiB"),
        (&["compare", "--cases", "my.csv", "--recording", "/dev/zero"], "64 MiB"),
        (&["node", "--check", "/dev/zero"], "64 MiB"),
        (&["fuzz", "--merge", "/dev/zero"], "64 MiB"),
    ] {
        let sentence =
            format!("atslab: /dev/zero: expected a file of {most} at most, found a larger one\n");
        let mut command = atslab();
        command.current_dir(files.path()).args(args);
        command.assert().code(2).stdout("").stderr(sentence);
    }
}

#[test]
fn a_file_name_stays_on_the_line_of_its_sentence() {
    for args in [
        &["run", "a\nb"][..],
        &["steps", "--cases", "a\nb"],
        &["node", "--check", "a\nb"],
        &["fuzz", "--merge", "a\nb"],
    ] {
        let sentence = "atslab: a\\nb: there is no such file\n";
        atslab().args(args).assert().code(2).stdout("").stderr(sentence);
    }
}

#[test]
fn a_case_of_no_progress_is_refused_where_it_stands() {
    let rows = "g,active,100,100,100,100,0,5\ng,passive,100,100,100,100,64,5\n";
    let files = Files::new(cases(rows), RECORDING);
    let sentence = "my.csv:2:26: expected at least 1 for write_bytes_per, so that the 100 bytes \
                    to send are 1000000 pieces at most, found 0";
    assert_eq!(error_with(&files), sentence);
}

#[test]
fn blocks_that_the_plugin_interface_refuses_are_not_tried_live() {
    let files = Files::new("", "");
    let text = "title = \"t\"\nteaches = \"t\"\n[pair]\nbuffer_index = \"64K\"\n";
    files.write("my.toml", text.as_bytes());
    let run = |live: &[&str]| {
        let mut command = atslab();
        command.current_dir(files.path()).args(["run", "my.toml"]).env("ATSLAB_SERVERS", "nowhere");
        command.args(live).assert()
    };
    let sentence = "atslab: my: the real servers cannot be asked: their plugin interface makes \
                    buffers with blocks of 32K at most, and buffer_index is \"64K\"; without \
                    --live the port runs it\n";
    run(&["--live"]).code(2).stdout("").stderr(sentence);
    run(&[]).success();
}

#[test]
fn an_unknown_epoch_names_the_choices() {
    let choices = contains("invalid value 'Z' for '--epoch <EPOCH>'")
        .and(contains("[possible values: B, C, D, E, all]"));
    atslab().args(["compare", "--epoch", "Z"]).assert().code(2).stderr(choices);
}

#[test]
fn cases_and_recording_belong_together() {
    for (given, missing) in [("--cases", "--recording"), ("--recording", "--cases")] {
        atslab().args(["compare", given, "file"]).assert().code(2).stderr(contains(missing));
    }
}

#[test]
fn steps_wants_to_know_which_cases() {
    let both = starts_with("error: the following required arguments were not provided")
        .and(contains("--case <NAME>|--cases <FILE.csv>"));
    atslab().arg("steps").assert().code(2).stderr(both);
}

#[test]
fn no_threads_are_not_enough() {
    atslab().args(["compare", "--jobs", "0"]).assert().code(2).stderr(contains("--jobs"));
}

#[test]
fn a_race_is_explored_and_not_run() {
    let files = Files::new(cases(Files::BASIC), RECORDING);
    let race = "title = \"t\"\nteaches = \"t\"\n[thread.closer]\ndoes = [\"close active\"]\n";
    files.write("my.toml", race.as_bytes());
    let sentence = "atslab: my.toml: a scenario whose threads race is not run but explored: \
                    atslab explore my.toml\n";
    let mut command = atslab();
    command.current_dir(files.path()).args(["run", "my.toml"]);
    command.assert().code(2).stdout("").stderr(sentence);
}

#[test]
fn a_slip_in_a_name_is_answered_with_what_may_be_meant() {
    for (arguments, expected) in [
        (&["http", "--filter", "smugling"][..], "did you mean smuggling?"),
        (&["http", "--filter", "chunked", "--filter", "smugling"], "did you mean smuggling?"),
        (&["bench", "--filter", "timer_cansel"], "did you mean timer_cancel?"),
        (&["serve", "--plugin", "generater"], "'generator'"),
        (&["record", "--ats", "9.2.9", "--suite", "regresion", "-o", "x"], "'regression'"),
    ] {
        atslab().args(arguments).assert().code(2).stderr(contains(expected));
    }
}

/// Another release would be compared with the port of 9.2.9, or not asked at all.
#[test]
fn an_http_scenario_is_refused_for_another_release() {
    let run = ["run", "http-01-one-get"];
    for arguments in [&run[..], &["run", "http-01-one-get", "--live"], &["fuzz", "--http"]] {
        atslab().args(arguments).args(["--ats", "8.1.11"]).assert().code(2).stdout("").stderr(
            "atslab: 8.1.11: HTTP scenarios are for the releases of 9.2, whose HTTP state machine \
             the port mirrors\n",
        );
    }
    atslab().args(run).args(["--ats", "9.2.9"]).assert().code(0);
}
