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
#[derive(Serialize)]
struct Row {
    plugin: String,
    /// As the plugin of a rule, though it could be one for all transactions.
    rule: bool,
    /// `identical`, `different` or `not compared`.
    result: &'static str,
    /// Calls and callbacks in the real server, a line each.
    lines: usize,
    answers: usize,
    /// Why it is not compared, or what went wrong.
    why: Option<String>,
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
    let setups: Vec<&Setup> = Setup::all().iter().filter(wanted).collect();
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
    let differs = rows.iter().any(|row| row.result == "different");
    Ok(if differs { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

fn table(rows: &[Row], out: &mut Output) -> Result<(), Error> {
    let width = rows.iter().map(|row| row.plugin.len()).max().unwrap_or(0).max(6);
    writeln!(out, "{TITLE}{:width$}  calls  answers  result{TITLE:#}", "plugin")?;
    for row in rows {
        let why = row.why.as_deref().unwrap_or_default();
        let name = &row.plugin;
        match row.result {
            "not compared" => {
                writeln!(
                    out,
                    "{name:width$}      -        -  {QUIET}not compared: {why}{QUIET:#}"
                )?;
            }
            result => {
                let (before, behind) = match result == "different" {
                    true => (format!("{FAULT}"), format!("{FAULT:#}")),
                    false => (String::new(), String::new()),
                };
                let place = if row.rule { ", in a rule" } else { "" };
                let why = if why.is_empty() { String::new() } else { format!(": {why}") };
                writeln!(
                    out,
                    "{name:width$}  {:5}  {:7}  {before}{result}{behind}{place}{why}",
                    row.lines, row.answers
                )?;
            }
        }
    }
    let mut names: Vec<&str> = rows.iter().map(|row| row.plugin.as_str()).collect();
    names.dedup();
    let is = |name: &&&str, result: &str| {
        rows.iter().filter(|row| row.plugin == **name).all(|row| row.result == result)
    };
    let same = names.iter().filter(|name| is(name, "identical")).count();
    let lines: usize = rows.iter().map(|row| row.lines).sum();
    writeln!(out)?;
    writeln!(
        out,
        "{same} of {} plugins: calls and answers are identical; {lines} calls and callbacks",
        names.len()
    )?;
    Ok(())
}

fn compare(args: &PluginListArgs, setup: &Setup) -> Result<Row, Error> {
    let row = |result, lines, answers, why| Row {
        plugin: setup.plugin.clone(),
        rule: setup.rule,
        result,
        lines,
        answers,
        why,
    };
    if let Some(why) = &setup.not_compared {
        return Ok(row("not compared", 0, 0, Some(why.clone())));
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
        Ok(Told { calls, identical: true, answers, .. }) => row("identical", calls, answers, None),
        Ok(Told { calls, answers, first_difference, .. }) => {
            let place = first_difference.map_or_else(
                || "the answers differ".to_owned(),
                |line| format!("the calls differ from line {line}"),
            );
            row("different", calls, answers, Some(place))
        }
        Err(_) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.lines().last().unwrap_or("it says nothing").to_owned();
            row("different", 0, 0, Some(last))
        }
    })
}
