//! How fast the machine and the parser are, beside httparse and node's own
//! parser, and what an event costs through a chain of four listeners.
//!
//! It prints one table of medians. Each round measures all of them in turn. Without
//! node or valgrind their columns stay empty.

#[path = "speed/arms.rs"]
mod arms;

use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;

use arms::{Arm, INPUTS};

/// How many rounds there are, and how many repetitions one has. A round is shorter
/// than the time slice of a process on a busy machine.
const ROUNDS: usize = 301;
const TIMES: u32 = 400;

const COLUMNS: [(&str, Option<Arm>); 4] = [
    ("machine", Some(Arm::Machine)),
    ("httparse", Some(Arm::Httparse)),
    ("HTTPParser", Some(Arm::Parser)),
    ("node", None),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, arm, input, times] = &arguments[..] {
        // Under valgrind.
        assert_eq!(flag, "--only");
        let arm = Arm::named(arm).expect("an arm");
        arms::run(arm, input, times.parse().expect("a number"));
        return;
    }
    println!("{}", machine_name());
    let mut node = Node::start();
    heading("ns a message");
    for (name, text) in INPUTS {
        let times: Vec<Option<f64>> = measure(name, &mut node);
        row(name, text, &times, 0);
    }
    heading("instructions");
    for (name, text) in INPUTS {
        let counts: Vec<Option<f64>> = COLUMNS.map(|(_, arm)| instructions(arm?, name)).to_vec();
        row(name, text, &counts, 0);
    }
    let mut rounds: Vec<f64> = (0..ROUNDS).map(|_| time(Arm::Hop, "", 10 * TIMES)).collect();
    let hops = f64::from(arms::HOPS);
    print!("\na hop, one of {}: {:.1} ns", arms::HOPS, median(&mut rounds) / hops);
    match instructions(Arm::Hop, "") {
        Some(count) => println!(", {:.0} instructions", count / hops),
        None => println!(),
    }
}

fn heading(what: &str) {
    println!("\n{what:<16}{:>6}", "bytes");
    print!("{:<22}", "");
    COLUMNS.iter().for_each(|(name, _)| print!("{name:>12}"));
    println!();
}

fn row(name: &str, text: &str, cells: &[Option<f64>], digits: usize) {
    print!("{name:<16}{:>6}", arms::wire(text).len());
    for cell in cells {
        match cell {
            Some(number) => print!("{number:>12.digits$}"),
            None => print!("{:>12}", "-"),
        }
    }
    println!();
}

/// The medians of all columns, in nanoseconds a message.
fn measure(name: &str, node: &mut Option<Node>) -> Vec<Option<f64>> {
    let mut rounds = vec![Vec::new(); COLUMNS.len()];
    for _ in 0..ROUNDS {
        for (column, (_, arm)) in COLUMNS.iter().enumerate() {
            let took = match arm {
                Some(arm) if !arm.takes(name) => None,
                Some(arm) => Some(time(*arm, name, TIMES)),
                None => node.as_mut().map(|node| node.time(name, TIMES)),
            };
            rounds[column].extend(took);
        }
    }
    rounds.iter_mut().map(|rounds| (!rounds.is_empty()).then(|| median(rounds))).collect()
}

fn median(rounds: &mut [f64]) -> f64 {
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}

/// Nanoseconds of one of `times`.
fn time(arm: Arm, input: &str, times: u32) -> f64 {
    let begin = Instant::now();
    black_box(arms::run(arm, input, times));
    begin.elapsed().as_nanos() as f64 / f64::from(times)
}

/// Instructions of one repetition, counted by valgrind: the difference between two
/// runs, so that the code around them does not count.
fn instructions(arm: Arm, input: &str) -> Option<f64> {
    if !arm.takes(input) {
        return None;
    }
    let count = |times: u32| -> Option<f64> {
        let program = std::env::current_exe().ok()?;
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(program)
            .args(["--only", arm.name(), input, &times.to_string()])
            .output()
            .ok()?;
        let said = String::from_utf8(output.stderr).ok()?;
        let line = said.lines().find_map(|line| line.split_once("Collected : "))?;
        line.1.trim().parse().ok()
    };
    Some((count(3_000)? - count(1_000)?) / 2_000.0)
}

/// A process of node that times its own parser.
struct Node {
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Node {
    fn start() -> Option<Node> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/node_parser.js");
        let mut child = Command::new("node")
            .args(["--expose-internals", "--no-warnings", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let answers = BufReader::new(child.stdout.take()?);
        Some(Node { child, answers })
    }

    fn time(&mut self, name: &str, times: u32) -> f64 {
        let input = self.child.stdin.as_mut().expect("node's input");
        writeln!(input, "{name} {times}").expect("node listens");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("node answers");
        answer.trim().parse::<f64>().expect("nanoseconds") / f64::from(times)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The machine of the figures.
fn machine_name() -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let mut models = cpus.lines().filter(|line| line.starts_with("model name"));
    let model = models.next().and_then(|line| line.split(": ").nth(1)).unwrap_or("unknown");
    let node = Command::new("node").arg("--version").output().ok();
    let node = node.and_then(|output| String::from_utf8(output.stdout).ok());
    let node = node.as_deref().map_or("no node", str::trim);
    format!("{model}, {} cores, {}, node {node}", models.count() + 1, std::env::consts::OS)
}
