//! Fields of heads: the `TSMLoc` that `TSMimeHdrFieldFind` and `TSMimeHdrFieldCreateNamed` return.
//!
//! Each call makes a handle of its own, which `TSHandleMLocRelease` ends, as in the original
//! (`MIMEFieldSDKHandle`). A field that is not yet in its head is a value of its own.

use std::ffi::c_int;
use std::sync::Arc;

use eventsys::sync::Mutex;
use httpsm::hdr::{MIMEField, http_date};

use super::head::{Head, Lent};
use super::{Handle, Kind, Object, findings, table, want};

/// A field.
pub(crate) struct Field {
    head: Arc<Head>,
    state: Mutex<State>,
}

enum State {
    /// Not in the head: name and value.
    Detached(Vec<u8>, Vec<u8>),
    /// In the head.
    At(MIMEField),
}

impl Object for Field {
    const KIND: Kind = Kind::Field;
}

impl Field {
    fn value(&self) -> Vec<u8> {
        match &*self.state.lock() {
            State::Detached(_, value) => value.clone(),
            State::At(at) => {
                let value = self.head.fields(|all| all.field(*at).map(|(_, v)| v.to_vec()));
                value.unwrap_or_else(|| removed())
            }
        }
    }

    fn name(&self) -> Vec<u8> {
        match &*self.state.lock() {
            State::Detached(name, _) => name.clone(),
            State::At(at) => {
                let name = self.head.fields(|all| all.field(*at).map(|(name, _)| name.to_vec()));
                name.unwrap_or_else(|| removed())
            }
        }
    }

    fn set(&self, new: &[u8]) {
        match &mut *self.state.lock() {
            State::Detached(_, value) => *value = new.to_vec(),
            State::At(at) => {
                if !self.head.fields(|all| all.field_value_set(*at, new)) {
                    removed()
                }
            }
        }
    }
}

fn removed() -> ! {
    findings::end("the field has been removed from its head".to_owned())
}

fn make(head: Arc<Head>, state: State) -> Handle {
    table().insert(Field { head, state: Mutex::new(state) })
}

/// `TSMimeHdrFieldFind`.
pub(crate) fn find(head: Handle, name: &[u8]) -> Handle {
    let head = want::<Head>(head);
    let found = head.fields(|all| all.field_find(name));
    found.map_or(Handle::NULL, |at| make(head, State::At(at)))
}

/// `TSMimeHdrFieldGet`.
pub(crate) fn get(head: Handle, nth: c_int) -> Handle {
    let head = want::<Head>(head);
    let found = usize::try_from(nth).ok().and_then(|nth| head.fields(|all| all.field_get(nth)));
    found.map_or(Handle::NULL, |at| make(head, State::At(at)))
}

/// `TSMimeHdrFieldsCount`.
pub(crate) fn count(head: Handle) -> c_int {
    let n = want::<Head>(head).fields(|all| all.fields_count());
    c_int::try_from(n).unwrap_or(c_int::MAX)
}

/// `TSMimeHdrFieldNext`.
pub(crate) fn next(field: Handle) -> Handle {
    let field = want::<Field>(field);
    let State::At(at) = *field.state.lock() else { return Handle::NULL };
    let found = field.head.fields(|all| all.field_next(at));
    found.map_or(Handle::NULL, |at| make(field.head.clone(), State::At(at)))
}

/// `TSMimeHdrFieldNextDup`.
pub(crate) fn next_dup(field: Handle) -> Handle {
    let field = want::<Field>(field);
    let State::At(at) = *field.state.lock() else { return Handle::NULL };
    let found = field.head.fields(|all| all.field_next_dup(at));
    found.map_or(Handle::NULL, |at| make(field.head.clone(), State::At(at)))
}

/// `TSMimeHdrFieldCreateNamed`, and `TSMimeHdrFieldCreate` without a name.
pub(crate) fn create(head: Handle, name: &[u8]) -> Option<Handle> {
    Some(make(want::<Head>(head), State::Detached(name.to_vec(), Vec::new())))
}

/// `TSMimeHdrFieldAppend`.
pub(crate) fn append(head: Handle, field: Handle) {
    let (head, field) = (want::<Head>(head), want::<Field>(field));
    let mut state = field.state.lock();
    match &*state {
        State::Detached(name, value) => {
            let at = head.fields(|all| all.field_attach(name, value));
            *state = State::At(at);
        }
        State::At(_) => findings::note("the field is in its head already"),
    }
}

