//! The book's table of node's names is true.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The chapter. It is read when the test runs: a copy of the crates without the book compiles.
fn book() -> String {
    let chapter = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src/node.md");
    fs::read_to_string(chapter).expect("the chapter")
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The rows of the first table of the chapter's section on names: node's name, the name
/// here, the file.
fn rows() -> Vec<[String; 3]> {
    let book = book();
    let section = book.split("\n## Names\n").nth(1).expect("the section");
    let table = section.split("\n\n").find(|part| part.starts_with("| node | here | file |"));
    let lines = table.expect("the table").lines().skip(2);
    lines
        .map(|line| {
            let mut cells = line.split('|').map(|cell| cell.trim().trim_matches('`').to_string());
            cells.next();
            [(); 3].map(|()| cells.next().expect("three cells"))
        })
        .collect()
}

/// True if `name` stands in `text` as a word.
fn has_word(text: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, found)| {
        let (before, after) = (&text[..at], &text[at + found.len()..]);
        !before.ends_with(is_word) && !after.starts_with(is_word)
    })
}

fn alias(name: &str) -> String {
    format!("#[doc(alias = \"{name}\")]")
}

#[test]
fn each_name_of_the_table_is_in_its_file() {
    for [node, here, file] in rows() {
        let text = fs::read_to_string(source().join(&file)).expect(&file);
        let kinds = ["fn ", "struct ", "trait ", "type ", "enum ", "macro "];
        let is_defined = kinds.iter().any(|kind| has_word(&text, &format!("{kind}{here}")))
            || text.lines().any(|line| {
                let line = line.trim_start().trim_start_matches("pub(super) ");
                line.trim_start_matches("pub ").starts_with(&format!("{here}: "))
                    || line.starts_with(&format!("{here}, "))
            });
        assert!(is_defined, "{here} is not defined in {file}");
        assert!(node == here || text.contains(&alias(&node)), "{file} has no alias {node}");
    }
}

#[test]
fn each_alias_of_the_source_is_in_the_table() {
    let rows = rows();
    let known: BTreeSet<&str> = rows.iter().map(|[node, _, _]| node.as_str()).collect();
    let mut folders = vec![source()];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).expect("a file");
            for rest in text.split("#[doc(alias = \"").skip(1) {
                let name = rest.split('"').next().expect("a name");
                assert!(known.contains(name), "{name} of {} is not in the table", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 100, "{seen} aliases");
}
