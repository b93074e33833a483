//! Lines of a head, put together from whatever pieces they come in.
//!
//! Mirrors `MIMEScanner::get` of `proxy/hdrs/MIME.cc` (9.2.9).
//!
//! **Could you tell?** In one place. The original takes a field for complete when
//! the piece that it is given ends behind the field's line feed; a continuation
//! line in the next piece is then thrown away as garbage, so that what a head
//! means depends on how it was cut. Here the first character behind the line feed
//! is waited for: a head means the same however it is cut.

use super::rules::is_ws;

/// Puts lines together.
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

/// What [`Scanner::get`] has found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scanned {
    /// A line; it is in [`Scanner::line`] until the next call.
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
                        }
                        b'\n' => {
                            *input = &input[1..];
                            return Scanned::Done;
                        }
                        _ => self.state = State::Inside,
                    }
                }
                State::FoundCr if c == b'\n' => {
                    *input = &input[1..];
                    self.state = State::Before;
                    return Scanned::Done;
                }
                State::FoundCr => {
                    self.line.push(b'\r');
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

    /// The line that was found last, its line end included.
    pub(crate) fn line(&self) -> &[u8] {
        &self.line
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

    /// Makes blanks of the line end that a folded field goes on behind.
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
