//! Commands of the pages: what kind they are, and playing them.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::common::shared;

/// What a test does with a command.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// A run of this program, for a shell.
    Atslab(String),
    /// The same, with a real server or the real node.
    Live(String),
    /// An example of a package.
    Example { package: String, name: String },
    /// Tests: there must be some of this name.
    CargoTest { package: String, filter: String },
    /// It is not played here; [`BY_HAND`] says why.
    ByHand,
}

/// The beginnings of commands that no test plays, and why.
pub(super) const BY_HAND: &[(&str, &str)] = &[
    ("cargo build", "the program is there when the test runs"),
    ("cargo run -- run tests/scenarios/*.toml --live --server /opt/ats", "the reader's server"),
    ("cargo run --release -- fuzz --server /opt/ats", "the reader's server"),
    ("cargo run -- diff /opt/ats", "the reader's servers"),
    ("git bisect", "it needs a repository of Traffic Server"),
    ("cargo run --release -- fuzz --ats 9.2.9", "it plays 10,000 scenarios; .ci/run plays 500"),
    ("cargo test --workspace", "this test is a part of it"),
    ("cargo fmt --all", "a step of .ci/run"),
    ("cargo clippy --workspace", "a step of .ci/run"),
    ("RUSTDOCFLAGS='-D warnings' cargo doc", "a step of .ci/run"),
    ("EXPLORE_REPLAY=", "NAME stands for a test that has failed"),
    ("cargo install --locked cargo-mutants", "it installs a program"),
    ("bash .ci/mutants", "it takes hours"),
    ("cargo bench", "it measures"),
    ("valgrind --tool=callgrind", "it measures"),
    ("apt-get install wrk", "it installs a program"),
    ("tests/live/install", "a step of .ci/run"),
    ("tests/live/load", "it measures for minutes"),
    ("tests/live/pgo", "it takes as long as two release builds"),
    ("rustup component add llvm-tools", "it installs a program"),
    ("ATSLAB=target/pgo/use/release/atslab tests/live/load", "it measures for minutes"),
    ("tests/live/idle", "it measures"),
    ("cargo run --release -- bench", "it measures for minutes; .ci/run plays it with --quick"),
    ("atslab soak --seconds 300", "it takes five minutes; the tests play two seconds"),
    ("atslab serve", "it serves until it is ended; serve.rs plays it"),
    ("cargo run -p iocore --example echo_server", "it serves until it is ended"),
    ("nc 127.0.0.1 7007", "it talks to the echo server"),
    ("cargo run --release -- http fuzz", "it takes a minute; .ci/run plays 1,000"),
    ("atslab fuzz --ats 9.2.9", "it plays 10,000 scenarios; .ci/run plays 500"),
    ("target/release/atslab fuzz --count 100", "it shows a planted fault"),
    ("cargo run --release -- fuzz --ats 8.1.11", "it plays 1,000 scenarios; .ci/run plays 500"),
    ("atslab run findings/", "it shows a planted fault"),
    ("diff pluginvc/src/epoch/", "people read its answer"),
    ("cp pluginvc/src/epoch/d.rs", "it begins a change of the sources"),
    ("INSTA_UPDATE=always cargo test", "it writes snapshots of a scenario that the reader makes"),
    ("atslab course check", "it builds the workspace; the tests of the course judge each lesson"),
    ("cargo install --path lab/atslab", "it installs a program"),
    ("LESSON=7 cargo test -p course", "a step of .ci/run"),
    ("git status", "its answer depends on the reader's clone"),
];

/// Words of a command that mean a real program, or a file that one has written.
const LIVE: [&str; 9] = [
    "atslab diff 8.1.11 9.2.9",
    "atslab plugin ",
    "--live",
    " fuzz",
    " record ",
    "--record ",
    "mine.answers",
    "target/live/",
    "tests/live/",
];

