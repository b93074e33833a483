//! A pair: two state machines, two ends, two buffers, three mutexes, four events.

use super::assert_names;
use super::svg::{At, Svg};

/// The events that call `main_handler`, and what schedules each.
const EVENTS: [(&str, &str); 4] = [
    ("sm_lock_retry_event", "its state machine called do_io_*"),
    ("core_lock_retry_event", "the other end missed a lock or closed"),
    ("active_event", "the active timeout is over"),
    ("inactive_event", "each second: does nothing move?"),
];

pub(super) fn draw() -> String {
    assert_names("pluginvc/src", &EVENTS.map(|(name, _)| name));
    assert_names("pluginvc/src", &["main_handler", "PluginVCCore", "a_to_p", "p_to_a"]);
    let mut svg = Svg::new();
    svg.boxed("box", (10, 8), (150, 54), &[("", "state machine"), ("", "connects, mutex S₁")]);
    svg.boxed("box", (240, 8), (150, 54), &[("", "state machine"), ("", "accepts, mutex S₂")]);
    for (x, to) in [(30, 1), (270, 1), (122, -1), (362, -1)] {
        match to {
            1 => svg.arrow("", &[(x, 62), (x, 134)]),
            _ => svg.arrow("dashed", &[(x, 134), (x, 62)]),
        }
    }
    for x in [38, 278] {
        svg.text(x, 82, "code", At::Start, "do_io_*");
    }
    for x in [114, 354] {
        svg.text(x, 104, "code", At::End, "VC_EVENT_*");
    }

    svg.rect("empty", (10, 116), (380, 148));
    svg.boxed(
        "mark",
        (22, 134),
        (116, 92),
        &[("strong", "active end"), ("small", "write"), ("small", "read")],
    );
    svg.boxed(
        "mark",
        (262, 134),
        (116, 92),
        &[("strong", "passive end"), ("small", "read"), ("small", "write")],
    );
    svg.boxed("box", (168, 162), (64, 22), &[("code", "a_to_p")]);
    svg.boxed("box", (168, 194), (64, 22), &[("code", "p_to_a")]);
    svg.arrow("", &[(138, 173), (168, 173)]);
    svg.arrow("", &[(232, 173), (262, 173)]);
    svg.arrow("", &[(262, 205), (232, 205)]);
    svg.arrow("", &[(168, 205), (138, 205)]);
    svg.text(200, 152, "small", At::Middle, "two buffers");
    svg.text(200, 252, "", At::Middle, "PluginVCCore, under its mutex C");

    svg.text(10, 290, "strong", At::Start, "Four events call each end:");
    svg.boxed("box", (284, 304), (106, 168), &[("code", "main_handler")]);
    for (n, (name, why)) in (0..).zip(EVENTS) {
        let y = 316 + n * 42;
        svg.text(10, y, "code strong", At::Start, name);
        svg.text(10, y + 17, "small", At::Start, why);
        svg.arrow("", &[(252, y + 9), (284, y + 9)]);
    }
    svg.finish(
        "A PluginVC pair",
        "Two state machines, each with a mutex of its own, S1 and S2. Between them is a \
         PluginVCCore under its mutex C. It holds two ends, active and passive, and two buffers: \
         what the active end writes goes through a_to_p to the read side of the passive end, and \
         what the passive end writes goes through p_to_a to the read side of the active end. A \
         state machine calls do_io functions of its end; the end calls it back with VC_EVENT \
         codes. Four events call the main_handler of an end: sm_lock_retry_event after a do_io \
         call of its state machine, core_lock_retry_event when the other end missed a lock or has \
         closed, active_event when the active timeout is over, and inactive_event each second.",
    )
}
