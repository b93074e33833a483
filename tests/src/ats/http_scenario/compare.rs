//! What of two reports is compared, and how a difference is told.

use std::fmt;

use eventsys::HrTime;
use eventsys::hrtime::{SECOND, mseconds};
use scenario::http::{HttpFinish, HttpReport, HttpScenario, Seen, lines_of};

use crate::ats::http::normal;

/// Two times count as equal if they are no further apart. Both arms look for timeouts once a second,
/// and begin to do so at different times.
const TOLERANCE: HrTime = SECOND + mseconds(200);

/// The same in a scenario of a NetVC: there both arms begin to look at timeouts when a run begins. What
/// is left is a few passes: how long it takes to accept, and whether the sockets' other ends act before
/// or behind the events of a pass.
const TOLERANCE_OF_NETVC: HrTime = mseconds(20);

/// By how much a connection may be closed sooner on the port. The real server closes one that is closed
/// outside the turn of its net thread with its next or second next look at all connections, one a second;
/// the port wakes the thread (see the book, "Real connections").
const CLOSED_SOONER: HrTime = 2 * SECOND + mseconds(200);

/// In a run that goes on until its longest time, what comes so shortly before may come behind it in the
/// other arm.
const SHORTLY_BEFORE: HrTime = HttpScenario::LONGEST - 2 * SECOND - mseconds(400);

/// What a participant has seen, and when.
type Event = (HrTime, String);

/// The first difference of two reports.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct HttpDifference {
    /// The actor that has seen it; empty if the runs end in different ways.
    pub who: String,
    /// What it has seen in the real server.
    pub real: String,
    /// What it has seen on the port.
    pub port: String,
}

impl HttpDifference {
    /// The same difference of another input has the same kind.
    #[must_use]
    pub fn kind(&self) -> String {
        let who = self.who.split(' ').next().unwrap_or_default();
        format!("{who}: {} / {}", self.real, self.port)
    }

    /// The participant, and what each has seen, by the names of the two.
    #[must_use]
    pub fn between(&self, left: &str, right: &str) -> String {
        let who = if self.who.is_empty() { "the end" } else { &self.who };
        let width = left.chars().count().max(right.chars().count());
        let (real, port) = (&self.real, &self.port);
        format!("  {who}\n    {left:width$}  {real}\n    {right:width$}  {port}\n")
    }
}

impl fmt::Display for HttpDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.between("real", "port"))
    }
}

/// What stands where an arm has nothing more.
const NOTHING: &str = "(nothing more)";

/// The first difference between what the real server and the port did, if there is one. Each
/// participant is compared alone: its bytes, then what else it has seen, in order, then the times.
#[must_use]
pub fn http_differ<'a>(real: &'a HttpReport, port: &'a HttpReport) -> Option<HttpDifference> {
    let (ends, other) = (end(&real.finish), end(&port.finish));
    if ends != other {
        return Some(HttpDifference { who: String::new(), real: ends, port: other });
    }
    let is_of = |report: &HttpReport| report.actors.iter().any(|actor| actor.name == "netvc");
    let of_netvc = is_of(real) || is_of(port);
    let tolerance = if of_netvc { TOLERANCE_OF_NETVC } else { TOLERANCE };
    let mut names: Vec<&str> =
        real.actors.iter().chain(&port.actors).map(|actor| actor.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().find_map(|name| {
        let of = |report: &'a HttpReport| report.actors.iter().find(|actor| actor.name == name);
        match (of(real), of(port)) {
            (Some(left), Some(right)) => {
                let is_cut = real.finish == HttpFinish::TimeIsUp;
                differ(name, left, right, tolerance)
                    .filter(|_| !(is_cut && ends_shortly_before(left, right)))
            }
            (left, right) => {
                let there = |seen: Option<&Seen>| match seen {
                    Some(_) => "is there".to_owned(),
                    None => "is not there".to_owned(),
                };
                let (real, port) = (there(left), there(right));
                Some(HttpDifference { who: name.to_owned(), real, port })
            }
        }
    })
}

fn differ(name: &str, real: &Seen, port: &Seen, tolerance: HrTime) -> Option<HttpDifference> {
    let first = |left: &[String], right: &[String]| {
        let len = left.len().max(right.len());
        let at = (0..len).find(|&at| left.get(at) != right.get(at))?;
        let text = |lines: &[String]| lines.get(at).map_or(NOTHING, |line| line).to_owned();
        Some(HttpDifference { who: name.to_owned(), real: text(left), port: text(right) })
    };
    let lines = |seen: &Seen| -> Vec<String> {
        // The mark and its blank, and the line.
        let mask = |line: &String| {
            let (mark, text) = line.split_at(line.len().min(2));
            [mark, &normal(text)].concat()
        };
        lines_of(&seen.bytes).iter().map(mask).collect()
    };
    let events =
        |seen: &Seen| -> Vec<String> { seen.events.iter().map(|(_, what)| normal(what)).collect() };
    first(&lines(real), &lines(port)).or_else(|| first(&events(real), &events(port))).or_else(
        || {
            let pairs = real.events.iter().zip(&port.events);
            let is_apart = |((real, what), (port, _)): &(&Event, &Event)| {
                let is_end = what == "closed" || what == "reset";
                let sooner = if is_end { CLOSED_SOONER } else { tolerance };
                !(-tolerance..=sooner).contains(&(real - port))
            };
            let (left, right) = pairs.into_iter().find(is_apart)?;
            let text = |(at, what): &(HrTime, String)| {
                if tolerance == TOLERANCE {
                    format!("{what}, after {} s", (at + SECOND / 2) / SECOND)
                } else {
                    format!("{what}, after {} ms", at / mseconds(1))
                }
            };
            let who = name.to_owned();
            Some(HttpDifference { who, real: text(left), port: text(right) })
        },
    )
}

/// True if one has seen all that the other has, and then something shortly before the longest time.
fn ends_shortly_before(real: &Seen, port: &Seen) -> bool {
    let (more, fewer) = match real.events.len() > port.events.len() {
        true => (real, port),
        false => (port, real),
    };
    let (same, rest) = more.events.split_at(fewer.events.len());
    let same = Seen { events: same.to_vec(), ..more.clone() };
    rest.first().is_some_and(|(at, _)| *at > SHORTLY_BEFORE)
        && differ(&more.name, &same, fewer, TOLERANCE).is_none()
}

/// How a run ends, as it is compared: of a crash only the assertion.
fn end(finish: &HttpFinish) -> String {
    match finish {
        HttpFinish::Crashed(text) => match text.split('`').nth(1) {
            Some(assertion) => format!("the server aborts: {assertion}"),
            None => format!("the server dies: {text}"),
        },
        finish => finish.to_string(),
    }
}
