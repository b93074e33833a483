//! HTTP scenarios, on the port and in a real server.
//!
//! | file | what |
//! |---|---|
//! | `arm.rs` | the two arms |
//! | `compare.rs` | what is compared, and how a difference is told |
//! | `gallery.rs` | the scenarios that come with the project |
//! | `recording.rs` | what the real server did in them |
//! | `known.rs` | the register of the differences that are known |
//! | `generate.rs` | random scenarios |
//! | `shrink.rs` | small ones that still differ |

mod arm;
mod compare;
mod gallery;
mod generate;
mod known;
mod recording;
mod shrink;

pub use arm::{HttpArm, is_mirrored, play_on_port};
pub use compare::{HttpDifference, http_differ};
pub use gallery::{http_named, http_names, http_text};
pub use generate::{BLOCK, generate_http};
pub use known::{HTTP_RULES, HttpRule, explain_http};
pub use recording::{print_http, recorded_http};
pub use shrink::shrink_http;