/// `TSMimeHdrFieldRemove`: the field stays with the plugin.
pub(crate) fn remove(field: Handle) {
    let field = want::<Field>(field);
    let mut state = field.state.lock();
    if let State::At(at) = *state {
        let taken = field.head.fields(|all| {
            let taken = all.field(at).map(|(name, value)| (name.to_vec(), value.to_vec()));
            all.field_detach(at);
            taken
        });
        let (name, value) = taken.unwrap_or_else(|| removed());
        *state = State::Detached(name, value);
    }
}

/// `TSMimeHdrFieldDestroy`: the field leaves its head; the plugin must still release the handle.
pub(crate) fn destroy(field: Handle) {
    let field = want::<Field>(field);
    if let State::At(at) = *field.state.lock() {
        field.head.fields(|all| all.field_detach(at));
    }
}

/// `TSMimeHdrFieldNameGet`.
pub(crate) fn name(field: Handle) -> Option<Lent> {
    let field = want::<Field>(field);
    Some(field.head.mbuffer.lend_word(&field.name()))
}

/// `TSMimeHdrFieldValueStringGet`: the whole value for -1, else the part of that number.
pub(crate) fn value(field: Handle, part: c_int) -> Option<Lent> {
    let field = want::<Field>(field);
    Some(field.head.mbuffer.lend(&part_of(&field.value(), part)))
}

/// `TSMimeHdrFieldValueInt64Get`.
pub(crate) fn number(field: Handle, part: c_int) -> i64 {
    let value = part_of(&want::<Field>(field).value(), part);
    let text = value.trim_ascii_start();
    let (digits, negative) = match text.strip_prefix(b"-") {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let number = digits
        .iter()
        .take_while(|c| c.is_ascii_digit())
        .fold(0_i64, |n, c| n.saturating_mul(10).saturating_add(i64::from(c - b'0')));
    if negative { -number } else { number }
}

/// `TSMimeHdrFieldValueStringSet`: the whole value for -1, else the part of that number.
pub(crate) fn set_value(field: Handle, part: c_int, value: &[u8]) {
    let field = want::<Field>(field);
    let new = with_part(&field.value(), part, value);
    field.set(&new);
}

/// `TSMimeHdrFieldValueDateSet`.
pub(crate) fn set_date(field: Handle, seconds: i64) {
    want::<Field>(field).set(http_date(seconds).as_bytes());
}

/// `TSHandleMLocRelease`: false if the handle has been released already. Only the handles of fields
/// are released; the others live as long as their buffer.
pub(crate) fn release(handle: Handle) -> bool {
    if handle.is_null() || handle.kind() != Some(Kind::Field) {
        return true;
    }
    match table().take::<Field>(handle, "TSHandleMLocRelease was called") {
        Ok(_) => true,
        Err(refusal) => {
            findings::note(refusal.to_string());
            false
        }
    }
}

/// The part of a value between commas; the whole value for a negative number.
fn part_of(value: &[u8], part: c_int) -> Vec<u8> {
    let Ok(part) = usize::try_from(part) else { return value.to_vec() };
    value.split(|&c| c == b',').nth(part).map_or_else(Vec::new, |part| part.trim_ascii().to_vec())
}

/// The value with another part; a part behind the last is appended.
fn with_part(value: &[u8], part: c_int, new: &[u8]) -> Vec<u8> {
    let Ok(part) = usize::try_from(part) else { return new.to_vec() };
    let mut parts: Vec<&[u8]> = match value {
        [] => Vec::new(),
        value => value.split(|&c| c == b',').map(<[u8]>::trim_ascii).collect(),
    };
    match parts.get_mut(part) {
        Some(old) => *old = new,
        None => parts.push(new),
    }
    parts.join(&b", "[..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_parts_between_commas() {
        assert_eq!(part_of(b"a, b ,c", -1), b"a, b ,c");
        assert_eq!(part_of(b"a, b ,c", 1), b"b");
        assert_eq!(part_of(b"a", 1), b"");
        assert_eq!(with_part(b"a, b", -1, b"x"), b"x");
        assert_eq!(with_part(b"a,b", 1, b"x"), b"a, x");
        assert_eq!(with_part(b"a", 7, b"x"), b"a, x");
        assert_eq!(with_part(b"", 0, b"x"), b"x");
    }
}
