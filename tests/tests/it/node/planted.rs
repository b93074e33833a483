//! The search for differences finds each fault that is planted into the port. The port as
//! it is stands in for node, so no node is needed.

use conformance::node::fuzz::{Arm, Arms, differs, fuzz, smallest};
use conformance::node::{Fault, Setting, run, run_with};

/// Each fault is found in this many scenarios: three times what the hardest one needed in a
/// measurement. The seeds 101 and 102 showed the first difference at the scenarios
///
/// | fault | 101 | 102 |
/// |---|---|---|
/// | `lost-continue` | 4 | 24 |
/// | `lost-end` | 12 | 20 |
/// | `reset-as-end` | 11 | 5 |
/// | `lost-close-in-hook` | 45 | 129 |
/// | `lost-pause-in-hook` | 36 | 38 |
const COUNT: usize = 400;

fn arms(fault: Option<Fault>) -> Arms {
    Arms { real: Arm::Port(None), port: Arm::Port(fault) }
}

/// What the smallest scenario that shows the fault must have.
fn needs(fault: Fault) -> &'static str {
    match fault {
        Fault::LostContinue => "HTTP/1.1",
        Fault::LostEnd => r#"{"a":"end"}"#,
        Fault::ResetAsEnd => r#"{"a":"send_reset"}"#,
        Fault::LostCloseInHook => r#""do":[{"a":"#,
        Fault::LostPauseInHook => r#""do":[{"a":"pause"}]"#,
    }
}

#[test]
fn each_planted_fault_is_found() {
    for fault in Fault::ALL {
        for seed in [101, 102] {
            let found = fuzz(arms(Some(fault)), seed, COUNT, || {}).expect("no node is asked");
            let count = found.differing.len();
            assert!(count > 0, "{fault} is not found in {COUNT} scenarios of seed {seed}");
            assert_eq!(count + found.same, COUNT);
        }
    }
}

#[test]
fn what_is_left_of_a_planted_fault_still_shows_it() {
    for fault in Fault::ALL {
        let arms = arms(Some(fault));
        let found = fuzz(arms, 101, COUNT, || {}).expect("no node is asked");
        let small = smallest(arms, &found.differing[0].0).expect("no node is asked");
        let text = small.to_string();
        assert!(text.contains(needs(fault)), "{fault}: {text}");
        let setting = Setting { fault: Some(fault), ..Setting::default() };
        let difference = differs(&small, &run(&small), &run_with(&small, setting));
        assert!(difference.is_some(), "{fault}: {text}");
    }
}

#[test]
fn without_a_fault_nothing_is_found() {
    let found = fuzz(arms(None), 101, COUNT, || {}).expect("no node is asked");
    assert_eq!((found.same, found.registered), (COUNT, 0));
}
