//! The proof: in every recorded case the port takes the steps of the real server.

use conformance::{Epoch, Suite, Verdict, compare, run_case};
use eventsys::steps::Collector;

/// Compares every case of the suite and gives the number of identical steps.
fn prove(suite: Suite, epoch: Epoch) -> usize {
    let mut compared = 0;
    for case in suite.cases() {
        let recorded = suite.recording(epoch).case(&case.name).expect("the case has been recorded");
        let port = Collector::new();
        run_case(case, epoch, port.clone());
        match compare(recorded, &port.take()) {
            Verdict::Identical { steps } => compared += steps,
            other => panic!("case {}: {other:#?}", case.name),
        }
    }
    compared
}

#[test]
fn the_port_takes_the_steps_of_the_servers_own_suite() {
    assert_eq!(prove(Suite::Regression, Epoch::C), 756_096);
}

#[test]
fn the_port_takes_the_steps_of_the_generated_cases() {
    assert_eq!(prove(Suite::Generated, Epoch::C), 278_913);
}
