//! [`HttpExpect`]: what an HTTP scenario says will happen, and whether it happened.

use eventsys::HrTime;
use memchr::memmem;

use super::findings::http_findings;
use super::messages::{Message, Messages};
use super::model::HttpScenario;
use super::seen::{HttpFinish, HttpReport, Seen};

/// What a scenario expects of its run. What is not given allows anything except an abort.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HttpExpect {
    /// How the run ends.
    pub finish: Option<HttpEnd>,
    /// The names of all participants, in any order.
    pub participants: Option<Vec<String>>,
    /// What is odd about the run, as [`http_findings`] tells it.
    pub findings: Option<Vec<String>>,
    /// Names of participants, each with an event: none comes earlier than the one before.
    pub order: Option<Vec<(String, String)>>,
    /// What is expected of single participants.
    pub of: Vec<HttpExpected>,
}

/// What is expected of a participant. A field that is not given allows anything.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HttpExpected {
    /// Its name, as the report has it.
    pub name: String,
    /// All that it has seen, in order.
    pub events: Option<Vec<String>>,
    /// The last thing that it has seen.
    pub last: Option<String>,
    /// The statuses of the answers that have come to it.
    pub status: Option<Vec<u16>>,
    /// Method and path of the requests that have come to it.
    pub requests: Option<Vec<String>>,
    /// How many of its bytes stand in no head.
    pub body: Option<i64>,
    /// Texts that are in its bytes.
    pub has: Vec<String>,
    /// Texts that are not.
    pub lacks: Vec<String>,
}

/// The ways in which a run ends, by their words in a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HttpEnd {
    /// Nothing happened any more.
    Quiet,
    /// The longest time was over.
    Time,
    /// The port panicked: there the real server aborts.
    Abort,
    /// The server did not answer; only a real one does that.
    Hang,
}

impl HttpEnd {
    /// All that a scenario can expect: no hang.
    pub const ALL: [HttpEnd; 3] = [HttpEnd::Quiet, HttpEnd::Time, HttpEnd::Abort];

    /// Its word in a file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            HttpEnd::Quiet => "quiet",
            HttpEnd::Time => "time",
            HttpEnd::Abort => "abort",
            HttpEnd::Hang => "hang",
        }
    }
}

impl From<&HttpFinish> for HttpEnd {
    fn from(finish: &HttpFinish) -> HttpEnd {
        match finish {
            HttpFinish::Quiet => HttpEnd::Quiet,
            HttpFinish::TimeIsUp => HttpEnd::Time,
            HttpFinish::Crashed(_) => HttpEnd::Abort,
            HttpFinish::Hung => HttpEnd::Hang,
        }
    }
}

impl HttpScenario {
    /// What `report`, a run of this scenario, does not fulfil: a sentence each, without a full stop;
    /// empty if the run is as expected.
    ///
    /// ```
    /// use scenario::http::{http_scenario_from_bytes, run_http_scenario};
    ///
    /// let text = br#"
    /// title = "A refusal"
    /// teaches = "A hook refuses."
    /// [client]
    /// on_start = ["get /a"]
    /// [origin]
    /// [hooks]
    /// READ_REQUEST_HDR = ["status 403", "error"]
    /// [expect.client]
    /// status = [404]
    /// "#;
    /// let scenario = http_scenario_from_bytes("refusal.toml", text).unwrap();
    /// let unmet = scenario.unmet(&run_http_scenario(&scenario));
    /// assert_eq!(unmet, ["expected the statuses 404 to come to client, and 403 came"]);
    /// ```
    #[must_use]
    pub fn unmet(&self, report: &HttpReport) -> Vec<String> {
        let HttpExpect { finish, participants, findings, order, of } = &self.expect;
        let mut unmet = Vec::new();
        let found = HttpEnd::from(&report.finish);
        match *finish {
            Some(finish) if finish != found => {
                let (finish, found) = (finish.name(), found.name());
                unmet.push(format!(
                    "expected the run to end with {finish}, and it ended with {found}"
                ));
            }
            None if matches!(found, HttpEnd::Abort | HttpEnd::Hang) => unmet.push(
                "expected no abort, because finish = \"abort\" is not in [expect]".to_owned(),
            ),
            _ => {}
        }
        if let Some(participants) = participants {
            let found = report.actors.iter().map(|actor| actor.name.clone()).collect();
            unmet.extend(set("participants", participants.clone(), found));
        }
        if let Some(findings) = findings {
            unmet.extend(set("findings", findings.clone(), http_findings(self, report)));
        }
        for expected in of {
            match report.actors.iter().find(|actor| actor.name == expected.name) {
                Some(actor) => expected.compare(actor, &mut unmet),
                None => {
                    unmet.push(format!("expected {} to take part, and it did not", expected.name))
                }
            }
        }
        unmet.extend(order.as_ref().and_then(|order| out_of_order(order, report)));
        unmet
    }
}

