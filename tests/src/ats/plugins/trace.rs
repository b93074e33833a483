//! [`Trace`]: what the tracer has written, and how two traces are compared.

use std::borrow::Cow;

/// The calls of a plugin, a line each.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Trace {
    /// Without the tracer's own lines, and with what must differ masked.
    pub lines: Vec<String>,
}

/// What may differ between two hosts, and is not compared.
#[derive(Clone, Copy, Debug)]
pub struct Masked {
    /// What is replaced.
    pub what: &'static str,
    /// Why it must differ.
    pub reason: &'static str,
}

impl Masked {
    /// Every rule there is.
    pub const ALL: [Masked; 6] = [
        Masked {
            what: "the value of a handle: `%1f00…` becomes `%`; NULL stays `%0`",
            reason: "a handle is an address there and a number here",
        },
        Masked {
            what: "a time of day, an argument of TSMimeHdrFieldValueDateSet",
            reason: "the two runs are at different times",
        },
        Masked {
            what: "the dates of an answer, and the seconds of its Age",
            reason: "they are of the clock; an answer that takes 120 ms has the age 0 or 1",
        },
        Masked {
            what: "a date `…, … GMT` in a text, and the seconds of an Age field in it",
            reason: "a plugin that is a client sees the dates of an answer",
        },
        Masked {
            what: "the process in a Via field: `TS (…)` after `http/1.1`",
            reason: "it has the server's name and a number of its own",
        },
        Masked {
            what: "how many bytes a block has, if a Via field is in it",
            reason: "the server's name has another length on each machine",
        },
    ];
}

impl Trace {
    /// Reads what the tracer has written.
    #[must_use]
    pub fn read(text: &str) -> Trace {
        let lines = text.lines().filter(|line| !line.starts_with('#')).map(masked).collect();
        Trace { lines }
    }

    /// The text again, with a line end after each line.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
    }
}

fn masked(line: &str) -> String {
    let line = without_handles(line);
    let line = without_times(&line);
    let line = without_dates(&line);
    without_via(&line).into_owned()
}

/// `%` stands in front of each handle, and nowhere else outside of texts.
fn without_handles(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let (mut quoted, mut rest) = (false, line);
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        quoted ^= c == '"';
        out.push(c);
        if c == '%' && !quoted {
            let digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
            if &rest[..digits] == "0" {
                out.push('0');
            }
            rest = &rest[digits..];
        }
    }
    out
}

fn without_times(line: &str) -> Cow<'_, str> {
    let function = "TSMimeHdrFieldValueDateSet(%, %, %, ";
    match line.split_once(function) {
        Some((before, rest)) => {
            let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == 'T');
            Cow::Owned(format!("{before}{function}T{rest}"))
        }
        None => Cow::Borrowed(line),
    }
}

/// `Date: Sun, 06 Nov 1994 08:49:37 GMT` and its kin, whatever the name of the field; a date has
/// always the same length.
fn without_dates(line: &str) -> Cow<'_, str> {
    const AGE: &str = "Age: ";
    const LENGTH: usize = "Sun, 06 Nov 1994 08:49:37 GMT".len();
    let mut line = Cow::Borrowed(line);
    let mut from = 0;
    while let Some(at) = line[from..].find(" GMT") {
        let end = from + at + " GMT".len();
        let is_date = |text: &str| text.as_bytes().get(3) == Some(&b',');
        match end.checked_sub(LENGTH).filter(|start| line.get(*start..end).is_some_and(is_date)) {
            Some(start) => {
                line.to_mut().replace_range(start..end, "T");
                from = start;
            }
            None => from = end,
        }
    }
    if let Some((before, rest)) = line.split_once(AGE) {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 {
            line = Cow::Owned(format!("{before}{AGE}T{}", &rest[digits..]));
        }
    }
    line
}

fn without_via(line: &str) -> Cow<'_, str> {
    const VIA: &str = "Via: http/1.1 ";
    let Some((before, _)) = line.split_once(VIA) else { return Cow::Borrowed(line) };
    // The length of the block stands in front of the text: `*231) = "GET …`.
    let before = match before.split_once("*") {
        Some((head, tail)) => {
            format!("{head}*N{}", tail.trim_start_matches(|c: char| c.is_ascii_digit() || c == 'N'))
        }
        None => before.to_owned(),
    };
    Cow::Owned(format!("{before}{VIA}TS …\""))
}

/// The number of the first line in which they differ.
#[must_use]
pub fn first_difference(a: &[String], b: &[String]) -> Option<usize> {
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    (same < a.len().max(b.len())).then_some(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_must_differ_is_masked() {
        let trace = Trace::read(
            "# generator.so: 69 functions\n\
             > f0 %4000000000001 202 %0\n\
             \x20 TSUrlPathGet(%1, %2, *12) = \"a%2f/10/x%ab\"\n\
             \x20 TSMimeHdrFieldValueDateSet(%1, %2, %3, 1700000000) = 0\n\
             \x20 TSIOBufferBlockReadStart(%1, %2, *231) = \"GET /x HTTP/1.1\\x0d\\x0aVia: http/1.1 host[\"\n\
             \x20 TSFetchRespGet(%5, *9) = \"HTTP/1.0 200 OK\\x0d\\x0aDate: Sun, 29 Nov 2026 04:16:23 GMT\\x0d\\x0aAge: 1\\x0d\"\n\
             \x20 TSVIONBytesSet(%5, 63)\n",
        );
        let expected = [
            "> f0 % 202 %0",
            "  TSUrlPathGet(%, %, *12) = \"a%2f/10/x%ab\"",
            "  TSMimeHdrFieldValueDateSet(%, %, %, T) = 0",
            "  TSIOBufferBlockReadStart(%, %, *N) = \"GET /x HTTP/1.1\\x0d\\x0aVia: http/1.1 TS …\"",
            "  TSFetchRespGet(%, *9) = \"HTTP/1.0 200 OK\\x0d\\x0aDate: T\\x0d\\x0aAge: T\\x0d\"",
            "  TSVIONBytesSet(%, 63)",
        ];
        assert_eq!(trace.lines, expected);
        assert_eq!(Trace::read(&trace.text()), trace, "what is masked stays as it is");
    }

    #[test]
    fn the_first_difference_is_found_also_behind_the_end_of_one() {
        let lines = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(first_difference(&lines("a b c"), &lines("a b c")), None);
        assert_eq!(first_difference(&lines("a b c"), &lines("a x c")), Some(1));
        assert_eq!(first_difference(&lines("a b"), &lines("a b c")), Some(2));
    }
}
