//! [`RandomClients`]: a random client for a seed.

use fastrand::Rng;
use memchr::memmem;

use super::features::{Feature, Features};
use super::grammar::Grammar;
use super::mutate::mutate;
use crate::ats::http::ask::replace;
use crate::ats::http::{Action, Case, Setup};

/// The last request of most clients. Its answer says that the connection was open
/// until then; without it, the connection was closed. Nothing has to be waited for.
#[must_use]
pub const fn last_request(setup: Setup) -> &'static [u8] {
    match setup {
        Setup::Generator => b"GET /nocache/7/last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        // Where nothing leads to a plugin, the proxy itself answers.
        Setup::Forward | Setup::Narrow => {
            // With bytes of a body before it, it goes to this address: no name is looked up,
            // which takes the real server seconds.
            b"TRACE /last HTTP/1.1\r\nHost: 127.0.0.1:1\r\nMax-Forwards: 0\r\n\
              Connection: close\r\n\r\n"
        }
    }
}

/// Only recorded clients up to this length are changed.
const LONGEST: usize = 4000;

/// Makes clients: by grammar, and by changing recorded ones.
#[derive(Debug)]
pub struct RandomClients {
    recorded: Vec<Case>,
}

impl RandomClients {
    /// By the cases that come with the project.
    #[must_use]
    pub fn new() -> RandomClients {
        let mut recorded = Case::all();
        recorded.retain(|case| {
            let bytes = case.connections.iter().flatten().map(|action| match action {
                Action::Send(bytes) => bytes.len(),
                _ => 0,
            });
            // Without rules a server connects to wherever it is sent, so what is
            // sent there is not left to chance.
            case.setup == Setup::Generator && bytes.sum::<usize>() <= LONGEST
        });
        RandomClients { recorded }
    }

    /// The client of this seed, and what it has; the same one each time.
    #[must_use]
    pub fn client(&self, seed: u64) -> (Case, Features) {
        let mut rng = Rng::with_seed(seed);
        let mut features = Features::new();
        let mutated = rng.u8(..100) < 25 && !self.recorded.is_empty();
        let (setup, bytes) = if mutated {
            features.insert(Feature::Mutated);
            let bytes = mutate(&self.recorded, &mut rng);
            (Setup::Generator, bytes)
        } else {
            let setup = match rng.u8(..100) {
                0..75 => Setup::Generator,
                75..90 => Setup::Forward,
                _ => Setup::Narrow,
            };
            let count = [1, 1, 1, 1, 2, 2, 3, 4][rng.usize(..8)];
            if count > 1 {
                features.insert(Feature::Pipelined);
            }
            let mut grammar = Grammar { rng: &mut rng, features: &mut features, setup };
            (setup, (0..count).flat_map(|_| grammar.request()).collect())
        };
        match setup {
            Setup::Generator => {}
            Setup::Forward => drop(features.insert(Feature::Forward)),
            Setup::Narrow => drop(features.insert(Feature::Narrow)),
        }
        let bytes = spared(bytes);
        let mut connections = actions(bytes, setup, &mut rng, &mut features);
        if rng.bool() {
            connections.iter_mut().flatten().for_each(ask_the_mirror);
        }
        (Case { name: format!("fuzz/{seed}"), setup, connections }, features)
    }
}

impl Default for RandomClients {
    fn default() -> RandomClients {
        RandomClients::new()
    }
}

/// Without the size that makes the real server die: its generator adds to it, and
/// `TSVIONBytesSet` asserts that the sum is not negative.
fn spared(mut bytes: Vec<u8>) -> Vec<u8> {
    const DEADLY: &[u8] = b"/9223372036854775807";
    while let Some(at) = memmem::find(&bytes, DEADLY) {
        bytes[at + 1] = b'8';
    }
    bytes
}

/// Sends the request to the origin server that shows what the proxy asks.
fn ask_the_mirror(action: &mut Action) {
    if let Action::Send(bytes) = action {
        *bytes = replace(bytes, b"{origin}", b"{mirror}");
    }
}

