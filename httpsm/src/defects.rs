//! Historical defects of the state machine that the exploration build can put back.
//!
//! Each stands at its place in one line; see [`eventsys::defects`].
//!
//! | defect | place |
//! |---|---|
//! | [`GH_1598`], [`GH_4860`] | `api.rs`, `HttpTxn::reenable` |

eventsys::defect_table! {
    /// A transaction that a foreign thread gives back goes on on any net thread.
    GH_1598: "gh-1598", "#1598", "2.0.0" to "8.1.11",
        "A server asserts server_vc->thread == client_vc->thread.";
    /// A transaction goes on on whichever event thread gives it back.
    GH_4860: "gh-4860", "#4860", "2.0.0" to "8.1.11",
        "A server crashes in the session pool of a thread for tasks, which has none.";
}
