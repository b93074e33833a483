//! Where the pages lead: each link has its page and its heading, each page has its place in the
//! book, and the sources have each name that the page for readers of atsinternals gives them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::page::Page;
use super::{pages, root};

/// The parts of the book, in order.
const PARTS: [&str; 4] = ["Learn", "Use", "Look up", "Proof"];

/// The lines of a page that are not in a fenced block.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut is_fenced = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_fenced ^= is_fence;
        !is_fence && !is_fenced
    })
}

/// The targets of the links and pictures in a text, without those in `code`.
fn links(text: &str) -> Vec<&str> {
    let mut links = Vec::new();
    for line in prose(text) {
        // What is outside of backquotes, with the links whose text is code.
        for part in line.split("](").skip(1) {
            links.extend(part.split_once(')').map(|(target, _)| target));
        }
    }
    links
}

/// The anchors of a page's headings, as mdBook and GitHub make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let headings = prose(text).filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = title.chars().filter_map(|letter| match letter {
                letter if letter.is_whitespace() => Some('-'),
                letter if letter.is_alphanumeric() || "-_".contains(letter) => Some(letter),
                _ => None,
            });
            let anchor: String = kept.collect();
            let count = seen.entry(anchor.clone()).or_default();
            *count += 1;
            if *count == 1 { anchor } else { format!("{anchor}-{}", *count - 1) }
        })
        .collect()
}

/// Why a link of a page leads nowhere.
fn fault(page: &Path, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = match file {
        "" => page.to_owned(),
        file => page.parent().expect("a page is in a folder").join(file),
    };
    if !target.exists() {
        return Some(format!("there is no {file}"));
    }
    if anchor.is_empty() {
        return None;
    }
    let text = fs::read_to_string(&target).expect("a page");
    (!anchors(&text).contains(anchor)).then(|| format!("{file} has no heading #{anchor}"))
}

#[test]
fn each_link_leads_to_a_page_and_a_heading() {
    let root = root();
    let (mut faults, mut count) = (Vec::new(), 0);
    for Page { name, text, .. } in pages() {
        for link in links(&text) {
            let fault = fault(&root.join(&name), link);
            faults.extend(fault.map(|fault| format!("{name}: ]({link}): {fault}")));
            count += 1;
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(count >= 500, "{count} links");
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let page = root().join("docs/src/introduction.md");
    assert_eq!(fault(&page, "recordings.md#epochs"), None);
    assert_eq!(fault(&page, "nowhere.md").as_deref(), Some("there is no nowhere.md"));
    let told = fault(&page, "recordings.md#nothing");
    assert_eq!(told.as_deref(), Some("recordings.md has no heading #nothing"));
    let text =
        "# One `two`, three: four!\n```text\n# five\n[a](b)\n```\n## _x_ y\n## _x_ y\n[c](d)";
    let anchors: Vec<_> = anchors(text).into_iter().collect();
    assert_eq!(anchors, ["_x_-y", "_x_-y-1", "one-two-three-four"]);
    assert_eq!(links(text), ["d"]);
}

#[test]
fn the_book_has_four_parts_and_each_page_once() {
    let book = root().join("docs/src");
    let summary = fs::read_to_string(book.join("SUMMARY.md")).expect("the summary");
    let parts: Vec<&str> = summary.lines().filter_map(|line| line.strip_prefix("# ")).collect();
    assert_eq!(parts, [&["Summary"][..], &PARTS[..]].concat());
    let mut listed: Vec<&str> = links(&summary);
    listed.sort_unstable();
    let mut there: Vec<String> = Vec::new();
    let mut folders = vec![book.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the book") {
            let path: PathBuf = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                let name = path.strip_prefix(&book).expect("a page of the book");
                there.push(name.display().to_string());
            }
        }
    }
    there.retain(|name| name != "SUMMARY.md");
    there.sort_unstable();
    assert_eq!(listed, there);
}

/// The cells of a row; `\|` does not end a cell.
fn cells(row: &str) -> Vec<String> {
    let row = row.replace("\\|", "\u{1}");
    row.split('|').map(|cell| cell.trim().replace('\u{1}', "|")).collect()
}

/// Whether a source has the name as a whole word.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part)
    })
}

#[test]
fn the_page_for_readers_of_atsinternals_names_what_there_is() {
    let root = root();
    let page = fs::read_to_string(root.join("docs/src/atsinternals.md")).expect("the page");
    let (mut sections, mut faults) = (0, Vec::new());
    for row in page.lines().filter(|line| line.starts_with("| ")) {
        let cells = cells(row);
        let [_, section, page, names, file, _] = &cells[..] else { continue };
        if section == "section" {
            continue;
        }
        sections += 1;
        if page == "–" {
            // It is not ported: the row gives the reason.
            assert!(names.len() > 5 && file == "–", "{row}");
            continue;
        }
        let file = file.trim_matches('`');
        let text = fs::read_to_string(root.join(file)).unwrap_or_default();
        for name in names.split(", ").map(|name| name.trim_matches('`')) {
            if name.is_empty() || !has_word(&text, name) {
                faults.push(format!("{section}: {file} has no {name}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(sections >= 260, "{sections} sections");
    assert!(!has_word("fn shut() {}", "shu") && has_word("fn shut() {}", "shut"));
}

/// The exam leaves out what its key has, and the key is not in the book.
#[test]
fn the_exam_has_ten_questions_whose_ends_are_in_the_key_alone() {
    let root = root();
    let read = |name: &str| Page::read(&root, &root.join(name));
    let ends = |page: &Page| -> Vec<String> {
        page.blocks()
            .into_iter()
            .filter(|block| block.mark("output").is_some())
            .map(|b| b.text)
            .collect()
    };
    let (exam, key) = (read("docs/src/course/exam.md"), read("docs/teachers/exam-key.md"));
    let titles = |page: &Page| -> Vec<String> {
        prose(&page.text).filter(|line| line.starts_with("## ")).map(str::to_owned).collect()
    };
    assert_eq!(titles(&exam), titles(&key));
    let (exam, key) = (ends(&exam), ends(&key));
    assert_eq!((exam.len(), key.len()), (10, 10));
    for (question, end) in exam.iter().zip(&key) {
        assert!(!question.contains("VIOLATION") && end.contains("VIOLATION"), "{end}");
        let last = end.lines().next().expect("a line");
        assert!(!question.ends_with(last), "the exam has its end: {last}");
    }
}
