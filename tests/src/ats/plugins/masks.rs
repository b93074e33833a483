//! The masks: what must differ between two hosts of a plugin is replaced before it is compared.
//!
//! Each has an entry in the register [`Deviations::plugins`](crate::deviations::Deviations::plugins),
//! which names it as its `rule` and gives a line of each host.

use std::borrow::Cow;

/// A line without what must differ.
pub type Mask = fn(&str) -> Cow<'_, str>;

/// For the lines of a trace, by the names that the register uses.
pub const OF_CALLS: [(&str, Mask); 8] = [
    ("handle", without_handles),
    ("time-of-call", without_times),
    ("clock-in-text", without_dates),
    ("via", without_via),
    ("block-with-via", without_length),
    ("via-alone", without_via_alone),
    ("socket-number", without_socket_numbers),
    ("signed-time", without_signed_times),
];

/// For the lines of an answer.
pub const OF_ANSWERS: [(&str, Mask); 1] = [("clock-of-answer", without_clock)];

/// For the body of an answer, if it is a text.
pub const OF_BODIES: [(&str, Mask); 1] = [("record-of-this-run", without_records_of_this_run)];

/// All of them, one after the other.
#[must_use]
pub fn apply(masks: &[(&str, Mask)], line: &str) -> String {
    masks.iter().fold(line.to_owned(), |line, (_, mask)| mask(&line).into_owned())
}

/// `%` stands in front of each handle, and nowhere else outside of texts.
fn without_handles(line: &str) -> Cow<'_, str> {
    let mut out = String::with_capacity(line.len());
    let (mut quoted, mut rest) = (false, line);
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        quoted ^= c == '"';
        out.push(c);
        if c == '%' && !quoted {
            let digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
            if &rest[..digits] == "0" {
                out.push('0');
            }
            rest = &rest[digits..];
        }
    }
    Cow::Owned(out)
}

/// The last argument of this function is a time of day.
fn without_times(line: &str) -> Cow<'_, str> {
    const NAME: &str = "TSMimeHdrFieldValueDateSet(";
    let Some((before, arguments)) = line.split_once(NAME) else { return Cow::Borrowed(line) };
    let Some((handles, time)) = arguments.rsplit_once(", ") else { return Cow::Borrowed(line) };
    let rest = time.trim_start_matches(|c: char| c.is_ascii_digit() || c == 'T');
    Cow::Owned(format!("{before}{NAME}{handles}, T{rest}"))
}

/// `Date: Sun, 06 Nov 1994 08:49:37 GMT` and its kin, whatever the name of the field, and the digits
/// of an Age. A date has always the same length.
fn without_dates(line: &str) -> Cow<'_, str> {
    const AGE: &str = "Age: ";
    const LENGTH: usize = "Sun, 06 Nov 1994 08:49:37 GMT".len();
    let mut line = Cow::Borrowed(line);
    let mut from = 0;
    while let Some(at) = line[from..].find(" GMT") {
        let end = from + at + " GMT".len();
        let is_date = |text: &str| text.as_bytes().get(3) == Some(&b',');
        match end.checked_sub(LENGTH).filter(|start| line.get(*start..end).is_some_and(is_date)) {
            Some(start) => {
                line.to_mut().replace_range(start..end, "T");
                from = start;
            }
            None => from = end,
        }
    }
    if let Some((before, rest)) = line.split_once(AGE) {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 {
            line = Cow::Owned(format!("{before}{AGE}T{}", &rest[digits..]));
        }
    }
    line
}

const VIA: &str = "Via: http/1.1 ";

/// The server's name and number stand behind the version, up to the end of the text.
fn without_via(line: &str) -> Cow<'_, str> {
    match line.split_once(VIA) {
        Some((before, _)) => Cow::Owned(format!("{before}{VIA}TS …\"")),
        None => Cow::Borrowed(line),
    }
}

/// A value of its own: `*89) = "http/1.1 host[number] (ApacheTrafficServer/9.2.9)"`.
fn without_via_alone(line: &str) -> Cow<'_, str> {
    const BEGIN: &str = ") = \"http/1.1 ";
    const END: &str = "] (ApacheTrafficServer";
    let Some((before, value)) = line.split_once(BEGIN) else { return Cow::Borrowed(line) };
    let (Some((_, end)), Some((head, _))) = (value.split_once(END), before.rsplit_once('*')) else {
        return Cow::Borrowed(line);
    };
    Cow::Owned(format!("{head}*N{BEGIN}TS {END}{end}"))
}

/// The length of the block stands in front of the text: `*231) = "GET …`.
fn without_length(line: &str) -> Cow<'_, str> {
    let Some((before, via)) = line.split_once(VIA) else { return Cow::Borrowed(line) };
    let Some((head, tail)) = before.split_once('*') else { return Cow::Borrowed(line) };
    let tail = tail.trim_start_matches(|c: char| c.is_ascii_digit() || c == 'N');
    Cow::Owned(format!("{head}*N{tail}{VIA}{via}"))
}

