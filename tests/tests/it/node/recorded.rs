//! The recorded scenarios of the real node (20.20.2) give the same events.

use conformance::node::{Setting, Transport, compare, run, run_with};
use serde_json::Value;

fn check(text: &str, count: usize) {
    check_over(text, count, Transport::PluginVc);
}

fn check_over(text: &str, count: usize, transport: Transport) {
    let mut differing = Vec::new();
    let mut seen = 0;
    for line in text.lines() {
        let scenario: Value = serde_json::from_str(line).expect("a line is a scenario");
        let expected = scenario["expected"].as_array().expect("a recording");
        seen += 1;
        let setting = Setting { transport, ..Setting::default() };
        if let Some(difference) = compare(expected, &run_with(&scenario, setting), &[]) {
            differing.push(format!("{}: {difference:?}", scenario["id"]));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    assert_eq!(seen, count);
}

#[test]
fn twelve_over_all_layers() {
    check(include_str!("../../../node/public.jsonl"), 12);
}

#[test]
fn a_hundred_and_nine_more() {
    check(include_str!("../../../node/extra_open.jsonl"), 109);
}

#[test]
fn closing_throwing_and_aborting() {
    check(include_str!("../../../node/more.jsonl"), 10);
}

#[test]
fn turns_of_the_loop_and_places_of_old_errors() {
    check(include_str!("../../../node/turns.jsonl"), 9);
}

#[test]
fn answers_in_parts_and_expectations() {
    check(include_str!("../../../node/answers.jsonl"), 28);
}

#[test]
fn requests_that_take_too_long() {
    check(include_str!("../../../node/timeouts.jsonl"), 19);
}

#[test]
fn closed_handles_and_writes_of_nothing() {
    check(include_str!("../../../node/ends.jsonl"), 15);
}

#[test]
fn what_is_told_after_a_reset_and_after_an_end() {
    check(include_str!("../../../node/resets.jsonl"), 35);
}

#[test]
fn continuations_and_headers_that_count() {
    check(include_str!("../../../node/heads.jsonl"), 18);
}

#[test]
fn what_every_status_says() {
    check(include_str!("../../../node/statuses.jsonl"), 70);
}

#[test]
fn settings_of_a_server_and_what_its_user_does() {
    check(include_str!("../../../node/settings.jsonl"), 57);
}

#[test]
fn timeouts_of_the_user() {
    check(include_str!("../../../node/user_timeouts.jsonl"), 11);
}

/// Node goes on for ever here: a write after the end is an error, and its listener writes.
#[test]
fn a_scenario_that_never_ends_is_cut_off() {
    let scenario: Value = serde_json::json!({
        "layer": "server",
        "server": {"respond": "hold"},
        // The second answer's turn does not come, so it is not closed.
        "hooks": [{"on": "request", "nth": 2, "do": [
            {"a": "on", "of": "res", "ev": "error", "do": [{"a": "res_write", "d": "x"}]},
            {"a": "res_end", "d": "x"},
            {"a": "res_write", "d": "x"},
        ]}],
        "actions": [
            {"a": "send", "d": "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
            {"a": "send", "d": "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
        ],
    });
    let told = run(&scenario);
    let last = serde_json::json!({"e": "abort", "assert": "the scenario does not end"});
    assert_eq!(told.last(), Some(&last));
    assert!(told.len() <= 20_001, "{}", told.len());
}

#[test]
fn the_same_over_real_sockets() {
    check_over(include_str!("../../../node/settings.jsonl"), 57, Transport::Sockets);
    check_over(include_str!("../../../node/public.jsonl"), 12, Transport::Sockets);
    check_over(include_str!("../../../node/extra_open.jsonl"), 109, Transport::Sockets);
    check_over(include_str!("../../../node/more.jsonl"), 10, Transport::Sockets);
    check_over(include_str!("../../../node/turns.jsonl"), 9, Transport::Sockets);
    check_over(include_str!("../../../node/answers.jsonl"), 28, Transport::Sockets);
    check_over(include_str!("../../../node/ends.jsonl"), 15, Transport::Sockets);
    check_over(include_str!("../../../node/resets.jsonl"), 35, Transport::Sockets);
    check_over(include_str!("../../../node/heads.jsonl"), 18, Transport::Sockets);
}
