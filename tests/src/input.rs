//! How large the files of this crate may be; [`scenario::input`] reads them.

pub use scenario::input::{Limit, MOST_OF_A_SCENARIO, file_name, read_all, read_file, read_into};

/// The largest file of cases: a million of them.
pub const MOST_OF_CASES: Limit = Limit(64 << 20);
/// The largest recording as it is packed.
pub const MOST_PACKED: Limit = Limit(64 << 20);
/// The largest recording when it is unpacked: twelve times the longest of the project.
pub const MOST_UNPACKED: Limit = Limit(128 << 20);
/// The largest file of JSON lines: scenarios of the stream layer, reports.
pub const MOST_OF_LINES: Limit = Limit(64 << 20);
