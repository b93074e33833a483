//! Schedules as text: the string that replays a run.

use explorer::Schedule;

#[test]
fn a_schedule_is_read_as_it_is_written() {
    for text in ["a100.b*.a*", "7f3a:a100.b*.a*", "00ff:b1.c22.b*", "", "0000:"] {
        assert_eq!(text.parse::<Schedule>().unwrap().to_string(), text);
    }
}

#[test]
fn a_wrong_text_is_refused_with_the_part_that_is_wrong() {
    for (text, part) in [
        ("a", "\"a\""),
        ("a0", "\"a0\""),
        ("a*.", "\"\""),
        ("a*.B*", "\"B*\""),
        ("a+1", "\"a+1\""),
        ("a1.b99999999999", "\"b99999999999\""),
        ("7f3:a*", "\"7f3\""),
        ("+f3a:a*", "\"+f3a\""),
    ] {
        let error = text.parse::<Schedule>().unwrap_err().to_string();
        assert!(error.starts_with(part), "{text}: {error}");
    }
}

#[test]
fn one_interruption_less() {
    let schedule: Schedule = "a3.b2.a*".parse().unwrap();
    let fewer: Vec<_> = schedule.without_one().map(|fewer| fewer.to_string()).collect();
    assert_eq!(fewer, ["a*.b2.a*", "a3.b*.a*"]);
}
