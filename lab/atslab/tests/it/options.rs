//! No option is ignored: each one has an effect, or the command refuses it.
//!
//! [`ALWAYS`] and [`REFUSED`] together name every option of every command; a test reads
//! them from the help. So an option cannot be added without a decision.

use std::collections::BTreeSet;

use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;

use crate::common::{atslab, stdout};

/// Commands, and their options that have an effect whatever else is given.
const ALWAYS: &[(&str, &str)] = &[
    ("compare", "--epoch --ats --case --cases --live --jobs --format --http --net"),
    ("steps", "--epoch --ats --case --cases --format"),
    ("run", "--epoch --ats --explain --live"),
    ("explore", "--merge"),
    ("museum", "--verify --schedules --format"),
    ("view", "--epoch --ats --case --live --tcp --html --svg --trace"),
    ("record", "--ats --suite --case --cases --output --force --servers"),
    ("fuzz", "--merge"),
    ("diff", "--scenarios --count --format --html --http"),
    ("node", "--check"),
    ("node fuzz", "--count --seed --print --statistics"),
    ("node eats", "--consume"),
    ("http", "--filter --live --record --jobs"),
    ("http fuzz", "--count --seed --print"),
    ("plugin", ""),
    ("plugin list", "--compare --format --servers"),
    ("plugin run", "--requests --rule --with --format --servers --strict --config-dir"),
    ("plugin compare", "--requests --rule --with --format --servers --record"),
    ("serve", "--listen --threads --plugin --plugin-so --map --tunnel --shutdown-timeout --trace"),
    ("soak", "--seconds --connections --seed --threads"),
    (
        "bench",
        "--live --others --filter --runs --quick --growth --json --plot --markdown --ats \
         --instructions",
    ),
    ("course check", "--hint"),
    ("course solution", "--give-up"),
    ("list", ""),
    ("completions", ""),
    ("man", ""),
];

