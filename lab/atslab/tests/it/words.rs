//! Plain words: patterns that make a sentence a riddle are not in the project's prose.
//!
//! Many readers are not native speakers. "For who sets none" has to be read three times;
//! "for a user that sets no timeout" has not.

use std::fs;
use std::path::{Path, PathBuf};

/// Words that say less than a noun would, in prose and in names.
const WORDS: [&str; 5] = ["nobody", "somebody", "whom", "whoever", "whosoever"];

/// Turns that hide the subject or the verb of a sentence, in prose.
const TURNS: [&str; 8] = [
    " is to be ",
    " are to be ",
    " is none.",
    " is none,",
    " is none;",
    " one that is none",
    " who sets none",
    " is who ",
];

/// Words before a "who" that has no noun.
const BEFORE_WHO: [&str; 13] =
    ["for", "to", "by", "of", "from", "with", "as", "than", "and", "or", "but", "that", "is"];

/// The files of the project, without this one.
fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut folders = vec![root];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && !matches!(&*name, "target" | ".git" | "findings" | "node_modules") {
                folders.push(path);
            } else if name != "words.rs" && is_prose(&path) {
                files.push(path);
            }
        }
    }
    files
}

/// Whether people read the file, and a person has written it.
fn is_prose(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().into_owned();
    matches!(&*extension, "rs" | "md" | "toml" | "cc" | "h")
}

/// The part of a line that is prose: all of a page, what follows `//` or `#` elsewhere.
fn prose<'a>(path: &Path, line: &'a str) -> &'a str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("md") => line,
        Some("toml") => line,
        _ => line.find("//").map_or("", |at| &line[at..]),
    }
}

fn is_free_who(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.windows(2).any(|pair| pair[1] == "who" && BEFORE_WHO.contains(&pair[0]))
}

#[test]
fn no_sentence_is_a_riddle() {
    let files = files();
    assert!(files.len() > 500, "{} files", files.len());
    let mut faults = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).unwrap_or_default();
        for (n, line) in text.lines().enumerate() {
            let (lower, prose) = (line.to_lowercase(), prose(&path, line));
            // "There is none" has its noun in front.
            let prose = &prose.replace("here is none", "");
            let is_bad = WORDS.iter().any(|word| lower.contains(word))
                || TURNS.iter().any(|turn| prose.contains(turn))
                || is_free_who(prose);
            if is_bad {
                faults.push(format!("{}:{}: {}", path.display(), n + 1, line.trim()));
            }
        }
    }
    assert!(faults.is_empty(), "say it with a noun:\n{}", faults.join("\n"));
}

#[test]
fn a_riddle_is_found() {
    assert!(is_free_who("// for who sets none"));
    assert!(!is_free_who("// a user who closes"));
    assert_eq!(prose(Path::new("a.rs"), "let nobody = 1; // a note"), "// a note");
}
