//! `atslab soak`: the server under load from clients that go away, and what is left
//! of it afterwards.

mod client;
mod left;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use self::client::{Client, Tally};
use self::left::{Left, Stage};
use crate::cli::SoakArgs;
use crate::error::Error;
use crate::files;
use crate::output::{FAULT, Output, TITLE};
use crate::progress;

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

/// Has all clients ask until the time is over; what came of it.
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
