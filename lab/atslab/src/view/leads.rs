//! Which row leads to which later one: a trace has an arrow for each.
//!
//! A call that crosses lanes says so itself ([`Row::from`]). Inside one lane the cause stands
//! earlier: an operation of a user schedules the event at which the end looks at it, a missed mutex
//! schedules a retry, and an edge of a socket lets bytes move.

use super::kinds::{Kind, OPERATION, Shape};
use super::model::{Row, Run};

/// The pairs of a row and the one that it leads to in its lane, by their indices.
pub(crate) fn inside_lanes(run: &Run) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    for (at, row) in run.rows.iter().enumerate() {
        let Some(wanted) = follower(row.kind) else { continue };
        let later = run.rows.iter().enumerate().skip(at + 1);
        let mut of_lane = later.filter(|(_, later)| later.lane == row.lane);
        let found = match wanted {
            // What a user does in a callback comes before anything else on its lane.
            Follower::Operation => of_lane.next().filter(|(_, later)| *later.kind == OPERATION),
            Follower::Kinds(names) => of_lane
                .take_while(|(_, later)| !is_same_cause(row, later))
                .find(|(_, later)| names.contains(&later.kind.name)),
        };
        pairs.extend(found.map(|(to, _)| (at, to)));
    }
    pairs
}

/// What a row leads to.
enum Follower {
    /// The next row of the lane, if it is an operation.
    Operation,
    /// The next row of one of these kinds.
    Kinds(&'static [&'static str]),
}

/// What a row of this kind leads to in its lane.
fn follower(kind: &Kind) -> Option<Follower> {
    Some(match kind.name {
        "do_io_read" | "do_io_write" | "do_io_close" | "reenable_read" | "reenable_write"
        | "read_lock_miss" | "write_lock_miss" => Follower::Kinds(&["event"]),
        "net_do_io_read" | "net_readable" => Follower::Kinds(&["net_read"]),
        "net_do_io_write" | "net_writable" => Follower::Kinds(&["net_write"]),
        "net_do_io_close" => Follower::Kinds(&["net_free"]),
        _ if matches!(kind.shape, Shape::Callback | Shape::Wake) => Follower::Operation,
        _ => return None,
    })
}

/// The same call again: the later one is nearer to what follows.
fn is_same_cause(row: &Row, later: &Row) -> bool {
    row.kind == later.kind
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::source::Named;
    use conformance::ats::{Epoch, gallery};

    fn run_of(name: &str) -> Run {
        let scenario = gallery::named(name).expect("a scenario");
        let text = gallery::text(name).expect("its text").to_owned();
        let named = Named { name: name.to_owned(), scenario, text };
        named.on_port([Epoch::C].into_iter()).runs.remove(0)
    }

    #[test]
    fn an_operation_leads_to_its_event_and_a_miss_to_its_retry() {
        let run = run_of("45-held-peer");
        let pairs = inside_lanes(&run);
        let codes = |(from, to): &(usize, usize)| (&*run.rows[*from].code, &*run.rows[*to].code);
        let texts: Vec<_> = pairs.iter().map(codes).collect();
        assert!(texts.contains(&("P do_io_read 10", "P event 1")), "{texts:#?}");
        let miss = pairs.iter().find(|pair| codes(pair).0.ends_with("lock_miss")).expect("a miss");
        assert!(codes(miss).1.ends_with("event 2"), "a timer: {texts:#?}");
        for (from, to) in &pairs {
            assert!(from < to && run.rows[*from].lane == run.rows[*to].lane, "{from} {to}");
        }
    }

    #[test]
    fn a_callback_leads_to_what_its_user_does() {
        let run = run_of("01-ten-bytes");
        let pairs = inside_lanes(&run);
        let of = |code: &str| {
            let at = run.rows.iter().position(|row| row.code == code).expect(code);
            let (_, to) = pairs.iter().find(|(from, _)| *from == at)?;
            Some(&*run.rows[*to].code)
        };
        assert_eq!(of("P sm_read 102"), Some("P > consume all"));
        assert_eq!(of("A on_connect"), Some("A > write 10"));
    }
}
