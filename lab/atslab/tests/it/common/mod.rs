//! What the tests of the command share.

#![allow(dead_code, reason = "each test file uses a part of this")]

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::OnceLock;

use assert_cmd::Command;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use tempfile::TempDir;

/// The command, in a terminal-like width and with nothing of the user's environment
/// that decides about colours or the log.
pub(crate) fn atslab() -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("atslab"));
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "RUST_LOG", "RUST_LOG_STYLE"] {
        command.env_remove(variable);
    }
    command.env("COLUMNS", "100");
    command
}

/// What the command prints to standard output.
pub(crate) fn stdout(command: &mut Command) -> String {
    text(command.output().expect("the command starts").stdout)
}

/// What the command prints to standard error.
pub(crate) fn stderr(command: &mut Command) -> String {
    text(command.output().expect("the command starts").stderr)
}

/// Commands that take long, print the same in each folder, and are of several tests.
const SHARED: [&str; 2] = ["museum", "compare"];

/// What this command prints if it is one of those that are played once for all tests.
pub(crate) fn shared(command: &str) -> Option<&'static str> {
    static PLAYED: [OnceLock<String>; SHARED.len()] = [const { OnceLock::new() }; SHARED.len()];
    let at = SHARED.iter().position(|shared| *shared == command)?;
    let play = || text(atslab().arg(command).assert().code(0).get_output().stdout.clone());
    Some(PLAYED[at].get_or_init(play))
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("the command prints UTF-8")
}

/// `text` with a placeholder for every time, however long it took. The title
/// of the column goes too: where it stands depends on the widest time.
pub(crate) fn without_times(text: &str) -> String {
    let line = |line: &str| {
        let time = line.strip_suffix(" ms").or_else(|| line.strip_suffix(" time"));
        let Some(rest) = time else { return format!("{line}\n") };
        let rest = rest.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        format!("{} [time]\n", rest.trim_end())
    };
    text.lines().map(line).collect()
}

/// A folder with the files of a user: `my.csv` and `my.steps.gz`.
pub(crate) struct Files {
    folder: TempDir,
}

impl Files {
    /// The header of every file of cases.
    pub(crate) const HEADER: &str = "case,side,bytes_to_send,nbytes_write,bytes_to_read,nbytes_read,\
                              write_bytes_per,timeout_s\n";

    /// The rows of the case `basic`.
    pub(crate) const BASIC: &str = "basic,active,2000,2000,2000,2000,50,10\n\
                             basic,passive,2000,2000,2000,2000,50,10\n";

    /// The case `basic`, with a recording made by the port and altered by `alter`.
    pub(crate) fn with_altered_basic(alter: impl FnOnce(&mut Vec<String>)) -> Files {
        let text = stdout(atslab().args(["steps", "--case", "basic"]));
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        alter(&mut lines);
        lines.push(String::new());
        Files::new([Files::HEADER, Files::BASIC].concat(), &lines.join("\n"))
    }

    /// These cases, and this text as the recording.
    pub(crate) fn new(cases: impl AsRef<[u8]>, recording: &str) -> Files {
        let files = Files { folder: TempDir::new().expect("a temporary folder can be made") };
        files.write("my.csv", cases.as_ref());
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(recording.as_bytes()).expect("memory takes everything");
        files.write("my.steps.gz", &packer.finish().expect("memory takes everything"));
        files
    }

    /// The text of `my.steps.gz`.
    pub(crate) fn unpacked_recording(&self) -> String {
        let file = File::open(self.path().join("my.steps.gz")).expect("the file is there");
        let mut text = String::new();
        GzDecoder::new(file).read_to_string(&mut text).expect("the file unpacks");
        text
    }

    /// Writes a file into the folder.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path().join(name), bytes).expect("a file can be written");
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The command, in the folder, comparing the two files.
    pub(crate) fn compare(&self) -> Command {
        let mut command = atslab();
        command.current_dir(self.path());
        command.args(["compare", "--cases", "my.csv", "--recording", "my.steps.gz"]);
        command
    }
}
