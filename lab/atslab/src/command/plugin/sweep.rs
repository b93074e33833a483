//! `atslab plugin list --compare`: each plugin of the real server, in its set-up, in both hosts.
//!
//! Each comparison is a process of its own, `atslab plugin compare`: most of its time it waits for the
//! real server, so there are more of them at a time than processors.

use std::io::Write;
use std::ops::ControlFlow;
use std::process::{Command, ExitCode, Stdio};

use conformance::ats::plugins::Setup;
use conformance::outside::Folder;
use conformance::pool;
use serde::{Deserialize, Serialize};

use super::{PluginFormat, PluginListArgs};
use crate::error::Error;
use crate::ui::output::{FAULT, Output, QUIET, TITLE};

/// So many comparisons at a time.
const AT_A_TIME: usize = 4;

/// What became of one set-up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Identical,
    /// Both hosts agree, but the plugin makes no call in its set-up.
    #[serde(rename = "no call")]
    NoCall,
    Different,
    /// The comparison itself has failed.
    Failed,
    #[serde(rename = "not compared")]
    NotCompared,
}

impl Outcome {
    fn text(self) -> &'static str {
        match self {
            Outcome::Identical => "identical",
            Outcome::NoCall => "no call",
            Outcome::Different => "different",
            Outcome::Failed => "failed",
            Outcome::NotCompared => "not compared",
        }
    }
}

/// A set-up and what became of it.
#[derive(Serialize)]
struct Row {
    plugin: String,
    /// As the plugin of a rule, though it could be one for all transactions.
    rule: bool,
    result: Outcome,
    /// Calls and callbacks in the real server, a line each.
    lines: usize,
    answers: usize,
    /// Why it is not compared, or what went wrong.
    why: Option<String>,
    /// What the set-up does not use the plugin for, though it is made for it.
    unused: Option<&'static str>,
}

/// What `atslab plugin compare --format json` prints.
#[derive(Deserialize)]
struct Told {
    calls: usize,
    identical: bool,
    answers: usize,
    first_difference: Option<usize>,
}

/// Compares them, and prints a line for each in the order of their names.
pub(crate) fn compare_all(args: &PluginListArgs, out: &mut Output) -> Result<ExitCode, Error> {
    let wanted =
        |setup: &&Setup| args.name.as_ref().is_none_or(|name| setup.plugin.contains(name.as_str()));
    let setups: Vec<&'static Setup> = Setup::all().iter().filter(wanted).collect();
    let mut rows: Vec<(usize, Result<Row, Error>)> = Vec::new();
    let workers = vec![(); AT_A_TIME.min(setups.len().max(1))];
    let work = |_: &mut (), at: usize| (at, compare(args, setups[at]));
    pool::run(0..setups.len(), workers, work, |row| {
        rows.push(row);
        ControlFlow::Continue(())
    });
    rows.sort_by_key(|(at, _)| *at);
    let rows: Vec<Row> = rows.into_iter().map(|(_, row)| row).collect::<Result<_, _>>()?;
    if args.format == Some(PluginFormat::Json) {
        writeln!(out, "{}", serde_json::to_string_pretty(&rows).expect("plain data"))?;
    } else {
        table(&rows, out)?;
    }
    Ok(ExitCode::from(status(&rows)))
}

/// 2 if a comparison has failed, 1 if one has found a difference.
fn status(rows: &[Row]) -> u8 {
    let any = |result| rows.iter().any(|row| row.result == result);
    match (any(Outcome::Failed), any(Outcome::Different)) {
        (true, _) => 2,
        (false, true) => 1,
        (false, false) => 0,
    }
}

fn table(rows: &[Row], out: &mut Output) -> Result<(), Error> {
    let width = rows.iter().map(|row| row.plugin.len()).max().unwrap_or(0).max(6);
    writeln!(out, "{TITLE}{:width$}  calls  answers  result{TITLE:#}", "plugin")?;
    for row in rows {
        let (name, result) = (&row.plugin, row.result.text());
        let why = row.why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
        let (before, behind) = match row.result {
            Outcome::NotCompared => {
                writeln!(out, "{name:width$}      -        -  {QUIET}{result}{why}{QUIET:#}")?;
                continue;
            }
            Outcome::Different | Outcome::Failed => (format!("{FAULT}"), format!("{FAULT:#}")),
            Outcome::Identical | Outcome::NoCall => Default::default(),
        };
        let place = if row.rule { ", in a rule" } else { "" };
        let unused = row.unused.map_or_else(String::new, |what| format!(", but unused: {what}"));
        let (lines, answers) = (row.lines, row.answers);
        writeln!(
            out,
            "{name:width$}  {lines:5}  {answers:7}  {before}{result}{behind}{place}{why}{QUIET}{unused}{QUIET:#}"
        )?;
    }
    writeln!(out)?;
    let lines: usize = rows.iter().map(|row| row.lines).sum();
    let Summary { plugins, identical, unused } = Summary::of(rows);
    writeln!(
        out,
        "{identical} of {plugins} plugins: calls and answers are identical; {lines} calls and callbacks"
    )?;
    if unused > 0 {
        writeln!(out, "{unused} of these in a set-up that does not use what they are made for")?;
    }
    Ok(())
}