/// The number of a socket is written to the place behind `*`, or is the result.
fn without_socket_numbers(line: &str) -> Cow<'_, str> {
    const NAMES: [&str; 4] = [
        "TSHttpSsnClientFdGet(",
        "TSHttpTxnClientFdGet(",
        "TSHttpTxnServerFdGet(",
        "TSVConnFdGet(",
    ];
    let Some(name) = NAMES.into_iter().find(|name| line.contains(name)) else {
        return Cow::Borrowed(line);
    };
    let mark = if name == "TSVConnFdGet(" { "= " } else { "*" };
    let Some((before, number)) = line.split_once(mark) else { return Cow::Borrowed(line) };
    let rest = number.trim_start_matches(|c: char| c.is_ascii_digit() || c == 'N');
    Cow::Owned(format!("{before}{mark}N{rest}"))
}

/// A text `"20261129T080651Z"`, and in the signature of AWS the day and what is computed with both.
fn without_signed_times(line: &str) -> Cow<'_, str> {
    const AUTHORIZATION: &str = "\"AWS4-HMAC-SHA256 Credential=";
    const SIGNATURE: &str = ",Signature=";
    if let Some((before, credential)) = line.split_once(AUTHORIZATION)
        && let Some((key, rest)) = credential.split_once('/')
        && let Some((day, rest)) = rest.split_once('/')
        && let Some((scope, signature)) = rest.split_once(SIGNATURE)
        && is_like(day, "00000000")
    {
        let rest = signature.trim_start_matches(|c: char| c.is_ascii_hexdigit());
        return Cow::Owned(format!("{before}{AUTHORIZATION}{key}/D/{scope}{SIGNATURE}S{rest}"));
    }
    match line.split_once('"').map(|(before, text)| (before, text.split_once('"'))) {
        Some((before, Some((text, behind)))) if is_like(text, "00000000T000000Z") => {
            Cow::Owned(format!("{before}\"T\"{behind}"))
        }
        _ => Cow::Borrowed(line),
    }
}

/// Whether `text` has this form, in which a 0 stands for any digit.
fn is_like(text: &str, form: &str) -> bool {
    let fits = |(c, of_form): (u8, u8)| match of_form {
        b'0' => c.is_ascii_digit(),
        other => c == other,
    };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
}

/// Three records of the server belong to the run: the number of the process, and two times. Their
/// names stand before them, with marks between.
fn without_records_of_this_run(text: &str) -> Cow<'_, str> {
    const NAMES: [&str; 3] = [
        "proxy.process.version.server.uuid",
        "proxy.node.restarts.proxy.cache_ready_time",
        "proxy.node.config.reconfigure_time",
    ];
    let mut text = Cow::Borrowed(text);
    for name in NAMES {
        let Some(at) = text.find(name).map(|at| at + name.len()) else { continue };
        let is_of_value = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let Some(start) = text[at..].find(is_of_value).map(|n| at + n) else { continue };
        let end = text[start..].find(|c| !is_of_value(c)).map_or(text.len(), |n| start + n);
        text.to_mut().replace_range(start..end, "R");
    }
    text
}

/// Dates, and the whole seconds of an age.
fn without_clock(line: &str) -> Cow<'_, str> {
    const FIELDS: [&str; 4] = ["Date", "Last-Modified", "Expires", "Age"];
    match line.split_once(": ") {
        Some((name, _)) if FIELDS.contains(&name) => Cow::Owned(format!("{name}: T")),
        _ => Cow::Borrowed(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deviations::Deviations;

    /// An entry that no line needs any more, or that hides more than it says, fails here.
    #[test]
    fn each_entry_needs_its_mask_and_no_other_one() {
        for entry in &Deviations::plugins().deviation {
            let name = &entry.name;
            let rule = entry.rule.as_deref().expect("a rule");
            let (real, port) = (entry.real.as_deref().unwrap(), entry.port.as_deref().unwrap());
            let all: &[_] = if OF_BODIES.iter().any(|(own, _)| *own == rule) {
                &OF_BODIES
            } else if OF_ANSWERS.iter().any(|(own, _)| *own == rule) {
                &OF_ANSWERS
            } else {
                &OF_CALLS
            };
            let others: Vec<_> = all.iter().filter(|(own, _)| *own != rule).copied().collect();
            assert_ne!(apply(&others, real), apply(&others, port), "{name}: does not need it");
            let masked = apply(all, real);
            assert_eq!(masked, apply(all, port), "{name}: the mask does not cover it");
            assert_eq!(masked, apply(all, &masked), "{name}: what is masked stays as it is");
        }
    }

    #[test]
    fn only_a_signed_time_is_masked() {
        for line in [
            "TSUrlPathGet(%, %, *20) = \"img-20261129T080651Z\"",
            "TSUrlPathGet(%, %, *16) = \"20261129T080651\"",
            "TSUrlPathGet(%, %, *17) = \"20261129T080651Zx\"",
            "TSUrlPathGet(%, %, *17) = \"20261129T08065é\"",
            "TSUrlHttpQueryGet(%, %, *14) = \"Signature=0a1b\"",
            "TSUrlHttpQueryGet(%, %, *14) = \"Credential=key/20261129/x\"",
            "X(\"AWS4-HMAC-SHA256 Credential=key/2026/x,Signature=0a\")",
            "X(\"20261129T080651",
        ] {
            assert_eq!(without_signed_times(line), line);
        }
    }
}
