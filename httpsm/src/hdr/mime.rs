//! [`MIMEHdr`]: the fields of a head, in their order.
//!
//! Mirrors `MIMEHdr` and `MIMEField` of `proxy/hdrs/MIME.h` and `MIME.cc` (9.2.9).
//!
//! **Modelled**: fields keep the order in which they came, and each keeps its own spelling and
//! spacing until it is changed; names compare without regard to case; a field may be there several
//! times. **Built differently**: one buffer holds the text of all fields and a slot knows where in
//! it, where the original has a heap of its own for each message. The original's presence bits are for
//! the names that it knows; here any name has a bit, which it shares with others ([`Names`]). **Not
//! modelled**: slot accelerators, which no call makes visible.

mod field;
mod names;
mod store;

pub use field::MIMEField;
use names::Names;
pub(crate) use names::is_name;

use super::list::csv_parts;
use super::number::{mime_parse_int, mime_parse_int64};

/// The first capacity in bytes and in fields: most heads never need more.
const ROOM: (usize, usize) = (512, 16);

/// The room that a copy has for the fields that the proxy adds to a forwarded head.
const ROOM_FOR_MORE: (usize, usize) = (256, 6);

/// The fields of a message's head.
///
/// ```
/// use httpsm::hdr::MIMEHdr;
///
/// let mut fields = MIMEHdr::new();
/// fields.append("Connection", b"close, upgrade");
/// assert_eq!(fields.value_get("connection"), Some(&b"close, upgrade"[..]));
/// assert_eq!(fields.csv("Connection").collect::<Vec<_>>(), [&b"close"[..], b"upgrade"]);
/// ```
#[derive(Default)]
pub struct MIMEHdr {
    /// The text of all fields, also of deleted ones.
    text: Vec<u8>,
    /// One for each field, in the order in which they are printed.
    slots: Vec<Slot>,
    /// Of all fields, also of deleted ones.
    names: Names,
}

#[derive(Clone, Copy)]
struct Slot {
    name: Span,
    value: Span,
    /// The whole line as received, its line end included, until the field is changed. Mirrors
    /// `m_n_v_raw_printable`.
    raw: Option<Span>,
    live: bool,
}

#[derive(Clone, Copy)]
struct Span {
    at: u32,
    len: u32,
}

/// A line of a head, as the parser hands it over.
pub(crate) struct ParsedField<'a> {
    pub(crate) line: &'a [u8],
    pub(crate) name: &'a [u8],
    pub(crate) value: &'a [u8],
    pub(crate) raw_printable: bool,
}

impl MIMEHdr {
    /// No fields.
    #[must_use]
    pub const fn new() -> MIMEHdr {
        MIMEHdr { text: Vec::new(), slots: Vec::new(), names: Names::NONE }
    }