/// How many plugins there are, and what became of them; one with several set-ups counts once.
#[derive(PartialEq, Eq, Debug)]
struct Summary {
    plugins: usize,
    /// In each of their set-ups.
    identical: usize,
    /// Of the identical ones: in none of their set-ups for what they are made for.
    unused: usize,
}

impl Summary {
    fn of(rows: &[Row]) -> Summary {
        let mut names: Vec<&str> = rows.iter().map(|row| row.plugin.as_str()).collect();
        names.dedup();
        let plugins = names.len();
        let all =
            |name: &str, is: fn(&Row) -> bool| rows.iter().filter(|row| row.plugin == name).all(is);
        names.retain(|name| all(name, |row| row.result == Outcome::Identical));
        let unused = names.iter().filter(|name| all(name, |row| row.unused.is_some())).count();
        Summary { plugins, identical: names.len(), unused }
    }
}

fn compare(args: &PluginListArgs, setup: &'static Setup) -> Result<Row, Error> {
    let row = |result, lines, answers, why| Row {
        plugin: setup.plugin.clone(),
        rule: setup.rule,
        result,
        lines,
        answers,
        why,
        unused: setup.unused.as_deref(),
    };
    if let Some(why) = &setup.not_compared {
        return Ok(row(Outcome::NotCompared, 0, 0, Some(why.clone())));
    }
    let folder = Folder::new("atslab-setup-")?;
    let placed = setup.place(folder.path())?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["plugin", "compare", &placed.plugin, "--format", "json", "--requests"]);
    command.arg(&placed.requests);
    if setup.rule {
        command.arg("--rule");
    }
    if setup.generator {
        command.args(["--with", "generator.so"]);
    }
    if let Some(servers) = &args.servers.servers {
        command.arg("--servers").arg(servers);
    }
    let output = command.stdin(Stdio::null()).output()?;
    Ok(match serde_json::from_slice::<Told>(&output.stdout) {
        Ok(Told { calls: 0, identical: true, answers, .. }) => {
            row(Outcome::NoCall, 0, answers, None)
        }
        Ok(Told { calls, identical: true, answers, .. }) => {
            row(Outcome::Identical, calls, answers, None)
        }
        Ok(Told { calls, answers, first_difference, .. }) => {
            let place = first_difference.map_or_else(
                || "the answers differ".to_owned(),
                |line| format!("the calls differ from line {line}"),
            );
            row(Outcome::Different, calls, answers, Some(place))
        }
        Err(_) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.lines().last().unwrap_or("it says nothing").to_owned();
            row(Outcome::Failed, 0, 0, Some(last))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(plugin: &str, result: Outcome) -> Row {
        Row {
            plugin: plugin.to_owned(),
            rule: false,
            result,
            lines: 1,
            answers: 1,
            why: None,
            unused: None,
        }
    }

    #[test]
    fn only_a_plugin_that_is_used_and_makes_the_same_calls_counts() {
        let rows = [
            row("a", Outcome::Identical),
            row("b", Outcome::Identical),
            row("b", Outcome::Different),
            row("c", Outcome::NoCall),
            row("d", Outcome::NotCompared),
            Row { unused: Some("TLS"), ..row("e", Outcome::Identical) },
        ];
        assert_eq!(Summary::of(&rows), Summary { plugins: 5, identical: 2, unused: 1 });
    }

    #[test]
    fn a_comparison_that_fails_is_no_difference() {
        let of = |results: &[Outcome]| {
            let rows: Vec<Row> = results.iter().map(|result| row("a", *result)).collect();
            status(&rows)
        };
        assert_eq!(of(&[Outcome::Identical, Outcome::NoCall, Outcome::NotCompared]), 0);
        assert_eq!(of(&[Outcome::Identical, Outcome::Different]), 1);
        assert_eq!(of(&[Outcome::Different, Outcome::Failed]), 2);
    }
}
