//! The pictures of the pages, in `docs/src/img`: each is drawn here, from what Cargo, an
//! example or a run says wherever it can be, and compared with the file.
//!
//! `UPDATE_BOOK=1 cargo test -p atslab --test it pictures` draws them anew.

mod buckets;
mod crates;
mod epochs;
mod event_loop;
mod interleaving;
mod listeners;
mod pair;
mod race;
mod retry;
mod stack;
mod svg;
mod wake;
mod water;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A picture: the name of its file, and how to draw it.
type Drawn = (&'static str, fn() -> String);

const PICTURES: [Drawn; 12] = [
    ("buckets", buckets::draw),
    ("chain", listeners::draw),
    ("crates", crates::draw),
    ("epochs", epochs::draw),
    ("interleaving", interleaving::draw),
    ("loop", event_loop::draw),
    ("pair", pair::draw),
    ("race", race::draw),
    ("retry", retry::draw),
    ("stack", stack::draw),
    ("wake", wake::draw),
    ("water", water::draw),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the root")
}

/// What an example prints.
fn example(package: &str, name: &str) -> String {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_atslab"));
    let built = program.with_file_name("examples").join(name);
    let mut command = Command::new(&built);
    if !built.exists() {
        command = Command::new(env!("CARGO"));
        command.current_dir(root()).args(["run", "--quiet", "-p", package, "--example", name]);
    }
    let output = command.output().expect("the example runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// Checks that the sources in `folder` have each of the names that a picture shows.
fn assert_names(folder: &str, names: &[&str]) {
    let (mut text, mut folders) = (String::new(), vec![root().join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                text.push_str(&fs::read_to_string(path).expect("a source"));
            }
        }
    }
    for name in names {
        assert!(text.contains(name), "{folder} has no {name}, which a picture shows");
    }
}

#[test]
fn each_picture_is_what_is_drawn_now() {
    let folder = root().join("docs/src/img");
    let mut stale = Vec::new();
    for (name, draw) in PICTURES {
        let (file, now) = (folder.join(name).with_extension("svg"), draw());
        if fs::read_to_string(&file).ok().as_ref() == Some(&now) {
            continue;
        }
        if std::env::var_os("UPDATE_BOOK").is_some() {
            fs::write(&file, now).expect("the picture can be written");
        } else {
            stale.push(name);
        }
    }
    assert!(
        stale.is_empty(),
        "not as it is drawn now: {stale:?}\nUPDATE_BOOK=1 cargo test -p atslab --test it pictures"
    );
}

#[test]
fn each_picture_is_in_a_page_with_words_for_readers_who_cannot_see_it() {
    let root = root();
    let mut pages = vec![(root.join("README.md"), "docs/src/img/")];
    for (folder, pictures) in [("docs/src", "img/"), ("docs/src/course", "../img/")] {
        for entry in fs::read_dir(root.join(folder)).expect("the book") {
            pages.push((entry.expect("an entry").path(), pictures));
        }
    }
    let mut shown = Vec::new();
    for (page, folder) in
        pages.iter().filter(|(page, _)| page.extension().is_some_and(|e| e == "md"))
    {
        let text = fs::read_to_string(page).expect("a page");
        for part in text.split("![").skip(1) {
            let Some((words, rest)) = part.split_once("](") else { continue };
            let target = rest.split(')').next().unwrap_or_default();
            let Some(name) = target.strip_prefix(folder) else { continue };
            assert!(words.len() >= 20, "{page:?}: {target} says only {words:?}");
            shown.push(name.to_owned());
        }
    }
    for (name, _) in PICTURES {
        assert!(shown.contains(&format!("{name}.svg")), "no page shows {name}");
    }
    for name in shown {
        assert!(root.join("docs/src/img").join(&name).exists(), "{name}");
    }
}
