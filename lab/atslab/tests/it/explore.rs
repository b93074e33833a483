//! `atslab explore`: what it finds, what it prints, and that it finds it again.

use std::fs;

use assert_cmd::Command;
use predicates::str::{contains, starts_with};
use serde_json::Value;

use crate::common::{atslab, stderr, stdout};

/// `atslab explore` with these arguments, on one thread of the system.
fn explore(args: &[&str]) -> Command {
    let mut command = atslab();
    command.arg("explore").args(args);
    command
}

/// The only line of JSON.
fn json(args: &[&str]) -> Value {
    let text = stdout(explore(args).args(["--format", "json"]));
    serde_json::from_str(text.trim_end()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// A race of the gallery: what each needs to show its defect, what is then found, with how
/// many interruptions; and what keeps it from being found.
type Race = (&'static str, &'static [&'static str], &'static str, u64, Mended);
type Mended = Option<&'static [&'static str]>;

const RACES: [Race; 10] = [
    (
        "reader-shuts-read",
        &["--rearm", "ts-3339"],
        "use after free: READ_READY to the passive end's user, which had been freed",
        1,
        Some(&[]),
    ),
    (
        "writer-shuts-write",
        &[],
        "use after free: WRITE_COMPLETE to the active end's user, which had been freed",
        1,
        Some(&["--epoch", "C"]),
    ),
    (
        "shutdown-without-a-lock",
        &[],
        "contract: READ_READY to the passive end after its shutdown read had returned",
        1,
        Some(&["--correct", "shutdown-takes-core-lock"]),
    ),
    (
        "set-active-timeout",
        &[],
        "",
        1,
        Some(&["--correct", "timeouts-take-core-lock", "--bound", "1"]),
    ),
    (
        "timeout-outlives-the-pair",
        &[],
        "panic: magic == PLUGIN_VC_MAGIC_ALIVE",
        1,
        Some(&["--correct", "timeouts-take-core-lock"]),
    ),
    ("lost-wake-up", &[], "lost wake-up: ", 1, Some(&["--correct", "blocking-signal"])),
    (
        "deadlock-over-m2",
        &[],
        "deadlock: event thread waits for A.deputy.mutex, held by closer; \
         closer waits for core.mutex, held by event thread",
        1,
        Some(&["--correct", "reenable-tries"]),
    ),
    (
        "two-locks-for-one-event",
        &[],
        "panic: !deletable",
        1,
        Some(&["--correct", "retry-event-exchange", "--bound", "1"]),
    ),
    ("closed-by-a-thread-of-a-plugin", &["--rearm", "ts-3235"], "", 1, Some(&["--bound", "1"])),
    (
        "closed-while-a-timeout-fires",
        &["--rearm", "ts-3949", "--rearm", "ts-3235"],
        "",
        1,
        Some(&["--bound", "1"]),
    ),
];

#[test]
fn each_race_of_the_gallery_does_what_it_teaches() {
    for (race, options, violation, interruptions, mended) in RACES {
        let found = json(&[&[race], options].concat());
        let is =
            format!("{}: {}", text(&found["violation"]["kind"]), text(&found["violation"]["text"]));
        assert!(is.starts_with(violation), "{race}: {is}");
        assert_eq!(found["interruptions"], interruptions, "{race}: {is}");
        assert_eq!(found["minimal"], true, "{race}: {is}");
        if let Some(mended) = mended {
            let clean = json(&[&[race], mended].concat());
            assert_eq!(clean["violation"], Value::Null, "{race} mended: {clean}");
            let sweeps = clean["report"]["sweeps"].as_array().expect("sweeps");
            assert!(sweeps.iter().all(|sweep| sweep["complete"] == true), "{race}: {sweeps:?}");
        }
    }
}

#[test]
fn a_shutdown_is_a_race_in_9_2_9_and_none_in_10_2_0() {
    let of = |release| json(&["shutdown-without-a-lock", "--ats", release]);
    let found = of("9.2.9");
    assert_eq!(found["violation"]["kind"], "contract", "{found}");
    let clean = of("10.2.0");
    assert_eq!(clean["violation"], Value::Null, "{clean}");
    let sweeps = clean["report"]["sweeps"].as_array().expect("sweeps");
    assert!(sweeps.iter().all(|sweep| sweep["complete"] == true), "{sweeps:?}");
}

#[test]
fn a_race_without_a_defect_is_clean() {
    for race in ["race-of-the-timers", "write-moves-to-another-mutex", "close-under-its-own-mutex"]
    {
        let clean = json(&[race, "--bound", "1"]);
        assert_eq!(clean["violation"], Value::Null, "{clean}");
    }
    explore(&["race-of-the-timers"]).assert().code(0).stdout(contains("none of them violates"));
}

#[test]
fn the_columns_of_ts_3339_show_the_look_the_store_and_the_lock_in_this_order() {
    let args = ["reader-shuts-read", "--rearm", "ts-3339", "--no-numbers", "--color", "never"];
    let output = explore(&args).assert().code(1);
    let text = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
    let columns = text.split_once("\nT1 ").expect("columns").1;
    insta::assert_snapshot!("the_columns_of_ts_3339", format!("T1 {columns}"));
    let place = |what: &str| columns.find(what).unwrap_or_else(|| panic!("no {what}\n{text}"));
    let look = place("epoch/c.rs  if other.read");
    let store = place("vc.rs  end.read.shutdown.set()");
    let lock = place("try P.mutex  locks.rs");
    assert!(look < store && store < lock && lock < place("back: READ_READY"), "{text}");
}

/// An exploration does not judge it, and says so.
#[test]
fn a_race_has_no_expectation() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("race.toml");
    let race = "title = 'a'\nteaches = 'b'\n[active]\non_connect = ['close']\n\
                [thread.other]\ndoes = ['close passive']\n[expect]\nfinish = 'freed'\n";
    std::fs::write(&file, race).unwrap();
    let refused = explore(&[file.to_str().unwrap()]).assert().code(2);
    refused.stderr(contains("race.toml: [expect] judges a run, and a race is not run"));
}

#[test]
fn a_schedule_is_run_again_in_another_process_and_is_refused_by_another_program() {
    let found = json(&["reader-shuts-read", "--rearm", "ts-3339"]);
    let schedule = text(&found["schedule"]);
    let again = json(&["reader-shuts-read", "--rearm", "ts-3339", "--schedule", schedule]);
    assert_eq!(again["violation"], found["violation"]);
    assert_eq!(again["rows"], found["rows"]);

    let refused = explore(&["reader-shuts-read", "--schedule", schedule]).assert().code(2);
    refused.stderr(contains("the schedule is of another program"));
    let (_, plain) = schedule.split_once(':').expect("a check word");
    explore(&["reader-shuts-read", "--schedule", plain]).assert().code(0);
    let wrong = explore(&["reader-shuts-read", "--schedule", "a0.b*"]).assert().code(2);
    wrong.stderr(contains("is no part of a schedule"));
}

#[test]
fn three_processes_share_a_search_and_their_parts_make_the_same_statement() {
    let folder = tempfile::tempdir().expect("a folder");
    let armed = &["reader-shuts-read", "--rearm", "ts-3339"];
    for (options, is_clean) in [(&["reader-shuts-read"][..], true), (armed, false)] {
        let whole = json(options);
        let parts: Vec<String> = (1..=3)
            .map(|part| {
                let shard = format!("{part}/3");
                let text = stdout(
                    explore(options).args(["--shard", &shard, "--jobs", "1", "--format", "json"]),
                );
                let file = folder.path().join(format!("{part}.json"));
                fs::write(&file, text).expect("a file");
                file.to_string_lossy().into_owned()
            })
            .collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let merged = json(&[&["--merge"], &parts[..]].concat());
        // A part that finds nothing goes on, so with a violation there are more schedules.
        if is_clean {
            assert_eq!(merged["report"]["sweeps"], whole["report"]["sweeps"]);
        }
        assert_eq!(merged["schedule"], whole["schedule"]);
        assert_eq!(merged["violation"], whole["violation"]);

        let lacking = explore(&["--merge", parts[0], parts[2]]).assert().code(2);
        lacking.stderr(contains("part 2 of 3 is missing"));
    }
}

#[test]
fn the_user_is_the_scheduler() {
    let mut play = explore(&["two-locks-for-one-event", "--play", "--no-numbers"]);
    let clean = play.write_stdin("go\n").assert();
    clean.code(0).stdout(contains("go on with")).stdout(contains("no violation"));

    // An answer that is no letter of a thread is asked for again.
    let mut play = explore(&["two-locks-for-one-event", "--play"]);
    play.write_stdin("x\n\ngo\n").assert().stdout(contains("found \"x\""));
}

/// Not by the explorer's numbers: a place, an operation and an object; and what a thread of the
/// scenario is there for.
#[test]
fn the_choices_say_what_each_thread_would_do_next() {
    let mut play = explore(&["reader-shuts-read", "--play", "--no-numbers"]);
    let output = play.write_stdin("\n\n\ngo\n").assert().code(0).get_output().stdout.clone();
    let text = String::from_utf8(output).expect("text");
    let lines = |thread: &str| -> Vec<&str> {
        text.lines().filter_map(|line| line.strip_prefix(thread)).collect()
    };
    let event_thread = lines("  a  T1 event thread  ");
    assert_eq!(event_thread.len(), 4, "{text}");
    let third = event_thread[2];
    assert!(third.starts_with("read P.closed  transfer.rs  if other.closed.is_set()"), "{text}");
    let reader = lines("  b  T2 reader        ");
    assert_eq!(
        reader,
        ["begins: lock passive, shutdown passive read, free passive, unlock passive"; 4]
    );
}

#[test]
fn a_program_that_plays_finds_ts_3339() {
    // The reader goes on as soon as it may: after so many answers the first look has been taken.
    let answers = |before: usize| format!("{}b\ngo\n", "\n".repeat(before));
    let found = (0..60).any(|before| {
        let mut play = explore(&["reader-shuts-read", "--rearm", "ts-3339", "--play"]);
        let output = play.write_stdin(answers(before)).output().expect("it runs");
        output.status.code() == Some(1)
    });
    assert!(found, "one interruption leads to it");
}

#[test]
fn an_unknown_name_is_answered_with_what_may_be_meant() {
    let error = |args: &[&str]| stderr(&mut explore(args));
    assert_eq!(
        error(&["reader-shuts-read", "--rearm", "ts-3338"]).trim_end(),
        "atslab: --rearm: no defect is named \"ts-3338\"; did you mean ts-3339 or ts-3235?"
    );
    assert_eq!(
        error(&["reader-shuts-read", "--correct", "lock-again"]).trim_end(),
        "atslab: --correct: no correction is named \"lock-again\"; did you mean look-again?"
    );
    explore(&["reader-shut-read"])
        .assert()
        .code(2)
        .stderr(contains("did you mean reader-shuts-read"));
    explore(&["my.toml"]).assert().code(2).stderr("atslab: my.toml: there is no such file\n");
}

#[test]
fn a_fault_in_the_file_names_line_and_column() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("my.toml");
    fs::write(&file, "title = \"t\"\nteaches = \"t\"\n[thread.a]\ndoes = [\"lok active\"]\n")
        .expect("a file");
    let mut command = explore(&["my.toml"]);
    command.current_dir(folder.path());
    command
        .assert()
        .code(2)
        .stdout("")
        .stderr(starts_with("atslab: my.toml:4:10: expected an operation"));
}

