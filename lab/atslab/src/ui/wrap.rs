//! Sentences that fit the page: wrapped at blanks, and aligned under their first word.

use std::io::{self, Write};

use anstyle::Style;
use rustix::termios::tcgetwinsize;

/// How wide a line is where standard output is not a terminal.
pub(crate) const PAGE: usize = 100;

/// A column of sentences is never narrower, even if it then leaves the page.
const LEAST: usize = 30;

/// How wide the terminal is, or how wide a page is if standard output is not a terminal.
pub(crate) fn width_of_stdout() -> usize {
    match tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 => size.ws_col.into(),
        _ => PAGE,
    }
}

/// Writes words from the current column, `begin`, on. Each line has at most `width`
/// columns, and each further one begins in the same column.
pub(crate) fn write_wrapped<'a>(
    out: &mut impl Write,
    begin: usize,
    width: usize,
    words: impl IntoIterator<Item = (Style, &'a str)>,
) -> io::Result<()> {
    let end = width.max(begin + LEAST);
    let mut at = begin;
    for (style, word) in words {
        let len = word.chars().count();
        if at > begin && at + 1 + len > end {
            write!(out, "\n{:begin$}", "")?;
            at = begin;
        } else if at > begin {
            write!(out, " ")?;
            at += 1;
        }
        write!(out, "{style}{word}{style:#}")?;
        at += len;
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(begin: usize, width: usize, text: &str) -> String {
        let mut out = Vec::new();
        let words = text.split(' ').map(|word| (Style::new(), word));
        write_wrapped(&mut out, begin, width, words).expect("written");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_line_ends_at_the_width_and_the_next_one_is_aligned() {
        let text = "aaaaaaaaaa bbbbbbbbbb ccccccccc dddd";
        assert_eq!(wrapped(0, 31, text), "aaaaaaaaaa bbbbbbbbbb ccccccccc\ndddd\n");
        assert_eq!(wrapped(0, 30, text), "aaaaaaaaaa bbbbbbbbbb\nccccccccc dddd\n");
        assert_eq!(wrapped(2, 33, text), "aaaaaaaaaa bbbbbbbbbb ccccccccc\n  dddd\n");
        assert_eq!(wrapped(9, 10, text), wrapped(9, 39, text), "the least width");
        let long = "x".repeat(40);
        assert_eq!(wrapped(0, 30, &format!("a {long} b")), format!("a\n{long}\nb\n"));
    }
}
