//! The comments that make holes.
//!
//! ```text
//! // course: 7 begin process_read_side "move bytes into the user's buffer"
//! …                                     the solution
//! // course: 7 stub let _ = half;       what the starter has in its place, a line each
//! // course: 7 stub todo!("lesson 7: process_read_side")
//! // course: 7 end
//! ```
//!
//! `hide` in place of `begin` makes a hole that the student does not fill: code of another
//! release that would give the solution away. `starter FILE` in place of the stubs gives the student
//! a file of the lesson to begin with: code that works and has a fault. The name is one word; a
//! triple of lesson, file and name is unique.
//!
//! Several lessons may cut the same piece (`// course: 7,9 hide …`), and a hole of one lesson may
//! stand in a hole of another one. Holes of one lesson do not nest.

use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem;
use thiserror::Error;

const MARKER: &str = "// course:";

/// A piece of a source that a lesson cuts out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hole {
    /// The lesson.
    pub lesson: u32,
    /// Its name in its file, mostly the function's.
    pub name: String,
    /// What belongs there, for the student; `None` if the hole stays as it is.
    pub title: Option<String>,
    /// The lines of the solution, without the markers; counted from 0.
    pub body: Range<usize>,
    /// The lines that the starter has in place of the body.
    pub stub: Vec<String>,
    /// The file of the lesson that the starter has in place of the body, and of a stub.
    pub starter: Option<String>,
    /// The white space before the markers.
    indent: String,
    /// The lines from the first marker to the last.
    pub all: Range<usize>,
}

/// What is wrong with the markers of a source.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("line {line}: {what}")]
pub struct MarkerFault {
    /// The line, from 1.
    pub line: usize,
    what: &'static str,
}

/// Finds the holes of a source, from the top.
///
/// # Errors
/// If a marker is not understood or does not pair.
pub fn holes(source: &str) -> Result<Vec<Hole>, MarkerFault> {
    let mut found = Vec::new();
    if !has_marker(source) {
        return Ok(found);
    }
    // The holes that a line stands in, the innermost one last.
    let mut open: Vec<(Vec<u32>, Hole)> = Vec::new();
    for (index, line) in source.lines().enumerate() {
        let fault = |what| MarkerFault { line: index + 1, what };
        let Some(marker) = marker(line) else { continue };
        let (lessons, word, rest) = parse(marker).ok_or_else(|| {
            fault("expected \"// course: LESSON begin NAME \\\"TITLE\\\"\", hide, stub, starter or end")
        })?;
        if matches!(word, "begin" | "hide") {
            let is_open = |lesson: &u32| open.iter().any(|(others, _)| others.contains(lesson));
            if lessons.iter().any(is_open) {
                return Err(fault("a hole begins in another one of the same lesson"));
            }
            open.push((lessons, begin(word, rest, line, index)?));
            continue;
        }
        let innermost = open.last_mut().filter(|(its, _)| *its == lessons);
        let Some((_, hole)) = innermost else {
            return Err(fault("no hole of this lesson is open here"));
        };
        let is_first = hole.stub.is_empty() && hole.starter.is_none();
        if is_first {
            hole.body.end = index;
        }
        match word {
            "stub" if hole.starter.is_none() => hole.stub.push(rest.to_owned()),
            "starter" if is_first => hole.starter = Some(rest.to_owned()),
            "end" if is_first => return Err(fault("the hole has no stub")),
            "end" => {
                hole.all.end = index + 1;
                let (lessons, hole) = open.pop().expect("it is open");
                found.extend(lessons.iter().map(|&lesson| Hole { lesson, ..hole.clone() }));
            }
            _ => return Err(fault("a hole has stubs or one starter")),
        }
    }
    if let Some((_, hole)) = open.pop() {
        return Err(MarkerFault { line: hole.all.start + 1, what: "the hole does not end" });
    }
    found.sort_by_key(|hole| hole.all.start);
    Ok(found)
}

/// False for nearly every source, so that none of them is taken apart into lines.
fn has_marker(text: &str) -> bool {
    static FINDER: LazyLock<memmem::Finder<'static>> =
        LazyLock::new(|| memmem::Finder::new(MARKER));
    FINDER.find(text.as_bytes()).is_some()
}

/// A hole that begins here; it has no lesson yet.
fn begin(word: &str, rest: &str, line: &str, index: usize) -> Result<Hole, MarkerFault> {
    let fault = |what| MarkerFault { line: index + 1, what };
    let (name, title) = rest.split_once(' ').unwrap_or((rest, ""));
    let quoted = title.strip_prefix('"').and_then(|title| title.strip_suffix('"'));
    let title = match (word, quoted) {
        ("begin", Some(title)) => Some(title.to_owned()),
        ("hide", None) if title.is_empty() => None,
        ("begin", None) => return Err(fault("expected a title in quotes behind the name")),
        _ => return Err(fault("a hidden hole has a name and no title")),
    };
    if name.is_empty() {
        return Err(fault("expected a name"));
    }
    Ok(Hole {
        lesson: 0,
        name: name.to_owned(),
        title,
        body: index + 1..index + 1,
        stub: Vec::new(),
        starter: None,
        indent: line[..line.len() - line.trim_start().len()].to_owned(),
        all: index..index + 1,
    })
}

