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
    let Some(folder) = Folder::with_requests("clients", "GET /\n") else { return };
    folder.ask_for_all(&GOOD);
    let (code, told) = folder.run_plugin("./clients.so", &[]);
    let answers = [" 200"; GOOD.len()].concat();
    // One way of the good ones meets a bug of the server's.
    let findings = "findings:\n  TSFetchRespGet: 16032 bytes of the answer's head lie behind its first \
                    block: the real server returns what is in memory there, and crashes if the head \
                    is long\n    at clients.so:+…, in clients.so:+…, event 20001";
    assert_eq!((code, told), (Some(1), format!("answers:{answers}\n{findings}")));
}

#[test]
fn a_mistake_of_a_client_is_a_sentence_with_its_place() {
    let Some(folder) = Folder::with_requests("clients", "GET /\n") else { return };
    insta::assert_snapshot!(folder.each("clients", &MISTAKES));
}

#[test]
#[ignore = "needs the real server, which tests/live/install unpacks"]
fn in_the_real_server_a_client_makes_the_same_calls_in_each_way() {
    let folder = Folder::with_requests("clients", "GET /\n").expect("a C compiler");
    folder.ask_for_all(&GOOD);
    let (code, told) = folder.compare("clients");
    assert_eq!(code, Some(0), "{told}");
}

/// Half a minute; by hand.
#[test]
#[ignore = "needs the server 9.2.9, and kills it"]
fn five_mistakes_of_a_client_kill_9_2_9() {
    let folder = Folder::with_requests("clients", "GET /\n").expect("a C compiler");
    assert_eq!(folder.deadly("clients", &MISTAKES), MISTAKES[..5]);
}