#[test]
fn random_strategies_have_seeds_and_find_it_too() {
    for strategy in ["pos", "pct"] {
        let args =
            ["reader-shuts-read", "--rearm", "ts-3339", "--strategy", strategy, "--seed", "3"];
        let found = json(&[&args[..], &["--schedules", "3000", "--jobs", "1"]].concat());
        let again = json(&[&args[..], &["--schedules", "3000", "--jobs", "1"]].concat());
        assert_eq!(found["violation"]["kind"], "use after free", "{strategy}");
        assert_eq!(found["schedule"], again["schedule"], "{strategy}");
    }
}

#[test]
fn a_row_has_the_mutexes_that_its_thread_holds_and_all_rows_are_there() {
    let found = json(&["deadlock-over-m2"]);
    let list = |key: &str| found[key].as_array().expect("a list").clone();
    let (rows, all) = (list("rows"), list("all"));
    let operations = |rows: &[Value]| rows.iter().filter(|row| row["op"].is_string()).count();
    assert_eq!(Some((operations(&all) - operations(&rows)) as u64), found["hidden"].as_u64());
    // Each of the two waits for a mutex that the other one holds.
    let waits = |task: u64| {
        let row = rows.iter().find(|row| row["task"] == task && row["waits_for_ever"].is_string());
        row.unwrap_or_else(|| panic!("task {task} waits: {rows:#?}")).clone()
    };
    let held = |task| -> Vec<String> {
        let held = waits(task)["held"].as_array().expect("a list").clone();
        held.iter().map(|name| text(name).to_owned()).collect()
    };
    assert!(held(0).contains(&"core.mutex".to_owned()), "{:?}", held(0));
    assert!(!held(0).contains(&"A.deputy.mutex".to_owned()), "it waits for this one");
    assert_eq!(held(1), ["A.deputy.mutex"]);
}

#[test]
fn the_page_has_the_interleaving_that_was_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("race.html");
    let name = file.to_str().expect("a path");
    explore(&["deadlock-over-m2", "--html", name]).assert().code(1);
    let page = fs::read_to_string(&file).expect("the page");
    for part in ["\"kind\":\"interleaving\"", "held by closer", "\"A.deputy.mutex\""] {
        assert!(page.contains(part), "{part} is missing");
    }
    fs::remove_file(&file).expect("the page");

    // With nothing found there is nothing to show, and no file.
    explore(&["reader-shuts-read", "--html", name])
        .assert()
        .code(0)
        .stdout(contains("no page: there is no interleaving to show"));
    assert!(!file.exists());
    explore(&["reader-shuts-read", "--schedule", "a*", "--html", name]).assert().code(0);
    assert!(fs::read_to_string(&file).expect("the page").contains("\"kind\":\"interleaving\""));
}
