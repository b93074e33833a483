//! The structures that plugins and the interface pass each other.

use std::ffi::{c_char, c_int, c_void};

use crate::host::{Handle, client};

/// `TSHttpConnectOptions` of `ts/apidefs.h`.
#[repr(C)]
pub(crate) struct HttpConnectOptions {
    pub(crate) connect_type: c_int,
    pub(crate) addr: *const c_void,
    pub(crate) tag: *const c_char,
    pub(crate) id: i64,
    pub(crate) buffer_index: c_int,
    pub(crate) buffer_water_mark: c_int,
}

impl HttpConnectOptions {
    /// `TS_CONNECT_PLUGIN`.
    pub(crate) const PLUGIN: c_int = 1;
}

impl Default for HttpConnectOptions {
    fn default() -> HttpConnectOptions {
        HttpConnectOptions {
            connect_type: HttpConnectOptions::PLUGIN,
            addr: std::ptr::null(),
            tag: std::ptr::null(),
            id: 0,
            buffer_index: client::DEFAULT_SIZE,
            buffer_water_mark: 0,
        }
    }
}

/// `TSFetchEvent` of `ts/apidefs.h`: success, failure, timeout.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct FetchEventIds(pub(crate) [c_int; 3]);

/// `TSFetchUrlParams_t` of `ts/apidefs.h`.
#[repr(C)]
pub(crate) struct FetchUrlParams {
    pub(crate) request: *const c_char,
    pub(crate) request_len: c_int,
    pub(crate) ip: libc::sockaddr_storage,
    pub(crate) port: c_int,
    pub(crate) contp: Handle,
    pub(crate) events: FetchEventIds,
    pub(crate) options: c_int,
    pub(crate) next: *const FetchUrlParams,
}

#[cfg(test)]
mod tests {
    use std::mem::{offset_of, size_of};

    use super::*;

    /// What the C compiler makes of the headers of 9.2.9.
    #[test]
    fn they_are_laid_out_as_in_c() {
        assert_eq!(size_of::<HttpConnectOptions>(), 40);
        assert_eq!(offset_of!(HttpConnectOptions, buffer_water_mark), 36);
        assert_eq!(size_of::<FetchEventIds>(), 12);
        assert_eq!(offset_of!(FetchUrlParams, ip), 16);
        assert_eq!(offset_of!(FetchUrlParams, contp), 152);
        assert_eq!(offset_of!(FetchUrlParams, next), 176);
        assert_eq!(size_of::<FetchUrlParams>(), 184);
    }
}
