//! A buffer, its readers and its water mark, drawn from what the example `water_marks`
//! prints.

use super::example;
use super::svg::{At, Svg};

/// Bytes to units.
fn scaled(bytes: i32) -> i32 {
    bytes * 74 / 100
}

pub(super) fn draw() -> String {
    let told = example("pluginvc", "water_marks");
    // The last number or word of the line that begins so.
    let after = |begin: &str| {
        let line = told.lines().find(|line| line.starts_with(begin)).expect(begin);
        line.rsplit(' ').next().expect("a word").to_owned()
    };
    let number = |begin: &str| after(begin).parse::<i32>().expect("a number");
    let yes = |begin: &str| if after(begin) == "true" { "yes" } else { "no" };
    let unread = number("the mark is 100, and slow has");
    let [before, behind] = ["space before", "space after"].map(number);
    let [written, block] = [300, behind - before];
    assert_eq!((written - unread + unread + before) % block, 0, "whole blocks");

    let mut svg = Svg::new();
    svg.text(10, 20, "strong", At::Start, "A buffer: blocks, readers, a water mark");
    let x = |bytes: i32| 8 + scaled(bytes);
    for n in 0..3 {
        svg.rect("empty", (x(n * block), 40), (scaled(block), 40));
    }
    svg.rect("gone", (x(3 * block), 40), (scaled(block), 40));
    svg.boxed(
        "mark",
        (x(written - unread), 44),
        (scaled(unread), 32),
        &[("small", &format!("{unread} bytes"))],
    );
    svg.text(x(block / 2), 64, "small", At::Middle, "read by both");
    svg.text(x(written) + scaled(before) / 2, 64, "small", At::Middle, &format!("{before} free"));
    svg.text(x(3 * block) + scaled(block) / 2, 64, "small", At::Middle, "new block");
    svg.arrow("", &[(x(written - unread), 116), (x(written - unread), 82)]);
    svg.text(x(written - unread) - 6, 112, "code", At::End, "slow");
    svg.arrow("", &[(x(written), 116), (x(written), 82)]);
    svg.text(x(written) + 6, 112, "code", At::Start, "fast, and the writer");

    svg.text(10, 148, "strong", At::Start, &format!("The mark is 100. Is {unread} high water?"));
    svg.text(10, 168, "code", At::Start, "high_water");
    svg.text(150, 168, "small", At::Start, "more than the mark?");
    svg.text(390, 168, "strong", At::End, yes("high water of the buffer"));
    svg.text(10, 188, "code", At::Start, "reader_high_water");
    svg.text(150, 188, "small", At::Start, "at least the mark?");
    svg.text(390, 188, "strong", At::End, yes("high water of the reader"));

    svg.text(10, 220, "strong", At::Start, "Is the free space at most the mark?");
    svg.text(10, 240, "code", At::Start, "current_low_water");
    svg.text(150, 240, "small", At::Start, &format!("only looks: {before} free"));
    svg.text(390, 240, "strong", At::End, yes("low water, only looking"));
    svg.text(10, 260, "code", At::Start, "low_water");
    svg.text(150, 260, "small", At::Start, &format!("adds a block: {behind} free"));
    svg.text(390, 260, "strong", At::End, yes("low water, the question"));
    svg.finish(
        "A buffer and its water mark",
        &format!(
            "Three blocks of {block} bytes. {written} bytes were written; the reader fast has \
             read all, the reader slow has {unread} bytes left, and {before} bytes are free. The \
             water mark is 100. high_water asks for more than the mark: {}. reader_high_water \
             asks for at least the mark: {}. current_low_water only looks at the {before} free \
             bytes: {}. low_water first adds a block, so that {behind} bytes are free: {}.",
            yes("high water of the buffer"),
            yes("high water of the reader"),
            yes("low water, only looking"),
            yes("low water, the question"),
        ),
    )
}
