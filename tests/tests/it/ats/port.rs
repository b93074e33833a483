//! The proof: in every recorded case the port takes the steps of the real server.

use conformance::ats::{Epoch, Suite, Verdict, compare, run_case};
use eventsys::steps::Collector;

/// Compares every case of the suite and gives the number of identical steps.
fn prove(suite: Suite, epoch: Epoch) -> usize {
    let recording = suite.recording(epoch).expect("the suite has been recorded");
    let mut compared = 0;
    for case in suite.cases() {
        let recorded = recording.case(&case.name).expect("the case has been recorded");
        let port = Collector::new();
        let end = run_case(case, epoch, port.clone());
        match compare(recorded, &port.take()) {
            Verdict::Identical { steps } => compared += steps,
            other => panic!("case {}: {other:#?}", case.name),
        }
        assert!(end.finished, "case {}: both ends finish and the pair is freed", case.name);
        assert_eq!(end.errors, [""; 0], "case {}", case.name);
    }
    compared
}

#[test]
fn epoch_b_takes_the_steps_of_8_1_11_in_its_own_suite() {
    assert_eq!(prove(Suite::Regression, Epoch::B), 756_593);
}

#[test]
fn epoch_c_takes_the_steps_of_9_1_3_in_its_own_suite() {
    assert_eq!(prove(Suite::Regression, Epoch::C), 756_096);
}

#[test]
fn epoch_c_takes_the_steps_of_9_1_3_in_the_generated_cases() {
    assert_eq!(prove(Suite::Generated, Epoch::C), 278_913);
}

#[test]
fn epoch_d_takes_the_steps_of_9_2_9_in_its_own_suite() {
    assert_eq!(prove(Suite::Regression, Epoch::D), 324_074);
}

#[test]
fn epoch_d_takes_the_steps_of_9_2_9_in_the_generated_cases() {
    assert_eq!(prove(Suite::Generated, Epoch::D), 201_047);
}

#[test]
fn epoch_e_takes_the_steps_of_10_2_0_in_its_own_suite() {
    assert_eq!(prove(Suite::Regression, Epoch::E), 324_074);
}

#[test]
fn epoch_e_takes_the_steps_of_10_2_0_in_the_generated_cases() {
    assert_eq!(prove(Suite::Generated, Epoch::E), 201_047);
}
