//! The book, the README and the other pages are true: text of other files is what these
//! files say, and each command prints what the page shows.
//!
//! | in a page | what it means |
//! |---|---|
//! | `<!-- text: FILE -->`, `FILE:ANCHOR`, `FILE:FIRST:LAST` | the next block is the text of this file, of an anchor in it, or of these lines; several with ` + ` |
//! | `<!-- output: COMMAND -->` | the next block is what the command prints |
//! | `<!-- figure: COMMAND -->` | the picture in the next line is what the command prints |
//! | `<!-- file: NAME -->` | the next block is a file for the commands of the page |
//! | a `console` block | each line after `$ ` is a command, and what follows it is what it prints; `…` stands for any lines |
//!
//! `UPDATE_BOOK=1 cargo test -p atslab --test it book` writes the true text into the pages.

mod command;
mod exercises;
mod facts;
mod inline;
mod links;
mod page;
mod views;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use self::command::{Answers, BY_HAND, Kind, Workshop, fits};
use self::page::{Block, Page};

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the root is there")
}

/// Every page that people read.
fn pages() -> Vec<Page> {
    let root = root();
    let mut paths: Vec<PathBuf> =
        ["README.md", "CONTRIBUTING.md"].iter().map(|name| root.join(name)).collect();
    for folder in ["docs/src", "docs/src/course", "docs/teachers"] {
        let book = fs::read_dir(root.join(folder)).expect("the book is there");
        paths.extend(book.map(|entry| entry.expect("an entry").path()));
    }
    for folder in ["eventsys", "iocore", "pluginvc", "httpsm", "streamlisten", "tsapi", "tests"] {
        paths.push(root.join(folder).join("README.md"));
    }
    paths.extend(
        ["atslab", "course", "scenario", "testkit"]
            .map(|name| root.join("lab").join(name).join("README.md")),
    );
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    paths.sort();
    paths.iter().map(|path| Page::read(&root, path)).collect()
}

/// Compares `found` with what the page shows, or writes it there.
fn judge(page: &mut Page, block: &Block, shown: &str, found: &str, faults: &mut Vec<String>) {
    if fits(shown, found) {
        return;
    }
    if std::env::var_os("UPDATE_BOOK").is_some() && !shown.lines().any(|line| line == "…") {
        page.replace(block, shown, found);
        return;
    }
    faults.push(format!(
        "{}:{}: the page shows\n{shown}\nand this is true:\n{found}",
        page.name, block.line
    ));
}

fn assert_no_faults(faults: &[String]) {
    assert!(
        faults.is_empty(),
        "{}\n\nUPDATE_BOOK=1 cargo test -p atslab --test it book\nwrites the true text into the pages.",
        faults.join("\n\n")
    );
}

#[test]
fn the_text_of_other_files_is_what_they_say() {
    let root = root();
    let (mut faults, mut count) = (Vec::new(), 0);
    for mut page in pages() {
        for block in page.blocks() {
            let Some(sources) = block.mark("text") else { continue };
            let found: Vec<String> =
                sources.split(" + ").map(|source| page::text_of(&root, source)).collect();
            judge(&mut page, &block, &block.text, &found.join("\n"), &mut faults);
            count += 1;
        }
        assert!(!page.text.contains("{{#"), "{}: a page is whole as it stands", page.name);
        page.write(&root);
    }
    assert_no_faults(&faults);
    assert!(count >= 20, "{count} blocks");
}

#[test]
fn each_figure_is_what_its_command_prints() {
    let root = root();
    let (mut faults, mut count) = (Vec::new(), 0);
    for page in pages() {
        let workshop = Workshop::new(&root);
        for (command, file) in page.figures() {
            let path = root.join(&page.name).parent().expect("a folder").join(&file);
            let shown = fs::read_to_string(&path).unwrap_or_default();
            let draw = || {
                let found = workshop.play(&Kind::of(&command));
                found.unwrap_or_else(|fault| panic!("{fault}")) + "\n"
            };
            let mut found = draw();
            // Over TCP the kernel carries the bytes. If the machine is busy they may come one look
            // of the net thread later, so a figure may come at the second time.
            for _ in 0..if command.contains("--tcp") { 4 } else { 0 } {
                if shown != found {
                    found = draw();
                }
            }
            if shown != found && std::env::var_os("UPDATE_BOOK").is_some() {
                fs::write(&path, &found).expect("the figure can be written");
            } else if shown != found {
                faults.push(format!("{}: {file} is not what {command} prints", page.name));
            }
            count += 1;
        }
    }
    assert_no_faults(&faults);
    assert!(count >= 2, "{count} figures");
}