    /// Every field, as name and value, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.live().map(|slot| (self.of(slot.name), self.of(slot.value)))
    }

    /// How many fields there are. Mirrors `fields_count`.
    #[must_use]
    pub fn fields_count(&self) -> usize {
        self.live().count()
    }

    /// The value of the first field with this name. Mirrors `value_get`.
    #[must_use]
    pub fn value_get(&self, name: &str) -> Option<&[u8]> {
        self.values(name).next()
    }

    /// The values of all fields with this name.
    #[inline]
    pub fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.named(name.as_bytes()).map(|slot| self.of(slot.value))
    }

    /// The parts between commas of all fields with this name, without quotes around
    /// them and without empty parts. A comma inside quotes separates nothing. Mirrors
    /// `HdrCsvIter`.
    pub fn csv(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.values(name).flat_map(csv_parts)
    }

    /// True if there is a field with this name. Mirrors `presence`.
    #[must_use]
    pub fn presence(&self, name: &str) -> bool {
        self.value_get(name).is_some()
    }

    /// Gives the field with this name a value: changes the first one in its place and removes the
    /// others; without one, adds a new field at the end. Mirrors `value_set`.
    pub fn value_set(&mut self, name: &str, value: &[u8]) {
        let mut found = false;
        for at in 0..self.slots_with(name.as_bytes()).len() {
            let slot = self.slots[at];
            if !slot.live || !is_name(self.of(slot.name), name.as_bytes()) {
                continue;
            }
            if found {
                self.slots[at].live = false;
            } else {
                found = true;
                self.slots[at].value = self.store(value);
                self.slots[at].raw = None;
            }
        }
        if !found {
            self.append(name, value);
        }
    }

    /// Adds to the value of the field with this name, after a comma if it has one
    /// already. Mirrors `value_append` with its `prepend_comma`.
    pub fn value_append(&mut self, name: &str, value: &[u8]) {
        match self.value_get(name) {
            Some(old) if !old.is_empty() => {
                let joined = [old, b", ", value].concat();
                self.value_set(name, &joined);
            }
            _ => self.value_set(name, value),
        }
    }

    /// A new field at the end. Mirrors `field_create` and `field_attach`.
    pub fn append(&mut self, name: &str, value: &[u8]) {
        self.field_attach(name.as_bytes(), value);
    }

    /// Removes all fields with this name. Mirrors `field_delete`.
    pub fn field_delete(&mut self, name: &str) {
        for at in 0..self.slots_with(name.as_bytes()).len() {
            if is_name(self.of(self.slots[at].name), name.as_bytes()) {
                self.slots[at].live = false;
            }
        }
    }

    /// Removes all fields but the first with this name.
    pub(crate) fn delete_dups(&mut self, name: &str) {
        if let Some(value) = self.value_get(name).map(<[u8]>::to_vec) {
            self.value_set(name, &value);
        }
    }

    /// Removes every field for whose name `gone` is true.
    pub fn field_delete_if(&mut self, gone: impl Fn(&[u8]) -> bool) {
        for at in 0..self.slots.len() {
            if gone(self.of(self.slots[at].name)) {
                self.slots[at].live = false;
            }
        }
    }

    /// The number in a field, in 64 bits. Mirrors `value_get_int64`.
    #[must_use]
    pub fn value_get_int64(&self, name: &str) -> Option<i64> {
        self.value_get(name).map(mime_parse_int64)
    }

    /// The number in a field, in 32 bits. Mirrors `value_get_int`.
    #[must_use]
    pub fn value_get_int(&self, name: &str) -> Option<i32> {
        self.value_get(name).map(mime_parse_int)
    }

    /// Writes the fields and the empty line behind them. A field whose name begins
    /// with `@` is one of the proxy's own, and never leaves it. Mirrors
    /// `mime_hdr_print` and `mime_field_print`.
    pub fn print(&self, out: &mut Vec<u8>) {
        for slot in self.live() {
            if self.of(slot.name).first() == Some(&b'@') {
                continue;
            }
            if let Some(raw) = slot.raw {
                out.extend_from_slice(self.of(raw));
            } else {
                out.extend_from_slice(self.of(slot.name));
                out.extend_from_slice(b": ");
                out.extend_from_slice(self.of(slot.value));
                out.extend_from_slice(b"\r\n");
            }
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Takes a field over from the parser.
    pub(crate) fn push_parsed(&mut self, field: &ParsedField<'_>) {
        self.make_room();
        let line = self.store(field.line);
        let part = |part: &[u8]| {
            // Both are parts of the line, except for an empty value.
            let at = part.as_ptr().addr().wrapping_sub(field.line.as_ptr().addr());
            let at = if at <= field.line.len() { at } else { 0 };
            Span { at: line.at + span(at), len: span(part.len()) }
        };
        let slot = Slot {
            name: part(field.name),
            value: part(field.value),
            raw: field.raw_printable.then_some(line),
            live: true,
        };
        self.names.add(field.name);
        self.slots.push(slot);
    }

    #[inline]
    fn make_room(&mut self) {
        if self.slots.capacity() == 0 {
            self.take_room();
        }
    }

    #[inline(never)]
    fn take_room(&mut self) {
        if self.text.capacity() == 0
            && let Some(room) = store::take()
        {
            (self.text, self.slots) = room;
            return;
        }
        self.text.reserve(ROOM.0);
        self.slots.reserve(ROOM.1);
    }

    /// All slots if one of them may have this name, else none.
    #[inline]
    fn slots_with(&self, name: &[u8]) -> &[Slot] {
        if self.names.may_have(name) { &self.slots } else { &[] }
    }

    /// The slots of the fields with this name.
    #[inline]
    fn named(&self, name: &[u8]) -> impl Iterator<Item = &Slot> {
        let slots = self.slots_with(name).iter();
        slots.filter(move |slot| slot.live && is_name(self.of(slot.name), name))
    }

    fn live(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(|slot| slot.live)
    }

    fn of(&self, span: Span) -> &[u8] {
        &self.text[span.at as usize..][..span.len as usize]
    }

    fn store(&mut self, text: &[u8]) -> Span {
        let at = span(self.text.len());
        self.text.extend_from_slice(text);
        Span { at, len: span(text.len()) }
    }
}

impl Clone for MIMEHdr {
    fn clone(&self) -> MIMEHdr {
        let mut copy = MIMEHdr::new();
        copy.take_room();
        copy.text.reserve(self.text.len() + ROOM_FOR_MORE.0);
        copy.slots.reserve(self.slots.len() + ROOM_FOR_MORE.1);
        copy.text.extend_from_slice(&self.text);
        copy.slots.extend_from_slice(&self.slots);
        copy.names = self.names;
        copy
    }
}

impl Drop for MIMEHdr {
    fn drop(&mut self) {
        if self.slots.capacity() != 0 {
            store::put_back((std::mem::take(&mut self.text), std::mem::take(&mut self.slots)));
        }
    }
}

impl std::fmt::Debug for MIMEHdr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        f.debug_map().entries(self.iter().map(|(name, value)| (text(name), text(value)))).finish()
    }
}

/// An offset in the text. Heads are limited to far less than 4 GiB.
fn span(n: usize) -> u32 {
    u32::try_from(n).expect("a head is shorter than 4 GiB")
}

#[cfg(test)]
mod tests {
    use super::MIMEHdr;

    fn printed(hdr: &MIMEHdr) -> String {
        let mut out = Vec::new();
        hdr.print(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn fields_keep_their_place() {
        let mut hdr = MIMEHdr::new();
        for (name, value) in [("A", "1"), ("b", "2"), ("a", "3"), ("C", "4")] {
            hdr.append(name, value.as_bytes());
        }
        assert_eq!(hdr.values("A").collect::<Vec<_>>(), [b"1", b"3"]);
        hdr.value_set("a", b"9");
        assert_eq!(printed(&hdr), "A: 9\r\nb: 2\r\nC: 4\r\n\r\n");
        hdr.field_delete("B");
        hdr.value_append("c", b"5");
        hdr.value_append("d", b"6");
        assert_eq!(printed(&hdr), "A: 9\r\nC: 4, 5\r\nd: 6\r\n\r\n");
    }

    #[test]
    fn numbers_and_lists() {
        let mut hdr = MIMEHdr::new();
        hdr.append("N", b" 12x");
        hdr.append("L", b"a, b ,c");
        hdr.append("L", b"d");
        assert_eq!(hdr.value_get_int64("n"), Some(12));
        assert_eq!(hdr.value_get_int64("none"), None);
        assert_eq!(hdr.csv("l").collect::<Vec<_>>(), [b"a", b"b", b"c", b"d"]);
    }
}