/// A difference of two lists in which the order does not count.
fn set(what: &str, mut expected: Vec<String>, mut found: Vec<String>) -> Option<String> {
    expected.sort();
    found.sort();
    let told = |list: &[String]| if list.is_empty() { "none".to_owned() } else { list.join(", ") };
    let (left, right) = (told(&expected), told(&found));
    (expected != found).then(|| format!("expected the {what} {left}, and there were {right}"))
}

impl HttpExpected {
    fn compare(&self, actor: &Seen, unmet: &mut Vec<String>) {
        let name = &self.name;
        let seen: Vec<&str> = actor.events.iter().map(|(_, what)| &**what).collect();
        unmet.extend(self.events.as_ref().and_then(|all| first_difference(name, all, &seen)));
        if let Some(last) = self.last.as_ref().filter(|last| seen.last() != Some(&last.as_str())) {
            let found =
                seen.last().map_or("it saw nothing".to_owned(), |it| format!("it was {it}"));
            unmet.push(format!("expected the last event of {name} to be {last}, and {found}"));
        }
        let Messages { all, body } = Messages::of(&actor.bytes);
        let told =
            |list: Vec<String>| if list.is_empty() { "none".into() } else { list.join(", ") };
        let text = |list: &[u16]| told(list.iter().map(u16::to_string).collect());
        let found: Vec<u16> = all.iter().filter_map(Message::status).collect();
        if let Some(status) = self.status.as_ref().filter(|status| **status != found) {
            let (status, found) = (text(status), text(&found));
            unmet.push(format!(
                "expected the statuses {status} to come to {name}, and {found} came"
            ));
        }
        let found: Vec<&str> = all.iter().filter_map(Message::request).collect();
        if let Some(requests) = self.requests.as_ref().filter(|requests| **requests != found) {
            let found = told(found.into_iter().map(str::to_owned).collect());
            let requests = told(requests.clone());
            unmet.push(format!(
                "expected the requests {requests} to come to {name}, and {found} came"
            ));
        }
        if let Some(bytes) = self.body.filter(|&bytes| i64::try_from(body) != Ok(bytes)) {
            unmet.push(format!(
                "expected {bytes} bytes to come to {name} behind heads, and {body} came"
            ));
        }
        let holds = |text: &&String| memmem::find(&actor.bytes, text.as_bytes()).is_some();
        let bad = self.has.iter().filter(|text| !holds(text));
        unmet
            .extend(bad.map(|text| format!("expected {text:?} to come to {name}, and it did not")));
        let bad = self.lacks.iter().filter(holds);
        unmet.extend(bad.map(|text| format!("expected no {text:?} to come to {name}, and it did")));
    }
}

/// Where what a participant has seen begins to differ.
fn first_difference(name: &str, expected: &[String], seen: &[&str]) -> Option<String> {
    let len = expected.len().max(seen.len());
    let at = (0..len).find(|&at| expected.get(at).map(String::as_str) != seen.get(at).copied())?;
    let before = match at.checked_sub(1).and_then(|at| seen.get(at)) {
        Some(before) => format!("behind {before}"),
        None => "first".to_owned(),
    };
    Some(match (expected.get(at), seen.get(at)) {
        (Some(one), Some(other)) => {
            format!("expected {name} to see {one} {before}, and it saw {other}")
        }
        (Some(one), None) => {
            format!("expected {name} to see {one} {before}, and it saw nothing more")
        }
        (None, other) => {
            let other = other.copied().unwrap_or_default();
            format!("expected {name} to see nothing more {before}, and it saw {other}")
        }
    })
}

/// The first event of `order` that has not come, or came earlier than the one before.
fn out_of_order(order: &[(String, String)], report: &HttpReport) -> Option<String> {
    let mut last: HrTime = HrTime::MIN;
    let mut before: Option<&(String, String)> = None;
    for item @ (name, what) in order {
        let actor = report.actors.iter().find(|actor| actor.name == *name);
        let events = actor.into_iter().flat_map(|actor| &actor.events);
        let mut times = events.filter(|(_, seen)| seen == what).map(|(at, _)| *at);
        match (times.clone().find(|&at| at >= last), times.next()) {
            (Some(at), _) => last = at,
            (None, Some(_)) => {
                let behind = before.map_or(String::new(), |(who, it)| format!("{it} of {who}"));
                return Some(format!(
                    "expected {what} of {name} behind {behind}, and it came before"
                ));
            }
            (None, None) => return Some(format!("expected {what} of {name}, and it did not come")),
        }
        before = Some(item);
    }
    None
}
