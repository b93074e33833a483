//! What came out of a comparison, as text, as Markdown and as JSON.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::{Comparison, Difference};
use crate::ui::output::{FAULT, Output, TITLE};

/// How many differences are shown in whole; the others are counted by their kind.
const SHOWN: usize = 10;

pub(super) fn so_far(differences: usize) -> String {
    count(differences, "difference")
}

fn count(n: usize, what: &str) -> String {
    match n {
        1 => format!("1 {what}"),
        n => format!("{n} {what}s"),
    }
}

fn summary(found: &Comparison) -> String {
    let scenarios = count(found.scenarios, "scenario");
    match found.differences.len() {
        0 => format!("no difference in {scenarios}, {} steps", found.steps),
        1 => format!("1 of {scenarios} differs"),
        n => format!("{n} of {scenarios} differ"),
    }
}

/// The kinds of the differences, the most frequent first, with their counts.
fn kinds(found: &Comparison) -> Vec<(&str, usize)> {
    let mut kinds: Vec<(&str, usize)> = Vec::new();
    for one in &found.differences {
        let kind = one.divergence.kind.as_str();
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => kinds.push((kind, 1)),
        }
    }
    kinds.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    kinds
}

/// One difference of each kind, the one with the fewest operations.
fn shown(found: &Comparison) -> Vec<&Difference> {
    let of_kind = |&(kind, _): &(&str, usize)| {
        let all = found.differences.iter().filter(|one| one.divergence.kind == kind);
        all.min_by_key(|one| one.operations)
    };
    kinds(found).iter().filter_map(of_kind).take(SHOWN).collect()
}

pub(super) fn write_text(out: &mut Output, found: &Comparison) -> io::Result<()> {
    let [left, right] = &found.names;
    for one in shown(found) {
        writeln!(
            out,
            "{FAULT}{}:{FAULT:#} differs after {} steps; what is left has {}:",
            one.name,
            one.divergence.index,
            count(one.operations, "operation")
        )?;
        write!(out, "{}", one.divergence.between(left, right))?;
        for line in one.scenario.to_string().lines() {
            writeln!(out, "    {line}")?;
        }
        writeln!(out)?;
    }
    writeln!(out, "{TITLE}{left} | {right}{TITLE:#}: {}", summary(found))?;
    for (kind, count) in kinds(found) {
        writeln!(out, "  {count} × {kind}")?;
    }
    Ok(())
}

pub(super) fn write_markdown(out: &mut Output, found: &Comparison) -> io::Result<()> {
    let [left, right] = &found.names;
    writeln!(out, "## {left} | {right}\n\n{}.", summary(found))?;
    if found.differences.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n| scenarios | what each does where they first differ |\n|---|---|")?;
    for (kind, count) in kinds(found) {
        // The bar between the two would end the cell.
        writeln!(out, "| {count} | {} |", kind.replace('|', "\\|"))?;
    }
    for one in shown(found) {
        writeln!(
            out,
            "\n### {}\n\nThe first {} steps are the same.\n",
            one.name, one.divergence.index
        )?;
        writeln!(out, "```text\n{}```\n", one.divergence.between(left, right))?;
        let operations = count(one.operations, "operation");
        writeln!(out, "What is left of the scenario, {operations}:\n\n```toml")?;
        writeln!(out, "{}\n```", one.scenario.to_string().trim())?;
    }
    Ok(())
}

pub(super) fn write_json(out: &mut Output, found: &Comparison) -> io::Result<()> {
    let difference = |one: &Difference| {
        let [left, right] = one.divergence.around();
        json!({
            "name": one.name,
            "after": one.divergence.index,
            "kind": one.divergence.kind,
            "left": { "here": one.divergence.real, "around": left },
            "right": { "here": one.divergence.port, "around": right },
            "operations": one.operations,
            "toml": one.scenario.to_string(),
        })
    };
    let [left, right] = &found.names;
    let value = json!({
        "format": "atslab-diff",
        "version": 1,
        "left": left,
        "right": right,
        "scenarios": found.scenarios,
        "steps": found.steps,
        "differences": found.differences.iter().map(difference).collect::<Vec<Value>>(),
    });
    writeln!(out, "{value}")
}
