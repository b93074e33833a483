//! The external queue: events as they are pushed, and as they come out.

use super::assert_names;
use super::svg::{At, Svg};

/// Where the box of the nth event begins.
const fn x(n: i32) -> i32 {
    110 + n * 94
}

pub(super) fn draw() -> String {
    assert_names("eventsys/src", &["head: AtomicPtr<Event>", "fn link(", "unsafe fn take("]);
    let mut svg = Svg::new();
    let row = |svg: &mut Svg, y: i32, class: &str, from: &str, names: [&str; 3]| {
        svg.text(10, y + 20, "code", At::Start, from);
        svg.arrow(
            "",
            &[(12 + 8 * i32::try_from(from.len()).expect("short"), y + 16), (x(0), y + 16)],
        );
        for (n, name) in (0..).zip(names) {
            svg.boxed(class, (x(n), y), (64, 32), &[("", name)]);
            if n < 2 {
                svg.arrow("", &[(x(n) + 64, y + 16), (x(n + 1), y + 16)]);
            }
        }
    };
    svg.text(10, 20, "strong", At::Start, "Threads push: the newest event is in front");
    row(&mut svg, 34, "box", "head", ["third", "second", "first"]);
    svg.text(x(0), 84, "small", At::Start, "a link leads to the event pushed before");
    svg.text(10, 116, "strong", At::Start, "The owner takes all at once, and turns them");
    svg.text(10, 146, "code", At::Start, "head");
    svg.text(60, 146, "small", At::Start, "is empty: the next push wakes the owner");
    row(&mut svg, 160, "mark", "local", ["first", "second", "third"]);
    svg.finish(
        "The external queue",
        "Three events on a stack: head leads to the third, its link to the second, and the link of \
         that to the first. The owner takes all of them in one step, so that head is empty, and \
         turns them round: its local list has the first, the second, and the third event.",
    )
}
