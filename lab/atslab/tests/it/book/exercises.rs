//! The exercises of the pages (`tests/exercises.toml`): each can still be done, and what a page
//! says of it comes.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::{pages, root};

#[derive(Deserialize)]
struct Register {
    exercise: Vec<Exercise>,
}

#[derive(Deserialize)]
struct Exercise {
    page: String,
    words: String,
    change: Vec<Change>,
    run: String,
    status: i32,
    says: Vec<String>,
}

#[derive(Deserialize)]
struct Change {
    file: String,
    old: String,
    new: String,
}

fn register() -> Vec<Exercise> {
    let text = fs::read_to_string(root().join("tests/exercises.toml")).expect("the register");
    toml::from_str::<Register>(&text).unwrap_or_else(|error| panic!("{error}")).exercise
}

/// Makes a change, and gives the text of the file before it.
fn changed(root: &Path, change: &Change, text: &str) -> String {
    assert_eq!(text.matches(&change.old).count(), 1, "{}: {:?}", change.file, change.old);
    assert!(root.join(&change.file).is_file(), "{}", change.file);
    text.replacen(&change.old, &change.new, 1)
}

#[test]
fn each_exercise_stands_on_its_page_and_its_change_can_be_made() {
    let root = root();
    for exercise in register() {
        let page = fs::read_to_string(root.join(&exercise.page)).expect("a page");
        assert!(page.contains(&exercise.words), "{}: {}", exercise.page, exercise.words);
        for change in &exercise.change {
            let text = fs::read_to_string(root.join(&change.file)).expect("a source file");
            let new = changed(&root, change, &text);
            assert_ne!(new, text, "{}", exercise.words);
        }
    }
}

/// A page with an exercise has it in the register. A course has its own judge.
#[test]
fn each_page_with_an_exercise_is_in_the_register() {
    let register = register();
    for page in pages().iter().filter(|page| !page.name.contains("/course/")) {
        let mut of_page = register.iter().filter(|exercise| exercise.page == page.name);
        let asked = [
            "## Break it",
            "*Break it*",
            "Predict before you run: in ",
            "Predict before you run: let ",
        ];
        if asked.iter().any(|words| page.text.contains(words)) {
            assert!(of_page.next().is_some(), "{} has an exercise", page.name);
        }
    }
    // Each numbered exercise of a list.
    for (page, count) in [("docs/src/net.md", 2), ("docs/src/node.md", 5)] {
        let text = fs::read_to_string(root().join(page)).expect("a page");
        let list = text.split_once("## Break it").expect("a list").1;
        let list = list.split("<details>").next().and_then(|list| list.split("\n## ").next());
        let numbered = list.expect("a list").lines().filter(|line| {
            line.split_once(". ").is_some_and(|(number, _)| number.parse::<u32>().is_ok())
        });
        let of_page = register.iter().filter(|exercise| exercise.page == page).count();
        assert_eq!(numbered.count(), count, "{page}");
        assert!(of_page >= count, "{page}");
    }
}

#[test]
#[ignore = "builds a copy of the sources for each exercise; some minutes each"]
fn each_exercise_does_what_its_page_says() {
    let root = root();
    let folder = tempfile::tempdir().expect("a folder");
    let tree = folder.path().join("tree");
    let files = Command::new("git").current_dir(&root).args(["ls-files", "-z"]).output();
    let files = String::from_utf8(files.expect("git").stdout).expect("names");
    for name in files.split('\0').filter(|name| !name.is_empty()) {
        let to = tree.join(name);
        fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        // A file that has just been removed is no part of the tree.
        if root.join(name).is_file() {
            fs::copy(root.join(name), to).expect("a copy");
        }
    }
    let mut faults = Vec::new();
    for exercise in register() {
        println!("{}: {}", exercise.page, exercise.words);
        let began = Instant::now();
        for change in &exercise.change {
            let file = tree.join(&change.file);
            let text = fs::read_to_string(&file).expect("a source file");
            fs::write(&file, changed(&tree, change, &text)).expect("written");
        }
        let (status, said) = run(&tree, &exercise.run);
        let missing = exercise.says.iter().find(|text| !said.contains(text.as_str()));
        // A command that hangs has failed, and only an exercise that says so may fail.
        let differs = status.map_or(exercise.status == 0, |status| status != exercise.status);
        if differs || missing.is_some() {
            faults.push(format!(
                "{}: status {status:?}, without {missing:?}\n{said}",
                exercise.words
            ));
        }
        for change in &exercise.change {
            fs::copy(root.join(&change.file), tree.join(&change.file)).expect("as it was");
        }
        println!("    {} s, status {status:?}", began.elapsed().as_secs());
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

/// The status, and all that was said; no status if it had not ended after five minutes of running.
fn run(tree: &Path, command: &str) -> (Option<i32>, String) {
    let words: Vec<&str> = command.split_whitespace().collect();
    // What has to be compiled does not count.
    let built: Vec<&str> = match words.iter().position(|word| *word == "test") {
        Some(_) => [&words[1..], &["--no-run"]].concat(),
        None => ["build"]
            .iter()
            .chain(words[2..].iter().take_while(|word| **word != "--"))
            .copied()
            .collect(),
    };
    let cargo = |arguments: &[&str]| {
        let mut cargo = Command::new("cargo");
        cargo.current_dir(tree).args(arguments).env("CARGO_TARGET_DIR", tree.join("target"));
        cargo
    };
    let build = cargo(&built).output().expect("cargo");
    assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
    let out = fs::File::create(tree.join("said")).expect("a file");
    let both = out.try_clone().expect("a handle");
    let mut child =
        cargo(&words[1..]).stdin(Stdio::null()).stdout(out).stderr(both).spawn().expect("cargo");
    let until = Instant::now() + Duration::from_secs(300);
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child") {
            break status.code();
        }
        if Instant::now() > until {
            let _ = child.kill();
            let _ = child.wait();
            break None;
        }
        std::thread::sleep(Duration::from_millis(200));
    };
    (status, String::from_utf8_lossy(&fs::read(tree.join("said")).expect("said")).into_owned())
}
