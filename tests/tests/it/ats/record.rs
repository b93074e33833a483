//! What the lines of a server say, against the recordings that come with the
//! project. The real servers themselves are asked by `atslab compare --live`.

use conformance::ats::live::record::cases_in_lines;
use conformance::ats::{Epoch, Recording, Suite, compare};

/// Two cases in what real servers said in `traffic_server -n 1 -R 3 -r PVC -T 'pvc.*'`.
const LOGS: [(Epoch, &str); 2] = [
    (Epoch::B, include_str!("../../../data/8.1.11-regression.log")),
    (Epoch::D, include_str!("../../../data/9.2.9-regression.log")),
];

#[test]
fn the_lines_of_a_server_are_the_steps_of_its_recording() {
    for (epoch, log) in LOGS {
        let cases = cases_in_lines(log.lines());
        let names: Vec<_> = cases.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["eos", "werr"]);
        for (name, steps) in &cases {
            let recorded = Suite::Regression.recording(epoch).and_then(|it| it.case(name)).unwrap();
            let verdict = compare(recorded, steps);
            assert!(verdict.is_identical(), "{} {name}: {verdict:?}", epoch.release());
        }
    }
}

#[test]
fn a_recording_is_read_as_it_was_written() {
    for (epoch, log) in LOGS {
        let recording = Recording::new("new", cases_in_lines(log.lines()));
        let packed = || {
            let mut bytes = Vec::new();
            recording.write_gzip(&mut bytes).unwrap();
            bytes
        };
        assert_eq!(packed(), packed(), "the same steps give the same bytes");
        let read = Recording::from_gzip("read", &packed()).unwrap();
        assert_eq!(read.cases().len(), 2, "{}", epoch.release());
        for (read, new) in read.cases().iter().zip(recording.cases()) {
            assert_eq!((&read.name, read.line), (&new.name, new.line));
            assert_eq!(read.steps, new.steps);
        }
    }
}

#[test]
fn the_head_of_a_recording_has_no_time() {
    let mut bytes = Vec::new();
    Recording::new("new", cases_in_lines(LOGS[0].1.lines())).write_gzip(&mut bytes).unwrap();
    // Bytes 4 to 7 are the time, and the flags say that there is no name.
    assert_eq!(bytes[3..8], [0; 5]);
}

#[test]
fn a_case_without_steps_is_left_out() {
    let recording = Recording::new("new", [("empty".to_owned(), Vec::new())]);
    assert!(recording.cases().is_empty());
}
