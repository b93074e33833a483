//! Random choices, and what has been chosen: the frame of all generators.
//!
//! A generator makes the input of a *seed*: of scenarios for a running Traffic Server
//! ([`ats::live::generate`](crate::ats::live::generate())), of HTTP clients
//! ([`ats::http::fuzz`](crate::ats::http::fuzz)), of scenarios for node
//! ([`node::generate`](crate::node::generate())). The source is [`fastrand::Rng`], which is
//! the same on every machine, so a seed is the same input everywhere; [`Choose`] adds the
//! choices that all of them make, and [`Counts`] tells how often each was made: a fuzzer
//! cannot find a fault in an input that its generator never makes.
//!
//! ```
//! use conformance::random::{Choose, Counts, numbered};
//!
//! let mut counts = Counts::default();
//! for number in 0..1000 {
//!     let mut rng = numbered(7, number);
//!     counts.add(if rng.chance(10) { "rare" } else { rng.pick(&["red", "green"]) });
//! }
//! assert_eq!(counts.all(), 1000);
//! assert!((50..150).contains(&counts.of(&"rare")));
//! ```

use std::collections::BTreeMap;

use fastrand::Rng;

/// The choices of a generator.
pub trait Choose {
    /// True in `percent` of all cases.
    fn chance(&mut self, percent: u8) -> bool;

    /// A number below `n`; 0 if `n` is 0.
    fn below(&mut self, n: usize) -> usize;

    /// True once in `n` times.
    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of `all`.
    ///
    /// # Panics
    /// If `all` is empty.
    fn pick<T: Copy>(&mut self, all: &[T]) -> T;
}

impl Choose for Rng {
    fn chance(&mut self, percent: u8) -> bool {
        self.u8(..100) < percent
    }

    fn below(&mut self, n: usize) -> usize {
        self.usize(..n.max(1))
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.usize(..all.len())]
    }
}

/// The choices of the input `number` of `seed`: each number has its own, independent of
/// the inputs before it.
#[must_use]
pub fn numbered(seed: u64, number: usize) -> Rng {
    // An odd factor: no two numbers of a seed are the same.
    Rng::with_seed(seed ^ (number as u64).wrapping_mul(0xa24b_aed4_963e_e407))
}

/// How often something has been made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counts<K>(BTreeMap<K, usize>);

impl<K: Ord> Counts<K> {
    /// Counts one more.
    pub fn add(&mut self, key: K) {
        *self.0.entry(key).or_default() += 1;
    }

    /// How often this has been made.
    #[must_use]
    pub fn of(&self, key: &K) -> usize {
        self.0.get(key).copied().unwrap_or(0)
    }

    /// How many have been made in all.
    #[must_use]
    pub fn all(&self) -> usize {
        self.0.values().sum()
    }

    /// All that has been made, in order, with its count.
    pub fn iter(&self) -> impl Iterator<Item = (&K, usize)> {
        self.0.iter().map(|(key, count)| (key, *count))
    }
}

impl<K> Default for Counts<K> {
    fn default() -> Counts<K> {
        Counts(BTreeMap::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_a_seed_is_the_same_each_time_and_another_than_its_neighbour() {
        let first = |seed, number| numbered(seed, number).u64(..);
        assert_eq!(first(1, 2), first(1, 2));
        assert_ne!(first(1, 2), first(1, 3));
        assert_ne!(first(1, 2), first(2, 2));
    }

    #[test]
    fn choices_are_as_frequent_as_they_should_be() {
        let mut rng = numbered(1, 0);
        let mut counts = Counts::default();
        for _ in 0..10_000 {
            counts.add(("chance", usize::from(rng.chance(30))));
            counts.add(("one in", usize::from(rng.one_in(5))));
            counts.add(("below", rng.below(4)));
            counts.add(("pick", rng.pick(&[7, 8])));
        }
        for (key, least, most) in [
            (("chance", 1), 2800, 3200),
            (("one in", 1), 1850, 2150),
            (("below", 3), 2300, 2700),
            (("below", 4), 0, 0),
            (("pick", 7), 4700, 5300),
        ] {
            let count = counts.of(&key);
            assert!((least..=most).contains(&count), "{key:?}: {count}");
        }
        assert_eq!(counts.all(), 40_000);
        assert_eq!(rng.below(0), 0);
    }
}