impl Kind {
    pub(super) fn of(command: &str) -> Kind {
        let is_by_hand = |(name, _): &(&str, &str)| command.starts_with(name);
        if BY_HAND.iter().any(is_by_hand) {
            return Kind::ByHand;
        }
        let words: Vec<&str> = command.split_whitespace().collect();
        match words.as_slice() {
            ["cargo", "run", "-p", package, "--example", name] => {
                return Kind::Example { package: (*package).into(), name: (*name).into() };
            }
            ["cargo", "test", "-p", package, rest @ ..] => {
                let filter = rest.last().copied().unwrap_or_default();
                return Kind::CargoTest { package: (*package).into(), filter: filter.into() };
            }
            _ => {}
        }
        let plain = command
            .replace("cargo run --release --", "atslab")
            .replace("cargo run -- ", "atslab ")
            .replace("cargo run --release", "atslab")
            .replace("cargo run", "atslab")
            .replace("target/release/atslab", "atslab");
        if !plain.split(' ').any(|word| word == "atslab") {
            return Kind::ByHand;
        }
        if LIVE.iter().any(|word| plain.contains(word)) {
            Kind::Live(plain)
        } else {
            Kind::Atslab(plain)
        }
    }
}

/// A folder that looks like the root of the repository, and into which commands may write.
pub(super) struct Workshop {
    folder: TempDir,
    root: PathBuf,
    /// How many entries the folder has before any command.
    links: usize,
}

/// What commands have printed that found a workshop untouched and left it so: it depends on the
/// command alone, whichever page shows it.
#[derive(Default)]
pub(super) struct Answers(HashMap<String, String>);

impl Workshop {
    pub(super) fn new(root: &Path) -> Workshop {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut links = 0;
        for entry in fs::read_dir(root).expect("the root is there") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name");
            symlink(&path, folder.path().join(name)).expect("a link");
            links += 1;
        }
        Workshop { folder, root: root.to_owned(), links }
    }

    fn is_untouched(&self) -> bool {
        fs::read_dir(&self.folder).expect("the folder is there").count() == self.links
    }

    /// What [`Workshop::play`] says, or what it said before if it can only be the same.
    pub(super) fn answer(
        &self,
        command: &str,
        kind: &Kind,
        answers: &mut Answers,
    ) -> Result<String, String> {
        if let Kind::Atslab(text) = kind
            && let Some(known) = text.strip_prefix("atslab ").and_then(shared)
        {
            return Ok(known.trim_end_matches('\n').to_owned());
        }
        let was_untouched = self.is_untouched();
        if let Some(known) = answers.0.get(command).filter(|_| was_untouched) {
            return Ok(known.clone());
        }
        let answer = self.play(kind);
        if let Ok(text) = &answer
            && was_untouched
            && self.is_untouched()
        {
            answers.0.insert(command.to_owned(), text.clone());
        }
        answer
    }

    /// A file for the commands that follow.
    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), format!("{text}\n")).expect("a file");
    }

    /// What the command prints on standard output; or why it failed.
    pub(super) fn play(&self, kind: &Kind) -> Result<String, String> {
        let mut command = match kind {
            Kind::Atslab(text) | Kind::Live(text) => {
                // By its path: for a name and another PATH the library would fork, and copy the tables
                // of this process's memory each time.
                let mut shell = Command::new("/bin/sh");
                let program = PathBuf::from(env!("CARGO_BIN_EXE_atslab"));
                let folder = program.parent().expect("a folder").display().to_string();
                let path = std::env::var("PATH").unwrap_or_default();
                shell.args(["-c", text]).env("PATH", format!("{folder}:{path}"));
                shell
            }
            Kind::Example { package, name } => self.example(package, name),
            Kind::CargoTest { .. } | Kind::ByHand => return Err("this is not played".into()),
        };
        command.current_dir(self.folder.path()).env("NO_COLOR", "1").env("BROWSER", "true");
        if matches!(kind, Kind::Atslab(_)) {
            // A page that no browser opens goes away with this folder.
            command.env("TMPDIR", self.folder.path());
        }
        let output = command.output().map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned();
        // Status 1 is an answer, too: something differs.
        if matches!(output.status.code(), Some(0 | 1)) {
            return Ok(text);
        }
        let told = String::from_utf8_lossy(&output.stderr);
        Err(format!("{}\n{text}\n{told}", output.status))
    }

    /// The example as `cargo test` has built it beside this test, or built now.
    fn example(&self, package: &str, name: &str) -> Command {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_atslab"));
        let built = program.with_file_name("examples").join(name);
        if built.exists() {
            return Command::new(built);
        }
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["run", "--quiet", "--manifest-path"]).arg(self.root.join("Cargo.toml"));
        cargo.args(["-p", package, "--example", name]);
        cargo
    }
}

