//! A line of the log: `[2026-11-30T06:12:49Z WARN  serve] text`.
//!
//! As `env_logger` writes it. Its own time of day brings a library of dates with it, which takes longer
//! to compile than all else of the log; `httpsm` has a calendar already.

use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use anstyle::{AnsiColor, Style};
use env_logger::fmt::Formatter;
use httpsm::hdr::civil_from_days;
use log::Record;

/// Writes a line with the time of day.
pub(crate) fn line(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let time = utc(i64::try_from(now).unwrap_or(0));
    let (level, target) = (record.level(), record.target());
    let style = out.default_level_style(level);
    // Without colours no level has a style.
    let dim = if style == Style::new() { style } else { AnsiColor::BrightBlack.on_default() };
    let text = record.args().to_string().replace('\n', "\n    ");
    writeln!(out, "{dim}[{dim:#}{time} {style}{level:<5}{style:#} {target}{dim}]{dim:#} {text}")
}

/// Seconds since 1970 as RFC 3339 writes them.
fn utc(seconds: i64) -> String {
    let (year, month, day) = civil_from_days(seconds.div_euclid(86_400));
    let time = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::utc;

    #[test]
    fn a_time_is_written_as_in_rfc_3339() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(1_709_251_199), "2024-02-29T23:59:59Z");
        assert_eq!(utc(1_796_019_169), "2026-11-30T06:12:49Z");
    }
}
