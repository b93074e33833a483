//! [`Trace`]: what the tracer has written, and how two traces are compared.

use super::masks;
use super::tracer::READY;

/// The calls of a plugin, a line each.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Trace {
    /// Without the tracer's own lines, and with what must differ masked.
    pub lines: Vec<String>,
}

impl Trace {
    /// Reads what the tracer has written, from where the calls count.
    #[must_use]
    pub fn read(text: &str) -> Trace {
        let text = text.rsplit_once(READY).map_or(text, |(_, behind)| behind);
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Trace { lines: lines.map(|line| masks::apply(&masks::OF_CALLS, line)).collect() }
    }

    /// The text again, with a line end after each line.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
    }
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
             \x20 TSVIONBytesSet(%5, 63)\n",
        );
        let expected = [
            "> f0 % 202 %0",
            "  TSUrlPathGet(%, %, *12) = \"a%2f/10/x%ab\"",
            "  TSMimeHdrFieldValueDateSet(%, %, %, T) = 0",
            "  TSIOBufferBlockReadStart(%, %, *N) = \"GET /x HTTP/1.1\\x0d\\x0aVia: http/1.1 TS …\"",
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
