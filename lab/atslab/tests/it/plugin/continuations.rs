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
    "intercept-without-a-mutex",
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
    let Some(folder) = Folder::with_requests("continuations", "GET /\n") else { return };
    let ways = [&GOOD[..], &DEADLY, &["thread-locks"]].concat();
    insta::assert_snapshot!(folder.each("continuations", &ways));
}

#[test]
#[ignore = "needs the real server, which tests/live/install unpacks"]
fn in_the_real_server_the_handlers_are_called_as_often() {
    let folder = Folder::with_requests("continuations", "GET /\n").expect("a C compiler");
    folder.ask_for_all(&GOOD);
    let (code, told) = folder.compare("continuations");
    assert_eq!(code, Some(0), "{told}");
}

/// Half a minute; by hand.
#[test]
#[ignore = "needs the server 9.2.9, and kills it"]
fn each_deadly_way_kills_9_2_9() {
    let folder = Folder::with_requests("continuations", "GET /\n").expect("a C compiler");
    assert_eq!(folder.deadly("continuations", &DEADLY), DEADLY);
}