/// True if `found` is what a page shows: line by line, where a line `…` stands for any
/// lines and a time for any time.
pub(super) fn fits(shown: &str, found: &str) -> bool {
    let [shown, found] = [shown, found].map(|text| text.trim_end_matches('\n'));
    let found: Vec<String> = found.lines().map(timeless).collect();
    let mut rest = found.as_slice();
    let mut parts = shown.lines().map(timeless).collect::<Vec<_>>();
    let is_open = parts.last().is_some_and(|line| line.trim() == "…");
    if is_open {
        parts.pop();
    }
    let mut any = false;
    for run in parts.split(|line| line.trim() == "…") {
        let at = match any {
            false => usize::from(!rest.starts_with(run)) * usize::MAX,
            true => rest
                .windows(run.len().max(1))
                .position(|part| part == run || run.is_empty())
                .unwrap_or(usize::MAX),
        };
        if at == usize::MAX {
            return false;
        }
        rest = &rest[(at + run.len()).min(rest.len())..];
        any = true;
    }
    is_open || rest.is_empty()
}

/// The line with each time replaced, and with two blanks where there are more: the widths of
/// a table's columns depend on the lines that the page leaves out.
fn timeless(line: &str) -> String {
    let text = line.trim_start();
    let mut words: Vec<&str> =
        text.split("  ").map(str::trim).filter(|word| !word.is_empty()).collect();
    for word in &mut words {
        let time = word.strip_suffix(" ms").or_else(|| word.strip_suffix(" s"));
        if time.is_some_and(|number| number.contains('.') && number.parse::<f64>().is_ok()) {
            *word = "TIME";
        }
    }
    format!("{}{}", &line[..line.len() - text.len()], words.join("  "))
}

/// Whether the package has a test with `filter` in its name, or a test file of that name.
pub(super) fn find_tests(root: &Path, package: &str, filter: &str) -> Result<(), String> {
    let folder = match package {
        "conformance" => "tests".to_owned(),
        "explorations" => "lab/explored/explorations".to_owned(),
        package => match package.strip_suffix("-tests") {
            Some(tested) => format!("{tested}/tests"),
            None => package.to_owned(),
        },
    };
    if filter.chars().all(char::is_uppercase) || filter == package {
        return Ok(());
    }
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| error.to_string())? {
            let path = entry.map_err(|error| error.to_string())?.path();
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if stem == filter {
                return Ok(());
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap_or_default();
                if text
                    .lines()
                    .any(|line| line.trim_start().starts_with("fn ") && line.contains(filter))
                {
                    return Ok(());
                }
            }
        }
    }
    Err(format!("no test of {package} has {filter} in its name"))
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn an_ellipsis_stands_for_any_lines_and_a_time_for_any_time() {
        assert!(fits("a\nb", "a\nb\n"));
        assert!(!fits("a", "a\nb"));
        assert!(!fits("a\nb", "a"));
        assert!(fits("a\n…", "a\nb\nc"));
        assert!(fits("…\nc", "a\nb\nc"));
        assert!(!fits("…\nb", "a\nb\nc"));
        assert!(fits("a\n…\nc\n…\ne", "a\nb\nc\nd\ne"));
        assert!(!fits("a\n…\nx\n…\ne", "a\nb\nc\nd\ne"));
        assert!(fits("basic   0.30 ms", "basic  12.75 ms"));
        assert!(!fits("basic   0.30 ms", "basic2   0.30 ms"));
        assert!(fits("basic   1220  same   0.3 ms", "basic      1220  same  12.3 ms"));
        assert!(!fits("after 1.5 s all", "after 1.6 s all"));
    }
}
