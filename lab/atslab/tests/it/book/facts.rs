//! Numbers in sentences that can be counted: what a page says is what is there.
//!
//! Numbers in the output of a command are compared with the command. Times and sizes that were
//! measured stand beside the command that measures them.

use std::fs;

use conformance::ats::http::Case as HttpCase;
use conformance::ats::{Epoch, Suite, gallery};

use super::root;
use crate::common::atslab;

/// The steps of all cases of a suite that were recorded in an epoch.
fn steps(suite: Suite, epoch: Epoch) -> usize {
    let recording = suite.recording(epoch);
    recording.map_or(0, |one| one.cases().iter().map(|case| case.steps.len()).sum())
}

fn cases(suite: Suite, epoch: Epoch) -> usize {
    suite.recording(epoch).map_or(0, |recording| recording.cases().len())
}

/// To the next thousand, as people write it: `756,000`.
fn thousands(number: usize) -> String {
    format!("{},000", (number + 500) / 1000)
}

fn assert_says(page: &str, text: &str) {
    let read =
        fs::read_to_string(root().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"));
    assert!(read.contains(text), "{page} does not say {text:?}, and that is true");
}

#[test]
fn the_cases_and_steps_of_the_recordings_are_counted() {
    let all =
        || Suite::ALL.iter().flat_map(|suite| Epoch::ALL.iter().map(|epoch| (*suite, *epoch)));
    let count: usize = all().map(|(suite, epoch)| cases(suite, epoch)).sum();
    let sum: usize = all().map(|(suite, epoch)| steps(suite, epoch)).sum();
    #[allow(clippy::cast_precision_loss)] // To one digit behind the point.
    let millions = sum as f64 / 1e6;
    let has_cases = |epoch: &&Epoch| all().any(|(suite, of)| of == **epoch && cases(suite, of) > 0);
    let servers = Epoch::ALL.iter().filter(has_cases).count();
    let servers = ["no", "one", "two", "three", "four", "five"][servers];
    let text = format!("{count} cases of {servers} servers, {millions:.1} million steps");
    assert_says("README.md", &text);
    for epoch in Epoch::ALL.iter().copied() {
        let generated = match steps(Suite::Generated, epoch) {
            0 => "–".to_owned(),
            count => format!("{} steps", thousands(count)),
        };
        let regression = match steps(Suite::Regression, epoch) {
            0 => "–".to_owned(),
            count => format!("{} steps", thousands(count)),
        };
        let (release, name) = (epoch.release(), epoch.name());
        assert_says(
            "docs/src/recordings.md",
            &format!("| {release} | {name} | {regression} | {generated} |"),
        );
    }
}

#[test]
fn what_was_recorded_of_http_and_of_node_is_counted() {
    assert_says("README.md", &format!("{} recorded clients", HttpCase::all().len()));
    let files = fs::read_dir(root().join("tests/node")).expect("a folder");
    let files = files.map(|entry| entry.expect("an entry").path());
    let files = files.filter(|path| path.extension().is_some_and(|end| end == "jsonl"));
    let lines = |path| fs::read_to_string(path).expect("a file").lines().count();
    let scenarios: usize = files.map(lines).sum();
    assert_says("docs/src/node.md", &format!("{scenarios} scenarios were recorded from node"));
    assert_says("streamlisten/README.md", &format!("{scenarios} scenarios that were recorded"));
}

#[test]
fn the_scenarios_of_the_gallery_are_counted() {
    let count = gallery::names().count();
    assert_says(
        "docs/src/live.md",
        &format!("The gallery of `tests/scenarios`, {count} scenarios"),
    );
}

/// The sizes of the pages of `atslab view`, in KB to the next one.
#[test]
fn the_sizes_of_the_pages_are_measured() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("page.html");
    let page = |arguments: &[&str]| {
        atslab().arg("view").args(arguments).arg("--html").arg(&file).assert().success();
        fs::read_to_string(&file).expect("a page")
    };
    let one = page(&["01-ten-bytes", "--book", "x", "--source", "x"]);
    let data =
        one.split("type=\"application/json\">").nth(1).and_then(|it| it.split("</script>").next());
    let empty = one.len() - data.expect("the data").len();
    let kb = |bytes: usize| (bytes + 500) / 1000;
    let gallery = page(&["--book", "x", "--source", "x"]).len();
    let (empty, gallery) = (kb(empty), kb(gallery));
    assert_says("docs/src/view.md", &format!("The page has {empty} KB without its runs"));
    assert_says("docs/src/view.md", &format!("the whole gallery in all epochs has {gallery} KB"));
}
