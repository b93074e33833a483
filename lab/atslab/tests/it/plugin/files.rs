//! A plugin's files (`tests/plugins/files.c`), and its answers to `CONNECT` (`tests/plugins/tunnel.c`).

use super::Folder;

/// The plugin checks by itself: 403 is right.
const FILES: [&str; 7] = [
    "write",
    "write-and-read",
    "write-behind-the-end",
    "read-over-the-end",
    "read-behind-the-end",
    "nothing",
    "no-file",
];

const TUNNELS: &str = "CONNECT length.test:443\n\nCONNECT close.test:443\n\n\
                       CONNECT refused.test:443\n\nCONNECT silent.test:443\n";

/// The plugin stays; the last request, so that no time goes by in which the tunnel would be closed.
const OPEN: [&str; 3] = ["open.test", "lost.test", "refused-open.test"];

#[test]
fn a_file_is_read_and_written_beside_the_event_threads() {
    let Some(folder) = Folder::with("files") else { return };
    folder.ask_for_all(&FILES);
    let (code, told) = folder.run_plugin("./files.so", &[]);
    let answers = [" 403"; FILES.len()].concat();
    assert_eq!((code, told), (Some(0), format!("answers:{answers}\nfindings: none")));
}

#[test]
fn a_plugin_answers_a_connect() {
    let Some(folder) = Folder::with_requests("tunnel", TUNNELS) else { return };
    let arguments = ["run", "./tunnel.so", "--requests", "requests.txt"];
    let output = folder.atslab(&arguments).output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout);
    let answers: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with("CONNECT "))
        .map(|line| line.split_ascii_whitespace().skip(1).take(3).collect())
        .collect();
    // No body follows the head of an answer to CONNECT, except the proxy's own.
    let expected = [
        ["length.test:443", "200", "0"],
        ["close.test:443", "200", "0"],
        ["refused.test:443", "403", "0"],
        ["silent.test:443", "502", "255"],
    ];
    assert_eq!(answers, expected);
    assert!(text.ends_with("findings: none\n"), "{text}");
}

#[test]
#[ignore = "needs the real server, which tests/live/install unpacks"]
fn in_the_real_server_files_and_tunnels_are_the_same() {
    let folder = Folder::with("files").expect("a C compiler");
    folder.ask_for_all(&FILES);
    let (code, told) = folder.compare("files");
    assert_eq!(code, Some(0), "{told}");
    let folder = Folder::with_requests("tunnel", TUNNELS).expect("a C compiler");
    let (code, told) = folder.compare("tunnel");
    assert_eq!(code, Some(0), "{told}");
    for host in OPEN {
        let requests = format!("CONNECT length.test:443\n\nCONNECT {host}:443\n");
        let folder = Folder::with_requests("tunnel", &requests).expect("a C compiler");
        let (code, told) = folder.compare("tunnel");
        assert_eq!(code, Some(0), "{host}: {told}");
    }
}
