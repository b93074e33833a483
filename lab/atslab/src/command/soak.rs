//! `atslab soak`: clients load the server, and many of them go away at random moments. Then it
//! counts what the server still holds: connections, pairs, events, memory.

mod client;
mod left;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use self::client::{Client, Tally};
use self::left::{Left, Stage};
use crate::error::Error;
use crate::files;
use crate::ui::output::{FAULT, Output, TITLE};
use crate::ui::progress;

/// The arguments of `atslab soak`.
#[derive(Debug, Args)]
#[command(after_help = SOAK_EXAMPLES)]
pub(crate) struct SoakArgs {
    /// How long clients ask, in seconds
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub seconds: u64,

    /// How many clients ask at the same time
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub connections: u16,

    /// What the clients do follows from this number
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,

    /// How many net threads the server has
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: u16,
}

const SOAK_EXAMPLES: &str = "\
The server of \"atslab serve\" and its clients run in this one process. A client
asks for bodies of many sizes, sends bodies, asks twice at once, sends nonsense,
and goes away in the middle of everything, with and without a reset. Every answer
is checked. When the clients have gone the server drains, and what is left of
events, connections, PluginVC pairs, sessions and blocks is counted: it must be
nothing.

Each client draws its acts from the seed and its own number. How far an answer
has come when it goes away depends on the machine.

Examples:
  atslab soak
  atslab soak --seconds 5 --connections 16 --seed 1 --threads 2

Exit status: 0 if nothing is left and every answer was right, 1 if not, 2 on
errors.";

/// The status if something is left or an answer was wrong.
const FAILED: u8 = 1;

/// How long the server may take to let go of everything.
const DRAIN: Duration = Duration::from_secs(10);

/// Runs the clients, then counts.
pub(crate) fn soak(args: &SoakArgs, out: &mut Output) -> Result<ExitCode, Error> {
    files::raise_limit();
    let stage = Stage::start(args.threads)?;
    let began = Instant::now();
    let tally = load(args, &stage);
    let took = began.elapsed();
    let left = stage.end(DRAIN);
    report(out, &tally, took, &left)?;
    let well = tally.wrong == 0 && left.is_nothing();
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

/// Lets all clients ask until the time is over; gives their results.
fn load(args: &SoakArgs, stage: &Stage) -> Tally {
    let over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..args.connections)
        .map(|number| {
            let (address, over) = (stage.address(), Arc::clone(&over));
            let mut client = Client::new(address, args.seed, number);
            thread::spawn(move || client.run(&over))
        })
        .collect();
    let bar = progress::bar(args.seconds, "{bar:30} {pos} of {len} s  {wide_msg}");
    let end = Instant::now() + Duration::from_secs(args.seconds);
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        thread::sleep(left.min(Duration::from_secs(1)));
        bar.set_position(args.seconds - left.as_secs());
        bar.set_message(stage.now());
    }
    bar.finish_and_clear();
    over.store(true, Ordering::Relaxed);
    let mut all = Tally::default();
    for client in clients {
        match client.join() {
            Ok(tally) => all.add(tally),
            Err(_) => all.wrong(String::from("a client panicked")),
        }
    }
    all
}

fn report(out: &mut Output, tally: &Tally, took: Duration, left: &Left) -> Result<(), Error> {
    let Tally { answers, bytes, aborts, refused, wrong, .. } = tally;
    let per_second = *answers as f64 / took.as_secs_f64();
    writeln!(out, "{TITLE}{:.0} s of load{TITLE:#}", took.as_secs_f64())?;
    writeln!(out, "{answers:>12}  right answers, {per_second:.0} a second, {bytes} bytes")?;
    writeln!(out, "{aborts:>12}  connections that a client broke off")?;
    writeln!(out, "{refused:>12}  connections that could not be made at first")?;
    let style = if *wrong > 0 { FAULT } else { anstyle::Style::new() };
    writeln!(out, "{style}{wrong:>12}  wrong answers{style:#}")?;
    for what in &tally.samples {
        writeln!(out, "              {what}")?;
    }
    writeln!(out, "{TITLE}left when all have gone{TITLE:#}")?;
    for line in left.lines() {
        let style = if line.left == 0 { anstyle::Style::new() } else { FAULT };
        writeln!(out, "{style}{:>12}  {}{style:#}", line.left, line.what)?;
    }
    Ok(())
}
