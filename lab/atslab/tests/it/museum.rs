//! `atslab museum`: what it prints, and its exit status.

use crate::common::{atslab, shared, stderr, stdout};

/// The page of TS-3339, as wide as a page is where standard output is no terminal.
#[test]
fn the_page_of_ts_3339() {
    let args = ["museum", "ts-3339", "--schedules", "100", "--no-numbers"];
    let page = stdout(atslab().args(args));
    // The numbers and the schedule are those of a build: its assertions are operations, too.
    let is_of_build = |line: &&str| {
        line.contains(" schedules") || line.starts_with("schedule: ") || line.ends_with("left out")
    };
    let lines: Vec<&str> = page.lines().filter(|line| !is_of_build(line)).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_room_that_the_compiler_refuses_shows_its_error() {
    let page = stdout(atslab().args(["museum", "GH-9433"]));
    assert!(page.contains("    drop(mutex); // The event is freed, and the mutex with it.\n"));
    assert!(page.ends_with("error[E0505]: cannot move out of `mutex` because it is borrowed\n"));
}

/// A table of all rooms.
#[test]
fn the_table_has_each_room_once_and_ends_with_the_surprises() {
    let table = shared("museum").expect("it is played once");
    assert!(table.ends_with("; 0 surprises\n") && table.contains("\nPluginVC\n"), "{table}");
    for room in museum::rooms() {
        let is_its = |line: &&str| line.split_whitespace().next() == Some(&room.id);
        let rows: Vec<&str> = table.lines().filter(is_its).collect();
        assert_eq!(rows.len(), 1, "{}: {rows:?}", room.id);
    }
}

#[test]
fn an_unknown_room_is_answered_with_what_may_be_meant() {
    let error = stderr(atslab().args(["museum", "ts-3338"]));
    assert!(error.contains("ts-3339"), "{error}");
}
