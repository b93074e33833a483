//! HTTP scenarios and NetVC scenarios, on the port and in a real server.
//!
//! | file | what |
//! |---|---|
//! | `arm.rs` | the two arms |
//! | `compare.rs` | what is compared, and how a difference is told |
//! | `gallery.rs` | the scenarios that come with the project |
//! | `recording.rs` | what the real server did in them |
//! | `known.rs` | the register of the differences that are known |
//! | `generate.rs`, `generate_net.rs` | random scenarios |
//! | `shrink.rs` | small ones that still differ |

mod arm;
mod compare;
mod gallery;
mod generate;
mod generate_net;
mod known;
mod recording;
mod shrink;

pub use arm::{HttpArm, is_mirrored, is_mirrored_in, play_on_port, record_on_port_as};
pub use compare::{HttpDifference, http_differ};
pub use gallery::{http_named, http_names, http_text, is_http_name, net_names};
pub use generate::{BLOCK, generate_http};
pub use generate_net::generate_net;
pub use known::{HTTP_RULES, HttpRule, explain_http};
pub use recording::{print_http, recorded_http, recorded_net};
pub use shrink::shrink_http;
