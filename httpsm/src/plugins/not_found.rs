//! The answer to a request that no plugin claims: 404, and a list of the paths.

use super::Plugin;
use super::intercept::{Answered, answer_head};
use crate::api::HttpTxn;

/// Answers this transaction.
pub(super) fn intercept(txn: &HttpTxn, plugins: &[Plugin]) {
    let sentence = sentence(plugins);
    answer_head(txn, move |guard, this, link| {
        link.refuse(guard, this, 404, &sentence);
        Answered::Open
    });
}

/// The text of the body.
fn sentence(plugins: &[Plugin]) -> String {
    let mut text = String::from("No plugin answers this request. The paths are:\n");
    for &plugin in Plugin::ALL.iter().filter(|plugin| plugins.contains(plugin)) {
        text += &format!("  {:34} {}\n", plugin.paths(), plugin.name());
    }
    text
}
