//! A chapter that tells a run links the page on which it can be seen.

use super::page::Block;
use super::pages;

/// Commands of `atslab` that tell what came of a run.
const TELLS: [&str; 4] = ["run ", "explore ", "node ", "museum "];

fn tells_a_run(command: &str) -> bool {
    let of_cargo = command.strip_prefix("cargo run ").and_then(|rest| rest.split_once("-- "));
    let rest = command.strip_prefix("atslab ").or(of_cargo.map(|(_, rest)| rest));
    rest.is_some_and(|rest| TELLS.iter().any(|tells| rest.starts_with(tells)))
}

#[test]
fn each_chapter_that_tells_a_run_links_the_page_that_shows_it() {
    let (mut faults, mut count) = (Vec::new(), 0);
    for page in pages().iter().filter(|page| page.name.starts_with("docs/src/")) {
        let blocks = page.blocks();
        let mut commands = blocks.iter().flat_map(Block::commands);
        // In the exam the program is not allowed.
        if ["view.md", "exam.md"].iter().any(|name| page.name.ends_with(name))
            || !commands.any(|(command, _)| tells_a_run(&command))
        {
            continue;
        }
        count += 1;
        if !page.text.contains("view.md") {
            faults.push(format!("{} tells a run and does not link view.md", page.name));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(count >= 15, "{count} chapters");
    assert!(tells_a_run("cargo run --release -- museum ts-3339") && !tells_a_run("atslab view x"));
}
