//! Random scenarios, of three kinds.
//!
//! A kind has a fixed share, and [`Statistics`] counts what has been made: a test
//! checks that every action occurs, outside of callbacks and inside of them.

mod connection;
mod core;
mod input;
mod server;
mod statistics;

use serde_json::{Value, json};

pub use statistics::Statistics;

use crate::random::numbered;

/// What a scenario is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An HTTP server, and its clients.
    Server,
    /// A connection's stream, and a parser that may consume it.
    Connection,
    /// Streams that are fed by hand, and bare parsers.
    Core,
}

impl Kind {
    /// The kind of the scenario with this number: of twenty, seven are servers and
    /// seven are connections.
    fn of(number: usize) -> Kind {
        match number % 20 {
            n if n >= 14 => Kind::Core,
            n if n % 2 == 0 => Kind::Server,
            _ => Kind::Connection,
        }
    }
}

/// The scenario with this number; the same numbers, the same scenario.
#[must_use]
pub fn generate(seed: u64, number: usize) -> Value {
    let mut rng = numbered(seed, number);
    let mut scenario = match Kind::of(number) {
        Kind::Server => server::server(&mut rng),
        Kind::Connection => connection::connection(&mut rng),
        Kind::Core => core::core(&mut rng),
    };
    scenario["id"] = json!(format!("{seed}-{number}"));
    scenario
}

#[cfg(test)]
mod tests {
    use super::{Kind, Statistics, generate};

    const COUNT: usize = 4000;

    /// What each kind must do, outside of callbacks and inside of them.
    const ACTIONS: &[(Kind, &[&str], &[&str])] = &[
        (
            Kind::Server,
            &[
                "feed",
                "end",
                "reset",
                "destroy",
                "sock_end",
                "sock_write",
                "pause",
                "resume",
                "on",
                "once",
                "read_readable",
                "pipe",
                "setEncoding",
                "flags",
                "stat",
                "emit_connection",
                "close_all",
                "close_idle",
                "res_head",
                "res_write",
                "res_end",
                "res_continue",
                "res_destroy",
                "req_resume",
                "req_pause",
                "req_destroy",
            ],
            &[
                "destroy",
                "sock_end",
                "sock_write",
                "pause",
                "resume",
                "on",
                "res_head",
                "res_write",
                "res_end",
                "res_continue",
                "res_destroy",
                "req_destroy",
            ],
        ),
        (
            Kind::Connection,
            &[
                "feed",
                "send_end",
                "send_reset",
                "close_stream",
                "write",
                "shutdown",
                "readstart",
                "readstop",
                "consume",
                "unconsume",
                "pause",
                "resume",
                "userbuf",
                "userbuf_next",
                "current_buffer",
                "headers_completed",
                "finish",
                "stat",
            ],
            &[
                "close_stream",
                "write",
                "shutdown",
                "readstart",
                "readstop",
                "unconsume",
                "pause",
                "resume",
                "userbuf",
                "userbuf_next",
                "stat",
            ],
        ),
        (
            Kind::Core,
            &[
                "read",
                "eof",
                "execute",
                "finish",
                "init",
                "consume",
                "unconsume",
                "pause",
                "resume",
                "userbuf",
                "write",
                "shutdown",
                "finish_write",
                "finish_shutdown",
                "readstart",
                "stat",
            ],
            &["unconsume", "pause", "resume", "execute", "read", "throw", "finish", "userbuf"],
        ),
    ];

    fn statistics() -> Statistics {
        let mut statistics = Statistics::default();
        for number in 0..COUNT {
            statistics.count(&generate(1, number));
        }
        statistics
    }

    #[test]
    fn a_third_are_servers_and_a_third_connections() {
        let statistics = statistics();
        assert!(statistics.of(Kind::Server) * 3 >= COUNT, "{}", statistics.summary());
        assert!(statistics.of(Kind::Connection) * 3 >= COUNT, "{}", statistics.summary());
        assert!(statistics.of(Kind::Core) * 4 >= COUNT, "{}", statistics.summary());
    }

    #[test]
    fn no_action_is_lost_outside_of_callbacks_or_inside() {
        let statistics = statistics();
        for (kind, outside, inside) in ACTIONS {
            for action in *outside {
                let (n, _) = statistics.of_action(*kind, action);
                assert!(n >= 20, "{kind:?}: {action} occurs {n} times outside of callbacks");
            }
            for action in *inside {
                let (_, n) = statistics.of_action(*kind, action);
                assert!(n >= 20, "{kind:?}: {action} occurs {n} times inside of callbacks");
            }
        }
    }

    /// A server's scenarios in which something holds.
    fn servers(holds: impl Fn(&str) -> bool) -> usize {
        (0..COUNT)
            .filter(|n| Kind::of(*n) == Kind::Server && holds(&generate(1, *n).to_string()))
            .count()
    }

    #[test]
    fn servers_meet_expectations_and_answer_in_parts_of_both_kinds() {
        assert!(servers(|text| text.contains("100-continue")) >= COUNT / 20);
        assert!(servers(|text| text.contains("Expect: something")) >= 20);
        assert!(servers(|text| text.contains(r#""as":"text""#)) >= COUNT / 10);
        assert!(servers(|text| text.matches("res_write").count() > 1) >= COUNT / 20);
        assert!(servers(|text| text.contains(r#""httpAllowHalfOpen":true"#)) >= 50);
    }

    #[test]
    fn the_same_seed_makes_the_same_scenarios() {
        assert_eq!(generate(7, 11), generate(7, 11));
        assert_ne!(generate(7, 11), generate(8, 11));
    }
}
