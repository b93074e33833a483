//! Functions of a plugin, as values that safe code can call.
//!
//! A value of these types is made in one way: a plugin passes the function. It stays callable,
//! because a plugin is never unloaded.

use std::ffi::{CStr, CString, c_char, c_int, c_void};

use crate::host::Handle;
use crate::host::records::Datum;

/// A continuation's handler: `TSEventFunc`.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct EventFunction(unsafe extern "C-unwind" fn(Handle, c_int, usize) -> c_int);

impl EventFunction {
    /// Calls the plugin back.
    pub(crate) fn call(self, cont: Handle, event: c_int, data: usize) -> c_int {
        // SAFETY: the plugin has passed the function as a handler, and it is called as one.
        unsafe { (self.0)(cont, event, data) }
    }

    /// Where it is, for `plugin.so:+offset`.
    pub(crate) fn address(self) -> usize {
        self.0 as usize
    }
}

/// What a plugin's thread runs: the function that `TSThreadCreate` gets.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct ThreadFunction(unsafe extern "C-unwind" fn(usize) -> usize);

impl ThreadFunction {
    /// Runs it on this thread.
    pub(crate) fn call(self, data: usize) {
        // SAFETY: the plugin has passed the function for this.
        unsafe { (self.0)(data) };
    }

    /// Where it is, for `plugin.so:+offset`.
    pub(crate) fn address(self) -> usize {
        self.0 as usize
    }
}

/// `TSRecordData` of `ts/apidefs.h`.
#[repr(C)]
pub(crate) union RecordData {
    int: i64,
    float: f32,
    text: *const c_char,
}

/// What gets the records: `TSRecordDumpCb`.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct RecordFunction(
    unsafe extern "C-unwind" fn(c_int, *mut c_void, c_int, *const c_char, c_int, *const RecordData),
);

impl RecordFunction {
    /// Gives the plugin one record.
    pub(crate) fn call(
        self,
        kind: c_int,
        data: usize,
        name: &CStr,
        data_type: c_int,
        value: &Datum,
    ) {
        let data = std::ptr::with_exposed_provenance_mut(data);
        let value = match value {
            Datum::Int(int) => RecordData { int: *int },
            Datum::Float(float) => RecordData { float: *float },
            Datum::Text(text) => {
                RecordData { text: text.as_deref().map_or(std::ptr::null(), CStr::as_ptr) }
            }
        };
        // SAFETY: the plugin has passed the function for this; name and value live until it returns.
        unsafe { (self.0)(kind, data, 1, name.as_ptr(), data_type, &raw const value) }
    }
}

/// `TSRemapInterface` of `ts/remap.h`.
#[repr(C)]
pub(crate) struct RemapInterface {
    pub(crate) size: u64,
    pub(crate) tsremap_version: u64,
}

/// `TSRemapRequestInfo` of `ts/remap.h`.
#[repr(C)]
pub(crate) struct RemapRequestInfo {
    pub(crate) map_from_url: Handle,
    pub(crate) map_to_url: Handle,
    pub(crate) request_url: Handle,
    pub(crate) request_bufp: Handle,
    pub(crate) request_hdrp: Handle,
    pub(crate) redirect: c_int,
}

/// `TSRemapDoRemap` of `ts/remap.h`.
pub(super) type DoRemapFunction =
    unsafe extern "C-unwind" fn(usize, Handle, *mut RemapRequestInfo) -> c_int;

/// The entry point `TSRemapDoRemap` with the instance of one rule.
pub(crate) struct DoRemap {
    pub(super) function: DoRemapFunction,
    pub(super) instance: usize,
}

impl DoRemap {
    /// Has the plugin look at a request of its rule.
    pub(crate) fn call(&self, txn: Handle, info: &mut RemapRequestInfo) -> c_int {
        // SAFETY: the function is the plugin's entry point of this name, the instance is the one
        // that its `TSRemapNewInstance` has made.
        unsafe { (self.function)(self.instance, txn, info) }
    }
}

/// An `argv` for a plugin. In the original it is freed after the call, so it is here too.
pub(super) struct Arguments {
    texts: Vec<CString>,
    pointers: Vec<*mut c_char>,
}

impl Arguments {
    /// One for each text; what is behind a NUL is cut off.
    pub(super) fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Arguments {
        let cut = |text: &str| text.split('\0').next().unwrap_or_default().to_owned();
        let texts: Vec<CString> =
            texts.into_iter().map(|text| CString::new(cut(text)).unwrap_or_default()).collect();
        let mut pointers: Vec<*mut c_char> =
            texts.iter().map(|text| text.as_ptr().cast_mut()).collect();
        pointers.push(std::ptr::null_mut());
        Arguments { texts, pointers }
    }

    pub(super) fn argc(&self) -> c_int {
        c_int::try_from(self.texts.len()).unwrap_or(c_int::MAX)
    }

    pub(super) fn argv(&mut self) -> *mut *mut c_char {
        self.pointers.as_mut_ptr()
    }
}
