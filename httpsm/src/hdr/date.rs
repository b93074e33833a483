//! Dates in heads.
//!
//! Mirrors `mime_format_date` and `mime_parse_date` of `proxy/hdrs/MIME.cc`
//! (9.2.9), the latter only for the form that servers send today.
//!
//! Without the crate `httpdate`, which panics before 1970 and from the year 10000 on: a
//! user may set the clock of a proxy to any time of day.

use std::cell::RefCell;

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY: i64 = 86400;

thread_local! {
    /// The date that this thread has written last: most calls are for the same
    /// second.
    static LAST: RefCell<(i64, String)> = RefCell::new((0, format_date(0)));
}

/// `seconds` since 1970 as `Sun, 22 Nov 2026 06:48:48 GMT`.
#[must_use]
pub fn http_date(seconds: i64) -> String {
    LAST.with_borrow_mut(|(last, text)| {
        if *last != seconds {
            (*last, *text) = (seconds, format_date(seconds));
        }
        text.clone()
    })
}

fn format_date(seconds: i64) -> String {
    let (days, time) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (year, month, day) = civil_from_days(days);
    let weekday = DAYS[usize::try_from(days.rem_euclid(7)).unwrap_or(0)];
    let month = MONTHS[usize::try_from(month - 1).unwrap_or(0)];
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    format!("{weekday}, {day:02} {month} {year} {hour:02}:{minute:02}:{second:02} GMT")
}

/// Seconds since 1970; `None` if it is not a date.
#[must_use]
pub fn parse_http_date(text: &[u8]) -> Option<i64> {
    let known = LAST.with_borrow(|(last, known)| (known.as_bytes() == text).then_some(*last));
    known.or_else(|| parse_date(text))
}

fn parse_date(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let mut words = text.split([' ', ':', '-']).filter(|word| !word.is_empty()).skip(1);
    let number = |word: Option<&str>| word?.parse::<i64>().ok();
    let day = number(words.next())?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| *name == month)?;
    let [year, hour, minute, second] = [(); 4].map(|()| number(words.next()));
    let days = days_from_civil(year?, i64::try_from(month).ok()? + 1, day);
    Some(days * DAY + hour? * 3600 + minute? * 60 + second?)
}

/// Days since 1970 as year, month and day, by counting in eras of 400 years that
/// begin in March, so that the leap day comes last.
#[must_use]
pub fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let (era, day_of_era) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The inverse of [`civil_from_days`].
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let shifted = (month + 9) % 12;
    let day_of_year = (153 * shifted + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_read_back() {
        assert_eq!(http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(http_date(951_782_400), "Tue, 29 Feb 2000 00:00:00 GMT");
        for seconds in [0, 1, 951_782_399, 951_782_400, 1_709_210_096, 4_102_444_800] {
            assert_eq!(parse_http_date(http_date(seconds).as_bytes()), Some(seconds));
            assert_eq!(parse_date(http_date(seconds).as_bytes()), Some(seconds));
        }
        assert_eq!(parse_http_date(b"yesterday"), None);
        assert_eq!(parse_http_date(b""), None);
    }
}
