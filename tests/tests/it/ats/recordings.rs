//! Reading recordings: the contents of the built-in files, and one sentence for every
//! fault that a file can have.

use std::io::Write;
use std::path::Path;

use conformance::ats::{Epoch, Recording, Suite};
use flate2::Compression;
use flate2::write::GzEncoder;

fn gzip(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(text.as_ref()).expect("memory takes everything");
    packer.finish().expect("memory takes everything")
}

fn fault(text: impl AsRef<[u8]>) -> String {
    fault_in_packed(&gzip(text))
}

fn fault_in_packed(bytes: &[u8]) -> String {
    Recording::from_gzip("r.gz", bytes).expect_err("the file has a fault").to_string()
}

#[test]
fn every_case_of_the_suites_has_been_recorded() {
    for (suite, &epoch) in Suite::ALL.iter().flat_map(|s| Epoch::ALL.iter().map(move |e| (s, e))) {
        let Some(recording) = suite.recording(epoch) else {
            assert_eq!((*suite, epoch), (Suite::Generated, Epoch::B), "the only one missing");
            continue;
        };
        let recorded: Vec<_> = recording.cases().iter().map(|case| &case.name).collect();
        let cases: Vec<_> = suite.cases().iter().map(|case| &case.name).collect();
        assert_eq!(recorded, cases);
    }
}

#[test]
fn the_recordings_are_complete() {
    let steps = |suite: Suite| -> usize {
        let recording = suite.recording(Epoch::C).expect("it has been recorded");
        recording.cases().iter().map(|case| case.steps.len()).sum()
    };
    assert_eq!(steps(Suite::Regression), 756_170);
    assert_eq!(steps(Suite::Generated), 278_913);
}

#[test]
fn steps_know_their_line() {
    let recording =
        Recording::from_gzip("r.gz", &gzip("case a\n- create\ncase b\nA event 1\nP event 2\n"));
    let recording = recording.expect("the file is good");
    let b = recording.case("b").expect("b has been recorded");
    assert_eq!((b.line, b.line_of(0), b.line_of(1)), (3, 4, 5));
    assert_eq!(b.steps[1].to_string(), "P event 2");
    assert!(recording.case("c").is_none());
}

#[test]
fn packed_files_may_be_joined() {
    let joined = [gzip("case a\n- create\n"), gzip("case b\n- create\n")].concat();
    let recording = Recording::from_gzip("r.gz", &joined).expect("the file is good");
    assert_eq!(recording.cases().len(), 2);
}

#[test]
fn files_that_are_not_packed_well() {
    let absent = Recording::from_file(Path::new("not-there.gz")).unwrap_err();
    assert_eq!(absent.to_string(), "not-there.gz: there is no such file");
    assert_eq!(
        fault_in_packed(b"case a\n"),
        "r.gz:1:1: expected gzip'd text, found a file that is not gzip'd"
    );
    let empty = "r.gz:1:1: expected \"case NAME\", found an empty recording";
    assert_eq!(fault_in_packed(b""), empty);
    assert_eq!(fault(""), empty);
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_found() {
    let whole = gzip("case a\n- create\n- destroy\n");
    for length in 2..whole.len() {
        let sentence = fault_in_packed(&whole[..length]);
        assert!(sentence.ends_with(": the gzip'd data is cut off after this place"), "{sentence}");
    }
}

#[test]
fn the_place_of_a_cut_is_where_the_text_ends() {
    let whole = gzip("case a\n- create\n- destroy\n");
    let without_checksum = &whole[..whole.len() - 8];
    assert_eq!(
        fault_in_packed(without_checksum),
        "r.gz:4:1: the gzip'd data is cut off after this place"
    );
}

#[test]
fn a_damaged_file_is_found() {
    let mut damaged = gzip("case a\n- create\n- destroy\n");
    let checksum = damaged.len() - 8;
    damaged[checksum] ^= 1;
    let sentence = fault_in_packed(&damaged);
    assert!(
        sentence.starts_with("r.gz:4:1: the gzip'd data is damaged after this place: "),
        "{sentence}"
    );
}

#[test]
fn a_small_file_that_unpacks_to_more_than_is_read_is_refused() {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    let piece = vec![b'x'; 1 << 20];
    (0..129).for_each(|_| packer.write_all(&piece).expect("memory takes everything"));
    let packed = packer.finish().expect("memory takes everything");
    assert!(packed.len() < 1 << 20);
    assert_eq!(
        fault_in_packed(&packed),
        "r.gz:1:1: expected a recording that unpacks to 128 MiB at most, found a larger one"
    );
}

#[test]
fn a_fault_shows_only_how_a_long_text_begins() {
    let long = "x".repeat(1 << 20);
    for text in [
        long.clone(),
        format!("case a\n{long}\n"),
        format!("case a\nA {long}\n"),
        format!("case a\nA event {long}\n"),
        format!("case {long}\ncase b\n"),
        format!("case {long}\n- create\ncase {long}\n"),
    ] {
        let fault = fault(text);
        assert!(fault.len() < 250 && fault.contains('…'), "{fault:.300}");
    }
}

#[test]
fn lines_that_do_not_belong() {
    assert_eq!(
        fault("A event 1\n"),
        "r.gz:1:1: expected \"case NAME\" before the first step, found \"A event 1\""
    );
    assert_eq!(
        fault("case a\n- create\nA evnt 1\n"),
        "r.gz:3:3: expected the name of a step, found \"evnt\""
    );
    assert_eq!(fault("case a\nA event one\n"), "r.gz:2:9: expected a whole number, found \"one\"");
    assert_eq!(
        fault("case a\n- create\n\n- destroy\n"),
        "r.gz:3:1: expected a side (A, P or -), found \"\""
    );
    assert_eq!(fault(b"case a\nA \xff\n"), "r.gz:2:3: expected UTF-8 text, found the byte 0xff");
}

#[test]
fn cases_that_are_not_right() {
    assert_eq!(fault("case\n"), "r.gz:1:5: expected the name of a case, found the end of the line");
    assert_eq!(
        fault("case a\n- create\ncase a\n- create\n"),
        "r.gz:3:6: case a has been recorded before, in line 1"
    );
    for text in ["case a\ncase b\n- create\n", "case a\n"] {
        assert_eq!(fault(text), "r.gz:1:1: expected the steps of case a, found none");
    }
}
