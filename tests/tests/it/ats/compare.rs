//! The comparison finds every change of a recorded case. The changes are made
//! to real cases, all of them: each step is taken out, replaced by every other
//! step of the case, swapped with its neighbour, and every step of the case is
//! put in at every place.

use std::collections::HashSet;

use conformance::ats::compare::{CONTEXT, is_idle};
use conformance::ats::vocabulary::parse_step;
use conformance::ats::{Epoch, RecordedCase, Suite, Verdict, compare};
use eventsys::steps::Step;

/// Small cases that differ much: the shortest, one without writing, one
/// without reading, and two of the server's own that end with an error or early.
const SMALL: [(Suite, &str); 5] = [
    (Suite::Generated, "g36_zero_write"),
    (Suite::Generated, "g11_zero_read"),
    (Suite::Generated, "g01_ok"),
    (Suite::Regression, "werr"),
    (Suite::Regression, "eos"),
];

fn recorded(suite: Suite, name: &str) -> &'static RecordedCase {
    suite.recording(Epoch::C).and_then(|r| r.case(name)).expect("the case has been recorded")
}

fn made(lines: &[&str]) -> RecordedCase {
    RecordedCase { name: "made".to_owned(), line: 1, steps: steps(lines) }
}

fn steps(lines: &[&str]) -> Vec<Step> {
    lines.iter().map(|line| parse_step(line).expect("the line is a step")).collect()
}

/// Every step that occurs in the case, once.
fn vocabulary(case: &RecordedCase) -> Vec<Step> {
    let mut seen = HashSet::new();
    case.steps.iter().filter(|step| seen.insert(step.to_string())).cloned().collect()
}

#[track_caller]
fn assert_found(case: &RecordedCase, changed: &[Step], change: impl FnOnce() -> String) {
    assert!(!compare(case, changed).is_identical(), "{}: not found: {}", case.name, change());
}

fn is_inactivity(step: &Step) -> bool {
    step.to_string().ends_with(" event 2")
}

#[test]
fn a_case_is_identical_to_itself() {
    for suite in Suite::ALL {
        for case in suite.recording(Epoch::C).into_iter().flat_map(|r| r.cases()) {
            let idle = (0..case.steps.len()).filter(|&index| is_idle(&case.steps, index)).count();
            let steps = case.steps.len() - idle;
            assert_eq!(compare(case, &case.steps), Verdict::Identical { steps });
        }
    }
}

#[test]
fn every_deletion_is_found() {
    for (suite, name) in SMALL {
        let case = recorded(suite, name);
        for index in 0..case.steps.len() {
            let mut changed = case.steps.clone();
            changed.remove(index);
            assert_found(case, &changed, || format!("without step {index}"));
        }
    }
}

#[test]
fn every_insertion_is_found() {
    for (suite, name) in SMALL {
        let case = recorded(suite, name);
        for step in vocabulary(case) {
            for index in 0..=case.steps.len() {
                let mut changed = case.steps.clone();
                changed.insert(index, step.clone());
                assert_found(case, &changed, || format!("with {step} before step {index}"));
            }
        }
    }
}

#[test]
fn every_substitution_is_found() {
    for (suite, name) in SMALL {
        let case = recorded(suite, name);
        for other in vocabulary(case) {
            for index in 0..case.steps.len() {
                if !case.steps[index].same_as(&other) {
                    let mut changed = case.steps.clone();
                    changed[index] = other.clone();
                    assert_found(case, &changed, || format!("{other} for step {index}"));
                }
            }
        }
    }
}

#[test]
fn every_swap_is_found() {
    for (suite, name) in SMALL {
        let case = recorded(suite, name);
        for first in 0..case.steps.len() {
            for second in first + 1..case.steps.len() {
                if !case.steps[first].same_as(&case.steps[second]) {
                    let mut changed = case.steps.clone();
                    changed.swap(first, second);
                    assert_found(case, &changed, || format!("{first} and {second} swapped"));
                }
            }
        }
    }
}

/// `itimeout` has idle events and one that delivers a timeout. Every change of its
/// other steps is found, also next to an inactivity event and also if an inactivity
/// event takes the place of a step.
#[test]
fn inactivity_events_hide_no_other_change() {
    let case = recorded(Suite::Regression, "itimeout");
    let inactivity = steps(&["A event 2", "P event 2"]);
    for index in 0..case.steps.len() {
        if is_inactivity(&case.steps[index]) {
            continue;
        }
        let mut changed = case.steps.clone();
        changed.remove(index);
        assert_found(case, &changed, || format!("without step {index}"));

        for other in &inactivity {
            let mut changed = case.steps.clone();
            changed[index] = other.clone();
            assert_found(case, &changed, || format!("{other} for step {index}"));
        }
        for after in 0..=case.steps.len() {
            let mut changed = case.steps.clone();
            changed.insert(after, case.steps[index].clone());
            assert_found(case, &changed, || format!("step {index} again before {after}"));
        }
    }
}

