//! One pass of an event thread's loop, and how an event is dispatched.

use super::assert_names;
use super::svg::{At, Svg};

/// The work of a pass, in order.
const PASS: [(&str, &str); 5] = [
    ("1  the clock", "read once for the pass"),
    ("2  the queues", "external, then local: immediate events run"),
    ("3  the timers", "each that is due runs"),
    ("4  the poll events", "local queue again, then each runs"),
    ("5  sleep", "till the next timer, 60 ms at most"),
];

pub(super) fn draw() -> String {
    assert_names("eventsys/src", &["external", "local", "THREAD_MAX_HEARTBEAT", "schedule_imm"]);
    let mut svg = Svg::new();
    svg.text(10, 20, "strong", At::Start, "One pass of the loop");
    for (n, (what, how)) in (0..).zip(PASS) {
        let y = 32 + n * 58;
        let class = if n == 4 { "gone" } else { "box" };
        svg.rect(class, (40, y), (300, 44));
        svg.text(50, y + 18, "strong", At::Start, what);
        svg.text(50, y + 36, "small", At::Start, how);
        if n < 4 {
            svg.arrow("", &[(190, y + 44), (190, y + 58)]);
        }
    }
    svg.arrow("", &[(40, 286), (20, 286), (20, 54), (40, 54)]);
    svg.arrow("dashed", &[(384, 112), (340, 112)]);
    svg.stroke("dashed", &[(384, 112), (384, 336)]);
    svg.text(390, 352, "small", At::End, "any thread: schedule_imm wakes it");

    svg.text(10, 384, "strong", At::Start, "To run an event:");
    svg.boxed(
        "mark",
        (10, 398),
        (176, 44),
        &[("", "try-lock the mutex of"), ("", "its continuation")],
    );
    svg.boxed("box", (236, 398), (154, 44), &[("", "call the handler,"), ("", "unless cancelled")]);
    svg.arrow("", &[(186, 420), (236, 420)]);
    svg.text(211, 412, "small", At::Middle, "taken");
    svg.boxed("gone", (10, 474), (176, 44), &[("", "due in 10 ms,"), ("", "on the local queue")]);
    svg.arrow("", &[(98, 442), (98, 474)]);
    svg.text(106, 463, "small", At::Start, "missed");
    svg.boxed("gone", (236, 474), (154, 44), &[("", "periodic: queued"), ("", "else: freed")]);
    svg.arrow("", &[(313, 442), (313, 474)]);
    svg.finish(
        "The loop of an event thread",
        "A pass has five parts. One: the clock is read. Two: the external queue is moved to the \
         local queue, and the immediate events of the local queue run. Three: each timer that is \
         due runs. Four: the local queue once more, then each poll event. Five: sleep until the \
         next timer, 60 milliseconds at most; an event that any other thread schedules wakes the \
         thread. Then the next pass begins. To run an event, the thread tries to lock the mutex \
         of its continuation. If it gets it, it calls the handler, unless the event is cancelled; \
         then a periodic event is queued again, and another one is freed. If it misses, the event \
         is due in 10 milliseconds.",
    )
}
