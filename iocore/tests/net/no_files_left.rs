//! What happens when the process has no file left: connections wait, and are
//! accepted as soon as there is one, though no edge comes for them.
//!
//! The number of files is a limit of the whole process, so this runs in one of its
//! own.

use std::fs::File;
use std::net::TcpStream;
use std::process::Command;

use crate::common::{Stage, machine};

use eventsys::EventCode;
use iocore::IoEvents;

const ACCEPT: EventCode = EventCode::NET_EVENT_ACCEPT;

#[test]
fn who_waits_while_no_file_is_left_is_accepted_later() {
    let this = std::env::current_exe().expect("a test has a file");
    let output = Command::new("sh")
        .args([
            "-c",
            "ulimit -n 40 && exec \"$0\" --ignored --exact no_files_left::with_forty_files",
        ])
        .arg(this)
        .output()
        .expect("there is a shell");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
#[ignore = "needs a process of its own; the other test runs it"]
fn with_forty_files() {
    let stage = Stage::in_virtual_time();
    let acceptor = machine(|_| {});
    let (action, address) = stage.accept(acceptor.cont());
    let peer = TcpStream::connect(address).expect("it is listened on");
    let mut files = Vec::new();
    let error = loop {
        match File::open("/dev/null") {
            Ok(file) => files.push(file),
            Err(error) => break error,
        }
    };
    assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
    assert!(files.len() < 40, "the limit holds");

    stage.thread.run_for(eventsys::hrtime::seconds(1));
    assert_eq!(acceptor.events(), [], "the acceptor is not told: it will pass");
    files.pop();
    stage.run_until(|| acceptor.has(ACCEPT));
    assert_eq!(acceptor.events(), [ACCEPT]);

    drop((files, peer));
    action.cancel();
    acceptor.with(|me| me.close());
    stage.passes(1);
}