#[test]
fn idle_events_may_come_and_go() {
    let case = recorded(Suite::Regression, "itimeout");
    let (mut deleted, mut inserted) = (0, 0);
    for index in 0..case.steps.len() {
        if is_idle(&case.steps, index) {
            let mut changed = case.steps.clone();
            changed.remove(index);
            assert!(compare(case, &changed).is_identical());
            deleted += 1;
        }
        let mut changed = case.steps.clone();
        changed.insert(index, steps(&["P event 2"]).remove(0));
        let idle = is_idle(&changed, index);
        assert_eq!(compare(case, &changed).is_identical(), idle);
        inserted += usize::from(idle);
    }
    assert!(deleted > 5 && inserted > deleted, "{deleted} deleted, {inserted} inserted");
}

#[test]
fn an_event_with_an_effect_stands_at_its_place() {
    let case = made(&["- create", "P event 2", "A event 2", "A sm_write 105", "- destroy"]);
    let identical = |lines: &[&str]| compare(&case, &steps(lines)).is_identical();

    assert!(identical(&["- create", "A event 2", "A sm_write 105", "- destroy"]));
    assert!(identical(&["- create", "A event 2", "A event 2", "A sm_write 105", "- destroy"]));
    // The timeout comes without a cause, or from the other end.
    assert!(!identical(&["- create", "A sm_write 105", "- destroy"]));
    assert!(!identical(&["- create", "P event 2", "A sm_write 105", "- destroy"]));
    // The effect comes first.
    assert!(!identical(&["- create", "A sm_write 105", "A event 2", "- destroy"]));
    // Another timeout.
    assert!(!identical(&["- create", "A event 2", "A sm_write 106", "- destroy"]));
}

#[test]
fn an_event_in_the_middle_of_a_handler_is_not_idle() {
    let case = made(&["- create", "A event 1", "A read_side", "- destroy"]);
    let identical = |lines: &[&str]| compare(&case, &steps(lines)).is_identical();

    assert!(identical(&["- create", "P event 2", "A event 1", "A read_side", "- destroy"]));
    assert!(!identical(&["- create", "A event 1", "P event 2", "A read_side", "- destroy"]));
    assert!(!identical(&["- create", "A event 1", "A read_side", "P event 2", "- destroy"]));
    assert!(!identical(&["- create", "A event 1", "A read_side", "- destroy", "P event 2"]));
}

#[test]
fn the_difference_is_shown_with_its_context() {
    let case = recorded(Suite::Generated, "g01_ok");
    let mut port = case.steps.clone();
    port[20] = steps(&["A read_act_on 4711"]).remove(0);
    // Idle events are left out and shift only the numbers of the port.
    let event = (0..15).find(|&index| case.steps[index].to_string() == "A event 1");
    port.insert(event.expect("an event comes early"), steps(&["P event 2"]).remove(0));

    let Verdict::Differs(difference) = compare(case, &port) else { panic!("nothing found") };
    assert_eq!(difference.index, 20);
    let (recorded, port) = (&difference.recorded, &difference.port);
    assert_eq!(recorded.here.as_ref().map(|here| here.number), Some(case.line_of(20)));
    assert_eq!(port.here.as_ref().map(|here| here.number), Some(22));
    assert_eq!(
        port.here.as_ref().map(|here| here.step.to_string()),
        Some("A read_act_on 4711".to_owned())
    );
    for excerpt in [recorded, port] {
        assert_eq!((excerpt.before.len(), excerpt.after.len()), (CONTEXT, CONTEXT));
        assert!(
            excerpt
                .before
                .iter()
                .zip(&case.steps[15..])
                .all(|(shown, step)| shown.step.same_as(step))
        );
        assert!(
            excerpt
                .after
                .iter()
                .zip(&case.steps[21..])
                .all(|(shown, step)| shown.step.same_as(step))
        );
    }
}

#[test]
fn an_early_or_late_end_is_told_apart() {
    let case = recorded(Suite::Generated, "g01_ok");
    let Verdict::Missing(missing) = compare(case, &case.steps[..3]) else { panic!("not missing") };
    assert_eq!((missing.index, &missing.port.here), (3, &None));
    assert_eq!((missing.port.before.len(), missing.port.after.len()), (3, 0));
    assert_eq!(missing.recorded.here.as_ref().map(|here| here.number), Some(case.line_of(3)));

    let late = [&case.steps[..], &case.steps[..2]].concat();
    let Verdict::Surplus(surplus) = compare(case, &late) else { panic!("not surplus") };
    assert_eq!((surplus.index, &surplus.recorded.here), (case.steps.len(), &None));
    assert_eq!(surplus.port.after.len(), 1);

    assert!(matches!(compare(case, &[]), Verdict::Missing(_)));
}
