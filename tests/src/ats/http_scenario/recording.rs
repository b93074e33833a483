//! What the real server did in the scenarios of the gallery, as text.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use eventsys::HrTime;
use scenario::http::{HttpFinish, HttpReport};

use crate::ats::http::unescape;
use crate::ats::live::Release;

/// What the real 9.2.9 did in the HTTP scenarios.
const RECORDED: &str = include_str!("../../../http_scenarios/9.2.9.txt");

/// What each server did in the NetVC scenarios.
const OF_NETVC: [(&str, &str); 2] = [
    ("8.1.11", include_str!("../../../net_scenarios/8.1.11.txt")),
    ("9.2.9", include_str!("../../../net_scenarios/9.2.9.txt")),
];

/// Reports of the real 9.2.9, by the names of their scenarios.
///
/// # Panics
/// If the embedded file is at fault, which the tests of this crate rule out.
#[must_use]
pub fn recorded_http() -> BTreeMap<String, HttpReport> {
    parse(RECORDED).unwrap_or_else(|fault| panic!("tests/http_scenarios/9.2.9.txt: {fault}"))
}

/// Reports of a real server, by the names of the NetVC scenarios; `None` if this release was not
/// recorded.
///
/// # Panics
/// As [`recorded_http`].
#[must_use]
pub fn recorded_net(release: Release) -> Option<BTreeMap<String, HttpReport>> {
    let name = release.to_string();
    let (_, text) = OF_NETVC.into_iter().find(|(known, _)| *known == name)?;
    Some(parse(text).unwrap_or_else(|fault| panic!("tests/net_scenarios/{name}.txt: {fault}")))
}

/// The reports as text, which [`recorded_http`] reads.
pub fn print_http<'a>(reports: impl IntoIterator<Item = (&'a str, &'a HttpReport)>) -> String {
    let mut text = String::new();
    for (name, report) in reports {
        // Writing to a string cannot fail.
        let _ = write!(text, "= {name}\n{report:#}\n");
    }
    text
}

/// Reads what [`print_http`] has written; the fault names the line.
fn parse(text: &str) -> Result<BTreeMap<String, HttpReport>, String> {
    let mut reports = BTreeMap::new();
    let (mut current, mut who) = (None, String::new());
    for (line, number) in text.lines().zip(1..) {
        let fault = || format!("line {number}: {line}");
        if let Some(name) = line.strip_prefix("= ") {
            current = Some(name.to_owned());
            reports.insert(name.to_owned(), HttpReport::default());
            continue;
        }
        if line.is_empty() {
            continue;
        }
        let report = current.as_ref().and_then(|name| reports.get_mut(name)).ok_or_else(fault)?;
        if let Some(piece) = line.strip_prefix("    | ").or(line.strip_prefix("    |")) {
            let bytes = unescape(piece).ok_or_else(fault)?;
            report.actor(&who).bytes.extend([&bytes[..], b"\r\n"].concat());
        } else if let Some(piece) = line.strip_prefix("    + ") {
            report.actor(&who).bytes.extend(unescape(piece).ok_or_else(fault)?);
        } else if let Some((at, what)) = line.trim_start().split_once(" s  ")
            && line.starts_with(' ')
        {
            let at = nanoseconds(at).ok_or_else(fault)?;
            report.actor(&who).events.push((at, what.to_owned()));
        } else if let Some(finish) = finish(line) {
            report.finish = finish;
        } else {
            line.clone_into(&mut who);
            report.actor(&who);
        }
    }
    Ok(reports)
}

/// `1.250` as nanoseconds.
fn nanoseconds(text: &str) -> Option<HrTime> {
    let (seconds, thousandths) = text.split_once('.')?;
    let milliseconds: HrTime = format!("{seconds}{thousandths}").parse().ok()?;
    Some(eventsys::hrtime::mseconds(milliseconds))
}

fn finish(line: &str) -> Option<HttpFinish> {
    match line.strip_prefix("The server aborts: ") {
        Some(text) => Some(HttpFinish::Crashed(text.to_owned())),
        None => [HttpFinish::Quiet, HttpFinish::TimeIsUp, HttpFinish::Hung]
            .into_iter()
            .find(|finish| finish.to_string() == line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_reads_back() {
        let mut report = HttpReport::default();
        let bytes = [&b"HTTP/1.1 200 A \r\n\r\n"[..], &[b'}'; 100], b"\\\x01\n"].concat();
        report.actor("client").bytes = bytes;
        report.actor("txn 1").events.push((1_250_000_000, "sees X: a  b".to_owned()));
        report.actor("client").events.push((3_000_000, "closed".to_owned()));
        report.finish = HttpFinish::Crashed("failed assertion `a`".to_owned());
        let text = print_http([("one", &report)]);
        let read = parse(&text).unwrap();
        assert_eq!(read["one"], report, "{text}");
        assert!(parse("of no scenario").is_err());
    }
}