fn marker(line: &str) -> Option<&str> {
    line.trim_start().strip_prefix(MARKER).map(str::trim_end)
}

fn parse(marker: &str) -> Option<(Vec<u32>, &str, &str)> {
    let (lessons, rest) = marker.trim().split_once(' ')?;
    let (word, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let lessons: Result<_, _> = lessons.split(',').map(str::parse).collect();
    Some((lessons.ok()?, word, rest.trim()))
}

/// The source as a student gets it: without the bodies of this lesson's holes, and without any
/// marker. A hole with a starter is left empty here. Sources without markers stay as they are.
///
/// # Errors
/// If a marker is at fault.
pub fn cut(source: &str, lesson: u32) -> Result<String, MarkerFault> {
    fill(source, lesson, Hole::stub)
}

impl Hole {
    /// The stub as it stands in the student's file.
    #[must_use]
    pub fn stub(&self) -> String {
        self.stub.iter().map(|line| indented(&self.indent, line)).collect()
    }

    /// What stands in the hole in this source, without markers of other lessons.
    #[must_use]
    pub fn solution(&self, source: &str) -> String {
        let lines = source.split_inclusive('\n').skip(self.body.start).take(self.body.len());
        lines.filter(|line| marker(line).is_none()).collect()
    }
}

/// As [`cut`], with other lines in place of the stub: a planted mistake, or another solution.
/// What `body` gives is taken as it is, with its indentation.
///
/// # Errors
/// If a marker is at fault.
pub fn fill(
    source: &str,
    lesson: u32,
    body: impl Fn(&Hole) -> String,
) -> Result<String, MarkerFault> {
    if !has_marker(source) {
        return Ok(source.to_owned());
    }
    let mut holes = holes(source)?;
    holes.retain(|hole| hole.lesson == lesson);
    let mut holes = holes.iter().peekable();
    let mut out = String::with_capacity(source.len());
    let mut lines = source.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        match holes.peek() {
            Some(hole) if hole.all.start == index => {
                out += &indented(&hole.indent, &opening(hole));
                out += &body(hole);
                out += &indented(&hole.indent, &closing(hole));
                // Goes on behind the last marker.
                lines.by_ref().take(hole.all.len() - 1).for_each(drop);
                holes.next();
            }
            _ if marker(line).is_some() => {}
            _ => {
                out += line;
                out.push('\n');
            }
        }
    }
    Ok(out)
}

fn indented(indent: &str, line: &str) -> String {
    format!("{indent}{line}\n")
}

/// The comment that the student finds above a hole.
fn opening(hole: &Hole) -> String {
    let Hole { lesson, name, .. } = hole;
    match &hole.title {
        Some(title) => format!("// Lesson {lesson}, {name}: {title}."),
        None => format!("// Lesson {lesson}, {name}: not here, it would give the solution away."),
    }
}

fn closing(hole: &Hole) -> String {
    format!("// End of lesson {}, {}.", hole.lesson, hole.name)
}

/// The line, from 1, of the comment above a hole in a student's text. `None` if it is gone.
#[must_use]
pub fn line_of(student: &str, hole: &Hole) -> Option<usize> {
    let (before, _) = split_at_line(student, &opening(hole))?;
    Some(before.lines().count() + 1)
}

/// What a student has written into a hole: the lines between the two comments of the starter.
/// `None` if a comment is gone.
#[must_use]
pub fn written<'a>(student: &'a str, hole: &Hole) -> Option<&'a str> {
    let (_, after) = split_at_line(student, &opening(hole))?;
    let (inside, _) = split_at_line(after, &closing(hole))?;
    Some(inside)
}

/// The text with `written` in a hole of the starter, in place of what stands there. `None` if a
/// comment is gone.
#[must_use]
pub fn with_written(starter: &str, hole: &Hole, written: &str) -> Option<String> {
    let (before, after) = split_at_line(starter, &opening(hole))?;
    let (_, after) = split_at_line(after, &closing(hole))?;
    let [opening, closing] =
        [opening(hole), closing(hole)].map(|line| indented(&hole.indent, &line));
    Some([before, &opening, written, &closing, after].concat())
}

/// The text of a student without what stands in the holes, to see whether anything else was
/// changed. `None` if a comment of a hole is gone.
#[must_use]
pub fn outside(student: &str, holes: &[Hole]) -> Option<String> {
    let mut rest = student;
    let mut out = String::new();
    for hole in holes {
        let (before, after) = split_at_line(rest, &opening(hole))?;
        let (_, after) = split_at_line(after, &closing(hole))?;
        out += before;
        rest = after;
    }
    Some(out + rest)
}

/// Splits a text at the line that consists of `wanted` and white space, which is left out.
fn split_at_line<'a>(text: &'a str, wanted: &str) -> Option<(&'a str, &'a str)> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        if line.trim() == wanted {
            return Some((&text[..start], &text[end..]));
        }
        start = end;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
