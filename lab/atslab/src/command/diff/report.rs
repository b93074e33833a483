//! What came out of a comparison, as text, as Markdown and as JSON.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::Comparison;
use crate::ui::output::{FAULT, Output, TITLE};

/// A scenario in which the two differ.
pub(super) trait Found {
    /// The format of the report as JSON.
    const FORMAT: &str;
    /// What is counted and compared.
    const UNIT: &str;

    /// Its name, or its seed.
    fn name(&self) -> &str;
    /// What both do where they first differ, without numbers.
    fn kind(&self) -> &str;
    /// How many operations the smallest scenario has.
    fn operations(&self) -> usize;
    /// The smallest scenario.
    fn toml(&self) -> String;
    /// Where they first differ.
    fn place(&self) -> String;
    /// What each does there.
    fn between(&self, left: &str, right: &str) -> String;
    /// The same, as fields of an object.
    fn json(&self) -> Value;
}

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

fn summary<D: Found>(found: &Comparison<D>) -> String {
    let scenarios = count(found.scenarios, "scenario");
    match found.differences.len() {
        0 => format!("no difference in {scenarios}, {} {}", found.steps, D::UNIT),
        1 => format!("1 of {scenarios} differs"),
        n => format!("{n} of {scenarios} differ"),
    }
}

/// The kinds of the differences, the most frequent first, with their counts.
fn kinds<D: Found>(found: &Comparison<D>) -> Vec<(&str, usize)> {
    let mut kinds: Vec<(&str, usize)> = Vec::new();
    for one in &found.differences {
        let kind = one.kind();
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => kinds.push((kind, 1)),
        }
    }
    kinds.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    kinds
}

/// One difference of each kind, the one with the fewest operations.
fn shown<D: Found>(found: &Comparison<D>) -> Vec<&D> {
    let of_kind = |&(kind, _): &(&str, usize)| {
        let all = found.differences.iter().filter(|one| one.kind() == kind);
        all.min_by_key(|one| one.operations())
    };
    kinds(found).iter().filter_map(of_kind).take(SHOWN).collect()
}

pub(super) fn write_text<D: Found>(out: &mut Output, found: &Comparison<D>) -> io::Result<()> {
    let [left, right] = &found.names;
    for one in shown(found) {
        writeln!(
            out,
            "{FAULT}{}:{FAULT:#} differs {}; what is left has {}:",
            one.name(),
            one.place(),
            count(one.operations(), "operation")
        )?;
        write!(out, "{}", one.between(left, right))?;
        for line in one.toml().lines() {
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

pub(super) fn write_markdown<D: Found>(out: &mut Output, found: &Comparison<D>) -> io::Result<()> {
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
        writeln!(out, "\n### {}\n\nThey first differ {}.\n", one.name(), one.place())?;
        writeln!(out, "```text\n{}```\n", one.between(left, right))?;
        let operations = count(one.operations(), "operation");
        writeln!(out, "What is left of the scenario, {operations}:\n\n```toml")?;
        writeln!(out, "{}\n```", one.toml().trim())?;
    }
    Ok(())
}

pub(super) fn write_json<D: Found>(out: &mut Output, found: &Comparison<D>) -> io::Result<()> {
    let difference = |one: &D| {
        let mut object = one.json();
        object["name"] = one.name().into();
        object["kind"] = one.kind().into();
        object["operations"] = one.operations().into();
        object["toml"] = one.toml().into();
        object
    };
    let [left, right] = &found.names;
    let mut value = json!({
        "format": D::FORMAT,
        "version": 1,
        "left": left,
        "right": right,
        "scenarios": found.scenarios,
        "differences": found.differences.iter().map(difference).collect::<Vec<Value>>(),
    });
    value[D::UNIT] = found.steps.into();
    writeln!(out, "{value}")
}
