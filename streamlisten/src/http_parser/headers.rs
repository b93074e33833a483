//! Names and values as they come in, and lists of them.

/// When another name would make this many pairs, the pairs so far go to `kOnHeaders`
/// before the head is complete. Mirrors `kMaxHeaderFieldsCount`.
pub const CURRENT_MAX_FIELDS: usize = 32;

/// Headers, in their order.
/// Part of [`HeadersComplete`](super::HeadersComplete).
#[derive(Clone, PartialEq, Eq, Default)]
pub struct HeaderList {
    bytes: Vec<u8>,
    pairs: Vec<Pair>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Pair {
    name: u32,
    value: u32,
    end: u32,
}

impl HeaderList {
    /// Names and values. Spaces and tabs at the end of values are removed; names are
    /// as they came.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        self.pairs.iter().map(|pair| {
            let at = |n: u32| n as usize;
            let (name, value) = (at(pair.name), at(pair.value));
            (&self.bytes[name..value], trim_end(&self.bytes[value..at(pair.end)]))
        })
    }

    /// How many pairs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// True if there are no pairs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }
}

impl std::fmt::Debug for HeaderList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        f.debug_map().entries(self.iter().map(|(name, value)| (text(name), text(value)))).finish()
    }
}

fn trim_end(value: &[u8]) -> &[u8] {
    let end = value.iter().rposition(|byte| !matches!(byte, b' ' | b'\t')).map_or(0, |n| n + 1);
    &value[..end]
}

/// The collected part of a head. One piece of memory holds all names and
/// values one after the other: a piece that comes later always belongs to the
/// last of them.
#[derive(Default)]
pub(super) struct Collected {
    pub(super) url: Vec<u8>,
    pub(super) status_message: Vec<u8>,
    bytes: Vec<u8>,
    pairs: Vec<Pair>,
    /// True if the last pair has only its name so far.
    name_only: bool,
}

impl Collected {
    pub(super) fn begin_message(&mut self) {
        self.url.clear();
        self.status_message.clear();
        self.clear_pairs();
    }

    pub(super) fn clear_pairs(&mut self) {
        self.bytes.clear();
        self.pairs.clear();
        self.name_only = false;
    }

    /// True if another name would be one too many.
    pub(super) fn is_full(&self) -> bool {
        !self.name_only && self.pairs.len() + 1 == CURRENT_MAX_FIELDS
    }

    /// True if there is a name.
    pub(super) fn has_fields(&self) -> bool {
        !self.pairs.is_empty()
    }

    /// A piece of a name.
    pub(super) fn field(&mut self, piece: &[u8]) {
        if !self.name_only {
            self.name_only = true;
            let at = self.bytes.len() as u32;
            self.pairs.push(Pair { name: at, value: at, end: at });
        }
        self.bytes.extend_from_slice(piece);
        let end = self.bytes.len() as u32;
        if let Some(pair) = self.pairs.last_mut() {
            (pair.value, pair.end) = (end, end);
        }
    }

    /// The first name after a flush.
    pub(super) fn begin_field(&mut self, piece: &[u8]) {
        self.clear_pairs();
        self.field(piece);
    }

    /// A piece of a value.
    pub(super) fn value(&mut self, piece: &[u8]) {
        self.name_only = false;
        self.bytes.extend_from_slice(piece);
        let end = self.bytes.len() as u32;
        if let Some(pair) = self.pairs.last_mut() {
            pair.end = end;
        }
    }

    /// The pairs that are complete.
    pub(super) fn headers(&self) -> HeaderList {
        let complete = self.pairs.len() - usize::from(self.name_only);
        HeaderList { bytes: self.bytes.clone(), pairs: self.pairs[..complete].to_vec() }
    }
}