fn a() {
    // course: 1 begin a \"first\"
    one();
    two();
    // course: 1 stub let _ = 1;
    // course: 1 stub todo!(\"a\")
    // course: 1 end
}
fn b() {
    // course: 2 hide b
    three();
    // course: 2 stub todo!()
    // course: 2 end
}
";

    #[test]
    fn a_lesson_cuts_its_own_holes_and_all_markers() {
        assert_eq!(
            cut(SOURCE, 1).unwrap(),
            "\
fn a() {
    // Lesson 1, a: first.
    let _ = 1;
    todo!(\"a\")
    // End of lesson 1, a.
}
fn b() {
    three();
}
"
        );
        assert_eq!(
            cut(SOURCE, 2).unwrap(),
            "\
fn a() {
    one();
    two();
}
fn b() {
    // Lesson 2, b: not here, it would give the solution away.
    todo!()
    // End of lesson 2, b.
}
"
        );
        assert_eq!(cut(SOURCE, 9).unwrap().lines().count(), 7);
    }

    #[test]
    fn what_a_student_writes_is_found_again() {
        let [a, _] = &holes(SOURCE).unwrap()[..] else { panic!("two holes") };
        let starter = cut(SOURCE, 1).unwrap();
        let student = starter.replace("    todo!(\"a\")\n", "    mine();\n");
        assert_eq!(written(&student, a), Some("    let _ = 1;\n    mine();\n"));
        let of_one = std::slice::from_ref(a);
        assert_eq!(outside(&student, of_one), outside(&starter, of_one));
        let cheated = student.replace("three", "four");
        assert_ne!(outside(&cheated, of_one), outside(&starter, of_one));
        assert_eq!(written("fn a() {}\n", a), None);
        assert_eq!((line_of(&student, a), line_of("", a)), (Some(2), None));
        assert_eq!(with_written(&starter, a, written(&student, a).unwrap()).unwrap(), student);
    }

    #[test]
    fn the_body_of_a_hole_may_be_replaced() {
        let text = fill(SOURCE, 1, |hole| format!("    // {}\n", hole.name)).unwrap();
        assert!(text.starts_with("fn a() {\n    // Lesson 1, a: first.\n    // a\n    // End"));
    }

    #[test]
    fn lessons_may_share_a_hole_and_a_hole_may_stand_in_that_of_another_lesson() {
        let source = "\
// course: 9 begin all \"both\"
first();
// course: 7,8 hide inner
second();
// course: 7,8 stub todo!()
// course: 7,8 end
// course: 9 starter armed.rs
// course: 9 end
";
        let inner = |lesson| {
            let told = "inner: not here, it would give the solution away.";
            format!(
                "first();\n// Lesson {lesson}, {told}\ntodo!()\n// End of lesson {lesson}, inner.\n"
            )
        };
        assert_eq!(cut(source, 7).unwrap(), inner(7));
        assert_eq!(cut(source, 8).unwrap(), inner(8));
        assert_eq!(cut(source, 1).unwrap(), "first();\nsecond();\n");
        let holes = holes(source).unwrap();
        assert_eq!(holes.iter().map(|hole| hole.lesson).collect::<Vec<_>>(), [9, 7, 8]);
        assert_eq!(holes[0].starter.as_deref(), Some("armed.rs"));
        assert_eq!(holes[0].solution(source), "first();\nsecond();\n");
        let armed = fill(source, 9, |_| "armed();\n".to_owned()).unwrap();
        assert_eq!(armed, "// Lesson 9, all: both.\narmed();\n// End of lesson 9, all.\n");
    }

    #[test]
    fn markers_that_do_not_pair_are_told_with_their_line() {
        for (source, message) in [
            ("// course: 1 begin a \"t\"\n", "line 1: the hole does not end"),
            ("x\n// course: 1 end\n", "line 2: no hole of this lesson is open here"),
            ("// course: 1 begin a\n", "line 1: expected a title in quotes behind the name"),
            ("// course: 1 hide a \"t\"\n", "line 1: a hidden hole has a name and no title"),
            ("// course: 1 begin a \"t\"\n// course: 1 end\n", "line 2: the hole has no stub"),
            (
                "// course: 1 begin a \"t\"\n// course: 1,2 begin b \"t\"\n",
                "line 2: a hole begins in another one of the same lesson",
            ),
            (
                "// course: 1 begin a \"t\"\n// course: 2 begin b \"t\"\n// course: 1 stub x\n",
                "line 3: no hole of this lesson is open here",
            ),
            (
                "// course: 1 begin a \"t\"\n// course: 1 starter f\n// course: 1 stub x\n",
                "line 3: a hole has stubs or one starter",
            ),
            (
                "// course: 1 begin a \"t\"\n// course: 2 end\n",
                "line 2: no hole of this lesson is open here",
            ),
            (
                "// course: one begin\n",
                "line 1: expected \"// course: LESSON begin NAME \\\"TITLE\\\"\", hide, stub, starter or end",
            ),
        ] {
            assert_eq!(holes(source).unwrap_err().to_string(), message, "{source}");
        }
    }
}
