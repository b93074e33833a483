//! [`Names`]: which names the fields of a head may have. Most look-ups are for a name that is not there.
//!
//! Mirrors the presence bits of `MIMEHdrImpl` (`m_presence_bits`, `mime_hdr_presence_get`) of
//! `proxy/hdrs/MIME.cc` (9.2.9): there a bit says for certain that a name which the server knows is
//! there; here it says of any name that it may be there.

/// A set of names of fields, which may say wrongly that it has one.
#[derive(Clone, Copy, Default)]
pub(super) struct Names(u64);

impl Names {
    pub(super) const NONE: Names = Names(0);

    /// Adds a name.
    #[inline]
    pub(super) fn add(&mut self, name: &[u8]) {
        self.0 |= bit(name);
    }

    /// False if the name has not been added, in any spelling.
    #[inline]
    pub(super) fn may_have(self, name: &[u8]) -> bool {
        self.0 & bit(name) != 0
    }
}

/// The bit of a name: the same for each spelling of it.
#[inline]
fn bit(name: &[u8]) -> u64 {
    let (Some(first), Some(last)) = (name.first(), name.last()) else { return 1 };
    let (first, last) = (usize::from(first & !CASE), usize::from(last & !CASE));
    1 << ((name.len() + 5 * first + 11 * last) % 64)
}

/// The bit in which a letter and its capital differ.
const CASE: u8 = b'a' ^ b'A';

/// True if both are the same name, without regard to case. Most names that are asked for differ in
/// length or in the first character; most that are equal have the same spelling.
#[inline(always)]
pub(crate) fn is_name(have: &[u8], wanted: &[u8]) -> bool {
    let begins_alike = match (have.first(), wanted.first()) {
        (Some(a), Some(b)) => (a ^ b) & !CASE == 0,
        _ => true,
    };
    have.len() == wanted.len()
        && begins_alike
        && (have == wanted || have.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use super::{Names, is_name};

    #[test]
    fn each_spelling_of_a_name_is_the_same_name() {
        let mut names = Names::NONE;
        assert!(!names.may_have(b"Host") && !names.may_have(b""));
        for name in ["Content-Length", "x", ""] {
            names.add(name.as_bytes());
            for spelling in [name.to_owned(), name.to_uppercase(), name.to_lowercase()] {
                assert!(names.may_have(spelling.as_bytes()), "{spelling}");
                assert!(is_name(name.as_bytes(), spelling.as_bytes()), "{spelling}");
            }
        }
        assert!(!names.may_have(b"Host"), "this one has a bit of its own");
        assert!(!is_name(b"Age", b"Ago") && !is_name(b"Age", b"Ages") && !is_name(b"Age", b"Bge"));
    }
}