#[test]
fn each_command_prints_what_its_page_shows() {
    play(|kind| matches!(kind, Kind::Atslab(_) | Kind::Example { .. }), 20);
}

#[test]
#[ignore = "needs the real servers, which tests/live/install unpacks, and node"]
fn each_command_with_a_real_program_prints_what_its_page_shows() {
    play(|kind| matches!(kind, Kind::Live(_)), 8);
}

/// Plays the commands of every page that are meant, at least `least` of them.
fn play(is_meant: impl Fn(&Kind) -> bool, least: usize) {
    let root = root();
    let (mut faults, mut count) = (Vec::new(), 0);
    // A student takes all lessons of the course in one folder.
    let course = Workshop::new(&root);
    let mut answers = Answers::default();
    for mut page in pages() {
        let of_the_page = Workshop::new(&root);
        let workshop =
            if page.name.starts_with("docs/src/course/") { &course } else { &of_the_page };
        for block in page.blocks() {
            if let Some(name) = block.mark("file") {
                workshop.write(name, &block.text);
            }
        }
        for block in page.blocks() {
            for (command, shown) in block.commands() {
                let kind = Kind::of(&command);
                if !is_meant(&kind) {
                    continue;
                }
                // With --nocapture one sees which command takes so long.
                println!("{}: $ {command}", page.name);
                match workshop.answer(&command, &kind, &mut answers) {
                    Ok(_) if shown.is_empty() => {}
                    Ok(found) => judge(&mut page, &block, &shown, &found, &mut faults),
                    Err(fault) => faults.push(format!("{}: $ {command}\n{fault}", page.name)),
                }
                count += 1;
            }
        }
        page.write(&root);
    }
    assert_no_faults(&faults);
    assert!(count >= least, "{count} commands");
}

#[test]
fn each_command_is_played_or_has_a_reason() {
    let root = root();
    let mut unused: BTreeSet<&str> = BY_HAND.iter().map(|(command, _)| *command).collect();
    let mut faults = Vec::new();
    for page in pages() {
        for block in page.blocks() {
            for (command, _) in block.commands() {
                match Kind::of(&command) {
                    Kind::ByHand => {
                        let known = BY_HAND.iter().find(|(name, _)| command.starts_with(name));
                        match known {
                            Some((name, _)) => _ = unused.remove(name),
                            None => faults.push(format!(
                                "{}:{}: $ {command}: is neither played nor in BY_HAND",
                                page.name, block.line
                            )),
                        }
                    }
                    Kind::CargoTest { package, filter } => {
                        if let Err(fault) = command::find_tests(&root, &package, &filter) {
                            faults.push(format!("{}: $ {command}: {fault}", page.name));
                        }
                    }
                    _ => {}
                }
            }
        }
    }
    assert_no_faults(&faults);
    assert_eq!(unused, BTreeSet::new(), "a reason for a command that no page has");
}

#[test]
fn each_command_in_a_sentence_names_what_there_is() {
    let (root, known) = (root(), inline::Known::read());
    let (mut faults, mut count) = (Vec::new(), 0);
    for page in pages() {
        for command in inline::commands_in(&page.text) {
            let fault = known.fault(&root, command);
            faults.extend(fault.map(|fault| format!("{}: `{command}`: {fault}", page.name)));
            count += 1;
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(count >= 80, "{count} commands");
}

#[test]
fn a_listing_fits_the_page() {
    let mut faults = Vec::new();
    for page in pages() {
        for block in page.blocks() {
            for (n, line) in block.text.lines().enumerate() {
                // An object of JSON is one line, for tools.
                if line.chars().count() > 100 && !line.starts_with('{') {
                    faults.push(format!("{}:{}: {line}", page.name, block.line + n + 1));
                }
            }
        }
    }
    assert!(faults.is_empty(), "more than 100 columns:\n{}", faults.join("\n"));
}

#[test]
fn each_of_the_plugin_authors_words_is_an_alias_in_the_file_that_the_page_names() {
    let root = root();
    let page = fs::read_to_string(root.join("docs/src/plugin-words.md")).expect("the page");
    let rows = page.lines().filter(|line| line.starts_with("| `TS"));
    let mut count = 0;
    for row in rows {
        let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let [_, word, _, file, ..] = cells.as_slice() else { panic!("{row}") };
        let text = fs::read_to_string(root.join(file)).expect("a source file");
        assert!(text.contains(&format!("#[doc(alias = \"{word}\")]")), "{word} in {file}");
        count += 1;
    }
    assert!(count >= 50, "{count}");
}
