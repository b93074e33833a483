//! A drawing: boxes, arrows and words in an SVG that is 400 units wide.
//!
//! A drawing that is 400 units wide is shown in its natural size, or at nine tenths of it
//! on a telephone of 360 pixels: so its words can be read there. It has a ground of its own
//! and colours for light and dark, and says nothing by a colour alone.

use std::fmt::Write;

/// The width of every drawing.
pub(super) const WIDTH: i32 = 400;
/// Nothing is nearer to the edge.
const MARGIN: i32 = 4;

const STYLE: &str = "\
text{font:13px system-ui,'DejaVu Sans',sans-serif;fill:#1b1f24}\
.small{font-size:12px}.code{font-family:ui-monospace,'DejaVu Sans Mono',monospace;font-size:12px}\
.strong{font-weight:bold}.ground{fill:#fff}.box{fill:#f1f3f5;stroke:#57606a}\
.mark{fill:#d6e9ff;stroke:#0550ae;stroke-width:2}.empty{fill:none;stroke:#57606a}\
.gone{fill:none;stroke:#57606a;stroke-dasharray:3 3}\
.line{fill:none;stroke:#1b1f24;stroke-width:1.5}.dashed{stroke-dasharray:5 3}.tip{fill:#1b1f24}\
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.ground{fill:#15191f}\
.box{fill:#262d36;stroke:#9aa4ae}.mark{fill:#173a66;stroke:#79b8ff}\
.empty,.gone{stroke:#9aa4ae}.line{stroke:#e6edf3}.tip{fill:#e6edf3}}";

/// Where a text begins, is centred, or ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    Start,
    Middle,
    End,
}

/// A box that text takes: left, top, right, bottom.
type Extent = (i32, i32, i32, i32);

/// A drawing under way.
pub(super) struct Svg {
    body: String,
    texts: Vec<(Extent, String)>,
    bottom: i32,
}

impl Svg {
    pub(super) fn new() -> Svg {
        Svg { body: String::new(), texts: Vec::new(), bottom: 0 }
    }

    /// A line of words; `y` is its base line. The classes are `small`, `strong`, `code`.
    pub(super) fn text(&mut self, x: i32, y: i32, class: &str, at: At, text: &str) {
        let wide = width_of(text, class);
        let (left, anchor) = match at {
            At::Start => (x, "start"),
            At::Middle => (x - wide / 2, "middle"),
            At::End => (x - wide, "end"),
        };
        let extent = (left, y - 10, left + wide, y + 3);
        assert!(left >= MARGIN && extent.2 <= WIDTH - MARGIN, "{text:?} leaves the drawing");
        let hit = self.texts.iter().find(|(other, _)| overlap(*other, extent));
        assert!(hit.is_none(), "{text:?} is over {:?}", hit.map(|(_, text)| text));
        self.texts.push((extent, text.to_owned()));
        let class = if class.is_empty() { String::new() } else { format!(r#" class="{class}""#) };
        let anchor = if at == At::Start { "" } else { &format!(r#" text-anchor="{anchor}""#) };
        self.line(&format!(r#"<text x="{x}" y="{y}"{class}{anchor}>{}</text>"#, escaped(text)));
        self.reach(y + 4);
    }

    /// A rectangle of the class `box`, `mark`, `empty` or `gone`.
    pub(super) fn rect(&mut self, class: &str, (x, y): (i32, i32), (wide, high): (i32, i32)) {
        assert!(x >= MARGIN && x + wide <= WIDTH - MARGIN, "a box leaves the drawing");
        let size = format!(r#"x="{x}" y="{y}" width="{wide}" height="{high}" rx="4""#);
        self.line(&format!(r#"<rect class="{class}" {size}/>"#));
        self.reach(y + high);
    }

    /// A rectangle with lines of words in its middle, each with its class.
    pub(super) fn boxed(
        &mut self,
        class: &str,
        (x, y): (i32, i32),
        (wide, high): (i32, i32),
        lines: &[(&str, &str)],
    ) {
        self.rect(class, (x, y), (wide, high));
        let count = i32::try_from(lines.len()).expect("few");
        let first = y + high / 2 - (count - 1) * 8 + 4;
        for (n, (class, text)) in (0..).zip(lines) {
            assert!(width_of(text, class) <= wide - 6, "{text:?} leaves its box");
            self.text(x + wide / 2, first + n * 16, class, At::Middle, text);
        }
    }

    /// A line through `points`, with a tip at its end.
    pub(super) fn arrow(&mut self, class: &str, points: &[(i32, i32)]) {
        self.path(class, points, r#" marker-end="url(#tip)""#);
    }

    /// A line through `points`.
    pub(super) fn stroke(&mut self, class: &str, points: &[(i32, i32)]) {
        self.path(class, points, "");
    }

    fn path(&mut self, class: &str, points: &[(i32, i32)], end: &str) {
        let points: Vec<String> = points.iter().map(|(x, y)| format!("{x},{y}")).collect();
        let class = format!("line {class}");
        let class = class.trim_end();
        self.line(&format!(r#"<polyline class="{class}" points="{}"{end}/>"#, points.join(" ")));
    }

    fn line(&mut self, text: &str) {
        writeln!(self.body, "{text}").expect("memory takes everything");
    }

    fn reach(&mut self, y: i32) {
        self.bottom = self.bottom.max(y);
    }

    /// The file. `title` is its name, and `desc` says in words what it shows.
    pub(super) fn finish(self, title: &str, desc: &str) -> String {
        let (high, [title, desc]) = (self.bottom + 10, [title, desc].map(escaped));
        format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{high}" viewBox="0 0 {WIDTH} {high}" role="img" aria-labelledby="title desc">
<title id="title">{title}</title>
<desc id="desc">{desc}</desc>
<style>{STYLE}</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path class="tip" d="M0,0L8,4L0,8z"/></marker></defs>
<rect class="ground" width="{WIDTH}" height="{high}" rx="6"/>
{}</svg>
"##,
            self.body
        )
    }
}

/// How wide a text is, a little more than most fonts take.
fn width_of(text: &str, class: &str) -> i32 {
    let count = i32::try_from(text.chars().count()).expect("short");
    let per_ten = match class {
        class if class.contains("code") => 73,
        class if class.contains("strong") => 77,
        class if class.contains("small") => 63,
        _ => 68,
    };
    (count * per_ten + 9) / 10
}

fn overlap(one: Extent, other: Extent) -> bool {
    one.0 < other.2 && other.0 < one.2 && one.1 < other.3 && other.1 < one.3
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
