//! Lines of a head, joined from the pieces in which they come.
//!
//! Mirrors `MIMEScanner::get` of `proxy/hdrs/MIME.cc` (9.2.9).
//!
//! **Could you tell?** In one place. The original takes a field for complete when its piece ends
//! behind the field's line feed. It then throws a continuation line in the next piece away as
//! garbage, so the meaning of a head depends on how it was cut. The port waits for the first
//! character behind the line feed, so a head means the same however it is cut.

use memchr::memchr;

use super::rules::is_ws;

/// Joins pieces into lines.
#[derive(Default, Debug)]
pub(crate) struct Scanner {
    state: State,
    /// The line so far; of a folded field, all its lines.
    line: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum State {
    /// Between lines.
    #[default]
    Before,
    /// A CR stands where a line would begin.
    FoundCr,
    Inside,
    /// Behind the line feed of a field: the next line may belong to it.
    After,
}

/// The result of [`Scanner::get`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scanned {
    /// A line that came in one piece: this many bytes at the beginning of the input.
    Whole(usize),
    /// A joined line; it is in [`Scanner::line`] until the next call.
    Line,
    /// An empty line, or the end of everything between two lines.
    Done,
    /// More input is needed.
    More,
    /// A NUL, or the end of everything inside a line.
    Error,
}

impl Scanner {
    /// Takes from `input` until there is a line. With `folds`, a line that begins
    /// with white space belongs to the one before. `eof`: no more input will come.
    pub(crate) fn get(&mut self, input: &mut &[u8], eof: bool, folds: bool) -> Scanned {
        let mut cr_is_in_input = false;
        loop {
            let Some(&c) = input.first() else {
                return if eof { self.at_eof() } else { Scanned::More };
            };
            match self.state {
                State::Before => {
                    self.line.clear();
                    match c {
                        b'\r' => {
                            *input = &input[1..];
                            self.state = State::FoundCr;
                            cr_is_in_input = true;
                        }
                        b'\n' => {
                            *input = &input[1..];
                            return Scanned::Done;
                        }
                        _ => {
                            if let Some(found) = whole_line(input, folds) {
                                return found;
                            }
                            self.state = State::Inside;
                        }
                    }
                }
                State::FoundCr if c == b'\n' => {
                    *input = &input[1..];
                    self.state = State::Before;
                    return Scanned::Done;
                }
                State::FoundCr => {
                    // The original adds the CR, and then all bytes that it has read in this call:
                    // if the CR is among them, the line begins with two CRs.
                    self.line.extend_from_slice(if cr_is_in_input { b"\r\r" } else { b"\r" });
                    self.state = State::Inside;
                }
                State::Inside => {
                    let lf = input.iter().position(|&c| c == b'\n');
                    let (piece, rest) = input.split_at(lf.map_or(input.len(), |at| at + 1));
                    *input = rest;
                    if piece.contains(&0) {
                        return Scanned::Error;
                    }
                    self.line.extend_from_slice(piece);
                    if lf.is_some() {
                        if !folds {
                            self.state = State::Before;
                            return Scanned::Line;
                        }
                        self.state = State::After;
                    }
                }
                State::After if is_ws(c) => {
                    self.unfold();
                    self.state = State::Inside;
                }
                State::After => {
                    self.state = State::Before;
                    return Scanned::Line;
                }
            }
        }
    }

    /// The last joined line, its line end included.
    pub(crate) fn line(&self) -> &[u8] {
        &self.line
    }

    /// The field so far, if all of a line has come and it is not known yet whether the
    /// next line belongs to it.
    pub(crate) fn field_so_far(&self) -> Option<&[u8]> {
        (self.state == State::After).then_some(&self.line)
    }

    /// Bytes of a line that is not complete. Mirrors `get_buffered_line_size`.
    pub(crate) fn buffered(&self) -> usize {
        if self.state == State::Before { 0 } else { self.line.len() }
    }

    fn at_eof(&mut self) -> Scanned {
        match std::mem::take(&mut self.state) {
            State::Before => Scanned::Done,
            // A last field without an empty line behind it is taken.
            State::After => Scanned::Line,
            State::Inside | State::FoundCr => Scanned::Error,
        }
    }

    /// Replaces the line end inside a folded field by blanks.
    fn unfold(&mut self) {
        if let Some(lf) = self.line.last_mut() {
            *lf = b' ';
        }
        if let [.., cr, _] = &mut self.line[..]
            && *cr == b'\r'
        {
            *cr = b' ';
        }
    }
}

/// Takes a line off `input` if all of it is there, and with `folds` also the first character behind
/// it, which shows that the field does not continue. This saves the copy.
fn whole_line(input: &mut &[u8], folds: bool) -> Option<Scanned> {
    let len = memchr(b'\n', input)? + 1;
    let (line, rest) = input.split_at(len);
    if folds && rest.first().is_none_or(|&c| is_ws(c)) {
        return None;
    }
    *input = rest;
    Some(if memchr(0, line).is_some() { Scanned::Error } else { Scanned::Whole(len) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of `pieces`, and what ended them.
    fn lines(pieces: &[&[u8]], folds: bool) -> (Vec<Vec<u8>>, Scanned) {
        let (mut scanner, mut lines) = (Scanner::default(), Vec::new());
        for piece in pieces {
            let mut input = *piece;
            loop {
                let before = input;
                match scanner.get(&mut input, false, folds) {
                    Scanned::Whole(len) => lines.push(before[..len].to_vec()),
                    Scanned::Line => lines.push(scanner.line().to_vec()),
                    Scanned::More => break,
                    end => return (lines, end),
                }
            }
        }
        (lines, Scanned::More)
    }

    /// The same head is refused or taken, by how it was cut: so does the original.
    #[test]
    fn a_cr_before_a_line_counts_twice_unless_it_came_alone() {
        let found = |pieces: &[&[u8]]| lines(pieces, false).0;
        assert_eq!(found(&[b"\rGET\n"]), [b"\r\rGET\n"]);
        assert_eq!(found(&[b"\r", b"GET\n"]), [b"\rGET\n"]);
        assert_eq!(found(&[b"\rG", b"ET\n"]), [b"\r\rGET\n"]);
    }

    #[test]
    fn lines_are_the_same_in_one_piece_and_byte_by_byte() {
        for text in [
            &b"a: b\r\nc: d\n e\r\n\r\n"[..],
            b"a\n\tb\n\nrest",
            b"a: \0\r\n\r\n",
            b"a: b\r\n\0\r\n\r\n",
            b"a: b\r\n",
            b"a: b",
        ] {
            for folds in [false, true] {
                let bytes: Vec<&[u8]> = text.chunks(1).collect();
                assert_eq!(lines(&[text], folds), lines(&bytes, folds), "{text:?}");
            }
        }
    }
}
