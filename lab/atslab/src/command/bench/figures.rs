//! Medians, quarters, ratios.

use conformance::ats::live::Release;

use super::measure::{Program, Runs};
use super::others::Other;
use super::workloads::Workload;

/// The figures of one arm in one workload.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Figures {
    /// One for each run, from the least to the greatest.
    pub(super) sorted: Vec<f64>,
}

impl Figures {
    pub(super) fn of(workload: &Workload, runs: &Runs) -> Figures {
        let figure = |answer: &_| workload.figure(*answer);
        let mut sorted: Vec<f64> = runs.answers.iter().map(figure).collect();
        sorted.sort_by(f64::total_cmp);
        Figures { sorted }
    }

    /// The figure below which this part of all figures lies; interpolated between two.
    pub(super) fn quantile(&self, part: f64) -> f64 {
        let Some(last) = self.sorted.len().checked_sub(1) else { return f64::NAN };
        let place = part * last as f64;
        let below = self.sorted[place.floor() as usize];
        let above = self.sorted[place.ceil() as usize];
        below + (above - below) * place.fract()
    }

    pub(super) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The distance between the quarters around the median, as a part of the median.
    pub(super) fn spread(&self) -> f64 {
        (self.quantile(0.75) - self.quantile(0.25)) / self.median()
    }
}

/// The port and the server of one release in one workload.
#[derive(Clone, Debug)]
pub(super) struct Beside {
    pub(super) release: Release,
    pub(super) port: Figures,
    pub(super) server: Option<Figures>,
    /// Why the two cannot be compared, if they cannot.
    pub(super) difference: Option<String>,
}

impl Beside {
    /// The port's median divided by the server's.
    pub(super) fn ratio(&self) -> Option<f64> {
        let server = self.server.as_ref()?;
        self.difference.is_none().then(|| self.port.median() / server.median())
    }

    /// Whether the ratio is not greater than `reach`, as the table shows it: to two digits.
    pub(super) fn is_within(&self, reach: f64) -> Option<bool> {
        self.ratio().map(|ratio| (ratio * 100.0).round() / 100.0 <= reach)
    }
}

/// Everything about one workload.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    pub(super) workload: Workload,
    pub(super) releases: Vec<Beside>,
    /// What a Rust user would take instead; without figures if there is nothing like
    /// the workload.
    pub(super) others: Vec<(Other, Option<Figures>)>,
    /// A bare loop of `writev` of the same bytes, if there can be one.
    pub(super) bare: Option<Figures>,
}

impl Measured {
    pub(super) fn new<'a>(
        workload: &Workload,
        arms: impl Iterator<Item = (&'a Program, &'a Runs)> + Clone,
    ) -> Measured {
        let of = |release: Release| {
            let mut port = None;
            let mut server = None;
            for (program, runs) in
                arms.clone().filter(|(program, _)| program.release() == Some(release))
            {
                match program {
                    Program::Port(_) => port = Some(runs),
                    Program::Server(_) => server = Some(runs),
                    Program::Other(_) | Program::Bare => {}
                }
            }
            let port = port?;
            Some(Beside {
                release,
                port: Figures::of(workload, port),
                server: server.map(|runs| Figures::of(workload, runs)),
                difference: server.and_then(|server| difference(workload, port, server)),
            })
        };
        let mut releases: Vec<Release> =
            arms.clone().filter_map(|(program, _)| program.release()).collect();
        releases.sort();
        releases.dedup();
        let releases = releases.into_iter().filter_map(of).collect();
        let other = |(program, runs): (&Program, &Runs)| match program {
            Program::Other(other) => {
                let figures = (!runs.answers.is_empty()).then(|| Figures::of(workload, runs));
                Some((*other, figures))
            }
            _ => None,
        };
        let others = arms.clone().filter_map(other).collect();
        let bare = arms.clone().find(|(program, _)| matches!(program, Program::Bare));
        let bare = bare.filter(|(_, runs)| !runs.answers.is_empty());
        let bare = bare.map(|(_, runs)| Figures::of(workload, runs));
        Measured { workload: workload.clone(), releases, others, bare }
    }
}

/// Why the two did not do the same work, if they did not.
fn difference(workload: &Workload, port: &Runs, server: &Runs) -> Option<String> {
    let pairs = || port.answers.iter().zip(&server.answers);
    let tell = |what, port, server| format!("{what}: port {port}, server {server}");
    pairs()
        .find(|(port, server)| port.bytes != server.bytes)
        .map(|(port, server)| tell("bytes", port.bytes, server.bytes))
        .or_else(|| {
            pairs()
                .find(|(port, server)| workload.is_exact && port.callbacks != server.callbacks)
                .map(|(port, server)| tell("calls", port.callbacks, server.callbacks))
        })
}

#[cfg(test)]
mod tests {
    use conformance::ats::live::Answer;

    use super::super::workloads::workloads;
    use super::*;

    fn runs(callbacks: i64, bytes: i64) -> Runs {
        Runs { answers: vec![Answer { time: 100, callbacks, bytes, memory: 0 }] }
    }

    #[test]
    fn arms_that_did_not_do_the_same_are_refused() {
        let all = workloads(true);
        let named = |name: &str| all.iter().find(|one| one.name == name).unwrap();
        let (exact, apart) = (named("pair_50"), named("pair_50_apart"));
        for (workload, port, server, expected) in [
            (exact, runs(3, 5), runs(3, 5), None),
            (exact, runs(3, 5), runs(4, 5), Some("calls: port 3, server 4")),
            (exact, runs(3, 5), runs(3, 6), Some("bytes: port 5, server 6")),
            (apart, runs(3, 5), runs(4, 5), None),
            (apart, runs(3, 5), runs(3, 6), Some("bytes: port 5, server 6")),
        ] {
            let found = difference(workload, &port, &server);
            assert_eq!(found.as_deref(), expected, "{}", workload.name);
        }
        let [port, server] = [1.0, 2.0].map(|figure| Figures { sorted: vec![figure] });
        let release = Release::RUNNABLE[0];
        let mut beside = Beside { release, port, server: Some(server), difference: None };
        assert_eq!(beside.ratio(), Some(0.5));
        beside.difference = Some("calls".to_owned());
        assert_eq!(beside.ratio(), None);
    }

    #[test]
    fn the_median_and_the_quarters() {
        let figures = Figures { sorted: vec![1.0, 2.0, 3.0, 4.0] };
        assert_eq!(figures.median(), 2.5);
        assert_eq!(figures.quantile(0.25), 1.75);
        assert_eq!(figures.spread(), 0.6);
        assert_eq!(Figures { sorted: vec![7.0] }.quantile(0.75), 7.0);
    }
}
