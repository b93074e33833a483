//! The recorded scenarios of the real node (20.20.2) give the same events.

use serde_json::Value;
use streamlisten::scenario::{Transport, compare, run_over};

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
        if let Some(difference) = compare(expected, &run_over(&scenario, transport), &[]) {
            differing.push(format!("{}: {difference:?}", scenario["id"]));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    assert_eq!(seen, count);
}

#[test]
fn twelve_over_all_layers() {
    check(include_str!("../data/public.jsonl"), 12);
}

#[test]
fn a_hundred_and_nine_more() {
    check(include_str!("../data/extra_open.jsonl"), 109);
}

#[test]
fn closing_throwing_and_aborting() {
    check(include_str!("../data/more.jsonl"), 10);
}

#[test]
fn turns_of_the_loop_and_places_of_old_errors() {
    check(include_str!("../data/turns.jsonl"), 9);
}

#[test]
fn answers_in_parts_and_expectations() {
    check(include_str!("../data/answers.jsonl"), 28);
}

#[test]
fn requests_that_take_too_long() {
    check(include_str!("../data/timeouts.jsonl"), 19);
}

#[test]
fn closed_handles_and_writes_of_nothing() {
    check(include_str!("../data/ends.jsonl"), 15);
}

#[test]
fn what_is_told_after_a_reset_and_after_an_end() {
    check(include_str!("../data/resets.jsonl"), 35);
}

#[test]
fn continuations_and_headers_that_count() {
    check(include_str!("../data/heads.jsonl"), 18);
}

#[test]
fn what_every_status_says() {
    check(include_str!("../data/statuses.jsonl"), 70);
}

#[test]
fn the_same_over_real_sockets() {
    check_over(include_str!("../data/public.jsonl"), 12, Transport::Sockets);
    check_over(include_str!("../data/extra_open.jsonl"), 109, Transport::Sockets);
    check_over(include_str!("../data/more.jsonl"), 10, Transport::Sockets);
    check_over(include_str!("../data/turns.jsonl"), 9, Transport::Sockets);
    check_over(include_str!("../data/answers.jsonl"), 28, Transport::Sockets);
    check_over(include_str!("../data/ends.jsonl"), 15, Transport::Sockets);
    check_over(include_str!("../data/resets.jsonl"), 35, Transport::Sockets);
    check_over(include_str!("../data/heads.jsonl"), 18, Transport::Sockets);
}
