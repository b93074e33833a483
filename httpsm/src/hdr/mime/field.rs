//! [`MIMEField`]: one field of a head, by its place.
//!
//! Mirrors the functions of `MIMEField` and `MIMEHdr` that walk fields (`field_find`, `iter_get_next`,
//! `m_next_dup`, `field_attach`, `field_detach`) of `proxy/hdrs/MIME.cc` (9.2.9). A place is never
//! used for another field, so a field that has been removed stays recognisable; the original reads
//! a slot that may have another field by then.

use super::{MIMEHdr, Slot, is_name};

/// The place of a field in its [`MIMEHdr`]. It stays the same for the head's whole life, and means
/// nothing in another head.
///
/// ```
/// use httpsm::hdr::MIMEHdr;
///
/// let mut fields = MIMEHdr::new();
/// fields.append("Accept", b"text/html");
/// let field = fields.field_find(b"accept").unwrap();
/// fields.field_value_set(field, b"*/*");
/// assert_eq!(fields.field(field), Some((&b"Accept"[..], &b"*/*"[..])));
///
/// fields.field_detach(field);
/// assert_eq!(fields.field(field), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MIMEField(usize);

impl MIMEHdr {
    /// The first field with this name. Mirrors `field_find`.
    #[must_use]
    #[doc(alias = "TSMimeHdrFieldFind")]
    pub fn field_find(&self, name: &[u8]) -> Option<MIMEField> {
        self.find_from(0, name)
    }

    /// The `nth` field, from 0. Mirrors `mime_hdr_field_get`.
    #[must_use]
    #[doc(alias = "TSMimeHdrFieldGet")]
    pub fn field_get(&self, nth: usize) -> Option<MIMEField> {
        self.fields_from(0).nth(nth)
    }

    /// The field behind this one. Mirrors `iter_get_next`.
    #[must_use]
    #[doc(alias = "TSMimeHdrFieldNext")]
    pub fn field_next(&self, field: MIMEField) -> Option<MIMEField> {
        self.fields_from(field.0 + 1).next()
    }

    /// The next field with the same name. Mirrors `m_next_dup`.
    #[must_use]
    #[doc(alias = "TSMimeHdrFieldNextDup")]
    pub fn field_next_dup(&self, field: MIMEField) -> Option<MIMEField> {
        let (name, _) = self.field(field)?;
        self.find_from(field.0 + 1, name)
    }

    /// Name and value; `None` if the field has been removed.
    #[must_use]
    pub fn field(&self, field: MIMEField) -> Option<(&[u8], &[u8])> {
        let slot = self.slots.get(field.0).filter(|slot| slot.live)?;
        Some((self.of(slot.name), self.of(slot.value)))
    }

    /// Gives a field a value; false if it has been removed. Others with its name stay. Mirrors
    /// `mime_field_value_set`.
    pub fn field_value_set(&mut self, field: MIMEField, value: &[u8]) -> bool {
        let there = self.field(field).is_some();
        if there {
            let value = self.store(value);
            let slot = &mut self.slots[field.0];
            (slot.value, slot.raw) = (value, None);
        }
        there
    }

    /// A new field at the end. Mirrors `field_attach`.
    #[doc(alias = "TSMimeHdrFieldAppend")]
    pub fn field_attach(&mut self, name: &[u8], value: &[u8]) -> MIMEField {
        self.make_room();
        self.names.add(name);
        let (name, value) = (self.store(name), self.store(value));
        self.slots.push(Slot { name, value, raw: None, live: true });
        MIMEField(self.slots.len() - 1)
    }

    /// Removes one field; false if it has been removed already. Mirrors `field_detach`.
    #[doc(alias = "TSMimeHdrFieldRemove")]
    pub fn field_detach(&mut self, field: MIMEField) -> bool {
        let there = self.field(field).is_some();
        if there {
            self.slots[field.0].live = false;
        }
        there
    }

    fn find_from(&self, at: usize, name: &[u8]) -> Option<MIMEField> {
        let last = self.slots_with(name).len();
        let is_it = |slot: &Slot| slot.live && is_name(self.of(slot.name), name);
        (at..last).find(|&at| is_it(&self.slots[at])).map(MIMEField)
    }

    fn fields_from(&self, at: usize) -> impl Iterator<Item = MIMEField> {
        (at..self.slots.len()).filter(|&at| self.slots[at].live).map(MIMEField)
    }
}

#[cfg(test)]
mod tests {
    use super::MIMEHdr;

    #[test]
    fn fields_are_walked_in_their_order_and_keep_their_place() {
        let mut hdr = MIMEHdr::new();
        for (name, value) in [("A", "1"), ("b", "2"), ("a", "3"), ("C", "4")] {
            hdr.append(name, value.as_bytes());
        }
        let first = hdr.field_find(b"a").unwrap();
        let dup = hdr.field_next_dup(first).unwrap();
        assert_eq!(hdr.field(dup), Some((&b"a"[..], &b"3"[..])));
        assert_eq!(hdr.field_next_dup(dup), None);

        let b = hdr.field_next(first).unwrap();
        assert!(hdr.field_detach(b) && !hdr.field_detach(b), "it is removed once");
        assert_eq!((hdr.field(b), hdr.field_next_dup(b)), (None, None));
        assert!(!hdr.field_value_set(b, b"x"));
        assert_eq!(hdr.field_next(first), Some(dup));
        assert_eq!(hdr.field_get(1), Some(dup));

        // The value of one of two with the same name.
        assert!(hdr.field_value_set(dup, b"9"));
        let new = hdr.field_attach(b"D", b"");
        assert_eq!(hdr.field_next(new), None);
        let mut text = Vec::new();
        hdr.print(&mut text);
        assert_eq!(String::from_utf8(text).unwrap(), "A: 1\r\na: 9\r\nC: 4\r\nD: \r\n\r\n");
    }
}
