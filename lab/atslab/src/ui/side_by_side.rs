//! Two lists of lines in two columns: what is the same stands once.

use std::io::{self, Write};

use similar::{Algorithm, DiffOp, capture_diff_slices, group_diff_ops};

use super::output::{FAULT, QUIET, SERVER, TITLE};

/// So many of the same lines are shown around a difference.
const CONTEXT: usize = 3;

/// Writes where `left` and `right` differ, each with its title and a few of the same
/// lines before and after. Writes nothing if they are the same.
pub(crate) fn write_side_by_side(
    out: &mut impl Write,
    titles: [&str; 2],
    left: &[String],
    right: &[String],
) -> io::Result<()> {
    let ops = capture_diff_slices(Algorithm::Myers, left, right);
    let hunks = group_diff_ops(ops, CONTEXT);
    if hunks.is_empty() {
        return Ok(());
    }
    let longest = left.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    let width = longest.max(titles[0].chars().count());
    writeln!(out, "  {TITLE}{:width$}   {}{TITLE:#}", titles[0], titles[1])?;
    let mut shown = 0;
    for hunk in &hunks {
        let begin = hunk.first().map_or(0, |op| op.old_range().start);
        write_same(out, begin - shown)?;
        for op in hunk {
            write_op(out, op, left, right, width)?;
        }
        shown = hunk.last().map_or(shown, |op| op.old_range().end);
    }
    write_same(out, left.len() - shown)
}

fn write_same(out: &mut impl Write, count: usize) -> io::Result<()> {
    match count {
        0 => Ok(()),
        1 => writeln!(out, "  {QUIET}… 1 line is the same{QUIET:#}"),
        count => writeln!(out, "  {QUIET}… {count} lines are the same{QUIET:#}"),
    }
}

fn write_op(
    out: &mut impl Write,
    op: &DiffOp,
    left: &[String],
    right: &[String],
    width: usize,
) -> io::Result<()> {
    let (left, right) = (&left[op.old_range()], &right[op.new_range()]);
    if matches!(op, DiffOp::Equal { .. }) {
        return left.iter().try_for_each(|line| writeln!(out, "  {QUIET}{line}{QUIET:#}"));
    }
    for at in 0..left.len().max(right.len()) {
        let mine = left.get(at).map_or("", String::as_str);
        let theirs = right.get(at).map_or("", String::as_str);
        let sign = match (mine, theirs) {
            ("", _) => '>',
            (_, "") => '<',
            _ => '|',
        };
        write!(out, "  {SERVER}{mine:width$}{SERVER:#} {sign}")?;
        match theirs {
            "" => writeln!(out)?,
            theirs => writeln!(out, " {FAULT}{theirs}{FAULT:#}")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(left: &str, right: &str) -> String {
        let lines = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let mut out = anstream::StripStream::new(Vec::new());
        write_side_by_side(&mut out, ["B", "D"], &lines(left), &lines(right)).expect("written");
        String::from_utf8(out.into_inner()).expect("text")
    }

    #[test]
    fn what_is_the_same_stands_once_and_what_differs_side_by_side() {
        assert_eq!(told("a b c", "a x c"), "  B   D\n  a\n  b | x\n  c\n");
        assert_eq!(told("a b c", "a c"), "  B   D\n  a\n  b <\n  c\n");
        assert_eq!(told("a c", "a b c"), "  B   D\n  a\n    > b\n  c\n");
        assert_eq!(told("a b", "a b"), "");
    }

    #[test]
    fn a_long_stretch_of_the_same_is_counted() {
        let same = "1 2 3 4 5 6";
        let text = told(&format!("{same} a {same}"), &format!("{same} b {same}"));
        let end = "  6\n  a | b\n  1\n  2\n  3\n  … 3 lines are the same\n";
        assert_eq!(text, format!("  B   D\n  … 3 lines are the same\n  4\n  5\n{end}"));
    }
}
