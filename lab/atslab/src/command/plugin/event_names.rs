//! The names of events in a trace that is printed. Comparisons and recordings have the numbers alone.

use tsapi::event_name;

/// The functions whose second argument is the number of an event.
const WITH_EVENT: [&str; 4] =
    ["TSContCall(", "TSHttpSsnReenable(", "TSHttpTxnReenable(", "TSVConnReenableEx("];

/// The line, with the name beside the number of an event: `> f0 % 202 %` becomes
/// `> f0 % 202 TS_EVENT_NET_ACCEPT %`. A number that has no name stays alone.
pub(super) fn with_event_name(line: &str) -> String {
    let named = || {
        let (start, end) = number_of_event(line)?;
        let name = event_name(line[start..end].parse().ok()?)?;
        Some(format!("{} {name}{}", &line[..end], &line[end..]))
    };
    named().unwrap_or_else(|| line.to_owned())
}

/// Where the number of an event begins and ends, if the line has one.
fn number_of_event(line: &str) -> Option<(usize, usize)> {
    let text = line.trim_start();
    let handle = match text.strip_prefix("> ") {
        Some(callback) => callback.split_once(' ')?.1,
        None => WITH_EVENT.iter().find_map(|name| text.strip_prefix(name))?,
    };
    let number = handle.split_once(' ')?.1;
    let start = line.len() - number.len();
    let length = number.find(|c: char| c != '-' && !c.is_ascii_digit()).unwrap_or(number.len());
    Some((start, start + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_an_event_has_its_name_beside_it() {
        let lines = [
            ("    > f0 % 202 %", "    > f0 % 202 TS_EVENT_NET_ACCEPT %"),
            ("> f12 % 2 %0", "> f12 % 2 TS_EVENT_TIMEOUT %0"),
            ("> f1 % -3 %", "> f1 % -3 TS_FETCH_EVENT_EXT_BODY_READY %"),
            ("TSHttpTxnReenable(%, 60000)", "TSHttpTxnReenable(%, 60000 TS_EVENT_HTTP_CONTINUE)"),
            ("  TSContCall(%, 1, p) = 0", "  TSContCall(%, 1 TS_EVENT_IMMEDIATE, p) = 0"),
        ];
        for (line, named) in lines {
            assert_eq!(with_event_name(line), named);
        }
        // The plugin has chosen the first number. The others are no events.
        let others = [
            "> f0 % 63001 %",
            "< 0",
            "TSVIONBytesSet(%, 100)",
            "TSContScheduleOnPool(%, 100, 0) = %",
        ];
        for line in others {
            assert_eq!(with_event_name(line), line);
        }
    }
}