/// Commands, an option, and the arguments with which it would have no effect.
const REFUSED: &[(&str, &str, &str)] = &[
    ("compare", "--recording x", ""),
    ("compare", "--recording x", "--live --cases y"),
    ("compare", "--servers x", ""),
    ("compare", "--server x", ""),
    ("compare", "--server x", "--live --servers y"),
    ("compare", "--ats 9.2.9", "--epoch D"),
    ("compare", "--http", "--case eos"),
    ("compare", "--http", "--jobs 2"),
    ("compare", "--net", "--case eos"),
    ("compare", "--net", "--jobs 2"),
    ("compare", "--net", "--http"),
    ("steps", "--ats 9.2.9", "--case eos --epoch D"),
    ("run", "--seed 1", "my.toml"),
    ("run", "--net", "my.toml"),
    ("run", "--net", "--seed 1 --threads 2"),
    ("run", "--net", "--seed 1 --buffers"),
    ("run", "--threads 2", "my.toml"),
    ("run", "--buffers", "my.toml"),
    ("run", "--servers x", "my.toml"),
    ("run", "--server x", "my.toml"),
    ("run", "--explain", "my.toml --live"),
    ("run", "--width 80", "my.toml"),
    ("run", "--width 80", "my.toml --live"),
    ("run", "--format json", "my.toml --live"),
    ("run", "--format json", "my.toml --explain"),
    ("run", "--ats 9.2.9", "my.toml --epoch D"),
    ("explore", "--epoch C", "--merge y"),
    ("explore", "--ats 9.2.9", "my.toml --epoch D"),
    ("explore", "--rearm x", "--merge y"),
    ("explore", "--correct x", "--merge y"),
    ("explore", "--bound 1", "my.toml --strategy pos"),
    ("explore", "--strategy pos", "my.toml --play"),
    ("explore", "--schedules 1", "my.toml --play"),
    ("explore", "--seed 1", "my.toml"),
    ("explore", "--schedule a*", "my.toml --bound 1"),
    ("explore", "--play", "my.toml --jobs 1"),
    ("explore", "--all", "my.toml --schedule a*"),
    ("explore", "--all", "my.toml --shard 1/2"),
    ("explore", "--format json", "my.toml --play"),
    ("explore", "--no-numbers", "my.toml --format json"),
    ("explore", "--jobs 1", "my.toml --schedule a*"),
    ("explore", "--limit 1s", "my.toml --play"),
    ("explore", "--html x", "my.toml --play"),
    ("explore", "--shard 1/2", "my.toml --play"),
    ("museum", "--jobs 1", "ts-3339"),
    ("museum", "--no-numbers", ""),
    ("museum", "--no-numbers", "ts-3339 --format json"),
    ("view", "--servers x", "my.toml"),
    ("view", "--server x", "my.toml"),
    ("view", "--live", "--case eos"),
    ("view", "--live", ""),
    ("view", "--tcp", ""),
    ("view", "--tcp", "my.toml --live"),
    ("view", "--tcp", "--case eos"),
    ("view", "--case eos", "my.toml"),
    ("view", "--book x", "my.toml --svg step=1"),
    ("view", "--source x", "my.toml --trace y"),
    ("view", "--html x", "my.toml --svg step=1"),
    ("view", "--trace x", "my.toml --svg step=1"),
    ("record", "--server x", "--ats 9.2.9 --output y"),
    ("record", "--suite regression", "--ats 9.2.9 --output x --cases y"),
    ("fuzz", "--ats 9.2.9", "--merge x"),
    ("fuzz", "--explore", "--merge x"),
    ("fuzz", "--explore", "--servers x"),
    ("fuzz", "--explore", "--ats 9.2.9"),
    ("fuzz", "--explore", "--server x"),
    ("fuzz", "--buffers", "--explore"),
    ("fuzz", "--buffers", "--http"),
    ("fuzz", "--buffers", "--report x"),
    ("fuzz", "--buffers", "--merge x"),
    ("fuzz", "--http", "--explore"),
    ("fuzz", "--http", "--merge x"),
    ("fuzz", "--http", "--threads 2"),
    ("fuzz", "--http", "--report x"),
    ("fuzz", "--net", "--http"),
    ("fuzz", "--net", "--buffers"),
    ("fuzz", "--net", "--merge x"),
    ("fuzz", "--net", "--threads 2"),
    ("fuzz", "--server x", "--ats 9.2.9"),
    ("fuzz", "--server x", "--merge y"),
    ("diff", "--seed 1", "C D"),
    ("diff", "--threads 2", "C D"),
    ("diff", "--buffers", "C D"),
    ("diff", "--buffers", "D D --count 5 --http"),
    ("diff", "--scenarios x", "C D --count 5"),
    ("diff", "--http", "D D --count 5 --threads 2"),
    ("diff", "--servers x", "C D"),
    ("fuzz", "--seed 1", "--merge x"),
    ("fuzz", "--count 1", "--merge x"),
    ("fuzz", "--threads 2", "--merge x"),
    ("fuzz", "--jobs 2", "--merge x"),
    ("fuzz", "--report y", "--merge x"),
    ("fuzz", "--findings y", "--merge x"),
    ("fuzz", "--servers y", "--merge x"),
    ("node", "--live", ""),
    ("node", "--sockets", ""),
    ("node", "--record", ""),
    ("node", "--check x --live --record", "--sockets"),
    ("node", "--check x", "fuzz"),
    ("node", "--check x", "eats"),
    ("node fuzz", "--shown 1", "--print"),
    ("node fuzz", "--shown 1", "--statistics"),
    ("node fuzz", "--plant lost-end", "--print"),
    ("node fuzz", "--plant lost-end", "--statistics"),
    ("node fuzz", "--print", "--statistics"),
    ("http", "--cases x", ""),
    ("http", "--recording x", ""),
    ("http", "--recording x", "--live --cases y"),
    ("http", "--servers x", ""),
    ("http", "--server x", ""),
    ("http", "--servers x", "--cases y --recording z"),
    ("http", "--compiled", "--record x"),
    ("http", "--compiled", "fuzz"),
    ("http", "--live", "--record x"),
    ("http", "--live", "fuzz"),
    ("http fuzz", "--at-once 2", "--print"),
    ("http fuzz", "--servers x", "--print"),
    ("http fuzz", "--server x", "--print"),
    ("plugin run", "--trace", "x.so --requests r --format json"),
    ("plugin compare", "--masks", "x.so --requests r --format json"),
    ("plugin compare", "--recording x", "y.so --requests r --record z"),
    ("serve", "--remap-config x", "--plugin generator"),
    ("serve", "--servers x", "--plugin generator"),
    ("serve", "--config-dir x", "--plugin generator"),
    ("bench", "--servers x", ""),
    ("bench", "--server x", ""),
    ("bench", "--server x", "--live --ats 9.2.9"),
    ("bench", "--baseline x", ""),
    ("bench", "--save-baseline x", ""),
    ("bench", "--save-baseline x", "--instructions --baseline y"),
    ("bench", "--instructions", "--runs 1"),
    ("bench", "--instructions", "--quick"),
    ("bench", "--instructions", "--growth"),
    ("bench", "--instructions", "--others"),
    ("bench", "--both", "--instructions"),
    ("bench", "--both", "--quick"),
    ("bench", "--both", "--growth"),
];

