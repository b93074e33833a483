//! `atslab compare`: the table, the first difference, the last line, the exit status.

use crate::common::{Files, atslab, shared, stdout, without_times};
use predicates::prelude::*;
use predicates::str::{contains, ends_with};

#[test]
fn without_a_command_the_cases_of_9_1_3_are_compared() {
    let command = atslab().assert().success().stderr("");
    let text = String::from_utf8_lossy(&command.get_output().stdout).into_owned();
    assert!(text.ends_with("\nidentical: 109 of 109 cases, 1035009 steps\n"), "{text}");
    let results = text.lines().filter(|line| line.ends_with(" ms"));
    assert_eq!(results.count(), 109);
}

#[test]
fn compare_covers_every_generation() {
    let text = shared("compare").expect("it is played once");
    assert!(text.ends_with("\nidentical: 336 of 336 cases, 2841844 steps\n"), "{text}");
}

#[test]
fn a_generation_is_named_by_letter_or_by_release() {
    let with = |which: [&str; 2]| {
        without_times(&stdout(atslab().args(["compare", "--case", "eos"]).args(which)))
    };
    assert_eq!(with(["--epoch", "D"]), with(["--ats", "9.2.9"]));
    assert_ne!(with(["--epoch", "D"]), with(["--ats", "8.1.11"]));
}

#[test]
fn the_same_is_printed_however_many_threads_there_are() {
    let with = |jobs: &str| {
        let cases = ["compare", "--case", "basic", "--case", "g11_zero_read", "--case", "smallt"];
        without_times(&stdout(atslab().args(cases).args(["--jobs", jobs])))
    };
    assert_eq!(with("1"), with("7"));
}

#[test]
fn the_table_has_a_line_a_case_under_its_group() {
    let cases = ["compare", "--case", "g11_zero_read", "--case", "overflow", "--case", "eos"];
    let cases = cases.into_iter().chain(["--epoch", "C"]);
    insta::assert_snapshot!(without_times(&stdout(atslab().args(cases))));
}

#[test]
fn a_step_that_differs_is_shown_with_its_context() {
    let files = Files::with_altered_basic(|lines| {
        assert_eq!(lines[22], "P write_act_on 50");
        lines[22] = "P write_act_on 51".to_owned();
    });
    let assert = files.compare().assert().code(1).stderr("");
    let text = String::from_utf8_lossy(&assert.get_output().stdout).into_owned();
    insta::assert_snapshot!(without_times(&text));
}

#[test]
fn a_port_that_ends_early_is_shown() {
    let files = Files::with_altered_basic(|lines| lines.push("A event 1".to_owned()));
    insta::assert_snapshot!(without_times(&stdout(&mut files.compare())));
}

#[test]
fn a_port_that_goes_on_is_shown() {
    let files = Files::with_altered_basic(|lines| lines.truncate(lines.len() - 2));
    insta::assert_snapshot!(without_times(&stdout(&mut files.compare())));
}

#[test]
fn idle_inactivity_events_do_not_count() {
    let files = Files::with_altered_basic(|lines| {
        let event = lines.iter().position(|line| line == "A event 1").expect("there is one");
        lines.insert(event, "A event 2".to_owned());
    });
    files.compare().assert().success().stdout(ends_with("identical: 1 of 1 cases, 1220 steps\n"));
}

#[test]
fn a_recording_of_another_generation_is_recognised() {
    let of = |epoch| {
        let all = ["steps", "--case", "basic", "--epoch", epoch];
        Files::new([Files::HEADER, Files::BASIC].concat(), &stdout(atslab().args(all)))
    };
    let sentence = "\n\nThis is what 9.2.9 does: with --epoch D every case is identical.\n\n\
                    identical: 0 of 1 cases, 0 steps\n";
    of("D").compare().assert().code(1).stdout(ends_with(sentence));
    let right = of("D").compare().args(["--epoch", "D"]).assert().success();
    right.stdout(contains("This is what").not());
    // A defect is of no epoch.
    let files = Files::with_altered_basic(|lines| lines[1] = "- destroy".to_owned());
    files.compare().assert().code(1).stdout(contains("This is what").not());
}

#[test]
fn one_case_that_differs_does_not_hide_the_others() {
    let files = Files::with_altered_basic(|lines| lines[1] = "- destroy".to_owned());
    let eos = stdout(atslab().args(["steps", "--case", "eos"]));
    let basic = files.unpacked_recording();
    let eos_rows = "eos,active,4000,4000,10,10,8192,10\neos,passive,10,10,6000,6000,8192,10\n";
    let both = Files::new([Files::HEADER, Files::BASIC, eos_rows].concat(), &(basic + &eos));

    let last_line = ends_with("\nidentical: 1 of 2 cases, 54 steps\n");
    both.compare().assert().code(1).stdout(last_line);
    // A selection can leave out the case that differs.
    let last_line = ends_with("\nidentical: 1 of 1 cases, 54 steps\n");
    both.compare().args(["--case", "eos"]).assert().success().stdout(last_line);
}

#[test]
fn colours_are_used_only_where_they_are_wanted() {
    let coloured = || contains("\u{1b}[");
    let files = Files::with_altered_basic(|lines| lines[1] = "- destroy".to_owned());

    files.compare().assert().stdout(coloured().not());
    files.compare().args(["--color", "always"]).assert().stdout(coloured());
    files.compare().args(["--color", "never"]).assert().stdout(coloured().not());
    files.compare().env("CLICOLOR_FORCE", "1").assert().stdout(coloured());
    files
        .compare()
        .env("CLICOLOR_FORCE", "1")
        .env("NO_COLOR", "1")
        .assert()
        .stdout(coloured().not());
}
