//! [`Baseline`]: instruction counts that a later build is held against.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use conformance::input::file_name;
use serde::{Deserialize, Serialize};

use super::figures::Measured;
use crate::error::Error;

/// A count that differs by more than this part is told.
const MARGIN: f64 = 0.03;

/// What compiled this program. Another compiler makes other instructions.
const COMPILER: &str = env!("ATSLAB_RUSTC");

/// Instructions of an operation, by workload and by the release whose steps the port takes.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Baseline {
    compiler: String,
    instructions: BTreeMap<String, BTreeMap<String, f64>>,
}

impl Baseline {
    pub(super) fn of(all: &[Measured]) -> Baseline {
        let row = |measured: &Measured| {
            let each = measured.releases.iter();
            each.map(|one| (one.release.to_string(), one.port.median().round())).collect()
        };
        let rows = all.iter().map(|measured| (measured.workload.name.clone(), row(measured)));
        Baseline { compiler: COMPILER.to_owned(), instructions: rows.collect() }
    }

    /// Reads a file that [`write`](Baseline::write) wrote with the same compiler.
    pub(super) fn read(path: &Path) -> Result<Baseline, Error> {
        let file = || file_name(path);
        let text = fs::read_to_string(path)
            .map_err(|source| Error::Unreadable { file: file(), source })?;
        let fault = |fault| Error::Line { place: file(), fault };
        let read: Baseline =
            serde_json::from_str(&text).map_err(|error| fault(error.to_string()))?;
        if read.compiler != COMPILER {
            let made = &read.compiler;
            return Err(fault(format!(
                "counted with {made}, and this program is built by {COMPILER}: write the file \
                 anew with --save-baseline"
            )));
        }
        Ok(read)
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(self).map_err(io::Error::from);
        text.and_then(|text| fs::write(path, text + "\n"))
            .map_err(|source| Error::Unwritable { file: file_name(path), source })
    }

    /// Tells each count of `now` that differs from the one kept here; true if all are the same.
    pub(super) fn tell_changes(&self, now: &Baseline, out: &mut impl Write) -> io::Result<bool> {
        let mut is_same = true;
        for (workload, counts) in &now.instructions {
            for (release, now) in counts {
                let kept = self.instructions.get(workload).and_then(|row| row.get(release));
                let told = match kept {
                    None => "is not in the baseline".to_owned(),
                    Some(kept) if (now - kept).abs() <= kept * MARGIN => continue,
                    Some(kept) => {
                        let more = if now > kept { "more" } else { "less" };
                        let percent = (now / kept - 1.0).abs() * 100.0;
                        format!(
                            "takes {now} instructions, {percent:.1} % {more} than {kept} in the \
                             baseline"
                        )
                    }
                };
                writeln!(out, "{workload}, port of {release}: {told}")?;
                is_same = false;
            }
        }
        Ok(is_same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline(count: f64) -> Baseline {
        let row = BTreeMap::from([("9.2.9".to_owned(), count)]);
        let instructions = BTreeMap::from([("pair_50".to_owned(), row)]);
        Baseline { compiler: COMPILER.to_owned(), instructions }
    }

    #[test]
    fn three_percent_either_way_are_told() {
        let told = |kept: &Baseline, now: f64| {
            let mut out = Vec::new();
            let is_same = kept.tell_changes(&baseline(now), &mut out).unwrap();
            let text = String::from_utf8(out).unwrap();
            assert_eq!(is_same, text.is_empty());
            text
        };
        let kept = baseline(1000.0);
        assert_eq!([told(&kept, 1030.0), told(&kept, 970.0)], ["", ""]);
        let text = "pair_50, port of 9.2.9: takes 1031 instructions, 3.1 % more than 1000 in the baseline\n";
        assert_eq!(told(&kept, 1031.0), text);
        let text = "pair_50, port of 9.2.9: takes 969 instructions, 3.1 % less than 1000 in the baseline\n";
        assert_eq!(told(&kept, 969.0), text);
        let text = "pair_50, port of 9.2.9: is not in the baseline\n";
        assert_eq!(told(&Baseline::default(), 969.0), text);
    }
}
