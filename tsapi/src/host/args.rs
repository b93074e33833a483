//! User arguments: what plugins keep with transactions, sessions, connections, and for all.
//!
//! Mirrors `TSUserArgIndexReserve` and its kin of `InkAPI.cc`, and `PluginUserArgs` of
//! `include/tscore/PluginUserArgs.h` (9.2.9).

use std::ffi::{CStr, CString, c_int};

use eventsys::sync::Mutex;

use super::connection::Connection;
use super::transaction::{Session, Transaction};
use super::{Handle, Kind, findings, want};

/// How many there are of each type: transaction, session, connection, global.
const MAX_USER_ARGS: [usize; 4] = [16, 8, 4, 128];

/// The values of one object, by their place.
#[derive(Default)]
pub(crate) struct UserArgs(Mutex<Vec<usize>>);

impl UserArgs {
    fn get(&self, at: usize) -> usize {
        self.0.lock().get(at).copied().unwrap_or(0)
    }

    fn set(&self, at: usize, value: usize) {
        let mut all = self.0.lock();
        if all.len() <= at {
            all.resize(at + 1, 0);
        }
        all[at] = value;
    }
}

/// A name that a plugin has reserved. Kept for ever, as in the original.
#[derive(Clone, Copy)]
struct Reserved {
    name: &'static CStr,
    description: &'static CStr,
}

static RESERVED: Mutex<[Vec<Reserved>; 4]> =
    Mutex::new([Vec::new(), Vec::new(), Vec::new(), Vec::new()]);

static GLOBAL: UserArgs = UserArgs(Mutex::new(Vec::new()));

/// The number of the first argument of a type: 1000 for transactions, 2000 for sessions …
fn offset(kind: usize) -> c_int {
    c_int::try_from((kind + 1) * 1000).unwrap_or(c_int::MAX)
}

fn kind_of(kind: c_int) -> Option<usize> {
    usize::try_from(kind).ok().filter(|kind| *kind < MAX_USER_ARGS.len())
}

/// `TSUserArgIndexReserve`: the same number for the same name; none if there are too many.
pub(crate) fn reserve(kind: c_int, name: &str, description: &str) -> Option<c_int> {
    if let Some((number, _)) = look_name_up(kind, name) {
        return Some(number);
    }
    let kind = kind_of(kind)?;
    let mut all = RESERVED.lock();
    let at = all[kind].len();
    if at >= MAX_USER_ARGS[kind] {
        return None;
    }
    let kept = |text: &str| -> &'static CStr {
        Box::leak(CString::new(text).unwrap_or_default().into_boxed_c_str())
    };
    all[kind].push(Reserved { name: kept(name), description: kept(description) });
    Some(offset(kind) + c_int::try_from(at).ok()?)
}

/// `TSUserArgIndexNameLookup`: number and description.
pub(crate) fn look_name_up(kind: c_int, name: &str) -> Option<(c_int, &'static CStr)> {
    let kind = kind_of(kind)?;
    let all = RESERVED.lock();
    let at = all[kind].iter().position(|one| one.name.to_bytes() == name.as_bytes())?;
    Some((offset(kind) + c_int::try_from(at).ok()?, all[kind][at].description))
}

/// `TSUserArgIndexLookup`: name and description.
pub(crate) fn look_up(kind: c_int, number: c_int) -> Option<(&'static CStr, &'static CStr)> {
    let kind = kind_of(kind)?;
    let at = usize::try_from(number - offset(kind)).ok()?;
    RESERVED.lock()[kind].get(at).map(|one| (one.name, one.description))
}

/// Calls `f` with the arguments of an object and the place of this number. The original ends at a
/// number of another type.
fn with<R>(data: Handle, number: c_int, f: impl FnOnce(&UserArgs, usize) -> R) -> R {
    let kind = match data.kind() {
        _ if data.is_null() => 3,
        Some(Kind::Session) => 1,
        Some(Kind::Connection) => 2,
        _ => 0,
    };
    let at = usize::try_from(number - offset(kind)).ok().filter(|at| *at < MAX_USER_ARGS[kind]);
    let Some(at) = at else {
        findings::end(format!(
            "{number} is no argument of this type: `SanityCheckUserIndex(I, ix)`"
        ))
    };
    match kind {
        3 => f(&GLOBAL, at),
        1 => f(&want::<Session>(data).args, at),
        2 => f(&want::<Connection>(data).args, at),
        _ => f(&want::<Transaction>(data).args, at),
    }
}

/// `TSUserArgGet`: 0 until one is set.
pub(crate) fn get(data: Handle, number: c_int) -> usize {
    with(data, number, UserArgs::get)
}

/// `TSUserArgSet`.
pub(crate) fn set(data: Handle, number: c_int, value: usize) {
    with(data, number, |args, at| args.set(at, value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_number_and_the_numbers_of_a_type_are_few() {
        assert_eq!(reserve(1, "mine", "for me"), Some(2000));
        assert_eq!(reserve(1, "mine", ""), Some(2000));
        assert_eq!(look_name_up(1, "mine"), Some((2000, c"for me")));
        assert_eq!(look_up(1, 2000), Some((c"mine", c"for me")));
        assert_eq!(look_up(1, 1000), None);
        let more: Vec<_> = (0..8).map(|n| reserve(1, &n.to_string(), "")).collect();
        assert_eq!(more[6..], [Some(2007), None]);
        assert_eq!(reserve(4, "x", ""), None);
        let number = reserve(3, "global", "").unwrap();
        assert_eq!(get(Handle::NULL, number), 0);
        set(Handle::NULL, number, 7);
        assert_eq!(get(Handle::NULL, number), 7);
    }
}
