//! The look and the sleep: as one step, and with a signal that gives up.

use super::assert_names;
use super::svg::{At, Svg};

const OWNER: i32 = 10;
const OTHER: i32 = 220;
const WIDE: i32 = 172;

pub(super) fn draw() -> String {
    assert_names("eventsys/src", &["WakePolicy::Blocking =>", "WakePolicy::TryLock =>"]);
    let mut svg = Svg::new();
    svg.text(OWNER, 20, "strong", At::Start, "owner");
    svg.text(OTHER, 20, "strong", At::Start, "another thread");
    let step = |svg: &mut Svg, x: i32, y: i32, class: &str, text: &str| {
        svg.boxed(class, (x, y), (WIDE, 24), &[("small", text)]);
    };
    svg.text(OWNER, 44, "", At::Start, "Blocking: the signal waits for the lock");
    step(&mut svg, OWNER, 54, "box", "takes the lock");
    step(&mut svg, OWNER, 80, "box", "looks: the queue is empty");
    step(&mut svg, OTHER, 106, "box", "pushes, and waits");
    step(&mut svg, OWNER, 132, "box", "sleeps: the lock is free");
    svg.arrow("dashed", &[(OWNER + WIDE, 144), (OTHER + WIDE / 2, 144), (OTHER + WIDE / 2, 158)]);
    step(&mut svg, OTHER, 158, "box", "takes it, and signals");
    svg.arrow("", &[(OTHER, 170), (OWNER + WIDE / 2, 170), (OWNER + WIDE / 2, 184)]);
    step(&mut svg, OWNER, 184, "mark", "is awake");
    svg.text(OWNER, 238, "", At::Start, "TryLock (9.0): the signal gives up");
    step(&mut svg, OWNER, 248, "box", "has the lock while awake");
    step(&mut svg, OWNER, 274, "box", "looks: the queue is empty");
    step(&mut svg, OTHER, 300, "box", "pushes; the try misses");
    step(&mut svg, OWNER, 326, "gone", "sleeps, with an event");
    svg.text(OTHER, 342, "small", At::Start, "nothing wakes the owner");
    svg.finish(
        "The look and the sleep",
        "Above, the blocking signal. The owner takes the lock, looks, and finds the queue empty. \
         Another thread pushes an event and waits for the lock. The owner sleeps, which gives the \
         lock back; the other thread takes it and signals, and the owner is awake. Below, the \
         signal of 9.0. The owner has the lock while it is awake. The other thread pushes, and its \
         try-lock misses, so it gives up. The owner sleeps although an event is there.",
    )
}
