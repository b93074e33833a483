//! What a continuation counts: `tests/plugins/continuations.c`, one way at a time. The ways are those of
//! the public reports #2483, #5944, #4335, #7127, #9329, #1561 and #6576.

use super::Folder;

/// The ways in which the real server goes on, and makes the same calls.
const GOOD: [&str; 15] = [
    "once",
    "once-destroyed",
    "once-cancelled-in-its-callback",
    "once-cancelled-in-its-callback-and-destroyed",
    "every-cancelled-and-destroyed",
    "every-cancelled-by-its-event",
    "cancelled-before",
    "cancelled-twice",
    "done-at-once",
    "destroyed-without-an-event",
    "destroyed-while-due",
    "foreign-thread-locks",
    "intercept-destroyed",
    "thread-locks",
    "destroyed-in-its-last-event",
];

/// The ways that end the real server, and the run here.
const DEADLY: [&str; 6] = [
    "every-cancelled",
    "every-destroyed",
    "destroyed-with-a-new-event",
    "cancelled-late",
    "done-at-once-cancelled",
    "no-mutex",
];

#[test]
fn what_ends_the_real_server_is_a_sentence_and_what_it_survives_goes_on() {
    let Some(folder) = Folder::with("continuations", "GET /x\n") else { return };
    insta::assert_snapshot!(folder.all("continuations", &[&GOOD[..], &DEADLY].concat()));
}

#[test]
#[ignore = "needs the real server, which tests/live/install unpacks"]
fn in_the_real_server_the_same_ways_end_it() {
    let folder = Folder::with("continuations", "GET /x\n").expect("a C compiler");
    let none: [String; 0] = [];
    assert_eq!(folder.ways_that_end_the_real_server("continuations", &GOOD), none);
    assert_eq!(folder.ways_that_end_the_real_server("continuations", &DEADLY), DEADLY);
}