/// Options of every command, which the tests of the output cover.
const OF_ALL: [&str; 3] = ["--color", "--help", "--version"];

#[test]
fn an_option_that_would_be_ignored_is_refused() {
    for &(command, option, others) in REFUSED {
        let line = format!("{command} {option} {others}");
        let mut run = atslab();
        // The environment may say where the servers are: that is no option.
        run.args(line.split_whitespace()).env("ATSLAB_SERVERS", "/nowhere");
        let refused = contains("cannot be used with")
            .or(contains("the following required arguments were not provided"));
        let assert = run.assert();
        let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
        assert_eq!(assert.get_output().status.code(), Some(2), "{line}: {said}");
        assert.stdout("").stderr(refused);
    }
}

#[test]
fn each_option_of_each_command_has_been_decided() {
    for command in commands() {
        let decided: BTreeSet<&str> = ALWAYS
            .iter()
            .filter(|(name, _)| *name == command)
            .flat_map(|(_, options)| options.split_whitespace())
            .chain(
                REFUSED
                    .iter()
                    .filter(|(name, ..)| *name == command)
                    .filter_map(|(_, option, _)| option.split_whitespace().next()),
            )
            .collect();
        let known = options(&command);
        let known: BTreeSet<&str> = known.iter().map(String::as_str).collect();
        assert_eq!(known, decided, "{command}");
    }
    let commands = commands();
    for command in ALWAYS.iter().map(|(name, _)| *name).chain(REFUSED.iter().map(|one| one.0)) {
        assert!(commands.iter().any(|name| name == command), "there is no command {command}");
    }
}

#[test]
fn the_environment_may_name_the_servers_of_a_command_that_asks_none() {
    let mut run = atslab();
    run.args(["run", "01-ten-bytes"]).env("ATSLAB_SERVERS", "/nowhere").assert().code(0);
}

#[test]
fn the_folder_of_the_servers_is_the_option_then_the_environment_then_the_default() {
    for (option, variable, folder) in [
        (&["--servers", "a"][..], Some("b"), "a"),
        (&[], Some("b"), "b"),
        (&[], None, "target/live"),
        (&[], Some(""), "target/live"),
    ] {
        let mut run = atslab();
        let empty = tempfile::tempdir().expect("a temporary folder");
        run.args(["run", "01-ten-bytes", "--live", "--ats", "9.2.9"]).args(option);
        run.current_dir(empty.path()).env_remove("ATSLAB_SERVERS");
        if let Some(variable) = variable {
            run.env("ATSLAB_SERVERS", variable);
        }
        run.assert().code(2).stderr(contains(format!("is not in {folder};")));
    }
}

/// The commands, and those of `node` and `http`, by the help.
pub(crate) fn commands() -> Vec<String> {
    let of = |arguments: &[&str]| -> Vec<String> {
        let help = stdout(atslab().args(arguments).arg("--help"));
        let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        let lines = lines.take_while(|line| !line.is_empty());
        let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        let names = names.filter_map(|line| line.split_whitespace().next());
        names.filter(|name| *name != "help").map(str::to_owned).collect()
    };
    let first = of(&[]);
    assert!(first.len() >= 13, "{first:?}");
    let below = first.iter().flat_map(|name| {
        of(&[name.as_str()]).into_iter().map(move |inner| format!("{name} {inner}"))
    });
    below.chain(first.iter().cloned()).collect()
}

/// The options that the help of a command shows.
pub(crate) fn options(command: &str) -> BTreeSet<String> {
    let help = stdout(atslab().args(command.split(' ')).arg("--help"));
    let word = |line: &str| {
        let mut words = line.split_whitespace();
        let first = words.next()?;
        let is_short = first.len() == 3 && first.starts_with('-') && first.ends_with(',');
        let word = if is_short { words.next()? } else { first };
        word.starts_with("--").then(|| word.to_owned())
    };
    help.lines().filter_map(word).filter(|name| !OF_ALL.contains(&name.as_str())).collect()
}
