//! The page: one file with its styles, its program and its data.
//!
//! The program is written as modules (`view/page/*.js`), so that an editor and a checker of
//! types can read it. In the page they are one module: the lines that import are left out,
//! and the word `export` is, too. So the page needs no other file, and no server.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::forms;
use super::interleaving::Interleaving;
use super::model::Scene;
use super::packed;

/// Data larger than this is gzip'd.
const MOST_PLAIN: usize = 1 << 20;

const HTML: &str = include_str!("page/view.html");
const CSS: &str = include_str!("page/view.css");
/// In the order in which they use one another.
const MODULES: &[&str] = &[
    include_str!("page/data.js"),
    include_str!("page/draw.js"),
    include_str!("page/strip.js"),
    include_str!("page/minimap.js"),
    include_str!("page/panel.js"),
    include_str!("page/gallery.js"),
    include_str!("page/interleaving.js"),
    include_str!("page/runs.js"),
    include_str!("page/main.js"),
];

/// Where the links of a page lead.
#[derive(Clone, Debug, Default)]
pub(crate) struct Links {
    /// The address of the book's pages, with a slash at its end; empty for no links.
    pub book: String,
    /// The address of the sources, the same.
    pub source: String,
}

/// The page that shows one scene.
pub(crate) fn of_scene(scene: &Scene, links: &Links) -> String {
    let title = format!("{} – atslab", scene.title);
    whole(
        &title,
        &json!({ "kind": "runs", "links": object(links), "forms": forms::data(), "scenes": [packed::scene(scene)] }),
    )
}

/// The page that shows many, drawn small.
pub(crate) fn of_gallery(scenes: &[Scene], links: &Links) -> String {
    let scenes: Vec<Value> = scenes.iter().map(packed::scene).collect();
    whole(
        "Runs – atslab",
        &json!({ "kind": "gallery", "links": object(links), "forms": forms::data(), "scenes": scenes }),
    )
}

/// The page that shows what several threads did: one interleaving, or several of which the reader
/// chooses one.
pub(crate) fn of_interleavings(races: &[Interleaving], links: &Links) -> String {
    let title = races.first().map_or("an interleaving", |race| &race.title);
    let data = json!({
        "kind": "interleaving", "links": object(links), "forms": forms::data(), "scenes": [], "interleavings": races,
    });
    whole(&format!("{title} – atslab"), &data)
}

fn object(links: &Links) -> Value {
    json!({ "book": links.book, "source": links.source })
}

fn whole(title: &str, data: &Value) -> String {
    let (text, shown) = (data.to_string(), escaped(title));
    let (kind, data) = if text.len() > MOST_PLAIN {
        ("application/octet-stream", zipped(&text))
    } else {
        ("application/json", inert(&text))
    };
    let program: String = MODULES.iter().flat_map(|module| module.lines()).fold(
        String::new(),
        |mut program, line| {
            if !line.starts_with("import ") {
                program.push_str(line.strip_prefix("export ").unwrap_or(line));
                program.push('\n');
            }
            program
        },
    );
    // Each part of the template is looked at once: no text that has been put in is looked
    // through for a further place.
    let mut page = String::with_capacity(data.len() + (128 << 10));
    for part in HTML.split("{{") {
        match part.split_once("}}") {
            None => page.push_str(part),
            Some((place, rest)) => {
                page.push_str(match place {
                    "title" => &shown,
                    "css" => CSS,
                    "type" => kind,
                    "data" => &data,
                    _ => &program,
                });
                page.push_str(rest);
            }
        }
    }
    page
}

/// JSON that cannot end its element, whatever is in its strings.
fn inert(json: &str) -> String {
    json.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

fn zipped(text: &str) -> String {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    let packed = packer.write_all(text.as_bytes()).and_then(|()| packer.finish());
    STANDARD.encode(packed.expect("a list takes all bytes"))
}

/// Text inside an element.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_small() {
        let page = whole("", &json!({}));
        assert!(page.len() < 120 * 1024, "{} bytes", page.len());
    }

    #[test]
    fn data_cannot_leave_its_element() {
        let hostile = "</script><script>alert(1)</script>{{data}}<!--\u{2028}";
        let page = whole(hostile, &json!({ "text": hostile }));
        let begin = page.find("type=\"application/json\">").expect("the data");
        let data = &page[begin + 24..];
        let data = &data[..data.find("</script>").expect("its end")];
        let read: Value = serde_json::from_str(data).expect("JSON");
        assert_eq!(read["text"], hostile);
        assert_eq!(page.matches("alert(1)</script>").count(), 0);
    }

    #[test]
    fn no_two_modules_have_the_same_name() {
        let mut names = std::collections::BTreeSet::new();
        for line in MODULES.iter().flat_map(|module| module.lines()) {
            let line = line.strip_prefix("export ").unwrap_or(line);
            let line = line.strip_prefix("async ").unwrap_or(line);
            let known = ["function ", "class ", "const ", "let "];
            let Some(rest) = known.iter().find_map(|word| line.strip_prefix(word)) else {
                continue;
            };
            let name: String = rest
                .chars()
                .take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '$'))
                .collect();
            assert!(names.insert(name.clone()), "{name}");
        }
        assert!(names.len() > 40);
    }

    #[test]
    fn the_program_is_one_module() {
        let page = whole("", &json!({}));
        assert!(!page.contains("\nimport ") && !page.contains("\nexport "));
        assert!(!page.contains("http://") || page.contains("http://www.w3.org/2000/svg"));
    }
}
