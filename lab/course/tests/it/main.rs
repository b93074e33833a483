//! The lessons themselves: each hole can be cut and filled, each judge can tell right from wrong,
//! and no solution is in a student's folder.

mod judged;
mod lessons;
mod variants;

use std::path::PathBuf;

fn checkout() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    course::checkout(&here).expect("the tests run in a checkout")
}
