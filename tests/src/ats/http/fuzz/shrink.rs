//! [`shrink_all`]: few bytes that still differ, and in the same way.
//!
//! All changes that make a client smaller are tried at once, as a swarm, and the
//! smallest client that still differs in the same way goes into the next round, by
//! [`Shrinking`].

use super::{Arms, Finding, findings, kind, last_request};
use crate::ats::http::{Action, Case, Swarm};
use crate::ats::live::LiveError;
use crate::shrink::Shrinking;

/// Most tries are clients that the servers close at once.
const TRIES: Swarm = Swarm { at_once: 1000 };

/// All candidates at once: the swarm plays a thousand in the time of one. A client of
/// 500 bytes has some 1200 of them.
const SHRINKING: Shrinking = Shrinking { at_once: usize::MAX, tries: 30_000 };

/// Makes each of `all` as small as it gets.
///
/// # Errors
/// As those of [`Arms::play`].
pub fn shrink_all(arms: &Arms<'_>, all: Vec<Finding>) -> Result<Vec<Finding>, LiveError> {
    let names: Vec<String> = all.iter().map(|finding| finding.case.name.clone()).collect();
    let kinds: Vec<String> = all.iter().map(|finding| kind(&finding.difference)).collect();
    SHRINKING.all(
        all,
        |finding| smallest_first(&finding.case),
        |tries| {
            // Their places as names tell them apart.
            let cases: Vec<Case> = (0..)
                .zip(&tries)
                .map(|(at, (_, case)): (usize, _)| Case { name: at.to_string(), ..case.clone() })
                .collect();
            let played = arms.play(&cases, TRIES, || {})?;
            let mut verdicts = vec![None; tries.len()];
            for mut finding in findings(&cases, played) {
                let Ok(at) = finding.case.name.parse::<usize>() else { continue };
                let number = tries[at].0;
                if kind(&finding.difference) == kinds[number] {
                    finding.case.name.clone_from(&names[number]);
                    verdicts[at] = Some(finding);
                }
            }
            Ok(verdicts)
        },
    )
}

/// All clients that are one change smaller, the smallest first.
fn smallest_first(case: &Case) -> Vec<Case> {
    let mut all = smaller(case);
    all.sort_by_key(size);
    all
}

/// How small a client is: bytes first, then actions.
fn size(case: &Case) -> (usize, usize) {
    let actions = || case.connections.iter().flatten();
    let bytes = actions().map(|action| match action {
        Action::Send(bytes) => bytes.len(),
        _ => 0,
    });
    (bytes.sum(), actions().count())
}

/// All clients that are one change smaller.
fn smaller(case: &Case) -> Vec<Case> {
    let mut all = Vec::new();
    for connection in 0..case.connections.len() {
        if connection + 1 < case.connections.len() {
            let mut less = case.clone();
            less.connections.remove(connection);
            all.push(less);
        }
        for (at, action) in case.connections[connection].iter().enumerate() {
            let with = |change: &dyn Fn(&mut Vec<Action>)| {
                let mut less = case.clone();
                change(&mut less.connections[connection]);
                less
            };
            if case.connections[connection].len() > 1 {
                all.push(with(&|actions| drop(actions.remove(at))));
            }
            let Action::Send(bytes) = action else { continue };
            for (from, to) in cuts(bytes, last_request(case.setup)) {
                all.push(with(&|actions| {
                    if let Action::Send(bytes) = &mut actions[at] {
                        bytes.drain(from..to);
                    }
                }));
            }
        }
    }
    all
}

/// What may be left out of `bytes`: halves, quarters … single bytes, and whole
/// lines; but nothing of the last request, which saves the waiting.
fn cuts(bytes: &[u8], last: &[u8]) -> Vec<(usize, usize)> {
    let free = bytes.strip_suffix(last).map_or(bytes.len(), <[u8]>::len);
    let mut cuts = Vec::new();
    let mut len = free / 2;
    while len > 0 {
        cuts.extend((0..free).step_by(len).map(|from| (from, (from + len).min(free))));
        len /= 2;
    }
    let mut from = 0;
    for line in bytes[..free].split_inclusive(|&c| c == b'\n') {
        cuts.push((from, from + line.len()));
        from += line.len();
    }
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ats::http::Setup;

    #[test]
    fn every_change_is_smaller_and_keeps_the_last_request() {
        let mut bytes = b"GET / HTTP/1.1\r\nX: y\r\n\r\n".to_vec();
        let last_request = last_request(Setup::Generator);
        bytes.extend_from_slice(last_request);
        let actions = vec![Action::Send(bytes), Action::Pause];
        let connections = vec![vec![Action::Send(b"x".to_vec())], actions];
        let case = Case { name: "a".into(), setup: Setup::Generator, connections };
        let all = smaller(&case);
        assert!(all.len() > 20);
        for less in &all {
            assert!(size(less) < size(&case) && !less.connections.is_empty());
            let last = less.connections.last().unwrap();
            let keeps = |a: &Action| matches!(a, Action::Send(b) if b.ends_with(last_request));
            assert!(last.iter().any(keeps) || last.len() < 2, "{less:?}");
        }
        let lines = |case: &Case| {
            case.connections.last().and_then(|actions| actions.first())
                == Some(&Action::Send([&b"GET / HTTP/1.1\r\n\r\n"[..], last_request].concat()))
        };
        assert!(all.iter().any(lines), "a whole line goes");
    }
}
