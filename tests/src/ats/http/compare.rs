//! [`Difference`], and which known difference it is.

use super::answer::{Answer, Finish};
use super::case::Case;
use super::sends::Sends;
use crate::deviations::{Deviation, Deviations};

/// The first difference between the [parts](Answer::parts) of two answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// How many parts are the same before it.
    pub index: usize,
    /// What the real server has there: a part, or how it ended.
    pub real: String,
    /// What the port has there.
    pub port: String,
}

impl Difference {
    /// The first difference, if there is one.
    #[must_use]
    pub fn between(real: &Answer, port: &Answer) -> Option<Difference> {
        let all = |answer: &Answer| {
            let finish = match answer.finish {
                Finish::Open => "(the connection is open)",
                Finish::Closed => "(the connection is closed)",
            };
            let mut parts = answer.parts();
            parts.push(finish.to_owned());
            parts
        };
        let (real, port) = (all(real), all(port));
        let index = real.iter().zip(&port).position(|(a, b)| a != b)?;
        Some(Difference { index, real: real[index].clone(), port: port[index].clone() })
    }
}

impl Deviations {
    /// The entry that a difference in the case of this name falls under.
    #[must_use]
    pub fn explain_case(&self, case: &str, difference: &Difference) -> Option<&Deviation> {
        self.deviation.iter().find(|known| {
            known.cases.iter().any(|name| name == case)
                && known.fits(&difference.real, &difference.port)
        })
    }

    /// The entry that a difference in any client falls under, by what it sends.
    #[must_use]
    pub fn explain_client(&self, case: &Case, difference: &Difference) -> Option<&Deviation> {
        self.deviation.iter().find(|known| {
            let rule = known.rule.as_deref().and_then(Sends::named);
            rule.is_some_and(|sends| sends.is_sent_by(case))
                && known.fits(&difference.real, &difference.port)
        })
    }

    /// What is registered for a case and does not show: the entry and the case, for
    /// all of `played` that are not among `explained`.
    pub fn unused<'a>(
        &'a self,
        played: &'a [&str],
        explained: &'a [&str],
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.deviation.iter().flat_map(move |known| {
            let unused = known.cases.iter().map(String::as_str);
            unused
                .filter(|name| played.contains(name) && !explained.contains(name))
                .map(|name| (known.name.as_str(), name))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(lines: &[&str], finish: Finish) -> Answer {
        Answer { lines: lines.iter().map(|&line| line.to_owned()).collect(), finish }
    }

    #[test]
    fn the_first_difference_is_found() {
        let real = answer(&["| a", "| b"], Finish::Open);
        assert_eq!(Difference::between(&real, &real), None);
        let differs = |lines: &[&str], finish| {
            let difference = Difference::between(&real, &answer(lines, finish)).unwrap();
            (difference.index, difference.real, difference.port)
        };
        let line = |text: &str| text.to_owned();
        assert_eq!(differs(&["| a", "| c"], Finish::Open), (1, line("| b"), line("| c")));
        let open = line("(the connection is open)");
        assert_eq!(differs(&["| a"], Finish::Open), (1, line("| b"), open.clone()));
        let closed = line("(the connection is closed)");
        assert_eq!(differs(&["| a", "| b"], Finish::Closed), (2, open, closed.clone()));
        let glued = answer(&["| xxHTTP/1.1 502 Bad"], Finish::Closed);
        let difference = Difference::between(&answer(&["+ xx"], Finish::Closed), &glued).unwrap();
        assert_eq!((&*difference.real, &*difference.port), (&*closed, "| HTTP/1.1 502 Bad"));
    }

    #[test]
    fn what_does_not_show_any_more_is_told() {
        let entry = Deviation {
            name: "e".into(),
            cases: vec!["a".into(), "b".into()],
            real: Some("| 1*".into()),
            port: Some("| 2".into()),
            ..Deviation::default()
        };
        let register = Deviations { deviation: vec![entry] };
        let difference =
            |port: &str| Difference { index: 0, real: "| 1x".into(), port: port.into() };
        assert!(register.explain_case("a", &difference("| 2")).is_some());
        assert!(register.explain_case("a", &difference("| 3")).is_none());
        assert!(register.explain_case("c", &difference("| 2")).is_none());
        let unused: Vec<_> = register.unused(&["a", "b", "c"], &["a"]).collect();
        assert_eq!(unused, [("e", "b")]);
        assert_eq!(register.unused(&["a"], &["a"]).count(), 0);
    }
}
