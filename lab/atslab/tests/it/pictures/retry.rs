//! A missed try-lock and its retries, drawn from what the example `lock_miss` prints.

use super::example;
use super::svg::{At, Svg};

pub(super) fn draw() -> String {
    let told = example("eventsys", "lock_miss");
    let lines: Vec<(&str, &str)> = told
        .lines()
        .map(|line| line.trim().split_once(": ").expect("a time and what happens"))
        .collect();
    let mut svg = Svg::new();
    svg.text(10, 20, "strong", At::Start, "foreign thread");
    svg.text(160, 20, "strong", At::Start, "event thread");
    let (mut y, mut taken, mut said) = (34, 0, Vec::new());
    for (time, what) in &lines {
        let time = time.trim_end_matches(" ms");
        let row = |svg: &mut Svg, y: i32, class: &str, first: &str, second: &str| {
            svg.boxed(class, (160, y), (230, 40), &[("strong", first), ("small", second)]);
        };
        if what.contains("a foreign thread holds") {
            taken = y;
            svg.text(10, y + 14, "small", At::Start, &format!("{time} ms"));
            y += 24;
        } else if let Some((pass, rest)) = what.split_once(" is over") {
            let due = rest.split(" at ").nth(1).expect("a time");
            row(
                &mut svg,
                y,
                "box",
                &format!("{pass}: try-lock missed"),
                &format!("now {time} ms, due at {due}"),
            );
            svg.arrow("dashed", &[(160, y + 20), (128, y + 20)]);
            y += 50;
        } else if what.contains("given the mutex back") {
            svg.boxed(
                "mark",
                (80, taken),
                (48, y + 10 - taken),
                &[("small", "holds"), ("small", "the"), ("small", "mutex")],
            );
            svg.text(10, y + 10, "small", At::Start, &format!("{time} ms"));
            y += 26;
        } else {
            let event = what.strip_prefix("called with ").expect("the call");
            row(&mut svg, y, "mark", "try-lock taken", &format!("{time} ms: {event}"));
            y += 50;
        }
        said.push(format!("{time} ms: {what}"));
    }
    svg.text(
        10,
        y + 12,
        "small",
        At::Start,
        "A try-lock never waits. A miss makes the event a timer,",
    );
    svg.text(
        10,
        y + 29,
        "small",
        At::Start,
        "due in 10 ms; each pass of the loop may try it earlier.",
    );
    svg.finish("A try-lock that misses, and its retries", &format!("{}.", said.join(". ")))
}
