//! Plugins as clients: `tests/plugins/clients.c`, one way at a time.

use super::Folder;

/// The ways that the real server answers, too.
const GOOD: [&str; 30] = [
    "connect",
    "connect-id",
    "connect-options",
    "connect-options-small",
    "connect-long-body",
    "connect-fails",
    "url",
    "url-length-by-nul",
    "url-long-body",
    "url-long-head",
    "url-fails",
    "url-empty",
    "url-chunked",
    "url-chunked-dechunk",
    "url-after-header",
    "url-after-header-long-head",
    "url-no-callback",
    "url-pages",
    "stream",
    "stream-long-body",
    "stream-long-head",
    "stream-chunked-dechunk",
    "stream-empty",
    "stream-of-a-head",
    "stream-post",
    "stream-new-lock",
    "stream-new-lock-post",
    "stream-not-internal",
    "stream-fails",
    "stream-destroyed-at-the-head",
];

/// Where the run ends. The real server crashes in all of these but the last two, in which it runs on
/// with memory that it has freed.
const MISTAKES: [&str; 7] = [
    "connect-without-a-port",
    "fetch-url-without-a-mutex",
    "stream-chunked",
    "stream-to-the-end",
    "stream-written-before-the-launch",
    "stream-destroyed-twice",
    "fetch-used-after-its-end",
];

#[test]
fn a_plugin_is_a_client_in_each_way_of_the_interface() {
    let Some(folder) = Folder::with("clients", "GET /x\n") else { return };
    for way in GOOD {
        let (code, told) = folder.run_plugin(&format!("./clients.so {way}"), &[]);
        assert_eq!((code, told.as_str()), (Some(0), "answers: 200\nfindings: none"), "{way}");
    }
}

#[test]
fn a_mistake_of_a_client_is_a_sentence_with_its_place() {
    let Some(folder) = Folder::with("clients", "GET /x\n") else { return };
    insta::assert_snapshot!(folder.all("clients", &MISTAKES));
}

#[test]
#[ignore = "needs the real server, which tests/live/install unpacks"]
fn in_the_real_server_each_way_makes_the_same_calls_and_the_mistakes_end_it() {
    let folder = Folder::with("clients", "GET /x\n").expect("a C compiler");
    let none: [String; 0] = [];
    assert_eq!(folder.ways_that_end_the_real_server("clients", &GOOD), none);
    assert_eq!(folder.ways_that_end_the_real_server("clients", &MISTAKES[..5]), MISTAKES[..5]);
}
