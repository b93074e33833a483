//! What became of a run, and what a scenario expects of it.

use conformance::ats::Epoch;
use conformance::ats::scenario::{
    Expect, Finish, Outcome, Scenario, record_scenario, scenario_from_bytes,
};

use super::scenarios::gallery;
use super::story::programs;

fn scenario(expect: &str) -> Scenario {
    let text = format!(
        "title = \"t\"\nteaches = \"t\"\n\
         [active]\non_connect = [\"write 10\", \"do_io_write 10\"]\non_WRITE_COMPLETE = [\"close\"]\n\
         [passive]\non_connect = [\"do_io_read 10\"]\non_READ_COMPLETE = [\"consume 4\", \"close\"]\n{expect}"
    );
    scenario_from_bytes("t.toml", text.as_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

fn outcome(scenario: &Scenario, epoch: Epoch) -> Outcome {
    Outcome::new(&record_scenario(&scenario.compile(), epoch), &scenario.pair)
}

fn unmet(expect: &str) -> Vec<String> {
    let scenario = scenario(expect);
    scenario.expect.unmet(Epoch::C, &outcome(&scenario, Epoch::C))
}

#[test]
fn each_byte_that_a_user_has_written_is_in_one_place_at_the_end() {
    for (name, program) in programs() {
        for &epoch in Epoch::ALL {
            let recorded = record_scenario(&program, epoch);
            let outcome = Outcome::new(&recorded, &program.pair);
            if matches!(outcome.finish, Finish::Panicked(_)) {
                continue;
            }
            for (end, peer) in [(0, 1), (1, 0)] {
                let (end, peer) = (&outcome.ends[end], &outcome.ends[peer]);
                let found = end.unsent + end.in_core + end.lost + peer.received + end.taken_back;
                assert_eq!(end.written, found, "{name} {epoch}: {outcome:?}");
            }
            // What a deputy consumes is not in `taken`, nor what is taken by a call.
            let is_elsewhere = |op: &str| op.contains("by_deputy") || op.starts_with("take ");
            if !program.ops.iter().any(|op| is_elsewhere(&op.to_string())) {
                let consumed = [0, 1].map(|end| outcome.ends[end].consumed);
                assert_eq!(
                    consumed,
                    recorded.report.taken.map(|taken| taken.bytes),
                    "{name} {epoch}"
                );
            }
        }
    }
}

#[test]
fn an_outcome_is_told_in_sentences() {
    let text = outcome(&scenario(""), Epoch::C).to_string();
    let expected = "A wrote 10 bytes: 4 consumed by the peer, 6 left in the peer's read buffer.\n\
                    A was called back with WRITE_COMPLETE.\n\
                    P wrote nothing.\n\
                    P was called back with READ_COMPLETE.\n\
                    The pair was freed.\n";
    assert_eq!(text, expected);
}

#[test]
fn each_expectation_that_is_not_met_is_a_sentence() {
    let met = "[expect]\nactive = [\"WRITE_COMPLETE\"]\npassive = [\"READ_COMPLETE\"]\n\
               active_bytes = 0\npassive_bytes = 10\nfinish = \"freed\"\n";
    assert_eq!(unmet(met), [""; 0]);
    assert_eq!(unmet(""), [""; 0]);
    for (expect, sentence) in [
        (
            "active = [\"ERROR\", \"ERROR\"]",
            "expected ERROR (2 times) at the active end, and WRITE_COMPLETE came",
        ),
        ("passive = []", "expected no callback at the passive end, and READ_COMPLETE came"),
        ("active_bytes = 7", "expected 7 bytes to reach the active end, and 0 did"),
        ("passive_bytes = 0", "expected 0 bytes to reach the passive end, and 10 did"),
        ("finish = \"quiet\"", "expected the run to end with quiet, and it ended with freed"),
    ] {
        assert_eq!(unmet(&format!("[expect]\n{expect}\n")), [sentence]);
        assert_eq!(unmet(&format!("[expect.C]\n{expect}\n")), [sentence]);
        assert_eq!(unmet(&format!("[expect.D]\n{expect}\n")), [""; 0]);
    }
    assert_eq!(unmet(&format!("{met}\n[expect.C]\nfinish = \"time\"\n")).len(), 1);
}

#[test]
fn a_panic_that_is_not_expected_is_unmet() {
    let panics = |expect: &str| {
        let text = format!(
            "title = \"t\"\nteaches = \"t\"\n[active]\non_connect = [\"do_io_write 10 no_buffer\"]\n{expect}"
        );
        let scenario = scenario_from_bytes("t.toml", text.as_bytes()).expect("a scenario");
        scenario.expect.unmet(Epoch::C, &outcome(&scenario, Epoch::C)).len()
    };
    let (expected, other) = ("[expect]\nfinish = \"panic\"\n", "[expect]\nfinish = \"freed\"\n");
    assert_eq!((panics(""), panics(expected), panics(other)), (1, 0, 1));
}

#[test]
fn the_gallery_does_what_it_expects() {
    let mut expecting = 0;
    for (name, scenario) in gallery() {
        expecting += usize::from(scenario.expect != Expect::default());
        for &epoch in Epoch::ALL {
            let unmet = scenario.expect.unmet(epoch, &outcome(&scenario, epoch));
            assert_eq!(unmet, [""; 0], "{name} {epoch}");
        }
    }
    assert!(expecting >= 6, "{expecting}");
}

#[test]
fn what_is_expected_is_written_as_it_is_read() {
    let expect = "[expect]\nactive = [\"WRITE_COMPLETE\"]\npassive_bytes = 10\n\n\
                  [expect.B]\npassive = []\n\n[expect.D]\nactive_bytes = 0\nfinish = \"freed\"\n";
    let first = scenario(expect);
    let text = first.to_string();
    assert!(text.ends_with(expect), "{text}");
    assert_eq!(scenario_from_bytes("t.toml", text.as_bytes()).expect("reads back"), first);
}

#[test]
fn a_word_that_is_no_event_and_no_end_is_refused_with_its_place() {
    for (expect, sentence) in [
        (
            "[expect]\nactive = [\"EOS\", \"READ\"]\n",
            "t.toml:13:19: expected an event (READ_READY, READ_COMPLETE, WRITE_READY, WRITE_COMPLETE, \
             EOS, ERROR, INACTIVITY_TIMEOUT, ACTIVE_TIMEOUT), found \"READ\"",
        ),
        (
            "[expect.D]\nfinish = \"crash\"\n",
            "t.toml:13:11: expected how the run ends (freed, quiet, time, runaway, panic), found \"crash\"",
        ),
    ] {
        let text = format!("{}\n{expect}", scenario(""));
        let error = scenario_from_bytes("t.toml", text.as_bytes()).expect_err("at fault");
        assert_eq!(error.to_string(), sentence);
    }
}