/// How the bytes are sent, and what comes behind them.
fn actions(
    bytes: Vec<u8>,
    setup: Setup,
    rng: &mut Rng,
    features: &mut Features,
) -> Vec<Vec<Action>> {
    let mut actions = Vec::new();
    let mut cuts = Vec::new();
    if rng.u8(..100) < 25 && bytes.len() > 1 {
        features.insert(Feature::Cut);
        cuts.extend((0..rng.usize(1..4)).map(|_| rng.usize(1..bytes.len())));
        cuts.sort_unstable();
        cuts.dedup();
    }
    let mut from = 0;
    for to in cuts {
        actions.extend([Action::Send(bytes[from..to].to_vec()), Action::Pause]);
        from = to;
    }
    actions.push(Action::Send(bytes[from..].to_vec()));
    let last = Action::Send(last_request(setup).to_vec());
    match rng.u8(..100) {
        // In one piece with the rest.
        0..55 => {
            if let Some(Action::Send(bytes)) = actions.last_mut() {
                bytes.extend_from_slice(last_request(setup));
            }
            vec![actions]
        }
        55..82 => {
            actions.extend([Action::Pause, last]);
            vec![actions]
        }
        82..92 => {
            features.insert(Feature::HalfClosed);
            if rng.bool() {
                actions.push(Action::Pause);
            }
            actions.push(Action::HalfClose);
            vec![actions]
        }
        92..96 => {
            features.insert(Feature::Reset);
            if rng.bool() {
                actions.push(Action::Pause);
            }
            actions.push(Action::Reset);
            vec![actions, vec![last]]
        }
        _ => vec![actions],
    }
}

#[cfg(test)]
mod tests {
    use super::super::features::Statistics;
    use super::*;

    #[test]
    fn a_seed_gives_the_same_client_each_time() {
        let random = RandomClients::new();
        assert_eq!(random.client(7), random.client(7));
        assert_ne!(random.client(7).0.connections, random.client(8).0.connections);
    }

    /// What is rare is there, and what is good is not rare.
    #[test]
    fn every_feature_is_frequent_enough_to_be_found() {
        let (random, mut statistics) = (RandomClients::new(), Statistics::default());
        for seed in 0..4000 {
            statistics.count(&random.client(seed).1);
        }
        let percent = |feature| 100.0 * statistics.of(feature) as f64 / 4000.0;
        for (feature, least) in [
            (Feature::Get, 35.0),
            (Feature::OtherMethod, 30.0),
            (Feature::Trace, 7.0),
            (Feature::Connect, 3.0),
            (Feature::RareMethod, 10.0),
            (Feature::AbsoluteTarget, 12.0),
            (Feature::OddTarget, 6.0),
            (Feature::OddScheme, 6.0),
            (Feature::OddAuthority, 12.0),
            (Feature::OddVersion, 8.0),
            (Feature::OddHost, 8.0),
            (Feature::OddField, 10.0),
            (Feature::OddLineEnd, 18.0),
            (Feature::Folded, 5.0),
            (Feature::ConnectionField, 25.0),
            (Feature::Quoted, 15.0),
            (Feature::EdgeNumber, 25.0),
            (Feature::Expect, 7.0),
            (Feature::Body, 25.0),
            (Feature::Chunked, 10.0),
            (Feature::OddChunk, 2.0),
            (Feature::ChunkExtension, 1.5),
            (Feature::Trailer, 1.5),
            (Feature::Unfinished, 1.0),
            (Feature::Mutated, 20.0),
            (Feature::Pipelined, 30.0),
            (Feature::Cut, 20.0),
            (Feature::HalfClosed, 7.0),
            (Feature::Reset, 2.5),
            (Feature::Forward, 8.0),
            (Feature::Narrow, 5.0),
        ] {
            assert!(percent(feature) >= least, "{feature}: {:.1} %", percent(feature));
        }
        // The list above has a line for every feature.
        assert_eq!(statistics.iter().count(), 31);
        assert!(percent(Feature::Unfinished) < 10.0);
    }

    #[test]
    fn no_client_has_the_size_of_which_the_real_server_dies() {
        let random = RandomClients::new();
        for seed in 0..4000 {
            let text = Case::print([&random.client(seed).0]);
            assert!(!text.contains("/9223372036854775807"), "{seed}");
        }
    }
}
