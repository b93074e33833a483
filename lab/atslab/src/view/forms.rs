//! The forms of rows: one table, from which the page and a figure draw.
//!
//! A form is told apart without colour. Its parts are paths around the middle of the row, at
//! (0, 0), 7 wide to each side at most.

use serde_json::{Value, json};

use super::kinds::Shape;

/// A form.
pub(crate) struct Form {
    /// The class of the line from the lane that the row comes from; empty for no line.
    pub stem: &'static str,
    /// It is turned over if the row comes from a lane below.
    pub is_turned: bool,
    /// Its paths: a class, and the path's data.
    pub parts: &'static [(&'static str, &'static str)],
}

/// A further path in a callback that brings an end, a timeout or an error.
pub(crate) const DASH: (&str, &str) = ("inner", "M-3,0h6");
/// The events for which it is there, as the steps have them.
pub(crate) const BAD_ENDS: [&str; 4] = ["105", "106", "104", "3"];
/// A bar between two lanes goes so far beyond both, and so far to each side.
pub(crate) const BAR_OVER: usize = 4;
pub(crate) const BAR_HALF: usize = 3;

const fn form(stem: &'static str, parts: &'static [(&'static str, &'static str)]) -> Form {
    Form { stem, is_turned: false, parts }
}

const RING: &str = "M-6,0a6,6 0 1 0 12,0a6,6 0 1 0 -12,0z";

impl Shape {
    /// All shapes, in the order of the page's help.
    pub(crate) const ALL: [Shape; 11] = [
        Shape::Event,
        Shape::Callback,
        Shape::Call,
        Shape::Move,
        Shape::Look,
        Shape::Stop,
        Shape::Miss,
        Shape::Bar,
        Shape::Own,
        Shape::Wake,
        Shape::Lock,
    ];

    /// Its form.
    pub(crate) const fn form(self) -> Form {
        match self {
            Shape::Event => form("", &[("full", "M0,-7l7,7l-7,7l-7,-7z")]),
            Shape::Callback => {
                form("stem thick", &[("full", "M-6.5,0a6.5,6.5 0 1 0 13,0a6.5,6.5 0 1 0 -13,0z")])
            }
            Shape::Call => {
                Form { stem: "stem dashed", is_turned: true, parts: &[("full", "M-5,-6h10l-5,8z")] }
            }
            Shape::Move => form("stem", &[("full", RING), ("inner", "M-3.5,0h7m-3,-3l3,3l-3,3")]),
            Shape::Stop => form("", &[("warn", "M-6,-6h12v12h-12z")]),
            Shape::Miss => form("", &[("warn", "M-6,-6h12v12h-12zm0,0l12,12m0,-12l-12,12")]),
            Shape::Bar => form("", &[("full", "M-4,-7h8v14h-8z")]),
            Shape::Own => form("", &[("full", "M-5,-5l10,5l-10,5z")]),
            Shape::Wake => form("stem", &[("hollow", RING), ("line", "M0,-4v4h3")]),
            Shape::Lock => form("", &[("padlock", "M-5,-1h10v7h-10zM-3,-1v-3a3,3 0 0 1 6,0v3")]),
            Shape::Look => form("", &[("hollow", "M-3.5,0a3.5,3.5 0 1 0 7,0a3.5,3.5 0 1 0 -7,0z")]),
        }
    }

    /// What it means, for the page's help; and whose colour it has there.
    pub(crate) const fn meaning(self) -> (char, &'static str) {
        match self {
            Shape::Event => ('A', "the event loop calls an end, or the net thread asks the system"),
            Shape::Callback => {
                ('A', "a user is called back; with a dash: an error, an end, a timeout")
            }
            Shape::Call => ('A', "a user calls: do_io, reenable, close"),
            Shape::Move => ('A', "bytes move"),
            Shape::Look => ('A', "the code looks at one direction"),
            Shape::Stop => ('A', "there is no room"),
            Shape::Miss => ('A', "a try-lock misses"),
            Shape::Bar => ('-', "made, closed or freed"),
            Shape::Own => ('P', "a user writes, consumes, or issues an operation"),
            Shape::Wake => {
                ('P', "a connection or a timer wakes a user; a socket is ready for its connection")
            }
            Shape::Lock => ('F', "a foreign thread takes or returns a mutex"),
        }
    }
}

/// The table for the page.
pub(crate) fn data() -> Value {
    let forms = Shape::ALL.into_iter().map(|shape| {
        let Form { stem, is_turned, parts } = shape.form();
        let (side, meaning) = shape.meaning();
        json!({
            "name": shape.name(), "stem": stem, "turned": is_turned, "parts": parts,
            "side": side.to_string(), "meaning": meaning,
        })
    });
    json!({
        "all": forms.collect::<Vec<_>>(),
        "dash": DASH,
        "bad": BAD_ENDS,
        "bar": [BAR_OVER, BAR_HALF],
    })
}
