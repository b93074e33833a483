//! `atslab plugin list`: the real server's plugins, and how much of what they link to is there.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

use super::{PluginFormat, PluginListArgs, place};
use crate::error::Error;
use crate::ui::output::{Output, QUIET, TITLE};

/// One plugin.
#[derive(Serialize)]
struct Row {
    plugin: String,
    /// `TSPluginInit` is there.
    global: bool,
    /// `TSRemapInit` is there.
    rule: bool,
    functions: usize,
    left_out: Vec<String>,
}

/// Prints them.
pub(crate) fn list(args: &PluginListArgs, out: &mut Output) -> Result<ExitCode, Error> {
    let folder = place::server(&args.servers)?.modules_folder();
    let unreadable = |source| Error::Unreadable { file: folder.display().to_string(), source };
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .map_err(unreadable)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "so"))
        .collect();
    files.sort();
    let written: BTreeSet<&str> = tsapi::functions().iter().map(|one| one.name).collect();
    let left_out: BTreeSet<&str> = tsapi::left_out().into_iter().collect();
    let mut rows = Vec::new();
    for file in files {
        let row = row(&file, &written, &left_out)?;
        if args.name.as_ref().is_none_or(|name| row.plugin.contains(name.as_str())) {
            rows.push(row);
        }
    }
    if args.format == Some(PluginFormat::Json) {
        let all = serde_json::to_string_pretty(&rows).expect("plain data");
        writeln!(out, "{all}")?;
        return Ok(ExitCode::SUCCESS);
    }
    let width = rows.iter().map(|row| row.plugin.len()).max().unwrap_or(0).max(6);
    writeln!(out, "{TITLE}{:width$}  for          functions  left out{TITLE:#}", "plugin")?;
    for row in &rows {
        let used = match (row.global, row.rule) {
            (true, true) => "all, rules",
            (true, false) => "all",
            (false, true) => "rules",
            (false, false) => "-",
        };
        let have = row.functions - row.left_out.len();
        let missing = match &row.left_out[..] {
            [] => String::new(),
            [one] => one.clone(),
            [one, two] => format!("{one}, {two}"),
            [one, two, rest @ ..] => format!("{one}, {two} and {} more", rest.len()),
        };
        writeln!(
            out,
            "{:width$}  {used:10}  {have:4} of {:3}  {QUIET}{missing}{QUIET:#}",
            row.plugin, row.functions
        )?;
    }
    let whole = rows.iter().filter(|row| row.left_out.is_empty() && row.functions > 0).count();
    writeln!(out)?;
    writeln!(
        out,
        "{whole} of {} plugins have every function that they are linked to; {} of {} functions are written",
        rows.len(),
        written.len(),
        written.len() + left_out.len()
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Looks for the names of functions among the texts of the file: a plugin names there what it is
/// linked to.
fn row(file: &Path, written: &BTreeSet<&str>, left_out: &BTreeSet<&str>) -> Result<Row, Error> {
    let unreadable = |source| Error::Unreadable { file: file.display().to_string(), source };
    let bytes = std::fs::read(file).map_err(unreadable)?;
    let names: BTreeSet<&str> = bytes
        .split(|&byte| byte == 0)
        .filter_map(|text| std::str::from_utf8(text).ok())
        .filter(|text| text.starts_with("TS") || text.starts_with("_TS"))
        .collect();
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
    Ok(Row {
        plugin: name.unwrap_or_default(),
        global: names.contains("TSPluginInit"),
        rule: names.contains("TSRemapInit"),
        functions: names.iter().filter(|n| written.contains(*n) || left_out.contains(*n)).count(),
        left_out: names
            .iter()
            .filter(|name| left_out.contains(*name))
            .map(|name| (*name).to_owned())
            .collect(),
    })
}
