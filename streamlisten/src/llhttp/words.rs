//! Fixed words such as `HTTP/` that the input must spell, even if it comes in pieces.
//!
//! llparse makes a tree of each node's words; a byte that no word goes on with
//! is a mismatch *at that byte*: what was matched before it stays taken.

use super::consts::METHOD_NAMES;

/// How far a word has been spelled.
#[derive(Clone, Copy, Default)]
pub(super) struct Progress {
    /// The first word of those that begin with the bytes taken so far.
    word: u8,
    /// How many bytes have been taken.
    taken: u8,
}

impl Progress {
    /// True if no byte has been taken.
    #[inline]
    pub(super) fn is_fresh(self) -> bool {
        self.taken == 0
    }
}

/// The result of spelling.
pub(super) enum Spelled {
    /// All of the word with this place in the list.
    Word(usize),
    /// No word goes on like this.
    Mismatch,
    /// The input ended in the middle of a word.
    More,
}

/// Takes bytes of `input` from `pos` on for as long as they spell one of
/// `words`; with `fold`, capital letters count as small ones. `words` is in
/// order. A word that begins another one (`GET`, `GET_PARAMETER`) is only found
/// by the byte after it, which is not taken.
#[inline]
pub(super) fn spell(
    words: &[&str],
    fold: bool,
    progress: &mut Progress,
    input: &[u8],
    pos: &mut usize,
) -> Spelled {
    while let Some(&byte) = input.get(*pos) {
        let byte = if fold { byte.to_ascii_lowercase() } else { byte };
        let taken = usize::from(progress.taken);
        let first = usize::from(progress.word);
        let begin = &words[first].as_bytes()[..taken];
        let found = words[first..]
            .iter()
            .take_while(|word| word.as_bytes().starts_with(begin))
            .position(|word| word.as_bytes().get(taken) == Some(&byte));
        let Some(further) = found else {
            *progress = Progress::default();
            let whole = taken > 0 && words[first].len() == taken;
            return if whole { Spelled::Word(first) } else { Spelled::Mismatch };
        };
        *pos += 1;
        let word = first + further;
        let begins_next = words.get(word + 1).is_some_and(|next| next.starts_with(words[word]));
        if taken + 1 == words[word].len() && !begins_next {
            *progress = Progress::default();
            return Spelled::Word(word);
        }
        *progress = Progress { word: word as u8, taken: progress.taken + 1 };
    }
    Spelled::More
}

/// The methods in the order that [`spell`] needs.
pub(super) static METHODS: [&str; 47] = sorted().0;
/// The number of each of [`METHODS`].
pub(super) static METHOD_NUMBERS: [u8; 47] = sorted().1;

const fn sorted() -> ([&'static str; 47], [u8; 47]) {
    let mut names = METHOD_NAMES;
    let mut numbers = [0; 47];
    let mut i = 0;
    while i < 47 {
        numbers[i] = i as u8;
        i += 1;
    }
    // Insertion, at compile time.
    let mut i = 1;
    while i < 47 {
        let mut j = i;
        while j > 0 && less(names[j], names[j - 1]) {
            (names[j], names[j - 1]) = (names[j - 1], names[j]);
            (numbers[j], numbers[j - 1]) = (numbers[j - 1], numbers[j]);
            j -= 1;
        }
        i += 1;
    }
    (names, numbers)
}

const fn less(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut i = 0;
    while i < a.len() && i < b.len() {
        if a[i] != b[i] {
            return a[i] < b[i];
        }
        i += 1;
    }
    a.len() < b.len()
}

/// Headers that the machine looks at, with [`super::consts::HeaderState`] beside.
pub(super) static SPECIAL_HEADERS: [&str; 5] =
    ["connection", "content-length", "proxy-connection", "transfer-encoding", "upgrade"];
/// What a start line's protocol may be.
pub(super) static PROTOCOLS: [&str; 3] = ["HTTP", "RTSP", "ICE"];
/// For a machine that reads both kinds of message: what follows an H.
pub(super) static HEAD_OR_HTTP: [&str; 2] = ["HEAD", "HTTP/"];
/// What follows a HTTP/2 preface's version.
pub(super) static PREFACE: [&str; 1] = ["\r\n\r\nSM\r\n\r\n"];
/// The words of a Connection header.
pub(super) static CONNECTION: [&str; 3] = ["close", "keep-alive", "upgrade"];
/// The word of a Transfer-Encoding header.
pub(super) static CHUNKED: [&str; 1] = ["chunked"];
/// What follows a schema.
pub(super) static SLASHES: [&str; 1] = ["//"];
/// The end of a line.
pub(super) static CRLF: [&str; 1] = ["\r\n"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_begin_alike_stand_together() {
        for list in [&METHODS[..], &SPECIAL_HEADERS, &CONNECTION] {
            assert!(list.is_sorted());
        }
        for list in [&PROTOCOLS[..], &HEAD_OR_HTTP] {
            let alike = |a: &str, b: &str| a.as_bytes()[0] == b.as_bytes()[0];
            assert!(list.len() == 2 || list.windows(2).all(|pair| !alike(pair[0], pair[1])));
        }
    }

    #[test]
    fn every_method_is_spelled_to_its_number() {
        for (number, name) in METHOD_NAMES.iter().enumerate() {
            let mut progress = Progress::default();
            let mut pos = 0;
            let line = [name.as_bytes(), b" "].concat();
            let Spelled::Word(word) = spell(&METHODS, false, &mut progress, &line, &mut pos) else {
                panic!("{name} is a method");
            };
            assert_eq!(usize::from(METHOD_NUMBERS[word]), number);
            assert_eq!(pos, name.len());
        }
    }
}
