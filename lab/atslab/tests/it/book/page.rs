//! A page, and the blocks in it.

use std::fs;
use std::path::Path;

/// A page of Markdown.
pub(super) struct Page {
    /// Its path from the root.
    pub(super) name: String,
    pub(super) text: String,
    is_changed: bool,
}

/// A fenced block.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// The line of its fence, counted from 1.
    pub(super) line: usize,
    /// The word behind the fence.
    word: String,
    /// The text of the comment in the line before it, if there is one.
    comment: String,
    /// What is between the fences, without the fence's own indentation and the last newline.
    pub(super) text: String,
}

impl Page {
    pub(super) fn read(root: &Path, path: &Path) -> Page {
        let name = path.strip_prefix(root).expect("a path in the repository");
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{name:?}: {error}"));
        Page { name: name.display().to_string(), text, is_changed: false }
    }

    /// Its fenced blocks, in order.
    pub(super) fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let lines: Vec<&str> = self.text.lines().collect();
        let mut at = 0;
        while at < lines.len() {
            let fence = lines[at].trim_start();
            let indent = lines[at].len() - fence.len();
            let Some(word) = fence.strip_prefix("```") else {
                at += 1;
                continue;
            };
            let body: Vec<&str> = lines[at + 1..]
                .iter()
                .take_while(|line| line.trim() != "```")
                .map(|line| line.get(indent..).unwrap_or(""))
                .collect();
            let before = at.checked_sub(1).map_or("", |before| lines[before].trim());
            let comment = before.strip_prefix("<!-- ").and_then(|text| text.strip_suffix(" -->"));
            blocks.push(Block {
                line: at + 1,
                word: word.to_owned(),
                comment: comment.unwrap_or_default().to_owned(),
                text: body.join("\n"),
            });
            at += body.len() + 2;
        }
        blocks
    }

    /// Its figures that a command makes: the command, and the file of the picture.
    pub(super) fn figures(&self) -> Vec<(String, String)> {
        let mut figures = Vec::new();
        let mut lines = self.text.lines();
        while let Some(line) = lines.next() {
            let command =
                line.strip_prefix("<!-- figure: ").and_then(|text| text.strip_suffix(" -->"));
            if let Some(command) = command {
                let picture = lines.next().unwrap_or_default();
                let file = picture.rsplit_once("](").and_then(|(_, file)| file.strip_suffix(')'));
                figures.push((command.to_owned(), file.expect("a picture").to_owned()));
            }
        }
        figures
    }

    /// Puts `found` where the block has `shown`.
    pub(super) fn replace(&mut self, block: &Block, shown: &str, found: &str) {
        let start: usize = self.text.split_inclusive('\n').take(block.line).map(str::len).sum();
        let at = self.text[start..].find(shown).expect("the text stands in the block") + start;
        self.text.replace_range(at..at + shown.len(), found);
        self.is_changed = true;
    }

    /// Writes the page if anything in it has been replaced.
    pub(super) fn write(&self, root: &Path) {
        if self.is_changed {
            fs::write(root.join(&self.name), &self.text).expect("the page can be written");
        }
    }
}

impl Block {
    /// What stands behind `KEY: ` in the comment before the block.
    pub(super) fn mark(&self, key: &str) -> Option<&str> {
        self.comment.strip_prefix(key)?.strip_prefix(": ")
    }

    /// Its commands, each with what it prints as the page shows it.
    pub(super) fn commands(&self) -> Vec<(String, String)> {
        if let Some(command) = self.mark("output") {
            return vec![(command.to_owned(), self.text.clone())];
        }
        let mut commands: Vec<(String, Vec<&str>)> = Vec::new();
        if self.word != "console" {
            return Vec::new();
        }
        let mut lines = self.text.lines();
        while let Some(line) = lines.next() {
            if let Some(command) = line.strip_prefix("$ ") {
                let mut command = command.to_owned();
                while let Some(first) = command.strip_suffix('\\') {
                    let next = lines.next().unwrap_or_default();
                    command = format!("{}{}", first, next.trim_start());
                }
                commands.push((command, Vec::new()));
            } else if let Some((_, shown)) = commands.last_mut() {
                shown.push(line);
            }
        }
        commands.into_iter().map(|(command, shown)| (command, shown.join("\n"))).collect()
    }
}

/// The text that `FILE`, `FILE:ANCHOR` or `FILE:FIRST:LAST` names.
pub(super) fn text_of(root: &Path, source: &str) -> String {
    let mut parts = source.split(':');
    let file = parts.next().unwrap_or_default();
    let text =
        fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let lines: Vec<&str> = text.lines().collect();
    match (parts.next(), parts.next()) {
        (None, _) => text.trim_end_matches('\n').to_owned(),
        (Some(first), Some(last)) => {
            let number = |text: &str| text.parse::<usize>().expect("a number of a line");
            lines[number(first) - 1..number(last)].join("\n")
        }
        (Some(anchor), None) => {
            let is =
                |line: &str, word: &str| line.trim_end().ends_with(&format!("{word}: {anchor}"));
            let begin = lines.iter().position(|line| is(line, "ANCHOR"));
            let begin = begin.unwrap_or_else(|| panic!("{file}: there is no anchor {anchor}"));
            let inside = lines[begin + 1..].iter().take_while(|line| !is(line, "ANCHOR_END"));
            let inside = inside.filter(|line| !line.contains("// ANCHOR"));
            inside.copied().collect::<Vec<_>>().join("\n")
        }
    }
}
