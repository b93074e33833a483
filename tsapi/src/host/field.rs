//! Fields of heads: the `TSMLoc` that `TSMimeHdrFieldFind` and `TSMimeHdrFieldCreateNamed` return.
//!
//! Each call makes a handle of its own, which `TSHandleMLocRelease` ends, as in the original
//! (`MIMEFieldSDKHandle`). A field that is not yet in its head is a value of its own.

use std::ffi::c_int;
use std::sync::Arc;

use eventsys::sync::Mutex;
use httpsm::hdr::{MIMEField, http_date, parse_http_date, values};

use super::head::{Head, Lent};
use super::{Handle, Kind, findings, table, want};

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

impl State {
    fn place(&self) -> Option<MIMEField> {
        match self {
            State::Detached(..) => None,
            State::At(at) => Some(*at),
        }
    }
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
            State::Detached(_, value) => new.clone_into(value),
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
    found.map_or(Handle::NULL, |at| make(head.kept(), State::At(at)))
}

/// `TSMimeHdrFieldGet`.
pub(crate) fn get(head: Handle, nth: c_int) -> Handle {
    let head = want::<Head>(head);
    let found = usize::try_from(nth).ok().and_then(|nth| head.fields(|all| all.field_get(nth)));
    found.map_or(Handle::NULL, |at| make(head.kept(), State::At(at)))
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
    Some(make(want::<Head>(head).kept(), State::Detached(name.to_vec(), Vec::new())))
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

/// The whole value for a negative number, else the part of that number.
fn part_of(field: &Field, part: c_int) -> Option<Vec<u8>> {
    let value = field.value();
    match usize::try_from(part) {
        Err(_) => Some(value),
        Ok(part) => values::get(&field.name(), &value, part).map(<[u8]>::to_vec),
    }
}

/// `TSMimeHdrFieldValueStringGet`: the whole value for -1, else the part of that number.
pub(crate) fn value(field: Handle, part: c_int) -> Option<Lent> {
    let field = want::<Field>(field);
    let text = part_of(&field, part)?;
    Some(field.head.mbuffer.lend(&text))
}

/// `TSMimeHdrFieldValueInt64Get`.
pub(crate) fn number(field: Handle, part: c_int) -> i64 {
    let value = part_of(&want::<Field>(field), part).unwrap_or_default();
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
    match usize::try_from(part) {
        Err(_) => want::<Field>(field).set(value),
        Ok(part) => change(field, |old| values::set(old, part, value)),
    }
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

/// `TSMimeHdrFieldValuesCount`.
pub(crate) fn values_count(field: Handle) -> c_int {
    let field = want::<Field>(field);
    let (name, value) = (field.name(), field.value());
    let is_new = matches!(*field.state.lock(), State::Detached(..)) && value.is_empty();
    let n = if is_new { 0 } else { values::count(&name, &value) };
    c_int::try_from(n).unwrap_or(c_int::MAX)
}

/// Changes the value.
fn change(field: Handle, f: impl FnOnce(&[u8]) -> Vec<u8>) {
    let field = want::<Field>(field);
    let new = f(&field.value());
    field.set(&new);
}

/// `TSMimeHdrFieldValueStringInsert`: before the part of that number, or at the end for -1.
pub(crate) fn insert_value(field: Handle, part: c_int, value: &[u8]) {
    change(field, |old| values::insert(old, usize::try_from(part).ok(), value));
}

/// `TSMimeHdrFieldValueAppend`: behind the text of the part of that number.
pub(crate) fn extend_value(field: Handle, part: c_int, more: &[u8]) {
    let Ok(part) = usize::try_from(part) else { return };
    change(field, |old| values::extend(old, part, more));
}

/// `TSMimeHdrFieldValueDelete`.
pub(crate) fn delete_value(field: Handle, part: c_int) {
    let Ok(part) = usize::try_from(part) else { return };
    change(field, |old| values::delete(old, part));
}

/// `TSMimeHdrFieldValuesClear`.
pub(crate) fn clear_values(field: Handle) {
    change(field, |_| Vec::new());
}

/// `TSMimeHdrFieldValueDateGet`: 0 if it is no date.
pub(crate) fn date(field: Handle) -> i64 {
    parse_http_date(&want::<Field>(field).value()).unwrap_or(0)
}

/// `TSMimeHdrFieldLengthGet`, for a line as the proxy writes it.
pub(crate) fn length(field: Handle) -> c_int {
    let field = want::<Field>(field);
    c_int::try_from(field.name().len() + field.value().len() + b": \r\n".len())
        .unwrap_or(c_int::MAX)
}

/// `TSMimeHdrFieldEqual`: whether both are the same field of one head.
pub(crate) fn is_same(one: Handle, other: Handle) -> bool {
    if one.is_null() || other.is_null() {
        return one == other;
    }
    let (one, other) = (want::<Field>(one), want::<Field>(other));
    if Arc::ptr_eq(&one, &other) {
        return true;
    }
    let places = (*one.state.lock()).place().zip((*other.state.lock()).place());
    places.is_some_and(|(a, b)| a == b && Arc::ptr_eq(&one.head, &other.head))
}

/// Gives a field name and value. One that is in its head leaves its place for the end, as in the
/// original.
fn set_both(field: &Field, name: Vec<u8>, value: Vec<u8>) {
    let mut state = field.state.lock();
    *state = match &*state {
        State::Detached(..) => State::Detached(name, value),
        State::At(at) => State::At(field.head.fields(|all| {
            all.field_detach(*at);
            all.field_attach(&name, &value)
        })),
    };
}

/// `TSMimeHdrFieldNameSet`.
pub(crate) fn set_name(field: Handle, name: &[u8]) {
    let field = want::<Field>(field);
    let value = field.value();
    set_both(&field, name.to_vec(), value);
}

/// `TSMimeHdrFieldCopy`: name and value.
pub(crate) fn copy(to: Handle, from: Handle) {
    let (to, from) = (want::<Field>(to), want::<Field>(from));
    let (name, value) = (from.name(), from.value());
    set_both(&to, name, value);
}

/// `TSMimeHdrFieldCopyValues`.
pub(crate) fn copy_values(to: Handle, from: Handle) {
    let value = want::<Field>(from).value();
    want::<Field>(to).set(&value);
}

/// `TSMimeHdrFieldClone`: a new field of `head`, which is not in it yet.
pub(crate) fn clone(head: Handle, field: Handle) -> Option<Handle> {
    let field = want::<Field>(field);
    let state = State::Detached(field.name(), field.value());
    Some(make(want::<Head>(head).kept(), state))
}
