//! `TSPluginRegister`.

use eventsys::sync::Mutex;

static NAMES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// A plugin tells its name.
pub(crate) fn register(name: &str) {
    NAMES.lock().push(name.to_owned());
}

/// How many plugins have told their names.
pub(crate) fn registered() -> usize {
    NAMES.lock().len()
}
