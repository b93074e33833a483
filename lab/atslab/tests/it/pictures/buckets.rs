//! The timers' ten buckets: what each holds, and how often it is sorted again.

use super::assert_names;
use super::svg::{At, Svg};

const FIRST_MS: u32 = 5;
const COUNT: u32 = 10;

fn time(ms: u32) -> String {
    match ms {
        1000.. => format!("{}.{:02} s", ms / 1000, ms % 1000 / 10),
        _ => format!("{ms} ms"),
    }
}

pub(super) fn draw() -> String {
    assert_names("eventsys/src", &["N_PQ_LIST: usize = 10;", "mseconds(5) << i"]);
    let mut svg = Svg::new();
    svg.text(10, 20, "strong", At::Start, "bucket");
    svg.text(76, 20, "strong", At::Start, "timers that are due");
    svg.text(240, 20, "strong", At::Start, "sorted again");
    for n in 0..COUNT {
        let y = 30 + i32::try_from(n).expect("ten") * 26;
        let class = if n == 0 { "mark" } else { "box" };
        svg.boxed(class, (10, y), (48, 22), &[("", &n.to_string())]);
        let due = match n {
            0 => format!("within {}", time(FIRST_MS)),
            9 => format!("later than {}", time(FIRST_MS << 8)),
            n => format!("within {}", time(FIRST_MS << n)),
        };
        svg.text(76, y + 16, "small", At::Start, &due);
        let sorted = match n {
            0 => "ready, in every pass".to_owned(),
            n => format!("every {}", time(FIRST_MS << (n - 1))),
        };
        svg.text(240, y + 16, "small", At::Start, &sorted);
        if n > 0 {
            svg.arrow("", &[(66, y + 11), (66, y - 13), (58, y - 13)]);
        }
    }
    svg.text(
        10,
        308,
        "small",
        At::Start,
        "A timer moves to lower buckets only. What is in bucket 0",
    );
    svg.text(10, 325, "small", At::Start, "may fire, although up to 5 ms are left.");
    svg.finish(
        "Timers in ten buckets",
        "Bucket 0 holds timers that are due within 5 ms; they are ready. Each further bucket holds \
         a span twice as long, up to bucket 8 with 1.28 s; bucket 9 holds the rest. Bucket 1 is \
         sorted again every 5 ms, bucket 2 every 10 ms, and so on, bucket 9 every 1.28 s. A timer \
         moves to lower buckets only.",
    )
}
