//! Makes one report from the reports of the parts of an exploration.

use crate::report::{Found, MergeError, Report, Sweep};

pub(crate) fn merge(mut parts: Vec<Report>) -> Result<Report, MergeError> {
    let refuse = |text: String| Err(MergeError(text));
    parts.sort_by_key(|part| part.shard);
    let Some(first) = parts.first() else {
        return refuse("there is no report to merge".to_owned());
    };
    let of = first.shard.1;
    for (part, expected) in parts.iter().zip(1..) {
        if part.shard.1 != of {
            return refuse(format!("one report is part of {of}, another of {}", part.shard.1));
        }
        if part.shard.0 != expected {
            let fault = if part.shard.0 < expected { "comes twice" } else { "is missing" };
            let number = part.shard.0.min(expected);
            return refuse(format!("part {number} of {of} {fault}"));
        }
        if (part.check, &part.strategy, part.seed) != (first.check, &first.strategy, first.seed) {
            return refuse(format!(
                "parts 1 and {expected} are of different explorations: the scene ({} and {}), the strategy or the seed differs",
                first.check, part.check
            ));
        }
        let is_sweep = !part.sweeps.is_empty() && !first.sweeps.is_empty();
        if is_sweep && part.shared_objects != first.shared_objects {
            return refuse(format!(
                "parts 1 and {expected} saw different sets of shared objects, so together they are not the whole: run all parts again with more runs to learn the set"
            ));
        }
    }
    if parts.len() != of as usize {
        return refuse(format!("part {} of {of} is missing", parts.len() + 1));
    }
    let mut whole = Report { shard: (1, 1), ..first.clone() };
    for part in &parts[1..] {
        whole.schedules += part.schedules;
        whole.points += part.points;
        whole.seconds += part.seconds;
        whole.out_of_time |= part.out_of_time;
        add_sweeps(&mut whole.sweeps, &part.sweeps);
        for found in &part.violations {
            add_found(&mut whole.violations, found);
        }
    }
    // A part that has found something goes no further, and the whole would not have either.
    let is_everywhere = |sweep: &Sweep| {
        parts.iter().all(|part| part.sweeps.iter().any(|its| its.bound == sweep.bound))
    };
    whole.sweeps.retain(is_everywhere);
    whole.violations.sort_by_key(|found| found.order);
    Ok(whole)
}

fn add_sweeps(sweeps: &mut Vec<Sweep>, more: &[Sweep]) {
    for sweep in more {
        match sweeps.iter_mut().find(|known| known.bound == sweep.bound) {
            None => sweeps.push(sweep.clone()),
            Some(known) => {
                known.schedules += sweep.schedules;
                known.complete &= sweep.complete;
            }
        }
    }
}

/// Of a violation that is known, the first schedule is kept.
pub(crate) fn add_found(all: &mut Vec<Found>, found: &Found) {
    match all.iter_mut().find(|known| known.violation == found.violation) {
        None => all.push(found.clone()),
        Some(known) => {
            let times = known.times + found.times;
            if found.order < known.order {
                *known = found.clone();
            }
            known.times = times;
        }
    }
}
