//! [`Shrinking`]: a small input for which the port and the real program still differ.
//!
//! The loop is greedy. It makes all inputs that are one change smaller, tries them in
//! their order, some at a time, takes the first that still differs, and begins again with
//! that one. It ends when no smaller input differs, or when the tries are used up. It
//! uses no clock and no random choice: the same verdicts give the same result.
//!
//! Each user gives a list of candidates, the smaller inputs: those of Traffic
//! Server's scenarios in [`ats::live::shrink`](crate::ats::live::shrink()), those of HTTP
//! clients in [`ats::http::fuzz`](crate::ats::http::fuzz), those of node's scenarios in
//! [`node::shrink`](crate::node::shrink()).

/// How much is tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shrinking {
    /// So many candidates of an input are tried at once, at least one. An arm that plays
    /// many inputs in the time of one is quicker with more; an arm that plays one after
    /// the other wastes work with more than one.
    pub at_once: usize,
    /// After so many tries an input stays as it is.
    pub tries: usize,
}

/// An input that is being made small.
struct Course<T, C> {
    best: T,
    /// What is smaller than `best` and has not been tried.
    untried: std::vec::IntoIter<C>,
    tries_left: usize,
}

impl Shrinking {
    /// The smallest form of `input` that is found.
    ///
    /// `candidates` gives everything that is one change smaller, in the order in which it
    /// is tried. `attempt` tries some of it: for each candidate the input that it makes
    /// if it still differs, else `None`.
    ///
    /// # Errors
    /// The first error of `attempt`.
    pub fn one<T, C, E>(
        self,
        input: T,
        candidates: impl Fn(&T) -> Vec<C>,
        mut attempt: impl FnMut(Vec<C>) -> Result<Vec<Option<T>>, E>,
    ) -> Result<T, E> {
        let attempt = |tries: Vec<(usize, C)>| {
            attempt(tries.into_iter().map(|(_, candidate)| candidate).collect())
        };
        let mut small = self.all(vec![input], candidates, attempt)?;
        Ok(small.remove(0))
    }

    /// The smallest form of each of `inputs`, in their order.
    ///
    /// As [`one`](Shrinking::one), but candidates of all inputs are tried at the same
    /// time: each of them comes with the number of its input.
    ///
    /// # Errors
    /// The first error of `attempt`.
    pub fn all<T, C, E>(
        self,
        inputs: Vec<T>,
        candidates: impl Fn(&T) -> Vec<C>,
        mut attempt: impl FnMut(Vec<(usize, C)>) -> Result<Vec<Option<T>>, E>,
    ) -> Result<Vec<T>, E> {
        let begin = |best| {
            let untried = candidates(&best).into_iter();
            Course { best, untried, tries_left: self.tries }
        };
        let mut courses: Vec<Course<T, C>> = inputs.into_iter().map(begin).collect();
        loop {
            let mut tries = Vec::new();
            for (number, course) in courses.iter_mut().enumerate() {
                let before = tries.len();
                let count = self.at_once.max(1).min(course.tries_left);
                tries.extend(course.untried.by_ref().take(count).map(|one| (number, one)));
                course.tries_left -= tries.len() - before;
            }
            if tries.is_empty() {
                return Ok(courses.into_iter().map(|course| course.best).collect());
            }
            let numbers: Vec<usize> = tries.iter().map(|(number, _)| *number).collect();
            let mut verdicts = attempt(tries)?;
            verdicts.resize_with(numbers.len(), || None);
            // From the last to the first, so that the first one stays.
            let mut smaller: Vec<Option<T>> = courses.iter().map(|_| None).collect();
            for (number, verdict) in numbers.into_iter().zip(verdicts).rev() {
                smaller[number] = verdict.or(smaller[number].take());
            }
            for (course, smaller) in courses.iter_mut().zip(smaller) {
                if let Some(smaller) = smaller {
                    course.untried = candidates(&smaller).into_iter();
                    course.best = smaller;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// Without one of its letters, the first one first.
    fn shorter(text: &str) -> Vec<String> {
        let without = |at: usize| text[..at].to_owned() + &text[at + 1..];
        (0..text.len()).map(without).collect()
    }

    /// Shrinks `text` as long as it has `a` and `b`; and what was tried.
    fn shrunk(shrinking: Shrinking, text: &str) -> (String, Vec<Vec<String>>) {
        let mut tried = Vec::new();
        let small = shrinking.one(
            text.to_owned(),
            |text| shorter(text),
            |tries| {
                tried.push(tries.clone());
                let differs =
                    |text: String| (text.contains('a') && text.contains('b')).then_some(text);
                Ok::<_, Infallible>(tries.into_iter().map(differs).collect())
            },
        );
        (small.unwrap(), tried)
    }

    const ONE_BY_ONE: Shrinking = Shrinking { at_once: 1, tries: 100 };

    #[test]
    fn only_what_the_difference_needs_is_left_and_the_first_smaller_one_is_taken() {
        let (small, tried) = shrunk(ONE_BY_ONE, "xayb");
        assert_eq!(small, "ab");
        let tried: Vec<String> = tried.into_iter().flatten().collect();
        assert_eq!(tried, ["ayb", "yb", "ab", "b", "a"]);
    }

    #[test]
    fn of_some_at_once_the_first_that_differs_is_taken_and_the_others_are_dropped() {
        let (small, tried) = shrunk(Shrinking { at_once: 3, ..ONE_BY_ONE }, "xayb");
        assert_eq!(small, "ab");
        assert_eq!(tried, [vec!["ayb", "xyb", "xab"], vec!["yb", "ab", "ay"], vec!["b", "a"]]);
    }

    #[test]
    fn tries_are_bounded() {
        for (tries, expected) in [(0, "xayb"), (1, "ayb"), (2, "ayb"), (3, "ab"), (9, "ab")] {
            for at_once in [1, 3, usize::MAX] {
                let (small, tried) = shrunk(Shrinking { at_once, tries }, "xayb");
                let count = tried.iter().map(Vec::len).sum::<usize>();
                assert!(count <= tries, "{count} of {tries}");
                assert!(at_once > 1 || small == expected, "{tries}: {small}");
            }
        }
    }

    #[test]
    fn what_does_not_shrink_is_left_as_it_is() {
        assert_eq!(shrunk(ONE_BY_ONE, "ab").0, "ab");
        assert_eq!(shrunk(ONE_BY_ONE, "").0, "");
        assert_eq!(shrunk(Shrinking { at_once: 0, tries: 9 }, "xab").0, "ab", "at least one");
    }

    /// Each keeps another letter, and all are tried at the same time.
    #[test]
    fn several_shrink_side_by_side() {
        let inputs = vec!["xya".to_owned(), "b".to_owned(), "xxxxc".to_owned()];
        let mut rounds = 0;
        let small = ONE_BY_ONE.all(
            inputs,
            |text| shorter(text),
            |tries| {
                rounds += 1;
                let keeps =
                    |(n, text): (usize, String)| text.contains(["a", "b", "c"][n]).then_some(text);
                Ok::<_, Infallible>(tries.into_iter().map(keeps).collect())
            },
        );
        assert_eq!(small.unwrap(), ["a", "b", "c"]);
        assert_eq!(rounds, 5, "as many as the longest needs");
    }

    #[test]
    fn an_error_ends_it() {
        let failed = ONE_BY_ONE.one("xab".to_owned(), |text| shorter(text), |_| Err("no server"));
        assert_eq!(failed, Err("no server"));
    }
}
